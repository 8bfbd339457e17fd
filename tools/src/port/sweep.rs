//! `port scaffold --all`: the port of every definition, scaffolded from the nearest other one, as if it had
//! none; where it has one, once more from itself. Both are run in the real library and held to the
//! definition.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use portwright_harness::{
    cancel::Cancel,
    digest,
    engine::{Launch, Pair, Sources},
    environment::{self, Home, Pinned, Supply},
    progress::{Progress, Step},
};
use portwright_source::{
    Library,
    port::{Catalogue, PortFile, Scaffold},
};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    release::{Release, shared_lines},
    trial::{Outcome, Run, Trial, Trials},
};
use crate::{
    error::ToolError,
    runs, table,
    tree::{self, Tree},
    verify_input,
};

/// The table of the docs, and its data.
pub const TABLE: &str = "ports.md";
pub const TABLE_JSON: &str = "ports.json";

/// Which ports to make again.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PortSweepInput {
    /// Only these model types; every one that has a definition and a port when empty.
    pub model_types: Vec<String>,
    pub transformers: Option<PathBuf>,
    /// The target, by its id; `mlx-lm` when absent.
    pub target: Option<String>,
    #[serde(alias = "mlx_lm")]
    pub port: Option<PathBuf>,
    /// Model types at a time; one for each core when absent.
    pub jobs: Option<usize>,
    /// Where finished trials are kept, so that a stopped sweep goes on; `portwright-runs/ports` when absent.
    pub out: Option<PathBuf>,
    /// Also write the table here.
    pub docs: Option<PathBuf>,
}

/// One definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    pub model_type: String,
    /// The model type whose port it began from.
    pub parent: String,
    /// The file of that port, without `.py`.
    pub parent_port: String,
    /// Lines of the definition that the parent's has too, and how many it has.
    pub shared_lines: usize,
    pub lines: usize,
    /// Places that are still to be ported.
    pub work: usize,
    /// SHA-256 of the scaffold.
    pub scaffold: String,
    pub from_nearest: Run,
    /// What is known where the target has a port of the type.
    pub port: Option<Again>,
}

/// A port that was taken away and made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Again {
    /// The ports that it imports from, and the other one of a definition that is most like it.
    pub imports: Vec<String>,
    pub resembles: Option<String>,
    /// Lines of code that the scaffold has too, and how many it has.
    pub shared_lines: usize,
    pub lines: usize,
    /// SHA-256 of the scaffold that begins from the port itself: nothing is to be ported, all is made again.
    pub scaffold: String,
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

    /// The ports that were made again.
    pub fn ports(&self) -> impl Iterator<Item = &Again> {
        self.rows.iter().filter_map(|it| it.port.as_ref())
    }

    /// How many scaffolds from the type's own port came to `outcome`.
    pub fn from_itself(&self, outcome: Outcome) -> usize {
        self.ports().filter(|it| it.from_itself.outcome == outcome).count()
    }

    /// Scaffolds that compute something else than the definition where the port that they began from does
    /// not: there may be none.
    pub fn silently_wrong(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| {
            let parent = self.rows.iter().find(|it| it.model_type == row.parent);
            let known = parent.and_then(|it| it.port.as_ref()).map(|it| &it.from_itself.failed);
            let excused = row.work == 0
                && known.is_some_and(|it| row.from_nearest.failed.iter().all(|id| it.contains(id)));
            row.from_nearest.outcome == Outcome::Fails && !excused
        })
    }

    /// Places that are to be ported, in all scaffolds from the nearest.
    pub fn stops(&self) -> usize {
        self.rows.iter().map(|it| it.work).sum()
    }

    /// Rows whose parent is a port that the real one imports from, or the one that is most like it.
    pub fn as_people_chose(&self) -> usize {
        self.rows.iter().filter(|it| it.is_as_people_chose()).count()
    }
}

impl Row {
    /// Whether the parent is a port that the real one imports from, or the one that is most like it.
    pub fn is_as_people_chose(&self) -> bool {
        self.port.as_ref().is_some_and(|it| {
            let parent = &self.parent_port;
            it.imports.contains(parent) || it.resembles.as_ref() == Some(parent)
        })
    }
}

