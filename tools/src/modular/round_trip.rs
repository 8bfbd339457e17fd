//! `modular scaffold --all`: every model of the release that has a modular file, made again from its
//! standalone files, converted back, and measured against the modular file that people wrote.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use portwright_harness::{
    cancel::Cancel,
    environment::Home,
    progress::{Progress, Step},
};
use portwright_source::{
    FileKind, Library,
    format::Style,
    modular::is_generated,
    scaffold::{Index, InputFile, Options, count_lines, scaffold},
};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::place;
use crate::{error::ToolError, ruff, table};

/// The table of the docs, and its data.
pub const TABLE: &str = "scaffold.md";
/// See [`TABLE`].
pub const TABLE_JSON: &str = "scaffold.json";

/// What to make again.
#[derive(Clone, Debug, Default)]
pub struct RoundTripInput {
    /// Model types; all that have a modular file when empty.
    pub models: Vec<String>,
    /// A checkout or install of transformers; the pinned release when absent.
    pub transformers: Option<PathBuf>,
    /// Write the table of the docs into this folder.
    pub docs: Option<PathBuf>,
}

/// What `docs/coverage/scaffold.json` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoundTrips {
    /// The release of transformers.
    pub release: String,
    pub rows: Vec<RoundTrip>,
}

/// One model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoundTrip {
    pub model: String,
    /// Whether every file comes back to the byte.
    pub exact: bool,
    /// Lines of code (neither blank nor a comment alone) of our modular file.
    pub lines: u32,
    /// Of the one that people wrote.
    pub human_lines: u32,
    /// Of the standalone files.
    pub input_lines: u32,
    /// The files that do not come back, each with the first line that differs; or the error.
    pub differs: Vec<String>,
}

/// The table, and how long it took.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RoundTripOutput {
    #[serde(flatten)]
    pub table: RoundTrips,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// Make the modular files of a release again.
///
/// # Errors
///
/// Fails when the release cannot be read, or the table not written.
pub fn round_trips(
    input: &RoundTripInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<RoundTripOutput, ToolError> {
    let started = Instant::now();
    let library = place::open(input.transformers.as_deref(), &[], home, progress, cancel)?;
    let style = ruff::settings(library.package())?;
    let chosen = place::select(&library, &input.models, input.models.is_empty())?;
    let index = Index::build(&library)?;
    let step = Step::start(progress, "scaffolding", chosen.len() as u64);
    let mut rows: Vec<RoundTrip> = chosen
        .par_iter()
        .map(|modular| {
            if cancel.is_cancelled() {
                return Err(ToolError::Cancelled);
            }
            let row = round_trip(&library, &index, &style, modular);
            step.advance(1);
            Ok(row)
        })
        .collect::<Result<_, _>>()?;
    rows.sort_by(|a, b| a.model.cmp(&b.model));
    let release = library.version().unwrap_or_else(|| "of an unknown version".to_owned());
    let table = RoundTrips { release, rows };
    if let Some(docs) = &input.docs {
        table.write(docs)?;
    }
    Ok(RoundTripOutput { table, seconds: started.elapsed().as_secs_f64() })
}

fn round_trip(library: &Library, index: &Index, style: &Style, modular: &Path) -> RoundTrip {
    let mut row = RoundTrip {
        model: place::model(modular),
        exact: false,
        lines: 0,
        human_lines: 0,
        input_lines: 0,
        differs: Vec::new(),
    };
    if let Err(err) = fill(&mut row, library, index, style, modular) {
        row.differs.push(err.to_string());
    }
    row
}

fn fill(
    row: &mut RoundTrip,
    library: &Library,
    index: &Index,
    style: &Style,
    modular: &Path,
) -> Result<(), ToolError> {
    row.human_lines = count_lines(library.load(modular)?.text());
    let mut files = Vec::new();
    for kind in FileKind::ALL {
        let path = modular.with_file_name(format!("{}.py", kind.module(&row.model)));
        if !path.is_file() {
            continue;
        }
        let source = library.load(&path)?;
        if is_generated(&source) {
            files.push(InputFile { path, text: source.text().to_owned() });
        }
    }
    let made = scaffold(library, index, style, &files, &Options::default())?;
    row.exact = made.exact;
    row.lines = made.lines;
    row.input_lines = made.input_lines;
    let differing = made.files.iter().filter(|it| !it.exact);
    row.differs =
        differing.map(|it| format!("{}: {}", it.kind, first_difference(&it.diff))).collect();
    Ok(())
}

/// The first changed line of a unified diff.
fn first_difference(diff: &str) -> String {
    let changed = |line: &&str| {
        line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---")
    };
    let line = diff.lines().filter(changed).find(|line| 1 < line.trim_end().len());
    line.or_else(|| diff.lines().find(changed)).unwrap_or("no file").to_owned()
}

/// The value below which `percent` of the sorted `ratios` lie; 0 where there are none.
pub fn quantile(ratios: &[f64], percent: usize) -> f64 {
    ratios.get(ratios.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
}

impl RoundTrips {
    /// Models that come back to the byte.
    pub fn exact(&self) -> usize {
        self.rows.iter().filter(|it| it.exact).count()
    }

    /// Our lines for each of theirs, in order, of the models that come back.
    pub fn ratios(&self) -> Vec<f64> {
        let exact = self.rows.iter().filter(|it| it.exact);
        let mut ratios: Vec<f64> =
            exact.map(|it| f64::from(it.lines) / f64::from(it.human_lines.max(1))).collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    }

    /// Read the data back.
    pub fn load(docs: &Path) -> Result<Self, ToolError> {
        table::load(docs, TABLE_JSON)
    }

    /// The table as Markdown.
    pub fn render(&self) -> Result<String, ToolError> {
        let ratios = self.ratios();
        let quantiles = [5, 25, 50, 75, 95]
            .map(|it| (format!("{it} %"), format!("{:.2}", quantile(&ratios, it))));
        let data = serde_json::json!({
            "release": self.release,
            "exact": self.exact(),
            "total": self.rows.len(),
            "quantiles": quantiles,
            "not_longer": ratios.iter().filter(|it| **it <= 1.0).count(),
            "rows": self.rows,
        });
        Ok(portwright_prompts::render("scaffold-coverage.md", &data)?)
    }

    fn write(&self, docs: &Path) -> Result<(), ToolError> {
        table::write(docs, (TABLE, self.render()?), (TABLE_JSON, self))
    }
}
