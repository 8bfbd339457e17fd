//! One line of the table: a port and what came of it in each way of computing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    case::{Precision, Quantisation},
    outcome::Verdict,
};

/// How a port is computed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    Float32,
    Bfloat16,
    /// Packed in 8 bits by the port's own library, computed in float32.
    EightBits,
    /// Packed in 4 bits.
    FourBits,
}

/// Every way, in the order of the table's columns.
pub const WAYS: [Way; 4] = [Way::Float32, Way::Bfloat16, Way::EightBits, Way::FourBits];

/// Tiny models have rows that 64 does not divide.
const GROUP: u32 = 32;

impl Way {
    /// As it is spelled in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Bfloat16 => "bfloat16",
            Self::EightBits => "8 bits",
            Self::FourBits => "4 bits",
        }
    }

    pub(super) fn precision(self) -> Precision {
        match self {
            Self::Bfloat16 => Precision::Bfloat16,
            Self::Float32 | Self::EightBits | Self::FourBits => Precision::Float32,
        }
    }

    /// How weights are packed, where they are.
    pub(super) fn packing(self) -> Option<Quantisation> {
        let bits = match self {
            Self::EightBits => 8,
            Self::FourBits => 4,
            Self::Float32 | Self::Bfloat16 => return None,
        };
        Some(Quantisation { bits, group: GROUP })
    }
}

/// A port in one way. Figures are in standard deviations of MLX's logits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Whether the dialect answered all that MLX answered; none where MLX answered nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<bool>,
    pub verdict: Verdict,
    /// How far each case lies from MLX's answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
    /// How far MLX's answer lies from the dialect's in exact mode: MLX's own noise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub noise: BTreeMap<String, f64>,
    /// Why it does not pass, or what could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Cell {
    /// A cell without figures.
    pub(super) fn not_run(runs: Option<bool>, reason: String) -> Self {
        let verdict = if runs == Some(false) { Verdict::Fail } else { Verdict::NotRun };
        let (figures, noise) = (BTreeMap::new(), BTreeMap::new());
        Self { runs, verdict, figures, noise, reason: Some(reason) }
    }

    /// The figure that lies farthest over its noise, with that noise.
    pub fn worst(&self) -> Option<(f64, f64)> {
        let pairs =
            self.figures.iter().filter_map(|(case, it)| Some((*it, *self.noise.get(case)?)));
        pairs.max_by(|a, b| (a.0 * b.1).total_cmp(&(b.0 * a.1)))
    }
}

/// A port and its cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    pub port: String,
    pub ways: BTreeMap<Way, Cell>,
    /// Why nothing could be asked in any way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Row {
    pub(super) fn new(port: &str) -> Self {
        Self { port: port.to_owned(), ways: BTreeMap::new(), reason: None }
    }

    /// The verdict of one way.
    pub fn verdict(&self, way: Way) -> Verdict {
        self.ways.get(&way).map_or(Verdict::NotRun, |it| it.verdict)
    }

    /// Whether the dialect runs it; none where MLX does not.
    pub fn runs(&self, way: Way) -> Option<bool> {
        self.ways.get(&way)?.runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_figure_is_the_one_farthest_over_its_own_noise() {
        let figures = [("a".to_owned(), 4.0), ("b".to_owned(), 3.0)].into();
        let noise = [("a".to_owned(), 4.0), ("b".to_owned(), 1.0)].into();
        let cell = Cell { runs: Some(true), verdict: Verdict::Pass, figures, noise, reason: None };
        assert_eq!(cell.worst(), Some((3.0, 1.0)));
    }
}
