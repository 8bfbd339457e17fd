//! `trials --constants`: how small a wrong constant both pairs of engines see, and the table of the docs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use portwright_harness::{
    cancel::Cancel,
    constants::{self as harness, CONSTANTS, Seen},
    engine::{self, Launch, Pair, Sources},
    environment::{self, Home},
    gather::Lane,
    progress::{Progress, Step},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{error::ToolError, runs, table, verify_input};

/// The names of the table in the docs.
pub const TABLE: &str = "constants.md";
pub const TABLE_JSON: &str = "constants.json";

/// Ports that are right at their synthetic config and have every constant.
pub const TYPES: [&str; 3] = ["llama", "olmo3", "qwen3"];

/// What `docs/coverage/constants.json` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Constants {
    /// Library versions of the native engines.
    pub versions: BTreeMap<String, String>,
    pub seen: Vec<Seen>,
}

impl Constants {
    /// Read the table's data back.
    ///
    /// # Errors
    ///
    /// Where there is none, or another program wrote it.
    pub fn load(docs: &Path) -> Result<Self, ToolError> {
        table::load(docs, TABLE_JSON)
    }

    /// The smallest share that a pair of engines sees, as a power of ten.
    pub fn of(&self, model_type: &str, constant: &str, engines: Pair) -> Option<u32> {
        let is = |it: &&Seen| {
            it.model_type == model_type && it.constant == constant && it.engines == engines
        };
        self.seen.iter().find(is)?.smallest
    }

    /// The table as Markdown.
    ///
    /// # Errors
    ///
    /// Where the template fails.
    pub fn render(&self) -> Result<String, ToolError> {
        let mut rows: Vec<(&str, &str)> =
            self.seen.iter().map(|it| (it.model_type.as_str(), it.constant.as_str())).collect();
        rows.sort_unstable();
        rows.dedup();
        let share = |power: Option<u32>| power.map_or("none".to_owned(), |it| format!("1e-{it}"));
        let rows: Vec<_> = rows
            .into_iter()
            .map(|(model_type, constant)| {
                let of = |pair| share(self.of(model_type, constant, pair));
                json!({
                    "model_type": model_type, "constant": constant,
                    "embedded": of(Pair::default()), "native": of(Pair::native()),
                })
            })
            .collect();
        let what: Vec<_> =
            CONSTANTS.iter().map(|(id, what)| json!({"id": id, "what": what})).collect();
        let data = json!({"versions": self.versions, "rows": rows, "constants": what});
        Ok(portwright_prompts::render(TABLE, &data)?)
    }
}

/// Move every constant of these ports (of [`TYPES`] when there are none); with `docs`, write the table.
///
/// # Errors
///
/// Where the engines cannot be started, a question cannot be put, or a port is not right as it is.
pub fn constants(
    model_types: &[String],
    docs: Option<&Path>,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Constants, ToolError> {
    let types: Vec<String> = if model_types.is_empty() {
        TYPES.iter().map(|it| (*it).to_owned()).collect()
    } else {
        model_types.to_vec()
    };
    let pairs = [Pair::default(), Pair::native()];
    let sources = Sources::default();
    let engines: Vec<_> = pairs.iter().flat_map(|it| it.engines()).collect();
    let pinned = environment::ensure(home, &engine::needs(&engines, &sources), progress, cancel)?;
    let deadline = verify_input::deadline(None)?;
    let work: PathBuf = runs::below(format!("constants-{}", std::process::id()));
    let step = Step::start(progress, "ports", (pairs.len() * types.len()) as u64);
    let mut seen = Vec::new();
    let mut asked = || -> Result<(), ToolError> {
        for pair in pairs {
            let launch = Launch::new(home, pinned.clone()).in_regime(pair.regime());
            let mut lane = Lane::start(&launch, pair, &sources, deadline, cancel)?;
            for model_type in &types {
                seen.extend(harness::of_port(&mut lane, model_type, &work.join(model_type))?);
                step.advance(1);
            }
        }
        Ok(())
    };
    let done = asked();
    // Best effort: only copies and synthetic checkpoints are in there.
    let _ = fs::remove_dir_all(&work);
    done?;
    let made = Constants { versions: table::versions(&pinned)?, seen };
    if let Some(docs) = docs {
        table::write(docs, (TABLE, made.render()?), (TABLE_JSON, &made))?;
    }
    Ok(made)
}
