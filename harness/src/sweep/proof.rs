//! Why a row does not pass: the experiments, and what they prove.

use std::{fs, path::Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Row, SweepError, row::is_variation};
use crate::{
    case::Spelling,
    causes::{self, Cause, Kind},
    check::{is_refusal, logits::MAX_ABS},
    figure::Real,
    gather::{Lane, Question},
    outcome::{Outcome, Verdict},
    overlay,
    verify::{figure, verify},
};

/// A cause and what its experiment gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Proof {
    pub kind: Kind,
    pub cause: String,
    pub change: String,
    /// The change makes every check pass that the cause is said to explain.
    pub proved: bool,
    pub verdict_after: Option<Verdict>,
    pub max_abs_after: Option<Real>,
    /// Checks that fail or cannot run without the change and pass with it.
    pub mended: Vec<String>,
    /// Why the experiment itself could not be made.
    pub error: Option<String>,
}

/// The first spelling tries every cause; the second only the one that mended most there.
pub(super) fn worth_trying<'a>(
    causes: &'a [&'a Cause],
    spelling: Spelling,
    first: Option<&Row>,
) -> Vec<&'a Cause> {
    match (spelling, first.and_then(best_proof)) {
        (Spelling::RopeTheta, _) => causes.to_vec(),
        (Spelling::RopeParameters, None) => Vec::new(),
        (Spelling::RopeParameters, Some(best)) => {
            causes.iter().copied().filter(|it| it.change == best.change).collect()
        }
    }
}

/// The proved cause that mends most.
fn best_proof(row: &Row) -> Option<&Proof> {
    let proved = row.proofs.iter().filter(|it| it.proved && !it.mended.is_empty());
    proved.max_by_key(|it| it.mended.len())
}

/// Failed or blocked checks that no proved cause mends.
pub(super) fn unexplained(row: &Row) -> Vec<String> {
    let mended = |id: &String| row.proofs.iter().any(|it| it.proved && it.mended.contains(id));
    row.failed.iter().chain(&row.not_run).filter(|it| !mended(it)).cloned().collect()
}

/// The same weights, with the settings in the other spelling, are the experiment that the sweep has
/// just made: what passes there, by itself or once its own causes are mended, fails here for the
/// spelling.
pub(super) fn spelling_proof(first: &Row, second: &Row) -> Option<Proof> {
    let mended_there =
        |id: &String| first.proofs.iter().any(|it| it.proved && it.mended.contains(id));
    let fine_there = |id: &String| {
        mended_there(id) || !(first.failed.contains(id) || first.not_run.contains(id))
    };
    let bad = || second.failed.iter().chain(&second.not_run);
    let mended: Vec<String> = bad().filter(|it| fine_there(it)).cloned().collect();
    if mended.is_empty() {
        return None;
    }
    let other = best_proof(first);
    let refused = second.failed.iter().any(|it| it == "config-loads");
    Some(Proof {
        kind: if refused { Kind::UnsupportedConfig } else { Kind::PortBug },
        cause: if refused {
            "The port does not read `rope_parameters`, and says so.".into()
        } else {
            "The port does not read `rope_parameters` and silently runs with its defaults.".into()
        },
        change: match other {
            Some(other) => format!("the settings spelled `rope_theta`, and: {}", other.change),
            None => "the settings spelled `rope_theta`".into(),
        },
        proved: mended.len() == bad().count(),
        verdict_after: None,
        max_abs_after: other.map_or(first.max_abs, |it| it.max_abs_after),
        mended,
        error: None,
    })
}

/// Other values are their own experiment: the port is right at the config as it is, and with only these
/// changed it is wrong twice, the second time with other weights and other tokens.
pub(super) fn variation_proof(row: &Row) -> Option<Proof> {
    let open = unexplained(row).into_iter().filter(|it| row.failed.contains(it));
    let mended: Vec<String> = open.filter(|it| is_variation(it)).collect();
    let wrong: Vec<&str> =
        row.varied.iter().map(String::as_str).filter(|it| !is_refusal(it)).collect();
    if mended.is_empty() || wrong.is_empty() {
        return None;
    }
    Some(Proof {
        kind: Kind::PortBug,
        cause: format!(
            "Values are written into the port, or its defaults are others: {}.",
            wrong.join("; ")
        ),
        change: "the config as it is, without these changes of it".into(),
        proved: true,
        verdict_after: None,
        max_abs_after: row.max_abs,
        mended,
        error: None,
    })
}

/// Make the one change of a cause and verify again.
pub(super) fn experiment(
    lane: &mut Lane,
    question: &Question,
    cause: &Cause,
    before: &Row,
    work: &Path,
) -> Result<Proof, SweepError> {
    let mut proof = Proof {
        kind: cause.kind,
        cause: cause.cause.clone(),
        change: cause.change.clone(),
        proved: false,
        verdict_after: None,
        max_abs_after: None,
        mended: Vec::new(),
        error: None,
    };
    // Only what is to be explained is asked again; what other configs show is its own proof.
    let unexplained = || before.failed.iter().chain(&before.not_run).filter(|it| !is_variation(it));
    let bad = |id: &&'static str| unexplained().any(|it| it == id);
    let question = Question {
        overrides: cause.set.clone(),
        checks: question.checks.iter().copied().filter(bad).collect(),
        ..question.clone()
    };
    let folder = work.join("experiment");
    let _ = fs::remove_dir_all(&folder);
    if let Some(name) = &cause.patch {
        let package = lane.port_package()?;
        let patch = causes::patch(name).unwrap_or_default();
        match overlay::make(&package, patch, &folder.join("port")) {
            Ok(port) => lane.set_port(Some(&port))?,
            Err(err) => {
                proof.error = Some(err.to_string());
                return Ok(proof);
            }
        }
    }
    let verified = verify(lane, &question, &folder.join("work"), String::new(), &());
    if cause.patch.is_some() {
        lane.set_port(None)?;
    }
    lane.revive()?;
    match verified {
        Err(err) => proof.error = Some(err.to_string()),
        Ok(evidence) => {
            let passes = |id: &str| {
                evidence.check(id).is_none_or(|it| {
                    matches!(it.outcome, Outcome::Pass | Outcome::NotApplicable) || !it.gate
                })
            };
            proof.proved = if cause.passes.is_empty() {
                evidence.verdict_of_asked() == Verdict::Pass
            } else {
                cause.passes.iter().all(|it| passes(it))
            };
            proof.mended = unexplained().filter(|it| passes(it)).cloned().collect();
            proof.verdict_after = Some(evidence.verdict_of_asked());
            proof.max_abs_after = figure(&evidence, "logits-differences", MAX_ABS).map(Real);
        }
    }
    Ok(proof)
}
