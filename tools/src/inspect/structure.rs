//! What the session answers to `describe`: a model's modules, plans and flags, without a weight.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the names of the runtime's own files begin with: they are not the definition's.
const FROZEN: &str = "<portwright>";

/// A model as it was built.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Described {
    pub(super) model_type: String,
    pub(super) class: String,
    pub(super) file: Option<String>,
    pub(super) config_class: String,
    pub(super) dtype: Option<String>,
    pub(super) parameters: u64,
    pub(super) bytes: u64,
    pub(super) modules: Vec<ModuleRow>,
    pub(super) tied: BTreeMap<String, String>,
    pub(super) plans: BTreeMap<String, Vec<Entry>>,
    pub(super) flags: Vec<Flag>,
    pub(super) config: ConfigRead,
    pub(super) fit: Option<Fit>,
}

/// One module.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ModuleRow {
    pub(super) name: String,
    pub(super) class: String,
    #[serde(default)]
    pub(super) file: Option<String>,
    /// File and line of its `forward`.
    #[serde(default)]
    pub(super) forward: Option<(String, usize)>,
    /// File and line that made it.
    #[serde(default)]
    pub(super) made: Option<(String, usize)>,
    #[serde(default)]
    pub(super) role: Option<Role>,
    /// The name under which the same module stands already.
    #[serde(default)]
    pub(super) same_as: Option<String>,
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, Tensor>,
    #[serde(default)]
    pub(super) buffers: BTreeMap<String, Buffer>,
    #[serde(default)]
    pub(super) settings: BTreeMap<String, Value>,
}

impl ModuleRow {
    /// The file of its class, where that is not the runtime's own.
    pub(super) fn definition(&self) -> Option<&str> {
        self.file.as_deref().filter(|it| !it.starts_with(FROZEN))
    }

    /// The place of its `forward`, where that is not the runtime's own.
    pub(super) fn forward(&self) -> Option<&(String, usize)> {
        self.forward.as_ref().filter(|it| !it.0.starts_with(FROZEN))
    }
}

/// What a parallel plan has to say something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Linear,
    Embedding,
    Experts,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tensor {
    pub shape: Vec<u64>,
    pub dtype: String,
}

impl Tensor {
    pub(super) fn count(&self) -> u64 {
        self.shape.iter().product()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Buffer {
    pub(super) shape: Vec<u64>,
    pub(super) dtype: String,
    /// Whether a checkpoint holds it.
    pub(super) kept: bool,
}

/// One entry of a plan, under its full name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Entry {
    pub(super) pattern: String,
    pub(super) value: Value,
    /// The class and attribute that say so.
    pub(super) origin: String,
}

/// A class attribute that promises something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Flag {
    pub name: String,
    pub value: bool,
    /// The class that sets it.
    pub class: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ConfigRead {
    pub(super) fields: BTreeMap<String, Value>,
    pub(super) read: Vec<String>,
}

/// How a checkpoint's tensors fit the definition, by their names and shapes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fit {
    /// Tensors in the checkpoint's files.
    pub tensors: u64,
    /// Tensors that the library renames on the way in.
    pub renamed: u64,
    /// Weights that no tensor fills.
    pub missing: Vec<String>,
    /// Weights that are filled by the weight they are tied to.
    pub tied: Vec<String>,
    /// Tensors that no weight takes.
    pub unexpected: Vec<String>,
    /// Tensors of another shape than their weight: name, found, expected.
    pub mismatched: Vec<(String, Vec<u64>, Vec<u64>)>,
    /// What the checkpoint's index promises and its files lack, or hold besides.
    #[serde(default)]
    pub index: Vec<String>,
}
