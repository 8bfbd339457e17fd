//! What a check came to, why it has no figures, where two models diverge, and the verdict.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    engine::{Failure, Lacks},
    figure::{Figure, Real},
    tap,
};

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Pass,
    Fail,
    /// It should have run and could not; never a pass.
    NotRun,
    /// The definition has nothing of the kind (no window, no rotation): a measured fact, not a gap.
    NotApplicable,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotRun => "not run",
            Self::NotApplicable => "not applicable",
        })
    }
}

/// Why a check has no figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Absence {
    /// The port (or what it was given) raised an error where the definition answers: a fail.
    PortFailed { failure: Box<Failure> },
    /// Something it needs is missing: another step failed, an engine died, it was not asked.
    Blocked { reason: String },
    /// The definition or the target has nothing of the kind.
    NotApplicable { reason: String },
}

impl fmt::Display for Absence {
    /// The error or the reason, without which of the three it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PortFailed { failure } => failure.fmt(f),
            Self::Blocked { reason } | Self::NotApplicable { reason } => f.write_str(reason),
        }
    }
}

impl From<Lacks> for Absence {
    fn from(lacks: Lacks) -> Self {
        Self::NotApplicable { reason: lacks.to_string() }
    }
}

/// Where two models diverge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The first wrong tap: the definition's path of a module, or of what went into it ([`crate::tap`]).
    pub module: String,
    /// The port's path of the same module.
    pub port_module: String,
    /// The decoder layer it lies in.
    pub stage: String,
    /// The last tap before it that agreed.
    pub last_agreeing: Option<String>,
    /// The time position that differs most.
    pub position: Option<u64>,
    pub error: Real,
    /// The smallest tolerance (relative error) under which this run would have passed.
    pub smallest_passing: Real,
    /// Where each side calls the module.
    #[serde(default)]
    pub lines: Vec<SourceLine>,
}

impl Place {
    /// What is wrong there, as a sentence names it.
    pub fn says(&self) -> String {
        tap::says(&self.module)
    }

    /// How far the port is off there; nothing where it was not measured or is no number.
    pub fn how_far(&self) -> Option<f64> {
        Some(self.error.0).filter(|it| it.is_finite())
    }
}

/// One line of a definition or of a port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceLine {
    /// `definition` or `port`.
    pub side: String,
    /// Relative to its package.
    pub file: String,
    pub line: u32,
    pub text: String,
    /// The class of the module that is called.
    pub class: String,
}

/// One check, as it was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckRecord {
    pub id: String,
    pub group: String,
    /// Whether a fail of it fails the run.
    pub gate: bool,
    pub outcome: Outcome,
    pub figures: Vec<Figure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absence: Option<Absence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Facts worth reading, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

impl CheckRecord {
    /// The outcome as every report writes it: a check that only informs does not fail, it notes.
    pub fn word(&self) -> &'static str {
        match (self.outcome, self.gate) {
            (Outcome::Fail, false) => "note",
            (Outcome::Pass, _) => "pass",
            (Outcome::Fail, true) => "fail",
            (Outcome::NotRun, _) => "not run",
            (Outcome::NotApplicable, _) => "not applicable",
        }
    }

    /// The figure with this id.
    pub fn figure(&self, id: &str) -> Option<&Figure> {
        self.figures.iter().find(|it| it.id == id)
    }

    /// The outcome that the figures and the absence give. Where nothing was judged, nothing passes.
    pub fn recompute(&self) -> Outcome {
        match &self.absence {
            Some(Absence::Blocked { .. }) => Outcome::NotRun,
            Some(Absence::NotApplicable { .. }) => Outcome::NotApplicable,
            None if !self.figures.iter().any(Figure::is_judged) => Outcome::NotRun,
            None if self.figures.iter().all(Figure::holds) => Outcome::Pass,
            Some(Absence::PortFailed { .. }) | None => Outcome::Fail,
        }
    }
}

/// The verdict of a run.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Pass,
    /// All that was asked passed, but some deciding checks were not asked.
    Partial,
    Fail,
    NotRun,
}

