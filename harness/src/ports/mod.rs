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
    kept::{Files, Kept, KeptError},
    lanes,
    outcome::Verdict,
    progress::{Event, Progress, Step},
    trio::Trio,
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
    let start = || Trio::start(engines(), launch, sources, plan.deadline, cancel);
    let mut first = start()?;
    let abouts = first.abouts()?;
    let subjects = subjects(plan, &mut first)?;
    let key = launch.key(&abouts)?.and("deadline", &plan.deadline);
    let kept = Kept::open(&plan.out.join("rows"), key, first.packages()?)?;
    let step = Step::start(progress, "ports", subjects.len() as u64);
    let work = |lane: &mut Trio<'_>, name: String| {
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
    let mut rows = lanes::each(subjects, plan.jobs, first, || Ok(start()?), work)?;
    rows.sort_by(|a, b| a.port.cmp(&b.port));
    let versions = abouts.into_iter().flat_map(|it| it.versions).collect();
    Ok(Swept { rows, versions })
}

/// The ports of the plan: every file that has a model.
fn subjects(plan: &Ports, lane: &mut Trio<'_>) -> Result<Vec<String>, PortsError> {
    let known: Catalogue = lane.library.session()?.call("catalogue", json!({"models": true}))?;
    let wanted = |it: &String| plan.ports.is_empty() || plan.ports.contains(it);
    if let Some(name) = plan.ports.iter().find(|it| !known.model_types.contains(it)) {
        return Err(PortsError::Unknown { name: name.clone() });
    }
    Ok(known.model_types.into_iter().filter(wanted).collect())
}

/// Asks both sides about one port.
fn port(lane: &mut Trio<'_>, name: &str, work: &Path) -> Result<Row, PortsError> {
    let folder = work.join(name);
    // What a stopped sweep left of it.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)
        .map_err(|source| PortsError::Write { path: folder.clone(), source })?;
    let mut row = Row::new(name);
    let checkpoint = folder.join("checkpoint");
    let request = json!({"port": name, "out": checkpoint});
    let made = lane
        .library
        .session()
        .and_then(|mut it| it.call::<Value>("tiny", request))
        .map_err(|error| told(&error));
    lane.revive()?;
    if let Err(why) = made {
        row.reason = Some(format!("no tiny model: {why}"));
    } else {
        // What MLX does not run is not asked of the others.
        let mlx = side(&mut lane.library, "mlx", &checkpoint, &WAYS, &folder);
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
