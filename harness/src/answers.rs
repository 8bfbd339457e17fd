//! What the engines said of one subject: the input of every check.
//!
//! Gathering fills them under their [`Need`]s, checks read them. A thing that could not be had is an [`Absence`] with its
//! reason, so no check has to guess why it has nothing to measure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    case::{Quantisation, Regime, StateWay},
    engine::{EngineKind, Experiment, Opened, Pair, Roundtrip, Synthesised},
    measure::taps::TapFigure,
    need::Need,
    noise::Noise,
    outcome::Absence,
    records::{Cost, GenerationText},
    tensors::Tensor,
    varied::{Setting, Variations},
};

/// A thing that was asked for: there, or absent for a stated reason.
pub type Asked<T> = Result<T, Absence>;

/// Everything gathered for one subject in one regime.
#[derive(Debug)]
pub struct Answers {
    pub regime: Regime,
    pub pair: Pair,
    pub config: Value,
    /// Whether the question names its config: then it asks of that one.
    pub config_is_named: bool,
    pub synthetic: Option<Synthesised>,
    pub cost: BTreeMap<EngineKind, Cost>,
    given: BTreeMap<Need, Asked<Answer>>,
}

/// What answers a [`Need`].
#[derive(Debug)]
enum Answer {
    Reference(Reference),
    Judged(Opened),
    Logits(Tensor),
    Taps(Taps),
    Alone(Alone),
    State(State),
    Rotations(Rotations),
    Dtypes(Vec<DtypePair>),
    Roundtrip(Roundtrip),
    Retied(Retied),
    Fields(Fields),
    Generation(Generation),
    Long(Long),
    Prompt(LongPrompt),
    Itself(Itself),
    Quantised(Vec<Quantised>),
    OtherSpelling(OtherSpelling),
    Rewritten(Rewritten),
    Fp8(Vec<Fp8>),
    Cast(Narrow),
    Float16(Narrow),
    PackedCache(PackedCache),
    Sharded(Sharded),
    Variations(Variations),
}

