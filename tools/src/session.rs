//! What runs model code for a capability: requests by name, answers as JSON.
//!
//! [`Session`] is all that `run` and `inspect` know of the engine, so that their logic can be tried
//! with answers that a test makes up. [`open`] gives them the real one: a process of its own, in which
//! code from strangers has nothing to reach.

use portwright_harness::engine::{EngineError, EngineKind, Host, Runs};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One process that holds models open.
pub trait Session {
    /// One request and its answer.
    ///
    /// # Errors
    ///
    /// What the code raised, or how its process ended.
    fn call(&mut self, op: &str, request: Value) -> Result<Value, EngineError>;
}

/// The engine that runs definitions from their source in this program.
fn embedded() -> EngineKind {
    EngineKind::that_runs(Runs::Definition, Host::Embedded)
}

/// One request, and its answer as the type that it is known to have.
pub(crate) fn ask<T: DeserializeOwned>(
    session: &mut dyn Session,
    op: &str,
    request: Value,
) -> Result<T, EngineError> {
    let answer = session.call(op, request)?;
    serde_json::from_value(answer).map_err(|err| EngineError::Nonsense {
        engine: embedded(),
        op: op.to_owned(),
        detail: err.to_string(),
    })
}

#[cfg(feature = "candle")]
pub(crate) use engine::{Door, open};

#[cfg(feature = "candle")]
mod engine {
    use std::{path::Path, time::Duration};

    use portwright_harness::{
        cancel::Cancel,
        engine::{self, EngineError, Launch, Sources, Worker},
        environment::{self, Home, Pinned},
    };
    use portwright_source::Library;
    use serde_json::Value;

    use super::Session;
    use crate::error::ToolError;

    /// A request may take so long: a long prompt through a large model. Ctrl-C ends it at any time.
    const DEADLINE: Duration = Duration::from_hours(1);

    /// What a session is opened with.
    pub(crate) struct Door {
        launch: Launch,
        sources: Sources,
    }

    impl Door {
        /// The definitions of `library`.
        pub(crate) fn new(home: &Home, library: &Library) -> Self {
            let transformers = Some(library.package().to_owned());
            let sources = Sources { definition: transformers, ..Sources::default() };
            Self { launch: Launch::new(home, Pinned::default()), sources }
        }

        /// So many threads to compute with; one for each core when absent.
        pub(crate) fn threads(mut self, threads: Option<u32>) -> Self {
            self.launch.embedded.threads =
                threads.map_or_else(environment::cores, |it| it.max(1) as usize);
            self
        }

        /// Where tensors lie; the CPU when absent.
        pub(crate) fn device(mut self, device: Option<&str>) -> Self {
            if let Some(device) = device {
                device.clone_into(&mut self.launch.embedded.device);
            }
            self
        }

        /// The files of a checkpoint's own definition lie in `folder`.
        pub(crate) fn with_code_in(mut self, folder: &Path) -> Self {
            self.launch.embedded.remote_code = Some(folder.to_owned());
            self
        }
    }

    /// Does `work` with a session, and ends the session's process.
    ///
    /// # Errors
    ///
    /// What `work` fails with, or what the engine cannot be started for.
    pub(crate) fn open<T>(
        door: &Door,
        cancel: &Cancel,
        work: impl FnOnce(&mut dyn Session) -> Result<T, ToolError>,
    ) -> Result<T, ToolError> {
        let (engine, cancel) = (super::embedded(), cancel.clone());
        let mut worker = Worker::spawn(engine, &door.launch, &door.sources, DEADLINE, cancel)?;
        let mut session = worker.session()?;
        work(&mut session)
    }

    impl Session for engine::Session<'_> {
        fn call(&mut self, op: &str, request: Value) -> Result<Value, EngineError> {
            engine::Session::call(self, op, request)
        }
    }
}
