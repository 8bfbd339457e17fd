//! A program that a target repository pins by version, such as its formatter: found, or installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    error::SetupError,
    home::Home,
    python,
    settings::Settings,
    uv::{self, remove, step},
};
use crate::{
    cancel::Cancel,
    progress::{Progress, Step},
};

/// A program of the package index, at one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool<'a> {
    /// The package, which must install a program of the same name.
    pub name: &'a str,
    /// Exactly this one: `0.14.10`.
    pub version: &'a str,
}

/// The program at its pinned version: on the search path, in one of the folders `near`, in the
/// home, or else installed there from the user's package index.
///
/// Unlike the engines it has no lock with hashes: the target repository names a version only.
///
/// # Errors
///
/// [`SetupError::Network`] when it must be installed and the index cannot be reached.
pub fn ensure_tool(
    home: &Home,
    tool: Tool<'_>,
    near: &[PathBuf],
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<PathBuf, SetupError> {
    ensure_tool_with(home, &Settings::from_environment(), tool, near, progress, cancel)
}

fn ensure_tool_with(
    home: &Home,
    settings: &Settings,
    tool: Tool<'_>,
    near: &[PathBuf],
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<PathBuf, SetupError> {
    let near = near.iter().map(|it| it.join(tool.name)).filter(|it| it.is_file());
    let found = settings.find(tool.name).into_iter().chain(near).find(|it| tool.is_at(it));
    if let Some(found) = found {
        return Ok(found);
    }
    home.create()?;
    let folder = home.path().join(format!("tool-{}-{}", tool.name, tool.version));
    let program = folder.join("bin").join(tool.name);
    let is_there = || folder.join(MARK).exists() && tool.is_at(&program);
    if is_there() {
        return Ok(program);
    }
    let _lock = home.lock(&format!("tool-{}-{}", tool.name, tool.version), progress, cancel)?;
    // Another process may have installed it while we waited.
    if is_there() {
        return Ok(program);
    }
    let python = python::find(settings, cancel)?;
    let uv = uv::ensure(home, settings, &python, progress, cancel)?;
    let name = format!("{} {}", tool.name, tool.version);
    let _step = Step::start(progress, &name, None);
    remove(&folder)?;
    let mut install = uv.command(home);
    install.args(["pip", "install", "--no-deps", "--only-binary", ":all:", "--python"]);
    install.arg(&python.path).arg("--target").arg(&folder);
    install.arg(format!("{}=={}", tool.name, tool.version));
    step("uv pip install", &mut install, home, cancel, &mut |_| {})
        .and_then(|()| {
            let mark = folder.join(MARK);
            fs::write(&mark, tool.version).map_err(SetupError::io("write", &mark))
        })
        .inspect_err(|_| {
            // The error that brought us here is the one to report.
            let _ = remove(&folder);
        })?;
    if tool.is_at(&program) {
        return Ok(program);
    }
    Err(SetupError::Command {
        command: format!("{} --version", program.display()),
        status: format!("not version {}", tool.version),
        tail: String::new(),
    })
}

/// Written last, so that its presence says that all before it is there.
const MARK: &str = "complete";

impl Tool<'_> {
    /// Whether `program` says that it is this one: `ruff 0.14.10`, maybe with a build after it.
    fn is_at(&self, program: &Path) -> bool {
        let said = uv::answer(Command::new(program).arg("--version"));
        let said = said.as_deref().and_then(|it| it.strip_prefix(self.name));
        said.and_then(|it| it.split_whitespace().next()) == Some(self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::python::tests::{fake, script};

    const RUFF: Tool<'_> = Tool { name: "ruff", version: "0.14.10" };

    /// A search path with a Python and a uv whose `pip install` runs `install` in `$target`.
    fn world(dir: &Path, install: &str) -> (Home, Settings) {
        let bin = dir.join("bin");
        fake(&bin, "python3", "3.11.7");
        let uv = format!(
            r#"case "$*" in *--version*) echo 'uv 0.13.9 (test)'; exit;; esac
while [ "$1" != --target ]; do shift; done; target=$2
echo "$3" >> {}
{install}"#,
            dir.join("asked").display()
        );
        script(&bin, "uv", &uv);
        let home = Home::at(dir.join("home")).unwrap();
        (home, Settings { search_path: bin.into(), ..Settings::default() })
    }

    const INSTALL: &str = r#"mkdir -p "$target/bin"
printf '#!/bin/sh\necho ruff 0.14.10\n' > "$target/bin/ruff"; chmod +x "$target/bin/ruff""#;

    fn ensure(home: &Home, settings: &Settings, near: &[PathBuf]) -> Result<PathBuf, SetupError> {
        ensure_tool_with(home, settings, RUFF, near, &(), &Cancel::default())
    }

    #[test]
    fn it_is_installed_once_and_then_found() {
        let dir = tempfile::tempdir().unwrap();
        let (home, settings) = world(dir.path(), INSTALL);
        let program = ensure(&home, &settings, &[]).unwrap();
        assert_eq!(program, home.path().join("tool-ruff-0.14.10/bin/ruff"));
        assert_eq!(ensure(&home, &settings, &[]).unwrap(), program);
        assert_eq!(fs::read_to_string(dir.path().join("asked")).unwrap(), "ruff==0.14.10\n");
    }

    #[test]
    fn only_the_exact_version_is_taken_from_the_path_or_nearby() {
        let dir = tempfile::tempdir().unwrap();
        let (home, settings) = world(dir.path(), "exit 9");
        let near = dir.path().join("venv/bin");
        script(&dir.path().join("bin"), "ruff", "echo ruff 0.14.1");
        assert!(ensure(&home, &settings, std::slice::from_ref(&near)).is_err());
        let right = script(&near, "ruff", "echo 'ruff 0.14.10 (abc 2025-12-18)'");
        assert_eq!(ensure(&home, &settings, &[near]).unwrap(), right);
    }

    #[test]
    fn a_failed_install_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let broken = r#"mkdir -p "$target"; echo 'error: Failed to fetch: dns error' >&2; exit 2"#;
        let (home, settings) = world(dir.path(), broken);
        let err = ensure(&home, &settings, &[]).unwrap_err();
        assert!(matches!(err, SetupError::Network { .. }), "{err}");
        assert!(!home.path().join("tool-ruff-0.14.10").exists());
    }
}
