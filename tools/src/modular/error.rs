//! Why modular files cannot be converted, made or measured. A file that does not convert is no error:
//! the outputs name it.

use std::{borrow::Cow, path::PathBuf, process::ExitStatus};

use portwright_harness::hint::Hint;

use crate::error::Failure;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModularError {
    #[error("no modular file was named")]
    NothingNamed,

    #[error("modular files were named, and all of them were asked for as well")]
    NamesAndAll,

    #[error("two modular files of `{model}` were named")]
    Twice { model: String },

    #[error("`{path}` is not a modular file (`modular_<model>.py`)", path = path.display())]
    NotModular { path: PathBuf },

    #[error("`{name}` has no modular file here{}", nearest.as_ref().map(|it| format!("; the nearest is `{it}`")).unwrap_or_default())]
    NoModularFile { name: String, nearest: Option<String> },

    #[error("none of the files named is a standalone file of a model")]
    NoStandalone,

    #[error("`{path}` exists already", path = path.display())]
    Exists { path: PathBuf },

    #[error("`{package}` is an installed package; it is not written to unless that is asked for", package = package.display())]
    Installed { package: PathBuf },

    #[error("the digests of the files of `{package}` cannot be kept", package = package.display())]
    Cache { package: PathBuf, source: serde_json::Error },

    #[error("`{python}` cannot be run", python = python.display())]
    Python { python: PathBuf, source: std::io::Error },

    #[error("the Python converter ended with {status}\n{said}")]
    PythonConverter { status: ExitStatus, said: String },

    #[error("this system does not tell how much time and memory a process uses")]
    Unmeasured { source: nix::Error },
}

impl Failure for ModularError {}

impl Hint for ModularError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::NothingNamed => {
                "name modular files or models, e.g. `olmo3`, or ask for all of them".into()
            }
            Self::NamesAndAll => "leave one of the two out".into(),
            Self::Twice { .. } => "give one of them".into(),
            Self::NoStandalone => {
                "name files such as `modeling_olmo3.py`, or the folder that they are in".into()
            }
            Self::Exists { .. } => "ask to replace it (`force`), or name another path".into(),
            Self::Installed { .. } => {
                "`--diff` shows what would change, `--out DIR` writes elsewhere, `--in-place` writes to it".into()
            }
            Self::Cache { .. } => "use a path that is plain Unicode text".into(),
            Self::Python { .. } => "name the Python that has the converter's packages".into(),
            Self::NotModular { .. }
            | Self::NoModularFile { .. }
            | Self::PythonConverter { .. }
            | Self::Unmeasured { .. } => return None,
        })
    }
}
