//! Runs in the background: one at a time, the others wait their turn.
//!
//! # Invariants
//!
//! - Verification happens on a blocking thread, and so does what is written for a run: neither the
//!   runtime nor another run waits for the disk.
//! - After [`Jobs::close`] no run is left, and with the runs their engine workers are gone.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use portwright_harness::environment::Home;
use portwright_tools::{
    count::counted,
    runs::{self, RunSummary},
    standing::State,
    verify::VerifyInput,
};
use tokio::{sync::Semaphore, task, time::timeout};

use crate::{background::blocking, job::Job, refusal::Refusal, run_id::RunId};

/// Runs that may wait or run at once.
const MOST_OPEN: usize = 16;
/// Runs that are remembered; finished ones stay on disk when they are forgotten here.
const MOST_KNOWN: usize = 256;

/// Every run that this server started.
pub(crate) struct Jobs {
    root: PathBuf,
    home: Home,
    known: Mutex<Vec<Arc<Job>>>,
    finished: runs::Index,
    turn: Semaphore,
}

impl Jobs {
    /// Runs are kept in folders under `root`.
    pub(crate) fn new(root: PathBuf, home: Home) -> Self {
        Self {
            root,
            home,
            known: Mutex::default(),
            finished: runs::Index::default(),
            turn: Semaphore::new(1),
        }
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn folder(&self, id: &RunId) -> PathBuf {
        self.root.join(id.as_str())
    }

    pub(crate) fn get(&self, id: &RunId) -> Option<Arc<Job>> {
        self.known().iter().find(|it| it.id == *id).cloned()
    }

    /// Every finished run in the folder of runs, newest first.
    pub(crate) fn finished(&self) -> Vec<RunSummary> {
        self.finished.list(&self.root)
    }

    /// Accept a run; it begins when its turn comes.
    pub(crate) async fn start(self: &Arc<Self>, input: VerifyInput) -> Result<Arc<Job>, Refusal> {
        let job = {
            let mut known = self.known();
            let id = self.fresh_id(&known, &input.model_type)?;
            enter(&mut known, id, input)?
        };
        self.accept(job).await
    }

    /// Accept a run again that ended without a verdict: the same question, in the same folder.
    pub(crate) async fn resume(
        self: &Arc<Self>,
        id: RunId,
        question: VerifyInput,
    ) -> Result<Arc<Job>, Refusal> {
        let job = {
            let mut known = self.known();
            if let Some(open) = known.iter().find(|it| it.id == id && !it.state().is_over()) {
                return Ok(Arc::clone(open));
            }
            let over = known.iter().position(|it| it.id == id).map(|it| known.remove(it));
            match enter(&mut known, id, question) {
                Ok(job) => job,
                Err(refusal) => {
                    known.extend(over);
                    return Err(refusal);
                }
            }
        };
        self.accept(job).await
    }

    /// Answer for a run that was entered, and let it wait for its turn.
    async fn accept(self: &Arc<Self>, job: Arc<Job>) -> Result<Arc<Job>, Refusal> {
        let (held, folder, root) = (Arc::clone(&job), self.folder(&job.id), self.root.clone());
        let answered = move || {
            if root.ends_with(runs::RUNS) {
                runs::keep_out_of_git(&root);
            }
            held.answer_for(&folder)
        };
        if let Err(refusal) = blocking(answered).await.and_then(|it| Ok(it?)) {
            self.known().retain(|it| !Arc::ptr_eq(it, &job));
            return Err(refusal);
        }
        tokio::spawn(Arc::clone(&job).keep_written());
        tokio::spawn(Arc::clone(self).run(Arc::clone(&job)));
        Ok(job)
    }

    /// Stop every run and wait until their engines are gone, for at most `patience`.
    pub(crate) async fn close(&self, patience: Duration) {
        self.turn.close();
        let jobs = self.known().clone();
        for job in &jobs {
            job.interrupt();
        }
        let over = async {
            for job in &jobs {
                job.over().await;
            }
        };
        // Whoever is late loses its workers all the same: they end when our end of their pipes does.
        let _ = timeout(patience, over).await;
    }

    async fn run(self: Arc<Self>, job: Arc<Job>) {
        let turn = self.turn.acquire().await;
        let (home, folder, worked) = (self.home.clone(), self.folder(&job.id), Arc::clone(&job));
        let may_begin = turn.is_ok();
        let worked = task::spawn_blocking(move || {
            if may_begin {
                worked.work(folder, &home);
            } else {
                worked.end(worked.stopped(), |_| {});
            }
        });
        if let Err(bug) = worked.await {
            job.end(State::Failed, |it| {
                let hint = "this is a bug of Portwright; its stderr says where";
                let refusal = Refusal::new(format!("the run ended unexpectedly: {bug}"), hint);
                it.standing.failure = Some(refusal.into());
            });
        }
    }

    fn fresh_id(&self, known: &[Arc<Job>], model_type: &str) -> Result<RunId, Refusal> {
        let taken = |id: &RunId| known.iter().any(|it| it.id == *id) || self.folder(id).exists();
        loop {
            let Some(id) = RunId::fresh(model_type) else {
                return Err(Refusal::new(
                    format!("`{model_type}` is not a model type"),
                    "a model type is what config.json calls `model_type`, e.g. `olmo3`",
                ));
            };
            // The names differ by the millisecond.
            if !taken(&id) {
                return Ok(id);
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Vec<Arc<Job>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Give a run a place in the queue. Nobody else can take its name from here on.
fn enter(known: &mut Vec<Arc<Job>>, id: RunId, question: VerifyInput) -> Result<Arc<Job>, Refusal> {
    let open = known.iter().filter(|it| !it.state().is_over()).count();
    if MOST_OPEN <= open {
        return Err(Refusal::new(
            format!("{} waiting already", counted(open, "run is", "runs are")),
            "wait until one is over (`parity_status`), or stop one with `cancel_parity`",
        ));
    }
    let job = Arc::new(Job::new(id, question));
    known.push(Arc::clone(&job));
    if MOST_KNOWN < known.len()
        && let Some(oldest) = known.iter().position(|it| it.state().is_over())
    {
        known.remove(oldest);
    }
    Ok(job)
}

#[cfg(test)]
mod tests {
    use portwright_tools::standing;

    use super::*;

    fn jobs(dir: &tempfile::TempDir) -> Arc<Jobs> {
        let home = Home::at(dir.path().join("home")).unwrap();
        Arc::new(Jobs::new(dir.path().join("runs"), home))
    }

    fn olmo3() -> VerifyInput {
        VerifyInput { model_type: "olmo3".into(), ..VerifyInput::default() }
    }

    #[tokio::test]
    async fn closing_ends_what_waits_and_starts_nothing_more() {
        let dir = tempfile::tempdir().unwrap();
        let jobs = jobs(&dir);
        let turn = jobs.turn.acquire().await.unwrap();
        let first = jobs.start(olmo3()).await.unwrap();
        let second = jobs.start(olmo3()).await.unwrap();
        assert_ne!(first.id, second.id);
        let wrong = VerifyInput { model_type: "../etc".into(), ..VerifyInput::default() };
        assert!(jobs.start(wrong).await.is_err());
        jobs.close(Duration::from_secs(5)).await;
        drop(turn);
        // Nobody asked for that, and the next server can go on with it.
        assert_eq!(second.state(), State::Interrupted);
        let found = standing::look(&jobs.folder(&second.id)).unwrap();
        assert_eq!((found.state, found.question.model_type), (State::Interrupted, "olmo3".into()));
    }

    #[tokio::test]
    async fn the_queue_has_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let jobs = jobs(&dir);
        let _turn = jobs.turn.acquire().await.unwrap();
        for _ in 0..MOST_OPEN {
            jobs.start(olmo3()).await.unwrap();
        }
        assert!(jobs.start(olmo3()).await.is_err());
        let first = jobs.known()[0].clone();
        first.cancel();
        let resumed = jobs.resume(first.id.clone(), olmo3()).await.unwrap();
        assert_eq!((&resumed.id, resumed.state()), (&first.id, State::Queued));
        // A run that is open is not begun twice.
        assert!(Arc::ptr_eq(&jobs.resume(first.id.clone(), olmo3()).await.unwrap(), &resumed));
    }
}
