//! Verifying every model type that both sides have, and proving why those fail that fail.
//!
//! # Invariants
//!
//! - One subject's crash, hang or refusal costs that subject alone.
//! - A finished subject is on disk before the next one starts; a sweep that was stopped goes on from
//!   there, unless the sources, the causes or this program changed.

mod proof;
mod row;

pub use proof::Proof;
pub use row::Row;

use std::{
    collections::{BTreeMap, VecDeque},
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use proof::{experiment, spelling_proof, unexplained, worth_trying};
use row::{refused, row_of};

use crate::{
    cancel::Cancel,
    case::Spelling,
    causes::{self, Cause, CauseError},
    check::CHECKS,
    digest,
    engine::{EngineError, Launch, Pair, Sources},
    evidence::Verdict,
    gather::{Lane, Question},
    progress::{Event, Progress, Step},
    rundir::write_whole,
    verify::verify,
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
    launch: &Launch,
    sources: &Sources,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Row>, SweepError> {
    let mut first = Lane::start(launch, Pair::default(), sources, sweep.deadline, cancel)?;
    let about = first.about()?;
    let types = if sweep.model_types.is_empty() {
        first.common_types()?
    } else {
        sweep.model_types.clone()
    };
    let causes = causes::table()?;
    let program = std::env::current_exe().and_then(|it| digest::of_file(&it)).unwrap_or_default();
    let key =
        digest::of_bytes(format!("{program} {about:?} {sources:?} {:?}", launch.pinned).as_bytes());
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
                    let mut lane =
                        Lane::start(launch, Pair::default(), sources, sweep.deadline, cancel)?;
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
            for cause in worth_trying(&causes, spelling, rows.first()) {
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