impl Verdict {
    /// A gate that fails fails the run; a gate that could not run leaves it `not run`; nothing
    /// asked is nothing shown.
    pub fn of<'a>(checks: impl IntoIterator<Item = &'a CheckRecord>) -> Self {
        let mut verdict = None;
        for check in checks {
            let this = match check.recompute() {
                Outcome::Fail if check.gate => Self::Fail,
                Outcome::NotRun if check.gate => Self::NotRun,
                Outcome::Pass if check.gate => Self::Pass,
                _ => continue,
            };
            verdict = Some(match (verdict, this) {
                (Some(Self::Fail), _) | (_, Self::Fail) => Self::Fail,
                (Some(Self::NotRun), _) | (_, Self::NotRun) => Self::NotRun,
                _ => Self::Pass,
            });
        }
        verdict.unwrap_or(Self::NotRun)
    }

    /// The verdict of a run that did not ask these deciding checks: it says what was asked, and what
    /// passes is no pass of the model.
    #[must_use]
    pub fn without(self, left_out: &[String]) -> Self {
        if self == Self::Pass && !left_out.is_empty() { Self::Partial } else { self }
    }

    /// The exit code of the process that reached it: 0 where all that was asked passed.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass | Self::Partial => 0,
            Self::Fail => 1,
            Self::NotRun => 2,
        }
    }

    /// As it is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Partial => "PARTIAL",
            Self::Fail => "FAIL",
            Self::NotRun => "NOT RUN",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Bound;

    fn record(gate: bool, figures: Vec<Figure>, absence: Option<Absence>) -> CheckRecord {
        let mut record = CheckRecord {
            id: "x".into(),
            group: "logits".into(),
            gate,
            outcome: Outcome::Pass,
            figures,
            absence,
            place: None,
            findings: vec![],
        };
        record.outcome = record.recompute();
        record
    }

    #[test]
    fn a_check_that_could_not_run_never_passes() {
        let blocked = || Some(Absence::Blocked { reason: "engine died".into() });
        assert_eq!(Verdict::of(&[record(true, vec![], blocked())]), Verdict::NotRun);
        let passed = record(true, vec![Figure::judged("a", "a", 0.0, Bound::at_most(1.0))], None);
        assert_eq!(
            Verdict::of(&[passed.clone(), record(true, vec![], blocked())]),
            Verdict::NotRun
        );
        assert_eq!(Verdict::of(&[passed.clone(), record(false, vec![], blocked())]), Verdict::Pass);
        assert_eq!(Verdict::of(&[]), Verdict::NotRun);
        let failed = record(true, vec![Figure::judged("a", "a", 2.0, Bound::at_most(1.0))], None);
        assert_eq!(Verdict::of(&[record(true, vec![], blocked()), failed, passed]), Verdict::Fail);
    }

    #[test]
    fn a_run_that_left_deciding_checks_out_never_passes_and_never_hides_a_failure() {
        let left_out = ["greedy-ids".to_owned()];
        let of = |verdict: Verdict| (verdict.without(&left_out), verdict.without(&[]));
        assert_eq!(of(Verdict::Pass), (Verdict::Partial, Verdict::Pass));
        assert_eq!(of(Verdict::Fail), (Verdict::Fail, Verdict::Fail));
        assert_eq!(of(Verdict::NotRun), (Verdict::NotRun, Verdict::NotRun));
        assert_eq!((Verdict::Partial.exit_code(), Verdict::Partial.word()), (0, "PARTIAL"));
    }

    #[test]
    fn not_applicable_alone_is_not_a_pass() {
        let absent = Some(Absence::NotApplicable { reason: "no window".into() });
        assert_eq!(Verdict::of(&[record(true, vec![], absent)]), Verdict::NotRun);
    }

    #[test]
    fn a_check_that_judged_nothing_never_passes() {
        let informed = record(true, vec![Figure::informs("a", "a", 0.0)], None);
        assert_eq!(informed.outcome, Outcome::NotRun);
        assert_eq!(record(true, vec![], None).outcome, Outcome::NotRun);
    }
}
