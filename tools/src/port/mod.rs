//! `port scaffold`: the files that a port begins with, in a checkout of the library that receives it.
//!
//! # Where to start
//!
//! [`scaffold()`] is the capability; `release` pairs definitions with ports, `tree`
//! beside this folder reads the one that receives them, [`sweep`] takes every port away in turn and scaffolds it again.
//!
//! # Invariants
//!
//! - Nothing is made up: text comes from an existing port, values from the definition's config class.
//! - All files of a scaffold are written, or none; a file that is there is not replaced unasked.

mod entry;
mod error;
pub(crate) mod found;
mod release;
pub mod sweep;
pub mod trial;
pub mod weights;

use std::{
    fs,
    path::{Path, PathBuf},
};

use portwright_harness::{
    cancel::Cancel,
    digest,
    environment::{self, Home, Supply},
    progress::{Progress, Step},
};
pub use portwright_source::port::{Candidate, Work};
use portwright_source::{
    Library,
    port::{Catalogue, PortFile, Remapping, TestTable},
};
use portwright_targets as targets;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::TextDiff;

use crate::{
    error::{Below, ToolError},
    inspect::InspectInput,
    modular, transformers,
    tree::{self, Tree, read},
    verify_input::{self, VerifyInput},
};
pub use error::PortError;
use release::Release;
use weights::Weights;

/// Stands for a checkout of the target in the next command.
const PLACEHOLDER: &str = "CHECKOUT";
/// How many ports are told beside the nearest one.
const RUNNERS_UP: usize = 3;

/// What to scaffold, and where.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PortInput {
    /// The model type of the definition, e.g. `olmo_hybrid`.
    pub model_type: String,
    /// The target that receives the port, by its id; `mlx-lm` when absent.
    pub target: Option<String>,
    /// The target's tree, a checkout, which receives the files; the pinned release, to look only, when
    /// absent.
    #[serde(alias = "mlx_lm")]
    pub port: Option<PathBuf>,
    /// Write the model's file alone, into this folder, and nothing to the checkout.
    pub out: Option<PathBuf>,
    /// A checkout or install of transformers; the pinned release when absent.
    pub transformers: Option<PathBuf>,
    /// Begin from this model type's port, e.g. `olmo3`; from the nearest one when absent.
    pub from: Option<String>,
    /// Replace a port that is there.
    pub force: bool,
    /// Write nothing; the answer has the differences.
    pub dry_run: bool,
}

/// The files of a port, and what is left to do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PortOutput {
    pub model_type: String,
    /// The library that receives the port.
    pub target: String,
    /// The release of transformers.
    pub release: Option<String>,
    /// The port that it begins from, and how near that model's definition is.
    pub nearest: Candidate,
    /// Whether the caller chose it.
    pub chosen: bool,
    /// The next best ones.
    pub runners_up: Vec<Candidate>,
    /// Whether the definition says the same as its parent's: nothing is left to be ported.
    pub complete: bool,
    pub files: Vec<Written>,
    /// Whether they were written.
    pub wrote: bool,
    /// What is to be ported, in the order of the definition's files; each place raises
    /// `NotImplementedError` until it is.
    pub work: Vec<Work>,
    /// Config fields that the definition reads and the port does not: another value than the parent's
    /// default stops.
    pub guarded_fields: Vec<String>,
    /// Config fields that no code of the definition reads; they are left out.
    pub unread_fields: Vec<String>,
    pub weights: Weights,
    /// What the reader should know.
    pub notes: Vec<String>,
    /// The next command.
    pub next: String,
}

/// A file of the port.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Written {
    pub path: PathBuf,
    pub part: Part,
    /// SHA-256 of what it holds now, or would hold.
    pub sha256: String,
    /// Against what is on disk.
    pub diff: String,
}

/// What a file is to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The model itself.
    Model,
    /// The table that gives its type another model's port.
    Registration,
    /// Its entry in the target's tests.
    Test,
}

