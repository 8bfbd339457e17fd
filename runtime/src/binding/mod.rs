//! The native module `_kernels`: tensors, dtypes and every row of the table of kernels.
//!
//! A kernel is an attribute of the module under its own name; [`value`] turns its arguments and its
//! result. Everything that is PyTorch's signature, and not PyTorch's arithmetic, is the dialect's.

mod bytecode;
mod host;
mod kernel;
mod module;
mod tensor;
mod value;

pub(crate) use host::{begin, collect, forget, install, set_weights};
pub(crate) use module::module_def;
