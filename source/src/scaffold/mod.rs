//! The inverse of the modular system: from a model's standalone files to its modular file.
//!
//! Parents are found by structure ([`Index`], `shape`, `choose`), each class is written as what
//! differs from its parent (`compare`, `extend`, `class`, `heir`), the file is put together
//! (`draft`) and converted again by the converter itself (`check`). What does not come back as it
//! was is written out further until it does; what never does is told, with the difference.
//!
//! # Invariants
//!
//! - Nothing is read of the model's own modular file, nor of its files in the library.
//! - No parent depends on the model: a cycle is never proposed.
//! - [`Scaffold::exact`] is measured on the text that is returned.

mod check;
mod choose;
mod class;
mod compare;
mod draft;
mod extend;
mod heir;
mod index;
mod input;
mod names;
mod repair;
mod report;
mod shape;

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::depth::with_room;
use crate::format::{FormatError, Style, StyleError, tidy};
use crate::library::Library;
use crate::modular::inverse::{convert_text, parents_renamed};
use crate::naming::FileKind;
use crate::problem::Problem;
use crate::text::Source;
use check::{Mismatch, Outcome, check};
use choose::{allowed, choose};
use draft::Draft;
use heir::Forge;
pub use index::Index;
use input::Input;
pub use input::InputFile;
pub use report::{ClassReport, Written};
pub use shape::count_lines;

/// How often a text is converted and mended before it is given up.
const ROUNDS: usize = 60;

/// What the search may and may not do.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Inherit from these models (folders below `models`) and no others.
    pub parents: Option<Vec<String>>,
    /// The model type; else the files' names say it.
    pub name: Option<String>,
    /// Never inherit from these models.
    pub exclude: Vec<String>,
}

/// A modular file, and what it is worth.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Scaffold {
    /// The model type.
    pub model: String,
    /// The modular file.
    pub modular: String,
    /// Whether it converts back to every byte of the input, after tidying both.
    pub exact: bool,
    /// Lines of code (neither blank nor a comment alone) of the modular file.
    pub lines: u32,
    /// Lines of code of the input.
    pub input_lines: u32,
    /// The files, and how each comes back.
    pub files: Vec<FileReport>,
    /// The classes, in the order of the input.
    pub classes: Vec<ClassReport>,
    /// What the reader should know.
    pub notes: Vec<String>,
}

/// How a file comes back.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FileReport {
    pub kind: FileKind,
    pub exact: bool,
    /// From the input to what comes back, as a unified diff; empty where they are equal.
    pub diff: String,
}

/// Why no modular file could be made.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// A file's name does not say what it is.
    #[error("{}: the name says neither kind nor model; call it `modeling_<model>.py`, `configuration_<model>.py` and so on", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// No file was given.
    #[error("no file to make a modular file of")]
    Nothing,
    /// The files' names disagree.
    #[error("{}: is not of the model `{model}`; give the model's name if they belong together", path.display())]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// The model of the others.
        model: String,
    },
    /// The model's name cannot be part of a module name.
    #[error("`{model}` is not a model type: letters, digits and underscores only")]
    Model {
        /// The name.
        model: String,
    },
    /// A wished parent does not exist.
    #[error("no model `{model}` in this release to inherit from")]
    Parent {
        /// The name.
        model: String,
    },
    /// A file is not Python, or nests too deep.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The settings cannot be extended.
    #[error(transparent)]
    Style(#[from] StyleError),
    /// A source cannot be read.
    #[error("{0}")]
    Source(Box<Problem>),
}

impl From<Problem> for ScaffoldError {
    fn from(problem: Problem) -> Self {
        Self::Source(Box::new(problem))
    }
}

/// Makes the modular file that `files` would be generated from.
///
/// # Errors
///
/// Where the input is not what it should be. A modular file that does not convert back exactly is no
/// error: [`Scaffold::exact`] says so, with the difference.
pub fn scaffold(
    library: &Library,
    index: &Index,
    style: &Style,
    files: &[InputFile],
    options: &Options,
) -> Result<Scaffold, ScaffoldError> {
    with_room(|| make(library, index, style, files, options))
}

