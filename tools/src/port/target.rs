//! A tree of a library that receives ports: its package, its tables and its ports as they lie there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use portwright_source::port::{PortFile, Remapping, Tables};
use portwright_targets::{Package, Target};

use super::error::PortError;
use crate::error::ToolError;

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
        let package = package(about, &path).ok_or_else(|| PortError::no_package(about, &path))?;
        let utils = package.join(&about.remapping.file);
        let remapping = Remapping::parse(&utils, &super::read(&utils)?, tables(about))?;
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

/// The folder of the package itself, in a checkout, an install, or where it is named.
pub(crate) fn package(about: &Package, path: &Path) -> Option<PathBuf> {
    about
        .folders(path)
        .into_iter()
        .find(|it| it.join(&about.models).is_dir() && it.join(&about.remapping.file).is_file())
}
