//! `explain_divergence`: where two models diverge, from the evidence of a run.

use std::path::Path;

use portwright_harness::{
    evidence::TapRecord,
    outcome::{Outcome, SourceLine, Verdict},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    error::ToolError,
    report::{self, Line},
    runs,
};

/// The first divergence of a run and what stands around it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    pub verdict: Verdict,
    /// One sentence: the module, or why there is none to name.
    pub summary: String,
    /// Path in the definition, when a module could be named.
    pub module: Option<String>,
    pub port_module: Option<String>,
    /// The two source lines that call it.
    pub lines: Vec<SourceLine>,
    /// The taps of the layer it lies in, in the reference's order.
    pub around: Vec<TapRecord>,
    /// What is wrong, in a few lines.
    pub in_short: Vec<Line>,
    /// Checks that failed, with what they found: causes first.
    pub failed: Vec<FailedCheck>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FailedCheck {
    pub id: String,
    pub findings: Vec<String>,
    /// The error of the port, when it raised one.
    pub error: Option<String>,
}

/// Read the first divergence from the run in `run`.
pub fn explain(run: &Path) -> Result<Explanation, ToolError> {
    use portwright_harness::outcome::Absence;
    let evidence = runs::load(run)?;
    let failed: Vec<FailedCheck> = evidence
        .checks
        .iter()
        .filter(|it| it.outcome == Outcome::Fail && it.gate)
        .map(|it| FailedCheck {
            id: it.id.clone(),
            findings: it.findings.clone(),
            error: match &it.absence {
                Some(Absence::PortFailed { failure }) => Some(failure.to_string()),
                _ => None,
            },
        })
        .collect();
    let place = evidence.checks.iter().find_map(|it| it.place.clone());
    let summary = match (&place, failed.first()) {
        (Some(place), _) => {
            let far = place.how_far().map(portwright_prompts::number_text);
            let far = far.map(|it| format!(", with a relative error of {it}")).unwrap_or_default();
            format!(
                "the port first leaves the definition at {} in `{}`{far}",
                place.says(),
                place.stage
            )
        }
        (None, Some(first)) => match &first.error {
            Some(error) => format!("`{}` failed: {error}", first.id),
            None => {
                // Only what was measured is said to agree.
                let plain = evidence.check("logits-differences").map(|it| it.outcome);
                let agrees =
                    if plain == Some(Outcome::Pass) { "the plain forward agrees; " } else { "" };
                let finding =
                    first.findings.first().map(|it| format!(": {it}")).unwrap_or_default();
                format!("{agrees}`{}` is the first check that failed{finding}", first.id)
            }
        },
        (None, None) => "nothing diverged".to_owned(),
    };
    let around = place.as_ref().map_or_else(Vec::new, |place| {
        let inside = format!("{}.", place.stage);
        evidence
            .taps
            .iter()
            .filter(|it| it.reference == place.stage || it.reference.starts_with(&inside))
            .cloned()
            .collect()
    });
    Ok(Explanation {
        verdict: evidence.verdict,
        summary,
        module: place.as_ref().map(|it| it.module.clone()),
        port_module: place.as_ref().map(|it| it.port_module.clone()),
        lines: place.map(|it| it.lines).unwrap_or_default(),
        around,
        in_short: report::in_short(&evidence),
        failed,
    })
}
