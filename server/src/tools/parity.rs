//! Runs: started, followed, read, stopped and explained.

use std::{sync::Arc, time::Duration};

use portwright_harness::evidence::Evidence;
use portwright_tools::{
    error::ToolError,
    explain, runs,
    standing::{self, Standing, State},
};
use rmcp::{
    RoleServer,
    handler::server::{tool::schema_for_output, wrapper::Parameters},
    model::ProgressNotificationParam,
    service::RequestContext,
    tool, tool_router,
};
use tokio::{select, time};

use super::PortServer;
use crate::{
    answer::{Answer, Divergence, RunResult, RunStatus},
    background::blocking,
    input::{self, OfRun, RowsOfRun, RunParity},
    job::Job,
    refusal::Refusal,
    resources,
    run_id::RunId,
};

/// How often a call that waits says how long it has waited.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Runs that are named when one is not known.
const RUNS_NAMED: usize = 10;

#[tool_router(router = parity_tools, vis = "pub(super)")]
impl PortServer {
    /// Verify that a port of a model (mlx-lm) is the same model as its definition (transformers): both
    /// run on the same tokens, and every difference is held to measured noise.
    ///
    /// Returns a run id at once, e.g. for `{"model_type": "olmo3"}`; call `parity_status` until it is
    /// done, then `parity_result`. It takes seconds; the first run on a machine installs the engines.
    #[tool(
        title = "Verify a port",
        output_schema = schema_for_output::<RunStatus>(),
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = true
        )
    )]
    async fn run_parity(
        &self,
        Parameters(input): Parameters<RunParity>,
        context: RequestContext<RoleServer>,
    ) -> Result<Answer<RunStatus>, Refusal> {
        let waits = input.waits();
        let job = match input.resume() {
            Some(run) => self.resume(run).await?,
            None => self.jobs.start(input.into_question(&self.roots)?).await?,
        };
        if waits {
            follow(&job, &context).await;
            if let Some(failure) = job.moment().standing.failure {
                return Err(failure.into());
            }
        }
        Ok(Answer(RunStatus::of(&job)))
    }

    /// Say where a run stands: queued, running, done, failed, cancelled or interrupted; its step, and
    /// what to call next. Takes e.g. `{"run": "olmo3-20260131T120000123Z"}`.
    #[tool(
        title = "Status of a run",
        output_schema = schema_for_output::<RunStatus>(),
        annotations(
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn parity_status(
        &self,
        Parameters(OfRun { run }): Parameters<OfRun>,
    ) -> Result<Answer<RunStatus>, Refusal> {
        let status = match self.find(&run).await? {
            Run::Ours(job) => RunStatus::of(&job),
            Run::Theirs(id, standing) => RunStatus::of_standing(&id, *standing),
            Run::OnDisk(id, evidence) => RunStatus::of_finished(&id, &evidence),
        };
        Ok(Answer(status))
    }

    /// Return the verdict of a finished run and what each check measured, a page of checks at a time.
    /// Takes e.g. `{"run": "olmo3-20260131T120000123Z"}`; `offset` continues where `next_offset` says.
    /// Any machine with the same sources gets the same digest.
    #[tool(
        title = "Result of a run",
        output_schema = schema_for_output::<RunResult>(),
        annotations(
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn parity_result(
        &self,
        Parameters(rows): Parameters<RowsOfRun>,
    ) -> Result<Answer<RunResult>, Refusal> {
        let (id, evidence) = self.finished(&rows.run).await?;
        Ok(Answer(RunResult::of(&id, self.jobs.folder(&id), &evidence, &rows)))
    }

    /// Show where the two models of a finished run first diverge: the module, the two source lines that
    /// call it, the intermediate tensors around it, and the checks that failed, causes first. Takes
    /// e.g. `{"run": "olmo3-20260131T120000123Z"}`; `offset` continues the list of tensors.
    #[tool(
        title = "Explain a divergence",
        output_schema = schema_for_output::<Divergence>(),
        annotations(
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn explain_divergence(
        &self,
        Parameters(rows): Parameters<RowsOfRun>,
    ) -> Result<Answer<Divergence>, Refusal> {
        let (id, _) = self.finished(&rows.run).await?;
        let folder = self.jobs.folder(&id);
        let explanation = blocking(move || explain::explain(&folder)).await??;
        Ok(Answer(Divergence::of(&id, explanation, &rows)))
    }

    /// Stop a run and the engine processes that work for it. A run that waits is stopped at once, one
    /// that is over stays as it is. Takes e.g. `{"run": "olmo3-20260131T120000123Z"}`.
    #[tool(
        title = "Stop a run",
        output_schema = schema_for_output::<RunStatus>(),
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn cancel_parity(
        &self,
        Parameters(OfRun { run }): Parameters<OfRun>,
    ) -> Result<Answer<RunStatus>, Refusal> {
        let status = match self.find(&run).await? {
            Run::Ours(job) => {
                job.stop().await?;
                RunStatus::of(&job)
            }
            Run::Theirs(id, standing) => {
                if !standing.state.is_over() {
                    let folder = self.jobs.folder(&id);
                    let asked = blocking(move || standing::ask_to_stop(&folder)).await?;
                    asked.map_err(ToolError::from)?;
                }
                RunStatus::of_standing(&id, *standing)
            }
            Run::OnDisk(id, evidence) => RunStatus::of_finished(&id, &evidence),
        };
        Ok(Answer(status))
    }
}

/// A run that is known: to this server, or by what is on disk.
enum Run {
    Ours(Arc<Job>),
    /// Another process answers for it, or did and ended before it.
    Theirs(RunId, Box<Standing>),
    OnDisk(RunId, Box<Evidence>),
}

impl PortServer {
    async fn find(&self, run: &str) -> Result<Run, Refusal> {
        let Some(id) = RunId::parse(run) else { return Err(self.unknown(run).await) };
        if let Some(job) = self.jobs.get(&id) {
            return Ok(Run::Ours(job));
        }
        let folder = self.jobs.folder(&id);
        // A link would lead out of the folder of runs.
        if folder.is_symlink() {
            return Err(self.unknown(run).await);
        }
        let missing = match self.load(&id).await? {
            Ok(evidence) => return Ok(Run::OnDisk(id, Box::new(evidence))),
            Err(missing) => missing,
        };
        let looked = folder.clone();
        match blocking(move || standing::look(&looked)).await? {
            Some(standing) => Ok(Run::Theirs(id, Box::new(standing))),
            // Something is there, but not what this release reads.
            None if folder.is_dir() => Err(missing.into()),
            None => Err(self.unknown(run).await),
        }
    }

    /// Take up a run that ended without a verdict. What it asks is read from disk, so its paths are
    /// as little trusted as those of a call.
    async fn resume(&self, run: &str) -> Result<Arc<Job>, Refusal> {
        let (id, standing) = match self.find(run).await? {
            Run::Ours(job) if !job.state().is_over() => return Ok(job),
            Run::Ours(job) => (job.id.clone(), job.moment().standing),
            Run::Theirs(id, standing) => (id, *standing),
            Run::OnDisk(id, _) => return Err(has_a_verdict(&id)),
        };
        match standing.state {
            State::Done => Err(has_a_verdict(&id)),
            State::Queued | State::Running => Err(Refusal::new(
                format!(
                    "run `{id}` is {}, and another process answers for it",
                    standing.state.word()
                ),
                "follow it with parity_status",
            )),
            State::Failed | State::Cancelled | State::Interrupted => {
                let question = input::admitted(standing.question, &self.roots)?;
                self.jobs.resume(id, question).await
            }
        }
    }

    /// The evidence of a run that is done.
    pub(super) async fn finished(&self, run: &str) -> Result<(RunId, Evidence), Refusal> {
        let (id, standing) = match self.find(run).await? {
            Run::OnDisk(id, evidence) => return Ok((id, *evidence)),
            Run::Theirs(id, standing) => (id, *standing),
            Run::Ours(job) => (job.id.clone(), job.moment().standing),
        };
        let state = standing.state;
        match state {
            State::Done => {
                let evidence = self.load(&id).await??;
                Ok((id, evidence))
            }
            State::Queued | State::Running => {
                let hint = format!(
                    "call parity_status with {{\"run\": \"{run}\"}} until its state is done, then call this again"
                );
                Err(Refusal::new(format!("run `{run}` is still {}", state.word()), hint))
            }
            State::Failed => Err(standing.failure.map_or_else(
                || Refusal::new(format!("run `{run}` failed"), "call run_parity again"),
                Refusal::from,
            )),
            State::Cancelled | State::Interrupted => Err(Refusal::new(
                format!("run `{run}` was {} and has no result", state.word()),
                format!("call run_parity with {{\"resume\": \"{run}\"}} to verify it after all"),
            )),
        }
    }

    async fn load(&self, id: &RunId) -> Result<Result<Evidence, ToolError>, Refusal> {
        let folder = self.jobs.folder(id);
        blocking(move || runs::load(&folder)).await
    }

    async fn unknown(&self, run: &str) -> Refusal {
        let jobs = Arc::clone(&self.jobs);
        let known =
            blocking(move || resources::newest(&jobs, RUNS_NAMED)).await.unwrap_or_default();
        let known: Vec<String> = known.iter().map(RunId::to_string).collect();
        let hint = if known.is_empty() {
            "there are no runs yet; run_parity starts one".to_owned()
        } else {
            format!("the newest runs are {}; portwright://runs lists all", known.join(", "))
        };
        let shown: String = run.chars().take(128).collect();
        Refusal::new(format!("no run `{shown}`"), hint)
    }
}

fn has_a_verdict(id: &RunId) -> Refusal {
    Refusal::new(
        format!("run `{id}` is done and has a verdict"),
        format!("call parity_result with {{\"run\": \"{id}\"}}"),
    )
}

/// Wait until the run is over, telling the client how it goes when it asked for that. A client that
/// cancels the call cancels the run.
async fn follow(job: &Arc<Job>, context: &RequestContext<RoleServer>) {
    let mut changes = job.changes();
    let mut heartbeat = time::interval(HEARTBEAT);
    while !changes.borrow_and_update().standing.state.is_over() {
        select! {
            () = context.ct.cancelled() => {
                // Fails only where the server ends, which stops every run.
                let _ = job.stop().await;
                return job.over().await;
            }
            _ = heartbeat.tick() => tell(job, context).await,
            _ = changes.changed() => {}
        }
    }
}

async fn tell(job: &Job, context: &RequestContext<RoleServer>) {
    let Some(token) = context.meta.get_progress_token() else { return };
    let standing = job.moment().standing;
    // Seconds: there is no count of steps, and progress must grow with every message.
    let progress = ProgressNotificationParam::new(token, standing.elapsed_seconds());
    let message = match (standing.phase.is_empty(), standing.note) {
        (false, _) => standing.phase,
        (true, Some(note)) => note,
        (true, None) => standing.state.word().to_owned(),
    };
    // Fails only when the client is gone, which ends the call by itself.
    let _ = context.peer.notify_progress(progress.with_message(message)).await;
}
