//! The libraries that receive ports, and where each keeps what a port is made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use portwright_source::port::{PortFile, Remapping};

use crate::error::ToolError;

/// A library that receives ports.
#[derive(Debug)]
pub struct Target {
    /// As its repository is called.
    pub id: &'static str,
    /// The Python package.
    pub package: &'static str,
    /// The folder of ports in the package: one file a model type.
    pub models: &'static str,
    /// The file of the package, and its table, that give a model type another model's port.
    pub remapping: (&'static str, &'static str),
    /// A table beside it that asks for the class too.
    pub remapping_of_classes: &'static str,
    /// The file of the repository, and its list, that hold a tiny config of each model.
    pub tests: (&'static str, &'static str),
    /// Files among the ports that are none.
    pub shared: &'static [&'static str],
}

/// Every target.
pub const TARGETS: &[Target] = &[Target {
    id: "mlx-lm",
    package: "mlx_lm",
    models: "models",
    remapping: ("utils.py", "MODEL_REMAPPING"),
    remapping_of_classes: "MODEL_ARCHITECTURE_REMAPPING",
    tests: ("tests/test_models.py", "test_configs"),
    shared: &[
        "__init__",
        "activations",
        "base",
        "bitlinear_layers",
        "cache",
        "gated_delta",
        "mla",
        "pipeline",
        "rope_utils",
        "ssm",
        "switch_layers",
    ],
}];

/// A checkout or an install of a target.
pub(crate) struct Tree {
    pub(crate) target: &'static Target,
    /// The folder of the package itself.
    pub(crate) package: PathBuf,
    pub(crate) remapping: Remapping,
    /// Every port by the name of its file.
    pub(crate) ports: BTreeMap<String, PortFile>,
}

impl Tree {
    /// Reads the target at `path`: a repository, a folder that packages are installed in, or the package.
    pub(crate) fn open(target: &'static Target, path: &Path) -> Result<Self, ToolError> {
        let path = path
            .canonicalize()
            .map_err(|_| ToolError::NoSuchPath { flag: "--mlx-lm", path: path.to_owned() })?;
        let here = [path.join(target.package), path.join("src").join(target.package), path.clone()];
        let package = here.into_iter().find(|it| it.join(target.models).is_dir());
        let package = package.ok_or_else(|| {
            ToolError::Input(format!("`{}` holds no package `{}`", path.display(), target.package))
        })?;
        let (file, table) = target.remapping;
        let utils = package.join(file);
        let remapping =
            Remapping::read(&utils, table)?.with_classes(&utils, target.remapping_of_classes)?;
        let folder = package.join(target.models);
        let error =
            |err: std::io::Error| ToolError::Input(format!("`{}`: {err}", folder.display()));
        let mut ports = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(error)? {
            let path = entry.map_err(error)?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let is_port = path.extension().is_some_and(|it| it == "py")
                && !target.shared.contains(&name.as_str());
            if is_port {
                ports.insert(name, PortFile::read(&path)?);
            }
        }
        Ok(Self { target, package, remapping, ports })
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
        self.package.join(self.target.models).join(format!("{model_type}.py"))
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
