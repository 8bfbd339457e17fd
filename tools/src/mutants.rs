//! `mutants`: planted bugs, and the table of catches of the docs.

use std::{fs, path::Path};

use portwright_harness::{
    cancel::Cancel,
    engine::{self, Launch, Pair, Sources},
    environment::{self, Home},
    gather::Lane,
    mutants as harness,
    progress::Progress,
};
use serde_json::json;

pub use crate::catches::TABLE_JSON;
use crate::{agreement, catches::Catches, error::ToolError, runs, table, verify};

pub const TABLE: &str = "mutants.md";

/// Plant the mutants `ids` (all when empty) on the pinned mlx-lm; with `docs`, write the table.
pub fn mutants(
    ids: &[String],
    engines: Option<Pair>,
    docs: Option<&Path>,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Catches, ToolError> {
    let (pair, sources) = (engines.unwrap_or_default(), Sources::default());
    let needs = engine::needs(&pair.engines(), &sources);
    let pinned = environment::ensure(home, &needs, progress, cancel)?;
    let launch = Launch::new(home, pinned).in_regime(pair.regime());
    let deadline = verify::deadline(None)?;
    let mut lane = Lane::start(&launch, pair, &sources, deadline, cancel)?;
    let work = runs::below(format!("mutants-{}", std::process::id()));
    let catches = harness::run(&mut lane, ids, &work, progress);
    // Best effort: only copies and synthetic checkpoints are in there.
    let _ = fs::remove_dir_all(&work);
    let catches = Catches { catches: catches? };
    match docs {
        Some(docs) if pair.is_embedded() => agreement::write_mutants(&catches, docs)?,
        Some(docs) => table::write(docs, (TABLE, render(&catches)?), (TABLE_JSON, &catches))?,
        None => {}
    }
    Ok(catches)
}

/// The table as Markdown.
pub fn render(catches: &Catches) -> Result<String, ToolError> {
    let data = json!({
        "catches": catches.catches,
        "caught": catches.caught(),
        "false_alarms": catches.false_alarms(),
    });
    Ok(portwright_prompts::render(TABLE, &data)?)
}
