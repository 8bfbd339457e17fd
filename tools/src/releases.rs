//! `verify --releases`: the same ports held to the definitions of several releases of transformers, each in
//! what that release needs.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

use portwright_harness::{
    cancel::Cancel,
    case::Spelling,
    engine::Pair,
    environment::{self, Home},
    outcome::Verdict,
    progress::{Progress, Step},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    error::ToolError,
    runs,
    sweep::{self, SweepInput},
    table,
};

/// The names of the table in the docs.
pub const TABLE: &str = "releases.md";
pub const TABLE_JSON: &str = "releases.json";

/// What is verified on each release: plain attention, windows, experts, low-rank attention, a recurrent
/// model, one older than RoPE.
pub const TYPES: [&str; 12] = [
    "deepseek_v3",
    "gemma2",
    "gemma3_text",
    "gpt2",
    "llama",
    "mamba2",
    "mixtral",
    "olmo3",
    "phi3",
    "qwen3",
    "qwen3_moe",
    "starcoder2",
];

/// Which releases to hold which ports to.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReleasesInput {
    /// Releases such as `5.24.0` or `5.6`; every one that was tried when empty.
    pub releases: Vec<String>,
    /// Only these model types; those of [`TYPES`] when empty.
    pub model_types: Vec<String>,
    pub port: Option<PathBuf>,
    /// Model types at a time; one for each core when absent.
    pub jobs: Option<usize>,
    /// Where finished rows are kept; `portwright-runs/releases` when absent.
    pub out: Option<PathBuf>,
    /// Also write the table here.
    pub docs: Option<PathBuf>,
    pub deadline: Option<f64>,
}

/// What came of one model type on one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    pub model_type: String,
    pub release: String,
    pub spelling: Spelling,
    pub verdict: Verdict,
    /// Why it does not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether proved causes explain all of that.
    pub explained: bool,
}

/// The matrix: what `docs/coverage/releases.json` holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Matrix {
    /// In the order in which they were asked.
    pub releases: Vec<String>,
    /// Library versions of the engines beside transformers.
    pub versions: BTreeMap<String, String>,
    pub entries: Vec<Entry>,
}

impl Matrix {
    /// Read the table's data back.
    ///
    /// # Errors
    ///
    /// Where there is none, or another program wrote it.
    pub fn load(docs: &Path) -> Result<Self, ToolError> {
        table::load(docs, TABLE_JSON)
    }

    /// What came of a model type on a release, in either spelling.
    pub fn of(&self, model_type: &str, release: &str) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |it| it.model_type == model_type && it.release == release)
    }

    /// The matrix as Markdown.
    ///
    /// # Errors
    ///
    /// Where the template fails.
    pub fn render(&self) -> Result<String, ToolError> {
        let mut kinds: Vec<(&str, Spelling)> =
            self.entries.iter().map(|it| (it.model_type.as_str(), it.spelling)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let rows = kinds.into_iter().map(|(model_type, spelling)| {
            let cell = |release: &String| {
                let found = self.of(model_type, release).find(|it| it.spelling == spelling);
                match found {
                    None => "".to_owned(),
                    Some(it) if it.verdict == Verdict::Fail && it.explained => {
                        "fail, explained".into()
                    }
                    Some(it) => it.verdict.word().to_lowercase(),
                }
            };
            let cells: Vec<String> = self.releases.iter().map(cell).collect();
            json!({"model_type": model_type, "spelling": spelling.id(), "cells": cells})
        });
        let rows: Vec<_> = rows.collect();
        let open = self.entries.iter().filter(|it| it.verdict != Verdict::Pass && !it.explained);
        let open: Vec<&Entry> = open.collect();
        let data = json!({
            "releases": self.releases, "versions": self.versions, "rows": rows, "open": open,
        });
        Ok(portwright_prompts::render("releases-coverage.md", &data)?)
    }
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReleasesOutput {
    pub matrix: Matrix,
    pub seconds: f64,
}

/// Verify the types on every release; with `docs`, write the matrix.
///
/// # Errors
///
/// Where a release cannot be had or an engine cannot be started on it; what goes wrong with one model
/// type is in its entry.
pub fn releases(
    input: &ReleasesInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<ReleasesOutput, ToolError> {
    let started = Instant::now();
    let asked = if input.releases.is_empty() {
        environment::tried().into_iter().map(str::to_owned).collect()
    } else {
        input.releases.clone()
    };
    let types: Vec<String> = if input.model_types.is_empty() {
        TYPES.iter().map(|it| (*it).to_owned()).collect()
    } else {
        input.model_types.clone()
    };
    let out = input.out.clone().unwrap_or_else(|| runs::below("releases"));
    let mut matrix = Matrix::default();
    let step = Step::start(progress, "releases of transformers", asked.len() as u64);
    for release in asked {
        let sweep = SweepInput {
            model_types: types.clone(),
            one_config: true,
            engines: Some(Pair::native().to_string()),
            transformers: Some(PathBuf::from(&release)),
            port: input.port.clone(),
            jobs: input.jobs,
            out: Some(out.join(&release)),
            docs: None,
            deadline: input.deadline,
        };
        let coverage = sweep::sweep(&sweep, home, progress, cancel)?.coverage;
        let mut versions = coverage.versions;
        // A column is of the release that was found, whatever name it was asked by.
        let release = versions.remove("transformers").unwrap_or(release);
        matrix.versions.extend(versions);
        matrix.entries.extend(coverage.rows.into_iter().map(|row| Entry {
            model_type: row.model_type,
            release: release.clone(),
            spelling: row.spelling,
            verdict: row.verdict,
            explained: row.verdict == Verdict::Pass || row.unexplained.is_empty(),
            reason: row.reason.filter(|_| row.verdict != Verdict::Pass),
        }));
        matrix.releases.push(release);
        step.advance(1);
    }
    if let Some(docs) = &input.docs {
        table::write(docs, (TABLE, matrix.render()?), (TABLE_JSON, &matrix))?;
    }
    Ok(ReleasesOutput { matrix, seconds: started.elapsed().as_secs_f64() })
}
