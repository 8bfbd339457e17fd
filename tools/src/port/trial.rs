//! Scaffolds, run in copies of the real library and held to the definition.
//!
//! # Invariants
//!
//! - The installed package is never touched: each scaffold lies in a copy of it.
//! - A scaffold that runs and is not its definition is [`Outcome::Fails`], whatever the cause.
//! - A trial that is done is on disk before the next one starts; one that was stopped goes on from there,
//!   unless the contents of what it rests on changed.

use std::{fs, path::Path};

use portwright_harness::{
    cancel::Cancel,
    check::deciding_at_one_config,
    digest,
    engine::{EngineError, Launch, Pair, Sources},
    evidence::Evidence,
    figure::significant,
    gather::{GatherError, Lane, Question},
    kept::Kept,
    lanes,
    outcome::{Absence, CheckRecord, Outcome as Checked, Verdict},
    overlay,
    progress::{Event, Progress, Step},
    rundir::RunDirError,
    verify as harness,
};
use portwright_source::port::{Remapping, Scaffold};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::PortError;
use crate::{
    error::ToolError,
    tree::{self, Tree},
    verify_input,
};

/// What became of a scaffold in the real library.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is the definition.
    Passes,
    /// It raised `NotImplementedError`, in whatever question it does not answer rightly.
    Stops,
    /// It, or the library, raised another error before it computed anything.
    Errors,
    /// It computed, and not what the definition does.
    Fails,
    /// The question could not be put.
    #[default]
    NotRun,
}

impl Outcome {
    pub const ALL: [Self; 5] = [Self::Passes, Self::Stops, Self::Errors, Self::Fails, Self::NotRun];
}

/// A scaffold, run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    pub outcome: Outcome,
    /// Deciding checks that failed, and not by a stop.
    pub failed: Vec<String>,
    /// The error or the finding that says why it does not pass.
    pub reason: Option<String>,
}

/// What a scaffold that is not complete is asked: whether it loads, and whether it computes.
const STOPPED: [&str; 4] =
    ["weights-loaded", "config-loads", "logits-differences", "logits-distribution"];

/// A scaffold that waits to be run.
pub(super) struct Trial {
    pub(super) model_type: String,
    pub(super) from: &'static str,
    pub(super) scaffold: Scaffold,
}

/// Runs scaffolds in copies of the target.
pub(super) struct Trials<'a> {
    pub(super) launch: &'a Launch,
    pub(super) sources: &'a Sources,
    pub(super) tree: &'a Tree,
    /// Where copies lie while they are needed, and what is done is kept.
    pub(super) out: &'a Path,
    pub(super) cancel: &'a Cancel,
}

