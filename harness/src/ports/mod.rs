//! Every port of mlx-lm on the embedded runtime's dialect, compared with real MLX.
//!
//! [`sweep`] lets mlx-lm build a tiny model of each port, asks real MLX and the embedded engine the same
//! in four [ways](Way), and judges by what MLX errs beside exact mode. `ask` is what is asked, `judge` is
//! the rule, [`Row`] is what the table in `docs/coverage` is made of.
//!
//! # Invariants
//!
//! - One port's crash, hang or refusal costs that port alone.
//! - A finished row is on disk before the next one starts; a sweep that was stopped goes on from there,
//!   unless the contents of what it rests on changed ([`crate::kept`]).
//! - What MLX does not run is `not run` with its reason, never a failure of the dialect.

mod ask;
mod judge;
mod row;

pub use row::{Cell, Row, WAYS, Way};

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use ask::Answers;
use serde_json::{Value, json};

use crate::{
    answers::Asked,
    cancel::Cancel,
    definitions::told,
    engine::{Catalogue, EngineError, EngineKind, Host, Launch, Runs, Sources, Worker},
    gather::ask::Ask,
    kept::{Files, Kept, KeptError, Packages},
    lanes,
    outcome::Verdict,
    progress::{Event, Progress, Step},
};

/// What to sweep.
#[derive(Clone, Debug)]
pub struct Ports {
    /// Only these ports; every one when empty.
    pub ports: Vec<String>,
    /// Ports at a time.
    pub jobs: usize,
    /// How long one request may take.
    pub deadline: Duration,
    /// Where finished rows are kept.
    pub out: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum PortsError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Kept(#[from] KeptError),
    #[error("no port is called `{name}`")]
    Unknown { name: String },
    #[error("failed to write `{path}`", path = path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// What came of a sweep.
#[derive(Clone, Debug)]
pub struct Swept {
    pub rows: Vec<Row>,
    /// Library versions of both engines.
    pub versions: BTreeMap<String, String>,
}

/// Both engines that run ports, the native one first.
pub fn engines() -> [EngineKind; 2] {
    [Host::Native, Host::Embedded].map(|host| EngineKind::that_runs(Runs::Port, host))
}

/// The engines of one lane: real MLX, and the embedded runtime in its ordinary and its exact mode.
struct Lane<'a> {
    launch: &'a Launch,
    sources: &'a Sources,
    deadline: Duration,
    cancel: &'a Cancel,
    mlx: Worker,
    native: Worker,
    exact: Worker,
}

impl<'a> Lane<'a> {
    fn start(
        launch: &'a Launch,
        sources: &'a Sources,
        deadline: Duration,
        cancel: &'a Cancel,
    ) -> Result<Self, EngineError> {
        let [reference, embedded] = engines();
        let spawn = |kind, exact| spawn(launch, sources, deadline, cancel, kind, exact);
        let mlx = spawn(reference, false)?;
        let native = spawn(embedded, false)?;
        let exact = spawn(embedded, true)?;
        Ok(Self { launch, sources, deadline, cancel, mlx, native, exact })
    }

    /// Replaces workers whose process is gone.
    fn revive(&mut self) -> Result<(), EngineError> {
        let [reference, embedded] = engines();
        let (launch, sources) = (self.launch, self.sources);
        let (deadline, cancel) = (self.deadline, self.cancel);
        let sides = [
            (&mut self.mlx, reference, false),
            (&mut self.native, embedded, false),
            (&mut self.exact, embedded, true),
        ];
        for (worker, kind, exact) in sides {
            if !worker.is_alive() {
                *worker = spawn(launch, sources, deadline, cancel, kind, exact)?;
            }
        }
        if cancel.is_cancelled() { Err(EngineError::Cancelled) } else { Ok(()) }
    }

