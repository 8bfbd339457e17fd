//! The messages of the worker protocol, typed. Their Python side is `harness/workers/`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::table::packages;
use crate::case::{Inputs, Precision, Quantisation};

/// What a worker says of itself when its libraries are imported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct About {
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Precision flags and the device: TF32, matmul precision, deterministic algorithms.
    #[serde(default)]
    pub precision: BTreeMap<String, Value>,
    #[serde(default)]
    pub threads: u32,
    /// Where each library was imported from; not evidence, as it differs between machines.
    #[serde(default, skip_serializing)]
    pub paths: BTreeMap<String, PathBuf>,
    #[serde(default)]
    pub python: String,
    /// Where the versions of its packages come from, where they are not those of the engines' lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirements: Option<String>,
}

/// A request for a synthetic checkpoint.
#[derive(Clone, Debug, Serialize)]
pub struct Synthesis {
    pub model_type: String,
    pub spelling: crate::case::Spelling,
    pub tie: Option<bool>,
    pub overrides: BTreeMap<String, Value>,
    pub base_config: Option<PathBuf>,
    pub dtype: Precision,
    pub seed: u64,
    /// What its files hold.
    pub holds: Holds,
    /// The width of its heads, where its config says one and another is wanted.
    pub head: Option<u32>,
    pub out: PathBuf,
}

/// What the weight files of a synthetic checkpoint hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    /// The model's tensors under the names of published checkpoints.
    #[default]
    Published,
    /// Under the names that the definition's class builds.
    AsBuilt,
    /// As published, with tensors beside them that the definition ignores.
    Stray,
    /// The same, where a layer that is ignored has the number that the definition names, and not the one behind
    /// the last of this model.
    StrayAsNamed,
    /// Linear weights in fp8, each block of which has a scale.
    Fp8Blocks,
    /// Linear weights in fp8, each of which has one scale.
    Fp8Tensors,
}

/// The synthetic checkpoint that was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Synthesised {
    pub config_class: String,
    pub architecture: String,
    pub definition_file: PathBuf,
    pub vocab_size: u32,
    pub num_layers: u32,
    #[serde(default)]
    pub layer_types: Option<Vec<String>>,
    #[serde(default)]
    pub sliding_window: Option<u32>,
    #[serde(default)]
    pub tied: bool,
    #[serde(default)]
    pub tie_supported: bool,
    #[serde(default)]
    pub spelling: Option<String>,
    #[serde(default)]
    pub spelling_note: Option<String>,
    #[serde(default)]
    pub parameters: u64,
    /// Classes of layers that the definition has and this model has none of, by the class that names them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unbuilt: BTreeMap<String, String>,
    /// Tensors that its files have beside, or under another name than, those of a published checkpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub otherwise: Vec<String>,
    #[serde(default)]
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Load {
    #[serde(default)]
    pub missing: Vec<String>,
    #[serde(default)]
    pub unexpected: Vec<String>,
    #[serde(default)]
    pub mismatched: Vec<Mismatch>,
}

