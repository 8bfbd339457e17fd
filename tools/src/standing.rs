//! Where a run stands, on disk: whoever shares the folder of runs sees the same, whichever process
//! works on it, and can take up again what was interrupted.
//!
//! # Invariants
//!
//! - A run that is not over is held by a living process through a lock, which the operating system
//!   lets go when the process dies: so a run whose process was killed is seen to be interrupted.
//! - A run with evidence is done, whatever else its folder says: evidence is written last.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use portwright_harness::{
    held::Held,
    rundir::{EVIDENCE, RunDir, RunDirError, write_whole},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::verify::VerifyInput;

const STANDING: &str = "standing.json";
/// Locked for as long as a process answers for the run.
const OWNER: &str = ".owner";
/// There when another process wants the run stopped.
const STOP: &str = ".stop";

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Another run is being verified; this one comes after it.
    Queued,
    Running,
    /// There is a verdict.
    Done,
    /// The question could not be put; there is no verdict.
    Failed,
    Cancelled,
    /// Its process ended before the run did; it can be resumed.
    Interrupted,
}

impl State {
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why a run has no verdict, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub fact: String,
    pub hint: Option<String>,
}

/// A run as its folder tells it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// What was asked, without the folder.
    pub question: VerifyInput,
    pub state: State,
    /// The step under way, e.g. `verifying olmo3`.
    pub phase: String,
    pub note: Option<String>,
    pub failure: Option<Failure>,
    /// Milliseconds since 1970.
    pub accepted_ms: i64,
    pub ended_ms: Option<i64>,
}

impl Standing {
    /// A run that was accepted just now.
    pub fn queued(question: VerifyInput) -> Self {
        Self {
            question,
            state: State::Queued,
            phase: String::new(),
            note: None,
            failure: None,
            accepted_ms: now_ms(),
            ended_ms: None,
        }
    }

    /// Seconds since it was accepted; they stand still once it is over.
    pub fn elapsed_seconds(&self) -> f64 {
        (self.ended_ms.unwrap_or_else(now_ms) - self.accepted_ms).max(0) as f64 / 1000.0
    }
}

pub fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// A process's word that it answers for a run; given back when dropped, or when the process dies.
#[derive(Debug)]
pub struct Claim {
    folder: PathBuf,
    _lock: Held,
}

impl Claim {
    /// Make the run's folder if it is not there, and answer for it.
    ///
    /// # Errors
    ///
    /// Fails when another process answers for it, or when the folder is of something else.
    pub fn take(folder: &Path) -> Result<Self, RunDirError> {
        // Makes sure that it is a run's folder, or becomes one.
        drop(RunDir::open(folder)?);
        let write = |path: &Path, source| RunDirError::Write { path: path.to_owned(), source };
        let path = folder.join(OWNER);
        let Some(lock) = Held::take(&path).map_err(|it| write(&path, it))? else {
            return Err(RunDirError::Busy { path: folder.to_owned() });
        };
        // What an earlier owner was asked is no matter of this one; most often there is nothing.
        let _ = fs::remove_file(folder.join(STOP));
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// Tell how the run stands.
    pub fn tell(&self, standing: &Standing) -> Result<(), RunDirError> {
        let path = self.folder.join(STANDING);
        let json = serde_json::to_vec_pretty(standing).map_err(std::io::Error::other);
        json.and_then(|it| write_whole(&path, &it))
            .map_err(|source| RunDirError::Write { path, source })
    }

    /// Whether another process asked to stop it.
    pub fn is_asked_to_stop(&self) -> bool {
        self.folder.join(STOP).exists()
    }
}

/// Ask the process that answers for the run in `folder` to stop it; it looks every half second.
pub fn ask_to_stop(folder: &Path) -> Result<(), RunDirError> {
    let path = folder.join(STOP);
    write_whole(&path, b"").map_err(|source| RunDirError::Write { path, source })
}

/// How the run in `folder` stands; `None` when no process ever answered for one there.
pub fn look(folder: &Path) -> Option<Standing> {
    let mut standing = read(folder)?;
    if !standing.state.is_over() && !is_claimed(folder) {
        // Between the two looks it may have ended well.
        standing = read(folder)?;
        if !standing.state.is_over() {
            standing.state = State::Interrupted;
            standing.phase.clear();
            standing.ended_ms = Some(written_ms(folder).unwrap_or(standing.accepted_ms));
        }
    }
    if standing.state.is_over() && folder.join(EVIDENCE).is_file() {
        standing.state = State::Done;
    }
    Some(standing)
}

/// Every run under `root` that a process answers or answered for, newest first.
pub fn list(root: &Path) -> Vec<(PathBuf, Standing)> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let mut runs: Vec<(PathBuf, Standing)> = entries
        .filter_map(|it| {
            let path = it.ok()?.path();
            let standing = look(&path)?;
            Some((path, standing))
        })
        .collect();
    runs.sort_by(|a, b| b.1.accepted_ms.cmp(&a.1.accepted_ms).then(a.0.cmp(&b.0)));
    runs
}

fn read(folder: &Path) -> Option<Standing> {
    serde_json::from_slice(&fs::read(folder.join(STANDING)).ok()?).ok()
}

/// Whether a living process holds the run. A shared lock is let go at once, so that looking at a run
/// hardly ever stands in the way of taking it.
fn is_claimed(folder: &Path) -> bool {
    let Ok(lock) = File::open(folder.join(OWNER)) else { return false };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// When the run last told how it stands.
fn written_ms(folder: &Path) -> Option<i64> {
    let written = fs::metadata(folder.join(STANDING)).ok()?.modified().ok()?;
    Some(Timestamp::try_from(written).ok()?.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(state: State) -> Standing {
        let question = VerifyInput { model_type: "olmo3".into(), ..VerifyInput::default() };
        Standing { state, ..Standing::queued(question) }
    }

    #[test]
    fn a_run_without_its_process_is_interrupted() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("olmo3-1");
        assert!(look(&folder).is_none());
        let claim = Claim::take(&folder).unwrap();
        claim.tell(&standing(State::Running)).unwrap();
        assert_eq!(look(&folder).unwrap().state, State::Running);
        drop(claim);
        let found = look(&folder).unwrap();
        assert_eq!(found.state, State::Interrupted);
        assert!(found.ended_ms.is_some());
        assert_eq!(found.question.model_type, "olmo3");
        // Evidence is written last, so it was done by then.
        fs::write(folder.join(EVIDENCE), "{}").unwrap();
        assert_eq!(look(&folder).unwrap().state, State::Done);
    }

    #[test]
    fn one_process_at_a_time_answers_for_a_run() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("olmo3-1");
        let first = Claim::take(&folder).unwrap();
        assert!(matches!(Claim::take(&folder), Err(RunDirError::Busy { .. })));
        ask_to_stop(&folder).unwrap();
        assert!(first.is_asked_to_stop());
        drop(first);
        assert!(!Claim::take(&folder).unwrap().is_asked_to_stop());
    }

    #[test]
    fn a_run_that_is_over_stays_as_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        for state in [State::Failed, State::Cancelled] {
            let folder = dir.path().join(state.word());
            Claim::take(&folder).unwrap().tell(&standing(state)).unwrap();
            assert_eq!(look(&folder).unwrap().state, state);
        }
        assert_eq!(list(dir.path()).len(), 2);
    }

    #[test]
    fn the_clock_stands_still_when_it_is_over() {
        let over = Standing { accepted_ms: 1000, ended_ms: Some(3500), ..standing(State::Failed) };
        assert!((over.elapsed_seconds() - 2.5).abs() < 1e-9);
    }
}
