//! From what was found of a checkpoint to what is told of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    kind::{Facts, Kind, kind},
    port::{Port, Target},
    weights::{Memory, OfDtype, Tensor, by_dtype, has_head},
};

use crate::port::found::architectures;

/// Ends of the names of files that a port needs; what else lies in a repository is not downloaded.
const NEEDED: [&str; 5] = [".safetensors", ".json", ".jinja", ".model", "merges.txt"];
/// Files that a tokenizer is made of.
const TOKENIZERS: [&str; 4] = ["tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json"];
/// Files that hold a chat template by themselves.
const TEMPLATES: [&str; 2] = ["chat_template.jinja", "chat_template.json"];

/// A checkpoint as it was found: what could not be read has its reason in its place.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) revision: Option<String>,
    pub(super) downloads: Option<u64>,
    pub(super) license: Option<String>,
    pub(super) gated: Option<String>,
    pub(super) tags: Vec<String>,
    /// Names and sizes of its files.
    pub(super) files: Vec<(String, Option<u64>)>,
    pub(super) config: Result<Map<String, Value>, String>,
    pub(super) tensors: Result<BTreeMap<String, Tensor>, String>,
    /// Whether `tokenizer_config.json` has a chat template.
    pub(super) template_in_config: bool,
}

/// A checkpoint of the model type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// E.g. `org/name`; of a folder its name.
    pub id: String,
    /// The commit that all of this is about; nothing for a folder.
    pub revision: Option<String>,
    pub downloads: Option<u64>,
    pub license: Option<String>,
    /// `auto` or `manual` where its files are given only to those who ask.
    pub gated: Option<String>,
    pub kind: Kind,
    /// What says so.
    pub kind_fact: String,
    /// Elements of all tensors; nothing where headers were not read, or weights are packed.
    pub parameters: Option<u64>,
    pub dtypes: BTreeMap<String, OfDtype>,
    /// Bytes to download: weights, configs, tokenizer.
    pub bytes: Option<u64>,
    /// What the config says of the output matrix.
    pub tied: Option<bool>,
    /// Whether the output matrix is among the tensors.
    pub head_in_files: Option<bool>,
    pub tokenizer: bool,
    pub chat_template: bool,
    pub memory: Option<Memory>,
    /// What loads it in the target.
    pub port: Option<Port>,
    /// What could not be read, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_read: Vec<String>,
}

/// Everything that is told of one checkpoint; `normal` is its config in normal form.
pub(super) fn describe(
    found: &Found,
    normal: Option<&Map<String, Value>>,
    target: Option<&Target>,
) -> Candidate {
    let names: Option<Vec<String>> =
        found.tensors.as_ref().ok().map(|it| it.keys().cloned().collect());
    let (kind, kind_fact) = kind(&Facts {
        id: &found.id,
        tags: &found.tags,
        config: found.config.as_ref().ok(),
        tensors: names.as_deref(),
    });
    let tensors = found.tensors.as_ref().ok();
    let dtypes = tensors.map(by_dtype).unwrap_or_default();
    let parameters = tensors
        .filter(|_| kind != Kind::Quantised)
        .map(|_| dtypes.values().fold(0_u64, |all, it| all.saturating_add(it.elements)));
    let has = |names: &[&str]| found.files.iter().any(|(it, _)| names.contains(&it.as_str()));
    let model_type = found.config.as_ref().ok().and_then(|it| it.get("model_type")?.as_str());
    Candidate {
        id: found.id.clone(),
        revision: found.revision.clone(),
        downloads: found.downloads,
        license: found.license.clone(),
        gated: found.gated.clone(),
        kind,
        kind_fact,
        parameters,
        dtypes,
        bytes: bytes(&found.files),
        tied: normal.and_then(tied),
        head_in_files: tensors.map(has_head),
        tokenizer: has(&TOKENIZERS),
        chat_template: found.template_in_config || has(&TEMPLATES),
        memory: parameters.map(Memory::of),
        port: target.zip(model_type).and_then(|(target, it)| {
            let config = found.config.as_ref().ok();
            target.port(it, &config.map(architectures).unwrap_or_default())
        }),
        not_read: [found.config.as_ref().err(), found.tensors.as_ref().err()]
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
    }
}

/// What is downloaded; nothing where the size of a file is not known.
fn bytes(files: &[(String, Option<u64>)]) -> Option<u64> {
    let needed = files.iter().filter(|(name, _)| {
        // What lies in folders belongs to other libraries: `original/`, `onnx/`.
        !name.contains('/') && NEEDED.iter().any(|it| name.ends_with(it))
    });
    needed.map(|(_, bytes)| *bytes).try_fold(0_u64, |all, it| Some(all.saturating_add(it?)))
}

/// What a config says of its output matrix.
pub(super) fn tied(config: &Map<String, Value>) -> Option<bool> {
    let of = |fields: &Map<String, Value>| fields.get("tie_word_embeddings")?.as_bool();
    let text = config.get("text_config").and_then(Value::as_object);
    text.and_then(of).or_else(|| of(config))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found() -> Found {
        let tensor =
            |dtype: &str, shape: &[u64]| Tensor { dtype: dtype.into(), shape: shape.to_vec() };
        Found {
            id: "org/toy-Instruct".into(),
            revision: Some("abc".into()),
            downloads: Some(3),
            license: Some("mit".into()),
            gated: None,
            tags: vec![],
            files: [
                ("model.safetensors", 100),
                ("config.json", 10),
                ("tokenizer.json", 5),
                ("chat_template.jinja", 1),
                ("README.md", 1000),
                ("original/model.safetensors", 9000),
            ]
            .map(|(name, bytes)| (name.to_owned(), Some(bytes)))
            .to_vec(),
            config: Ok(json!({"model_type": "toy", "tie_word_embeddings": true})
                .as_object()
                .unwrap()
                .clone()),
            tensors: Ok([
                ("model.embed_tokens.weight".to_owned(), tensor("BF16", &[10, 4])),
                ("model.norm.weight".to_owned(), tensor("F32", &[4])),
            ]
            .into()),
            template_in_config: false,
        }
    }

    #[test]
    fn a_checkpoint_is_told_by_its_files() {
        let found = found();
        let candidate = describe(&found, found.config.as_ref().ok(), None);
        assert_eq!((candidate.parameters, candidate.bytes), (Some(44), Some(116)));
        assert_eq!((candidate.tied, candidate.head_in_files), (Some(true), Some(false)));
        assert!(candidate.tokenizer && candidate.chat_template);
        assert_eq!(candidate.kind, Kind::Instruct);
        assert_eq!(candidate.memory.unwrap().half, 88);
        assert!(candidate.not_read.is_empty());
    }

    #[test]
    fn what_could_not_be_read_is_said() {
        let mut found = found();
        found.tensors = Err("its files are gated".into());
        found.files[0].1 = None;
        let candidate = describe(&found, None, None);
        assert_eq!((candidate.parameters, candidate.bytes, candidate.tied), (None, None, None));
        assert_eq!(candidate.not_read, ["its files are gated"]);
    }
}
