//! Why a port does not pass, with the one change that proves it.
//!
//! `harness/causes/*.toml` hold one row a cause. The sweep makes the experiment of each row again and
//! reports what it measured; a cause whose experiment does not do what it says is shown as refuted.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/causes");

/// Where the fault lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The port computes something else than the definition.
    PortBug,
    /// The port supports only some values of a field, and does not say so.
    UnsupportedConfig,
    /// The port reads another layout of checkpoint or config than the definition writes.
    CheckpointFormat,
    /// The port does the same as the definition in another number format or order.
    Numerics,
    /// The reference differs from itself, or cannot run.
    Reference,
    /// mlx-lm on this platform lacks an operation that the port needs.
    Platform,
}

/// One cause and its proof.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// The model types it explains.
    pub model_types: Vec<String>,
    pub kind: Kind,
    /// What is wrong, in one or two sentences, with file and line where there is one.
    pub cause: String,
    /// What was changed, in a few words: `sliding window set to 64`.
    pub change: String,
    /// Config fields set on the synthetic checkpoint.
    #[serde(default)]
    pub set: BTreeMap<String, Value>,
    /// A patch of the port, in `harness/causes/<name>`.
    pub patch: Option<String>,
    /// Checks that must pass once the change is made; all deciding ones when empty.
    #[serde(default)]
    pub passes: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("harness/causes/{file}: {detail}")]
pub struct CauseError {
    file: String,
    detail: String,
}

#[derive(Deserialize)]
struct Table {
    #[serde(default)]
    cause: Vec<Cause>,
}

/// Every cause, file by file.
pub fn table() -> Result<Vec<Cause>, CauseError> {
    let mut causes = Vec::new();
    for file in FILES.files().filter(|it| it.path().extension().is_some_and(|it| it == "toml")) {
        let error = |detail: String| CauseError { file: file.path().display().to_string(), detail };
        let text = file.contents_utf8().ok_or_else(|| error("not UTF-8".into()))?;
        let table: Table = toml::from_str(text).map_err(|err| error(err.to_string()))?;
        causes.extend(table.cause);
    }
    Ok(causes)
}

/// A patch that a cause names.
pub fn patch(name: &str) -> Option<&'static str> {
    FILES.get_file(name)?.contents_utf8()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check::CHECKS, overlay::patched_file};

    #[test]
    fn every_cause_changes_something_that_exists() {
        for cause in table().unwrap() {
            assert!(!cause.model_types.is_empty() && !cause.change.is_empty(), "{cause:?}");
            assert!(cause.patch.is_some() || !cause.set.is_empty(), "{cause:?}");
            if let Some(name) = &cause.patch {
                assert!(patch(name).and_then(patched_file).is_some(), "{name}");
            }
            for id in &cause.passes {
                assert!(CHECKS.iter().any(|it| it.id == id), "{id}");
            }
        }
    }
}
