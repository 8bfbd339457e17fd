//! `port scaffold --all`: every port of the target is taken away in turn and scaffolded again from the
//! nearest other one, and once more from itself; both are run in the real library and held to the
//! definition.
//!
//! # Invariants
//!
//! - The installed package is never touched: each scaffold lies in a copy of it.
//! - A scaffold that runs and is not its definition is [`Outcome::Fails`], whatever the cause.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
};

use portwright_harness::{
    cancel::Cancel,
    check::CHECKS,
    engine::{EngineError, Launch, Pair, Sources},
    environment::{self, Home},
    evidence::{Absence, CheckRecord, Evidence, Outcome as Checked, Verdict},
    gather::{GatherError, Lane, Question},
    overlay,
    progress::{Event, Progress, Step},
    verify as harness,
};
use portwright_source::port::{PortFile, Remapping, Scaffold};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    release::{Release, shared_lines},
    target::{TARGETS, Tree},
};
use crate::{error::ToolError, modular, runs, table, verify};

/// The table of the docs, and its data.
pub const TABLE: &str = "ports.md";
pub const TABLE_JSON: &str = "ports.json";

/// What a scaffold that is not complete is asked: whether it loads, and whether it computes.
const STOPPED: [&str; 4] =
    ["weights-loaded", "config-loads", "logits-differences", "logits-distribution"];

/// Which ports to make again.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PortSweepInput {
    /// Only these model types; every one that has a definition and a port when empty.
    pub model_types: Vec<String>,
    pub transformers: Option<PathBuf>,
    pub mlx_lm: Option<PathBuf>,
    /// Model types at a time; one for each core when absent.
    pub jobs: Option<usize>,
    /// Also write the table here.
    pub docs: Option<PathBuf>,
}

/// What became of a scaffold in the real library.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is the definition.
    Passes,
    /// It raised `NotImplementedError`.
    Stops,
    /// It, or the library, raised another error before it computed anything.
    Errors,
    /// It computed, and not what the definition does.
    Fails,
    /// The question could not be put.
    NotRun,
}

impl Outcome {
    pub const ALL: [Self; 5] = [Self::Passes, Self::Stops, Self::Errors, Self::Fails, Self::NotRun];
}

/// A scaffold, run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    pub outcome: Outcome,
    /// Deciding checks that failed.
    pub failed: Vec<String>,
    /// The error or the finding that says why it does not pass.
    pub reason: Option<String>,
}

/// One port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    pub model_type: String,
    /// The model type whose port it began from, where its own was taken away.
    pub parent: String,
    /// The port that the real port imports from, and the one that has most of its lines.
    pub imports: Vec<String>,
    pub resembles: Option<String>,
    /// Lines of the definition that the parent's has too, and how many it has.
    pub shared_lines: usize,
    pub lines: usize,
    /// Lines of code of the real port that the scaffold has, and how many that one has.
    pub port_lines_shared: usize,
    pub port_lines: usize,
    /// Places that are still to be ported.
    pub work: usize,
    pub from_nearest: Run,
    /// The scaffold that begins from the type's own port: nothing is to be ported, all is made again.
    pub from_itself: Run,
}

/// What `docs/coverage/ports.json` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortCoverage {
    /// Library versions of the engines.
    pub versions: BTreeMap<String, String>,
    pub rows: Vec<Row>,
}

impl PortCoverage {
    /// How many scaffolds from the nearest other port came to `outcome`.
    pub fn from_nearest(&self, outcome: Outcome) -> usize {
        self.rows.iter().filter(|it| it.from_nearest.outcome == outcome).count()
    }

    /// How many scaffolds from the type's own port came to `outcome`.
    pub fn from_itself(&self, outcome: Outcome) -> usize {
        self.rows.iter().filter(|it| it.from_itself.outcome == outcome).count()
    }

    /// Rows whose parent is a port that the real one imports from, or the one that it resembles most.
    pub fn as_people_chose(&self) -> usize {
        self.rows.iter().filter(|it| it.is_as_people_chose()).count()
    }
}

impl Row {
    /// Whether the parent is a port that the real one imports from, or the one that it resembles most.
    pub fn is_as_people_chose(&self) -> bool {
        self.imports.contains(&self.parent) || self.resembles.as_ref() == Some(&self.parent)
    }
}

/// A type with its two scaffolds, before they are run.
struct Planned {
    row: Row,
    nearest: Scaffold,
    own: Scaffold,
}

