//! What is told about a scaffold: which parent for which class, how close, and what differs.

use schemars::JsonSchema;
use serde::Serialize;
use similar::TextDiff;

use super::compare::{Decorators, Form};
use super::draft::{Draft, Key};
use super::heir::Heir;
use super::input::Input;
use super::shape::count_lines;
use super::{Attempt, FileReport, Scaffold};
use crate::naming::FileKind;

/// How a class stands in the modular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Written {
    /// Not at all: it comes with its parent's file.
    Comes,
    /// As an heir.
    Inherits,
    /// As it is in the input.
    Whole,
}

/// One class of the input.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ClassReport {
    pub class: String,
    pub kind: FileKind,
    pub written: Written,
    /// The parent's class, and the module below `models` that has it.
    pub parent: Option<String>,
    pub module: Option<String>,
    /// The share of its lines that the parent gives, from 0 to 1.
    pub similarity: f64,
    /// Methods as the parent has them.
    pub kept: Vec<String>,
    /// Methods written anew.
    pub replaced: Vec<String>,
    /// Methods that call the parent's and change it.
    pub extended: Vec<String>,
    /// Methods that the parent lacks.
    pub added: Vec<String>,
    /// Methods and attributes of the parent that are taken out.
    pub removed: Vec<String>,
    /// Attributes set anew.
    pub attributes: Vec<String>,
    /// Whether it has a docstring or decorators of its own, and why other parents were given up.
    pub notes: Vec<String>,
}

pub(super) fn scaffold(input: &Input, attempt: Attempt) -> Scaffold {
    let files = input.files.iter().zip(&attempt.outcomes).map(|(file, outcome)| FileReport {
        kind: outcome.kind,
        exact: outcome.exact,
        diff: if outcome.exact { String::new() } else { diff(file.source.text(), &outcome.text) },
    });
    let files: Vec<FileReport> = files.collect();
    let mut notes = Vec::new();
    for file in &input.files {
        if file.untidy {
            notes.push(format!("the {} file was tidied before it was compared", file.kind));
        }
        for line in &file.lost {
            notes.push(format!(
                "{}, line {line}: no modular file can bring this statement forth",
                file.kind
            ));
        }
    }
    if let Some(failure) = &attempt.failure {
        notes.push(format!("the modular file does not convert: {failure}"));
    }
    Scaffold {
        model: input.model.clone(),
        exact: attempt.wrong == 0,
        lines: count_lines(&attempt.text),
        input_lines: input.files.iter().map(|file| count_lines(file.source.text())).sum(),
        modular: attempt.text,
        files,
        classes: attempt.classes,
        notes,
    }
}

/// How each class is written at the moment.
pub(super) fn classes(draft: &Draft<'_>) -> Vec<ClassReport> {
    draft.classes.keys().map(|key| class(draft, *key)).collect()
}

fn diff(from: &str, to: &str) -> String {
    TextDiff::from_lines(from, to)
        .unified_diff()
        .context_radius(3)
        .header("input", "converted")
        .to_string()
}

fn class(draft: &Draft<'_>, key: Key) -> ClassReport {
    let entry = draft.entry(key);
    let writing = &draft.classes[&key];
    let index = draft.forge.index;
    let mut report = ClassReport {
        class: entry.name.clone(),
        kind: draft.input.files[key.0].kind,
        written: Written::Whole,
        parent: None,
        module: None,
        similarity: 0.0,
        kept: Vec::new(),
        replaced: Vec::new(),
        extended: Vec::new(),
        added: Vec::new(),
        removed: Vec::new(),
        attributes: Vec::new(),
        notes: Vec::new(),
    };
    for (class, obstacle) in &writing.refused {
        report.notes.push(format!("not from `{}`: {obstacle}", index.classes[*class].name));
    }
    if draft.is_foreign(key) {
        report.written = Written::Comes;
        report.notes.push("by its name it belongs to another file of the model".into());
    }
    if let Some(heir) = &writing.heir {
        let file = index.file_of(heir.class);
        report.written = if draft.is_omitted(key) { Written::Comes } else { Written::Inherits };
        report.parent = Some(index.classes[heir.class].name.clone());
        report.module = Some(format!("{}.{}", file.folder, file.module));
        tell(&mut report, heir, draft, key);
    }
    report
}

fn tell(report: &mut ClassReport, heir: &Heir, draft: &Draft<'_>, key: Key) {
    let difference = &heir.difference;
    let Some((exact, _)) = &draft.entry(key).shapes else { return };
    let lines = f64::from(exact.lines.max(1));
    // The head of a class is written whatever it inherits.
    let written =
        f64::from(if difference.is_empty() { 0 } else { difference.cost.saturating_sub(1) });
    report.similarity = ((lines - written) / lines).clamp(0.0, 1.0);
    report.removed.clone_from(&difference.removed);
    report.attributes =
        difference.attributes.iter().map(|&at| exact.attributes[at].name.clone()).collect();
    for change in &difference.methods {
        let list = match change.form {
            Form::Kept => &mut report.kept,
            Form::Removed | Form::Hidden => &mut report.removed,
            Form::Whole(_) => &mut report.replaced,
            Form::Extended(..) => &mut report.extended,
            Form::Added => &mut report.added,
        };
        list.push(change.name.clone());
    }
    if difference.docstring {
        report.notes.push("has a docstring of its own".into());
    }
    match difference.decorators {
        Decorators::Inherited => {}
        Decorators::Written => report.notes.push("has decorators of its own".into()),
        Decorators::Refused => report.notes.push("takes none of the parent's decorators".into()),
    }
}
