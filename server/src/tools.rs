//! The tools. Each opens one capability: a doc comment here is what an agent reads.

use std::{sync::Arc, time::Duration};

use portwright_harness::{cancel::Cancel, environment::Home, evidence::Evidence};
use portwright_tools::{
    error::ToolError,
    explain,
    inspect::{self, InspectInput},
    modular::{self, ConvertInput, ScaffoldInput},
    runs,
};
use rmcp::{
    RoleServer,
    handler::server::{router::tool::ToolRouter, tool::schema_for_output, wrapper::Parameters},
    model::ProgressNotificationParam,
    service::RequestContext,
    tool, tool_router,
};
use tokio::{select, task, time};

use crate::{
    answer::{Answer, Divergence, RunResult, RunStatus},
    input::{OfRun, RowsOfRun, RunParity},
    inspect::{InspectArchitecture, Inspected},
    jobs::{Job, Jobs, State},
    modular::{ConvertModular, Converted, ScaffoldModular, Scaffolded},
    refusal::Refusal,
    resources,
    run_id::RunId,
};

/// How often a call that waits says how long it has waited.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Runs that are named when one is not known.
const RUNS_NAMED: usize = 10;

/// Portwright, as MCP clients see it.
#[derive(Clone)]
pub(crate) struct PortServer {
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) tool_router: ToolRouter<Self>,
}

#[tool_router]
impl PortServer {
    pub(crate) fn new(jobs: Arc<Jobs>) -> Self {
        Self { jobs, tool_router: Self::tool_router() }
    }

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

    /// Write the standalone files (`modeling_x.py`, `configuration_x.py`, ...) that modular files of
    /// transformers stand for, byte for byte as the repository ships them.
    ///
    /// Takes e.g. `{"files": ["olmo3"], "transformers": "/home/me/transformers"}`. With `"diff": true`
    /// nothing is written and the answer says how the files on disk differ. An installed package is
    /// never written to: give `out`.
    #[tool(
        title = "Convert modular files",
        output_schema = schema_for_output::<Converted>(),
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = true
        )
    )]
    async fn convert_modular(
        &self,
        Parameters(input): Parameters<ConvertModular>,
    ) -> Result<Answer<Converted>, Refusal> {
        let input = ConvertInput::try_from(input)?;
        let output =
            in_background(move |home, cancel| modular::convert(&input, home, &(), cancel)).await?;
        Ok(Answer(output.into()))
    }

    /// Make the modular file that a model's standalone files would be generated from: the best parents
    /// in the release, and only what differs. It is converted back to prove it: see `exact`.
    ///
    /// Takes e.g. `{"files": ["/home/me/modeling_x.py"]}`; a long modular file comes in parts, see
    /// `next_offset`. What `parents` proposes is measured by structure; the choice is yours to change.
    #[tool(
        title = "Scaffold a modular file",
        output_schema = schema_for_output::<Scaffolded>(),
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = true
        )
    )]
    async fn scaffold_modular(
        &self,
        Parameters(input): Parameters<ScaffoldModular>,
    ) -> Result<Answer<Scaffolded>, Refusal> {
        let offset = input.offset;
        let input = ScaffoldInput::from(input);
        let output =
            in_background(move |home, cancel| modular::scaffold(&input, home, &(), cancel)).await?;
        Ok(Answer(Scaffolded::of(output, offset)))
    }

    /// Show what an architecture is made of, from its definition in transformers: ancestors through
    /// modular files, the module tree with shapes and source lines (layers that are alike are one row),
    /// tensor, expert and pipeline parallel plans resolved against the modules, whether attention
    /// backends can be exchanged, and which layers a kernel from the Hub can replace.
    ///
    /// Takes e.g. `{"model": "olmo_hybrid"}`; no weight is read or made, whatever its size. A large tree
    /// comes in pages: `offset` continues where `next_offset` says; `depth` and `modules` narrow it.
    #[tool(
        title = "Inspect an architecture",
        output_schema = schema_for_output::<Inspected>(),
        annotations(
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = true
        )
    )]
    async fn inspect_architecture(
        &self,
        Parameters(input): Parameters<InspectArchitecture>,
    ) -> Result<Answer<Inspected>, Refusal> {
        let (offset, limit) = (input.offset as usize, input.limit.max(1) as usize);
        let input = InspectInput::try_from(&input)?;
        let output =
            in_background(move |home, cancel| inspect::inspect(&input, home, &(), cancel)).await?;
        Ok(Answer(Inspected::of(output, offset, limit)))
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
    async fn finished(&self, run: &str) -> Result<(RunId, Evidence), Refusal> {
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

/// Do what reads files or computes, off the runtime's threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    task::spawn_blocking(work).await.map_err(|bug| {
        Refusal::new(format!("the call ended unexpectedly: {bug}"), "this is a bug of Portwright")
    })
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

/// Runs a capability away from the server's own threads; a call that is dropped cancels it.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce(&Home, &Cancel) -> Result<T, ToolError> + Send + 'static,
) -> Result<T, Refusal> {
    struct Dropped(Cancel);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.cancel();
        }
    }
    let cancel = Cancel::default();
    let guard = Dropped(cancel.clone());
    let home = Home::locate().map_err(ToolError::from)?;
    let done = blocking(move || work(&home, &cancel)).await?;
    drop(guard);
    Ok(done?)
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;
    use portwright_harness::environment::Home;
    use serde_json::{Value, json};

    use super::*;

    /// The schemas are the agent's only manual, so a change to them is a change to review.
    #[test]
    fn the_tools_are_as_reviewed() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home")).unwrap();
        let server = PortServer::new(Arc::new(Jobs::new(dir.path().join("runs"), home)));
        let tools: Vec<Value> = server
            .tool_router
            .list_all()
            .iter()
            .map(|it| {
                let output = it.output_schema.as_ref().expect("every tool returns data");
                json!({
                    "name": it.name, "title": it.title, "description": it.description,
                    "annotations": it.annotations, "input": *it.input_schema,
                    "output": output["properties"].as_object().unwrap().keys().collect::<Vec<_>>(),
                })
            })
            .collect();
        let text = serde_json::to_string_pretty(&tools).unwrap() + "\n";
        expect_file!["tools.snapshot.json"].assert_eq(&text);
    }

    #[test]
    fn every_tool_says_all_it_should() {
        let tools = PortServer::tool_router().list_all();
        assert_eq!(tools.len(), 8);
        for tool in tools {
            let hints = tool.annotations.as_ref().unwrap();
            let all = [
                hints.read_only_hint,
                hints.destructive_hint,
                hints.idempotent_hint,
                hints.open_world_hint,
            ];
            assert!(all.iter().all(Option::is_some), "{} lacks a hint", tool.name);
            assert!(tool.title.is_some(), "{} lacks a title", tool.name);
            assert!(
                tool.description.as_ref().unwrap().contains("e.g."),
                "{} lacks an example",
                tool.name
            );
            assert_eq!(tool.input_schema["additionalProperties"], false, "{}", tool.name);
            for (name, property) in tool.input_schema["properties"].as_object().unwrap() {
                let text = property["description"].as_str().unwrap_or_default();
                let shown =
                    text.contains("e.g.") || text.contains('`') || property["type"] == "boolean";
                assert!(shown, "{}.{name} lacks an example", tool.name);
            }
        }
    }
}
