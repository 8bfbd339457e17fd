//! What the user decides: the variables that steer setup, read once and then passed on as values.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::index;

/// A variable that Portwright reads.
pub struct Variable {
    pub name: &'static str,
    pub summary: &'static str,
}

/// Every variable that steers Portwright; the documentation and `doctor` read this table.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "PORTWRIGHT_HOME",
        summary: "Where engines are kept, instead of `portwright` in the user's cache directory",
    },
    Variable {
        name: "PORTWRIGHT_PYTHON",
        summary: "The Python to build the engines' environment from, instead of the one on PATH",
    },
    Variable {
        name: "PORTWRIGHT_TORCH_INDEX",
        summary: "URL of a package index with CPU builds of torch: no CUDA libraries are installed",
    },
    Variable {
        name: "PORTWRIGHT_TOKEN",
        summary: "The bearer token that `portwright mcp --http` asks its clients for",
    },
];

/// Where torch comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TorchSource {
    /// The lock file's own wheel; on Linux it asks for the CUDA libraries.
    #[default]
    Locked,
    /// An index with CPU wheels of the locked version; not checked against the lock's hashes.
    Index { url: String },
}

/// A [`TorchSource`] as it may be shown and stored: without a password in the URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShownTorchSource {
    /// The lock file.
    Locked,
    /// An index that the user configured, e.g. `https://mirror.example/cpu`.
    Index(String),
}

impl TorchSource {
    pub fn shown(&self) -> ShownTorchSource {
        match self {
            Self::Locked => ShownTorchSource::Locked,
            Self::Index { url } => ShownTorchSource::Index(without_credentials(url)),
        }
    }
}

/// `https://user:secret@host/path` -> `https://host/path`
pub(super) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// The user's decisions and where programs are looked for.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub torch: TorchSource,
    /// `PORTWRIGHT_PYTHON`: no other Python is tried.
    pub python: Option<PathBuf>,
    /// `PATH`.
    pub search_path: OsString,
    /// The package index that sources come from; engines come from that of uv's own settings.
    pub(super) index: index::Place,
}

impl Settings {
    pub fn from_environment() -> Self {
        let value = |name: &str| env::var_os(name).filter(|it| !it.is_empty());
        let index = value("PORTWRIGHT_TORCH_INDEX").and_then(|it| it.into_string().ok());
        Self {
            torch: index.map_or(TorchSource::Locked, |url| TorchSource::Index { url }),
            python: value("PORTWRIGHT_PYTHON").map(PathBuf::from),
            search_path: value("PATH").unwrap_or_default(),
            index: index::Place::from_environment(),
        }
    }

    /// The first file called `program` on the search path.
    pub(super) fn find(&self, program: &str) -> Option<PathBuf> {
        if Path::new(program).components().count() > 1 {
            return Path::new(program).is_file().then(|| program.into());
        }
        let folders = env::split_paths(&self.search_path).filter(|it| it.is_absolute());
        folders.map(|it| it.join(program)).find(|it| it.is_file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_index_url_is_not_shown() {
        let shown = |url: &str| TorchSource::Index { url: url.into() }.shown();
        let plain = ShownTorchSource::Index("https://mirror.example/cpu".into());
        assert_eq!(shown("https://user:s3cret@mirror.example/cpu"), plain);
        assert_eq!(shown("https://mirror.example/cpu"), plain);
        assert_eq!(shown("./wheels"), ShownTorchSource::Index("./wheels".into()));
    }
}