/// Scaffold every port again; with `docs`, write the table.
pub fn sweep(
    input: &PortSweepInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<PortCoverage, ToolError> {
    let engines = environment::ensure(home, progress, cancel)?;
    let sources = verify::sources(&verify::VerifyInput {
        transformers: input.transformers.clone(),
        mlx_lm: input.mlx_lm.clone(),
        ..verify::VerifyInput::default()
    })?;
    let library = sources.transformers.as_deref().unwrap_or(&engines.site_packages);
    let library = modular::open(Some(library), &[], home, progress, cancel)?;
    let place = sources.mlx_lm.as_deref().unwrap_or(&engines.site_packages);
    let tree = Tree::open(&TARGETS[0], place)?;
    let release = Release::read(library, &tree, progress, cancel)?;
    let chosen: Vec<String> = if input.model_types.is_empty() {
        release.ported().map(str::to_owned).collect()
    } else {
        input.model_types.clone()
    };
    let step = Step::start(progress, "scaffolding", chosen.len() as u64);
    let mut queue = VecDeque::new();
    for model_type in &chosen {
        if cancel.is_cancelled() {
            return Err(ToolError::Cancelled);
        }
        queue.push_back(plan(&release, &tree, model_type)?);
        step.advance(1);
    }
    drop(step);
    let launch = Launch::new(home, Some(engines.clone()));
    let work = PathBuf::from(runs::RUNS).join(format!("ports-{}", std::process::id()));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let run = Runner { launch: &launch, sources: &sources, tree: &tree, work: &work, cancel };
    let rows = run.all(queue, input.jobs.unwrap_or(cores), progress);
    // Best effort: only copies and synthetic checkpoints are in there.
    let _ = fs::remove_dir_all(&work);
    let mut rows = rows?;
    rows.sort_by(|a, b| a.model_type.cmp(&b.model_type));
    let versions = ["torch", "transformers", "mlx", "mlx-lm"]
        .into_iter()
        .filter_map(|it| Some((it.to_owned(), engines.versions.get(it)?.clone())))
        .collect();
    let coverage = PortCoverage { versions, rows };
    if let Some(docs) = &input.docs {
        table::write(docs, (TABLE, render(&coverage)?), (TABLE_JSON, &coverage))?;
    }
    Ok(coverage)
}

/// The table as Markdown.
pub fn render(coverage: &PortCoverage) -> Result<String, ToolError> {
    let counts = Outcome::ALL.map(|it| {
        json!({
            "outcome": it,
            "from_nearest": coverage.from_nearest(it),
            "from_itself": coverage.from_itself(it),
        })
    });
    let share = |row: &Row| row.port_lines_shared * 100 / row.port_lines.max(1);
    let mut shares: Vec<usize> = coverage.rows.iter().map(share).collect();
    shares.sort_unstable();
    let rows: Vec<_> = coverage
        .rows
        .iter()
        .map(|row| json!({"row": row, "share": share(row), "as_people": row.is_as_people_chose()}))
        .collect();
    let data = json!({
        "versions": coverage.versions,
        "total": coverage.rows.len(),
        "counts": counts,
        "as_people": coverage.as_people_chose(),
        "median_share": shares.get(shares.len() / 2),
        "rows": rows,
    });
    Ok(portwright_prompts::render("ports-coverage.md", &data)?)
}

/// Read the table's data back.
pub fn load(docs: &Path) -> Result<PortCoverage, ToolError> {
    table::load(docs, TABLE_JSON)
}

fn plan(release: &Release, tree: &Tree, model_type: &str) -> Result<Planned, ToolError> {
    let name = tree.remapping.port(model_type);
    let real = tree.ports.get(name).ok_or_else(|| {
        ToolError::Input(format!("{} has no port of `{model_type}`", tree.target.id))
    })?;
    let child = release.definition(model_type)?;
    let made = release.scaffold(tree, &child, None, &[name])?;
    let own = release.again(tree, model_type)?;
    let scaffold = PortFile::parse(&tree.port_path(model_type), made.scaffold.text.as_str())?;
    let (port_lines_shared, port_lines) = shared_lines(&scaffold, real);
    let others = tree.ports.values().filter(|it| it.name != name);
    let resembles = others
        .filter(|it| !it.siblings().contains(name))
        .map(|it| (shared_lines(it, real).0, std::cmp::Reverse(&it.name)))
        .max()
        .map(|(_, name)| name.0.clone());
    let nearest = &made.nearest[0];
    let row = Row {
        model_type: model_type.to_owned(),
        parent: nearest.model_type.clone(),
        imports: tree.siblings(real).iter().map(|it| it.name.clone()).collect(),
        resembles,
        shared_lines: nearest.shared_lines,
        lines: nearest.lines,
        port_lines_shared,
        port_lines,
        work: made.scaffold.work.len(),
        from_nearest: Run { outcome: Outcome::NotRun, failed: Vec::new(), reason: None },
        from_itself: Run { outcome: Outcome::NotRun, failed: Vec::new(), reason: None },
    };
    Ok(Planned { row, nearest: made.scaffold, own })
}

/// Runs scaffolds in copies of the target.
struct Runner<'a> {
    launch: &'a Launch,
    sources: &'a Sources,
    tree: &'a Tree,
    work: &'a Path,
    cancel: &'a Cancel,
}

