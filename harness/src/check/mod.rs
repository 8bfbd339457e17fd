//! The checks: what is asked of a port, and how it is decided.
//!
//! # Where to start
//!
//! [`CHECKS`] is the table of every check, in the order they are reported. To add one, write its
//! function in the file of its group, write `docs/<id>.md`, and add a row.
//!
//! # Invariants
//!
//! - Checks are pure: they read [`Answers`] and return a [`Finding`]. No files, engines or clock.
//! - Missing data never passes: a check that has nothing to measure returns the reason.
//! - Every bound comes from [`crate::tolerance`], or is a count that must be zero.

mod alone;
mod config;
mod dtype;
mod formats;
mod generation;
mod itself;
pub mod logits;
mod positions;
mod power;
mod quantised;
mod rewritten;
mod state;
mod taps;
mod variations;
mod weights;

pub use config::dropped;
pub(crate) use variations::{SHOWN, hidden};
pub use variations::{deviations, is_refusal};

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    answers::Answers,
    case::{Regime, StateWay},
    figure::Figure,
    need::Need,
    outcome::{Absence, CheckRecord, Outcome, Place},
};

/// The groups of checks, in the order of the report.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    Weights,
    Config,
    Variations,
    Positions,
    Dtype,
    Logits,
    Taps,
    State,
    Generation,
    Quantised,
}

impl Group {
    pub fn id(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Config => "config",
            Self::Variations => "variations",
            Self::Positions => "positions",
            Self::Dtype => "dtype",
            Self::Logits => "logits",
            Self::Taps => "taps",
            Self::State => "state",
            Self::Generation => "generation",
            Self::Quantised => "quantised",
        }
    }
}

/// One question the harness asks of a port.
pub struct Check {
    /// Kebab-case, stable: it appears in reports, on the command line and in `docs/<id>.md`.
    pub id: &'static str,
    pub group: Group,
    /// One line, phrased as what holds when the check passes.
    pub summary: &'static str,
    /// Whether a fail fails the run, where [`Check::decides`] has no reason against it. The others inform.
    pub gate: bool,
    /// The one regime that it is asked in; without one in both.
    pub only: Option<Regime>,
    /// Whether it is asked where no check is named. What is not costs more than it tells most users: sweeps
    /// ask it, and who names it.
    pub by_default: bool,
    /// What `portwright checks <id>` prints: why it matters, how it decides, how to read a failure.
    pub docs: &'static str,
    /// What it reads. Nothing else is asked for it.
    pub needs: &'static [Need],
    run: fn(&Answers) -> Result<Finding, Absence>,
}

/// What a check measured. There is a judged figure in it: one that judged nothing cannot be made.
#[derive(Debug)]
pub struct Finding {
    figures: Vec<Figure>,
    pub(crate) place: Option<Place>,
    pub(crate) notes: Vec<String>,
    /// What could not be measured though it should have been: it holds a pass back, not a fail.
    pub(crate) incomplete: Option<String>,
}

impl Finding {
    /// # Errors
    ///
    /// Where none of the figures is judged: then the check has nothing to decide by.
    pub fn of(figures: Vec<Figure>) -> Result<Self, Absence> {
        if figures.iter().any(Figure::is_judged) {
            return Ok(Self { figures, place: None, notes: Vec::new(), incomplete: None });
        }
        Err(Absence::Blocked { reason: "nothing was measured".to_owned() })
    }

    #[must_use]
    fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// Whether every judged figure is within its bound.
    pub fn holds(&self) -> bool {
        self.figures.iter().all(Figure::holds)
    }
}

macro_rules! check {
    ($id:literal, $group:ident, $gate:literal, $needs:expr, $summary:literal, $run:expr) => {
        check!($id, $group, $gate, $needs, $summary, $run, None)
    };
    ($id:literal, $group:ident, $gate:literal, $needs:expr, $summary:literal, $run:expr, $only:expr) => {
        Check {
            id: $id,
            group: Group::$group,
            summary: $summary,
            gate: $gate,
            only: $only,
            by_default: true,
            docs: include_str!(concat!("docs/", $id, ".md")),
            needs: $needs,
            run: $run,
        }
    };
}

/// What the plain forward's logits are judged by.
const PLAIN: &[Need] = &[Need::Reference, Need::Logits];

/// What other configs of a model that is right are judged by.
const VARIED: &[Need] = &[Need::Reference, Need::Logits, Need::Variations];

