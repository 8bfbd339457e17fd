//! `inspect`: what an architecture is made of, and what it promises.
//!
//! # Where to start
//!
//! [`inspect()`] reads the lineage from the sources, which runs nothing, and [`model`] describes what a
//! config builds: a session runs the definition without its weights (`structure`), and the modules are
//! folded into a [`tree`], its parallel [`plans`] resolved, its [`attention`] and [`kernels`] judged by
//! what the syntax of its files says (`definition`). [`sweep`] does it for every causal language model.
//!
//! # Invariants
//!
//! - A plan is held to the library's own rule of what an entry names.
//! - What cannot be told is said, never left out: a model that its default config does not build has the
//!   reason in its place.

pub mod attention;
mod definition;
mod error;
pub mod headers;
pub mod kernels;
pub mod plans;
mod structure;
#[cfg(feature = "candle")]
pub mod sweep;
pub mod tree;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use portwright_harness::{
    cancel::Cancel,
    environment::Home,
    progress::{Progress, Step},
};
use portwright_source::{
    Library,
    interface::{mapping_keys, replaceable},
    lineage::{self, Lineage},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    checkpoint,
    error::{Below, ToolError},
    modular,
    session::{Session, ask},
};
use attention::AttentionReadiness;
use definition::Definition;
pub use error::InspectError;
use kernels::{KernelLayer, Known};
use plans::Plan;
use structure::Described;
pub use structure::{Fit, Flag, Role, Tensor};
use tree::{Row, Wanted};

/// What to inspect.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectInput {
    /// A model type, e.g. `olmo_hybrid`; or a checkpoint: its folder, or a Hub id such as `org/name@main`.
    pub model: String,
    /// A checkout or install of transformers, e.g. `/home/me/transformers`; the pinned release when absent.
    #[serde(default)]
    pub transformers: Option<PathBuf>,
    /// Only modules down to this depth, e.g. `2`; the model is at 0.
    #[serde(default)]
    pub depth: Option<usize>,
    /// Only modules whose full name matches, and those above them, e.g. `*.self_attn*`.
    #[serde(default)]
    pub modules: Option<String>,
}

/// A release of the library, and what it says about kernels and parallel styles; read once.
#[derive(Debug)]
pub struct Release {
    library: Library,
    known: Known,
    /// The styles of parallel plans; nothing where the table cannot be found.
    styles: Option<BTreeSet<String>>,
}

impl Release {
    /// # Errors
    ///
    /// Where the folder of the models cannot be read.
    pub fn read(library: Library) -> Result<Self, ToolError> {
        let keys = |file: &str, name: &str| {
            let source = library.load(&library.package().join(file)).ok()?;
            Some(mapping_keys(&source, name)).filter(|it| !it.is_empty())
        };
        let mapping = keys("integrations/hub_kernels.py", "_KERNEL_MAPPING").unwrap_or_default();
        // The table has moved between releases.
        let styles = keys("distributed/tensor_parallel.py", "_global_mapping")
            .or_else(|| keys("integrations/tensor_parallel.py", "_global_mapping"))
            .map(|it| it.into_iter().map(|it| it.key).collect());
        let known = Known { mapping, code: replaceable(&library)? };
        Ok(Self { library, known, styles })
    }
}

/// What was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Architecture {
    /// The release of transformers.
    pub release: Option<String>,
    /// Its ancestors through modular files, each with what the child changes; absent for a checkpoint
    /// whose definition lies in its own folder.
    pub lineage: Option<Lineage>,
    /// The same as a Mermaid flowchart.
    pub mermaid: Option<String>,
    /// What its config builds.
    pub model: Option<Model>,
    /// Why there is no model.
    pub no_model: Option<String>,
}

/// A model as its config builds it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Model {
    pub model_type: String,
    /// The class of the definition, e.g. `Qwen3ForCausalLM`.
    pub class: String,
    pub config_class: String,
    pub file: Option<String>,
    pub dtype: Option<String>,
    /// Elements of all weights, tied ones counted once.
    pub parameters: u64,
    /// Bytes that they take in that dtype.
    pub bytes: u64,
    /// The module tree from the model down.
    pub modules: Vec<Row>,
    /// Weights that are one and the same: the second by the first.
    pub tied: std::collections::BTreeMap<String, String>,
    pub plans: Vec<Plan>,
    pub attention: AttentionReadiness,
    pub kernels: Vec<KernelLayer>,
    pub config: ConfigFields,
    /// How the checkpoint's tensors fit, where there is one.
    pub fit: Option<Fit>,
}