impl Load {
    /// In what the weights do not fit, as a sentence says it.
    pub fn misfit(&self) -> String {
        let first = |what: &str, names: &[String]| {
            names.first().map(|it| format!("{what} `{it}` ({} in all)", names.len()))
        };
        first("it has no place for", &self.unexpected)
            .or_else(|| first("it lacks", &self.missing))
            .unwrap_or_else(|| "a tensor has another shape".to_owned())
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Mismatch {
    pub name: String,
    pub found: Vec<u64>,
    pub expected: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ParameterInfo {
    /// Its name in the file.
    pub name: String,
    /// The name that the class gives it, where that renames it on loading.
    #[serde(default)]
    pub built_as: Option<String>,
    pub shape: Vec<u64>,
    pub dtype: String,
    /// Hash of the sorted values: the same under another name, transposed or reshaped. Absent for
    /// parameters that were not loaded or are too large to sort.
    #[serde(default)]
    pub fingerprint: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ModuleInfo {
    pub path: String,
    pub class: String,
    /// Where the enclosing module calls it; absent where no such line was found.
    #[serde(default)]
    pub call: Option<CallSite>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct CallSite {
    pub file: PathBuf,
    pub line: u32,
    pub text: String,
}

/// A source file by its path inside its package, so that evidence does not depend on where the
/// package is installed.
pub fn package_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    // The innermost: an environment may lie in a folder that is called as a package is.
    let start = packages().filter_map(|it| text.rfind(&format!("/{it}/"))).max();
    start.map_or_else(|| text.clone().into_owned(), |it| text[it + 1..].to_owned())
}

/// A request to load a checkpoint and hold it open.
#[derive(Clone, Debug, Serialize)]
pub struct Open<'a> {
    /// The name that later requests know the model by.
    pub handle: &'a str,
    pub checkpoint: &'a Path,
    pub dtype: Precision,
    /// The class, where the library's auto class of causal language models does not choose it.
    pub architecture: Option<&'a str>,
    /// The seed by which each weight is moved by up to `ulp` of its size.
    pub ulp_noise: Option<u64>,
    pub ulp: Option<f64>,
    /// Weights are rounded as if they were packed so.
    pub quantise: Option<Quantisation>,
    /// Whether each value of the files is looked for in the model, which takes longer than the opening.
    pub follow: bool,
}

impl<'a> Open<'a> {
    /// The checkpoint as it is.
    pub fn new(handle: &'a str, checkpoint: &'a Path, dtype: Precision) -> Self {
        let (architecture, ulp_noise, ulp, quantise) = (None, None, None, None);
        Self { handle, checkpoint, dtype, architecture, ulp_noise, ulp, quantise, follow: false }
    }

    /// The same, and where the values of its files went.
    pub fn following(self) -> Self {
        Self { follow: true, ..self }
    }

    /// The same, with each weight moved by up to one unit in the last place.
    #[must_use]
    pub fn nudged(self, seed: u64) -> Self {
        Self { ulp_noise: Some(seed), ulp: Some(2.0 * self.dtype.roundoff()), ..self }
    }

    /// As it is sent.
    pub fn request(&self) -> Value {
        serde_json::to_value(self).expect("plain data")
    }
}

/// A model that a worker holds open.
#[derive(Clone, Debug, Deserialize)]
pub struct Opened {
    /// False when the weights did not fit; then `load` says how.
    #[serde(default = "yes")]
    pub opened: bool,
    #[serde(default)]
    pub class: Option<String>,
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// The files that its weights were read from; empty where the engine does not say.
    #[serde(default)]
    pub weight_files: Vec<String>,
    #[serde(default)]
    pub load: Load,
    #[serde(default)]
    pub parameters: Vec<ParameterInfo>,
    #[serde(default)]
    pub modules: Vec<ModuleInfo>,
    /// config.json keys that the port's arguments take.
    #[serde(default)]
    pub args_used: Vec<String>,
    /// config.json keys that the port's arguments drop.
    #[serde(default)]
    pub args_ignored: Vec<String>,
    /// What loading took.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// What the port's `sanitize` did to the checkpoint.
    #[serde(default)]
    pub sanitize: Sanitized,
}

/// Where the checkpoint's values went.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Sanitized {
    /// Checkpoint tensors none of whose values arrive in the port.
    #[serde(default)]
    pub dropped: Vec<String>,
}

fn yes() -> bool {
    true
}

/// One forward question. `chunks` absent: one call without a cache.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Forward {
    #[serde(flatten)]
    pub inputs: Inputs,
    pub chunks: Option<Vec<usize>>,
    pub padding: Option<crate::case::Side>,
    pub lengths: Option<Vec<usize>>,
    pub trim: Option<usize>,
    /// After a right-padded prompt: rows of tokens that are decoded one by one.
    pub then: Option<Vec<Vec<u32>>>,
    /// After the first chunk the cache is saved, loaded and copied.
    pub keep: bool,
    /// After the first chunk keys and values are packed in the cache.
    pub pack_cache: Option<Quantisation>,
    /// The rows of the embedding are fed in place of the tokens.
    pub embed: bool,
    /// Rows of any lengths, so many tokens at whose ends are decoded in batches that they join and leave.
    pub join: Option<usize>,
    pub taps: bool,
    /// Layers get these inputs, and what arrived in their place is told.
    pub feed: Option<Feeding>,
    /// Every sum runs the other way round.
    pub other_order: bool,
    /// Places where a top-k chose among equals are counted.
    pub ties: bool,
}

/// Inputs of layers, which lie in a file.
#[derive(Clone, Debug, Serialize)]
pub struct Feeding {
    pub file: PathBuf,
    /// The key in the file, by the layer's path.
    pub inputs: BTreeMap<String, String>,
}

impl Forward {
    /// One call.
    pub fn of(inputs: Inputs) -> Self {
        Self { inputs, ..Self::default() }
    }
}

/// A request for greedy tokens after a prompt.
#[derive(Clone, Debug, Serialize)]
pub struct Generate {
    pub prompt: Vec<u32>,
    pub max_new_tokens: usize,
    /// So many of the last tokens are not chosen again.
    pub apart: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Forwarded {
    pub shape: Vec<usize>,
    /// The dtype of the logits as computed, before they were widened for the file.
    pub dtype: String,
    #[serde(default)]
    pub seconds: f64,
    #[serde(default)]
    pub taps: Vec<TapInfo>,
    /// How many choices among equals were made, where they were counted.
    #[serde(default)]
    pub ties: Option<u64>,
}

/// One tap, in completion order: see [`crate::tap`].
#[derive(Clone, Debug, Deserialize)]
pub struct TapInfo {
    pub path: String,
    /// The tensor's key in the file; absent where it could not be evaluated.
    pub key: Option<String>,
    pub shape: Vec<usize>,
    /// The dtype that the tensor really had.
    pub dtype: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Generated {
    pub ids: Vec<u32>,
    /// What the loop took, its prompt included.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// The most memory that the engine's process has held so far.
    #[serde(default)]
    pub peak_bytes: Option<u64>,
}

/// Rows of token ids as text.
#[derive(Clone, Debug, Deserialize)]
pub struct Texts {
    /// Absent where the checkpoint has no tokenizer.
    pub texts: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Rope {
    pub layers: Vec<RopeLayer>,
    /// Why there is no rotation anywhere.
    #[serde(default)]
    pub absent: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct RopeLayer {
    /// Its index in the text decoder's stack: rotations are asked of that one.
    pub layer: u32,
    /// The table's key in the file; absent where the layer does not rotate.
    pub key: Option<String>,
    #[serde(default)]
    pub module: Option<String>,
    /// Why there is no table.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What changing one config field did to the reference's logits.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Experiment {
    pub value_before: Value,
    pub value_after: Value,
    pub max_diff: Option<f64>,
    /// The checkpoint has the value that the definition's config class has by default.
    #[serde(default)]
    pub is_default: bool,
    /// That value, where there is one.
    #[serde(default)]
    pub default: Vec<Value>,
    #[serde(default)]
    pub error: Option<String>,
}

/// What a side has.
#[derive(Clone, Debug, Deserialize)]
pub struct Catalogue {
    pub model_types: Vec<String>,
    /// A reference's: the classes that a config of a model type names as its architectures.
    #[serde(default)]
    pub architectures: BTreeMap<String, Vec<String>>,
    /// A port's: model types that another file answers for.
    #[serde(default)]
    pub remapping: BTreeMap<String, String>,
    /// A port's: model type, architecture, and the file that answers for the two together.
    #[serde(default)]
    pub remapping_by_architecture: Vec<(String, String, String)>,
}

impl Catalogue {
    /// The file that answers for a model type with these architectures, as mlx-lm's `_get_classes`
    /// decides it: the first architecture with a row counts, then the row of the type, then its name.
    pub fn file<'a>(&'a self, model_type: &'a str, architectures: &[String]) -> &'a str {
        let row = |architecture: &String| {
            let mut rows = self.remapping_by_architecture.iter();
            rows.find(|it| it.0 == model_type && it.1 == *architecture).map(|it| &it.2)
        };
        let row = architectures.iter().find_map(row);
        row.or_else(|| self.remapping.get(model_type)).map_or(model_type, String::as_str)
    }

    /// The definitions' model types that a file of `ports` answers for.
    pub fn served_by(self, ports: &Self) -> Vec<String> {
        let Self { model_types, architectures, .. } = self;
        let has = |it: &String| {
            let classes = architectures.get(it).map_or(&[][..], Vec::as_slice);
            ports.model_types.iter().any(|file| file == ports.file(it, classes))
        };
        model_types.into_iter().filter(has).collect()
    }
}

/// A port's logits from two ranks.
#[derive(Clone, Debug, Deserialize)]
pub struct Sharded {
    /// Bytes of the weights that the whole model has, and that one rank holds.
    pub whole: u64,
    pub own: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Roundtrip {
    pub equal: bool,
    #[serde(default)]
    pub differing: Vec<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_fed_stands_beside_how_it_is_fed() {
        let signal = crate::case::Signal::Shape { shape: vec![2, 3] };
        let inputs = Inputs::named([("pixel_values".to_owned(), signal)].into());
        let sent = serde_json::to_value(Forward::of(inputs)).unwrap();
        assert_eq!((&sent["tokens"], &sent["taps"]), (&json!([]), &json!(false)));
        assert_eq!(sent["signals"], json!({"pixel_values": {"shape": [2, 3]}}));
        let text = serde_json::to_value(Forward::of(Inputs::text(vec![vec![7]]))).unwrap();
        assert_eq!((&text["tokens"], &text["signals"]), (&json!([[7]]), &json!({})));
    }

    #[test]
    fn a_source_is_named_by_the_innermost_package_that_a_table_knows() {
        let named = |it: &str| package_path(Path::new(it));
        let file = "transformers/models/olmo3/modeling_olmo3.py";
        assert_eq!(named(&format!("/me/transformers/src/{file}")), file);
        assert_eq!(named(&format!("/me/mlx_lm/site-packages/{file}")), file);
        assert_eq!(named("/me/mlx-lm/mlx_lm/models/olmo3.py"), "mlx_lm/models/olmo3.py");
        assert_eq!(named("/me/own/code.py"), "/me/own/code.py");
    }

    #[test]
    fn who_loads_a_checkpoint_is_decided_by_type_and_architecture() {
        let ports = || -> Catalogue {
            serde_json::from_value(json!({
                "model_types": ["moe", "moe_v3"],
                "remapping": {"alias": "moe", "both": "gone"},
                "remapping_by_architecture": [
                    ["hybrid", "MoeV3", "moe_v3"], ["both", "MoeV3", "moe_v3"],
                ],
            }))
            .unwrap()
        };
        let served = |name: &str, classes: &[&str]| {
            let definitions = json!({"model_types": [name], "architectures": {name: classes}});
            let definitions: Catalogue = serde_json::from_value(definitions).unwrap();
            !definitions.served_by(&ports()).is_empty()
        };
        assert!(served("moe", &["Any"]) && served("alias", &["Any"]));
        assert!(served("hybrid", &["Other", "MoeV3"]) && served("both", &["MoeV3"]));
        assert!(!served("hybrid", &["MoeV2"]) && !served("both", &["MoeV2"]));
        assert!(!served("hybrid", &[]) && !served("unknown", &["MoeV3"]));
    }
}
