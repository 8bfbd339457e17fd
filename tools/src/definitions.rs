//! `verify --definitions`: every definition of transformers on the embedded runtime beside PyTorch,
//! and the table of the docs.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

use portwright_harness::{
    cancel::Cancel,
    definitions::{self as harness, Definitions, MODES, Mode, Row},
    engine::{self, Launch, Pair, Sources},
    environment::{self, Home},
    figure::{Order, significant},
    head::{HEADS, Head},
    outcome::Verdict,
    progress::Progress,
    tolerance::factor,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{error::ToolError, runs, table, verify};

/// The names of the table in the docs.
pub const TABLE: &str = "definitions.md";
pub const TABLE_JSON: &str = "definitions.json";

/// What to sweep.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DefinitionsInput {
    /// Only these model types, e.g. `["llama", "bert"]`; every one when empty.
    pub model_types: Vec<String>,
    /// Only these heads, e.g. `["causal-lm"]`; every one when empty.
    pub heads: Vec<Head>,
    /// Only these modes, e.g. `["exact"]`; every one when empty.
    pub modes: Vec<Mode>,
    /// A checkout or install of transformers; the pinned release when absent.
    pub transformers: Option<PathBuf>,
    /// Definitions at a time; one for each core when absent.
    pub jobs: Option<usize>,
    /// Where finished rows are kept, so that a stopped sweep goes on; `portwright-runs/definitions`
    /// when absent.
    pub out: Option<PathBuf>,
    /// Also write the table here; rows that were there and are not asked for again stay.
    pub docs: Option<PathBuf>,
    /// Seconds that one request to an engine may take; 120 when absent.
    pub deadline: Option<f64>,
}

/// The table: what `docs/coverage/definitions.json` holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Library versions of both engines.
    pub versions: BTreeMap<String, String>,
    pub rows: Vec<Row>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DefinitionsOutput {
    pub coverage: Coverage,
    pub seconds: f64,
}

impl Coverage {
    /// Rows of one head with a verdict in a mode.
    pub fn count(&self, head: Head, mode: Mode, verdict: Verdict) -> usize {
        self.of(head).filter(|it| it.verdict(mode) == verdict).count()
    }

    fn of(&self, head: Head) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |it| it.head == head)
    }

    /// This table with rows of another in the place of its own.
    fn with(mut self, other: &Self) -> Self {
        let same = |a: &Row, b: &Row| (a.head, &a.model_type) == (b.head, &b.model_type);
        for row in &other.rows {
            match self.rows.iter_mut().find(|it| same(it, row)) {
                Some(known) => {
                    let mut modes = std::mem::take(&mut known.modes);
                    modes.extend(row.modes.clone());
                    *known = Row { modes, ..row.clone() };
                }
                None => self.rows.push(row.clone()),
            }
        }
        self.rows.sort_by(|a, b| (a.head, &a.model_type).cmp(&(b.head, &b.model_type)));
        self.versions.clone_from(&other.versions);
        self
    }
}

/// Ask every definition; with `docs`, write the table.
///
/// # Errors
///
/// When an engine cannot be started or the table cannot be written; what goes wrong with one
/// definition is in its row.
pub fn definitions(
    input: &DefinitionsInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<DefinitionsOutput, ToolError> {
    let mut named = verify::VerifyInput {
        transformers: input.transformers.clone(),
        ..verify::VerifyInput::default()
    };
    let engines = Pair::of_definitions().engines();
    let sources: Sources = verify::sources(&mut named, &engines, home, progress, cancel)?;
    let needs = engine::needs(&engines, &sources);
    let pinned = environment::ensure(home, &needs, progress, cancel)?;
    let plan = Definitions {
        heads: if input.heads.is_empty() { HEADS.to_vec() } else { input.heads.clone() },
        model_types: input.model_types.clone(),
        modes: if input.modes.is_empty() { MODES.to_vec() } else { input.modes.clone() },
        jobs: input.jobs.unwrap_or_else(environment::cores),
        deadline: verify::deadline(input.deadline)?,
        out: input.out.clone().unwrap_or_else(|| runs::below("definitions")),
    };
    let started = Instant::now();
    let launch = Launch::new(home, pinned);
    let swept = harness::sweep(&plan, &launch, &sources, progress, cancel)?;
    let coverage = Coverage { versions: swept.versions, rows: swept.rows };
    if let Some(docs) = &input.docs {
        let whole = table::known::<Coverage>(docs, TABLE_JSON)?.with(&coverage);
        table::write(docs, (TABLE, render(&whole)?), (TABLE_JSON, &whole))?;
    }
    Ok(DefinitionsOutput { coverage, seconds: started.elapsed().as_secs_f64() })
}

/// The table as Markdown.
pub fn render(coverage: &Coverage) -> Result<String, ToolError> {
    let heads: Vec<Value> = HEADS
        .iter()
        .map(|head| {
            let counts = MODES.iter().map(|mode| {
                let of = |verdict| coverage.count(*head, *mode, verdict);
                json!({
                    "mode": mode.name(), "pass": of(Verdict::Pass), "fail": of(Verdict::Fail),
                    "not_run": of(Verdict::NotRun),
                })
            });
            let rows: Vec<Value> = coverage.of(*head).map(line).collect();
            json!({
                "title": head.title(), "table": head.table(), "rows": rows,
                "counts": counts.collect::<Vec<_>>(),
            })
        })
        .filter(|it| it["rows"].as_array().is_some_and(|it| !it.is_empty()))
        .collect();
    let data = json!({
        "versions": coverage.versions,
        "factor": factor(Order::Linear),
        "heads": heads,
    });
    Ok(portwright_prompts::render("definitions-coverage.md", &data)?)
}

/// A row as the table shows it.
fn line(row: &Row) -> Value {
    let cells: Vec<String> = MODES
        .iter()
        .map(|mode| {
            let cell = row.modes.get(mode);
            let worst = cell.and_then(|it| it.worst).map_or(String::new(), figure);
            table::cell(row.verdict(*mode), &worst)
        })
        .collect();
    let reasons = row.modes.iter().map(|(mode, cell)| (mode.name(), cell.reason.as_deref()));
    let why = table::reasons(reasons, row.reason.as_deref());
    let reordered = row.modes.get(&Mode::Exact).and_then(|it| it.reordered);
    let greedy = row.modes.get(&Mode::Float32).and_then(|it| it.greedy);
    json!({
        "model_type": row.model_type, "cells": cells, "why": why,
        "reordered": reordered.map_or_else(|| "-".to_owned(), figure), "greedy": greedy,
    })
}

fn figure(it: f64) -> String {
    significant(it, 2)
}

/// Read the table's data back.
pub fn load(docs: &Path) -> Result<Coverage, ToolError> {
    table::load(docs, TABLE_JSON)
}