/// Scaffold every port again and run it; with `docs`, write the table.
pub fn sweep(
    input: &PortSweepInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<PortCoverage, ToolError> {
    let needs = [Supply::Torch, Supply::Mlx, Supply::Transformers, Supply::MlxLm];
    let Prepared { pinned, sources, tree, mut rows, trials } =
        prepare(input, &needs, home, progress, cancel)?;
    let launch = Launch::new(home, pinned.clone());
    let out = input.out.clone().unwrap_or_else(|| runs::below("ports"));
    let running = Trials { launch: &launch, sources: &sources, tree: &tree, out: &out, cancel };
    let mut found =
        running.run(&trials, input.jobs.unwrap_or_else(environment::cores), progress)?.into_iter();
    for row in &mut rows {
        let places = std::iter::once(&mut row.from_nearest)
            .chain(row.port.as_mut().map(|it| &mut it.from_itself));
        places.zip(found.by_ref()).for_each(|(place, run)| *place = run);
    }
    let versions = table::versions(&pinned)?;
    let coverage = PortCoverage { versions, rows };
    if let Some(docs) = &input.docs {
        table::write(docs, (TABLE, render(&coverage)?), (TABLE_JSON, &coverage))?;
    }
    Ok(coverage)
}

/// What [`sweep`] would run: its rows, with nothing run.
pub fn plan(
    input: &PortSweepInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Row>, ToolError> {
    let needs = [Supply::Transformers, Supply::MlxLm];
    Ok(prepare(input, &needs, home, progress, cancel)?.rows)
}

/// Scaffolds that wait to be run.
struct Prepared {
    pinned: Pinned,
    sources: Sources,
    tree: Tree,
    /// Sorted by model type.
    rows: Vec<Row>,
    /// Of each row in turn: from the nearest, and from itself where there is a port.
    trials: Vec<Trial>,
}

fn prepare(
    input: &PortSweepInput,
    needs: &[Supply],
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Prepared, ToolError> {
    let mut named = verify_input::VerifyInput {
        transformers: input.transformers.clone(),
        port: input.port.clone(),
        ..verify_input::VerifyInput::default()
    };
    let sources = {
        let engines = Pair::native().engines();
        verify_input::sources(&mut named, &engines, home, progress, cancel)?
    };
    let pinned = environment::ensure(home, needs, progress, cancel)?;
    let library = match &sources.definition {
        Some(folder) => folder,
        None => pinned.transformers()?,
    };
    let library = Library::open(library)?;
    let place = match &sources.port {
        Some(folder) => folder,
        None => pinned.mlx_lm()?,
    };
    let tree = Tree::open(tree::receiver(input.target.as_deref())?, place)?;
    let catalogue = Catalogue::read(&library)?;
    let release = Release::read(library, catalogue, &tree, progress, cancel)?;
    let chosen: BTreeSet<String> = if input.model_types.is_empty() {
        release.model_types().map(str::to_owned).collect()
    } else {
        input.model_types.iter().cloned().collect()
    };
    let step = Step::start(progress, "scaffolding", chosen.len() as u64);
    let planned: Vec<(Row, Vec<Trial>)> = chosen
        .par_iter()
        .map(|model_type| {
            if cancel.is_cancelled() {
                return Err(ToolError::Cancelled);
            }
            let planned = one(&release, &tree, model_type)?;
            step.advance(1);
            Ok(planned)
        })
        .collect::<Result<_, ToolError>>()?;
    drop(step);
    let (rows, trials): (Vec<Row>, Vec<Vec<Trial>>) = planned.into_iter().unzip();
    Ok(Prepared { pinned, sources, tree, rows, trials: trials.into_iter().flatten().collect() })
}

/// How much of two ports is the same, in a thousandth of their lines.
fn likeness(one: &PortFile, other: &PortFile) -> usize {
    let (shared, lines) = shared_lines(one, other);
    2000 * shared / (lines + shared_lines(other, one).1).max(1)
}

fn sha256(scaffold: &Scaffold) -> String {
    digest::of_bytes(scaffold.text.as_bytes())
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
    let share = |it: &Again| it.shared_lines * 100 / it.lines.max(1);
    let mut shares: Vec<usize> = coverage.ports().map(share).collect();
    shares.sort_unstable();
    let rows: Vec<_> = coverage
        .rows
        .iter()
        .map(|row| {
            let share = row.port.as_ref().map(share);
            json!({"row": row, "share": share, "as_people": row.is_as_people_chose()})
        })
        .collect();
    let data = json!({
        "versions": coverage.versions,
        "total": coverage.rows.len(),
        "ports": coverage.ports().count(),
        "counts": counts,
        "as_people": coverage.as_people_chose(),
        "silently_wrong": coverage.silently_wrong().count(),
        "complete": coverage.rows.iter().filter(|it| it.work == 0).count(),
        "stops": coverage.stops(),
        "median_share": shares.get(shares.len() / 2),
        "rows": rows,
    });
    Ok(portwright_prompts::render("ports-coverage.md", &data)?)
}

/// Read the table's data back.
pub fn load(docs: &Path) -> Result<PortCoverage, ToolError> {
    table::load(docs, TABLE_JSON)
}

/// A definition's row, not yet run, with its scaffolds: from the nearest, and from itself.
fn one(release: &Release, tree: &Tree, model_type: &str) -> Result<(Row, Vec<Trial>), ToolError> {
    let name = release.port(tree, model_type);
    let child = release.definition(model_type)?;
    let made = release.scaffold(tree, &child, None, &[name])?;
    let nearest = &made.nearest[0];
    let mut row = Row {
        model_type: model_type.to_owned(),
        parent: nearest.model_type.clone(),
        parent_port: nearest.port.clone(),
        shared_lines: nearest.shared_lines,
        lines: nearest.lines,
        work: made.scaffold.work.len(),
        scaffold: sha256(&made.scaffold),
        from_nearest: Run::default(),
        port: None,
    };
    let mut scaffolds = vec![made.scaffold];
    if let Some(real) = tree.ports.get(name) {
        let scaffold = PortFile::parse(&tree.port_path(model_type), scaffolds[0].text.as_str())?;
        let (shared, lines) = shared_lines(&scaffold, real);
        let others = tree.ports.values().filter(|it| release.is_ported(tree, &it.name));
        let resembles = others
            .filter(|it| !tree.needs(it, &[name]))
            .map(|it| (likeness(it, real), std::cmp::Reverse(&it.name)))
            .max()
            .map(|(_, name)| name.0.clone());
        let own = release.again(tree, model_type)?;
        row.port = Some(Again {
            imports: tree.siblings(real).iter().map(|it| it.name.clone()).collect(),
            resembles,
            shared_lines: shared,
            lines,
            scaffold: sha256(&own),
            from_itself: Run::default(),
        });
        scaffolds.push(own);
    }
    let trials = scaffolds.into_iter().zip(["its nearest", "itself"]);
    let trial = |(scaffold, from)| Trial { model_type: model_type.to_owned(), from, scaffold };
    Ok((row, trials.map(trial).collect()))
}
