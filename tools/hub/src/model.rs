//! A model as the Hub describes it: who made it, from what, and what it is.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::HubError;

/// A model at one commit.
#[derive(Clone, Debug)]
pub struct Model {
    /// `org/name`; in a plain folder the path of the checkpoint's folder below it.
    pub id: String,
    /// The commit that every further question is about; a plain folder has none.
    pub sha: Option<String>,
    /// The branch or tag that led to the commit.
    pub revision: Option<String>,
    pub downloads: Option<u64>,
    pub likes: Option<u64>,
    /// As its card says it, e.g. `apache-2.0`.
    pub license: Option<String>,
    pub gated: Gated,
    pub private: bool,
    pub tags: Vec<String>,
    /// What it was made from, as its card says.
    pub bases: Vec<Base>,
    /// E.g. `transformers`, `mlx`.
    pub library: Option<String>,
    /// E.g. `text-generation`.
    pub pipeline: Option<String>,
    /// Parameters by dtype, as the Hub counted them: `{"BF16": 596049920}`.
    pub parameters: BTreeMap<String, u64>,
    /// An ISO date.
    pub last_modified: Option<String>,
    /// `model_type` of its config.
    pub model_type: Option<String>,
    /// `architectures` of its config.
    pub architectures: Vec<String>,
    /// Names of its files; their sizes are in [`Hub::files`](crate::Hub::files).
    pub files: Vec<String>,
}

/// Whether files need the owner's consent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gated {
    #[default]
    No,
    /// Open to whoever accepts the terms.
    Automatic,
    /// Open to whom its owner lets in.
    Manual,
}

/// A model that another one was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    pub id: String,
    /// `None` where the card names the base alone.
    pub relation: Option<Relation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Finetune,
    Quantized,
    Adapter,
    Merge,
}

/// As tags spell it: `base_model:quantized:org/name`.
const RELATIONS: &[(&str, Relation)] = &[
    ("finetune", Relation::Finetune),
    ("quantized", Relation::Quantized),
    ("adapter", Relation::Adapter),
    ("merge", Relation::Merge),
];

impl Model {
    /// From the Hub's record.
    pub(crate) fn new(
        info: hf_hub::repository::ModelInfo,
        revision: Option<&str>,
    ) -> Result<Self, HubError> {
        let wrong = |detail: &str| HubError::Answer {
            what: format!("`{}`", info.id),
            detail: detail.to_owned(),
        };
        let sha = info.sha.clone().ok_or_else(|| wrong("it names no commit"))?;
        if !is_commit(&sha) {
            return Err(wrong("its commit id is malformed"));
        }
        let tags = info.tags.unwrap_or_default();
        let config = Config::of(info.config.as_ref());
        let parameters = info.safetensors.map(|it| it.parameters).unwrap_or_default();
        Ok(Self {
            sha: Some(sha),
            revision: revision.filter(|it| !is_commit(it)).map(str::to_owned),
            downloads: info.downloads,
            likes: info.likes,
            license: tag(&tags, "license:"),
            gated: match info.gated.as_ref().and_then(Value::as_str) {
                Some("manual") => Gated::Manual,
                Some(_) => Gated::Automatic,
                None => Gated::No,
            },
            private: info.private.unwrap_or(false),
            bases: bases(&tags),
            tags,
            library: info.library_name,
            pipeline: info.pipeline_tag,
            parameters: parameters.into_iter().collect(),
            last_modified: info.last_modified,
            model_type: config.model_type,
            architectures: config.architectures,
            files: info.siblings.into_iter().flatten().map(|it| it.rfilename).collect(),
            id: info.id,
        })
    }

    /// From a checkpoint on this machine.
    pub(crate) fn local(id: &str, config: Option<&Value>, files: Vec<String>) -> Self {
        let config = Config::of(config);
        Self {
            id: id.to_owned(),
            sha: None,
            revision: None,
            downloads: None,
            likes: None,
            license: None,
            gated: Gated::No,
            private: false,
            tags: Vec::new(),
            bases: Vec::new(),
            library: None,
            pipeline: None,
            parameters: BTreeMap::new(),
            last_modified: None,
            model_type: config.model_type,
            architectures: config.architectures,
            files,
        }
    }
}

/// 40 hexadecimal digits.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|it| it.is_ascii_hexdigit())
}

struct Config {
    model_type: Option<String>,
    architectures: Vec<String>,
}

impl Config {
    fn of(config: Option<&Value>) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let architectures = config.and_then(|it| it["architectures"].as_array());
        Self {
            model_type: config.and_then(|it| text(&it["model_type"])),
            architectures: architectures.into_iter().flatten().filter_map(text).collect(),
        }
    }
}

fn tag(tags: &[String], prefix: &str) -> Option<String> {
    tags.iter().find_map(|it| it.strip_prefix(prefix)).map(str::to_owned)
}

/// `base_model:org/name` names a base, `base_model:quantized:org/name` what was done to it; the Hub
/// gives both.
fn bases(tags: &[String]) -> Vec<Base> {
    let mut bases: Vec<Base> = Vec::new();
    for tag in tags.iter().filter_map(|it| it.strip_prefix("base_model:")) {
        let (relation, id) = match tag.split_once(':') {
            Some((relation, id)) => {
                (RELATIONS.iter().find(|(it, _)| *it == relation).map(|it| it.1), id)
            }
            None => (None, tag),
        };
        match bases.iter_mut().find(|it| it.id == id) {
            Some(base) => base.relation = base.relation.or(relation),
            None => bases.push(Base { id: id.to_owned(), relation }),
        }
    }
    bases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_say_what_a_model_was_made_from() {
        let tags: Vec<String> =
            ["mlx", "base_model:a/b", "base_model:quantized:a/b", "base_model:c/d", "license:mit"]
                .map(str::to_owned)
                .into();
        assert_eq!(
            bases(&tags),
            [
                Base { id: "a/b".into(), relation: Some(Relation::Quantized) },
                Base { id: "c/d".into(), relation: None }
            ]
        );
        assert_eq!(tag(&tags, "license:").unwrap(), "mit");
    }
}
