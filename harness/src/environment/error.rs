//! Why the engines' environment could not be made, and what to do about it.

use std::{borrow::Cow, fmt, io, path::Path, path::PathBuf};

use super::{index, sizes::human};
use crate::hint::Hint;

/// A Python that cannot carry the engines, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPython {
    /// The command or path that was tried.
    pub tried: String,
    pub reason: String,
}

impl fmt::Display for NotPython {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.tried, self.reason)
    }
}

/// Setup did not reach its end. The environment that was being built is gone or marked incomplete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    #[error("no home directory to keep the engines in")]
    NoHome,

    #[error("failed to {action} `{path}`", path = path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("torch and MLX have no wheels for `{platform}`")]
    Platform { platform: String },

    #[error("no Python {minimum} to {maximum} found ({})", list(tried))]
    NoPython { minimum: String, maximum: String, tried: Vec<NotPython> },

    #[error("`{python}` cannot make virtual environments: it has no `ensurepip`", python = python.display())]
    NoVenv { python: PathBuf, minor: String },

    #[error("{path} has {free} free, but {needed} are needed", path = path.display(), free = human(*free), needed = human(*needed))]
    DiskSpace { path: PathBuf, free: u64, needed: u64 },

    #[error("a disk is full, while writing `{home}`\n{tail}", home = home.display())]
    DiskFull { home: PathBuf, tail: String },

    #[error("packages could not be downloaded\n{tail}")]
    Network { tail: String },

    #[error("the package index {index} cannot be reached ({from}): {detail}")]
    IndexUnreachable { index: String, from: String, detail: String },

    #[error("the package index {index} is of no use here ({from}): {detail}")]
    IndexAnswer { index: String, from: String, detail: String },

    #[error("a package differs from the hash that was promised for it\n{tail}")]
    Hash { tail: String },

    #[error("a package arrived damaged: its wheel cannot be unpacked\n{tail}")]
    Damaged { tail: String },

    #[error("a package has no wheel for this system\n{tail}")]
    NoWheel { tail: String },

    #[error("torch could not be installed from PORTWRIGHT_TORCH_INDEX\n{tail}")]
    TorchIndex { tail: String },

    #[error("the package index has no wheel of {asked}\n{tail}")]
    NoRelease { asked: String, tail: String },

    #[error(
        "the package index states no hash of {asked}, so that its wheel cannot be checked\n{tail}"
    )]
    NoHash { asked: String, tail: String },

    #[error("{what} is not set up")]
    NotSetUp { what: &'static str },

    #[error("`{command}` failed ({status})\n{tail}")]
    Command { command: String, status: String, tail: String },

    #[error("cancelled; what was downloaded is kept")]
    Cancelled,
}

/// `UV_DEFAULT_INDEX, UV_INDEX_URL or PIP_INDEX_URL`
fn index_variables() -> String {
    let [others @ .., last] = index::VARIABLES;
    format!("{} or {last}", others.join(", "))
}

fn list(tried: &[NotPython]) -> String {
    tried.iter().map(NotPython::to_string).collect::<Vec<_>>().join("; ")
}

impl SetupError {
    /// For `map_err`: an I/O failure of `action` ("read", "write") at `path`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { home: path, tail: source.to_string() }
            }
            _ => Self::Io { action, path, source },
        }
    }

    /// Sorts a failed command by what its last lines say.
    pub(super) fn of_command(command: &str, status: String, tail: &str, home: &Path) -> Self {
        let tail = from_error(tail).to_owned();
        let says = |signs: &[&str]| {
            let tail = tail.to_lowercase();
            signs.iter().any(|it| tail.contains(it))
        };
        if says(DISK_FULL) {
            return Self::DiskFull { home: home.to_owned(), tail };
        }
        if says(&["hash mismatch", "do not match the hashes"]) {
            return Self::Hash { tail };
        }
        if says(&["failed to extract", "invalid zip", "not a zip"]) {
            return Self::Damaged { tail };
        }
        if says(&["platform tag", "no wheels with a matching", "abi tag", "python tag"]) {
            return Self::NoWheel { tail };
        }
        if says(NETWORK) {
            return Self::Network { tail };
        }
        Self::Command { command: command.to_owned(), status, tail }
    }
}

/// The lines from the first that begins with `error`; all when there is none.
fn from_error(tail: &str) -> &str {
    let is_error = |it: &str| it.to_lowercase().starts_with("error");
    let before = tail.split_inclusive('\n').take_while(|it| !is_error(it)).map(str::len).sum();
    if before < tail.len() { &tail[before..] } else { tail }
}

const DISK_FULL: &[&str] =
    &["no space left on device", "os error 28", "disk quota exceeded", "os error 122"];