/// Every check, in the order of the report: causes before symptoms.
///
/// The command line, the MCP tools, the report and the docs read this table.
pub const CHECKS: &[Check] = &[
    check!(
        "weights-loaded",
        Weights,
        true,
        &[Need::Reference, Need::Judged, Need::Logits],
        "Every tensor of the checkpoint arrives in the port",
        weights::loaded
    ),
    check!(
        "weights-roundtrip",
        Weights,
        true,
        &[Need::Roundtrip],
        "Saving and loading a converted checkpoint changes nothing",
        weights::roundtrip
    ),
    check!(
        "weights-tied",
        Weights,
        true,
        &[Need::Reference, Need::Retied],
        "tie_word_embeddings is honoured both ways",
        weights::tied
    ),
    check!(
        "weights-stray",
        Weights,
        true,
        &[Need::Reference, Need::Stray],
        "Tensors that published checkpoints hold beside the model's change nothing",
        rewritten::stray
    ),
    check!(
        "weights-names",
        Weights,
        false,
        &[Need::Reference, Need::AsBuilt],
        "The names that the definition's class builds load as the published ones do",
        rewritten::names
    ),
    check!(
        "weights-cast",
        Weights,
        true,
        &[Need::Reference, Need::Dtypes, Need::Cast],
        "Converted to bfloat16 by its own library, the port is the definition in bfloat16",
        formats::cast
    ),
    check!(
        "config-loads",
        Config,
        true,
        &[Need::Judged],
        "The port builds from config.json",
        config::loads
    ),
    check!(
        "config-fields",
        Config,
        true,
        &[Need::Reference, Need::Judged, Need::Logits, Need::Fields],
        "No field that changes the model is dropped",
        config::fields
    ),
    check!(
        "config-spellings",
        Config,
        false,
        &[Need::Reference, Need::OtherSpelling],
        "Both spellings of the RoPE settings mean the same",
        config::spellings
    ),
    check!(
        "variations-fields",
        Variations,
        true,
        VARIED,
        "With other values in its config the port is still the same model",
        variations::fields
    ),
    check!(
        "variations-defaults",
        Variations,
        true,
        VARIED,
        "What config.json leaves out has the definition's default",
        variations::defaults
    ),
    check!(
        "rope-tables",
        Positions,
        true,
        &[Need::Rotations],
        "Each layer rotates by the reference's angles",
        positions::tables
    ),
    check!(
        "dtype-stream",
        Dtype,
        true,
        &[Need::Dtypes],
        "No layer's output is wider than the reference's in bfloat16",
        dtype::stream
    ),
    check!(
        "logits-differences",
        Logits,
        true,
        PLAIN,
        "Logits differ by no more than noise",
        logits::differences
    ),
    check!(
        "logits-distribution",
        Logits,
        true,
        PLAIN,
        "The predicted distributions are the same at every position",
        logits::distribution
    ),
    check!(
        "logits-top-k",
        Logits,
        true,
        PLAIN,
        "The best tokens are the same but for ties",
        logits::top_k
    ),
    check!(
        "logits-float16",
        Logits,
        true,
        &[Need::Reference, Need::Float16],
        "In float16 the port neither overflows nor errs more than the definition",
        formats::float16
    ),
    check!(
        "taps-agree",
        Taps,
        true,
        &[Need::Reference, Need::Judged, Need::Logits, Need::Taps],
        "Every decoder layer's output matches the reference's",
        taps::agree
    ),
    check!(
        "layers-alone",
        Taps,
        true,
        &[Need::Reference, Need::Judged, Need::Logits, Need::Alone],
        "Every decoder layer makes of the reference's own input what the reference makes of it",
        alone::agree,
        Some(Regime::Native)
    ),
    check!(
        "state-decode",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::Decode)],
        "Prefill and decode give what one forward gives",
        |it| { state::case(it, StateWay::Decode) }
    ),
    check!(
        "state-chunked",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::Chunked)],
        "A prompt in chunks gives what one forward gives",
        |it| { state::case(it, StateWay::Chunked) }
    ),
    check!(
        "state-window",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::Window)],
        "Decoding past the sliding window gives what one forward gives",
        |it| state::case(it, StateWay::Window)
    ),
    check!(
        "state-left-padded",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::LeftPadded)],
        "A left-padded batch gives what each row gives alone",
        |it| state::case(it, StateWay::LeftPadded)
    ),
    check!(
        "state-right-padded",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::RightPadded)],
        "A right-padded batch gives what each row gives alone",
        |it| state::case(it, StateWay::RightPadded)
    ),
    check!(
        "state-trim",
        State,
        true,
        &[Need::Reference, Need::State(StateWay::Trim)],
        "A trimmed and refilled cache gives what it gave before",
        |it| state::case(it, StateWay::Trim)
    ),
    check!(
        "state-kept",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::Kept)],
        "A cache that is saved, loaded and copied goes on as it would have",
        |it| state::case(it, StateWay::Kept)
    ),
    check!(
        "state-joined",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::Joined)],
        "Rows that join and leave a batch while they are decoded give what each gives alone",
        |it| state::case(it, StateWay::Joined)
    ),
    check!(
        "state-short",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::Short)],
        "A short prompt gives what the definition makes of it",
        |it| state::case(it, StateWay::Short)
    ),
    check!(
        "state-embeddings",
        State,
        true,
        &[Need::Reference, Need::State(StateWay::Embedded)],
        "Fed the rows of its embedding, the port gives what it gives for the tokens",
        |it| state::case(it, StateWay::Embedded)
    ),
    check!(
        "state-sharded",
        State,
        true,
        &[Need::Reference, Need::Sharded],
        "Shared by two ranks, the port is the same model",
        formats::sharded
    )
    .where_named(),
    check!(
        "state-prompt",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::Prompt],
        "A prompt of 300 tokens, in one call and in chunks, gives what one forward gives",
        state::prompt
    ),
    check!(
        "greedy-ids",
        Generation,
        true,
        &[Need::Reference, Need::Itself, Need::Generation],
        "Greedy decoding yields the same tokens but for ties",
        generation::greedy
    ),
    check!(
        "generation-long",
        Generation,
        true,
        &[Need::Reference, Need::Itself, Need::Long],
        "Along a long text the predictions neither diverge nor drift",
        generation::long
    ),
    check!(
        "quantised-logits",
        Quantised,
        true,
        &[Need::Reference, Need::Logits, Need::Quantised],
        "Quantised, the port loses no more than the definition's own weights would",
        quantised::logits
    ),
    check!(
        "quantised-cache",
        Quantised,
        true,
        &[Need::Reference, Need::PackedCache],
        "With keys and values quantised, the port loses no more than the definition would",
        formats::packed_cache
    ),
];

