//! Why a port cannot be begun.

use std::{borrow::Cow, path::PathBuf};

use portwright_harness::{hint::Hint, overlay::OverlayError};

use crate::error::Failure;

/// Why a port cannot be begun.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// transformers reads the type as another one.
    #[error("transformers loads `{model_type}` as `{own}`: that is the one to port")]
    LoadedAs { model_type: String, own: String },
    /// There is no such definition.
    #[error("transformers has no causal language model `{model_type}`{}", near(nearest))]
    NoDefinition { model_type: String, nearest: Vec<String> },
    /// The model has a definition and no port.
    #[error("{target} has no port of `{model_type}`: there is no {file}{}", near(nearest))]
    NoPort { target: String, model_type: String, file: String, nearest: Vec<String> },
    /// There is no such port.
    #[error("{target} has no port of `{from}` to begin from{}", near(nearest))]
    NoParent { target: String, from: String, nearest: Vec<String> },
    /// Nothing is there to begin from.
    #[error("{target} has no port to begin from")]
    NoPorts { target: String },
    /// A port is written to a checkout.
    #[error("`{package}` is an installed package; a port is written to a checkout", package = package.display())]
    Installed { package: PathBuf },
    /// There is a port of it already.
    #[error("the model type has a port already: {text}")]
    Ported { text: String },
    /// Our own request cannot be written down.
    #[error("a tiny checkpoint cannot be asked for in `{folder}`", folder = folder.display())]
    Request { folder: PathBuf, source: serde_json::Error },
    /// The tiny checkpoint's config.json is none.
    #[error("`{path}` is not a JSON object", path = path.display())]
    TinyConfig { path: PathBuf, source: serde_json::Error },
    /// No copy of the library could be made for a trial.
    #[error("the library could not be copied for a trial")]
    Copy(#[source] OverlayError),
}

fn near(nearest: &[String]) -> String {
    let names: Vec<String> = nearest.iter().map(|it| format!("`{it}`")).collect();
    match &names[..] {
        [] => String::new(),
        [one] => format!("; the nearest is {one}"),
        _ => format!("; the nearest are {}", names.join(", ")),
    }
}

impl Failure for PortError {}

impl Hint for PortError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NoPort { .. } => Some(
                "name the checkout that has the port, or begin one: a scaffold starts from the \
                 nearest port that there is"
                    .into(),
            ),
            Self::Installed { .. } => {
                Some("`--port PATH` names a checkout, `--out DIR` writes the model's file elsewhere, `--dry-run` writes nothing".into())
            }
            Self::Ported { .. } => {
                Some("`--force` replaces it, `--dry-run` shows what would be written".into())
            }
            Self::Request { .. } => {
                Some("set TMPDIR to a folder whose path is plain Unicode text".into())
            }
            Self::Copy(_) => {
                Some("check that the disk has room and the folder can be written".into())
            }
            _ => None,
        }
    }
}
