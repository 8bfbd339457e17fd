//! Why an architecture cannot be inspected.

use std::{borrow::Cow, io, path::PathBuf};

use portwright_harness::hint::Hint;

use crate::error::Failure;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    #[error("`{file}` is not JSON", file = file.display())]
    NotJson { file: PathBuf, source: serde_json::Error },

    #[error("`modules` is not a pattern: {source}")]
    Pattern { source: globset::Error },

    #[error("`{file}` has no table `{table}`", file = file.display())]
    NoTable { file: PathBuf, table: &'static str },

    #[error("the engines' Python did not start")]
    Python { source: io::Error },
}

impl Failure for InspectError {}

impl Hint for InspectError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::NotJson { .. } => "the file may be cut short; fetch or make it again".into(),
            Self::Pattern { .. } => "write e.g. `model.layers.*.self_attn`".into(),
            Self::NoTable { .. } => "name another release of transformers, or a checkout".into(),
            Self::Python { .. } => "`portwright doctor` says what is wrong with it".into(),
        })
    }
}
