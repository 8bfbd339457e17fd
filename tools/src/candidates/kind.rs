//! What a checkpoint is among its siblings: trained from nothing, taught to follow instructions, stored
//! in fewer bits, or something else made of another. Each answer comes with the fact that gives it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a checkpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Base,
    Instruct,
    /// Weights in another form than the definition's.
    Quantised,
    /// Made of another model: a merge, an adapter, somebody's finetune.
    Derivative,
}

impl Kind {
    /// As it is shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Instruct => "instruct",
            Self::Quantised => "quantised",
            Self::Derivative => "derivative",
        }
    }
}

/// Fields of config.json that say that the weights are stored in another form.
const STORED: [&str; 3] = ["quantization_config", "quantization", "compression_config"];
/// Ends of the names of tensors that hold the weights of one layer in pieces.
const PACKED: [&str; 4] = [".qweight", ".weight_packed", ".scales", ".absmax"];
/// Words of a name that say that a model follows instructions.
const INSTRUCT: [&str; 9] =
    ["instruct", "it", "chat", "sft", "dpo", "rlhf", "thinking", "reasoning", "assistant"];
/// Words of a name that say that a model's weights are stored in another form.
const FEWER_BITS: [&str; 11] =
    ["gguf", "awq", "gptq", "4bit", "8bit", "fp8", "nf4", "int4", "int8", "exl2", "bnb"];

/// What is known of a checkpoint when its kind is asked for.
pub(super) struct Facts<'a> {
    pub(super) id: &'a str,
    pub(super) tags: &'a [String],
    pub(super) config: Option<&'a Map<String, Value>>,
    /// Names of its tensors, where they are known.
    pub(super) tensors: Option<&'a [String]>,
}

/// The kind, and the fact that it comes from.
pub(super) fn kind(facts: &Facts<'_>) -> (Kind, String) {
    let made_of = relations(facts.tags);
    if let Some(fact) = stored_otherwise(facts, &made_of) {
        return (Kind::Quantised, fact);
    }
    for how in ["merge", "adapter"] {
        if let Some(parent) = made_of.get(how) {
            return (Kind::Derivative, format!("its card says that it is a {how} of {parent}"));
        }
    }
    let owner = |id: &str| id.split_once('/').map(|it| it.0.to_owned());
    if let Some(parent) = made_of.get("finetune")
        && owner(parent) != owner(facts.id)
    {
        return (Kind::Derivative, format!("its card says that it is a finetune of {parent}"));
    }
    if let Some(word) = word_of(facts.id, &INSTRUCT) {
        return (Kind::Instruct, format!("its name says `{word}`"));
    }
    match made_of.get("finetune") {
        Some(parent) => {
            (Kind::Instruct, format!("its owner's card says that it is a finetune of {parent}"))
        }
        None => (Kind::Base, "no card, name or config says that it is made of another".into()),
    }
}

fn stored_otherwise(facts: &Facts<'_>, made_of: &BTreeMap<&str, &str>) -> Option<String> {
    if let Some(config) = facts.config
        && let Some(field) =
            STORED.iter().find(|it| config.get(**it).is_some_and(|it| !it.is_null()))
    {
        let method = config[*field]["quant_method"].as_str();
        let method = method.map(|it| format!(" ({it})")).unwrap_or_default();
        return Some(format!("config.json has `{field}`{method}"));
    }
    if let Some(parent) = made_of.get("quantized") {
        return Some(format!("its card says that it is a quantised {parent}"));
    }
    let names = facts.tensors.unwrap_or_default();
    if let Some(name) = names.iter().find(|name| PACKED.iter().any(|it| name.ends_with(it))) {
        return Some(format!("it has a tensor `{name}`"));
    }
    // A name alone decides only where the files say nothing.
    let word = word_of(facts.id, &FEWER_BITS).filter(|_| facts.tensors.is_none())?;
    Some(format!("its name says `{word}`, and it has no safetensors"))
}

/// `base_model:finetune:org/name` and the like: how it was made, and of what.
fn relations(tags: &[String]) -> BTreeMap<&str, &str> {
    let mut found = BTreeMap::new();
    for tag in tags {
        let relation = tag.strip_prefix("base_model:").and_then(|it| it.split_once(':'));
        if let Some((how, parent)) = relation {
            found.entry(how).or_insert(parent);
        }
    }
    found
}

fn word_of<'w>(id: &str, words: &[&'w str]) -> Option<&'w str> {
    let name = id.rsplit('/').next().unwrap_or(id).to_ascii_lowercase();
    let parts: Vec<&str> = name.split(['-', '_', '.', ' ']).collect();
    words.iter().copied().find(|word| parts.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
    fn of(id: &str, tags: &[&str], config: Value, tensors: Option<&[&str]>) -> (Kind, String) {
        let tags: Vec<String> = tags.iter().map(|it| (*it).to_owned()).collect();
        let tensors: Option<Vec<String>> =
            tensors.map(|it| it.iter().map(|it| (*it).to_owned()).collect());
        kind(&Facts { id, tags: &tags, config: config.as_object(), tensors: tensors.as_deref() })
    }

    #[test]
    fn each_kind_has_its_fact() {
        let awq = json!({"quantization_config": {"quant_method": "awq"}});
        for (found, expected, fact) in [
            (of("org/m", &[], json!({}), None), Kind::Base, "no card"),
            (of("org/M-Instruct", &[], json!({}), None), Kind::Instruct, "`instruct`"),
            (of("google/gemma-2b-it", &[], json!({}), None), Kind::Instruct, "`it`"),
            (
                of("org/chat2", &["base_model:finetune:org/m"], json!({}), None),
                Kind::Instruct,
                "owner's",
            ),
            (
                of("x/m-chat", &["base_model:finetune:org/m"], json!({}), None),
                Kind::Derivative,
                "org/m",
            ),
            (of("x/m", &["base_model:merge:org/m"], json!({}), None), Kind::Derivative, "merge"),
            (of("x/m", &["base_model:quantized:org/m"], json!({}), None), Kind::Quantised, "org/m"),
            (of("org/m", &[], awq, None), Kind::Quantised, "`quantization_config` (awq)"),
            (of("org/m", &[], json!({}), Some(&["a.qweight"])), Kind::Quantised, "a.qweight"),
            (of("org/m-GGUF", &[], json!({}), None), Kind::Quantised, "`gguf`"),
            (of("org/m-8bit", &[], json!({}), Some(&["a.weight"])), Kind::Base, "no card"),
            (of("org/m", &[], json!({"quantization_config": null}), None), Kind::Base, "no card"),
        ] {
            assert_eq!(found.0, expected, "{found:?}");
            assert!(found.1.contains(fact), "{found:?}");
        }
    }

    #[test]
    fn a_word_inside_another_says_nothing() {
        assert_eq!(
            of(
                "org/italian",
                &["base_model:org/m", "base_model:", "base_model::"],
                json!({}),
                None
            )
            .0,
            Kind::Base
        );
    }
}
