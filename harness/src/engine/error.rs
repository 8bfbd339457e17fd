//! What can go wrong with a worker, told apart: refused, died, late, or nonsense.

use std::{
    borrow::Cow,
    fmt, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{EngineKind, Runs};
use crate::{environment::SetupError, hint::Hint};

/// A failure that a worker explains: an exception in a definition or port, or an input it refuses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Failure {
    /// `unknown-model`, `port-missing`, `port-import`, `config`, `weights`, `unsupported`, `exception`, or
    /// `worker` for a fault of the worker's own.
    pub kind: String,
    /// One sentence: the Python exception's type and text, or what was refused.
    pub message: String,
    /// The Python file where it happened: the definition's or the port's, not the worker's.
    #[serde(default)]
    pub file: Option<String>,
    #[serde(default)]
    pub line: Option<u32>,
    /// The text of that line.
    #[serde(default)]
    pub source_line: Option<String>,
    /// The module that was computing, where the engine knows it: `model.layers.2.mlp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    #[serde(default)]
    pub hint: Option<String>,
    #[serde(default, skip_serializing)]
    pub traceback: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(module) = &self.module {
            write!(f, "\n  in module `{module}`")?;
        }
        if let Some(file) = &self.file {
            write!(f, "\n  at {file}")?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
        }
        if let Some(source) = &self.source_line {
            write!(f, "\n     {}", source.trim())?;
        }
        Ok(())
    }
}

/// A worker that did not answer as it should.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("failed to start the {engine} worker")]
    Spawn {
        engine: EngineKind,
        #[source]
        source: io::Error,
    },

    #[error("the engine `{engine}` is not installed")]
    NotInstalled { engine: EngineKind },

    #[error("this build of portwright has no engine `{engine}`")]
    NotBuilt { engine: EngineKind },

    #[error("no `{package}` to run the {} from{}", engine.runs().noun(), looked_in(looked.as_deref()))]
    NoSource { engine: EngineKind, package: &'static str, looked: Option<PathBuf> },

    #[error("failed to prepare the {engine} worker")]
    Prepare {
        engine: EngineKind,
        #[source]
        source: Box<SetupError>,
    },

    #[error("the {engine} worker could not import its libraries: {failure}")]
    NotReady { engine: EngineKind, failure: Box<Failure> },

    #[error("{failure}")]
    Refused { engine: EngineKind, op: String, failure: Box<Failure> },

    #[error("the {engine} worker {how} during `{op}`{tail}", tail = tail(stderr))]
    Died { engine: EngineKind, op: String, how: String, stderr: Vec<String> },

    #[error("the {engine} worker did not answer `{op}` within {}{tail}", seconds(deadline), tail = tail(stderr))]
    Late { engine: EngineKind, op: String, deadline: Duration, stderr: Vec<String> },

    #[error("the {engine} worker's answer to `{op}` is not what the protocol says: {detail}")]
    Nonsense { engine: EngineKind, op: String, detail: String },

    #[error("cannot read or write {}, which the engines are asked about", path.display())]
    Files {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("cancelled")]
    Cancelled,
}

impl EngineError {
    /// Whether the worker process itself is gone, not only its session.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }

    /// What the worker itself said, when it did.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::NotReady { failure, .. } | Self::Refused { failure, .. } => Some(failure),
            _ => None,
        }
    }
}

impl Hint for EngineError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NotInstalled { .. } => Some("run `portwright setup` to install it".into()),
            Self::NotBuilt { .. } => {
                Some("build portwright with its default features, `candle` among them".into())
            }
            Self::NoSource { engine, .. } => Some(match engine.runs() {
                Runs::Definition => {
                    "name a checkout or install with `--transformers PATH`, or run `portwright setup`"
                        .into()
                }
                Runs::Port => {
                    "name a checkout or install with `--port PATH`, or run `portwright setup`".into()
                }
            }),
            Self::Prepare { source, .. } => source.hint(),
            Self::Spawn { .. } => {
                Some("run `portwright doctor` to see what the engines lack".into())
            }
            Self::NotReady { failure, .. } => failure.hint.clone().map(Cow::Owned).or(Some(
                "the native engines have the packages that the pinned transformers and mlx-lm ask \
                 for; another release or checkout may ask for others. `portwright doctor` says \
                 whether anything of the pinned ones is missing"
                    .into(),
            )),
            Self::Refused { failure, .. } if out_of_space(&failure.message) => Some(
                "a disk is full: free some space, or put the run elsewhere with `--out`".into(),
            ),
            Self::Refused { failure, .. } if failure.kind == "config" && failure.hint.is_none() => {
                Some("the fields that it has are in the file named above".into())
            }
            Self::Died { how, .. } if how.contains("signal 9") || how.contains("signal: 9") => {
                Some(
                    "signal 9 is a kill: by a person, or by the system when memory ran out; \
                 run it again, with fewer `--jobs` if memory is short"
                        .into(),
                )
            }
            Self::Refused { failure, .. } => failure.hint.clone().map(Cow::Owned),
            Self::Late { .. } => {
                Some("give it longer with `--deadline SECONDS`, or a smaller checkpoint".into())
            }
            Self::Files { .. } => {
                Some("see that the disk has room; `--out` puts the run elsewhere".into())
            }
            Self::Died { .. } | Self::Nonsense { .. } | Self::Cancelled => None,
        }
    }
}

fn looked_in(path: Option<&Path>) -> String {
    path.map(|it| format!(" in `{}`", it.display())).unwrap_or_default()
}

fn seconds(deadline: &Duration) -> String {
    format!("{} s", deadline.as_secs_f64())
}

/// As Python reports `ENOSPC`, `EFBIG` and `EDQUOT`.
fn out_of_space(message: &str) -> bool {
    ["No space left", "File too large", "quota exceeded"].iter().any(|it| message.contains(it))
}

fn tail(stderr: &[String]) -> String {
    if stderr.is_empty() {
        return String::new();
    }
    format!("; its last words:\n  {}", stderr.join("\n  "))
}
