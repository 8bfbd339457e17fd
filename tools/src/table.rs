//! The tables of `docs/coverage/`: data as JSON, and the same as Markdown for people.

use std::{fs, path::Path};

use portwright_harness::rundir::{RunDirError, write_whole};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::ToolError;

/// Write the Markdown and the data of a table into `docs`, each with its file name.
pub(crate) fn write<T: Serialize>(
    docs: &Path,
    (text_name, text): (&str, String),
    (data_name, data): (&str, &T),
) -> Result<(), ToolError> {
    let json = serde_json::to_string_pretty(data)
        .map_err(|err| ToolError::Input(format!("the table does not serialise: {err}")))?;
    for (name, text) in [(text_name, text), (data_name, json + "\n")] {
        let path = docs.join(name);
        write_whole(&path, text.as_bytes())
            .map_err(|source| RunDirError::Write { path, source })?;
    }
    Ok(())
}

/// Read the data of the table called `name` back.
pub(crate) fn load<T: DeserializeOwned>(docs: &Path, name: &str) -> Result<T, ToolError> {
    let path = docs.join(name);
    let error = |detail: String| ToolError::Input(format!("`{}`: {detail}", path.display()));
    let text = fs::read_to_string(&path).map_err(|err| error(err.to_string()))?;
    serde_json::from_str(&text).map_err(|err| error(err.to_string()))
}
