//! Verifying every model type that both sides have, and proving why those fail that fail.
//!
//! # Invariants
//!
//! - One subject's crash, hang or refusal costs that subject alone.
//! - A finished subject is on disk before the next one starts; a sweep that was stopped goes on from
//!   there, unless the sources, the causes or this program changed.

use std::{
    collections::{BTreeMap, VecDeque},
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    cancel::Cancel,
    case::Spelling,
    causes::{self, Cause, CauseError, Kind},
    check::{CHECKS, Group},
    digest,
    engine::{EngineError, Sources},
    environment::Engines,
    evidence::{Absence, Evidence, Outcome, Real, Verdict},
    gather::{GatherError, Lane, Question},
    measure::logits::max_or_nan,
    overlay,
    progress::{Event, Progress, Step},
    rundir::write_whole,
    verify::{figure, verify},
};

/// Checks of the second spelling: what can differ is how the config is read.
const SECOND_SPELLING: [&str; 6] = [
    "weights-loaded",
    "config-loads",
    "config-fields",
    "rope-tables",
    "logits-differences",
    "logits-distribution",
];

/// What to sweep.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Only these; every common type when empty.
    pub model_types: Vec<String>,
    pub jobs: usize,
    pub deadline: Duration,
    /// Where finished subjects are kept.
    pub out: PathBuf,
}

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
    pub seconds: f64,
}

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

#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Causes(#[from] CauseError),
    #[error("failed to write `{path}`", path = path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Verify every type in both spellings. Rows come sorted by type, then spelling.
pub fn sweep(
    sweep: &Sweep,
    engines: &Engines,
    sources: &Sources,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Row>, SweepError> {
    let mut first = Lane::start(engines, sources, sweep.deadline, cancel)?;
    let about = first.about()?;
    let types = if sweep.model_types.is_empty() {
        first.common_types()?
    } else {
        sweep.model_types.clone()
    };
    let causes = causes::table()?;
    let program = std::env::current_exe().and_then(|it| digest::of_file(&it)).unwrap_or_default();
    let key = digest::of_bytes(format!("{program} {about:?} {sources:?} {engines:?}").as_bytes());
    let store = Store::open(&sweep.out, &key)?;
    let step = Step::start(progress, "model types", types.len() as u64);
    let queue: Mutex<VecDeque<String>> = Mutex::new(types.into());
    let rows: Mutex<Vec<Row>> = Mutex::default();
    let work = |lane: &mut Lane| -> Result<(), SweepError> {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(model_type) = next else { return Ok(()) };
            let done = if let Some(done) = store.finished(&model_type) {
                done
            } else {
                let done = one_type(lane, &model_type, &causes, &sweep.out, cancel)?;
                store.keep(&model_type, &done)?;
                done
            };
            for row in done.iter().filter(|it| it.verdict != Verdict::Pass) {
                let text = format!(
                    "{} ({}): {}: {}",
                    row.model_type,
                    row.spelling.id(),
                    row.verdict.word(),
                    row.reason.as_deref().unwrap_or_default()
                );
                progress.on(Event::Note { text: &text });
            }
            rows.lock().unwrap_or_else(PoisonError::into_inner).extend(done);
            step.advance(1);
        }
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..sweep.jobs.max(1))
            .map(|_| {
                scope.spawn(|| {
                    let mut lane = Lane::start(engines, sources, sweep.deadline, cancel)?;
                    work(&mut lane)
                })
            })
            .collect();
        let mut result = work(&mut first);
        for other in others {
            let other = other.join().expect("a lane does not panic");
            result = result.and(other);
        }
        result
    })?;
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    rows.sort_by(|a, b| (&a.model_type, a.spelling).cmp(&(&b.model_type, b.spelling)));
    Ok(rows)
}

/// Both spellings of one type; a type that has only one gives one row.
fn one_type(
    lane: &mut Lane,
    model_type: &str,
    causes: &[Cause],
    out: &Path,
    cancel: &Cancel,
) -> Result<Vec<Row>, SweepError> {
    let causes: Vec<&Cause> =
        causes.iter().filter(|it| it.model_types.iter().any(|it| it == model_type)).collect();
    let mut rows = Vec::new();
    for spelling in Spelling::ALL {
        let checks = match spelling {
            Spelling::RopeTheta => CHECKS.iter().map(|it| it.id).collect(),
            Spelling::RopeParameters => SECOND_SPELLING.to_vec(),
        };
        let question = Question { spelling, checks, ..Question::synthetic(model_type) };
        let work = out.join("work").join(format!("{model_type}-{}", spelling.id()));
        let started = Instant::now();
        let verified = verify(lane, &question, &work, String::new(), &());
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled.into());
        }
        lane.revive()?;
        let mut row = match &verified {
            Ok(evidence) => {
                let one_spelling = evidence
                    .subject
                    .synthetic
                    .as_ref()
                    .is_some_and(|it| it.spelling_note.is_some());
                if spelling == Spelling::RopeParameters && one_spelling {
                    break;
                }
                row_of(evidence)
            }
            Err(err) => refused(model_type, spelling, err),
        };
        if row.verdict != Verdict::Pass {
            for cause in &causes {
                let proof = experiment(lane, &question, cause, &row, &work)?;
                if cancel.is_cancelled() {
                    return Err(EngineError::Cancelled.into());
                }
                // In the second spelling the spelling itself may hide what a cause mends.
                let says_something = match spelling {
                    Spelling::RopeTheta => proof.error.is_some() || !proof.mended.is_empty(),
                    Spelling::RopeParameters => proof.proved && !proof.mended.is_empty(),
                };
                if says_something {
                    row.proofs.push(proof);
                }
            }
            row.unexplained = unexplained(&row);
            if let (Spelling::RopeParameters, Some(first)) = (spelling, rows.first())
                && !row.unexplained.is_empty()
            {
                row.proofs.extend(spelling_proof(first, &row));
                row.unexplained = unexplained(&row);
            }
        }
        row.seconds = started.elapsed().as_secs_f64();
        rows.push(row);
        // Best effort: synthetic checkpoints and tensors are made again when needed.
        let _ = fs::remove_dir_all(&work);
    }
    Ok(rows)
}

