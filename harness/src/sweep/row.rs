//! One line of the coverage table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Proof;
use crate::{
    case::Spelling,
    check::{CHECKS, Group, deviations, logits::MAX_ABS},
    evidence::Evidence,
    figure::{Figure, Real, significant},
    gather::GatherError,
    measure::logits::max_or_nan,
    outcome::{Absence, Outcome, Verdict},
    verify::figure,
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
    /// What the port does at other values of its config's fields, where it is not the definition's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub varied: Vec<String>,
    pub seconds: f64,
}

pub(super) fn row_of(evidence: &Evidence) -> Row {
    let with = |outcome| {
        let gates = evidence.checks.iter().filter(|it| it.gate && it.outcome == outcome);
        gates.map(|it| it.id.clone()).collect::<Vec<_>>()
    };
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
        failed: with(Outcome::Fail),
        not_run: with(Outcome::NotRun),
        reason: reason(evidence),
        proofs: Vec::new(),
        unexplained: Vec::new(),
        varied: evidence.check("variations-fields").map(deviations).unwrap_or_default(),
        seconds: 0.0,
    }
}

/// How far above its floor the worst figure of logits, however fed, lies. Rotations have a floor of
/// another kind and are left out.
fn worst_multiple(evidence: &Evidence) -> Option<Real> {
    evidence
        .checks
        .iter()
        .filter(|it| it.gate && it.group != Group::Positions.id())
        .flat_map(|it| &it.figures)
        .filter_map(Figure::multiple)
        .reduce(max_or_nan)
        .map(Real)
}

/// The first thing that says why: a port's error, a place, a finding, a blocked check's reason.
fn reason(evidence: &Evidence) -> Option<String> {
    let gates = || evidence.checks.iter().filter(|it| it.gate);
    let failing = || gates().filter(|it| it.outcome == Outcome::Fail);
    let error = failing().find_map(|it| match &it.absence {
        Some(Absence::PortFailed { failure }) => Some(failure.to_string().replace("\n  ", " ")),
        _ => None,
    });
    let place = failing()
        .find_map(|it| it.place.as_ref())
        .map(|it| (&it.module, significant(it.error.0, 2)))
        .map(|(module, error)| format!("first differs at {module} (relative error {error})"));
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

pub(super) fn refused(model_type: &str, spelling: Spelling, err: &GatherError) -> Row {
    Row {
        model_type: model_type.to_owned(),
        spelling,
        verdict: Verdict::NotRun,
        max_abs: None,
        bound: None,
        worst_multiple: None,
        failed: Vec::new(),
        not_run: CHECKS.iter().filter(|it| it.gate).map(|it| it.id.to_owned()).collect(),
        reason: Some(err.to_string()),
        proofs: Vec::new(),
        unexplained: Vec::new(),
        varied: Vec::new(),
        seconds: 0.0,
    }
}
