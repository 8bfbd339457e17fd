//! The tables of `docs/coverage/`: data as JSON, and the same as Markdown for people.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use portwright_harness::{
    environment::{Pinned, SetupError, Supply},
    hint::Hint,
    rundir::{RunDirError, write_whole},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Failure, ToolError};

/// Why a table of `docs/coverage/` could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TableError {
    #[error("the table `{name}` cannot be written as JSON")]
    Serialise { name: String, source: serde_json::Error },

    #[error("`{path}` does not hold the table that belongs there", path = path.display())]
    Unreadable { path: PathBuf, source: serde_json::Error },
}

impl Failure for TableError {}

impl Hint for TableError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Serialise { .. } => None,
            Self::Unreadable { .. } => {
                Some("an older program may have written it: make the table again".into())
            }
        }
    }
}

/// Write the Markdown and the data of a table into `docs`, each with its file name.
pub(crate) fn write<T: Serialize>(
    docs: &Path,
    (text_name, text): (&str, String),
    (data_name, data): (&str, &T),
) -> Result<(), ToolError> {
    let json = serde_json::to_string_pretty(data)
        .map_err(|source| TableError::Serialise { name: data_name.to_owned(), source })?;
    write_text(docs, text_name, &text)?;
    write_text(docs, data_name, &(json + "\n"))
}

/// Write one more text of a table that has several.
pub(crate) fn write_text(docs: &Path, name: &str, text: &str) -> Result<(), ToolError> {
    let path = docs.join(name);
    Ok(write_whole(&path, text.as_bytes()).map_err(|source| RunDirError::Write { path, source })?)
}

/// What a table was measured with: the release of everything that can be set up, by its name.
pub(crate) fn versions(pinned: &Pinned) -> Result<BTreeMap<String, String>, SetupError> {
    let installed = &pinned.engines()?.versions;
    let names = Supply::ALL.into_iter().map(Supply::id);
    Ok(names.filter_map(|it| Some((it.to_owned(), installed.get(it)?.clone()))).collect())
}

/// Read the data of the table called `name` back.
pub(crate) fn load<T: DeserializeOwned>(docs: &Path, name: &str) -> Result<T, ToolError> {
    let path = docs.join(name);
    let text = fs::read_to_string(&path)
        .map_err(|source| ToolError::Read { path: path.clone(), source })?;
    Ok(serde_json::from_str(&text).map_err(|source| TableError::Unreadable { path, source })?)
}