    /// Where each engine's package was imported from.
    fn packages(&mut self) -> Result<Packages, EngineError> {
        let [reference, embedded] = engines();
        let mut packages = Packages::new();
        for (engine, worker) in [(reference, &mut self.mlx), (embedded, &mut self.native)] {
            let paths = worker.ready()?.paths.clone();
            packages.extend(paths.into_values().map(|it| (engine.row().package.to_owned(), it)));
        }
        Ok(packages)
    }
}

fn spawn(
    launch: &Launch,
    sources: &Sources,
    deadline: Duration,
    cancel: &Cancel,
    kind: EngineKind,
    exact: bool,
) -> Result<Worker, EngineError> {
    let mut launch = launch.clone();
    launch.embedded.exact = exact;
    Worker::spawn(kind, &launch, sources, deadline, cancel.clone())
}

/// Asks every port of the plan.
///
/// # Errors
///
/// When an engine cannot be started or a finished row cannot be written; what goes wrong with one port
/// is in its row.
pub fn sweep(
    plan: &Ports,
    launch: &Launch,
    sources: &Sources,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Swept, PortsError> {
    let mut first = Lane::start(launch, sources, plan.deadline, cancel)?;
    let abouts = [first.mlx.ready()?.clone(), first.native.ready()?.clone()];
    let subjects = subjects(plan, &mut first)?;
    let key = launch.key(&abouts)?.and("deadline", &plan.deadline);
    let kept = Kept::open(&plan.out.join("rows"), key, first.packages()?)?;
    let step = Step::start(progress, "ports", subjects.len() as u64);
    let work = |lane: &mut Lane<'_>, name: String| {
        let row = match kept.find(&name) {
            Some((row, _)) => row,
            None => {
                let row = port(lane, &name, &plan.out.join("work"))?;
                let mut files = Files::default();
                files.add_whole(engines()[0].row().package);
                kept.keep(&name, &files, &row)?;
                row
            }
        };
        tell(&row, progress);
        step.advance(1);
        Ok::<Row, PortsError>(row)
    };
    let start = || Ok(Lane::start(launch, sources, plan.deadline, cancel)?);
    let mut rows = lanes::each(subjects, plan.jobs, first, start, work)?;
    rows.sort_by(|a, b| a.port.cmp(&b.port));
    let versions = abouts.into_iter().flat_map(|it| it.versions).collect();
    Ok(Swept { rows, versions })
}

/// The ports of the plan: every file that has a model.
fn subjects(plan: &Ports, lane: &mut Lane<'_>) -> Result<Vec<String>, PortsError> {
    let known: Catalogue = lane.mlx.session()?.call("catalogue", json!({"models": true}))?;
    let wanted = |it: &String| plan.ports.is_empty() || plan.ports.contains(it);
    if let Some(name) = plan.ports.iter().find(|it| !known.model_types.contains(it)) {
        return Err(PortsError::Unknown { name: name.clone() });
    }
    Ok(known.model_types.into_iter().filter(wanted).collect())
}

/// Asks both sides about one port.
fn port(lane: &mut Lane<'_>, name: &str, work: &Path) -> Result<Row, PortsError> {
    let folder = work.join(name);
    // What a stopped sweep left of it.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)
        .map_err(|source| PortsError::Write { path: folder.clone(), source })?;
    let mut row = Row::new(name);
    let checkpoint = folder.join("checkpoint");
    let request = json!({"port": name, "out": checkpoint});
    let made = lane
        .mlx
        .session()
        .and_then(|mut it| it.call::<Value>("tiny", request))
        .map_err(|error| told(&error));
    lane.revive()?;
    if let Err(why) = made {
        row.reason = Some(format!("no tiny model: {why}"));
    } else {
        // What MLX does not run is not asked of the others.
        let mlx = side(&mut lane.mlx, "mlx", &checkpoint, &WAYS, &folder);
        let asked: Vec<Way> = WAYS.into_iter().filter(|it| mlx[it].is_ok()).collect();
        let ours = side(&mut lane.native, "ours", &checkpoint, &asked, &folder);
        let exact = side(&mut lane.exact, "exact", &checkpoint, &asked, &folder);
        for (way, answers) in mlx {
            let cell = match &answers {
                Ok(mlx) => judge::cell(way, mlx, &ours[&way], &exact[&way]),
                Err(why) => Cell::not_run(None, format!("MLX: {why}")),
            };
            row.ways.insert(way, cell);
        }
        lane.revive()?;
    }
    // Best effort: checkpoints and tensors are made again when needed.
    let _ = fs::remove_dir_all(&folder);
    Ok(row)
}

/// The answers of one side in each way, from one session: a machine that starts takes longer than a
/// tiny model.
fn side(
    worker: &mut Worker,
    side: &'static str,
    checkpoint: &Path,
    ways: &[Way],
    folder: &Path,
) -> BTreeMap<Way, Asked<Answers>> {
    let mut session = match worker.session() {
        Ok(it) => it,
        Err(error) => return ways.iter().map(|it| (*it, Err(told(&error)))).collect(),
    };
    let mut ask = Ask::new(&mut session, folder, side, told);
    ways.iter().map(|it| (*it, ask::answers(&mut ask, side, checkpoint, *it, folder))).collect()
}

/// One note for every port that does not pass everywhere.
fn tell(row: &Row, progress: &dyn Progress) {
    if let Some(why) = &row.reason {
        progress.on(Event::Note { text: &format!("{}: not run: {why}", row.port) });
    }
    for (way, cell) in row.ways.iter().filter(|it| it.1.verdict != Verdict::Pass) {
        let why = cell.reason.as_deref().unwrap_or_default();
        let text = format!("{} ({}): {}: {why}", row.port, way.name(), cell.verdict.word());
        progress.on(Event::Note { text: &text });
    }
}
