//! Why there is no ledger.

use std::{borrow::Cow, io, path::PathBuf};

use portwright_harness::hint::Hint;

use crate::error::Failure;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitsError {
    #[error("`{path}` is not a git repository: {detail}", path = path.display())]
    NoRepository { path: PathBuf, detail: String },

    #[error("`{0}` is not a range of commits")]
    Range(String),

    #[error("`{revision}` names no commit: {detail}")]
    Revision { revision: String, detail: String },

    #[error("git could not {doing}")]
    Git { doing: &'static str, source: git2::Error },

    #[error("failed to read the notes `{path}`", path = path.display())]
    Notes { path: PathBuf, source: io::Error },
}

impl CommitsError {
    pub(super) fn git(doing: &'static str) -> impl FnOnce(git2::Error) -> Self {
        move |source| Self::Git { doing, source }
    }
}

impl Failure for CommitsError {}

impl Hint for CommitsError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::NoRepository { .. } => "name its folder with `--repo PATH`".into(),
            Self::Range(_) => {
                "write FROM..TO, e.g. `v0.31.0..v0.32.0`; FROM itself is not in the range".into()
            }
            Self::Revision { .. } => {
                "name a tag, a branch or an id that this repository has; fetch it where it is missing"
                    .into()
            }
            Self::Notes { .. } => "the notes are a text file, e.g. `NOTES.md`".into(),
            Self::Git { .. } => return None,
        })
    }
}
