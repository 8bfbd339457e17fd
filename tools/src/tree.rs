//! A tree of a library that receives ports: its package, its tables and its ports as they lie there.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use portwright_harness::hint::Hint;
use portwright_source::port::{PortFile, Remapping, Tables};
use portwright_targets::{self as targets, NoReceiver, Package, Target};

use crate::error::{Failure, ToolError};

/// Why a target's tree cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TreeError {
    /// No port is written for that target.
    #[error(transparent)]
    Target(#[from] NoReceiver),

    /// The folder is another one.
    #[error("`{path}` holds no package `{package}` (looked for `{package}/{models}`)", path = path.display())]
    NoPackage { path: PathBuf, package: String, models: String },

    #[error("`{path}` of the target cannot be read", path = path.display())]
    Read { path: PathBuf, source: io::Error },
}

impl Failure for TreeError {}

impl Hint for TreeError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Target(NoReceiver::Unknown(err)) => {
                err.nearest.map(|it| format!("did you mean `{it}`?").into())
            }
            Self::NoPackage { .. } => {
                Some("name a checkout of the target, or the folder that it is installed in".into())
            }
            Self::Target(_) | Self::Read { .. } => None,
        }
    }
}

/// A checkout or an install of a target.
pub(crate) struct Tree {
    pub(crate) target: &'static Target,
    /// What the target's table says of its package.
    pub(crate) about: &'static Package,
    /// The folder of the package itself.
    pub(crate) package: PathBuf,
    pub(crate) remapping: Remapping,
    /// Every port by the name of its file.
    pub(crate) ports: BTreeMap<String, PortFile>,
}

impl Tree {
    /// Reads the target at `path`: a repository, a folder that packages are installed in, or the package.
    pub(crate) fn open(
        (target, about): (&'static Target, &'static Package),
        path: &Path,
    ) -> Result<Self, ToolError> {
        let path = path
            .canonicalize()
            .map_err(|_| ToolError::NoSuchPath { flag: "--port", path: path.to_owned() })?;
        let package = package(about, &path)?;
        let utils = package.join(&about.remapping.file);
        let remapping = Remapping::parse(&utils, &read(&utils)?, tables(about))?;
        let folder = package.join(&about.models);
        let error = |source: std::io::Error| ToolError::Read { path: folder.clone(), source };
        let mut ports = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(error)? {
            let path = entry.map_err(error)?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if path.extension().is_some_and(|it| it == "py") && !target.is_shared(&name) {
                ports.insert(name, PortFile::read(&path)?);
            }
        }
        Ok(Self { target, about, package, remapping, ports })
    }

    /// What its remapping tables are called.
    pub(crate) fn tables(&self) -> Tables<'static> {
        tables(self.about)
    }

    /// The folder that holds the package: a repository's root, for a checkout.
    pub(crate) fn root(&self) -> PathBuf {
        self.package.parent().unwrap_or(&self.package).to_owned()
    }

    /// Whether it lies where packages are installed.
    pub(crate) fn is_installed(&self) -> bool {
        let names = ["site-packages", "dist-packages"];
        self.package.components().any(|it| names.iter().any(|name| it.as_os_str() == *name))
    }

    pub(crate) fn port_path(&self, model_type: &str) -> PathBuf {
        self.package.join(&self.about.models).join(format!("{model_type}.py"))
    }

    /// Whether `port` is one of `hidden` or takes anything from one, at whatever distance.
    pub(crate) fn needs(&self, port: &PortFile, hidden: &[&str]) -> bool {
        let mut seen = BTreeSet::new();
        let mut queue = vec![port.name.clone()];
        while let Some(name) = queue.pop() {
            if hidden.contains(&name.as_str()) {
                return true;
            }
            if let Some(port) = self.ports.get(&name).filter(|_| seen.insert(name)) {
                queue.extend(port.siblings());
            }
        }
        false
    }

    /// The ports that `port` imports from.
    pub(crate) fn siblings(&self, port: &PortFile) -> Vec<&PortFile> {
        port.siblings().iter().filter_map(|it| self.ports.get(it)).collect()
    }
}

/// What the remapping tables of a package are called.
pub(crate) fn tables(about: &'static Package) -> Tables<'static> {
    let (by_type, by_architecture) = (&about.remapping.by_type, &about.remapping.by_architecture);
    Tables { by_type, by_architecture: by_architecture.as_deref() }
}

/// The target called `id` and its package; the one that receives ports where none is named.
pub(crate) fn receiver(id: Option<&str>) -> Result<(&'static Target, &'static Package), TreeError> {
    Ok(targets::receiver(id)?)
}

/// The folder of the package itself, in a checkout, an install, or where it is named.
pub(crate) fn package(about: &Package, path: &Path) -> Result<PathBuf, TreeError> {
    let is_package =
        |it: &PathBuf| it.join(&about.models).is_dir() && it.join(&about.remapping.file).is_file();
    about.folders(path).into_iter().find(is_package).ok_or_else(|| TreeError::NoPackage {
        path: path.to_owned(),
        package: about.name.clone(),
        models: about.models.clone(),
    })
}

/// The text of a file of the target.
pub(crate) fn read(path: &Path) -> Result<String, TreeError> {
    fs::read_to_string(path).map_err(|source| TreeError::Read { path: path.to_owned(), source })
}
