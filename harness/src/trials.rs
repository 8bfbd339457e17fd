//! The harness itself on trial: ports that are right, with other weights and tokens, and the same ports with
//! a bug in their structure, in both regimes.
//!
//! What a right port does over seeds shows how far its figures come to their bounds, and must never fail. A
//! structural bug ([`PLANTS`]) must fail in either regime, or the run must say that it has no power.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use include_dir::{Dir, include_dir};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    cancel::Cancel,
    case::Regime,
    check::deciding_at_one_config,
    engine::{EngineError, Launch, Pair, Sources},
    evidence::Evidence,
    figure::Real,
    gather::{GatherError, Lane, Question},
    kept::{Kept, KeptError},
    lanes,
    outcome::{Outcome, Verdict},
    overlay::{self, OverlayError},
    progress::{Progress, Step},
    verify::{verify, worst_multiple},
};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/trials");

/// Structural bugs that any port can have: each is code that is added to the port's file, and what it does.
pub const PLANTS: [(&str, &str); 3] = [
    ("norm-too-early", "a layer reads its input normalised: pre-norm for post-norm"),
    ("residual-scale-lost", "each layer adds half of what it should"),
    ("constant-head", "every position predicts the same"),
];

/// What is asked of a port with a structural bug: the plain forward, as a whole and layer by layer.
const PLAIN: [&str; 5] =
    ["logits-differences", "logits-distribution", "logits-top-k", "taps-agree", "layers-alone"];

