//! Why a target's rules cannot be told.

use std::{borrow::Cow, io, path::PathBuf};

use portwright_harness::hint::Hint;
use portwright_targets::UnknownTarget;

use crate::error::Failure;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    #[error(transparent)]
    Unknown(#[from] UnknownTarget),

    #[error("the policy of `{target}` is wrong: {detail}")]
    Table { target: String, detail: String },

    #[error("`{path}` is not a checkout of {target}: it has no `{marker}`", path = path.display())]
    OtherCheckout { path: PathBuf, target: String, marker: String },

    #[error("failed to read `{path}`", path = path.display())]
    Read { path: PathBuf, source: io::Error },
}

impl Failure for PolicyError {}

impl Hint for PolicyError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Unknown(UnknownTarget { nearest: Some(nearest), .. }) => {
                Some(format!("did you mean `{nearest}`?").into())
            }
            Self::Unknown(_) => Some(
                "read the project's AGENTS.md and CONTRIBUTING.md; a new table is a file in `targets/data`"
                    .into(),
            ),
            Self::Table { .. } => Some("mend the table in `targets/data`".into()),
            Self::OtherCheckout { .. } => {
                Some("name the folder that has the project's `.git`".into())
            }
            Self::Read { .. } => Some("check that the file is there and can be read".into()),
        }
    }
}
