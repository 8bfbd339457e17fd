//! The table of the docs: which standalone files of a release come out as it ships them.

use std::{collections::BTreeMap, path::Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    convert::{Compared, ConvertOutput, Counts},
    formatter::FormatterUsed,
};
use crate::{error::ToolError, table};

/// The table, and its data.
pub const TABLE: &str = "modular.md";
/// See [`TABLE`].
pub const TABLE_JSON: &str = "modular.json";

/// What `docs/coverage/modular.json` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModularCoverage {
    /// The release of transformers.
    pub release: String,
    pub formatter: FormatterUsed,
    /// Modular files that were converted.
    pub modular_files: usize,
    /// Modular files that could not be, with the reason.
    pub failures: Vec<String>,
    /// Per kind of file: as shipped, different, not shipped.
    pub kinds: BTreeMap<String, Counts>,
    /// Each file that is not byte for byte what the release ships.
    pub differing: Vec<Differing>,
}

/// A file that came out otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Differing {
    /// Below the package.
    pub path: String,
    /// From the shipped file to ours.
    pub diff: String,
}

impl ModularCoverage {
    /// The table of a conversion that was compared with what is on disk.
    pub fn of(output: &ConvertOutput, release: String) -> Self {
        let below = |path: &Path| {
            let path = path.strip_prefix(&output.package).unwrap_or(path);
            path.to_string_lossy().replace('\\', "/")
        };
        let differing = output
            .files
            .iter()
            .filter(|it| it.compared != Compared::Unchanged)
            .map(|it| Differing {
                path: below(&it.path),
                diff: it.diff.clone().unwrap_or_default(),
            })
            .collect();
        Self {
            release,
            formatter: output.formatter.clone(),
            modular_files: output.modular_files,
            failures: output.failures.iter().map(|it| it.message.clone()).collect(),
            kinds: output.kinds.clone(),
            differing,
        }
    }

    /// Files as shipped, and all files.
    pub fn identical(&self) -> (usize, usize) {
        let identical = self.kinds.values().map(|it| it.unchanged).sum();
        (identical, self.kinds.values().map(|it| it.total()).sum())
    }

    /// Read the data back.
    pub fn load(docs: &Path) -> Result<Self, ToolError> {
        table::load(docs, TABLE_JSON)
    }

    /// The table as Markdown.
    pub fn render(&self) -> Result<String, ToolError> {
        let (identical, total) = self.identical();
        let rows: Vec<_> = self
            .kinds
            .iter()
            .map(|(kind, counts)| {
                serde_json::json!({
                    "kind": kind,
                    "identical": counts.unchanged,
                    "differs": counts.changed,
                    "missing": counts.new,
                })
            })
            .collect();
        let data = serde_json::json!({
            "release": self.release,
            "formatter": self.formatter.name,
            "modular_files": self.modular_files,
            "failures": self.failures,
            "identical": identical,
            "total": total,
            "rows": rows,
            "differing": self.differing,
        });
        Ok(portwright_prompts::render("modular-coverage.md", &data)?)
    }

    /// Write the table and its data into `docs`.
    pub fn write(&self, docs: &Path) -> Result<(), ToolError> {
        table::write(docs, (TABLE, self.render()?), (TABLE_JSON, self))
    }
}