/// What is tried.
#[derive(Clone, Debug)]
pub struct Trials {
    pub model_types: Vec<String>,
    /// With how many seeds a right port is asked.
    pub seeds: u64,
    pub jobs: usize,
    pub deadline: Duration,
    /// Where finished model types are kept.
    pub out: PathBuf,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trial {
    pub model_type: String,
    pub regime: Regime,
    pub seed: u64,
    /// What was planted; nothing in a right port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plant: Option<String>,
    pub verdict: Verdict,
    /// Deciding checks that failed or could not run.
    pub failed: Vec<String>,
    pub not_run: Vec<String>,
    /// The worst multiple of its noise floor of a deciding figure.
    pub worst_multiple: Option<Real>,
    pub seconds: Real,
}

impl Trial {
    /// A right port must not fail; a wrong one must, or the run says that it has no power.
    pub fn is_as_it_should_be(&self) -> bool {
        match (self.plant.is_some(), self.verdict) {
            (false, verdict) => verdict != Verdict::Fail,
            (true, verdict) => matches!(verdict, Verdict::Fail | Verdict::NotRun),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    #[error(transparent)]
    Gather(#[from] GatherError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Kept(#[from] KeptError),
    #[error("failed to plant `{plant}` on the port of {model_type}")]
    Overlay {
        plant: &'static str,
        model_type: String,
        #[source]
        source: OverlayError,
    },
    #[error("the port of {model_type} is not right as it is, so a moved constant shows nothing")]
    NotRight { model_type: String },
    #[error("the port's file of {model_type} cannot be read")]
    Port {
        model_type: String,
        #[source]
        source: std::io::Error,
    },
}

/// Run every trial. They come in the order of the model types.
///
/// # Errors
///
/// Where a question cannot be put, a plant cannot be planted, or the run is cancelled. What is done by then
/// is kept.
pub fn run(
    trials: &Trials,
    launch: &Launch,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Trial>, TrialError> {
    let sources = Sources::default();
    let start = || Ok(Lane::start(launch, Pair::native(), &sources, trials.deadline, cancel)?);
    let mut first: Lane = start()?;
    let about = first.about()?;
    let key = launch.key(&about)?.and("deadline", &trials.deadline).and("seeds", &trials.seeds);
    let kept = Kept::open(&trials.out.join("rows"), key, first.packages()?)?;
    let step = Step::start(progress, "model types", trials.model_types.len() as u64);
    let work = |lane: &mut Lane, model_type: String| -> Result<Vec<Trial>, TrialError> {
        let done = if let Some((done, _)) = kept.find(&model_type) {
            done
        } else {
            let one = |lane: &mut Lane| of_type(lane, trials, &model_type);
            let (done, files) = lane.noting_files(one)?;
            kept.keep(&model_type, &files, &done)?;
            done
        };
        step.advance(1);
        Ok(done)
    };
    Ok(lanes::each(trials.model_types.clone(), trials.jobs, first, start, work)?.concat())
}

fn of_type(lane: &mut Lane, trials: &Trials, model_type: &str) -> Result<Vec<Trial>, TrialError> {
    let folder = trials.out.join("work").join(model_type);
    let mut done = Vec::new();
    let mut file = None;
    for regime in [Regime::Logic, Regime::Native] {
        for seed in 0..trials.seeds {
            let question = Question {
                regime,
                seed,
                checks: deciding_at_one_config(),
                ..Question::synthetic(model_type)
            };
            let evidence = verify(lane, &question, &folder, String::new(), &())?;
            file = file.or_else(|| evidence.subject.port.as_ref().map(|it| it.path.clone()));
            done.push(trial(&evidence, None));
        }
    }
    for (plant, _) in PLANTS {
        // A port that did not come so far has nothing to plant in.
        let Some(file) = &file else { break };
        let code = FILES.get_file(format!("{plant}.py")).and_then(|it| it.contents_utf8());
        let what = Planted { model_type, file, plant };
        what.plant(lane, code.unwrap_or_default(), &folder.join(plant))?;
        for regime in [Regime::Logic, Regime::Native] {
            let checks = PLAIN.to_vec();
            let question = Question { regime, checks, ..Question::synthetic(model_type) };
            let evidence = verify(lane, &question, &folder.join("run"), String::new(), &())?;
            done.push(trial(&evidence, Some(plant)));
        }
    }
    lane.set_port(None)?;
    // Best effort: synthetic checkpoints and copies are made again when needed.
    let _ = fs::remove_dir_all(&folder);
    Ok(done)
}

/// What is planted, and where.
pub(crate) struct Planted<'a> {
    pub(crate) model_type: &'a str,
    /// The port's file, as evidence names it: its path begins with the package.
    pub(crate) file: &'a str,
    pub(crate) plant: &'static str,
}

impl Planted<'_> {
    /// Runs a copy of the port's package, made at `to`, with `code` added to the port's file.
    pub(crate) fn plant(&self, lane: &mut Lane, code: &str, to: &Path) -> Result<(), TrialError> {
        let model_type = || self.model_type.to_owned();
        let package = lane.port_package()?;
        let name = self.file.split_once('/').map_or(self.file, |it| it.1);
        let text = fs::read_to_string(package.join(name))
            .map_err(|source| TrialError::Port { model_type: model_type(), source })?;
        overlay::with_files(&package, &[(name, format!("{text}\n\n{code}"))], to).map_err(
            |source| TrialError::Overlay { plant: self.plant, model_type: model_type(), source },
        )?;
        Ok(lane.set_port(Some(to))?)
    }
}

fn trial(evidence: &Evidence, plant: Option<&str>) -> Trial {
    Trial {
        model_type: evidence.subject.model_type.clone(),
        regime: evidence.regime,
        seed: evidence.subject.seed,
        plant: plant.map(str::to_owned),
        verdict: evidence.verdict_of_asked(),
        failed: evidence.gates_with(Outcome::Fail),
        not_run: evidence.gates_with(Outcome::NotRun),
        worst_multiple: worst_multiple(evidence),
        seconds: Real(evidence.clock.seconds.values().map(|it| it.0).sum()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::CHECKS;

    #[test]
    fn every_plant_has_its_code_and_what_is_asked_are_checks() {
        for (plant, _) in PLANTS {
            assert!(FILES.get_file(format!("{plant}.py")).is_some(), "{plant}");
        }
        assert_eq!(FILES.files().count(), PLANTS.len());
        assert!(PLAIN.iter().all(|id| CHECKS.iter().any(|it| it.id == *id)));
    }

    #[test]
    fn a_run_without_power_is_honest_of_a_wrong_port_and_no_alarm_of_a_right_one() {
        let of = |plant: Option<&str>, verdict| {
            let trial = Trial {
                model_type: "llama".into(),
                regime: Regime::Native,
                seed: 0,
                plant: plant.map(str::to_owned),
                verdict,
                failed: Vec::new(),
                not_run: Vec::new(),
                worst_multiple: None,
                seconds: Real(1.0),
            };
            trial.is_as_it_should_be()
        };
        assert!(of(None, Verdict::Pass) && of(None, Verdict::NotRun) && !of(None, Verdict::Fail));
        let planted = |verdict| of(Some("constant-head"), verdict);
        assert!(planted(Verdict::Fail) && planted(Verdict::NotRun));
        assert!(!planted(Verdict::Pass) && !planted(Verdict::Partial));
    }
}