const NETWORK: &[&str] = &[
    "failed to fetch",
    "error sending request",
    "dns error",
    "connection refused",
    "connection reset",
    "timed out",
    "network is unreachable",
    "network connectivity is disabled",
    "was not found in the cache",
    "could not connect",
    "failed to establish a new connection",
    "newconnectionerror",
    "certificate",
];

impl Hint for SetupError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::NoHome => "set HOME, or PORTWRIGHT_HOME to a folder with room".into(),
            Self::Io { .. } => "set PORTWRIGHT_HOME to a folder that you may write to".into(),
            Self::Platform { .. } => {
                "the native engines run on Linux (x86_64, aarch64) and on macOS on Apple silicon"
                    .into()
            }
            Self::NoPython { .. } => {
                "install one of these versions, or set PORTWRIGHT_PYTHON to its path".into()
            }
            Self::NoVenv { minor, .. } => format!(
                "on Debian and Ubuntu: `apt-get install python{minor}-venv`; or install `uv`, which needs no ensurepip"
            )
            .into(),
            Self::DiskSpace { .. } => {
                "free some space, set PORTWRIGHT_HOME to a larger disk, or install without CUDA libraries: set PORTWRIGHT_TORCH_INDEX to an index with CPU builds of torch".into()
            }
            Self::DiskFull { .. } => {
                "free some space (uv's cache counts too: `uv cache clean`) or set PORTWRIGHT_HOME and UV_CACHE_DIR to a larger disk; run it again, it goes on with what is there".into()
            }
            Self::Network { .. } => {
                "check the connection, HTTPS_PROXY and SSL_CERT_FILE; a mirror goes into UV_DEFAULT_INDEX (uv does not read pip's settings); run it again, it goes on with what is there".into()
            }
            Self::IndexUnreachable { .. } => {
                format!("check the connection, HTTPS_PROXY, SSL_CERT_FILE and UV_OFFLINE; another index is named with {} (further indexes are not asked for sources); run it again, it goes on with what is there", index_variables()).into()
            }
            Self::IndexAnswer { .. } => {
                format!("name another index with {}: the address under which it lists a package's files, as JSON (PEP 691) or HTML, often ending in `/simple`", index_variables()).into()
            }
            Self::Hash { .. } => {
                format!("the index serves other files than it should; do not use it ({} name another)", index_variables()).into()
            }
            Self::Damaged { .. } => {
                format!("the download was cut off, or the index holds a broken file: run it again, and if that does not help name another index with {}", index_variables()).into()
            }
            Self::NoWheel { .. } => {
                "MLX needs glibc 2.35 on Linux (`ldd --version`), macOS 14 on Apple silicon".into()
            }
            Self::TorchIndex { .. } => {
                "the index must offer a CPU build of the locked version of torch; unset PORTWRIGHT_TORCH_INDEX to take the build with CUDA libraries".into()
            }
            Self::NoRelease { .. } => {
                "a release is named as in `5.24`, the newest 5.24.x, or `5.24.0`; a path to a checkout or an install does as well".into()
            }
            Self::NoHash { .. } => {
                "take another index (UV_DEFAULT_INDEX), or unpack the wheel and name the folder".into()
            }
            Self::NotSetUp { .. } => "run `portwright setup`".into(),
            Self::Command { .. } => "run `portwright doctor`, then this again".into(),
            Self::Cancelled => "run it again, it goes on with what is there".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart_by_what_the_command_said() {
        let of = |tail: &str| {
            SetupError::of_command("uv pip sync", "exit status: 1".into(), tail, Path::new("/h"))
        };
        assert!(matches!(
            of("failed to write: No space left on device (os error 28)"),
            SetupError::DiskFull { .. }
        ));
        assert!(matches!(
            of("error: Failed to fetch: `https://x/simple/torch/`\n dns error"),
            SetupError::Network { .. }
        ));
        assert!(matches!(of("error: Hash mismatch for `numpy==2.4.6`"), SetupError::Hash { .. }));
        assert!(matches!(
            of("mlx-cpu has no wheels with a matching platform tag (e.g., `manylinux_2_28`)"),
            SetupError::NoWheel { .. }
        ));
        assert!(matches!(
            of(
                "error: Failed to download\n cause: Failed to extract archive: x.whl\n cause: unexpected BufError"
            ),
            SetupError::Damaged { .. }
        ));
        assert!(matches!(of("thread 'main' panicked"), SetupError::Command { .. }));
        let said = of(" Downloaded numpy\nerror: Hash mismatch\n  cause: x").to_string();
        assert!(said.ends_with("for it\nerror: Hash mismatch\n  cause: x"), "{said}");
        assert!(of("anything").hint().is_some());
    }
}
