//! Whose libraries a worker imports, and how one in the engines' own Python is started.

use std::{path::PathBuf, process::Command};

use super::{EngineError, EngineKind, Launch, Runs};
use crate::environment::{Beside, worker_environment};

/// The user's own checkouts or installs; `None` is the pinned release.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// transformers, which has the definition.
    pub definition: Option<PathBuf>,
    /// The target's tree, which has the port.
    pub port: Option<PathBuf>,
    /// What the definition's release needs beside the native engine's environment.
    pub beside: Option<Beside>,
}

/// How a worker in the engines' own Python is started.
pub(super) fn command(
    engine: EngineKind,
    launch: &Launch,
    sources: &Sources,
) -> Result<Command, EngineError> {
    let engines = launch.native(engine)?;
    let mut command = Command::new(&engines.python);
    command.args(["-m", "portwright_worker", "--engine", engine.id()]);
    let (option, path) = match engine.runs() {
        Runs::Definition => ("--transformers", &sources.definition),
        Runs::Port => ("--mlx-lm", &sources.port),
    };
    if let Some(path) = path {
        command.arg(option).arg(path);
    }
    if let (Runs::Definition, Some(beside)) = (engine.runs(), &sources.beside) {
        command.args(["--requirements", &beside.origin]);
        if let Some(folder) = &beside.folder {
            command.arg("--beside").arg(folder);
        }
    }
    command.env_clear().envs(worker_environment(engines));
    Ok(command)
}
