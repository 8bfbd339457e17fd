//! What the tools on model sources take and answer: convert, scaffold.

use std::path::PathBuf;

use portwright_tools::count::counted;
use portwright_tools::modular::{
    Compared, ConvertInput, ConvertOutput, FormatterChoice, ScaffoldInput, ScaffoldOutput,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    answer::Brief,
    page::{clip, page, slice},
    refusal::Refusal,
    roots::{AgentName, AgentPath, Roots},
};

const MOST_FILES: usize = 32;

/// Which modular files to convert.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConvertModular {
    /// Model types or paths of modular files, e.g. `["olmo3"]`.
    #[schemars(length(min = 1, max = 32))]
    files: Vec<AgentName>,
    /// Checkout or install, e.g. `/home/me/transformers`, or release, e.g. `5.24`; absent: the pinned.
    #[serde(default)]
    transformers: Option<AgentPath>,
    /// Write the repository's tree below this folder, e.g. `/home/me/out`; beside the modular files of
    /// a checkout when absent.
    #[serde(default)]
    out: Option<AgentPath>,
    /// Write nothing; answer with the differences to the files on disk.
    #[serde(default)]
    diff: bool,
    /// `pinned` asks for the repository's own ruff, `embedded` installs nothing.
    #[serde(default)]
    formatter: FormatterChoice,
}

impl ConvertModular {
    /// The capability's input. Without `out` the standalone files go beside the modular ones, so
    /// these have to lie where may be written.
    pub(crate) fn into_input(self, roots: &Roots) -> Result<ConvertInput, Refusal> {
        if self.files.is_empty() || MOST_FILES < self.files.len() {
            return Err(Refusal::new(
                format!("`files` holds {} names", self.files.len()),
                format!("name 1 to {MOST_FILES}, e.g. `[\"olmo3\"]`"),
            ));
        }
        let beside = !self.diff && self.out.is_none();
        if beside && self.transformers.is_none() && !Roots::any_path(&self.files) {
            roots.here()?;
        }
        let admit = |it: &AgentName| if beside { roots.name_beside(it) } else { roots.name(it) };
        let library = self.transformers.as_ref();
        Ok(ConvertInput {
            files: self.files.iter().map(admit).collect::<Result<_, _>>()?,
            transformers: if beside {
                roots.library_beside(library)?
            } else {
                roots.library(library)?
            },
            out: roots.write_any(self.out.as_ref())?,
            diff: self.diff,
            formatter: self.formatter,
            ..ConvertInput::default()
        })
    }
}

/// The standalone files, and what failed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Converted {
    /// Whether files were written.
    wrote: bool,
    files: Vec<ConvertedFile>,
    /// Each modular file that could not be converted: place, source line, what to do.
    failures: Vec<String>,
    notes: Vec<String>,
    /// What laid the files out, e.g. `ruff 0.14.10`.
    formatter: String,
}

/// One standalone file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ConvertedFile {
    path: PathBuf,
    /// `modeling`, `configuration`, ...
    kind: String,
    /// Against what was on disk.
    compared: Compared,
    /// The beginning of the unified diff, where one was asked for.
    diff: Option<String>,
}

impl From<ConvertOutput> for Converted {
    fn from(it: ConvertOutput) -> Self {
        let file = |file: portwright_tools::modular::FileOutcome| ConvertedFile {
            path: file.path,
            kind: file.kind,
            compared: file.compared,
            diff: file.diff.as_deref().map(clip),
        };
        let (files, rest) = page(it.files.into_iter().map(file).collect(), 0, usize::MAX);
        let mut notes: Vec<String> = it.notes.iter().take(MOST_FILES).map(|it| clip(it)).collect();
        if rest.is_some() {
            notes.push("more files than one answer holds: name fewer models".to_owned());
        }
        let failures = it.failures.iter().take(MOST_FILES).map(|it| clip(&it.message)).collect();
        Self { wrote: it.wrote, files, failures, notes, formatter: it.formatter.name }
    }
}

impl Brief for Converted {
    fn brief(&self) -> String {
        let changed = self.files.iter().filter(|it| it.compared != Compared::Unchanged).count();
        let verb = if self.wrote { "written" } else { "compared" };
        format!(
            "{} {verb}, {changed} of them changed; {}",
            counted(self.files.len(), "file", "files"),
            counted(self.failures.len(), "failure", "failures")
        )
    }
}

