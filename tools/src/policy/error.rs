//! Why a target's rules cannot be told.

use std::{borrow::Cow, io, path::PathBuf};

use portwright_harness::hint::Hint;

use super::table;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    #[error("there is no policy for `{target}`; there are {known}")]
    Unknown { target: String, known: String, nearest: Option<&'static str> },

    #[error("the policy of `{target}` is wrong: {detail}")]
    Table { target: String, detail: String },

    #[error("`{path}` is no checkout of {target}: it has no `{marker}`", path = path.display())]
    OtherCheckout { path: PathBuf, target: String, marker: String },

    #[error("failed to read `{path}`", path = path.display())]
    Read { path: PathBuf, source: io::Error },
}

impl PolicyError {
    pub(super) fn unknown(target: &str) -> Self {
        let near = |it: &&str| 0.7 < strsim::jaro_winkler(target, it);
        Self::Unknown {
            target: target.to_owned(),
            known: table::ids().collect::<Vec<_>>().join(", "),
            nearest: table::ids().find(near),
        }
    }
}

impl Hint for PolicyError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Unknown { nearest: Some(nearest), .. } => {
                Some(format!("did you mean `{nearest}`?").into())
            }
            Self::Unknown { .. } => Some(
                "read the project's AGENTS.md and CONTRIBUTING.md; a new table is a file in `tools/policies`"
                    .into(),
            ),
            Self::Table { .. } => Some("mend the table in `tools/policies`".into()),
            Self::OtherCheckout { .. } => {
                Some("name the folder that has the project's `.git`".into())
            }
            Self::Read { .. } => Some("check that the file is there and can be read".into()),
        }
    }
}
