//! Runs: started, followed, read, stopped and explained.

use std::{sync::Arc, time::Duration};

use portwright_harness::evidence::Evidence;
use portwright_tools::{error::ToolError, explain, runs};
use rmcp::{
    RoleServer,
    handler::server::{tool::schema_for_output, wrapper::Parameters},
    model::ProgressNotificationParam,
    service::RequestContext,
    tool, tool_router,
};
use tokio::{select, time};

use super::{PortServer, blocking};
use crate::{
    answer::{Answer, Divergence, RunResult, RunStatus},
    input::{OfRun, RowsOfRun, RunParity},
    jobs::{Job, State},
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
    /// Start to verify that a port of a model (mlx-lm) is the same model as its definition
    /// (transformers): both run on the same tokens, and every difference is held to measured noise.
    ///
    /// Returns a run id at once, e.g. for `{"model_type": "olmo3"}`; then call `parity_status` until
    /// the run is done, and `parity_result` for the verdict. It takes seconds with a synthetic
    /// checkpoint; the first run on a machine installs the engines and takes minutes. Runs are
    /// verified one after the other. With `"wait": true` the call stays open until the run is over.
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
        let job = self.jobs.start(input.into_question()?)?;
        if waits {
            follow(&job, &context).await;
            if let Some(failure) = job.moment().failure {
                return Err(failure);
            }
        }
        Ok(Answer(RunStatus::of(&job)))
    }

    /// Say where a run stands: queued, running, done, failed or cancelled; its step, seconds so far,
    /// and what to call next. Takes e.g. `{"run": "olmo3-20260131T120000123Z"}`.
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

    /// Show where the two models of a finished run first part: the module, the two source lines that
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
                job.cancel();
                RunStatus::of(&job)
            }
            Run::OnDisk(id, evidence) => RunStatus::of_finished(&id, &evidence),
        };
        Ok(Answer(status))
    }
}

/// A run that is known: to this server, or by what an earlier one left on disk.
enum Run {
    Ours(Arc<Job>),
    OnDisk(RunId, Box<Evidence>),
}

impl PortServer {
    async fn find(&self, run: &str) -> Result<Run, Refusal> {
        let Some(id) = RunId::parse(run) else { return Err(self.unknown(run).await) };
        if let Some(job) = self.jobs.get(&id) {
            return Ok(Run::Ours(job));
        }
        match self.load(&id).await? {
            Ok(evidence) => Ok(Run::OnDisk(id, Box::new(evidence))),
            // Something is there, but not what this release reads.
            Err(err) if self.jobs.folder(&id).is_dir() => Err(err.into()),
            Err(_) => Err(self.unknown(run).await),
        }
    }

    /// The evidence of a run that is done.
    pub(super) async fn finished(&self, run: &str) -> Result<(RunId, Evidence), Refusal> {
        let job = match self.find(run).await? {
            Run::OnDisk(id, evidence) => return Ok((id, *evidence)),
            Run::Ours(job) => job,
        };
        let moment = job.moment();
        match moment.state {
            State::Done => Ok((job.id.clone(), self.load(&job.id).await??)),
            State::Queued | State::Running => {
                let state = moment.state.word();
                let hint = format!(
                    "call parity_status with {{\"run\": \"{run}\"}} until its state is done, then call this again"
                );
                Err(Refusal::new(format!("run `{run}` is still {state}"), hint))
            }
            State::Failed => Err(moment.failure.unwrap_or_else(|| {
                Refusal::new(format!("run `{run}` failed"), "call run_parity again")
            })),
            State::Cancelled => Err(Refusal::new(
                format!("run `{run}` was cancelled and has no result"),
                "call run_parity to verify again",
            )),
        }
    }

    async fn load(&self, id: &RunId) -> Result<Result<Evidence, ToolError>, Refusal> {
        let folder = self.jobs.folder(id);
        blocking(move || runs::load(&folder)).await
    }

    async fn unknown(&self, run: &str) -> Refusal {
        let jobs = Arc::clone(&self.jobs);
        let on_disk = blocking(move || runs::list(jobs.root())).await.unwrap_or_default();
        let ours = self.jobs.all();
        let ours = ours.iter().rev().map(|it| it.id.to_string());
        let mut known: Vec<String> = Vec::new();
        for id in ours.chain(on_disk.iter().filter_map(resources::id_of).map(|it| it.to_string())) {
            if !known.contains(&id) && known.len() < RUNS_NAMED {
                known.push(id);
            }
        }
        let hint = if known.is_empty() {
            "there are no runs yet; run_parity starts one".to_owned()
        } else {
            format!("the newest runs are {}; portwright://runs lists all", known.join(", "))
        };
        let shown: String = run.chars().take(128).collect();
        Refusal::new(format!("no run `{shown}`"), hint)
    }
}

/// Wait until the run is over, telling the client how it goes when it asked for that. A client that
/// cancels the call cancels the run.
async fn follow(job: &Job, context: &RequestContext<RoleServer>) {
    let mut changes = job.changes();
    let mut heartbeat = time::interval(HEARTBEAT);
    while !changes.borrow_and_update().state.is_over() {
        select! {
            () = context.ct.cancelled() => {
                job.cancel();
                return job.over().await;
            }
            _ = heartbeat.tick() => tell(job, context).await,
            _ = changes.changed() => {}
        }
    }
}

async fn tell(job: &Job, context: &RequestContext<RoleServer>) {
    let Some(token) = context.meta.get_progress_token() else { return };
    let moment = job.moment();
    let message = match (moment.phase.is_empty(), moment.note) {
        (false, _) => moment.phase,
        (true, Some(note)) => note,
        (true, None) => moment.state.word().to_owned(),
    };
    // Seconds: there is no count of steps, and progress must grow with every message.
    let progress = ProgressNotificationParam::new(token, job.elapsed().as_secs_f64());
    // Fails only when the client is gone, which ends the call by itself.
    let _ = context.peer.notify_progress(progress.with_message(message)).await;
}
