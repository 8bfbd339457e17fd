//! Runs in the background: one at a time, the others wait their turn.
//!
//! # Invariants
//!
//! - A run's state moves forward only: queued, running, then done, failed or cancelled for good.
//! - Verification happens on a blocking thread; the runtime is never held up.
//! - After [`Jobs::close`] no run is left, and with the runs their engine workers are gone.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use portwright_harness::{
    cancel::Cancel,
    environment::Home,
    progress::{Event, Progress},
};
use portwright_tools::verify::{self, VerifyInput, VerifyOutput};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::{
    sync::{Semaphore, watch},
    task,
    time::timeout,
};

use crate::{refusal::Refusal, run_id::RunId};

/// Runs that may wait or run at once.
const MOST_OPEN: usize = 16;
/// Runs that are remembered; finished ones stay on disk when they are forgotten here.
const MOST_KNOWN: usize = 256;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// Another run is being verified; this one comes after it.
    Queued,
    Running,
    /// There is a verdict: see `parity_result`.
    Done,
    /// The question could not be put; there is no verdict.
    Failed,
    Cancelled,
}

impl State {
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What a run is doing at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) state: State,
    /// The step under way, e.g. `verifying olmo3`; empty when there is none.
    pub(crate) phase: String,
    /// The last sentence that was worth reading.
    pub(crate) note: Option<String>,
    pub(crate) output: Option<VerifyOutput>,
    pub(crate) failure: Option<Refusal>,
    ended: Option<Instant>,
}

/// One run of this server.
pub(crate) struct Job {
    pub(crate) id: RunId,
    accepted: Instant,
    cancel: Cancel,
    moment: watch::Sender<Moment>,
    steps: Mutex<Vec<OpenStep>>,
}

struct OpenStep {
    name: String,
    done: u64,
    total: Option<u64>,
}

impl Job {
    fn new(id: RunId) -> Self {
        let moment = Moment {
            state: State::Queued,
            phase: String::new(),
            note: None,
            output: None,
            failure: None,
            ended: None,
        };
        Self {
            id,
            accepted: Instant::now(),
            cancel: Cancel::default(),
            moment: watch::Sender::new(moment),
            steps: Mutex::default(),
        }
    }

    pub(crate) fn moment(&self) -> Moment {
        self.moment.borrow().clone()
    }

    pub(crate) fn changes(&self) -> watch::Receiver<Moment> {
        self.moment.subscribe()
    }

    /// Since it was accepted; stands still once it is over.
    pub(crate) fn elapsed(&self) -> Duration {
        let until = self.moment.borrow().ended.unwrap_or_else(Instant::now);
        until.duration_since(self.accepted)
    }

    /// Stop it: at once when it waits, within moments when it runs, no effect when it is over.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
        if self.moment.borrow().state == State::Queued {
            self.end(State::Cancelled, |_| {});
        }
    }

    /// Whether it may run now: not when it was cancelled while it waited.
    fn begin(&self) -> bool {
        self.moment.send_if_modified(|it| {
            let waits = it.state == State::Queued;
            if waits {
                it.state = State::Running;
            }
            waits
        })
    }

    fn end(&self, state: State, fill: impl FnOnce(&mut Moment)) {
        self.moment.send_if_modified(|it| {
            let open = !it.state.is_over();
            if open {
                it.state = state;
                it.phase.clear();
                it.ended = Some(Instant::now());
                fill(it);
            }
            open
        });
    }

    /// Return once it is over and its engines are gone.
    pub(crate) async fn over(&self) {
        // Fails only when the sender is gone, and the job holds it.
        let _ = self.changes().wait_for(|it| it.state.is_over()).await;
    }
}

impl Progress for Job {
    fn on(&self, event: Event<'_>) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { step, total } => {
                steps.push(OpenStep { name: step.to_owned(), done: 0, total });
            }
            Event::Advanced { step, by } => {
                if let Some(open) = steps.iter_mut().find(|it| it.name == step) {
                    open.done += by;
                }
            }
            Event::Finished { step } => steps.retain(|it| it.name != step),
            Event::Note { .. } => {}
        }
        let phase = steps.last().map_or_else(String::new, |it| match it.total {
            Some(total) => format!("{}: {} of {total}", it.name, it.done),
            None => it.name.clone(),
        });
        self.moment.send_modify(|it| {
            it.phase = phase;
            if let Event::Note { text } = event {
                it.note = Some(text.to_owned());
            }
        });
    }
}

/// Every run that this server started.
pub(crate) struct Jobs {
    root: PathBuf,
    home: Home,
    known: Mutex<Vec<Arc<Job>>>,
    turn: Semaphore,
}

