//! One run: how it stands, in memory and on disk.
//!
//! # Invariants
//!
//! - Its state moves forward only: queued, running, then done, failed, cancelled or interrupted.
//! - What is known of it is on disk as well, so another process sees it, and one that comes after this
//!   was killed can resume it.
//! - Whatever writes waits for the disk, so it is called on a blocking thread.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use portwright_harness::{
    cancel::Cancel,
    environment::Home,
    progress::{Event, Progress},
};
use portwright_tools::{
    error::ToolError,
    standing::{self, Claim, Standing, State},
    verify::{self, VerifyInput, VerifyOutput},
};
use tokio::{
    sync::watch,
    task,
    time::{MissedTickBehavior, interval},
};

use crate::{background::blocking, refusal::Refusal, run_id::RunId};

/// How often a run that goes on is written down, and asked whether another process wants it stopped.
const WRITTEN_EVERY: Duration = Duration::from_millis(500);

/// What a run is doing at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) standing: Standing,
    pub(crate) output: Option<VerifyOutput>,
}

/// One run of this server.
pub(crate) struct Job {
    pub(crate) id: RunId,
    cancel: Cancel,
    /// Whether it is stopped because the server ends, and nobody asked for that.
    interrupted: AtomicBool,
    moment: watch::Sender<Moment>,
    steps: Mutex<Vec<OpenStep>>,
    /// Held until it is over.
    claim: Mutex<Option<Claim>>,
}

struct OpenStep {
    name: String,
    done: u64,
    total: Option<u64>,
}

impl Job {
    /// A run that nobody answers for yet, so that nothing of it is on disk.
    pub(crate) fn new(id: RunId, question: VerifyInput) -> Self {
        let standing = Standing::queued(question);
        Self {
            id,
            cancel: Cancel::default(),
            interrupted: AtomicBool::new(false),
            moment: watch::Sender::new(Moment { standing, output: None }),
            steps: Mutex::default(),
            claim: Mutex::default(),
        }
    }

    /// Answer for it from now on: its folder is made, and says how it stands.
    pub(crate) fn answer_for(&self, folder: &Path) -> Result<(), ToolError> {
        let mut held = self.claim();
        let claim = Claim::take(folder).map_err(ToolError::from)?;
        let standing = self.moment().standing;
        claim.tell(&standing)?;
        // Whoever stopped it already found nothing to write.
        *held = Some(claim).filter(|_| !standing.state.is_over());
        Ok(())
    }

    pub(crate) fn moment(&self) -> Moment {
        self.moment.borrow().clone()
    }

    pub(crate) fn state(&self) -> State {
        self.moment.borrow().standing.state
    }

    pub(crate) fn changes(&self) -> watch::Receiver<Moment> {
        self.moment.subscribe()
    }

