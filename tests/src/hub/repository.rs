//! A repository in memory: what the tests describe, and what git and SHA-256 make of it.

use std::collections::BTreeMap;

use git2::{ObjectType, Oid};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A model with one commit.
#[derive(Clone, Debug)]
pub struct Repository {
    /// `org/name`.
    pub id: String,
    pub files: BTreeMap<String, Vec<u8>>,
    pub tags: Vec<String>,
    pub downloads: u64,
    /// `auto` or `manual`.
    pub gated: Option<&'static str>,
}

impl Repository {
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            files: BTreeMap::new(),
            tags: vec!["safetensors".into(), "license:apache-2.0".into()],
            downloads: 0,
            gated: None,
        }
    }

    /// A llama of two layers' worth of names, as the tests need it.
    pub fn llama(id: &str) -> Self {
        let config =
            json!({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 8});
        Self::new(id)
            .tag("llama")
            .file("config.json", config.to_string())
            .file("tokenizer_config.json", r#"{"chat_template": "{{ messages }}"}"#)
            .file(
                "model.safetensors",
                safetensors(&[
                    ("model.embed_tokens.weight", &[16, 8]),
                    ("model.norm.weight", &[8]),
                ]),
            )
    }

    /// A model of two shards with an index, so large that it can be cut in the middle.
    pub fn sharded() -> Self {
        let map = json!({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}});
        let mut repository = Self::llama("org/sharded")
            .file("model.safetensors.index.json", map.to_string())
            .file("model-1.safetensors", safetensors(&[("a", &[500, 100])]))
            .file("model-2.safetensors", safetensors(&[("b", &[7])]))
            .file("original/params.json", "{}");
        repository.files.remove("model.safetensors");
        repository
    }

    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.to_owned(), content.into());
        self
    }

    pub fn tag(mut self, tag: &str) -> Self {
        self.tags.push(tag.to_owned());
        self
    }

    /// Its one commit.
    pub fn commit(&self) -> String {
        let rows: Vec<String> =
            self.files.iter().map(|(path, it)| format!("{path} {}", git(it))).collect();
        git(format!("{}\n{}", self.id, rows.join("\n")).as_bytes())
    }

    pub(super) fn config(&self) -> Value {
        let config = self.files.get("config.json");
        config.and_then(|it| serde_json::from_slice(it).ok()).unwrap_or_default()
    }
}

/// Large files are kept apart from git.
pub(super) fn is_large(path: &str) -> bool {
    path.ends_with(".safetensors")
}

/// The id of the blob.
pub(super) fn git(content: &[u8]) -> String {
    Oid::hash_object(ObjectType::Blob, content).expect("bytes can be hashed").to_string()
}

pub(super) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// What a file is known by: its etag.
pub(super) fn etag(path: &str, content: &[u8]) -> String {
    if is_large(path) { sha256(content) } else { git(content) }
}

/// A safetensors file of zeros in F32.
pub fn safetensors(tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".into(), json!({"format": "pt"}));
    let mut end = 0;
    for (name, shape) in tensors {
        let start = end;
        end += 4 * shape.iter().product::<usize>();
        header.insert(
            (*name).into(),
            json!({"dtype": "F32", "shape": shape, "data_offsets": [start, end]}),
        );
    }
    let text = Value::Object(header).to_string();
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &vec![0; end]].concat()
}
