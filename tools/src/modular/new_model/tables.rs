//! The new model's entries in the tables of `models/auto`: as its parent's, under the new names, in
//! their sorted place.

use std::path::PathBuf;

use portwright_source::{
    Library, Source,
    outline::{Entry, Table, tables},
};

use super::Names;
use crate::error::ToolError;

/// Where an entry goes in a text, and the entry.
struct Insertion {
    at: usize,
    key: String,
    text: String,
}

/// The files of `models/auto` with the new entries.
pub(super) fn entries(
    library: &Library,
    names: &Names,
    remaining: &mut Vec<String>,
) -> Result<Vec<(PathBuf, String)>, ToolError> {
    let folder = library.models().join("auto");
    let failed = |source| ToolError::Write { path: folder.clone(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.retain(|it| it.extension().is_some_and(|it| it == "py"));
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let source = library.load(&path)?;
        files.push((tables(&source), source, Vec::<Insertion>::new()));
    }
    let mut listed = false;
    for file in 0..files.len() {
        for table in files[file].0.clone() {
            for entry in table.entries.iter().filter(|it| is_needed(it, names)) {
                let source = files[file].1.clone();
                let Some(new) = Renamed::of(&source, entry, names) else {
                    let text = format!(
                        "add `{}` to {} by hand: its lines there are shared",
                        names.name, table.name
                    );
                    remaining.push(text);
                    continue;
                };
                listed |= table.name == "CONFIG_MAPPING_NAMES" && new.key == names.name;
                let Some((into, table)) = target(&files, file, &table, &new) else {
                    remaining.push(format!(
                        "decide whether `{}` needs an entry in {}: its parent's names {}",
                        new.key,
                        table.name,
                        new.kept.join(", ")
                    ));
                    continue;
                };
                if table.entries.iter().all(|it| it.key != new.key) {
                    let at = place(&table, &new.key, &entry.key);
                    let text = indented_as(files[into].1.text(), &table, &new.text);
                    files[into].2.push(Insertion { at, key: new.key, text });
                }
            }
        }
    }
    if !listed {
        let text = format!(
            "register `{}` with {}Config in the tables of model types: its parent is listed in another way",
            names.name, names.prefix
        );
        remaining.push(text);
    }
    let changed = files.into_iter().filter(|(_, _, insertions)| !insertions.is_empty());
    Ok(changed
        .map(|(_, source, it)| (source.path().to_owned(), insert(source.text(), it)))
        .collect())
}

/// Whether the new model needs an entry like this one of its parent's. That a model type lies in a
/// folder of another spelling is said of the parent alone: the new one has one spelling.
fn is_needed(entry: &Entry, names: &Names) -> bool {
    let Some(new) = names.type_map.get(&entry.key) else { return false };
    let spelling = entry.strings.iter().all(|(it, _)| *it == names.parent) && *new == names.name;
    entry.strings.is_empty() || !spelling
}

/// An entry at the depth of those that are in the table.
fn indented_as(text: &str, table: &Table, entry: &str) -> String {
    let indent = |it: &str| it.len() - it.trim_start_matches(' ').len();
    let wanted = table.entries.first().map_or(0, |it| indent(&text[it.lines.clone()]));
    let found = indent(entry);
    let line = |it: &str| format!("{}{}", " ".repeat(wanted), it.get(found..).unwrap_or(it));
    entry.split_inclusive('\n').map(line).collect()
}

/// The table that takes an entry. What the release generates from the models' own classes
/// (`auto_mappings.py`) cannot name a parent's class; `MISSING_...` beside the auto class does.
fn target(
    files: &[(Vec<Table>, std::sync::Arc<Source>, Vec<Insertion>)],
    file: usize,
    table: &Table,
    new: &Renamed,
) -> Option<(usize, Table)> {
    let name = files[file].1.path().file_name().unwrap_or_default().to_string_lossy();
    if new.kept.is_empty() || name == "tokenization_auto.py" || table.name.starts_with("MISSING_") {
        return Some((file, table.clone()));
    }
    if name != "auto_mappings.py" {
        return None;
    }
    let wanted = format!("MISSING_{}", table.name);
    files.iter().enumerate().find_map(|(index, (tables, ..))| {
        Some((index, tables.iter().find(|it| it.name == wanted)?.clone()))
    })
}

/// A parent's entry under the new names.
struct Renamed {
    key: String,
    text: String,
    /// Classes in it that are the parent's still.
    kept: Vec<String>,
}

impl Renamed {
    /// `None` where the entry shares its lines with another.
    fn of(source: &Source, entry: &Entry, names: &Names) -> Option<Self> {
        let key = names.type_map.get(&entry.key)?.clone();
        let lines = &source.text()[entry.lines.clone()];
        if !lines.trim_start().starts_with('(') || !lines.trim_end().ends_with("),") {
            return None;
        }
        let mut text = lines.to_owned();
        let mut kept = Vec::new();
        let mut edits = vec![(entry.key_range.clone(), key.clone())];
        for (string, range) in &entry.strings {
            if let Some(class) = names.new_class(string) {
                edits.push((range.clone(), class.to_owned()));
            } else if *string == names.parent {
                edits.push((range.clone(), names.name.clone()));
            } else {
                kept.push(string.clone());
            }
        }
        edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        for (range, new) in edits {
            let (from, to) = (range.start - entry.lines.start, range.end - entry.lines.start);
            text.replace_range(from..to, &format!("\"{new}\""));
        }
        Some(Self { key, text, kept })
    }
}

/// The sorted place of `key`, or right after its parent's where the table is not sorted.
fn place(table: &Table, key: &str, parent: &str) -> usize {
    let end = |index: usize| table.entries[index].lines.end;
    let last = end(table.entries.len() - 1);
    if table.entries.is_sorted_by(|left, right| left.key <= right.key) {
        let next = table.entries.iter().position(|it| key < it.key.as_str());
        return next.map_or(last, |it| table.entries[it].lines.start);
    }
    table.entries.iter().position(|it| it.key == parent).map_or(last, end)
}

fn insert(text: &str, mut insertions: Vec<Insertion>) -> String {
    insertions.sort_by(|left, right| (left.at, &left.key).cmp(&(right.at, &right.key)));
    let mut out = String::with_capacity(text.len() + 1024);
    let mut from = 0;
    for Insertion { at, text: entry, .. } in insertions {
        out.push_str(&text[from..at]);
        out.push_str(&entry);
        from = at;
    }
    out + &text[from..]
}
