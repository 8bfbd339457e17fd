//! What evidence records beside the checks' figures: differences by position and along a long text,
//! rotations, dtypes, tokens, cost and the machine.
//!
//! A report shows these; no verdict follows from them. All but [`Cost`] and [`Hardware`], which differ
//! between two runs of the same thing, are part of the digest. [`crate::facts`] fills them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    environment::{Machine, Settings},
    figure::Real,
};

/// `max |Δ|` and KL of the plain forward, position by position.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PerPosition {
    pub max_abs: Vec<Real>,
    pub kl: Vec<Real>,
}

/// The long text that the port read along, window by window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LongTextRecord {
    pub tokens: u64,
    /// Tokens of a window; the last may have fewer.
    pub window: u64,
    /// `max |Δ|` of the logits of a position: the median of each window.
    pub max_abs: Vec<Real>,
    /// KL divergence in nats, likewise.
    pub kl: Vec<Real>,
    /// By how many nats the entropies of the predictions lie apart, likewise.
    pub entropy_drift: Vec<Real>,
}

/// The rotations of the layers that turn alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RotationRecord {
    /// Indices of the layers.
    pub layers: Vec<u32>,
    /// What the config calls them, e.g. `sliding_attention`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// How many frequencies the reference turns by.
    pub frequencies: u64,
    pub positions: Vec<RotationAt>,
}

/// The worst of some layers' rotations at one position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RotationAt {
    pub position: u32,
    /// `max |Δ|` of cos and sin; NaN where the tables have other sizes.
    pub error: Real,
    pub bound: Real,
}

/// Taps at bfloat16 whose dtypes pair alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DtypeRecord {
    pub reference_dtype: String,
    pub port_dtype: String,
    /// Whether the port's is wider.
    pub wider: bool,
    pub taps: u64,
    /// The first of them, by its path in the definition.
    pub first: String,
}

/// Greedy tokens of both sides after the same prompt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GenerationRecord {
    pub prompt: Vec<u32>,
    pub reference: Vec<u32>,
    pub port: Vec<u32>,
    /// The same as text, where the checkpoint has a tokenizer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<GenerationText>,
}

impl GenerationRecord {
    /// The first step at which the two sides chose otherwise.
    pub fn first_difference(&self) -> Option<usize> {
        let other = self.reference.iter().zip(&self.port).position(|(a, b)| a != b);
        let ends = self.reference.len().min(self.port.len());
        other.or((self.reference.len() != self.port.len()).then_some(ends))
    }
}

/// Tokens as the checkpoint's own tokenizer writes them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GenerationText {
    pub prompt: String,
    pub reference: String,
    pub port: String,
}

/// A model that the definition inherits from, by modular files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ancestor {
    pub model: String,
    /// Whose parent it is.
    pub of: String,
    /// The classes that are inherited, e.g. `Olmo3Attention(Olmo2Attention)`.
    pub classes: Vec<String>,
}

/// What the checks caught when known port bugs were planted on good ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Battery {
    /// The command that measures it again.
    pub command: String,
    pub planted: u64,
    pub caught: u64,
    /// Good ports that did not pass.
    pub false_alarms: u64,
    /// Bugs that were planted on this model's own port: id, and whether it was caught.
    pub on_this_port: BTreeMap<String, bool>,
}

/// What one side took. It informs, and is no part of the digest: no two runs take the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// Seconds to load the checkpoint at the run's precision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_seconds: Option<Real>,
    /// Seconds of the greedy generation, its prompt included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate_seconds: Option<Real>,
    /// Tokens that were generated in that time.
    #[serde(default)]
    pub generated: u64,
    /// The most memory that the engine's process held, libraries included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
}

impl Cost {
    /// `None` where it was not measured.
    pub fn tokens_per_second(&self) -> Option<f64> {
        let seconds = self.generate_seconds?.0;
        (0.0 < seconds).then(|| self.generated as f64 / seconds)
    }
}

/// What the run was made on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hardware {
    #[serde(flatten)]
    pub machine: Machine,
    /// As the system names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<String>,
}

impl Hardware {
    pub fn look() -> Self {
        Self { machine: Machine::look(&Settings::from_environment()), processor: processor() }
    }
}

fn processor() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let name = info.lines().find_map(|it| it.strip_prefix("model name"))?;
    Some(name.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_a_token_or_the_end_of_one_side() {
        let of = |reference: &[u32], port: &[u32]| {
            let (reference, port) = (reference.to_vec(), port.to_vec());
            GenerationRecord { reference, port, ..GenerationRecord::default() }.first_difference()
        };
        assert_eq!(of(&[1, 2, 3], &[1, 2, 3]), None);
        assert_eq!(of(&[1, 2, 3], &[1, 4, 3]), Some(1));
        assert_eq!(of(&[1, 2, 3], &[1, 2]), Some(2));
    }
}
