//! Runs in the background: one at a time, the others wait their turn.
//!
//! # Invariants
//!
//! - A run's state moves forward only: queued, running, then done, failed, cancelled or interrupted.
//! - What is known of a run is on disk as well, so another process sees it, and one that comes after
//!   this was killed can resume it.
//! - Verification happens on a blocking thread, and so does what is written for a run: writing waits
//!   for the disk, and neither the runtime nor another run waits for that.
//! - After [`Jobs::close`] no run is left, and with the runs their engine workers are gone.

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
    runs::{self, RunSummary},
    standing::{self, Claim, Standing, State},
    verify::{self, VerifyInput, VerifyOutput},
};
use tokio::{
    sync::{Semaphore, watch},
    task,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{background::blocking, refusal::Refusal, run_id::RunId};

/// Runs that may wait or run at once.
const MOST_OPEN: usize = 16;
/// Runs that are remembered; finished ones stay on disk when they are forgotten here.
const MOST_KNOWN: usize = 256;

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
    fn new(id: RunId, question: VerifyInput) -> Self {
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
    fn answer_for(&self, folder: &Path) -> Result<(), ToolError> {
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

    /// As [`Job::cancel`], but because the server ends.
    fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
        self.cancel();
    }

    /// Whether it may run now: not when it was cancelled while it waited.
    fn begin(&self) -> bool {
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

    fn end(&self, state: State, fill: impl FnOnce(&mut Moment)) {
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
    fn stopped(&self) -> State {
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
    async fn keep_written(self: Arc<Self>) {
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
    fn work(&self, folder: PathBuf, home: &Home) {
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
        let (held, folder) = (Arc::clone(&job), self.folder(&job.id));
        if let Err(refusal) =
            blocking(move || held.answer_for(&folder)).await.and_then(|it| Ok(it?))
        {
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

/// Give a run a place in the queue. Nobody else can take its name from here on.
fn enter(known: &mut Vec<Arc<Job>>, id: RunId, question: VerifyInput) -> Result<Arc<Job>, Refusal> {
    let open = known.iter().filter(|it| !it.state().is_over()).count();
    if MOST_OPEN <= open {
        return Err(Refusal::new(
            format!("{open} runs are waiting already"),
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
    use super::*;

    fn job(dir: &tempfile::TempDir) -> Job {
        let job = Job::new(RunId::parse("a-1").unwrap(), VerifyInput::default());
        job.answer_for(&dir.path().join("a-1")).unwrap();
        job
    }

    fn jobs(dir: &tempfile::TempDir) -> Arc<Jobs> {
        let home = Home::at(dir.path().join("home")).unwrap();
        Arc::new(Jobs::new(dir.path().join("runs"), home))
    }

    fn olmo3() -> VerifyInput {
        VerifyInput { model_type: "olmo3".into(), ..VerifyInput::default() }
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
