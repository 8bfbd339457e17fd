//! What the harness tells a worker of an embedded engine, as one argument of its command line.

use std::{path::PathBuf, time::Duration};

use portwright_runtime::{Device, KernelError, Options, Package, Precision, Sources};
use serde::{Deserialize, Serialize};

use crate::engine::{Dialect, EngineKind, Limits};

/// Answers that take longer than the deadline less this part of it name the Python line that ran.
const EARLIER: f64 = 0.1;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) engine: EngineKind,
    /// The folder of the package whose source it runs.
    pub(super) folder: PathBuf,
    /// The folder of `portwright_worker`.
    pub(super) workers: PathBuf,
    /// A checkpoint's folder with code of its own.
    #[serde(default)]
    pub(super) remote_code: Option<PathBuf>,
    /// Where compiled modules are kept between processes.
    pub(super) cache: PathBuf,
    pub(super) limits: Limits,
    pub(super) exact: bool,
    pub(super) threads: usize,
    /// Where tensors lie, by its name.
    pub(super) device: String,
    /// The deadline of every request, as the harness keeps it.
    pub(super) wall_seconds: f64,
}

impl Settings {
    pub(super) fn to_argument(&self) -> String {
        serde_json::to_string(self).expect("paths of ours are text")
    }

    pub(super) fn from_argument(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// What the engine's library stands on here.
    pub(super) fn dialect(&self) -> &'static Dialect {
        self.engine.row().dialect.as_ref().expect("only embedded engines are started here")
    }

    /// Where tensors lie, once it is known to be there.
    ///
    /// # Errors
    ///
    /// As [`Settings::machine`].
    pub(super) fn device(&self) -> Result<Device, KernelError> {
        let device: Device = self.device.parse()?;
        device.check()?;
        Ok(device)
    }

    /// What the session's machine is made of.
    ///
    /// # Errors
    ///
    /// The device is not there, or its feature was not compiled in.
    pub(super) fn machine(&self) -> Result<Options, KernelError> {
        let package = |name: &str, folder: &PathBuf| Package {
            name: name.to_owned(),
            folder: folder.clone(),
        };
        Ok(Options {
            sources: Sources {
                dialect: self.dialect().name.to_owned(),
                packages: [
                    package(self.engine.row().package, &self.folder),
                    package("portwright_worker", &self.workers),
                ]
                .into_iter()
                .chain(self.remote_code.iter().map(|it| package("transformers_modules", it)))
                .collect(),
                overlay: None,
            },
            limits: portwright_runtime::Limits {
                wall: Duration::try_from_secs_f64(self.wall_seconds * (1.0 - EARLIER))
                    .unwrap_or(Duration::MAX),
                recursion: self.limits.recursion,
                tensor_bytes: self.limits.memory_bytes,
            },
            precision: if self.exact { Precision::Exact } else { Precision::Native },
            device: self.device()?,
            cache: Some(self.cache.clone()),
        })
    }
}
