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
mod table;
mod taps;
mod variations;
mod weights;

pub use config::dropped;
pub use table::CHECKS;
pub(crate) use variations::{SHOWN, hidden};
pub use variations::{deviations, is_refusal};

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    answers::Answers,
    case::Regime,
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
    /// The regimes that it is asked in.
    pub regimes: &'static [Regime],
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
        self.regimes.contains(&regime)
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

/// Those that a regime asks; of checks that it has no use for, where nothing else is named, these.
pub fn asked_in(regime: Regime, checks: Vec<&'static Check>) -> Vec<&'static Check> {
    let (asked, other): (Vec<_>, Vec<_>) =
        checks.into_iter().partition(|it| it.is_asked_in(regime));
    if asked.is_empty() { other } else { asked }
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
