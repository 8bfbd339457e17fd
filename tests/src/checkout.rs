//! Copies of transformers and of mlx-lm, whose files a test may change.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::program::engines;

/// Copies the pinned transformers without its definitions, and these of them, to `package`.
///
/// # Panics
///
/// When a file cannot be read or written: a test has nothing to go on with then.
pub fn library(package: &Path, models: &[impl AsRef<str>]) {
    let installed = engines().site_packages.join("transformers");
    let folder = |name: &str| copy(&installed.join(name), &package.join(name));
    for entry in fs::read_dir(&installed).expect("transformers is installed") {
        let name = entry.expect("a readable folder").file_name();
        if name != "models" {
            copy(&installed.join(&name), &package.join(&name)).expect("a file can be copied");
        }
    }
    for name in ["__init__.py", "auto"].into_iter().chain(models.iter().map(AsRef::as_ref)) {
        folder(&format!("models/{name}")).expect("a definition can be copied");
    }
}

/// Every model of the pinned transformers.
///
/// # Panics
///
/// As [`library`].
pub fn models() -> Vec<String> {
    let folder = engines().site_packages.join("transformers/models");
    fs::read_dir(folder)
        .expect("transformers is installed")
        .map(|it| it.expect("a readable folder").file_name().to_string_lossy().into_owned())
        .filter(|it| !it.contains('.') && !it.starts_with('_'))
        .collect()
}

/// Copies the sources of the installed mlx-lm to `folder`: what lies behind a link that leads out of a package
/// is no part of it. Returns the folder of its models.
///
/// # Panics
///
/// As [`library`].
pub fn mlx_lm(folder: &Path) -> PathBuf {
    let package = engines().site_packages.join("mlx_lm");
    let to = folder.join("mlx_lm");
    copy(&package, &to).expect("mlx-lm is installed and can be copied");
    to.join("models")
}

/// Python sources only.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
    } else if from.extension().is_some_and(|it| it == "py") {
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from, to)?;
    }
    Ok(())
}
