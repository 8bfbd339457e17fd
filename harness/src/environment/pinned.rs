//! What was set up of the pinned releases, for those who use it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{complete::Engines, error::SetupError, lock, supply::Supply};

/// The pinned releases as far as they were needed: folders of sources, and the engines' Python.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pinned {
    pub(super) engines: Option<Engines>,
    pub(super) transformers: Option<PathBuf>,
    pub(super) mlx_lm: Option<PathBuf>,
}

impl Pinned {
    /// The Python environment of the engines that were needed.
    ///
    /// # Errors
    ///
    /// [`SetupError::NotSetUp`] where none was.
    pub fn engines(&self) -> Result<&Engines, SetupError> {
        let what = "the Python environment of an engine";
        self.engines.as_ref().ok_or(SetupError::NotSetUp { what })
    }

    /// The folder that holds the package `transformers`.
    ///
    /// # Errors
    ///
    /// [`SetupError::NotSetUp`] where nothing needed it.
    pub fn transformers(&self) -> Result<&Path, SetupError> {
        let what = "the source of transformers";
        self.transformers.as_deref().ok_or(SetupError::NotSetUp { what })
    }

    /// The folder that holds the package `mlx_lm`.
    ///
    /// # Errors
    ///
    /// [`SetupError::NotSetUp`] where nothing needed it.
    pub fn mlx_lm(&self) -> Result<&Path, SetupError> {
        self.mlx_lm.as_deref().ok_or(SetupError::NotSetUp { what: "the source of mlx-lm" })
    }

    /// What is there by package name: everything of an engine's environment, and the sources.
    pub fn versions(&self) -> BTreeMap<String, String> {
        let installed = self.engines.iter().flat_map(|it| it.versions.clone());
        let sources = Supply::sources(&Supply::ALL).into_iter().filter(|it| self.has_source(*it));
        let sources = sources.map(lock::pinned);
        let sources = sources.map(|it| (it.name.to_owned(), it.version.to_owned()));
        sources.chain(installed).collect()
    }

    pub(super) fn has_source(&self, source: Supply) -> bool {
        match source {
            Supply::Transformers => self.transformers.is_some(),
            Supply::MlxLm => self.mlx_lm.is_some(),
            Supply::Torch | Supply::Mlx => false,
        }
    }

    pub(super) fn set_source(&mut self, source: Supply, folder: PathBuf) {
        match source {
            Supply::Transformers => self.transformers = Some(folder),
            Supply::MlxLm => self.mlx_lm = Some(folder),
            Supply::Torch | Supply::Mlx => {}
        }
    }
}

/// An engine's environment holds the sources that it runs.
impl From<Engines> for Pinned {
    fn from(engines: Engines) -> Self {
        let folder = |source: Supply| engines.serves(source).then(|| engines.site_packages.clone());
        Self {
            transformers: folder(Supply::Transformers),
            mlx_lm: folder(Supply::MlxLm),
            engines: Some(engines),
        }
    }
}
