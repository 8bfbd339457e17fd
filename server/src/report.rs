//! What the tools about reports take and return.

use std::path::PathBuf;

use portwright_tools::report::{Draft, DraftInput};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    answer::Brief,
    page::slice,
    refusal::Refusal,
    resources,
    roots::{AgentPath, Roots},
    run_id::RunId,
};

/// What to draft.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftReport {
    /// A run's id, e.g. `olmo3-20260131T120000123Z`.
    #[schemars(length(min = 1, max = 128))]
    pub(crate) run: String,
    /// Whose pull request template to fill, e.g. `mlx-lm`.
    #[serde(default, alias = "template")]
    #[schemars(length(max = 32))]
    target: Option<String>,
    /// The target's tree, e.g. `/home/me/mlx-lm`; a neutral template when absent.
    #[serde(default)]
    port: Option<AgentPath>,
}

impl DraftReport {
    /// The capability's input, but for the run's folder.
    pub(crate) fn into_input(self, roots: &Roots) -> Result<DraftInput, Refusal> {
        let port = roots.read_any(self.port.as_ref())?;
        Ok(DraftInput { run: PathBuf::new(), target: self.target, port })
    }
}

/// What was written, and what a person has to add.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DraftedReport {
    run: String,
    summary: String,
    files: Vec<PathBuf>,
    /// The resource with the report, e.g. `portwright://runs/RUN/report`.
    report: String,
    /// The filled template, as much as one answer may take; the file has it whole.
    draft: Option<String>,
    /// What only a person may write.
    blanks: Vec<String>,
    next_step: String,
}

impl DraftedReport {
    pub(crate) fn of(id: &RunId, draft: Draft) -> Self {
        Self {
            run: id.to_string(),
            summary: draft.summary,
            files: draft.files,
            report: resources::report(id),
            draft: draft.draft.map(|it| slice(&it, 0).0.to_owned()),
            next_step: match draft.blanks.len() {
                0 => "show the person report.html in the run's folder".to_owned(),
                1 => "ask the person to fill in the blank themselves; do not write it".to_owned(),
                count => format!(
                    "ask the person to fill in the {count} blanks themselves; do not write them"
                ),
            },
            blanks: draft.blanks,
        }
    }
}

impl Brief for DraftedReport {
    fn brief(&self) -> String {
        format!("{}\nnext: {}", self.summary, self.next_step)
    }
}
