//! Finished runs on disk.

use std::{
    fs,
    path::{Path, PathBuf},
};

use portwright_harness::{
    evidence::{Evidence, SCHEMA_VERSION},
    rundir::EVIDENCE,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::ToolError;

/// The folder under the current one where runs go unless told otherwise.
pub const RUNS: &str = "portwright-runs";

/// One line about a finished run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunSummary {
    pub path: PathBuf,
    pub model_type: String,
    pub verdict: String,
    pub digest: String,
    pub finished: String,
}

/// The evidence of the run in `path`.
///
/// # Errors
///
/// Fails when there is none, when it is not JSON of the known schema, or of another version.
pub fn load(path: &Path) -> Result<Evidence, ToolError> {
    let error = |detail: String| ToolError::NoEvidence { path: path.to_owned(), detail };
    let text = fs::read_to_string(path.join(EVIDENCE)).map_err(|err| error(err.to_string()))?;
    let evidence: Evidence = serde_json::from_str(&text).map_err(|err| error(err.to_string()))?;
    if evidence.schema_version != SCHEMA_VERSION {
        let found = evidence.schema_version;
        return Err(error(format!("schema version {found}, this release reads {SCHEMA_VERSION}")));
    }
    Ok(evidence)
}

/// The evidence of the run in `path`, whose outcomes are what its figures give.
///
/// # Errors
///
/// As [`load`]; and when it contradicts itself.
pub fn consistent(path: &Path) -> Result<Evidence, ToolError> {
    let evidence = load(path)?;
    match evidence.disagreements().first() {
        None => Ok(evidence),
        Some(fault) => Err(ToolError::NoEvidence {
            path: path.to_owned(),
            detail: format!("it contradicts itself: {fault}"),
        }),
    }
}

/// Every finished run under `root`, newest first. Unfinished ones are left out.
pub fn list(root: &Path) -> Vec<RunSummary> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let mut runs: Vec<RunSummary> = entries
        .filter_map(|it| {
            let path = it.ok()?.path();
            let evidence = load(&path).ok()?;
            Some(RunSummary {
                path,
                model_type: evidence.subject.model_type,
                verdict: evidence.verdict.word().to_owned(),
                digest: evidence.digest,
                finished: evidence.clock.finished,
            })
        })
        .collect();
    runs.sort_by(|a, b| b.finished.cmp(&a.finished).then(a.path.cmp(&b.path)));
    runs
}
