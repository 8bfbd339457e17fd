//! Why there are no candidates.

use std::borrow::Cow;

use portwright_harness::hint::Hint;

use crate::error::Failure;

/// A question about checkpoints that has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CandidatesError {
    #[error(
        "transformers has no model type `{model_type}`, and there is no checkpoint of it in {shelf}"
    )]
    Unknown { model_type: String, shelf: String, nearest: Option<String> },

    #[error("no model was named; name a model type, e.g. `olmo3`")]
    NoModel,

    #[error("no checkpoint of `{model_type}` in {shelf}")]
    Nothing { model_type: String, shelf: String },

    #[error("transformers has no model class `{class}`")]
    UnknownClass { class: String, nearest: Option<String> },

    #[error("`{class}` is a class, and there is no transformers to look it up in")]
    NoLibrary { class: String },

    #[error("`{id}` cannot be added: {why}")]
    CannotAdd { id: String, why: String },

    #[error("no checkpoint can be in the set, so `{path}` was not written", path = path.display())]
    NothingToWrite { path: std::path::PathBuf },

    #[error("the config.json of `{checkpoint}` cannot be used: {why}")]
    Checkpoint { checkpoint: String, why: String },

    #[error("`{path}` is not a cover of `portwright candidates`: {why}", path = path.display())]
    NotACover { path: std::path::PathBuf, why: String },

    #[error("`{id}` is not in the cover; it has {}", known.join(", "))]
    NotInCover { id: String, known: Vec<String> },

    #[error("a limit is from 1 to {most}, got {found}")]
    Limit { found: usize, most: usize },
}

impl Failure for CandidatesError {}

impl Hint for CandidatesError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Unknown { nearest: Some(nearest), .. }
            | Self::UnknownClass { nearest: Some(nearest), .. } => {
                Some(format!("did you mean `{nearest}`?").into())
            }
            Self::Unknown { .. } | Self::UnknownClass { .. } => {
                Some("a model type is what `model_type` in config.json says, e.g. `olmo3`".into())
            }
            Self::Nothing { .. } => Some(
                "the Hub's cache has what was downloaded before; without `--offline` the Hub itself is asked, \
                 and `--folder DIR` looks in a folder"
                    .into(),
            ),
            Self::NoLibrary { .. } => {
                Some("name the model type, or a checkout with `--transformers`".into())
            }
            Self::CannotAdd { .. } => {
                Some("only a checkpoint of the same model type whose config.json can be read is added".into())
            }
            Self::NothingToWrite { .. } => {
                Some("`--add ID` takes a checkpoint in by name, a larger `--max-bytes` lets more in".into())
            }
            Self::NotACover { .. } => Some("write it again with `portwright candidates`".into()),
            Self::NoModel
            | Self::Checkpoint { .. }
            | Self::NotInCover { .. }
            | Self::Limit { .. } => None,
        }
    }
}