/// Fields of the config, by whether building the model read them. Others may be read when it computes.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ConfigFields {
    pub read: Vec<String>,
    pub others: Vec<String>,
}

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// As it lies in its package, e.g. `transformers/models/llama/modeling_llama.py`.
    pub file: String,
    pub line: usize,
}

/// Where files lie, so that what is told does not depend on where a package is installed.
#[derive(Clone, Debug, Default)]
struct Places {
    /// Folders whose names are left out.
    roots: Vec<PathBuf>,
}

impl Places {
    fn of(&self, (file, line): &(String, usize)) -> Place {
        let path = Path::new(file);
        let below = self.roots.iter().find_map(|it| path.strip_prefix(it).ok());
        Place { file: below.unwrap_or(path).display().to_string(), line: *line }
    }

    fn file(&self, file: &str) -> String {
        self.of(&(file.to_owned(), 0)).file
    }
}

impl Model {
    /// Whether a parallel plan speaks of what the definition does not make.
    pub fn disagrees(&self) -> bool {
        self.plans.iter().any(|it| it.verdict == plans::PlanVerdict::Disagrees)
    }
}

/// A model type, or the folder of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Type(String),
    Folder(PathBuf),
}

/// The ancestors of a model type, which runs nothing.
///
/// # Errors
///
/// Fails when the release has no such model, or a file on the way cannot be read.
pub fn lineage_of(
    input: &InspectInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Lineage, ToolError> {
    let library = modular::open(input.transformers.as_deref(), &[], home, progress, cancel)?;
    Ok(lineage::lineage(&library, &input.model)?)
}

/// Inspect a model type or a checkpoint.
///
/// # Errors
///
/// As [`describe`]; and where a checkpoint cannot be found or fetched.
pub fn inspect(
    input: &InspectInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Architecture, ToolError> {
    let subject = subject(&input.model, progress, cancel)?;
    let library = modular::open(input.transformers.as_deref(), &[], home, progress, cancel)?;
    let release = Release::read(library)?;
    let wanted = (input.depth, input.modules.as_deref());
    #[cfg(feature = "candle")]
    {
        let mut door = crate::session::Door::new(home, &release.library);
        if let Subject::Folder(folder) = &subject {
            door = door.with_code_in(folder);
        }
        crate::session::open(&door, cancel, |session| {
            describe(&subject, wanted, &release, Some(session), progress)
        })
    }
    #[cfg(not(feature = "candle"))]
    describe(&subject, wanted, &release, None, progress)
}

/// A folder or a Hub id is a checkpoint; anything else is taken to be a model type.
fn subject(model: &str, progress: &dyn Progress, cancel: &Cancel) -> Result<Subject, ToolError> {
    if let Some(folder) = checkpoint::local(model) {
        return Ok(Subject::Folder(folder));
    }
    if !model.contains('/') {
        return Ok(Subject::Type(model.to_owned()));
    }
    Ok(Subject::Folder(checkpoint::resolve(model, progress, cancel)?))
}

/// Inspect an architecture; `session` is absent in a build without the runtime.
///
/// # Errors
///
/// Fails when the release has no such model, or a file on the way cannot be read. A definition that
/// raises is no error: its lineage is still told, and why there is no model.
pub fn describe(
    subject: &Subject,
    wanted: (Option<usize>, Option<&str>),
    release: &Release,
    session: Option<&mut dyn Session>,
    progress: &dyn Progress,
) -> Result<Architecture, ToolError> {
    let (config, model_type) = match subject {
        Subject::Type(model_type) => (None, model_type.clone()),
        Subject::Folder(folder) => {
            let config = config_of(folder)?;
            let model_type = config["model_type"].as_str().unwrap_or_default().to_owned();
            (Some((folder.as_path(), config)), model_type)
        }
    };
    let library = &release.library;
    let checkpoint = config.is_some();
    let (mut built, mut no_model, mut file) = (None, None, None);
    if let Some(session) = session {
        let _step = Step::start(progress, "building the model without its weights", None);
        match model(&model_type, config, wanted, release, session) {
            Ok(model) => built = Some(model),
            Err(ToolError::Below(Below::Engine(err))) if err.failure().is_some() => {
                no_model = Some(err.to_string());
                file = err.failure().and_then(|it| it.file.clone());
            }
            Err(err) => return Err(err),
        }
    } else {
        no_model = Some(NO_RUNTIME.to_owned());
    }
    // A model type may lie in another one's folder: `gemma3_text` in that of `gemma3`.
    let file = built.as_ref().and_then(|it: &Model| it.file.clone()).or(file);
    let folder = file.and_then(|it| folder_of(&it));
    let named = lineage::lineage(library, &model_type.replace('-', "_"));
    let lineage = match (named, folder) {
        (Ok(lineage), _) => Some(lineage),
        (Err(_), Some(folder)) => lineage::lineage(library, &folder).ok(),
        // A checkpoint may bring its own definition.
        (Err(_), None) if checkpoint => None,
        (Err(problem), None) => return Err(problem.into()),
    };
    let mermaid = lineage.as_ref().map(Lineage::to_mermaid);
    Ok(Architecture { release: library.version(), lineage, mermaid, model: built, no_model })
}

/// `gemma3` of `transformers/models/gemma3/modeling_gemma3.py`.
fn folder_of(file: &str) -> Option<String> {
    let (_, below) = file.split_once("models/")?;
    Some(below.split_once('/')?.0.to_owned())
}

/// What a build without the feature `candle` says.
pub const NO_RUNTIME: &str = "this build has no embedded runtime, so no definition can be run: build it \
    with the cargo feature `candle`, which is on by default";

fn config_of(folder: &Path) -> Result<Value, ToolError> {
    let file = folder.join("config.json");
    let text = std::fs::read_to_string(&file)
        .map_err(|source| ToolError::Read { path: file.clone(), source })?;
    Ok(serde_json::from_str(&text).map_err(|source| InspectError::NotJson { file, source })?)
}

/// What a config builds.
fn model(
    model_type: &str,
    config: Option<(&Path, Value)>,
    (depth, pattern): (Option<usize>, Option<&str>),
    release: &Release,
    session: &mut dyn Session,
) -> Result<Model, ToolError> {
    let wanted = Wanted::new(depth, pattern).map_err(|source| InspectError::Pattern { source })?;
    let library = &release.library;
    let mut roots: Vec<PathBuf> =
        library.package().parent().map(Path::to_owned).into_iter().collect();
    let mut index = Vec::new();
    let request = match config {
        None => json!({"model_type": model_type}),
        Some((folder, config)) => {
            roots.push(folder.to_owned());
            let held = headers::tensors(folder)?;
            let (tensors, found) =
                held.map_or((Value::Null, Vec::new()), |it| (it.tensors, it.index));
            index = found;
            json!({"config": config, "tensors": tensors})
        }
    };
    let described: Described = ask(session, "describe", request)?;
    let places = Places { roots };
    let definition = Definition::read(&described, library, &places);
    let others = described.config.fields.keys().filter(|it| !described.config.read.contains(it));
    let others = others.filter(|it| !ADDED.contains(&it.rsplit('.').next().unwrap_or(it))).cloned();
    Ok(Model {
        modules: wanted.of(tree::rows(&described, &places)),
        plans: plans::resolve(&described, &definition, release.styles.as_ref()),
        attention: attention::readiness(&described, &definition),
        kernels: kernels::layers(&described, &definition, &release.known),
        config: ConfigFields { others: others.collect(), read: described.config.read.clone() },
        file: described.file.as_deref().map(|it| places.file(it)),
        model_type: described.model_type,
        class: described.class,
        config_class: described.config_class,
        dtype: described.dtype,
        parameters: described.parameters,
        bytes: described.bytes,
        tied: described.tied,
        fit: described.fit.map(|it| Fit { index, ..it }),
    })
}

/// Fields that the library gives every config.
const ADDED: [&str; 15] = [
    "model_type",
    "transformers_version",
    "architectures",
    "output_hidden_states",
    "return_dict",
    "dtype",
    "chunk_size_feed_forward",
    "is_encoder_decoder",
    "id2label",
    "label2id",
    "problem_type",
    "name_or_path",
    "output_attentions",
    "is_decoder",
    "add_cross_attention",
];
