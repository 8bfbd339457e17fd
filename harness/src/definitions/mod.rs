//! Every definition of transformers on the embedded runtime, compared with real PyTorch.
//!
//! [`sweep`] makes a tiny random checkpoint of each definition, asks PyTorch in three dtypes and the
//! embedded engine in four [modes](Mode), and judges every mode by what PyTorch errs against itself.
//! [`Head`] is the list of what is swept, `reference` and `candidate` are the two sides, `judge` is
//! the rule, [`Row`] is what the table in `docs/coverage` is made of.
//!
//! # Invariants
//!
//! - One definition's crash, hang or refusal costs that definition alone: each side asks in a session
//!   of its own.
//! - A finished row is on disk before the next one starts; a sweep that was stopped goes on from
//!   there, unless the contents of what it rests on changed ([`crate::kept`]).
//! - What could not be asked is `not run` with the reason.

mod candidate;
pub(crate) mod figures;
mod judge;
mod loaded;
mod reference;
mod row;

pub(crate) use row::told;
pub use row::{Cell, Greedy, MODES, Mode, Row};

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use candidate::Candidate;
use reference::Reference;

use crate::{
    cancel::Cancel,
    engine::{Catalogue, EngineError, Launch, Pair, Sources},
    head::Head,
    kept::{Files, Kept, KeptError},
    lanes,
    outcome::Verdict,
    progress::{Event, Progress, Step},
    trio::Trio,
};

