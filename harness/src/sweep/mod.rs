//! Verifying every model type that both sides have, and proving why those fail that fail.
//!
//! # Invariants
//!
//! - One subject's crash, hang or refusal costs that subject alone.
//! - A finished subject is on disk before the next one starts; a sweep that was stopped goes on from
//!   there, unless the contents of what it rests on changed ([`crate::kept`]).

mod proof;
mod row;

pub use proof::Proof;
pub use row::{Power, Row};

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use proof::{experiment, spelling_proof, unexplained, variation_proof, worth_trying};
use row::{refused, row_of};

use crate::{
    cancel::Cancel,
    case::{Regime, Spelling},
    causes::{self, Cause, CauseError},
    engine::{About, EngineError, EngineKind, Launch, Pair, Sources},
    gather::{Lane, Question},
    kept::{Kept, KeptError},
    lanes,
    outcome::Verdict,
    progress::{Event, Progress, Step},
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
    pub pair: Pair,
    pub regime: Regime,
    /// What is asked in the first spelling.
    pub checks: Vec<&'static str>,
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
    #[error(transparent)]
    Kept(#[from] KeptError),
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Swept {
    /// The engines that spoke.
    pub engines: BTreeMap<EngineKind, About>,
    /// Sorted by type, then spelling.
    pub rows: Vec<Row>,
}

/// Verify every type in both spellings.
pub fn sweep(
    sweep: &Sweep,
    launch: &Launch,
    sources: &Sources,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Swept, SweepError> {
    let launch = launch.clone().in_regime(sweep.regime);
    let mut first = Lane::start(&launch, sweep.pair, sources, sweep.deadline, cancel)?;
    let about = first.about()?;
    let types = if sweep.model_types.is_empty() {
        first.common_types()?
    } else {
        sweep.model_types.clone()
    };
    let causes = causes::table()?;
    let key = launch.key(&about)?.and("deadline", &sweep.deadline).and("checks", &sweep.checks);
    let key = key.and("regime", &sweep.regime);
    let kept = Kept::open(&sweep.out.join("rows"), key, first.packages()?)?;
    let step = Step::start(progress, "model types", types.len() as u64);
    let work = |lane: &mut Lane, model_type: String| -> Result<Vec<Row>, SweepError> {
        let done = if let Some((done, _)) = kept.find(&model_type) {
            done
        } else {
            let one = |lane: &mut Lane| one_type(lane, &model_type, sweep, &causes, cancel);
            let (done, files) = lane.noting_files(one)?;
            kept.keep(&model_type, &files, &done)?;
            done
        };
        for row in done.iter().filter(|it: &&Row| it.verdict != Verdict::Pass) {
            let text = format!(
                "{} ({}): {}: {}",
                row.model_type,
                row.spelling.id(),
                row.verdict.word(),
                row.reason.as_deref().unwrap_or_default()
            );
            progress.on(Event::Note { text: &text });
        }
        step.advance(1);
        Ok(done)
    };
    let start = || Ok(Lane::start(&launch, sweep.pair, sources, sweep.deadline, cancel)?);
    let mut rows = lanes::each(types, sweep.jobs, first, start, work)?.concat();
    rows.sort_by(|a, b| (&a.model_type, a.spelling).cmp(&(&b.model_type, b.spelling)));
    Ok(Swept { engines: about, rows })
}

/// Both spellings of one type; a type that has only one gives one row.
fn one_type(
    lane: &mut Lane,
    model_type: &str,
    sweep: &Sweep,
    causes: &[Cause],
    cancel: &Cancel,
) -> Result<Vec<Row>, SweepError> {
    let causes: Vec<&Cause> =
        causes.iter().filter(|it| it.model_types.iter().any(|it| it == model_type)).collect();
    let mut rows = Vec::new();
    for spelling in Spelling::ALL {
        let checks = match spelling {
            Spelling::RopeTheta => sweep.checks.clone(),
            Spelling::RopeParameters => SECOND_SPELLING.to_vec(),
        };
        let question =
            Question { spelling, checks, regime: sweep.regime, ..Question::synthetic(model_type) };
        let work = sweep.out.join("work").join(format!("{model_type}-{}", spelling.id()));
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
            Err(err) => refused(&question, err),
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
            row.proofs.extend(variation_proof(&row));
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

/// How many rows have each verdict, by spelling.
pub fn counts(rows: &[Row]) -> BTreeMap<Spelling, BTreeMap<Verdict, usize>> {
    let mut counts: BTreeMap<Spelling, BTreeMap<Verdict, usize>> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.spelling).or_default().entry(row.verdict).or_default() += 1;
    }
    counts
}