/// Scaffold a port.
///
/// # Errors
///
/// Where there is no such definition or port to begin from, where the target has the port already, and
/// where a file cannot be read or written.
pub fn scaffold(
    input: &PortInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<PortOutput, ToolError> {
    tree::receiver(input.target.as_deref())?;
    let given = transformers::find(input.transformers.as_deref(), home, progress, cancel)?;
    let folder = given.as_ref().map(|it| it.folder.as_path());
    // From here on a release is named by its exact version.
    let input =
        &PortInput { transformers: given.as_ref().map(|it| it.name.clone()), ..input.clone() };
    let library = modular::open(folder, &[], home, progress, cancel)?;
    let catalogue = Catalogue::read(&library)?;
    // A name that is no model type is told before anything is asked of the target.
    release::known(&catalogue, &input.model_type)?;
    let tree = open_tree(input, home, progress, cancel)?;
    let release = Release::read(library, catalogue, &tree, progress, cancel)?;
    let child = release.definition(&input.model_type)?;
    let mut notes = Vec::new();
    refuse_existing(&tree, input, &release.architectures(&input.model_type), &mut notes)?;
    let step = Step::start(progress, "writing the port", None);
    let own = input.model_type.as_str();
    let made = release.scaffold(&tree, &child, input.from.as_deref(), &[own])?;
    drop(step);
    let mut nearest = made.nearest.into_iter();
    let first =
        nearest.next().ok_or_else(|| PortError::NoPorts { target: tree.target.id.clone() })?;
    let scaffold = made.scaffold;
    let registers = scaffold.registers && input.out.is_none();
    let path = place(&tree, input);
    let (model_path, port) = if registers {
        notes.push(format!(
            "its definition is that of `{}`, config class included: one row registers it, no file is needed",
            first.model_type
        ));
        (None, PortFile::read(&tree.port_path(&first.port))?)
    } else {
        (Some(path.clone()), PortFile::parse(&path, scaffold.text.as_str())?)
    };
    let mut texts = Vec::new();
    if let Some(path) = model_path {
        texts.push((path, Part::Model, scaffold.text.clone()));
    } else {
        let path = tree.package.join(&tree.about.remapping.file);
        let text = Remapping::with(&path, &read(&path)?, tree.tables(), own, &first.port)?;
        texts.push((path, Part::Registration, text));
    }
    match test_entry(&tree, input, &port, &release.library, home, progress, cancel) {
        Ok((path, text)) => texts.push((path, Part::Test, text)),
        Err(Skipped::Why(why)) => notes.push(format!("no test entry: {why}")),
        Err(Skipped::Failed(err)) => return Err(err),
    }
    let files = texts.iter().map(|(path, part, text)| written(path, *part, text)).collect();
    let weights = {
        let inspected = InspectInput {
            model: own.to_owned(),
            transformers: Some(release.library.package().to_owned()),
            depth: None,
            modules: None,
        };
        let siblings = tree.siblings(&port);
        let ports: Vec<&PortFile> = std::iter::once(&port).chain(siblings).collect();
        let names = weights::names(&inspected, &ports, home, progress, cancel);
        let (names, skipped) = match names {
            Ok(names) => (names, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let sanitizes = port.text().contains("def sanitize(");
        Weights { names, skipped, conversions: scaffold.conversions.clone(), sanitizes }
    };
    if cancel.is_cancelled() {
        return Err(ToolError::Cancelled);
    }
    if !input.dry_run {
        let files: Vec<(PathBuf, String)> =
            texts.into_iter().map(|(path, _, text)| (path, text)).collect();
        modular::replace_all(&files)?;
    }
    Ok(PortOutput {
        model_type: input.model_type.clone(),
        target: tree.target.id.clone(),
        release: release.library.version(),
        chosen: input.from.is_some(),
        runners_up: nearest.take(RUNNERS_UP).collect(),
        complete: scaffold.is_complete(),
        files,
        wrote: !input.dry_run,
        guarded_fields: scaffold.guarded,
        unread_fields: scaffold.unread,
        work: scaffold.work,
        weights,
        notes,
        next: next(&tree, input),
        nearest: first,
    })
}

/// The target's tree; one that is installed is only looked at.
fn open_tree(
    input: &PortInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Tree, ToolError> {
    let target = tree::receiver(input.target.as_deref())?;
    let tree = if let Some(path) = &input.port {
        Tree::open(target, path)?
    } else {
        let pinned = environment::ensure(home, &[Supply::MlxLm], progress, cancel)?;
        Tree::open(target, pinned.mlx_lm()?)?
    };
    if tree.is_installed() && !input.dry_run && input.out.is_none() {
        return Err(PortError::Installed { package: tree.package }.into());
    }
    Ok(tree)
}

/// The command that says whether the port is the model.
fn next(tree: &Tree, input: &PortInput) -> String {
    let root = if tree.is_installed() { PathBuf::from(PLACEHOLDER) } else { tree.root() };
    let command = verify_input::command(&VerifyInput {
        model_type: input.model_type.clone(),
        port: Some(root),
        transformers: input.transformers.clone(),
        ..VerifyInput::default()
    });
    let models = tree.about.ports();
    match input.out {
        Some(_) => {
            format!("put the file into `{models}` of a checkout {PLACEHOLDER}, then {command}")
        }
        None => command,
    }
}

/// Where the model's file goes.
fn place(tree: &Tree, input: &PortInput) -> PathBuf {
    let name = &input.model_type;
    input.out.as_ref().map_or_else(|| tree.port_path(name), |it| it.join(format!("{name}.py")))
}

/// Refuses where the target serves the type already.
fn refuse_existing(
    tree: &Tree,
    input: &PortInput,
    architectures: &[&str],
    notes: &mut Vec<String>,
) -> Result<(), ToolError> {
    let own = &input.model_type;
    let path = place(tree, input);
    if input.out.is_some() {
        return if path.exists() && !input.force && !input.dry_run {
            Err(PortError::Ported { text: format!("`{}` is there already", path.display()) }.into())
        } else {
            Ok(())
        };
    }
    if let Some(port) = tree.remapping.row(own, architectures) {
        let file = &tree.about.remapping.file;
        let text = format!("a table in {file} gives `{own}` the port `{port}`");
        if !input.force && !input.dry_run {
            return Err(PortError::Ported { text }.into());
        }
        notes.push(format!("{text}; a file of its own is read once that row is taken out"));
    } else if path.exists() {
        if !input.force && !input.dry_run {
            return Err(PortError::Ported {
                text: format!("`{}` is there already", path.display()),
            }
            .into());
        }
        notes.push(format!("{} has a port of `{own}` already", tree.target.id));
    }
    Ok(())
}

/// Why there is no test entry.
enum Skipped {
    Why(String),
    Failed(ToolError),
}

/// The target's tests with an entry of the model.
fn test_entry(
    tree: &Tree,
    input: &PortInput,
    port: &PortFile,
    library: &Library,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(PathBuf, String), Skipped> {
    let targets::TestList { file, list } = &tree.about.tests;
    if input.out.is_some() {
        return Err(Skipped::Why("only the model's file is written".into()));
    }
    let path = tree.root().join(file);
    if !path.is_file() {
        return Err(Skipped::Why(format!("no `{file}` in `{}`", tree.root().display())));
    }
    let text = read(&path).map_err(|err| Skipped::Failed(err.into()))?;
    let table = TestTable::parse(&path, &text, list).map_err(|err| Skipped::Why(err.message))?;
    if table.model_types.contains(&input.model_type) {
        return Err(Skipped::Why(format!("`{list}` in {file} has one")));
    }
    let _step = Step::start(progress, "making a tiny config", None);
    let config = entry::config(&input.model_type, library, home, cancel);
    let config = config.map_err(|err| match err {
        ToolError::Below(Below::Engine(err)) if !err.is_cancelled() => {
            Skipped::Why(err.to_string())
        }
        other => Skipped::Failed(other),
    })?;
    let lines = entry::lines(&input.model_type, &config, &port.config_fields());
    match TestTable::with(&path, &text, list, &lines) {
        Ok(text) => Ok((path, text)),
        Err(err) => Err(Skipped::Failed(err.into())),
    }
}

fn written(path: &Path, part: Part, text: &str) -> Written {
    let before = fs::read_to_string(path).unwrap_or_default();
    let diff = TextDiff::from_lines(before.as_str(), text)
        .unified_diff()
        .context_radius(3)
        .header("on disk", "scaffold")
        .to_string();
    Written { path: path.to_owned(), part, sha256: digest::of_bytes(text.as_bytes()), diff }
}
