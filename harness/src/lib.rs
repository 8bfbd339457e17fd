//! Decides by measurement whether a port is the same model as its definition.
//!
//! The reference (transformers on PyTorch, or on the embedded runtime) and the port (mlx-lm on MLX, or
//! the definition on the other of the two) run side by side in worker processes; the harness asks both
//! the same questions, measures how their answers differ, holds every figure to the measured noise
//! floor, and seals what it found as evidence.
//!
//! # Where to start
//!
//! [`check::CHECKS`] is the table of what is asked; [`case`] says how the tokens are fed;
//! [`gather`] drives the engines; [`verify`](verify::verify) is one subject from question to
//! [`Evidence`](evidence::Evidence). `workers/` holds the Python side.
//!
//! # Invariants
//!
//! - No agent and no template in here: facts in, verdict out.
//! - A check is a row of a table and a pure function; a check that could not run never passes.
//! - Every bound is derived from a measured floor ([`tolerance`]).
//! - Knows nothing of MCP, the command line or reports.

#![cfg_attr(test, allow(clippy::float_cmp, reason = "tests compare exact results"))]

pub mod answers;
mod by_design;
pub mod cancel;
pub mod case;
pub mod causes;
pub mod check;
pub mod constants;
pub mod definitions;
pub mod digest;
pub mod earlier;
pub mod engine;
pub mod environment;
pub mod evidence;
pub mod facts;
pub mod figure;
pub mod gather;
pub mod head;
pub mod held;
pub mod hint;
pub mod keep;
pub mod kept;
pub mod lanes;
pub mod layer;
pub mod measure;
pub mod mutants;
pub mod need;
pub mod noise;
pub mod outcome;
pub mod overlay;
pub mod ports;
pub mod progress;
pub mod records;
pub mod rundir;
pub mod sweep;
pub mod tap;
pub mod tensors;
pub mod tolerance;
pub mod trials;
mod trio;
pub mod variations;
pub mod varied;
pub mod verify;
