//! Which `ruff` a transformers is formatted with, and with which settings.

use std::{
    fs,
    path::{Path, PathBuf},
};

use portwright_source::format::Style;

use super::RuffError;

/// The version that `root` pins: `0.14.10`.
///
/// `root` is a checkout (its `setup.py` has `"ruff==X"`), or the `transformers` folder in a checkout
/// or beside its `transformers-*.dist-info` in an environment (`Requires-Dist: ruff==X`).
pub fn pin(root: &Path) -> Result<String, RuffError> {
    let setup = checkout(root).map(|it| it.join("setup.py"));
    let metadata = metadata_files(root);
    setup
        .into_iter()
        .chain(metadata)
        .find_map(|path| pinned_in(&fs::read_to_string(path).ok()?))
        .ok_or_else(|| RuffError::NoPin { root: root.to_owned() })
}

/// The settings that generated files at `root` are formatted with: a checkout's own, and what is
/// known of transformers where an installed package ships none.
pub fn settings(root: &Path) -> Result<Style, RuffError> {
    let Some(path) = checkout(root).map(|it| it.join("pyproject.toml")).filter(|it| it.is_file())
    else {
        return Ok(Style::transformers());
    };
    let text = fs::read_to_string(&path).map_err(RuffError::io("read", &path))?;
    Style::from_pyproject(&text).map_err(|source| RuffError::Settings { path, source })
}

/// `root` itself, or what it is `src/transformers` of.
fn checkout(root: &Path) -> Option<&Path> {
    let above = root.parent().filter(|it| it.ends_with("src")).and_then(Path::parent);
    [Some(root), above].into_iter().flatten().find(|it| it.join("setup.py").is_file())
}

fn metadata_files(root: &Path) -> Vec<PathBuf> {
    let Some(entries) = root.parent().and_then(|it| fs::read_dir(it).ok()) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|it| it.ok().map(|it| it.path()))
        .filter(|it| {
            let name = it.file_name().map(|it| it.to_string_lossy().into_owned());
            name.is_some_and(|it| it.starts_with("transformers-") && it.ends_with(".dist-info"))
        })
        .map(|it| it.join("METADATA"))
        .collect();
    found.sort();
    found
}

/// The version after the first `ruff==` that begins a requirement.
fn pinned_in(text: &str) -> Option<String> {
    text.match_indices("ruff==").find_map(|(at, matched)| {
        let begins = text[..at].chars().next_back().is_none_or(|it| " \"'".contains(it));
        let rest = &text[at + matched.len()..];
        let end = rest.find(|it: char| !it.is_ascii_alphanumeric() && it != '.');
        let version = &rest[..end.unwrap_or(rest.len())];
        (begins && version.starts_with(|it: char| it.is_ascii_digit())).then(|| version.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, path: &str, text: &str) {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_checkout_pins_in_its_setup() {
        let dir = tempfile::tempdir().unwrap();
        write(
            dir.path(),
            "setup.py",
            "_deps = [\n    'my-ruff==9.9',\n    \"ruff==0.14.10\",\n]\n",
        );
        write(dir.path(), "pyproject.toml", "[tool.ruff]\nline-length = 77\n");
        write(dir.path(), "src/transformers/__init__.py", "");
        for root in [dir.path().to_owned(), dir.path().join("src/transformers")] {
            assert_eq!(pin(&root).unwrap(), "0.14.10");
            assert!(settings(&root).unwrap().to_toml().contains("line-length = 77"));
        }
    }

    #[test]
    fn an_installed_package_pins_in_its_metadata_and_ships_no_settings() {
        let dir = tempfile::tempdir().unwrap();
        write(
            dir.path(),
            "transformers-5.24.0.dist-info/METADATA",
            "Requires-Dist: numpy>=1.17\nRequires-Dist: ruff==0.14.10; extra == \"quality\"\n",
        );
        write(dir.path(), "other-1.dist-info/METADATA", "Requires-Dist: ruff==0.1.0\n");
        write(dir.path(), "transformers/__init__.py", "");
        let root = dir.path().join("transformers");
        assert_eq!(pin(&root).unwrap(), "0.14.10");
        assert_eq!(settings(&root).unwrap().to_toml(), Style::transformers().to_toml());
    }

    #[test]
    fn a_folder_without_either_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(pin(dir.path()), Err(RuffError::NoPin { .. })));
    }
}