    /// Stop it: at once when it waits, within moments when it runs, no effect when it is over.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
        self.end_if(|it| it == State::Queued, self.stopped(), |_| {});
    }

    /// As [`Job::cancel`], away from the threads that answer.
    pub(crate) async fn stop(self: &Arc<Self>) -> Result<(), Refusal> {
        let job = Arc::clone(self);
        blocking(move || job.cancel()).await
    }

    /// As [`Job::cancel`], but because the server ends.
    pub(crate) fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
        self.cancel();
    }

    /// Whether it may run now: not when it was cancelled while it waited.
    pub(crate) fn begin(&self) -> bool {
        let claim = self.claim();
        let began = self.moment.send_if_modified(|it| {
            let waits = it.standing.state == State::Queued;
            if waits {
                it.standing.state = State::Running;
            }
            waits
        });
        if began {
            self.write(claim.as_ref());
        }
        began
    }

    pub(crate) fn end(&self, state: State, fill: impl FnOnce(&mut Moment)) {
        self.end_if(|it| !it.is_over(), state, fill);
    }

    /// The claim is locked from the look at the state to its change, so no change comes between.
    fn end_if(
        &self,
        may: impl FnOnce(State) -> bool,
        state: State,
        fill: impl FnOnce(&mut Moment),
    ) {
        let mut claim = self.claim();
        let mut over = self.moment();
        if !may(over.standing.state) {
            return;
        }
        over.standing.state = state;
        over.standing.phase.clear();
        over.standing.ended_ms = Some(standing::now_ms());
        fill(&mut over);
        // Written down first: who hears that it is over may ask another process about it.
        if let Some(claim) = claim.take() {
            // Where this cannot be written, the run is found interrupted once the server has gone.
            let _ = claim.tell(&over.standing);
        }
        self.moment.send_replace(over);
    }

    /// The state of a run that was stopped.
    pub(crate) fn stopped(&self) -> State {
        if self.interrupted.load(Ordering::Relaxed) { State::Interrupted } else { State::Cancelled }
    }

    /// Write down how it stands, while it is not over.
    fn write(&self, claim: Option<&Claim>) {
        if let Some(claim) = claim {
            // The next time comes soon, and a full disk ends the run itself.
            let _ = claim.tell(&self.moment().standing);
        }
    }

    fn is_asked_to_stop(&self) -> bool {
        self.claim().as_ref().is_some_and(Claim::is_asked_to_stop)
    }

    fn claim(&self) -> MutexGuard<'_, Option<Claim>> {
        self.claim.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keep the disk and this run in agreement until it is over.
    pub(crate) async fn keep_written(self: Arc<Self>) {
        let mut changes = self.changes();
        let mut tick = interval(WRITTEN_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if self.state().is_over() {
                return;
            }
            let changed = changes.has_changed().unwrap_or(false);
            changes.mark_unchanged();
            let job = Arc::clone(&self);
            let kept = task::spawn_blocking(move || {
                if job.is_asked_to_stop() {
                    job.cancel();
                }
                if changed {
                    job.write(job.claim().as_ref());
                }
            });
            // Fails only where the server ends.
            let _ = kept.await;
        }
    }

    /// Verify, now that its turn has come, in `folder`.
    pub(crate) fn work(&self, folder: PathBuf, home: &Home) {
        if !self.begin() {
            return;
        }
        let input = VerifyInput { out: Some(folder), ..self.moment().standing.question };
        match verify::verify(&input, home, self, &self.cancel) {
            Ok((output, _)) => self.end(State::Done, |it| it.output = Some(output)),
            Err(err) if err.is_cancelled() => self.end(self.stopped(), |_| {}),
            Err(err) => self.end(State::Failed, |it| {
                it.standing.failure = Some(Refusal::from(&err).into());
            }),
        }
    }

    /// Return once it is over and its engines are gone.
    pub(crate) async fn over(&self) {
        // Fails only when the sender is gone, and the job holds it.
        let _ = self.changes().wait_for(|it| it.standing.state.is_over()).await;
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
            it.standing.phase = phase;
            if let Event::Note { text } = event {
                it.standing.note = Some(text.to_owned());
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(dir: &tempfile::TempDir) -> Job {
        let job = Job::new(RunId::parse("a-1").unwrap(), VerifyInput::default());
        job.answer_for(&dir.path().join("a-1")).unwrap();
        job
    }

    #[test]
    fn a_run_that_is_over_stays_as_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        let job = job(&dir);
        job.cancel();
        assert_eq!(job.state(), State::Cancelled);
        assert!(!job.begin());
        job.end(State::Done, |_| {});
        assert_eq!(job.state(), State::Cancelled);
        assert_eq!(standing::look(&dir.path().join("a-1")).unwrap().state, State::Cancelled);
    }

    #[test]
    fn a_running_run_is_over_only_when_its_work_ends() {
        let dir = tempfile::tempdir().unwrap();
        let job = job(&dir);
        assert!(job.begin());
        job.cancel();
        assert_eq!(job.state(), State::Running);
        assert!(job.cancel.is_cancelled());
        assert_eq!(standing::look(&dir.path().join("a-1")).unwrap().state, State::Running);
    }

    #[test]
    fn the_phase_is_the_innermost_step() {
        let dir = tempfile::tempdir().unwrap();
        let job = job(&dir);
        job.on(Event::Started { step: "install", total: None });
        job.on(Event::Started { step: "bytes", total: Some(10) });
        job.on(Event::Advanced { step: "bytes", by: 3 });
        assert_eq!(job.moment().standing.phase, "bytes: 3 of 10");
        job.on(Event::Note { text: "5.2 GB to download" });
        job.on(Event::Finished { step: "bytes" });
        let standing = job.moment().standing;
        assert_eq!(
            (standing.phase.as_str(), standing.note.as_deref()),
            ("install", Some("5.2 GB to download"))
        );
    }
}
