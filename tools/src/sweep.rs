//! `verify --all`: every model type that both sides have, and the coverage table of the docs.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use portwright_harness::{
    cancel::Cancel,
    check,
    engine::{self, Launch},
    environment::{self, Home, Supply},
    figure::Order,
    outcome::Verdict,
    progress::Progress,
    sweep::{self as harness, Row, Sweep},
    tolerance::factor,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use crate::coverage::{Coverage, TABLE_JSON};
use crate::{agreement, error::ToolError, runs, table, verify_input};

/// The names of the table in the docs.
pub const TABLE: &str = "verify.md";
/// The second text: what ports do at other configs.
pub const VARIATIONS: &str = "variations.md";

/// What to sweep.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SweepInput {
    /// Only these model types; every common one when empty.
    pub model_types: Vec<String>,
    /// Whether each type is asked at the synthetic config alone.
    pub one_config: bool,
    pub transformers: Option<PathBuf>,
    #[serde(alias = "mlx_lm")]
    pub port: Option<PathBuf>,
    /// The engines of both sides, as for one model.
    pub engines: Option<String>,
    /// Model types at a time; one for each core when absent.
    pub jobs: Option<usize>,
    /// Where finished rows are kept, so that a stopped sweep goes on; `portwright-runs/all` when absent.
    pub out: Option<PathBuf>,
    /// Also write the coverage table here.
    pub docs: Option<PathBuf>,
    pub deadline: Option<f64>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SweepOutput {
    pub coverage: Coverage,
    pub seconds: f64,
}

/// Verify everything; with `docs`, write the table.
pub fn sweep(
    input: &SweepInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<SweepOutput, ToolError> {
    let mut named = verify_input::VerifyInput {
        transformers: input.transformers.clone(),
        port: input.port.clone(),
        engines: input.engines.clone(),
        ..verify_input::VerifyInput::default()
    };
    let pair = verify_input::pair(&named)?;
    let sources = verify_input::sources(&mut named, &pair.engines(), home, progress, cancel)?;
    let needs = engine::needs(&pair.engines(), &sources);
    let pinned = environment::ensure(home, &needs, progress, cancel)?;
    let launch = Launch::new(home, pinned);
    let plan = Sweep {
        model_types: input.model_types.clone(),
        checks: if input.one_config {
            check::deciding_at_one_config()
        } else {
            check::CHECKS.iter().map(|it| it.id).collect()
        },
        pair,
        regime: pair.regime(),
        jobs: input.jobs.unwrap_or_else(environment::cores),
        deadline: verify_input::deadline(input.deadline)?,
        out: input.out.clone().unwrap_or_else(|| runs::below("all")),
    };
    let started = Instant::now();
    let swept = harness::sweep(&plan, &launch, &sources, progress, cancel)?;
    let libraries: Vec<&str> = Supply::ALL.into_iter().map(Supply::id).collect();
    let said = swept.engines.into_values().flat_map(|it| it.versions);
    let versions = said.filter(|it| libraries.contains(&it.0.as_str())).collect();
    let output = SweepOutput {
        coverage: Coverage { engines: pair, versions, rows: swept.rows },
        seconds: started.elapsed().as_secs_f64(),
    };
    if let Some(docs) = &input.docs {
        write(&output.coverage, docs)?;
    }
    Ok(output)
}

/// The table as Markdown.
pub fn render(coverage: &Coverage) -> Result<String, ToolError> {
    let counts: Vec<_> = harness::counts(&coverage.rows)
        .into_iter()
        .map(|(spelling, by_verdict)| {
            let of = |verdict| by_verdict.get(&verdict).copied().unwrap_or(0);
            let here = coverage.rows.iter().filter(|it| it.spelling == spelling);
            json!({
                "right": here.filter(|it| it.is_right_at_its_config()).count(),
                "spelling": spelling.id(),
                "pass": of(Verdict::Pass), "fail": of(Verdict::Fail), "not_run": of(Verdict::NotRun),
                "all": by_verdict.values().sum::<usize>(),
            })
        })
        .collect();
    let multiples = |chosen: fn(&Row) -> bool| {
        coverage
            .rows
            .iter()
            .filter(move |it| chosen(it))
            .filter_map(|it| Some(it.worst_multiple?.0))
    };
    let wrong = |row: &Row| row.failed.iter().any(|it| it == "logits-differences");
    let data = json!({
        "factor": factor(Order::Linear),
        "largest_right": multiples(Row::is_right_at_its_config).fold(0.0, f64::max),
        "smallest_wrong": multiples(wrong).fold(f64::INFINITY, f64::min),
        "versions": coverage.versions,
        "counts": counts,
        "rows": coverage.rows,
        "unexplained": coverage.unexplained().count(),
    });
    Ok(portwright_prompts::render("verify-coverage.md", &data)?)
}

/// What ports do at other configs, as Markdown.
///
/// # Errors
///
/// Where the template fails.
pub fn render_variations(coverage: &Coverage) -> Result<String, ToolError> {
    let asked = || coverage.rows.iter().filter_map(|it| it.power.as_ref());
    let data = json!({
        "versions": coverage.versions,
        "rows": coverage.rows.iter().filter(|it| it.power.is_some()).collect::<Vec<_>>(),
        "varied": asked().map(|it| it.varied).sum::<usize>(),
        "shown": asked().map(|it| it.shown).sum::<usize>(),
        "pass": coverage.count(Verdict::Pass),
        "right": coverage.right_here(),
    });
    Ok(portwright_prompts::render("variations-coverage.md", &data)?)
}

fn write(coverage: &Coverage, docs: &Path) -> Result<(), ToolError> {
    // Times differ between runs, so they stay out of the docs.
    let mut coverage = coverage.clone();
    coverage.rows.iter_mut().for_each(|it| it.seconds = 0.0);
    if coverage.engines.is_embedded() {
        return agreement::write_types(&coverage, &Coverage::load(docs)?, docs);
    }
    table::write(docs, (TABLE, render(&coverage)?), (TABLE_JSON, &coverage))?;
    table::write_text(docs, VARIATIONS, &render_variations(&coverage)?)
}
