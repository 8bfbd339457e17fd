//! Why no new model was begun.

use std::{borrow::Cow, path::PathBuf};

use portwright_harness::hint::Hint;
use portwright_source::FileKind;

use crate::error::Failure;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewModelError {
    #[error("a new model belongs into a checkout of transformers (`src/transformers`)")]
    NoCheckout,

    #[error("`{0}` cannot be a model type")]
    Name(String),

    #[error("`{0}` cannot begin a class name")]
    Prefix(String),

    #[error("there is a model {found} already")]
    Taken { found: String },

    #[error(
        "`{parent}` has no folder and configuration file of its own name here, so nothing can be inherited from it by name"
    )]
    ParentWithoutFolder { parent: String },

    #[error("no model `{parent}` with a configuration file was found here{}", nearest.as_ref().map(|it| format!("; the nearest is `{it}`")).unwrap_or_default())]
    NoParent { parent: String, nearest: Option<String> },

    #[error("the files of `{parent}` export no class to inherit from")]
    NoClasses { parent: String },

    #[error("`{parent}` has no {kind} file to inherit from")]
    NoFileOfKind { parent: String, kind: String },

    #[error("there is no kind of file `{0}`")]
    UnknownKind(String),

    #[error("`{path}` lists no models (`from .x import *`)", path = path.display())]
    NoListOfModels { path: PathBuf },

    /// A file that we drafted cannot be laid out.
    #[error("`{path}` could not be written as Python: {said}", path = path.display())]
    Draft { path: PathBuf, said: String },

    /// The modular file does not convert: the converter's text in full, place and source line included.
    #[error("{0}")]
    Conversion(String),

    #[error(
        "`{class}` would say that its model type is {}, but `{expected}` is meant",
        found.as_ref().map_or("nothing".to_owned(), |it| format!("`{it}`"))
    )]
    OtherType { class: String, found: Option<String>, expected: String },

    #[error("`{class}` would not be written from `{base}`")]
    NotWritten { class: String, base: String },
}

impl Failure for NewModelError {}

impl Hint for NewModelError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::NoCheckout => "name one with `--transformers`".into(),
            Self::Name(_) => {
                "use lower case letters, digits and single underscores, e.g. `my_model`".into()
            }
            Self::Prefix(_) => "give e.g. `MyModel`".into(),
            Self::Taken { .. } => "choose another name".into(),
            Self::UnknownKind(_) => {
                format!("there are {}", FileKind::ALL.map(FileKind::prefix).join(", ")).into()
            }
            Self::OtherType { .. } | Self::NotWritten { .. } => {
                "give another class prefix, e.g. `MyModel`".into()
            }
            Self::NoListOfModels { .. } => {
                "name a checkout whose `src/transformers/models/__init__.py` lists the models"
                    .into()
            }
            Self::ParentWithoutFolder { .. }
            | Self::NoParent { .. }
            | Self::NoClasses { .. }
            | Self::NoFileOfKind { .. }
            | Self::Draft { .. }
            | Self::Conversion(_) => return None,
        })
    }
}
