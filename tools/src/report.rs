//! The report of a run: rendered from its evidence, and checked against it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use portwright_harness::{
    case::Regime,
    evidence::{Evidence, Outcome, Verdict},
    rundir::RunDir,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use crate::{error::ToolError, runs};

pub const REPORT: &str = "report.md";
pub const REPRODUCE: &str = "reproduce.sh";
/// What stands after this heading belongs to a person.
const HUMAN: &str = "## For a person to fill in";

/// What a check of a run found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportCheck {
    /// The verdict that the stored facts give.
    pub verdict: Verdict,
    /// Outcomes, verdict or digest in evidence.json that its own facts do not give.
    pub evidence: Vec<String>,
    /// Lines of the report that the evidence does not give.
    pub report: Vec<ReportFault>,
}

impl ReportCheck {
    /// Nothing is stated that the facts do not back.
    pub fn holds(&self) -> bool {
        self.evidence.is_empty() && self.report.is_empty()
    }
}

/// One line of report.md that differs from what the evidence gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportFault {
    /// Its number in report.md; 0 for a line that is missing there.
    pub line: u64,
    /// What the report says; absent when a line was taken out.
    pub says: Option<String>,
    /// What the evidence gives; absent when a line was put in.
    pub evidence: Option<String>,
}

/// The report of `evidence`, as Markdown.
pub fn render(evidence: &Evidence) -> Result<String, ToolError> {
    let place = evidence.checks.iter().find_map(|it| it.place.as_ref());
    let findings: Vec<Value> = evidence
        .checks
        .iter()
        .flat_map(|check| check.findings.iter().map(|it| json!({"check": check.id, "text": it})))
        .collect();
    let data = json!({
        "e": with_limits(evidence),
        "verdict_word": evidence.verdict.word(),
        "verdict_sentence": sentence(evidence),
        "regime_sentence": match evidence.regime {
            Regime::Logic => "both sides in float32, held to the reference in float64",
            Regime::Native => "both sides in bfloat16, held to the reference in float32",
        },
        "place": place,
        "findings": findings,
    });
    Ok(portwright_prompts::render(REPORT, &data)?)
}

/// The script that makes the run again.
pub fn reproduce(evidence: &Evidence) -> Result<String, ToolError> {
    Ok(portwright_prompts::render(REPRODUCE, &json!({"e": evidence}))?)
}

/// The verdict in one sentence, from facts alone.
pub fn sentence(evidence: &Evidence) -> String {
    let gates = || evidence.checks.iter().filter(|it| it.gate);
    let of = |outcome| gates().filter(move |it| it.outcome == outcome).count();
    let mut parts =
        vec![format!("{} of {} deciding checks passed", of(Outcome::Pass), gates().count())];
    for (outcome, word) in [
        (Outcome::Fail, "failed"),
        (Outcome::NotRun, "could not run"),
        (Outcome::NotApplicable, "do not apply"),
    ] {
        let count = of(outcome);
        if 0 < count {
            parts.push(format!("{count} {word}"));
        }
    }
    format!("{}.", parts.join(", "))
}

/// Recompute verdict and digest from the stored facts, and compare report.md with what they give.
///
/// The part that a person fills in is theirs; everything else must be word for word what the
/// evidence renders to, so that no changed digit passes.
pub fn check(run: &Path) -> Result<ReportCheck, ToolError> {
    let evidence = runs::load(run)?;
    let path = run.join(REPORT);
    let text = fs::read_to_string(&path).map_err(|err| ToolError::NoEvidence {
        path: run.to_owned(),
        detail: format!("its report.md cannot be read: {err}"),
    })?;
    let expected = render(&evidence.clone().seal())?;
    Ok(ReportCheck {
        verdict: Verdict::of(&evidence.checks),
        evidence: evidence.disagreements(),
        report: faults(machine_part(&expected), machine_part(&text)),
    })
}

/// Write report and reproduction script beside the evidence.
pub fn write(dir: &RunDir, evidence: &Evidence) -> Result<PathBuf, ToolError> {
    dir.write(REPRODUCE, reproduce(evidence)?.as_bytes())?;
    Ok(dir.write(REPORT, render(evidence)?.as_bytes())?)
}

fn machine_part(report: &str) -> &str {
    report.find(HUMAN).map_or(report, |it| &report[..it])
}

fn faults(expected: &str, found: &str) -> Vec<ReportFault> {
    let diff = TextDiff::from_lines(expected, found);
    let mut faults: Vec<ReportFault> = Vec::new();
    for change in diff.iter_all_changes() {
        let text = change.value().trim_end().to_owned();
        match change.tag() {
            ChangeTag::Equal => {}
            ChangeTag::Delete => {
                faults.push(ReportFault { line: 0, says: None, evidence: Some(text) });
            }
            ChangeTag::Insert => {
                let line = change.new_index().map_or(0, |it| it as u64 + 1);
                // A changed line is a deletion and an insertion side by side.
                match faults.iter_mut().find(|it| it.says.is_none()) {
                    Some(fault) => (fault.line, fault.says) = (line, Some(text)),
                    None => faults.push(ReportFault { line, says: Some(text), evidence: None }),
                }
            }
        }
    }
    faults
}

/// The evidence as data, each bound with the number it comes to.
fn with_limits(evidence: &Evidence) -> Value {
    let mut value = serde_json::to_value(evidence).unwrap_or_default();
    for (index, check) in evidence.checks.iter().enumerate() {
        for (position, figure) in check.figures.iter().enumerate() {
            if let Some(bound) = figure.bound {
                let limit = serde_json::to_value(portwright_harness::evidence::Real(bound.limit()));
                value["checks"][index]["figures"][position]["limit"] = limit.unwrap_or_default();
            }
        }
    }
    value
}