impl Runner<'_> {
    fn all(
        &self,
        queue: VecDeque<Planned>,
        jobs: usize,
        progress: &dyn Progress,
    ) -> Result<Vec<Row>, ToolError> {
        let step = Step::start(progress, "verifying scaffolds", queue.len() as u64);
        let queue = Mutex::new(queue);
        let rows: Mutex<Vec<Row>> = Mutex::default();
        let work = || -> Result<(), ToolError> {
            let deadline = verify::deadline(None)?;
            let mut lane =
                Lane::start(self.launch, Pair::default(), self.sources, deadline, self.cancel)?;
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(planned) = next else { return Ok(()) };
                let row = self.one(&mut lane, planned)?;
                for (name, run) in
                    [("its nearest", &row.from_nearest), ("itself", &row.from_itself)]
                {
                    if matches!(run.outcome, Outcome::Fails | Outcome::Errors | Outcome::NotRun) {
                        let reason = run.reason.as_deref().unwrap_or_default();
                        let text =
                            format!("{} from {name}: {:?}: {reason}", row.model_type, run.outcome);
                        progress.on(Event::Note { text: &text });
                    }
                }
                rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
                step.advance(1);
            }
        };
        thread::scope(|scope| {
            let lanes: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
            lanes.into_iter().try_for_each(|it| it.join().expect("a lane does not panic"))
        })?;
        Ok(rows.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn one(&self, lane: &mut Lane, planned: Planned) -> Result<Row, ToolError> {
        let Planned { mut row, nearest, own } = planned;
        let all = || CHECKS.iter().map(|it| it.id).collect();
        let checks = if nearest.is_complete() { all() } else { STOPPED.to_vec() };
        row.from_nearest = self.run(lane, &row.model_type, &nearest, checks)?;
        row.from_itself = self.run(lane, &row.model_type, &own, all())?;
        Ok(row)
    }

    fn run(
        &self,
        lane: &mut Lane,
        model_type: &str,
        scaffold: &Scaffold,
        checks: Vec<&'static str>,
    ) -> Result<Run, ToolError> {
        let folder = self.work.join(model_type);
        let (file, _) = self.tree.target.remapping;
        let path = self.tree.package.join(file);
        let utils = super::read(&path)?;
        let port = format!("{}/{model_type}.py", self.tree.target.models);
        let files = [
            (port.as_str(), scaffold.text.clone()),
            (file, Remapping::without(&utils, model_type)),
        ];
        let copy = overlay::with_files(&self.tree.package, &files, &folder.join("port"))
            .map_err(|err| ToolError::Input(err.to_string()))?;
        lane.set_port(Some(&copy))?;
        let question = Question { checks, ..Question::synthetic(model_type) };
        let verified = harness::verify(lane, &question, &folder.join("work"), String::new(), &());
        if self.cancel.is_cancelled() {
            return Err(EngineError::Cancelled.into());
        }
        lane.revive()?;
        // Best effort: all of it is made again when needed.
        let _ = fs::remove_dir_all(&folder);
        Ok(match verified {
            Ok(evidence) => judge(&evidence),
            Err(GatherError::Engine(err)) if err.is_cancelled() => return Err(err.into()),
            Err(err) => {
                Run { outcome: Outcome::NotRun, failed: Vec::new(), reason: Some(err.to_string()) }
            }
        })
    }
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
    let stop = errors.iter().find(|it| it.contains("NotImplementedError"));
    let found = failing().find_map(|it| Some(format!("{}: {}", it.id, it.findings.first()?)));
    let measured = failing().find_map(|it| {
        let figure = it.figures.iter().find(|it| !it.holds())?;
        Some(format!("{}: {} is {:.1e}", it.id, figure.name, figure.measured.0))
    });
    let blocked = gates.iter().find_map(|it| match &it.absence {
        Some(Absence::Blocked { reason }) => Some(format!("{}: {reason}", it.id)),
        _ => None,
    });
    // The plain forward's figures say whether it computed at all.
    let computed = evidence.check("logits-differences").is_some_and(|it| it.absence.is_none());
    let (outcome, reason) = match (evidence.verdict, stop) {
        (Verdict::Pass, _) => (Outcome::Passes, None),
        (_, Some(stop)) if !computed => (Outcome::Stops, Some(stop.clone())),
        (Verdict::Fail, _) if computed => {
            (Outcome::Fails, found.or(measured).or_else(|| errors.first().cloned()))
        }
        (Verdict::Fail, _) => (Outcome::Errors, errors.first().cloned().or(found).or(measured)),
        (Verdict::NotRun, _) => (Outcome::NotRun, blocked),
    };
    Run { outcome, failed: failing().map(|it| it.id.clone()).collect(), reason }
}
