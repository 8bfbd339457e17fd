//! `compare`: what a new revision of a port changed, from the evidence of two runs.
//!
//! Worse is what the checks' own rules call worse: a deciding check that held and does not any more.
//! Figures are shown with their ratio and decide nothing; a bound decided about each in its own run.

mod sources;

use std::path::{Path, PathBuf};

use portwright_harness::{
    evidence::Evidence,
    figure::{Figure, Real},
    outcome::{CheckRecord, Outcome, Place, Verdict},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{error::ToolError, runs};
pub use sources::{NotComparable, SourceChange};

pub const TEMPLATE: &str = "compare.md";

/// What differs between two runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    pub model_type: String,
    pub before: Side,
    pub after: Side,
    /// Whether a deciding check that held does not any more.
    pub worse: bool,
    /// One sentence of counts.
    pub summary: String,
    /// What makes the two runs answer other questions: read it first.
    pub warnings: Vec<String>,
    /// Files and libraries that changed.
    pub sources: Vec<SourceChange>,
    /// Every check of either run, in the order of the report.
    pub checks: Vec<CheckChange>,
    pub divergence: Divergence,
    pub cost: Vec<CostChange>,
}

/// One of the two runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    pub run: PathBuf,
    pub verdict: Verdict,
    pub digest: String,
    pub finished: String,
}

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    Same,
    Better,
    Worse,
    /// Another outcome, of which neither is worse.
    Other,
    /// Only the second run asked it.
    New,
    /// Only the first run asked it.
    Gone,
}

/// One check in both runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckChange {
    pub id: String,
    /// Whether it decides.
    pub gate: bool,
    pub change: Change,
    pub before: Option<Outcome>,
    pub after: Option<Outcome>,
    /// Why the second run has no figures, when it has none.
    pub reason: Option<String>,
    pub figures: Vec<FigureChange>,
}

/// One judged figure in both runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FigureChange {
    pub name: String,
    pub before: Option<Real>,
    pub after: Option<Real>,
    /// After by before; absent where one is missing or before is zero.
    pub ratio: Option<Real>,
    /// What the second run held it to.
    pub limit: Option<Real>,
    /// Whether it is within its bound in the second run.
    pub holds: bool,
}

/// Where the models first diverged, in both runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Divergence {
    pub before: Option<String>,
    pub after: Option<String>,
    /// One clause, e.g. `moved later: from the 3rd to the 40th module`.
    pub moved: String,
}

/// What one engine took in both runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostChange {
    pub engine: String,
    /// E.g. `tokens/s`.
    pub what: String,
    pub before: Real,
    pub after: Real,
    pub ratio: Real,
}

/// Compare the run `after` with the run `before`.
///
/// # Errors
///
/// Fails when one is no finished run, its evidence contradicts itself, or the two ask other
/// questions: another model type, regime or pair of engines.
pub fn compare(before: &Path, after: &Path) -> Result<Comparison, ToolError> {
    let (old, new) = (runs::consistent(before)?, runs::consistent(after)?);
    sources::comparable(&old, &new)?;
    let checks = checks(&old, &new);
    let worse = checks.iter().any(|it| it.gate && it.change == Change::Worse);
    let side = |run: &Path, evidence: &Evidence| Side {
        run: run.to_owned(),
        verdict: evidence.verdict,
        digest: evidence.digest.clone(),
        finished: evidence.clock.finished.clone(),
    };
    let mut warnings = sources::warnings(&old, &new);
    warnings.extend(checks.iter().filter_map(no_longer_applies));
    Ok(Comparison {
        model_type: new.subject.model_type.clone(),
        summary: summary(&old, &new, &checks),
        before: side(before, &old),
        after: side(after, &new),
        worse,
        warnings,
        sources: sources::changes(&old, &new),
        divergence: divergence(&old, &new),
        cost: cost(&old, &new),
        checks,
    })
}

/// The comparison as Markdown.
pub fn render(comparison: &Comparison) -> Result<String, ToolError> {
    Ok(portwright_prompts::render(TEMPLATE, comparison)?)
}

fn checks(old: &Evidence, new: &Evidence) -> Vec<CheckChange> {
    let gone = old.checks.iter().filter(|it| new.check(&it.id).is_none());
    let kept = new.checks.iter().map(|it| check(old.check(&it.id), Some(it)));
    kept.chain(gone.map(|it| check(Some(it), None))).collect()
}

fn check(old: Option<&CheckRecord>, new: Option<&CheckRecord>) -> CheckChange {
    let record = new.or(old).expect("one of both runs has it");
    let (before, after) = (old.map(|it| it.outcome), new.map(|it| it.outcome));
    CheckChange {
        id: record.id.clone(),
        gate: record.gate,
        change: change(before, after),
        before,
        after,
        reason: new.and_then(|it| it.absence.as_ref()).map(ToString::to_string),
        figures: figures(old, new),
    }
}

/// A fail is worse than not having been asked, and that is worse than a pass: missing data is no pass.
fn change(before: Option<Outcome>, after: Option<Outcome>) -> Change {
    let rank = |it: Option<Outcome>| match it {
        Some(Outcome::Fail) => 0,
        Some(Outcome::NotRun) | None => 1,
        Some(Outcome::Pass | Outcome::NotApplicable) => 2,
    };
    match rank(after).cmp(&rank(before)) {
        std::cmp::Ordering::Less => Change::Worse,
        _ if before.is_none() => Change::New,
        _ if after.is_none() => Change::Gone,
        std::cmp::Ordering::Greater => Change::Better,
        std::cmp::Ordering::Equal if before == after => Change::Same,
        std::cmp::Ordering::Equal => Change::Other,
    }
}

