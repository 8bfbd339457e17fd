//! What commands need set up in the user's cache directory: source files of the pinned libraries, and
//! the Python environments of the native engines.
//!
//! A command states its [`Supply`]s, calls [`ensure`] and goes on when they are there; `portwright setup`
//! asks for everything, `portwright doctor` looks at it. Nothing is ever put into the checkout or into
//! the user's own Python.
//!
//! # Where to start
//!
//! [`plan()`] says what setup would download and keep; [`ensure`] does it; [`doctor`] says what is
//! there. [`release`] fetches another release of transformers, [`beside`] what it needs in other versions.
//! Sources come from the package index by ourselves (`index`); engines are what uv installs (`uv`).
//! [`worker_environment`] is what a worker process may see. [`VARIABLES`] lists the
//! environment variables that steer all this.
//!
//! # Invariants
//!
//! - An environment without its `complete.json` does not exist: it is removed and built anew.
//! - Nothing is downloaded that nobody asked for; whatever serves is taken if it is there.
//! - Every package comes from the lock with its hash, with three exceptions: torch from an index that
//!   the user configures ([`TorchSource::Index`]), whose version is the lock's; a release of
//!   transformers that the user names, held to the hash that the index states; and a program that a
//!   target repository pins ([`ensure_tool`]), which never runs among the engines.
//! - Nothing here downloads a Python, asks a question or prints.
//! - No secret is passed to a worker or written to disk.

mod beside;
mod cache;
mod child;
mod complete;
mod doctor;
mod download;
mod error;
mod home;
mod index;
mod install;
mod lock;
mod machine;
mod pinned;
mod plan;
mod python;
mod release;
mod settings;
mod setup;
mod sizes;
mod source;
mod supply;
#[cfg(test)]
mod testing;
mod tool;
mod uv;
mod workers;

pub use beside::{Beside, beside, tried};
pub use cache::{Cache, Entry, State, cache};
pub use complete::Engines;
pub use doctor::{Doctor, Item, Status, doctor};
pub use error::{NotPython, SetupError};
pub use home::Home;
pub use lock::engines_lock_digest;
pub(crate) use machine::memory_bytes;
pub use machine::{Device, Machine, cores};
pub use pinned::Pinned;
pub use plan::{Leaner, Plan, PlannedGroup, plan};
pub use release::{NotRelease, Release, ReleaseName, release};
pub use settings::{Settings, ShownTorchSource, TorchSource, VARIABLES, Variable};
pub use setup::{ensure, installed};
pub use sizes::{Group, platform};
pub use supply::{Supply, UnknownSupply};
pub use tool::{Tool, ensure_tool};
pub use workers::worker_environment;
#[cfg(feature = "candle")]
pub(crate) use workers::{embedded_environment, worker_package};
