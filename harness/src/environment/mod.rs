//! The engines' environment: Python, torch, MLX and the workers, in the user's cache directory.
//!
//! `portwright setup` builds it from a lock file with hashes, `portwright doctor` looks at it,
//! `portwright verify` calls [`ensure`] and goes on when it is there. Nothing is ever put into the
//! checkout or into the user's own Python.
//!
//! # Where to start
//!
//! [`plan()`] says what setup would download and keep; [`ensure`] does it; [`doctor`] says what is
//! there. [`worker_environment`] is what a worker process may see. [`VARIABLES`] lists the
//! environment variables that steer all this.
//!
//! # Invariants
//!
//! - An environment without its `complete.json` does not exist: it is removed and built anew.
//! - Every package comes from the lock with its hash, with two exceptions: torch from an index that
//!   the user configures ([`TorchSource::Index`]), whose version is the lock's; and a program that a
//!   target repository pins ([`ensure_tool`]), which never runs among the engines.
//! - Nothing here downloads a Python, asks a question or prints.
//! - No secret is passed to a worker or written to disk.

mod child;
mod complete;
mod doctor;
mod error;
mod home;
mod install;
mod lock;
mod machine;
mod plan;
mod python;
mod settings;
mod setup;
mod sizes;
mod tool;
mod uv;
mod workers;

pub use complete::Engines;
pub use doctor::{Doctor, Item, Status, doctor};
pub use error::{NotPython, SetupError};
pub use home::Home;
pub use lock::engines_lock_digest;
pub(crate) use machine::memory_bytes;
pub use machine::{Device, Machine, cores};
pub use plan::{Leaner, Plan, PlannedGroup, plan};
pub use settings::{Settings, ShownTorchSource, TorchSource, VARIABLES, Variable};
pub use setup::{ensure, installed};
pub use sizes::{Group, platform};
pub use tool::{Tool, ensure_tool};
pub use workers::worker_environment;
#[cfg(feature = "candle")]
pub(crate) use workers::{embedded_environment, worker_package};
