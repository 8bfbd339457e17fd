//! The engines of the host `embedded`: definitions and ports run from their source, in a worker process of
//! our own program. What differs between them is the dialect in their row of the table.
//!
//! It speaks the protocol of the native engines' workers. The parent loads nothing and starts one
//! child a session; the child holds one virtual machine, answers until `end` and exits. So a runaway
//! heap, an overflowing stack or a panic costs one session.
//!
//! An operation is a public function of a frozen Python module ([`session`] has the list). Python
//! sees no files: `checkpoint` in a request becomes `config` and opened weights on the way in, and
//! the tensors that are handed over go to `out` on the way back.

#![expect(clippy::result_large_err, reason = "a failure ends its request; nothing is hot here")]

mod about;
mod channel;
mod checkpoint;
mod output;
mod parent;
mod session;
mod settings;

use std::{process::Command, time::Duration};

use super::{EngineError, EngineKind, Launch, Sources};
use crate::environment::{embedded_environment, worker_package};
use settings::Settings;

/// The hidden command of the program that calls [`serve`].
pub const COMMAND: &str = "worker";

/// How the parent process is started.
pub(super) fn command(
    engine: EngineKind,
    launch: &Launch,
    sources: &Sources,
    deadline: Duration,
) -> Result<Command, EngineError> {
    let embedded = &launch.embedded;
    let workers = worker_package(&embedded.home)
        .map_err(|source| EngineError::Prepare { engine, source: Box::new(source) })?;
    let settings = Settings {
        engine,
        folder: launch.package(engine, sources)?,
        workers,
        remote_code: embedded.remote_code.clone(),
        cache: embedded.home.path().join("code"),
        limits: embedded.limits,
        exact: embedded.exact,
        threads: embedded.threads.max(1),
        device: embedded.device.clone(),
        wall_seconds: deadline.as_secs_f64(),
    };
    let program = match &embedded.program {
        Some(path) => path.clone(),
        None => std::env::current_exe().map_err(|source| EngineError::Spawn { engine, source })?,
    };
    let mut command = Command::new(program);
    command.arg(COMMAND).arg(settings.to_argument());
    command.env_clear().envs(embedded_environment());
    command.env("RAYON_NUM_THREADS", settings.threads.to_string());
    Ok(command)
}

/// Serves the engine on stdin and stdout until stdin closes. `settings` is what [`Launch`] became;
/// `session` makes this process the child that holds one session. Gives the exit code.
pub fn serve(settings: &str, session: bool) -> u8 {
    match Settings::from_argument(settings) {
        Ok(settings) if session => session::serve(&settings),
        Ok(settings) => parent::serve(&settings),
        Err(error) => {
            channel::complain(&format!("the worker's settings cannot be read: {error}"));
            2
        }
    }
}