/// Failed or blocked checks that no proved cause mends.
fn unexplained(row: &Row) -> Vec<String> {
    let mended = |id: &String| row.proofs.iter().any(|it| it.proved && it.mended.contains(id));
    row.failed.iter().chain(&row.not_run).filter(|it| !mended(it)).cloned().collect()
}

/// The same weights, with the settings in the other spelling, are the experiment that the sweep has
/// just made: what passes there, by itself or once its own causes are mended, fails here for the
/// spelling.
fn spelling_proof(first: &Row, second: &Row) -> Option<Proof> {
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
    let proved = first.proofs.iter().filter(|it| it.proved && !it.mended.is_empty());
    let other = proved.max_by_key(|it| it.mended.len());
    let refused = second.failed.iter().any(|it| it == "config-loads");
    Some(Proof {
        kind: if refused { Kind::UnsupportedConfig } else { Kind::PortBug },
        cause: if refused {
            "The port does not read `rope_parameters`, and says so.".into()
        } else {
            "The port does not read `rope_parameters` and runs with its defaults, without a word."
                .into()
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

/// Make the one change of a cause and verify again.
fn experiment(
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
    let question = Question { overrides: cause.set.clone(), ..question.clone() };
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
                evidence.verdict == Verdict::Pass
            } else {
                cause.passes.iter().all(|it| passes(it))
            };
            let bad = before.failed.iter().chain(&before.not_run);
            proof.mended = bad.filter(|it| passes(it)).cloned().collect();
            proof.verdict_after = Some(evidence.verdict);
            proof.max_abs_after = figure(&evidence, "logits-differences", "max |Δ|").map(Real);
        }
    }
    Ok(proof)
}

fn row_of(evidence: &Evidence) -> Row {
    let with = |outcome| {
        let gates = evidence.checks.iter().filter(|it| it.gate && it.outcome == outcome);
        gates.map(|it| it.id.clone()).collect::<Vec<_>>()
    };
    let bound = evidence
        .check("logits-differences")
        .and_then(|it| it.figures.iter().find(|it| it.name == "max |Δ|")?.bound)
        .map(|it| Real(it.limit()));
    Row {
        model_type: evidence.subject.model_type.clone(),
        spelling: evidence.subject.spelling,
        verdict: evidence.verdict,
        max_abs: figure(evidence, "logits-differences", "max |Δ|").map(Real),
        bound,
        worst_multiple: worst_multiple(evidence),
        failed: with(Outcome::Fail),
        not_run: with(Outcome::NotRun),
        reason: reason(evidence),
        proofs: Vec::new(),
        unexplained: Vec::new(),
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
        .filter_map(|it| it.multiple(evidence.regime))
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
        .map(|it| format!("first differs at {} (relative error {:.1e})", it.module, it.error.0));
    let finding = failing().find_map(|it| Some(format!("{}: {}", it.id, it.findings.first()?)));
    let figure = || {
        failing().find_map(|check| {
            let figure = check.figures.iter().find(|it| !it.holds())?;
            Some(format!("{}: {} is {:.1e}", check.id, figure.name, figure.measured.0))
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

fn refused(model_type: &str, spelling: Spelling, err: &GatherError) -> Row {
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
        seconds: 0.0,
    }
}

/// Finished rows on disk, kept for one set of sources.
struct Store {
    folder: PathBuf,
}

impl Store {
    fn open(out: &Path, key: &str) -> Result<Self, SweepError> {
        let folder = out.join("rows");
        let write = |source| SweepError::Write { path: out.to_owned(), source };
        let marker = out.join("sweep.key");
        if fs::read_to_string(&marker).ok().as_deref() != Some(key) {
            let _ = fs::remove_dir_all(&folder);
            write_whole(&marker, key.as_bytes()).map_err(write)?;
        }
        fs::create_dir_all(&folder).map_err(write)?;
        Ok(Self { folder })
    }

    fn finished(&self, model_type: &str) -> Option<Vec<Row>> {
        let text = fs::read_to_string(self.path(model_type)).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn keep(&self, model_type: &str, rows: &[Row]) -> Result<(), SweepError> {
        let path = self.path(model_type);
        let json = serde_json::to_string_pretty(rows).expect("rows are plain data");
        write_whole(&path, json.as_bytes()).map_err(|source| SweepError::Write { path, source })
    }

    fn path(&self, model_type: &str) -> PathBuf {
        self.folder.join(format!("{model_type}.json"))
    }
}

/// How many rows have each verdict, by spelling.
pub fn counts(rows: &[Row]) -> BTreeMap<Spelling, BTreeMap<Verdict, usize>> {
    let mut counts: BTreeMap<Spelling, BTreeMap<Verdict, usize>> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.spelling).or_default().entry(row.verdict).or_default() += 1;
    }
    counts
}
