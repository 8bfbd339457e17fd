//! One native tensor and one table of kernels, with the semantics of the library that a dialect stands in for.
//!
//! A [`Tensor`] is a strided window on shared storage, as in PyTorch: views write through, and an
//! in-place kernel that cannot write through is an error. A [`Kernel`] is a row of a table: a name,
//! its signature in words and a function from [`Call`] to [`Value`]. The dialects of
//! `portwright-runtime` are plain Python over this table.
//!
//! # Where to start
//!
//! [`kernels`] is the table. To add a kernel, write its function and add a row in the file of its
//! family. [`tensor`] says what a tensor is, [`dtype`] which types
//! there are, `semantics` how a library mixes them, [`context`] what
//! exact mode and the memory limit mean.
//!
//! # Invariants
//!
//! - Knows nothing of Python or of `RustPython`. Products are computed by candle's gemm on the host,
//!   and by candle's own backends on its devices; `device` says how the two go together.
//! - No input panics: a wrong argument is a [`KernelError`] that maps to Python's exception.
//! - Elements are computed as PyTorch and MLX do on the CPU: half types widen to `f32` and round once.
//! - Where libraries differ in what a kernel means (promotion, Python's numbers, whole numbers) there is
//!   a row in `semantics`, not a second kernel.
//! - Files are read only by `weights`; there is no network, and no clock but `profile`'s.

mod attention;
mod binary;
mod bytes;
mod call;
mod cast;
mod compare;
mod complex;
mod context;
mod conv;
mod create;
mod device;
mod dtype;
mod einsum;
mod element;
mod elementwise;
mod error;
mod exponential;
mod fourier;
mod index;
mod join;
mod lanes;
mod layout;
mod linalg;
mod matmul;
mod multiply;
mod pool;
mod profile;
mod random;
mod read;
mod reduce;
mod resample;
mod scan;
mod scatter;
mod semantics;
mod shape;
mod softmax;
mod sort;
mod storage;
mod table;
mod tensor;
mod threads;
mod unary;
mod value;
mod weights;
mod windows;

pub use call::Call;
pub use context::{
    Precision, Scope, Settings, enter, memory_in_use, memory_peak, set_default_device,
    set_default_dtype, set_rounds_halves, set_semantics, settings,
};
pub use device::{
    Device,
    dispatch::device_kernels,
    ledger::{LedgerRow, clear_device_ledger, device_ledger},
};
pub use dtype::{Category, DType};
pub use error::KernelError;
pub use profile::{KernelTime, start_profile, take_profile};
pub use semantics::{Semantics, semantics_of};
pub use table::{Kernel, kernel, kernels};
pub use tensor::Tensor;
pub use value::Value;
pub use weights::{Weights, open_safetensors};