fn no_longer_applies(check: &CheckChange) -> Option<String> {
    let lost = (check.before, check.after) == (Some(Outcome::Pass), Some(Outcome::NotApplicable));
    let reason = check.reason.as_deref().unwrap_or("no reason is given");
    lost.then(|| format!("`{}` passed and does not apply any more: {reason}", check.id))
}

fn figures(old: Option<&CheckRecord>, new: Option<&CheckRecord>) -> Vec<FigureChange> {
    let of = |record: Option<&CheckRecord>| -> Vec<Figure> {
        let figures = record.map(|it| it.figures.clone()).unwrap_or_default();
        figures.into_iter().filter(|it| it.bound.is_some()).collect()
    };
    let (before, after) = (of(old), of(new));
    let gone = before.iter().filter(|it| !after.iter().any(|new| new.id == it.id));
    let find = |side: &[Figure], id: &str| side.iter().find(|it| it.id == id).cloned();
    after
        .iter()
        .chain(gone)
        .map(|figure| {
            let (before, after) = (find(&before, &figure.id), find(&after, &figure.id));
            FigureChange {
                name: figure.name.clone(),
                before: before.as_ref().map(|it| it.measured),
                after: after.as_ref().map(|it| it.measured),
                ratio: before.as_ref().zip(after.as_ref()).and_then(|(before, after)| {
                    (before.measured.0 != 0.0).then(|| Real(after.measured.0 / before.measured.0))
                }),
                limit: after.as_ref().and_then(|it| it.bound).map(|it| Real(it.limit())),
                holds: after.as_ref().is_none_or(Figure::holds),
            }
        })
        .collect()
}

fn divergence(old: &Evidence, new: &Evidence) -> Divergence {
    let place = |evidence: &Evidence| -> Option<Place> {
        evidence.checks.iter().find_map(|it| it.place.clone())
    };
    let (before, after) = (place(old), place(new));
    let order = |evidence: &Evidence, place: &Place| {
        evidence.taps.iter().position(|it| it.reference == place.module)
    };
    let moved = match (&before, &after) {
        (None, None) => "the models diverge in neither run".to_owned(),
        (None, Some(_)) => "the models diverge in the second run only".to_owned(),
        (Some(_), None) => "the models no longer diverge".to_owned(),
        (Some(old_place), Some(new_place)) if old_place.module == new_place.module => {
            "at the same module".to_owned()
        }
        (Some(old_place), Some(new_place)) => {
            match (order(old, old_place), order(new, new_place)) {
                (Some(from), Some(to)) => {
                    let way = if from < to { "later" } else { "earlier" };
                    format!(
                        "moved {way}: from module {} to module {} in the order they run",
                        from + 1,
                        to + 1
                    )
                }
                _ => "at another module".to_owned(),
            }
        }
    };
    Divergence { before: before.map(|it| it.module), after: after.map(|it| it.module), moved }
}

fn cost(old: &Evidence, new: &Evidence) -> Vec<CostChange> {
    let mut changes = Vec::new();
    for (engine, after) in &new.clock.cost {
        let Some(before) = old.clock.cost.get(engine) else { continue };
        let pairs = [
            ("tokens/s", before.tokens_per_second(), after.tokens_per_second()),
            ("load (s)", before.load_seconds.map(|it| it.0), after.load_seconds.map(|it| it.0)),
            (
                "peak memory (MB)",
                before.peak_bytes.map(|it| it as f64 / 1e6),
                after.peak_bytes.map(|it| it as f64 / 1e6),
            ),
        ];
        for (what, before, after) in pairs {
            let (Some(before), Some(after)) = (before, after) else { continue };
            changes.push(CostChange {
                engine: engine.to_string(),
                what: what.to_owned(),
                before: Real(before),
                after: Real(after),
                ratio: Real(after / before),
            });
        }
    }
    changes
}

fn summary(old: &Evidence, new: &Evidence, checks: &[CheckChange]) -> String {
    if old.digest == new.digest {
        return "the evidence is the same to the last digit".to_owned();
    }
    let gates = |change| checks.iter().filter(|it| it.gate && it.change == change).count();
    let mut parts = vec![format!("{} to {}", old.verdict.word(), new.verdict.word())];
    for (change, word) in
        [(Change::Worse, "worse"), (Change::Better, "better"), (Change::Same, "the same")]
    {
        parts.push(format!("{} deciding checks {word}", gates(change)));
    }
    let others = [Change::Other, Change::New, Change::Gone].map(gates).iter().sum::<usize>();
    if 0 < others {
        parts.push(format!("{others} changed otherwise"));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_data_is_worse_than_a_pass_and_better_than_a_fail() {
        use Outcome::{Fail, NotApplicable, NotRun, Pass};
        for (before, after, expected) in [
            (Some(Pass), Some(Fail), Change::Worse),
            (Some(Pass), Some(NotRun), Change::Worse),
            (Some(Pass), None, Change::Worse),
            (None, Some(Fail), Change::Worse),
            (Some(NotRun), Some(Fail), Change::Worse),
            (Some(Fail), Some(NotRun), Change::Better),
            (Some(Fail), Some(Pass), Change::Better),
            (Some(Pass), Some(NotApplicable), Change::Other),
            (Some(Pass), Some(Pass), Change::Same),
            (Some(Fail), Some(Fail), Change::Same),
            (None, Some(Pass), Change::New),
            (Some(Fail), None, Change::Gone),
        ] {
            assert_eq!(change(before, after), expected, "{before:?} to {after:?}");
        }
    }
}