/// Puts an answer in under its need, and gives it back by its type.
macro_rules! answers {
    ($($(#[$doc:meta])* $get:ident, $put:ident: $need:ident($kind:ty);)*) => {
        impl Answers {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                ///
                /// Why there is none.
                pub fn $get(&self) -> Result<&$kind, Absence> {
                    match self.given(Need::$need)? {
                        Answer::$need(it) => Ok(it),
                        other => unreachable!("{:?} answers {:?}", other, Need::$need),
                    }
                }

                /// Puts it in.
                pub fn $put(&mut self, answer: Asked<$kind>) {
                    self.given.insert(Need::$need, answer.map(Answer::$need));
                }
            )*
        }
    };
}

answers! {
    /// The reference's plain forward and its noise.
    reference, put_reference: Reference(Reference);
    /// The judged side as it was opened.
    judged, put_judged: Judged(Opened);
    /// Logits `[T, V]` of the judged side's plain forward.
    logits, put_logits: Logits(Tensor);
    /// The plain forward's modules.
    taps, put_taps: Taps(Taps);
    /// Each layer by itself.
    alone, put_alone: Alone(Alone);
    /// The rotations of each layer.
    rotations, put_rotations: Rotations(Rotations);
    /// Taps of both sides at bfloat16.
    dtypes, put_dtypes: Dtypes(Vec<DtypePair>);
    /// The converted checkpoint, loaded again.
    roundtrip, put_roundtrip: Roundtrip(Roundtrip);
    /// The model tied the other way.
    retied, put_retied: Retied(Retied);
    /// The config's fields.
    fields, put_fields: Fields(Fields);
    /// Greedy tokens.
    generation, put_generation: Generation(Generation);
    /// The long text.
    long, put_long: Long(Long);
    /// The long prompt.
    prompt, put_prompt: Prompt(LongPrompt);
    /// The reference beside itself.
    itself, put_itself: Itself(Itself);
    /// For each of [`crate::case::QUANTISATIONS`].
    quantised, put_quantised: Quantised(Vec<Quantised>);
    /// The other spelling of the RoPE settings.
    other_spelling, put_other_spelling: OtherSpelling(OtherSpelling);
    /// The checkpoint in each form in which fp8 weights are published.
    fp8, put_fp8: Fp8(Vec<Fp8>);
    /// The port converted, and the definition in the same dtype.
    cast, put_cast: Cast(Narrow);
    /// Both sides in float16.
    float16, put_float16: Float16(Narrow);
    /// Both sides with packed caches.
    packed_cache, put_packed_cache: PackedCache(PackedCache);
    /// The port from two ranks.
    sharded, put_sharded: Sharded(Sharded);
    /// Other configs.
    variations, put_variations: Variations(Variations);
}

impl Answers {
    /// Nothing is answered yet.
    pub fn new(regime: Regime, pair: Pair, config: Value, synthetic: Option<Synthesised>) -> Self {
        let (cost, given) = (BTreeMap::new(), BTreeMap::new());
        let config_is_named = false;
        Self { regime, pair, config, config_is_named, synthetic, cost, given }
    }

    /// Logits of the judged side when it is fed in this way.
    ///
    /// # Errors
    ///
    /// Why there are none.
    pub fn state(&self, way: StateWay) -> Result<&State, Absence> {
        match self.given(Need::State(way))? {
            Answer::State(it) => Ok(it),
            other => unreachable!("{other:?} answers a way of feeding"),
        }
    }

    /// Puts them in.
    pub fn put_state(&mut self, way: StateWay, answer: Asked<State>) {
        self.given.insert(Need::State(way), answer.map(Answer::State));
    }

    /// Both sides' answers to a checkpoint that is written otherwise, in the way that `need` names.
    ///
    /// # Errors
    ///
    /// Why there are none.
    pub fn rewritten(&self, need: Need) -> Result<&Rewritten, Absence> {
        match self.given(need)? {
            Answer::Rewritten(it) => Ok(it),
            other => unreachable!("{other:?} answers {need:?}"),
        }
    }

    /// Puts them in.
    pub fn put_rewritten(&mut self, need: Need, answer: Asked<Rewritten>) {
        self.given.insert(need, answer.map(Answer::Rewritten));
    }

    /// Takes an answer out, as if it had not been asked.
    #[cfg(test)]
    pub(crate) fn forget(&mut self, need: Need) {
        self.given.remove(&need);
    }

    fn given(&self, need: Need) -> Result<&Answer, Absence> {
        match self.given.get(&need) {
            Some(answer) => answer.as_ref().map_err(Clone::clone),
            None => Err(Absence::Blocked { reason: "it was not asked".into() }),
        }
    }
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
}

#[derive(Debug, Default)]
pub struct Taps {
    pub pairs: Vec<TapFigure>,
    /// Outputs of the definition without a partner, with the reason.
    pub unpaired: Vec<(String, String)>,
    /// Layers whose parts the port calls in another order.
    pub reordered: Vec<Reordered>,
}

/// Two parts of a layer that the definition calls in this order, and the port in the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reordered {
    pub layer: String,
    pub first: String,
    pub second: String,
}

/// Both sides with the inputs that the definition's layers have: what each layer makes of its own.
#[derive(Debug)]
pub struct Alone {
    pub steps: Vec<Step>,
}

/// From one layer's input to the next one's; from the tokens to the first, from the last to the logits.
#[derive(Debug)]
pub struct Step {
    /// Where it begins, which is the layer; the first step has none.
    pub layer: Option<String>,
    /// Medians over the positions of what arrives at its end.
    pub figure: TapFigure,
    /// The error of a layer that hands on what it gets.
    pub idle: f64,
}

/// Logits of one side under a way of feeding, row by row, with what they must equal.
#[derive(Debug)]
pub struct State {
    pub rows: Vec<(Tensor, Tensor)>,
}

