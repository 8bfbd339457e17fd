//! Why the pinned `ruff` could not be had or used, and what to do about it.

use std::{
    borrow::Cow,
    io,
    path::{Path, PathBuf},
};

use portwright_harness::{environment::SetupError, hint::Hint};
use portwright_source::format::StyleError;

use crate::error::Failure;

/// The pinned `ruff` could not be had, or it refused a batch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuffError {
    #[error("nothing at `{root}` says which version of ruff it is formatted with", root = root.display())]
    NoPin { root: PathBuf },

    #[error("ruff {version} is not there and cannot be installed")]
    Install { version: String, source: SetupError },

    #[error("the settings in `{path}` cannot be read", path = path.display())]
    Settings { path: PathBuf, source: StyleError },

    #[error("`{path}` cannot be a file of a repository: {reason}", path = path.display())]
    Path { path: PathBuf, reason: &'static str },

    #[error("failed to {action} `{path}`", path = path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },

    #[error("ruff found no Python in {files}: {said}")]
    Syntax {
        /// Each as `PATH:LINE:COLUMN`.
        files: String,
        /// What ruff says of the first.
        said: String,
    },

    #[error("`ruff {command}` failed ({status})\n{said}")]
    Failed { command: &'static str, status: String, said: String },
}

impl RuffError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// Sorts a failed `ruff format` by what it says of files that are not Python.
    ///
    /// ```text
    /// error: Failed to parse src/transformers/models/x/modeling_x.py:2:9: Expected an expression
    /// ```
    pub(super) fn of_format(status: String, complained: &str) -> Self {
        let parts: Vec<(String, &str)> = complained
            .lines()
            .filter_map(|it| it.strip_prefix("error: Failed to parse "))
            .filter_map(|it| {
                let mut parts = it.splitn(4, ':');
                let place = [parts.next()?, parts.next()?, parts.next()?].join(":");
                Some((place, parts.next()?.trim()))
            })
            .collect();
        match parts.first() {
            Some((_, said)) => {
                let files: Vec<&str> = parts.iter().map(|(place, _)| place.as_str()).collect();
                Self::Syntax { files: files.join(", "), said: (*said).to_owned() }
            }
            None => Self::Failed { command: "format", status, said: complained.to_owned() },
        }
    }
}

impl Failure for RuffError {
    fn is_cancelled(&self) -> bool {
        matches!(self, Self::Install { source: SetupError::Cancelled, .. })
    }
}

impl Hint for RuffError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::NoPin { .. } => {
                "name a checkout with a `setup.py`, or the `transformers` folder of an environment; or use the embedded formatter".into()
            }
            Self::Install { source, .. } => {
                let why = source.hint().map(|it| format!("; to install it: {it}"));
                format!(
                    "the embedded formatter needs no installation and leaves almost every file the same{}",
                    why.unwrap_or_default()
                )
                .into()
            }
            Self::Settings { .. } => "correct `[tool.ruff]` there".into(),
            Self::Path { .. } => "give paths as in the repository: `src/transformers/...`".into(),
            Self::Io { .. } => "set TMPDIR to a folder with room that you may write to".into(),
            Self::Syntax { .. } => "convert the file again and look at the place".into(),
            Self::Failed { .. } => "the embedded formatter can be used instead".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_error_names_its_file() {
        let said = "error: Failed to parse src/a.py:2:9: Expected `)`: found newline\n\
                    error: Failed to parse b.py:1:1: Unexpected indentation\n";
        let err = RuffError::of_format("exit status: 2".into(), said).to_string();
        assert_eq!(
            err,
            "ruff found no Python in src/a.py:2:9, b.py:1:1: Expected `)`: found newline"
        );
        let other = RuffError::of_format("exit status: 2".into(), "ruff failed\n  Cause: x");
        assert!(matches!(other, RuffError::Failed { command: "format", .. }));
    }

    #[test]
    fn without_a_network_the_embedded_formatter_is_named() {
        let source = SetupError::Network { tail: String::new() };
        let err = RuffError::Install { version: "0.14.10".into(), source };
        assert!(err.hint().unwrap().contains("embedded formatter"));
    }
}