impl Check {
    /// The same, asked where it is named and in sweeps.
    const fn where_named(self) -> Self {
        Self { by_default: false, ..self }
    }

    /// Whether a fail fails the run. One that names its config asks of that config: what a port does at
    /// others is told and does not decide.
    pub fn decides(&self, config_is_named: bool) -> bool {
        self.gate && !(config_is_named && self.group == Group::Variations)
    }

    /// Whether a run in this regime asks it.
    pub fn is_asked_in(&self, regime: Regime) -> bool {
        self.only.is_none_or(|it| it == regime)
    }

    /// Run it over what was gathered.
    pub fn record(&self, answers: &Answers) -> CheckRecord {
        let mut record = CheckRecord {
            id: self.id.to_owned(),
            group: self.group.id().to_owned(),
            gate: self.decides(answers.config_is_named),
            outcome: Outcome::NotRun,
            figures: Vec::new(),
            absence: None,
            place: None,
            findings: Vec::new(),
        };
        match (self.run)(answers) {
            Ok(finding) => {
                let held_back = finding.incomplete.clone().filter(|_| finding.holds());
                record.absence = held_back.map(|reason| Absence::Blocked { reason });
                record.figures = finding.figures;
                record.place = finding.place;
                record.findings = finding.notes;
            }
            Err(absence) => record.absence = Some(absence),
        }
        record.outcome = record.recompute();
        record
    }
}

/// The checks that decide at one config: what is asked where neither notes nor other configs are of use.
pub fn deciding_at_one_config() -> Vec<&'static str> {
    let decides = |it: &&Check| it.gate && it.by_default && it.group != Group::Variations;
    let chosen = CHECKS.iter().filter(decides);
    chosen.map(|it| it.id).collect()
}

/// A name given with `--checks` that is no check and no group.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("no check or group `{name}`")]
pub struct UnknownCheck {
    pub name: String,
    pub nearest: Option<&'static str>,
}

/// The checks that `names` (ids or groups) select, in the table's order; all that are asked by default when
/// empty.
pub fn select(names: &[String]) -> Result<Vec<&'static Check>, UnknownCheck> {
    let known: BTreeSet<&'static str> =
        CHECKS.iter().flat_map(|it| [it.id, it.group.id()]).collect();
    for name in names {
        if !known.contains(name.as_str()) {
            let nearest = known
                .iter()
                .copied()
                .max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)));
            return Err(UnknownCheck { name: name.clone(), nearest });
        }
    }
    let wanted = |check: &&Check| {
        let is_named = names.iter().any(|it| it == check.id || it == check.group.id());
        is_named || names.is_empty() && check.by_default
    };
    Ok(CHECKS.iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests;