fn make(
    library: &Library,
    index: &Index,
    style: &Style,
    files: &[InputFile],
    options: &Options,
) -> Result<Scaffold, ScaffoldError> {
    let input = Input::read(library, style, files, options.name.as_deref())?;
    let folder = folder(files, &input.model);
    let allowed = allowed(index, &folder, options.parents.as_deref(), &options.exclude)?;
    let choice = choose(index, &input, &folder, &allowed);
    let forge = Forge { library, index, style, model: &input.model };
    let mut draft = Draft::new(&forge, &input, &choice, &allowed);
    let attempt = settle_and_mend(&mut draft, style)?;
    Ok(report::scaffold(&input, attempt))
}

/// The folder of the model below `models`: the one that the files are in, or one by its name.
fn folder(files: &[InputFile], model: &str) -> String {
    let mut parts = files.iter().filter_map(|file| {
        let folder = file.path.parent()?;
        let is_model = folder.parent()?.file_name()? == "models";
        is_model.then(|| folder.file_name().map(|name| name.to_string_lossy().into_owned()))?
    });
    parts.next().unwrap_or_else(|| model.to_owned())
}

/// A text, and what came of it.
pub(crate) struct Attempt {
    text: String,
    outcomes: Vec<Outcome>,
    /// How the classes were written.
    classes: Vec<ClassReport>,
    /// How much is wrong; 0 where nothing is.
    wrong: usize,
    /// Why it could not be converted at all.
    failure: Option<String>,
}

/// Converts and mends until the input comes back; the best attempt where it never does.
fn settle_and_mend(draft: &mut Draft<'_>, style: &Style) -> Result<Attempt, ScaffoldError> {
    let keeping = style.keeping_imports()?;
    let mut best: Option<Attempt> = None;
    for _ in 0..ROUNDS {
        let text = stable_text(draft, &keeping)?;
        let (mut attempt, mismatches) = attempt(draft, style, text);
        let done = attempt.wrong == 0;
        if best.as_ref().is_none_or(|it| attempt.wrong < it.wrong) {
            attempt.classes = report::classes(draft);
            best = Some(attempt);
        }
        if done || !repair::mend(draft, &mismatches) {
            break;
        }
    }
    best.ok_or(ScaffoldError::Nothing)
}

/// Writes the text until the names that its parents get are those that it was written for.
fn stable_text(draft: &mut Draft<'_>, keeping: &Style) -> Result<String, ScaffoldError> {
    let path = draft.path();
    let mut text = String::new();
    for _ in 0..4 {
        draft.settle();
        text = tidy(keeping, &path, &draft.compose()?)?;
        let source = Source::parse(&path, text.as_str())?;
        let Ok(renamed) = parents_renamed(draft.forge.library, source) else { break };
        let mut changed = false;
        for (path, renaming) in renamed {
            if draft.renamings.get(&path) != Some(&renaming) {
                draft.renamings.insert(path, renaming);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    Ok(text)
}

fn attempt(draft: &Draft<'_>, style: &Style, text: String) -> (Attempt, Vec<Mismatch>) {
    let converted = Source::parse(draft.path(), text.as_str())
        .and_then(|source| convert_text(draft.forge.library, Arc::clone(&source)));
    let (outputs, failure) = match converted {
        Ok(outputs) => (outputs, None),
        Err(problem) => (Vec::new(), Some(problem)),
    };
    let (outcomes, mut mismatches) = check(style, draft.input, &outputs);
    let wrong = mismatches.iter().map(Mismatch::weight).sum();
    if let Some(problem) = &failure {
        mismatches = repair::of_failure(draft, &text, problem);
    }
    (
        Attempt {
            text,
            outcomes,
            classes: Vec::new(),
            wrong,
            failure: failure.map(|it| it.to_string()),
        },
        mismatches,
    )
}