/// The reference fed as a port is, beside its own plain forward at [`Regime::truth`]; so is what is fed, but
/// padded batches, which are at the run's precision.
#[derive(Debug)]
pub struct Itself {
    pub ways: BTreeMap<StateWay, Asked<State>>,
    /// The long prompt in each way of [`crate::case::PROMPT_CASES`] with a cache, by what that says.
    pub prompts: BTreeMap<&'static str, Asked<State>>,
    /// The long text in one call, and token by token.
    pub text: Asked<State>,
}

/// RoPE tables of the text decoder layer by layer: positions, and `(layer, reference, port)`.
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
#[derive(Clone, Debug, Default)]
pub struct Fields {
    pub read: Vec<String>,
    /// In config.json, and unknown to the definition's class.
    pub foreign: Vec<String>,
    /// Read by the definition, dropped by the port: what changing each does to the reference.
    pub ignored: BTreeMap<String, Experiment>,
    /// Of a port that is wrong: dropped fields that are not why. With all of them at the class's defaults it
    /// is wrong as before, or right only for others of them.
    pub bystanders: BTreeSet<String>,
}

impl Fields {
    /// The dropped fields that may be why a port is wrong, at the values that it may assume for them.
    pub fn suspects(&self) -> Vec<Setting> {
        let suspect = |(field, it): (&String, &Experiment)| {
            let matters = it.max_diff.is_some_and(|it| it != 0.0) && !it.is_default;
            let value = it.default.first().filter(|_| matters)?.clone();
            Some(Setting { field: field.clone(), value })
        };
        self.ignored.iter().filter_map(suspect).collect()
    }
}

#[derive(Debug)]
pub struct Generation {
    pub prompt: Vec<u32>,
    /// Why the prompt is no text, where it should be one.
    pub no_words: Option<String>,
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

/// A long prompt, read by both sides.
#[derive(Debug)]
pub struct LongPrompt {
    /// The definition in one call, at [`Regime::truth`] and at the run's precision.
    pub noise: Noise,
    /// The port's logits, by how it was fed ([`crate::case::PROMPT_CASES`]).
    pub fed: Vec<(&'static str, Tensor)>,
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

/// The plain logits of both sides on the same model written otherwise.
#[derive(Debug)]
pub struct Rewritten {
    /// The tensors that are otherwise.
    pub names: Vec<String>,
    pub reference: Tensor,
    pub port: Loaded,
}

/// The plain logits of both sides on the same model with its linear weights in fp8.
#[derive(Debug)]
pub struct Fp8 {
    /// The form in which the scales are stored, for code and for people.
    pub id: &'static str,
    pub says: &'static str,
    /// The scales.
    pub names: Vec<String>,
    /// The definition on this checkpoint.
    pub reference: Asked<Reference>,
    pub port: Loaded,
}

/// What a port made of a checkpoint.
#[derive(Debug)]
pub enum Loaded {
    /// Logits `[T, V]`.
    Logits(Tensor),
    /// It does not load it.
    Refused { message: String },
}

/// Logits `[T, V]` of the plain forward in a narrower format.
#[derive(Debug)]
pub struct Narrow {
    pub reference: Tensor,
    pub port: Tensor,
}

/// Logits `[T, V]` of what was decoded after a prompt: with caches as they are, and with packed ones.
#[derive(Debug)]
pub struct PackedCache {
    pub by: Quantisation,
    pub reference: [Tensor; 2],
    pub port: [Tensor; 2],
}

/// Logits `[T, V]` of a port that two ranks share.
#[derive(Debug)]
pub struct Sharded {
    pub logits: Tensor,
    /// The share of the weights' bytes that one rank holds.
    pub share: f64,
}

#[derive(Debug)]
pub enum OtherSpelling {
    /// The logits differ by this much (`max |Δ|`) from the reference's.
    Loaded { max_abs: f64 },
    /// The port does not load it.
    Refused { message: String },
}