/// What to sweep.
#[derive(Clone, Debug)]
pub struct Definitions {
    pub heads: Vec<Head>,
    /// Only these model types; every type of a head when empty.
    pub model_types: Vec<String>,
    pub modes: Vec<Mode>,
    /// Definitions at a time.
    pub jobs: usize,
    /// How long one request may take.
    pub deadline: Duration,
    /// Where finished rows are kept.
    pub out: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum DefinitionsError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Kept(#[from] KeptError),
    #[error("no definition is called `{name}`")]
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
    /// Sorted by head in the order of [`HEADS`](crate::head::HEADS), then by model type.
    pub rows: Vec<Row>,
    /// Library versions of both engines.
    pub versions: std::collections::BTreeMap<String, String>,
}

/// Asks every definition of the plan.
///
/// # Errors
///
/// When an engine cannot be started or a finished row cannot be written; what goes wrong with one
/// definition is in its row.
pub fn sweep(
    plan: &Definitions,
    launch: &Launch,
    sources: &Sources,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Swept, DefinitionsError> {
    let engines = Pair::of_definitions().engines();
    let start = || Trio::start(engines, launch, sources, plan.deadline, cancel);
    let mut first = start()?;
    let abouts = first.abouts()?;
    let subjects = subjects(plan, &mut first)?;
    let key = launch.key(&abouts)?.and("deadline", &plan.deadline);
    let kept = Kept::open(&plan.out.join("rows"), key, first.packages()?)?;
    let step = Step::start(progress, "definitions", subjects.len() as u64);
    let work = |lane: &mut Trio<'_>, (head, model_type): (Head, String)| {
        let name = format!("{}-{model_type}", head.id());
        let known = kept.find(&name);
        let (mut row, mut files) =
            known.unwrap_or_else(|| (Row::new(head, &model_type), Files::default()));
        let missing: Vec<Mode> =
            plan.modes.iter().copied().filter(|it| !row.modes.contains_key(it)).collect();
        if !missing.is_empty() {
            files.extend(definition(lane, &mut row, &missing, &plan.out.join("work"))?);
            kept.keep(&name, &files, &row)?;
        }
        tell(&row, progress);
        step.advance(1);
        Ok::<Row, DefinitionsError>(row)
    };
    let mut rows = lanes::each(subjects, plan.jobs, first, || Ok(start()?), work)?;
    rows.sort_by(|a, b| (a.head, &a.model_type).cmp(&(b.head, &b.model_type)));
    let versions = abouts.into_iter().flat_map(|it| it.versions).collect();
    Ok(Swept { rows, versions })
}

/// The definitions of the plan: each head's types, or those that were named.
fn subjects(
    plan: &Definitions,
    lane: &mut Trio<'_>,
) -> Result<Vec<(Head, String)>, DefinitionsError> {
    let mut subjects = Vec::new();
    for &head in &plan.heads {
        let request = serde_json::json!({"head": head.table()});
        let known: Catalogue = lane.library.session()?.call("catalogue", request)?;
        let wanted = |it: &String| plan.model_types.is_empty() || plan.model_types.contains(it);
        subjects.extend(known.model_types.into_iter().filter(wanted).map(|it| (head, it)));
    }
    match plan.model_types.iter().find(|name| subjects.iter().all(|it| it.1 != **name)) {
        Some(name) => Err(DefinitionsError::Unknown { name: name.clone() }),
        None => Ok(subjects),
    }
}

/// Asks both sides about one definition and fills its row's cells.
fn definition(
    lane: &mut Trio<'_>,
    row: &mut Row,
    modes: &[Mode],
    work: &Path,
) -> Result<Files, DefinitionsError> {
    let folder = work.join(format!("{}-{}", row.head.id(), row.model_type));
    // What a stopped sweep left of it.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)
        .map_err(|source| DefinitionsError::Write { path: folder.clone(), source })?;
    let question = reference::question(row.head, &row.model_type);
    let asked = reference::ask(&mut lane.library, &question, &folder);
    lane.revive()?;
    let mut files = Files::default();
    match asked {
        Ok((reference, imported)) => {
            row.reason = None;
            files.extend(imported);
            files.extend(compare(lane, row, modes, &reference, &folder)?);
        }
        Err(absence) => {
            files.add_whole(Pair::of_definitions().reference().row().package);
            row.reason = Some(format!("no reference: {absence}"));
            row.modes.extend(modes.iter().map(|it| (*it, Cell::not_run(None))));
        }
    }
    // Best effort: checkpoints and tensors are made again when needed.
    let _ = fs::remove_dir_all(&folder);
    Ok(files)
}

/// Asks every mode, and says what its answers rest on.
fn compare(
    lane: &mut Trio<'_>,
    row: &mut Row,
    modes: &[Mode],
    reference: &Reference,
    folder: &Path,
) -> Result<Files, DefinitionsError> {
    let mut files = Files::default();
    for exact in [false, true] {
        let modes: Vec<Mode> =
            modes.iter().copied().filter(|it| (*it == Mode::Exact) == exact).collect();
        if modes.is_empty() {
            continue;
        }
        let worker = if exact { &mut lane.exact } else { &mut lane.native };
        let mut session = worker.session();
        for mode in modes {
            let cell = match &mut session {
                Ok(session) => {
                    let mut candidate = Candidate::new(session, reference, folder, mode);
                    judge::cell(&mut candidate, row)
                }
                Err(error) => Cell::failed(&row::told(error)),
            };
            row.modes.insert(mode, cell);
        }
        match &mut session {
            Ok(session) => files.extend(session.imported()),
            Err(_) => files.add_whole(Pair::of_definitions().judged().row().package),
        }
        drop(session);
        lane.revive()?;
    }
    Ok(files)
}

/// One note for every definition that does not pass everywhere.
fn tell(row: &Row, progress: &dyn Progress) {
    for (mode, cell) in &row.modes {
        if cell.verdict == Verdict::Pass {
            continue;
        }
        let why = cell.reason.as_ref().or(row.reason.as_ref()).map_or("", String::as_str);
        let text = format!(
            "{} ({}, {}): {}: {why}",
            row.model_type,
            row.head.id(),
            mode.name(),
            cell.verdict.word()
        );
        progress.on(Event::Note { text: &text });
    }
}
