//! Why nothing can be staged, or even planned. What a plan refuses is no error: it is its answer.

use std::{borrow::Cow, io, path::PathBuf};

use portwright_harness::hint::Hint;

use crate::error::Failure;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StageError {
    #[error("`{path}` is not a git checkout: {detail}", path = path.display())]
    NoCheckout { path: PathBuf, detail: String },

    #[error("`{path}` has no commit to start from", path = path.display())]
    NoCommit { path: PathBuf },

    #[error("`{0}` is not a model type")]
    ModelType(String),

    #[error("no file to stage")]
    Nothing,

    #[error("another staging is at work in `{path}`", path = path.display())]
    Busy { path: PathBuf },

    #[error("git could not {doing}")]
    Git { doing: &'static str, source: git2::Error },

    #[error("failed to read `{path}`", path = path.display())]
    Read { path: PathBuf, source: io::Error },

    #[error("failed to write `{path}`", path = path.display())]
    Write { path: PathBuf, source: io::Error },

    #[error("`{path}` cannot be read as the journal of a staging: {detail}", path = path.display())]
    Journal { path: PathBuf, detail: String },

    #[error("an earlier staging was interrupted, and {what} since then; nothing was changed")]
    Touched { what: String },

    #[error("what was staged is not what was planned, and was undone: {detail}")]
    NotAsPlanned { detail: String },

    #[error("{first}; undoing the steps before it failed too")]
    NotUndone { first: Box<StageError>, source: Box<StageError> },
}

impl StageError {
    pub(super) fn git(doing: &'static str) -> impl FnOnce(git2::Error) -> Self {
        move |source| Self::Git { doing, source }
    }

    pub(super) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }

    pub(super) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }
}

impl Failure for StageError {}

impl Hint for StageError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::NoCheckout { .. } => "name the folder that has the target's `.git`".into(),
            Self::NoCommit { .. } => "clone the target's repository".into(),
            Self::ModelType(_) => {
                "a model type is what `model_type` in config.json says, e.g. `olmo3`".into()
            }
            Self::Nothing => {
                "name files as `PATH/IN/TARGET=FILE`, or a folder that is laid out like the target"
                    .into()
            }
            Self::Busy { .. } => "wait for it to end".into(),
            Self::Touched { .. } => {
                "put that back or out of the way, then recover: `portwright stage --recover --checkout PATH`"
                    .into()
            }
            Self::Journal { .. } => {
                "look at `git status`; when the checkout is as it should be, remove that file".into()
            }
            Self::NotUndone { .. } => {
                "mend what the cause names, then recover: `portwright stage --recover --checkout PATH`"
                    .into()
            }
            Self::Read { .. } | Self::Write { .. } => {
                "check that the path is there, that the disk has room, and who may read and write it"
                    .into()
            }
            Self::NotAsPlanned { .. } => {
                "a filter or a hook of the checkout may rewrite files; stage them by hand".into()
            }
            Self::Git { .. } => return None,
        })
    }
}