/// What to make a modular file of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScaffoldModular {
    /// Standalone files of one model, or its folder, e.g. `["/home/me/modeling_x.py"]`; one file
    /// brings those of its model that stand beside it.
    #[schemars(length(min = 1, max = 16))]
    files: Vec<AgentPath>,
    /// Checkout or install, e.g. `/home/me/transformers`, or release, e.g. `5.24`; absent: the pinned.
    #[serde(default)]
    transformers: Option<AgentPath>,
    /// Inherit from these models and no others, e.g. `["llama"]`; from the best ones when empty.
    #[serde(default)]
    #[schemars(length(max = 32))]
    parents: Vec<String>,
    /// Never inherit from these models, e.g. `["olmo2"]`.
    #[serde(default)]
    #[schemars(length(max = 256))]
    exclude: Vec<String>,
    /// The model type, e.g. `my_model`, where the files' names do not say it.
    #[serde(default)]
    name: Option<String>,
    /// Write the modular file to this file or folder, e.g. `/home/me/modular_x.py`.
    #[serde(default)]
    out: Option<AgentPath>,
    /// Replace a file that is there.
    #[serde(default)]
    force: bool,
    /// Byte of the modular file to begin at: `next_offset` of the answer before.
    #[serde(default)]
    pub(crate) offset: usize,
}

impl ScaffoldModular {
    /// The capability's input.
    pub(crate) fn into_input(self, roots: &Roots) -> Result<ScaffoldInput, Refusal> {
        Ok(ScaffoldInput {
            files: self.files.iter().map(|it| roots.read(it)).collect::<Result<_, _>>()?,
            transformers: roots.library(self.transformers.as_ref())?,
            parents: self.parents,
            exclude: self.exclude,
            name: self.name,
            out: roots.write_any(self.out.as_ref())?,
            force: self.force,
        })
    }
}

/// The modular file, and what it is worth.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Scaffolded {
    model: String,
    /// Whether it converts back to every byte of the input.
    exact: bool,
    /// Lines of code of the modular file, and of the input.
    lines: u32,
    input_lines: u32,
    /// Where it was written.
    path: Option<PathBuf>,
    /// The modular file from `offset` on.
    modular: String,
    /// Ask again with this `offset` for the rest.
    next_offset: Option<usize>,
    /// Each class: its parent, how alike, and what differs.
    classes: Vec<ScaffoldedClass>,
    /// Where it does not convert back: the beginning of each difference.
    differences: Vec<String>,
    notes: Vec<String>,
}

/// How one class is written.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ScaffoldedClass {
    class: String,
    /// The parent's class and its module below `models`.
    parent: Option<String>,
    module: Option<String>,
    /// The share of its lines that the parent gives, from 0 to 1.
    similarity: f64,
    /// Methods and attributes that are not the parent's.
    differs: Vec<String>,
}

impl Scaffolded {
    pub(crate) fn of(it: ScaffoldOutput, offset: usize) -> Self {
        let scaffold = it.scaffold;
        let (text, next_offset) = slice(&scaffold.modular, offset);
        let classes = scaffold.classes.iter().map(|class| ScaffoldedClass {
            class: class.class.clone(),
            parent: class.parent.clone(),
            module: class.module.clone(),
            similarity: class.similarity,
            differs: [
                &class.replaced,
                &class.extended,
                &class.added,
                &class.removed,
                &class.attributes,
            ]
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
        });
        Self {
            exact: scaffold.exact,
            lines: scaffold.lines,
            input_lines: scaffold.input_lines,
            path: it.path,
            modular: text.to_owned(),
            next_offset,
            // The classes are told once, with the first part.
            classes: if offset == 0 { classes.collect() } else { Vec::new() },
            differences: scaffold
                .files
                .iter()
                .filter(|it| !it.exact)
                .map(|it| clip(&it.diff))
                .collect(),
            model: scaffold.model,
            notes: scaffold.notes,
        }
    }
}

impl Brief for Scaffolded {
    fn brief(&self) -> String {
        let exact = if self.exact {
            "converts back to every byte"
        } else {
            "does not convert back exactly"
        };
        format!(
            "modular file of {}: {} of code for {}; it {exact}",
            self.model,
            counted(self.lines, "line", "lines"),
            self.input_lines
        )
    }
}
