//! How tokens are chosen and where a text ends: what was asked, over what the checkpoint says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::RunError;

/// How the next token is chosen. What is absent comes from `generation_config.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// Draw tokens instead of taking the best one; any of the next four asks for it too.
    pub sample: bool,
    /// Divides the logits; 0 takes the best token.
    pub temperature: Option<f64>,
    /// Only so many of the best tokens.
    pub top_k: Option<u32>,
    /// Only the fewest tokens whose probabilities reach this share.
    pub top_p: Option<f64>,
    /// Only tokens at least so likely as this share of the best one.
    pub min_p: Option<f64>,
    /// Makes tokens that were seen less likely; above 1.
    pub repetition_penalty: Option<f64>,
    /// Seed of the draws.
    pub seed: u64,
}

/// Fields of `generation_config.json` that change what is generated and that `run` does not know,
/// each with the value that means nothing.
const UNKNOWN: [(&str, &[&str]); 14] = [
    ("num_beams", &["1"]),
    ("typical_p", &["1.0", "1"]),
    ("epsilon_cutoff", &["0.0", "0"]),
    ("eta_cutoff", &["0.0", "0"]),
    ("top_h", &[]),
    ("no_repeat_ngram_size", &["0"]),
    ("min_length", &["0"]),
    ("min_new_tokens", &["0"]),
    ("bad_words_ids", &["[]"]),
    ("suppress_tokens", &["[]"]),
    ("begin_suppress_tokens", &["[]"]),
    ("forced_bos_token_id", &[]),
    ("forced_eos_token_id", &[]),
    ("sequence_bias", &["{}"]),
];

impl Sampling {
    /// Whether what was asked makes sense.
    pub(super) fn check(&self) -> Result<(), RunError> {
        let positive = |name, value: Option<f64>, most: f64| match value {
            Some(found) if !(found.is_finite() && 0.0 <= found && found <= most) => {
                Err(RunError::Setting {
                    name,
                    found,
                    expected: format!("a number from 0 to {most}"),
                })
            }
            _ => Ok(()),
        };
        positive("temperature", self.temperature, 1e6)?;
        positive("top_p", self.top_p, 1.0)?;
        positive("min_p", self.min_p, 1.0)?;
        match self.repetition_penalty {
            Some(found) if !(found.is_finite() && 0.0 < found) => Err(RunError::Setting {
                name: "repetition_penalty",
                found,
                expected: "a number above 0".into(),
            }),
            _ => Ok(()),
        }
    }

    fn draws(&self) -> bool {
        let named = self.temperature.is_some()
            || self.top_k.is_some()
            || self.top_p.is_some()
            || self.min_p.is_some();
        (self.sample || named) && self.temperature != Some(0.0)
    }

    /// What the engine is asked for: transformers' defaults, the checkpoint's, then what was asked.
    pub(super) fn request(&self, generation: &Value) -> Value {
        let number = |asked: Option<f64>, name: &str, default: f64| {
            asked.or_else(|| generation[name].as_f64()).unwrap_or(default)
        };
        let penalty = number(self.repetition_penalty, "repetition_penalty", 1.0);
        if !self.draws() {
            return serde_json::json!({"sample": false, "repetition_penalty": penalty});
        }
        let top_k =
            self.top_k.map(u64::from).or_else(|| generation["top_k"].as_u64()).unwrap_or(50);
        serde_json::json!({
            "sample": true,
            "temperature": number(self.temperature, "temperature", 1.0),
            "top_k": top_k,
            "top_p": number(self.top_p, "top_p", 1.0),
            "min_p": number(self.min_p, "min_p", 0.0),
            "repetition_penalty": penalty,
            "seed": self.seed,
        })
    }
}

/// Fields of the checkpoint's `generation_config.json` that have a say and are not followed.
pub(super) fn not_followed(generation: &Value) -> Vec<String> {
    let idle = |value: &Value, nothing: &[&str]| {
        value.is_null()
            || value == &Value::Bool(false)
            || nothing.contains(&value.to_string().as_str())
    };
    UNKNOWN
        .iter()
        .filter(|(name, nothing)| !idle(&generation[*name], nothing))
        .map(|(name, _)| format!("`{name}` = {}", generation[*name]))
        .collect()
}

/// The tokens that end a text: `generation_config.json`'s, else the config's, else its text part's.
pub(super) fn ends(generation: &Value, config: &Value) -> Vec<u32> {
    let places = [generation, config, &config["text_config"]];
    let found = places.iter().map(|it| &it["eos_token_id"]).find(|it| !it.is_null());
    let ids = match found {
        Some(Value::Array(ids)) => ids.clone(),
        Some(id) => vec![id.clone()],
        None => Vec::new(),
    };
    ids.iter().filter_map(|it| u32::try_from(it.as_u64()?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_best_token_unless_draws_are_asked_for() {
        let generation = json!({"do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.95});
        let greedy = Sampling::default().request(&generation);
        assert_eq!(greedy, json!({"sample": false, "repetition_penalty": 1.0}));
        let asked = Sampling { sample: true, top_p: Some(0.5), ..Sampling::default() };
        let request = asked.request(&generation);
        assert_eq!(request["temperature"], 0.6);
        assert_eq!(request["top_k"], 20);
        assert_eq!(request["top_p"], 0.5);
        let cold = Sampling { temperature: Some(0.0), ..Sampling::default() };
        assert_eq!(cold.request(&generation)["sample"], false);
    }

    #[test]
    fn nonsense_is_refused() {
        for it in [
            Sampling { temperature: Some(-1.0), ..Sampling::default() },
            Sampling { top_p: Some(1.5), ..Sampling::default() },
            Sampling { min_p: Some(f64::NAN), ..Sampling::default() },
            Sampling { repetition_penalty: Some(0.0), ..Sampling::default() },
        ] {
            assert!(it.check().is_err(), "{it:?}");
        }
    }

    #[test]
    fn every_end_counts() {
        let config = json!({"eos_token_id": 2});
        assert_eq!(ends(&json!({"eos_token_id": [1, 106]}), &config), [1, 106]);
        assert_eq!(ends(&json!({}), &config), [2]);
        assert_eq!(ends(&json!({}), &json!({"text_config": {"eos_token_id": [3]}})), [3]);
        assert_eq!(ends(&json!({}), &json!({})), [0; 0]);
    }

    #[test]
    fn what_is_not_followed_is_told() {
        let generation =
            json!({"no_repeat_ngram_size": 3, "num_beams": 1, "min_length": 0, "top_h": null});
        assert_eq!(not_followed(&generation), ["`no_repeat_ngram_size` = 3"]);
    }
}
