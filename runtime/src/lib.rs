//! Model definitions run from their source: an embedded Python virtual machine over native tensors.
//!
//! The file that a library ships as the definition or the port of a model *is* the program. It sees a
//! module `torch` or `mlx` of ours whose tensors are [`portwright_kernels::Tensor`]s, and nothing else of
//! the world: no files, no network, no processes, no environment.
//!
//! # Where to start
//!
//! [`Machine`] runs Python. [`sources`] says what it may import. `binding` is where the kernels
//! become Python objects. The dialects, in plain Python, lie in `runtime/dialects`: `shared` is what
//! every dialect needs, `torch` is PyTorch and what transformers' definitions use of transformers, `mlx`
//! is MLX and what mlx-lm's modules import beside it; mlx-lm itself runs from its source. What a caller asks of a definition lies in `runtime/session`.
//!
//! # How it is measured
//!
//! `portwright verify --definitions` makes tiny random checkpoints of every definition, asks real
//! PyTorch and this runtime, and writes `docs/coverage/definitions.md`.
//!
//! # Invariants
//!
//! - Only this crate knows `RustPython`; what the kernels compute is `portwright-kernels`' business.
//! - Python code never reaches a file: the machine hands it code compiled from the roots it was given,
//!   and weights that it was told to open. The only files written are that code, in the one folder
//!   that the machine was given for it.
//! - Nothing that Python code does takes the process down: an exception, a limit or a panic is a
//!   [`RuntimeError`].

mod binding;
mod cache;
mod error;
mod limits;
mod machine;
pub mod sources;

pub use error::RuntimeError;
pub use limits::Limits;
pub use machine::{Answer, Machine, Options};
pub use portwright_kernels::{
    DType, Device, KernelError, Precision, Tensor, Weights, open_safetensors,
};
pub use sources::{Package, Sources};
