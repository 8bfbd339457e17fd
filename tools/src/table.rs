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
    outcome::Verdict,
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

/// Why cells are as they are: each reason once, with the columns that give it, and then that of the whole row.
pub(crate) fn reasons<'a>(
    cells: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    of_row: Option<&str>,
) -> String {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (column, reason) in cells {
        let Some(reason) = reason else { continue };
        match reasons.iter_mut().find(|it| it.0 == reason) {
            Some(known) => known.1.push(column),
            None => reasons.push((reason, vec![column])),
        }
    }
    let parts = reasons.into_iter().map(|it| format!("{}: {}", it.1.join(", "), it.0));
    parts.chain(of_row.map(str::to_owned)).collect::<Vec<_>>().join("; ")
}

/// A cell of a verdict with the figure that it rests on.
pub(crate) fn cell(verdict: Verdict, figure: &str) -> String {
    match verdict {
        Verdict::Pass | Verdict::Partial => figure.to_owned(),
        Verdict::Fail => format!("**fail** {figure}").trim_end().to_owned(),
        Verdict::NotRun => "-".to_owned(),
    }
}

/// The table that is in `docs`, or an empty one where there is none.
pub(crate) fn known<T: DeserializeOwned + Default>(
    docs: &Path,
    name: &str,
) -> Result<T, ToolError> {
    if docs.join(name).is_file() { load(docs, name) } else { Ok(T::default()) }
}

/// Read the data of the table called `name` back.
pub(crate) fn load<T: DeserializeOwned>(docs: &Path, name: &str) -> Result<T, ToolError> {
    let path = docs.join(name);
    let text = fs::read_to_string(&path)
        .map_err(|source| ToolError::Read { path: path.clone(), source })?;
    Ok(serde_json::from_str(&text).map_err(|source| TableError::Unreadable { path, source })?)
}
