//! What the modular text converts to, held against the input: where it differs, and in which way.

use std::collections::BTreeSet;
use std::path::Path;

use super::input::{File, Input, without_banner};
use super::names::{self, Import};
use crate::definitions::Definitions;
use crate::format::{Style, tidy};
use crate::modular::Generated;
use crate::naming::FileKind;
use crate::text::Source;

/// One difference between a converted file and the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// A definition is not there.
    Missing { file: usize, name: String },
    /// A definition that the input lacks; `before` is the definition that follows it.
    Extra { file: usize, after: Vec<String> },
    /// A definition reads otherwise.
    Differs { file: usize, name: String },
    /// At the same place, the input has `wanted` and the conversion `found`, which is followed by `after`.
    Order { file: usize, wanted: String, found: String, after: Vec<String> },
    /// An import is not there.
    Import(Import),
    /// A file comes out that the input lacks.
    File,
    /// The blank lines before the imports differ, and nothing else.
    Preamble,
    /// Something else: header, `__all__`, an import too many, blank lines.
    Text { file: usize },
}

/// A converted file beside the input's.
#[derive(Debug)]
pub(super) struct Outcome {
    pub kind: FileKind,
    /// As converted and tidied, without its banner; empty where no file came out.
    pub text: String,
    pub exact: bool,
}

impl Mismatch {
    /// How bad it is: blank lines before the imports are the least.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Preamble => 1,
            Self::Text { .. } | Self::Import(_) => 10,
            _ => 100,
        }
    }
}

pub(super) fn check(
    style: &Style,
    input: &Input,
    outputs: &[Generated],
) -> (Vec<Outcome>, Vec<Mismatch>) {
    let mut outcomes = Vec::new();
    let mut mismatches = Vec::new();
    for (at, file) in input.files.iter().enumerate() {
        let path = file.source.path();
        let found = outputs.iter().find(|output| output.kind == file.kind);
        let text =
            found.and_then(|output| tidy(style, path, &output.text).ok()).unwrap_or_default();
        let text = without_banner(&text).to_owned();
        let exact = text == file.source.text();
        if !exact {
            compare(at, file, &text, path, &mut mismatches);
        }
        outcomes.push(Outcome { kind: file.kind, text, exact });
    }
    if outputs.iter().any(|output| !input.files.iter().any(|file| file.kind == output.kind)) {
        mismatches.push(Mismatch::File);
    }
    (outcomes, mismatches)
}

/// A file without the blank lines between its licence and what follows.
fn dense_head(text: &str) -> (&str, &str) {
    let length: usize =
        text.split_inclusive('\n').take_while(|line| line.starts_with('#')).map(str::len).sum();
    (&text[..length], text[length..].trim_start_matches('\n'))
}

fn compare(at: usize, file: &File, text: &str, path: &Path, mismatches: &mut Vec<Mismatch>) {
    if dense_head(text) == dense_head(file.source.text()) {
        mismatches.push(Mismatch::Preamble);
        return;
    }
    let before = mismatches.len();
    let Ok(source) = Source::parse(path, text) else {
        mismatches.push(Mismatch::Text { file: at });
        return;
    };
    let mut definitions = Definitions::of(&source);
    definitions.assignments.shift_remove("__all__");
    let all =
        definitions.classes.iter().chain(&definitions.functions).chain(&definitions.assignments);
    let mut found: Vec<_> = all.map(|(name, node)| (name.as_str(), node)).collect();
    found.sort_by_key(|(_, node)| node.item);
    let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
    for entry in &file.entries {
        match found.iter().find(|(name, _)| *name == entry.name) {
            None => mismatches.push(Mismatch::Missing { file: at, name: entry.name.clone() }),
            Some((_, node)) if node.text().trim() != entry.node.text().trim() => {
                mismatches.push(Mismatch::Differs { file: at, name: entry.name.clone() });
            }
            Some(_) => {}
        }
    }
    let after = |index: usize| names[index + 1..].iter().map(|name| (*name).to_owned()).collect();
    let wanted: BTreeSet<&str> = file.entries.iter().map(|entry| entry.name.as_str()).collect();
    for (index, name) in names.iter().enumerate() {
        if !wanted.contains(name) {
            mismatches.push(Mismatch::Extra { file: at, after: after(index) });
        }
    }
    if mismatches.len() == before
        && let Some(index) =
            (0..names.len()).find(|&index| names[index] != file.entries[index].name)
    {
        mismatches.push(Mismatch::Order {
            file: at,
            wanted: file.entries[index].name.clone(),
            found: names[index].to_owned(),
            after: after(index),
        });
    }
    let have: BTreeSet<Import> = definitions.imports.iter().flat_map(names::imports).collect();
    let want: BTreeSet<Import> = file.imports.iter().flat_map(names::imports).collect();
    mismatches.extend(want.difference(&have).cloned().map(Mismatch::Import));
    if mismatches.len() == before {
        mismatches.push(Mismatch::Text { file: at });
    }
}
