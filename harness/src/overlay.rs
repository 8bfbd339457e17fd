//! A copy of a target's package with a change: planted bugs, proposed repairs, scaffolded ports.
//!
//! The installed package is never touched: its source files are copied, everything else of it is linked.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use diffy::{Patch, apply};
use portwright_targets::{self as targets, Package};

#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    #[error("failed to copy `{path}`", path = path.display())]
    Copy {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{path}` is not the package of a target", path = path.display())]
    NoTarget { path: PathBuf },
    #[error("the patch does not apply to `{file}`: {detail}")]
    Patch { file: String, detail: String },
}

fn copy_failed(path: &Path) -> impl Fn(io::Error) -> OverlayError + use<> {
    let path = path.to_owned();
    move |source| OverlayError::Copy { path: path.clone(), source }
}

/// Copy the package at `package` (its folder itself, e.g. `mlx_lm`) below `into` and apply `patch`, a
/// unified diff of one of its models. Returns the folder to import from.
pub fn make(package: &Path, patch: &str, into: &Path) -> Result<PathBuf, OverlayError> {
    copy_package(package, into)?;
    let file = patched_file(patch).ok_or_else(|| OverlayError::Patch {
        file: "?".into(),
        detail: "it names no file among the models of a target".into(),
    })?;
    let bad = |detail: String| OverlayError::Patch { file: file.clone(), detail };
    let path = into.join(&file);
    let before = fs::read_to_string(&path).map_err(copy_failed(&path))?;
    let parsed = Patch::from_str(patch).map_err(|err| bad(err.to_string()))?;
    let after = apply(&before, &parsed).map_err(|err| bad(err.to_string()))?;
    fs::write(&path, after).map_err(copy_failed(&path))?;
    Ok(into.to_owned())
}

/// Copy the package at `package` below `into` with `files` in the place of what it has: paths below the
/// package, and texts. Returns the folder to import from.
pub fn with_files(
    package: &Path,
    files: &[(&str, String)],
    into: &Path,
) -> Result<PathBuf, OverlayError> {
    let copy = copy_package(package, into)?;
    for (name, text) in files {
        let path = copy.join(name);
        // Written through a link, the installed file would change.
        if path.is_symlink() {
            fs::remove_file(&path).map_err(copy_failed(&path))?;
        }
        fs::write(&path, text).map_err(copy_failed(&path))?;
    }
    Ok(into.to_owned())
}

/// The table of the package whose folder this is.
fn about(package: &Path) -> Option<&'static Package> {
    let name = package.file_name()?.to_str()?;
    targets::of_package(name).map(|it| it.1)
}

fn copy_package(package: &Path, into: &Path) -> Result<PathBuf, OverlayError> {
    let about =
        about(package).ok_or_else(|| OverlayError::NoTarget { path: package.to_owned() })?;
    let target = into.join(&about.name);
    copy_folder(package, &target)?;
    Ok(target)
}

/// Source files are copied: the embedded machine follows no link out of the folder that it was given.
/// Whatever else there is is linked.
fn copy_folder(from: &Path, to: &Path) -> Result<(), OverlayError> {
    let copy = copy_failed;
    fs::create_dir_all(to).map_err(copy(to))?;
    for entry in fs::read_dir(from).map_err(copy(from))? {
        let path = entry.map_err(copy(from))?.path();
        let name = path.file_name().unwrap_or_default();
        if name == "__pycache__" {
            continue;
        }
        let target = to.join(name);
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else if path.extension().is_some_and(|it| it == "py") {
            fs::copy(&path, target).map_err(copy(&path))?;
        } else {
            symlink(&path, target).map_err(copy(&path))?;
        }
    }
    Ok(())
}

/// The file that a unified diff changes, from its `+++` line, without git's `b/`.
pub fn patched_file(patch: &str) -> Option<String> {
    let line = patch.lines().find_map(|it| it.strip_prefix("+++ "))?;
    let name = line.split('\t').next()?.trim();
    let name = name.strip_prefix("b/").unwrap_or(name);
    let packages = targets::all().iter().filter_map(|it| it.package.as_ref());
    let mut folders = packages.map(|it| format!("{}/", it.ports()));
    let inside = folders.any(|it| name.starts_with(&it)) && !name.contains("..");
    inside.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str =
        "--- a/mlx_lm/models/a.py\n+++ b/mlx_lm/models/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n";

    fn package(dir: &Path, text: &str) -> PathBuf {
        let package = dir.join("mlx_lm");
        fs::create_dir_all(package.join("models")).unwrap();
        fs::write(package.join("models/a.py"), text).unwrap();
        fs::write(package.join("utils.py"), "").unwrap();
        package
    }

    #[test]
    fn the_patch_lands_in_the_copy_alone() {
        let dir = tempfile::tempdir().unwrap();
        let package = package(dir.path(), "x = 1\n");
        let root = make(&package, PATCH, &dir.path().join("copy")).unwrap();
        assert_eq!(fs::read_to_string(root.join("mlx_lm/models/a.py")).unwrap(), "x = 2\n");
        assert_eq!(fs::read_to_string(package.join("models/a.py")).unwrap(), "x = 1\n");
        assert!(root.join("mlx_lm/utils.py").exists());
    }

    #[test]
    fn files_are_replaced_in_the_copy_alone() {
        let dir = tempfile::tempdir().unwrap();
        let package = package(dir.path(), "x = 1\n");
        let files = [("models/b.py", "y = 2\n".to_owned()), ("utils.py", "z = 3\n".to_owned())];
        let root = with_files(&package, &files, &dir.path().join("copy")).unwrap();
        assert_eq!(fs::read_to_string(root.join("mlx_lm/models/b.py")).unwrap(), "y = 2\n");
        assert_eq!(fs::read_to_string(root.join("mlx_lm/utils.py")).unwrap(), "z = 3\n");
        assert_eq!(fs::read_to_string(package.join("utils.py")).unwrap(), "");
        assert!(!package.join("models/b.py").exists());
    }

    #[test]
    fn a_patch_that_does_not_fit_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let package = package(dir.path(), "y = 1\n");
        let err = make(&package, PATCH, &dir.path().join("copy")).unwrap_err();
        assert!(matches!(err, OverlayError::Patch { .. }));
        assert_eq!(patched_file("+++ b/../etc/passwd"), None);
    }
}
