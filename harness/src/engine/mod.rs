//! Engines: real PyTorch, real MLX and the embedded runtime on candle, each in a worker process.
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
mod pair;
mod worker;

pub use error::{EngineError, Failure};
pub use launch::{Embedded, Launch, Limits, needs};
pub use messages::{
    About, CallSite, Catalogue, Experiment, Forward, Forwarded, Generated, Load, Mismatch,
    ModuleInfo, Opened, ParameterInfo, Rope, RopeLayer, Roundtrip, Synthesis, Synthesised, TapInfo,
    Texts, package_path,
};
pub use pair::{Pair, PairError};
pub use worker::{Session, Sources, Worker};

use serde::{Deserialize, Serialize};

/// Which library runs a side of a case.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// Real PyTorch and transformers: the reference.
    Torch,
    /// Real MLX and mlx-lm: the port as users run it.
    Mlx,
    /// The definition run from its source by the embedded runtime.
    Candle,
}

impl EngineKind {
    /// The name on the command line, in evidence and of the worker's `--engine`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Torch => "torch",
            Self::Mlx => "mlx",
            Self::Candle => "candle",
        }
    }
}

impl std::fmt::Display for EngineKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}
