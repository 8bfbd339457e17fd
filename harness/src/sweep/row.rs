//! One line of the coverage table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Proof;
use crate::{
    case::Spelling,
    check::{CHECKS, Group, SHOWN, deviations, hidden, logits::MAX_ABS},
    evidence::Evidence,
    figure::{Real, significant},
    gather::{GatherError, Question},
    outcome::{Absence, Outcome, Verdict},
    verify::{figure, worst_multiple},
};

/// One model type in one spelling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    pub model_type: String,
    pub spelling: Spelling,
    pub verdict: Verdict,
    /// `max |Δ|` of the logits and what it is held to, where the plain forward ran.
    pub max_abs: Option<Real>,
    pub bound: Option<Real>,
    /// The worst multiple of its noise floor of a figure of linear order; of a figure that grows with
    /// the square of the error, the root.
    pub worst_multiple: Option<Real>,
    /// Deciding checks that failed or could not run.
    pub failed: Vec<String>,
    pub not_run: Vec<String>,
    /// The first error, finding or reason.
    pub reason: Option<String>,
    pub proofs: Vec<Proof>,
    /// Failed or blocked checks that no proved cause explains.
    pub unexplained: Vec<String>,
    /// What the port does at other values of its config's fields, and without them, where it is not the
    /// definition's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub varied: Vec<String>,
    /// How much varying the config shows; absent where it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
    pub seconds: f64,
}

impl Row {
    /// Whether nothing fails but what other configs show.
    pub fn is_right_at_its_config(&self) -> bool {
        self.verdict == Verdict::Pass
            || self.not_run.is_empty() && self.failed.iter().all(|it| is_variation(it))
    }
}

/// What a port could not have written into its code unseen: each field was put to trial with a port that
/// reads the base's config, whatever the checkpoint's says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Power {
    /// Fields that were varied, and of which it shows when they are written in.
    pub varied: usize,
    pub shown: usize,
    /// Values that show nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<String>,
}

fn power(evidence: &Evidence) -> Option<Power> {
    let record = evidence.check("variations-fields")?;
    let of = |id: &str| record.figure(id).map(|it| it.measured.0 as usize);
    let hidden = hidden(record).map(str::to_owned);
    Some(Power { varied: of("fields")?, shown: of(SHOWN)?, hidden })
}

/// The checks of other configs.
pub(super) fn is_variation(id: &str) -> bool {
    CHECKS.iter().any(|it| it.id == id && it.group == Group::Variations)
}

pub(super) fn row_of(evidence: &Evidence) -> Row {
    let bound = evidence
        .check("logits-differences")
        .and_then(|it| it.figure(MAX_ABS)?.bound)
        .map(|it| Real(it.limit()));
    Row {
        model_type: evidence.subject.model_type.clone(),
        spelling: evidence.subject.spelling,
        // The second spelling asks only what it can change; the first asks everything.
        verdict: evidence.verdict_of_asked(),
        max_abs: figure(evidence, "logits-differences", MAX_ABS).map(Real),
        bound,
        worst_multiple: worst_multiple(evidence),
        failed: evidence.gates_with(Outcome::Fail),
        not_run: evidence.gates_with(Outcome::NotRun),
        reason: reason(evidence),
        proofs: Vec::new(),
        unexplained: Vec::new(),
        varied: evidence
            .checks
            .iter()
            .filter(|it| is_variation(&it.id))
            .flat_map(deviations)
            .collect(),
        power: power(evidence),
        seconds: 0.0,
    }
}

/// The first thing that says why: a port's error, a place, a finding, a blocked check's reason.
fn reason(evidence: &Evidence) -> Option<String> {
    let gates = || evidence.checks.iter().filter(|it| it.gate);
    let failing = || gates().filter(|it| it.outcome == Outcome::Fail);
    let error = failing().find_map(|it| match &it.absence {
        Some(Absence::PortFailed { failure }) => Some(failure.to_string().replace("\n  ", " ")),
        _ => None,
    });
    let place = failing().find_map(|it| it.place.as_ref()).map(|it| match it.how_far() {
        Some(far) => {
            format!("first differs at {} (relative error {})", it.says(), significant(far, 2))
        }
        None => format!("first differs at {}", it.says()),
    });
    let finding = failing().find_map(|it| Some(format!("{}: {}", it.id, it.findings.first()?)));
    let figure = || {
        failing().find_map(|check| {
            let figure = check.figures.iter().find(|it| !it.holds())?;
            let measured = significant(figure.measured.0, 2);
            Some(format!("{}: {} is {measured}", check.id, figure.name))
        })
    };
    let blocked = || {
        gates().find_map(|it| match &it.absence {
            Some(Absence::Blocked { reason }) => Some(format!("{}: {reason}", it.id)),
            _ => None,
        })
    };
    error.or(place).or(finding).or_else(figure).or_else(blocked)
}

pub(super) fn refused(question: &Question, err: &GatherError) -> Row {
    Row {
        model_type: question.model_type.clone(),
        spelling: question.spelling,
        verdict: Verdict::NotRun,
        max_abs: None,
        bound: None,
        worst_multiple: None,
        failed: Vec::new(),
        not_run: CHECKS
            .iter()
            .filter(|it| it.gate && it.is_asked_in(question.regime))
            .map(|it| it.id.to_owned())
            .collect(),
        reason: Some(err.to_string()),
        proofs: Vec::new(),
        unexplained: Vec::new(),
        varied: Vec::new(),
        power: None,
        seconds: 0.0,
    }
}
