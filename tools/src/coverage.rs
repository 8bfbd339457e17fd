//! What a sweep said of every model type, as data.

use std::{collections::BTreeMap, path::Path};

use portwright_harness::{engine::Pair, outcome::Verdict, sweep::Row};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{error::ToolError, table};

/// The name of the data of PyTorch's and MLX's own table in the docs.
pub const TABLE_JSON: &str = "verify.json";

/// The coverage table: what `docs/coverage/verify.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    #[serde(default = "Pair::native")]
    pub engines: Pair,
    /// Library versions of the engines.
    pub versions: BTreeMap<String, String>,
    pub rows: Vec<Row>,
}

impl Coverage {
    /// Rows of one verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|it| it.verdict == verdict).count()
    }

    /// Rows that are right at the config that was asked, whatever they are at others.
    pub fn right_here(&self) -> usize {
        self.rows.iter().filter(|it| it.is_right_at_its_config()).count()
    }

    /// Rows that do not pass and are not wholly explained by proved causes.
    pub fn unexplained(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|it| it.verdict != Verdict::Pass && !it.unexplained.is_empty())
    }

    /// Read the data of PyTorch's and MLX's table back.
    ///
    /// # Errors
    ///
    /// Where there is none, or another program wrote it.
    pub fn load(docs: &Path) -> Result<Self, ToolError> {
        table::load(docs, TABLE_JSON)
    }
}
