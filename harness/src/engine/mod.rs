//! Engines: real PyTorch, real MLX and the embedded runtime, each in a worker process. [`ENGINES`] is the
//! table of them: what each runs, on which host, and what it can be asked.
//!
//! A [`Worker`] imports its library once; every [`Session`] is a child of it, so a model that
//! crashes the interpreter costs one session. All traffic is one JSON message a line, tensors travel
//! as safetensors files.
//!
//! # Invariants
//!
//! - Every request has a deadline; a worker that crashes, hangs or talks nonsense is an
//!   [`EngineError`] that carries the last lines of its stderr.
//! - No worker survives its [`Worker`] value: it leads a process group of its own, which is killed on
//!   drop, and it ends by itself when its stdin closes.
//! - Workers inherit the variables that [`crate::environment::worker_environment`] names, no others.

#[cfg(feature = "candle")]
pub mod candle;
mod error;
mod launch;
mod messages;
mod native;
mod pair;
mod patience;
mod table;
mod worker;

pub use error::{EngineError, Failure};
pub use launch::{Embedded, Launch, Limits, needs, release_in};
pub use messages::{
    About, CallSite, Catalogue, Experiment, Feeding, Forward, Forwarded, Generate, Generated,
    Holds, Load, Mismatch, ModuleInfo, Open, Opened, ParameterInfo, Rope, RopeLayer, Roundtrip,
    Sharded, Synthesis, Synthesised, TapInfo, Texts, package_path,
};
pub use native::Sources;
pub use pair::{Pair, PairError};
pub use table::{
    Dialect, ENGINES, Engine, EngineKind, Host, Lacks, Operation, Runs, UnknownEngine, engine_ids,
};
pub use worker::{Session, Worker};
