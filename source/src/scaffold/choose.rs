//! Which files to inherit from: few that explain much.
//!
//! A parent is worth what it saves in lines. Files are opened one after the other, each time the one
//! that saves most over what is open already; opening costs, and so does every generation that lies
//! behind a file, and what many inherit from is worth more, so that among equals the original is
//! taken and not a copy of it.

use std::collections::{BTreeMap, BTreeSet};

use super::ScaffoldError;
use super::index::{Candidate, Index};
use super::input::Input;
use super::shape::count_lines;

/// Tenths of a line that opening a file costs, and each generation behind it; and up to how many
/// tenths it is worth that other models inherit from it, one for each.
const OPENING: i64 = 40;
const GENERATION: i64 = 8;
const CUSTOM: usize = 30;

/// The possible parents of each class of the input, by file and entry, best first.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub candidates: BTreeMap<(usize, usize), Vec<Candidate>>,
}

/// The files that a model may inherit from.
pub(super) fn allowed(
    index: &Index,
    folder: &str,
    parents: Option<&[String]>,
    exclude: &[String],
) -> Result<BTreeSet<usize>, ScaffoldError> {
    if let Some(unknown) = parents
        .unwrap_or_default()
        .iter()
        .find(|it| !index.files.iter().any(|file| file.folder == **it))
    {
        return Err(ScaffoldError::Parent { model: unknown.clone() });
    }
    let descendants = index.family.descendants(folder);
    let mut files = BTreeSet::new();
    for (at, file) in index.files.iter().enumerate() {
        let barred =
            file.folder == folder || file.folder == "auto" || descendants.contains(&file.folder);
        let wished = parents.is_none_or(|list| list.contains(&file.folder));
        if !barred && wished && !exclude.contains(&file.folder) {
            files.insert(at);
        }
    }
    Ok(files)
}

/// Finds parents for all classes of `input` among the `allowed` files.
pub(super) fn choose(
    index: &Index,
    input: &Input,
    folder: &str,
    allowed: &BTreeSet<usize>,
) -> Choice {
    let mut offers: BTreeMap<(usize, usize), Vec<Candidate>> = BTreeMap::new();
    let mut plain: BTreeMap<(usize, usize), i64> = BTreeMap::new();
    for (file, of_file) in input.files.iter().enumerate() {
        for (entry, of_entry) in of_file.entries.iter().enumerate() {
            let Some((_, folded)) = &of_entry.shapes else { continue };
            plain.insert((file, entry), i64::from(folded.lines) * 10);
            offers.insert((file, entry), index.candidates(folded, of_file.kind, allowed));
        }
    }
    let clashes = clashes(index, input, allowed);
    let open = open_files(index, folder, &clashes, &offers, &plain);
    let rank = |candidate: &Candidate| {
        let file = index.classes[candidate.class].file;
        let place = open.iter().position(|it| *it == file);
        (place.is_none(), candidate.cost, place)
    };
    for ((file, entry), list) in &mut offers {
        let name = &input.files[*file].entries[*entry].name;
        list.sort_by_key(|it| {
            (rank(it), std::cmp::Reverse(common_end(name, &index.classes[it.class].name)))
        });
        // Of a file that is not open, only what saves enough to open it.
        let lines = plain[&(*file, *entry)];
        list.retain(|it| !rank(it).0 || i64::from(it.cost) * 10 + OPENING < lines);
        list.truncate(8);
    }
    Choice { candidates: offers }
}

fn common_end(one: &str, other: &str) -> usize {
    one.bytes().rev().zip(other.bytes().rev()).take_while(|(a, b)| a == b).count()
}

/// The lines, in tenths, of functions that a file has under the same name but otherwise: they would
/// have to be written beside what comes with it.
fn clashes(index: &Index, input: &Input, allowed: &BTreeSet<usize>) -> BTreeMap<usize, i64> {
    let mut clashes = BTreeMap::new();
    for (at, entry) in input.entries().filter(|(_, entry)| entry.shapes.is_none()) {
        let lines = i64::from(count_lines(entry.node.text())) * 2;
        for &file in allowed {
            let of_index = &index.files[file];
            let other =
                of_index.others.get(&entry.name).filter(|_| of_index.kind == input.files[at].kind);
            if other.is_some_and(|folded| *folded != entry.folded) {
                *clashes.entry(file).or_default() += lines;
            }
        }
    }
    clashes
}

/// The files in the order in which they are opened.
fn open_files(
    index: &Index,
    folder: &str,
    clashes: &BTreeMap<usize, i64>,
    offers: &BTreeMap<(usize, usize), Vec<Candidate>>,
    plain: &BTreeMap<(usize, usize), i64>,
) -> Vec<usize> {
    let mut by_file: BTreeMap<usize, BTreeMap<(usize, usize), i64>> = BTreeMap::new();
    for (key, list) in offers {
        for candidate in list {
            let file = index.classes[candidate.class].file;
            let cost = by_file.entry(file).or_default().entry(*key).or_insert(i64::MAX);
            *cost = (*cost).min(i64::from(candidate.cost) * 10);
        }
    }
    let mut current = plain.clone();
    let mut open = Vec::new();
    loop {
        let gain = |file: usize, costs: &BTreeMap<(usize, usize), i64>| {
            let saved: i64 = costs.iter().map(|(key, cost)| (current[key] - cost).max(0)).sum();
            let generation = i64::try_from(index.files[file].generation).unwrap_or(i64::MAX / 2);
            let heirs = index.family.heirs(&index.files[file].folder, folder).min(CUSTOM);
            let clashes = clashes.get(&file).copied().unwrap_or(0);
            saved - clashes - OPENING - GENERATION * generation + i64::try_from(heirs).unwrap_or(0)
        };
        let best = by_file.iter().map(|(&file, costs)| (gain(file, costs), file)).max_by_key(
            |&(gain, file)| {
                (gain, std::cmp::Reverse(index.files[file].generation), std::cmp::Reverse(file))
            },
        );
        let Some((_, file)) = best.filter(|(gain, _)| *gain > 0) else { return open };
        let Some(costs) = by_file.remove(&file) else { return open };
        for (key, cost) in costs {
            if let Some(now) = current.get_mut(&key) {
                *now = (*now).min(cost);
            }
        }
        open.push(file);
    }
}
