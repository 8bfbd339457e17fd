//! From what came back wrong to what is written otherwise. Every step writes more than the one
//! before, so mending ends.

use super::check::Mismatch;
use super::draft::{Draft, Key};
use crate::problem::Problem;

/// Changes the draft so that `mismatches` may not come again. Whether anything was changed.
pub(super) fn mend(draft: &mut Draft<'_>, mismatches: &[Mismatch]) -> bool {
    let mut changed = false;
    if mismatches.iter().all(|mismatch| *mismatch == Mismatch::Preamble) {
        return draft.reopen();
    }
    if write_roots(draft, mismatches) {
        return true;
    }
    for mismatch in mismatches {
        changed |= match mismatch {
            Mismatch::Missing { file, name } => write_out(draft, *file, name),
            Mismatch::Differs { file, name } => {
                write_out(draft, *file, name)
                    || key_of(draft, *file, name).is_some_and(|key| draft.demote(key))
            }
            Mismatch::Import(import) => draft.extra.insert(import.clone()),
            Mismatch::Extra { .. }
            | Mismatch::Order { .. }
            | Mismatch::File
            | Mismatch::Preamble => false,
            Mismatch::Text { file } => draft.borrow_first(*file),
        };
    }
    if changed {
        return true;
    }
    for mismatch in mismatches {
        changed |= match mismatch {
            Mismatch::Order { file, wanted, found, after } => {
                write_out_next(draft, *file, wanted)
                    || write_out(draft, *file, wanted)
                    || write_out(draft, *file, found)
                    || give_up_next(draft, *file, after)
            }
            Mismatch::Extra { file, after } => give_up_next(draft, *file, after),
            _ => false,
        };
    }
    changed || last_resort(draft, mismatches)
}

/// Where classes are missing, those that no other definition mentions are written first: the rest may
/// come with them. Whether there were any.
fn write_roots(draft: &mut Draft<'_>, mismatches: &[Mismatch]) -> bool {
    let mut changed = false;
    for mismatch in mismatches {
        let Mismatch::Missing { file, name } = mismatch else { continue };
        let entries = &draft.input.files[*file].entries;
        let mentioned = entries
            .iter()
            .any(|entry| entry.name != *name && entry.node.names().any(|mention| mention == name));
        let is_class = entries.iter().any(|entry| entry.name == *name && entry.shapes.is_some());
        changed |= is_class && !mentioned && write_out(draft, *file, name);
    }
    changed
}

/// Writes a definition that was to come with its parents. Whether it was not written before.
fn write_out(draft: &mut Draft<'_>, file: usize, name: &str) -> bool {
    let Some(key) = key_of(draft, file, name) else { return false };
    let entry = draft.entry(key);
    if entry.shapes.is_some() {
        return !draft.is_foreign(key) && draft.is_omitted(key) && draft.explicit.insert(key);
    }
    if draft.own.contains(name) {
        return false;
    }
    if draft.imported.remove(name).is_some() {
        return draft.own.insert(name.to_owned());
    }
    draft.decide(entry)
}

/// What comes too late comes with the class that follows it in the input, or is that class: it is
/// written.
fn write_out_next(draft: &mut Draft<'_>, file: usize, name: &str) -> bool {
    let entries = &draft.input.files[file].entries;
    let from = entries.iter().position(|entry| entry.name == name).unwrap_or(entries.len());
    let next = entries.iter().skip(from).find(|entry| entry.shapes.is_some());
    next.is_some_and(|entry| write_out(draft, file, &entry.name))
}

/// The next class that is written brought something with it: it gets another parent, or none.
fn give_up_next(draft: &mut Draft<'_>, file: usize, after: &[String]) -> bool {
    let keys = after.iter().filter_map(|name| key_of(draft, file, name));
    let next = keys.into_iter().find(|key| {
        draft.entry(*key).shapes.is_some()
            && !draft.is_omitted(*key)
            && draft.classes[key].heir.is_some()
    });
    next.is_some_and(|key| draft.change_parent(key))
}

/// All classes of the files that are wrong: first written each, then written whole.
fn last_resort(draft: &mut Draft<'_>, mismatches: &[Mismatch]) -> bool {
    let wrong = |key: &Key| {
        mismatches.iter().any(|mismatch| match mismatch {
            Mismatch::Missing { file, .. }
            | Mismatch::Extra { file, .. }
            | Mismatch::Differs { file, .. }
            | Mismatch::Order { file, .. }
            | Mismatch::Text { file } => *file == key.0,
            Mismatch::Import(_) | Mismatch::File => true,
            Mismatch::Preamble => false,
        })
    };
    let keys: Vec<Key> =
        draft.classes.keys().copied().filter(|key| wrong(key) && !draft.is_foreign(*key)).collect();
    let omitted: Vec<Key> = keys.iter().copied().filter(|key| draft.is_omitted(*key)).collect();
    if !omitted.is_empty() {
        draft.explicit.extend(omitted);
        return true;
    }
    // Every one of them, not the first alone.
    let orphaned = keys.into_iter().filter(|key| draft.orphan(*key)).count();
    0 < orphaned
}

/// Where converting failed, the class at that place is written otherwise.
pub(super) fn of_failure(draft: &Draft<'_>, text: &str, problem: &Problem) -> Vec<Mismatch> {
    let line = problem.place.as_ref().map_or(0, |place| place.line);
    let above = text.lines().take(line).filter_map(|line| line.strip_prefix("class ")).last();
    let name = above.map(|rest| rest.split(['(', ':']).next().unwrap_or(rest));
    let found = draft.input.entries().find(|(_, entry)| Some(entry.name.as_str()) == name);
    match found {
        Some((file, entry)) => vec![Mismatch::Differs { file, name: entry.name.clone() }],
        None => (0..draft.input.files.len()).map(|file| Mismatch::Text { file }).collect(),
    }
}

fn key_of(draft: &Draft<'_>, file: usize, name: &str) -> Option<Key> {
    let at = draft.input.files[file].entries.iter().position(|entry| entry.name == name)?;
    Some((file, at))
}