impl Jobs {
    /// Runs are kept in folders under `root`.
    pub(crate) fn new(root: PathBuf, home: Home) -> Self {
        Self { root, home, known: Mutex::default(), turn: Semaphore::new(1) }
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

    /// In the order in which they were accepted.
    pub(crate) fn all(&self) -> Vec<Arc<Job>> {
        self.known().clone()
    }

    /// Accept a run; it begins when its turn comes.
    pub(crate) fn start(self: &Arc<Self>, mut input: VerifyInput) -> Result<Arc<Job>, Refusal> {
        let job = {
            let mut known = self.known();
            let open = known.iter().filter(|it| !it.moment().state.is_over()).count();
            if MOST_OPEN <= open {
                return Err(Refusal::new(
                    format!("{open} runs are waiting already"),
                    "wait until one is over (`parity_status`), or stop one with `cancel_parity`",
                ));
            }
            let id = self.fresh_id(&known, &input.model_type)?;
            input.out = Some(self.folder(&id));
            let job = Arc::new(Job::new(id));
            known.push(Arc::clone(&job));
            if MOST_KNOWN < known.len()
                && let Some(oldest) = known.iter().position(|it| it.moment().state.is_over())
            {
                known.remove(oldest);
            }
            job
        };
        tokio::spawn(Arc::clone(self).run(Arc::clone(&job), input));
        Ok(job)
    }

    /// Stop every run and wait until their engines are gone, for at most `patience`.
    pub(crate) async fn close(&self, patience: Duration) {
        self.turn.close();
        let jobs = self.all();
        for job in &jobs {
            job.cancel();
        }
        let over = async {
            for job in &jobs {
                job.over().await;
            }
        };
        // Whoever is late loses its workers all the same: they end when our end of their pipes does.
        let _ = timeout(patience, over).await;
    }

    async fn run(self: Arc<Self>, job: Arc<Job>, input: VerifyInput) {
        let Ok(_turn) = self.turn.acquire().await else {
            return job.end(State::Cancelled, |_| {});
        };
        if !job.begin() {
            return;
        }
        let (home, worked) = (self.home.clone(), Arc::clone(&job));
        let outcome =
            task::spawn_blocking(move || verify::verify(&input, &home, &*worked, &worked.cancel))
                .await;
        match outcome {
            Ok(Ok((output, _))) => job.end(State::Done, |it| it.output = Some(output)),
            Ok(Err(err)) if err.is_cancelled() => job.end(State::Cancelled, |_| {}),
            Ok(Err(err)) => job.end(State::Failed, |it| it.failure = Some((&err).into())),
            Err(bug) => job.end(State::Failed, |it| {
                let hint = "this is a bug of Portwright; its stderr says where";
                it.failure = Some(Refusal::new(format!("the run ended unexpectedly: {bug}"), hint));
            }),
        }
    }

    fn fresh_id(&self, known: &[Arc<Job>], model_type: &str) -> Result<RunId, Refusal> {
        let taken = |id: &RunId| known.iter().any(|it| it.id == *id) || self.folder(id).exists();
        loop {
            let Some(id) = RunId::fresh(model_type) else {
                return Err(Refusal::new(
                    format!("`{model_type}` is no model type"),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        Job::new(RunId::parse("a-1").unwrap())
    }

    #[test]
    fn a_run_that_is_over_stays_as_it_ended() {
        let job = job();
        job.cancel();
        assert_eq!(job.moment().state, State::Cancelled);
        assert!(!job.begin());
        job.end(State::Done, |_| {});
        assert_eq!(job.moment().state, State::Cancelled);
        let elapsed = job.elapsed();
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(job.elapsed(), elapsed);
    }

    #[test]
    fn a_running_run_is_over_only_when_its_work_ends() {
        let job = job();
        assert!(job.begin());
        job.cancel();
        assert_eq!(job.moment().state, State::Running);
        assert!(job.cancel.is_cancelled());
    }

    #[test]
    fn the_phase_is_the_innermost_step() {
        let job = job();
        job.on(Event::Started { step: "install", total: None });
        job.on(Event::Started { step: "bytes", total: Some(10) });
        job.on(Event::Advanced { step: "bytes", by: 3 });
        assert_eq!(job.moment().phase, "bytes: 3 of 10");
        job.on(Event::Note { text: "5.2 GB to download" });
        job.on(Event::Finished { step: "bytes" });
        let moment = job.moment();
        assert_eq!(
            (moment.phase.as_str(), moment.note.as_deref()),
            ("install", Some("5.2 GB to download"))
        );
    }

    #[tokio::test]
    async fn closing_ends_what_waits_and_starts_nothing_more() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home")).unwrap();
        let jobs = Arc::new(Jobs::new(dir.path().join("runs"), home));
        let turn = jobs.turn.acquire().await.unwrap();
        let input = |it: &str| VerifyInput { model_type: it.into(), ..VerifyInput::default() };
        let first = jobs.start(input("olmo3")).unwrap();
        let second = jobs.start(input("olmo3")).unwrap();
        assert_ne!(first.id, second.id);
        assert!(jobs.start(input("../etc")).is_err());
        jobs.close(Duration::from_secs(5)).await;
        drop(turn);
        assert_eq!(second.moment().state, State::Cancelled);
        assert!(!jobs.root().exists());
    }

    #[tokio::test]
    async fn the_queue_has_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home")).unwrap();
        let jobs = Arc::new(Jobs::new(dir.path().join("runs"), home));
        let _turn = jobs.turn.acquire().await.unwrap();
        let input = || VerifyInput { model_type: "olmo3".into(), ..VerifyInput::default() };
        for _ in 0..MOST_OPEN {
            jobs.start(input()).unwrap();
        }
        assert!(jobs.start(input()).is_err());
        jobs.all()[0].cancel();
        assert!(jobs.start(input()).is_ok());
    }
}
