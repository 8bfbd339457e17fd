//! What the engines said of one subject: the input of every check.
//!
//! Gathering fills it, checks read it. A thing that could not be had is an [`Absence`] with its
//! reason, so no check has to guess why it has nothing to measure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    case::{Quantisation, Regime},
    engine::{EngineKind, Experiment, Opened, Pair, Roundtrip, Synthesised},
    measure::taps::TapFigure,
    outcome::Absence,
    records::{Cost, GenerationText},
    tensors::Tensor,
};

/// A thing that was asked for: there, or absent for a stated reason.
pub type Asked<T> = Result<T, Absence>;

/// Everything gathered for one subject in one regime.
#[derive(Debug)]
pub struct Material {
    pub regime: Regime,
    pub pair: Pair,
    pub config: Value,
    pub synthetic: Option<Synthesised>,
    pub reference: Asked<Reference>,
    pub port: Asked<Opened>,
    /// Logits `[T, V]` of the port's plain forward.
    pub logits: Asked<Tensor>,
    pub taps: Asked<Taps>,
    /// By id of [`crate::case::STATE_CASES`].
    pub states: BTreeMap<&'static str, Asked<State>>,
    pub rotations: Asked<Rotations>,
    /// Taps of both sides at bfloat16.
    pub dtypes: Asked<Vec<DtypePair>>,
    pub roundtrip: Asked<Roundtrip>,
    /// The same model with `tie_word_embeddings` the other way: the reference's and the port's
    /// logits.
    pub retied: Asked<Retied>,
    pub fields: Asked<Fields>,
    pub generation: Asked<Generation>,
    pub long: Asked<Long>,
    /// For each of [`crate::case::QUANTISATIONS`].
    pub quantised: Asked<Vec<Quantised>>,
    /// The same checkpoint with the other spelling of the RoPE settings.
    pub other_spelling: Asked<OtherSpelling>,
    pub cost: BTreeMap<EngineKind, Cost>,
}

/// The reference, at three precisions.
#[derive(Debug)]
pub struct Reference {
    pub opened: Opened,
    /// Logits `[T, V]` at [`Regime::truth`].
    pub truth: Tensor,
    /// The same forward at the run's precision, and with weights moved by one unit in the last
    /// place: what differs from `truth` here is noise.
    pub noise: Vec<Noise>,
    /// Logits of each row of the batch, alone.
    pub batch: Vec<Tensor>,
}

/// One way in which the reference differs from itself.
#[derive(Debug)]
pub struct Noise {
    pub name: &'static str,
    /// What it is compared with: the truth, or the unperturbed run.
    pub base: Tensor,
    pub logits: Tensor,
}

#[derive(Debug)]
pub struct Taps {
    pub pairs: Vec<TapFigure>,
    /// Taps of the definition without a partner, with the reason.
    pub unpaired: Vec<(String, String)>,
}

/// Logits of the port under a way of feeding, row by row, with what they must equal.
#[derive(Debug)]
pub struct State {
    pub rows: Vec<(Tensor, Tensor)>,
}

/// RoPE tables layer by layer: positions, and `(layer, reference, port)`.
#[derive(Debug)]
pub struct Rotations {
    pub positions: Vec<u32>,
    pub layers: Vec<(u32, Tensor, Tensor)>,
    /// Layers that could not be compared, with the reason.
    pub unpaired: Vec<(u32, String)>,
}

#[derive(Debug)]
pub struct DtypePair {
    pub reference: String,
    pub port: String,
    pub reference_dtype: String,
    pub port_dtype: String,
}

#[derive(Debug)]
pub struct Retied {
    pub tied: bool,
    pub reference: Tensor,
    pub port: Tensor,
}

/// Config fields: which the port drops though the definition reads them, and what they do.
#[derive(Debug, Default)]
pub struct Fields {
    pub read: Vec<String>,
    /// Read by the definition, dropped by the port: what changing each does to the reference.
    pub ignored: BTreeMap<String, Experiment>,
}

#[derive(Debug)]
pub struct Generation {
    pub prompt: Vec<u32>,
    pub reference: Vec<u32>,
    pub port: Vec<u32>,
    /// Logits `[N, V]` of the reference at each step.
    pub reference_logits: Tensor,
    /// Absent where the checkpoint has no tokenizer.
    pub text: Option<GenerationText>,
}

/// The reference's own long text, read by both sides.
#[derive(Debug)]
pub struct Long {
    pub reference_text: Vec<u32>,
    /// What the port writes after the same prompt.
    pub port_text: Vec<u32>,
    /// Logits `[N, V]` along the reference's text, at [`Regime::truth`] and at the run's precision: an
    /// error that a state carries along grows with the text.
    pub noise: Noise,
    /// The port's along the same text.
    pub port: Tensor,
}

/// Logits `[T, V]` of the plain forward with quantised weights.
#[derive(Debug)]
pub struct Quantised {
    pub by: Quantisation,
    /// How many of the port's layers were packed.
    pub layers: usize,
    /// The reference with its weights rounded as much.
    pub reference: Tensor,
    pub port: Tensor,
}

#[derive(Debug)]
pub enum OtherSpelling {
    /// The logits differ by this much (`max |Δ|`) from the reference's.
    Loaded { max_abs: f64 },
    /// The port does not load it.
    Refused { message: String },
}
