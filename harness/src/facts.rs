//! What evidence says beside the checks' figures: differences by position and along a long text,
//! rotations, dtypes, tokens, cost and the machine.
//!
//! A report shows these; no verdict follows from them. All but [`Cost`] and [`Hardware`], which differ
//! between two runs of the same thing, are part of the digest.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    case::{Precision, TEXT_WINDOW},
    environment::{Machine, Settings},
    evidence::Real,
    material::{DtypePair, Generation, Long, Material, Rotations},
    measure::{along::along, logits::compare, positions},
    tolerance::rotation_bound,
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

/// How far the plain forward's logits are from the reference; empty where there are none.
pub fn per_position(material: &Material) -> PerPosition {
    let (Ok(reference), Ok(logits)) = (&material.reference, &material.logits) else {
        return PerPosition::default();
    };
    compare(&reference.truth, logits).map_or_else(
        |_| PerPosition::default(),
        |it| PerPosition { max_abs: reals(it.max_abs_at), kl: reals(it.kl_at) },
    )
}

/// How far the port was from the reference along the long text.
pub fn long_text(found: &Long) -> Option<LongTextRecord> {
    let along = along(&found.noise.base, &found.port).ok()?;
    Some(LongTextRecord {
        tokens: found.reference_text.len() as u64,
        window: TEXT_WINDOW as u64,
        max_abs: reals(along.max_abs),
        kl: reals(along.kl),
        entropy_drift: reals(along.entropy_drift),
    })
}

fn reals(values: Vec<f64>) -> Vec<Real> {
    values.into_iter().map(Real).collect()
}

/// A record for the layers of one kind that the reference turns alike.
pub fn rotations(
    found: &Rotations,
    kinds: &[String],
    regime: crate::case::Regime,
) -> Vec<RotationRecord> {
    let mut records: Vec<(RotationRecord, usize)> = Vec::new();
    for (index, (layer, reference, port)) in found.layers.iter().enumerate() {
        let kind = kinds.get(*layer as usize).cloned();
        let errors = positions::compare(reference, port)
            .map_or_else(|| vec![f64::NAN; found.positions.len()], |it| it.max_abs_at);
        let alike = records
            .iter_mut()
            .find(|(it, like)| it.kind == kind && found.layers[*like].1 == *reference);
        if let Some((record, _)) = alike {
            record.layers.push(*layer);
            for (at, error) in record.positions.iter_mut().zip(errors) {
                at.error = Real(crate::measure::logits::max_or_nan(at.error.0, error));
            }
            continue;
        }
        let at = |(&position, error)| RotationAt {
            position,
            error: Real(error),
            bound: Real(rotation_bound(regime, position).limit()),
        };
        let record = RotationRecord {
            layers: vec![*layer],
            kind,
            frequencies: reference.shape.get(1).map_or(0, |&it| it as u64),
            positions: found.positions.iter().zip(errors).map(at).collect(),
        };
        records.push((record, index));
    }
    records.into_iter().map(|it| it.0).collect()
}

/// Pairs of dtypes with how many taps have them, in the order they first occur.
pub fn dtypes(pairs: &[DtypePair]) -> Vec<DtypeRecord> {
    let mut records: Vec<DtypeRecord> = Vec::new();
    for pair in pairs {
        let (reference, port) = (&pair.reference_dtype, &pair.port_dtype);
        let alike =
            |it: &&mut DtypeRecord| (&it.reference_dtype, &it.port_dtype) == (reference, port);
        if let Some(record) = records.iter_mut().find(alike) {
            record.taps += 1;
            continue;
        }
        records.push(DtypeRecord {
            reference_dtype: reference.clone(),
            port_dtype: port.clone(),
            wider: match (Precision::width_of(reference), Precision::width_of(port)) {
                (Some(reference), Some(port)) => reference < port,
                _ => false,
            },
            taps: 1,
            first: pair.reference.clone(),
        });
    }
    records
}

/// The tokens of both sides.
pub fn generation(found: &Generation) -> GenerationRecord {
    GenerationRecord {
        prompt: found.prompt.clone(),
        reference: found.reference.clone(),
        port: found.port.clone(),
        text: found.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{case::Regime, tensors::Tensor};

    fn table(angle: f64) -> Tensor {
        Tensor { shape: vec![2, 1, 2], values: vec![1.0, 0.0, angle.cos(), angle.sin()] }
    }

    #[test]
    fn layers_that_turn_alike_share_a_record_with_the_worst_of_them() {
        let found = Rotations {
            positions: vec![0, 1],
            layers: vec![
                (0, table(1.0), table(1.0)),
                (1, table(0.5), table(0.5)),
                (2, table(1.0), table(1.5)),
            ],
            unpaired: vec![],
        };
        let kinds = ["sliding", "full", "sliding"].map(str::to_owned);
        let records = rotations(&found, &kinds, Regime::Logic);
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].layers, [0, 2]);
        assert_eq!(records[0].positions[0].error, Real(0.0));
        assert!(0.4 < records[0].positions[1].error.0);
        assert_eq!(records[1].positions[1].error, Real(0.0));
    }

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
