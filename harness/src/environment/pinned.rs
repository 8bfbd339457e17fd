//! What was set up of the pinned releases, for those who use it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{complete::Engines, error::SetupError, lock, need::Need};

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
        let sources = Need::sources(&Need::ALL).into_iter().filter(|it| self.has_source(*it));
        let sources = sources.map(lock::pinned);
        let sources = sources.map(|it| (it.name.to_owned(), it.version.to_owned()));
        sources.chain(installed).collect()
    }

    pub(super) fn has_source(&self, source: Need) -> bool {
        match source {
            Need::Transformers => self.transformers.is_some(),
            Need::MlxLm => self.mlx_lm.is_some(),
            Need::Torch | Need::Mlx => false,
        }
    }

    pub(super) fn set_source(&mut self, source: Need, folder: PathBuf) {
        match source {
            Need::Transformers => self.transformers = Some(folder),
            Need::MlxLm => self.mlx_lm = Some(folder),
            Need::Torch | Need::Mlx => {}
        }
    }
}

/// An engine's environment holds the sources that it runs.
impl From<Engines> for Pinned {
    fn from(engines: Engines) -> Self {
        let folder = |source: Need| engines.serves(source).then(|| engines.site_packages.clone());
        Self {
            transformers: folder(Need::Transformers),
            mlx_lm: folder(Need::MlxLm),
            engines: Some(engines),
        }
    }
}