impl Trials<'_> {
    /// Runs all of `trials`, `jobs` at a time; the answers come in their order.
    pub(super) fn run(
        &self,
        trials: &[Trial],
        jobs: usize,
        progress: &dyn Progress,
    ) -> Result<Vec<Run>, ToolError> {
        let step = Step::start(progress, "verifying scaffolds", trials.len() as u64);
        let deadline = verify_input::deadline(None)?;
        let start = || -> Result<Lane, ToolError> {
            Ok(Lane::start(self.launch, Pair::native(), self.sources, deadline, self.cancel)?)
        };
        let mut first = start()?;
        let key = self.launch.key(&first.about()?)?;
        let kept = Kept::open(&self.out.join("rows"), key, first.packages()?)?;
        let work = |lane: &mut Lane, trial: &Trial| -> Result<Run, ToolError> {
            let Trial { model_type, from, scaffold } = trial;
            // The scaffold is no file of the library, so its text is part of the row's name.
            let name = format!("{model_type}-{}", digest::of_bytes(scaffold.text.as_bytes()));
            let run = if let Some((run, _)) = kept.find(&name) {
                run
            } else {
                let made = lane.noting_files(|it| self.one(it, model_type, scaffold, &name))?;
                let (run, mut files) = made;
                files.forget(&self.file_of(model_type));
                kept.keep(&name, &files, &run)?;
                run
            };
            if !matches!(run.outcome, Outcome::Passes | Outcome::Stops) {
                let reason = run.reason.as_deref().unwrap_or_default();
                let text = format!("{model_type} from {from}: {:?}: {reason}", run.outcome);
                progress.on(Event::Note { text: &text });
            }
            step.advance(1);
            Ok(run)
        };
        lanes::each(trials.iter().collect(), jobs, first, start, work)
    }

    /// The scaffold's own file, as an engine names it.
    fn file_of(&self, model_type: &str) -> String {
        let about = self.tree.about;
        format!("{}/{}/{model_type}.py", about.name, about.models)
    }

    fn one(
        &self,
        lane: &mut Lane,
        model_type: &str,
        scaffold: &Scaffold,
        name: &str,
    ) -> Result<Run, ToolError> {
        let folder = self.out.join("work").join(name);
        let write = |source| RunDirError::Write { path: folder.clone(), source };
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(write)?;
        }
        let file = &self.tree.about.remapping.file;
        let path = self.tree.package.join(file);
        let utils = Remapping::without(&path, &tree::read(&path)?, self.tree.tables(), model_type)?;
        let port = format!("{}/{model_type}.py", self.tree.about.models);
        let files = [(port.as_str(), scaffold.text.clone()), (file.as_str(), utils)];
        let copy = overlay::with_files(&self.tree.package, &files, &folder.join("port"))
            .map_err(PortError::Copy)?;
        lane.set_port(Some(&copy))?;
        let checks =
            if scaffold.is_complete() { deciding_at_one_config() } else { STOPPED.to_vec() };
        let question = Question { checks, ..Question::synthetic(model_type) };
        let verified = harness::verify(lane, &question, &folder.join("work"), String::new(), &());
        if self.cancel.is_cancelled() {
            return Err(EngineError::Cancelled.into());
        }
        lane.revive()?;
        fs::remove_dir_all(&folder).map_err(write)?;
        match verified {
            Ok(evidence) => Ok(judge(&evidence)),
            Err(GatherError::Engine(err)) if err.is_cancelled() => Err(err.into()),
            Err(err) => Ok(Run { reason: Some(said(&err)), ..Run::default() }),
        }
    }
}

/// What an error says, without the places of this machine.
fn said(error: &GatherError) -> String {
    let text = error.to_string();
    text.split("\n  at ").next().unwrap_or_default().to_owned()
}

fn is_stop(error: &str) -> bool {
    error.contains("NotImplementedError")
}

fn judge(evidence: &Evidence) -> Run {
    let gates: Vec<&CheckRecord> = evidence.checks.iter().filter(|it| it.gate).collect();
    let failing = || gates.iter().filter(|it| it.outcome == Checked::Fail);
    let errors: Vec<String> = failing()
        .filter_map(|it| match &it.absence {
            Some(Absence::PortFailed { failure }) => Some(failure.to_string().replace("\n  ", " ")),
            _ => None,
        })
        .collect();
    let stops: Vec<&String> = errors.iter().filter(|it| is_stop(it)).collect();
    let found = failing().find_map(|it| Some(format!("{}: {}", it.id, it.findings.first()?)));
    let measured = failing().find_map(|it| {
        let figure = it.figures.iter().find(|it| !it.holds())?;
        Some(format!("{}: {} is {}", it.id, figure.name, significant(figure.measured.0, 2)))
    });
    let blocked = gates.iter().find_map(|it| match &it.absence {
        Some(Absence::Blocked { reason }) => Some(format!("{}: {reason}", it.id)),
        _ => None,
    });
    // The plain forward's figures say whether it computed at all.
    let computed = evidence.check("logits-differences").is_some_and(|it| it.absence.is_none());
    let stopped = !computed || stops.len() == failing().count();
    let (outcome, reason) = match (evidence.verdict_of_asked(), stops.first()) {
        (Verdict::Pass | Verdict::Partial, _) => (Outcome::Passes, None),
        (_, Some(stop)) if stopped => (Outcome::Stops, Some((*stop).clone())),
        (Verdict::Fail, _) if computed => {
            (Outcome::Fails, found.or(measured).or_else(|| errors.first().cloned()))
        }
        (Verdict::Fail, _) => (Outcome::Errors, errors.first().cloned().or(found).or(measured)),
        (Verdict::NotRun, _) => (Outcome::NotRun, blocked),
    };
    let by_stop = |it: &CheckRecord| match &it.absence {
        Some(Absence::PortFailed { failure }) => is_stop(&failure.to_string()),
        _ => false,
    };
    let failed = failing().filter(|it| outcome != Outcome::Stops && !by_stop(it));
    Run { outcome, failed: failed.map(|it| it.id.clone()).collect(), reason }
}
