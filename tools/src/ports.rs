//! `verify --ports`: every port of mlx-lm on the embedded runtime beside real MLX, and the table of the
//! docs.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

use portwright_harness::{
    cancel::Cancel,
    engine::{self, Launch, Sources},
    environment::{self, Home},
    figure::{Order, significant},
    outcome::Verdict,
    ports::{self as harness, Cell, Ports, Row, WAYS, Way},
    progress::Progress,
    tolerance::factor,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{error::ToolError, runs, table, verify};

/// The names of the table in the docs.
pub const TABLE: &str = "dialect-mlx.md";
pub const TABLE_JSON: &str = "dialect-mlx.json";

/// What to sweep.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PortsInput {
    /// Only these ports, e.g. `["llama", "mamba2"]`; every one when empty.
    pub ports: Vec<String>,
    /// The target's tree; the pinned release when absent.
    pub port: Option<PathBuf>,
    /// Ports at a time; one for each core when absent.
    pub jobs: Option<usize>,
    /// Where finished rows are kept, so that a stopped sweep goes on; `portwright-runs/dialect-mlx` when
    /// absent.
    pub out: Option<PathBuf>,
    /// Also write the table here; rows that were there and are not asked for again stay.
    pub docs: Option<PathBuf>,
    /// Seconds that one request to an engine may take; 120 when absent.
    pub deadline: Option<f64>,
}

/// The table: what `docs/coverage/dialect-mlx.json` holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Library versions of both engines.
    pub versions: BTreeMap<String, String>,
    pub rows: Vec<Row>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PortsOutput {
    pub coverage: Coverage,
    pub seconds: f64,
}

/// How many ports there are of each kind in one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Those that real MLX runs.
    pub asked: usize,
    /// Those of them that the dialect runs.
    pub runs: usize,
    /// Those of them whose answers are held against MLX's.
    pub held: usize,
    /// Those of them that agree.
    pub agrees: usize,
}

impl Coverage {
    /// The counts of one way.
    pub fn count(&self, way: Way) -> Count {
        let of = |it: &dyn Fn(&Row) -> bool| self.rows.iter().filter(|row| it(row)).count();
        let held = |row: &Row| row.runs(way).is_some() && row.verdict(way) != Verdict::NotRun;
        Count {
            asked: of(&|row| row.runs(way).is_some()),
            runs: of(&|row| row.runs(way) == Some(true)),
            held: of(&held),
            agrees: of(&|row| row.verdict(way) == Verdict::Pass),
        }
    }

    /// The cell of one way that lies farthest over its noise, with its port.
    fn worst(&self, way: Way) -> Option<(&str, f64, f64)> {
        let cells = self.rows.iter().filter_map(|row| {
            let (figure, noise) = row.ways.get(&way)?.worst()?;
            Some((row.port.as_str(), figure, noise))
        });
        cells.max_by(|a, b| (a.1 * b.2).total_cmp(&(b.1 * a.2)))
    }

    /// This table with rows of another in the place of its own.
    fn with(mut self, other: &Self) -> Self {
        self.rows.retain(|it| other.rows.iter().all(|new| new.port != it.port));
        self.rows.extend(other.rows.iter().cloned());
        self.rows.sort_by(|a, b| a.port.cmp(&b.port));
        self.versions.clone_from(&other.versions);
        self
    }
}

/// Ask every port; with `docs`, write the table.
///
/// # Errors
///
/// When an engine cannot be started or the table cannot be written; what goes wrong with one port is
/// in its row.
pub fn ports(
    input: &PortsInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<PortsOutput, ToolError> {
    let sources = Sources { port: input.port.clone(), ..Sources::default() };
    let needs = engine::needs(&harness::engines(), &sources);
    let pinned = environment::ensure(home, &needs, progress, cancel)?;
    let plan = Ports {
        ports: input.ports.clone(),
        jobs: input.jobs.unwrap_or_else(environment::cores),
        deadline: verify::deadline(input.deadline)?,
        out: input.out.clone().unwrap_or_else(|| runs::below("dialect-mlx")),
    };
    let started = Instant::now();
    let launch = Launch::new(home, pinned);
    let swept = harness::sweep(&plan, &launch, &sources, progress, cancel)?;
    let coverage = Coverage { versions: swept.versions, rows: swept.rows };
    if let Some(docs) = &input.docs {
        let whole = table::known::<Coverage>(docs, TABLE_JSON)?.with(&coverage);
        table::write(docs, (TABLE, render(&whole)?), (TABLE_JSON, &whole))?;
    }
    Ok(PortsOutput { coverage, seconds: started.elapsed().as_secs_f64() })
}

/// The table as Markdown.
pub fn render(coverage: &Coverage) -> Result<String, ToolError> {
    let counts: Vec<Value> = WAYS
        .iter()
        .map(|way| {
            let worst = coverage.worst(*way).map_or_else(
                || "-".to_owned(),
                |(port, figure, noise)| {
                    format!("{} beside {} (`{port}`)", text(figure), text(noise))
                },
            );
            json!({"way": way.name(), "count": coverage.count(*way), "worst": worst})
        })
        .collect();
    let rows: Vec<Value> = coverage.rows.iter().map(line).collect();
    let library = harness::engines().iter().find_map(|it| it.row().dialect.as_ref());
    let data = json!({
        "library": library.map(|it| it.library), "versions": coverage.versions, "factor": factor(Order::Linear), "counts": counts,
        "rows": rows, "total": coverage.rows.len(),
    });
    Ok(portwright_prompts::render("dialect-coverage.md", &data)?)
}

/// A row as the table shows it.
fn line(row: &Row) -> Value {
    let shown = |cell: &Cell| {
        let worst = cell.worst().map(|it| format!("{} / {}", text(it.0), text(it.1)));
        let worst = worst.unwrap_or_default();
        table::cell(cell.verdict, &worst)
    };
    let cells = WAYS.map(|way| row.ways.get(&way).map_or_else(|| "-".to_owned(), shown));
    let reasons = row.ways.iter().map(|(way, cell)| (way.name(), cell.reason.as_deref()));
    let why = table::reasons(reasons, row.reason.as_deref());
    json!({"port": row.port, "cells": cells, "why": why})
}

fn text(it: f64) -> String {
    significant(it, 2)
}

/// Read the table's data back.
pub fn load(docs: &Path) -> Result<Coverage, ToolError> {
    table::load(docs, TABLE_JSON)
}
