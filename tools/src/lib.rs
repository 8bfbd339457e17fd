//! The capabilities of Portwright: each is one function with a typed input and a typed output.
//!
//! The command line and the MCP server only open them.
//!
//! # Where to start
//!
//! [`verify::verify`] is the main job, [`candidates`] finds the checkpoints whose configs are worth it and
//! [`verify_cover`] does it for each. [`report`] renders and checks what it leaves, [`compare`] says
//! what a new revision changed, [`standing`] where a run stands, [`explain`] reads where two models diverge,
//! [`sweep`] verifies everything, [`releases`] some types on several releases, [`definitions`] holds the
//! embedded runtime to PyTorch, [`mutants`] proves that planted bugs are caught, [`trials`] that right ports
//! are not. [`modular`] is the modular system of transformers. [`inspect`] says what an architecture is made of, and `run`
//! generates text with it; both go through a [`session`]. [`port`] begins a port. [`policy`] says what a
//! target asks of contributions, [`stage`] stages one, and [`commits`] is the ledger behind release
//! notes.
//!
//! # Invariants
//!
//! - Inputs refuse unknown fields; every output is data that serialises.
//! - Nothing prints, and nothing here knows MCP or command-line arguments.
//! - A capability never writes outside the folder it was given and the user's cache.

pub mod agreement;
mod background;
pub mod candidates;
pub mod catches;
pub mod checkpoint;
pub mod commits;
pub mod compare;
pub mod constants;
pub mod count;
mod coverage;
pub mod definitions;
pub mod error;
pub mod explain;
mod hub;
pub mod inspect;
pub mod modular;
pub mod mutants;
pub mod names;
pub mod policy;
pub mod port;
pub mod ports;
#[cfg(test)]
mod real_git;
pub mod releases;
pub mod report;
pub mod ruff;
#[cfg(feature = "candle")]
pub mod run;
pub mod runs;
pub mod session;
pub mod stage;
pub mod standing;
pub mod sweep;
mod table;
pub mod target_path;
mod transformers;
mod tree;
pub mod trials;
pub mod verify;
pub mod verify_cover;
pub mod verify_error;
pub mod verify_input;
