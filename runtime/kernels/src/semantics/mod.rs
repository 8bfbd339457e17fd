//! Where tensor libraries differ: one table a library, chosen by the dialect that stands in for it.
//!
//! A kernel computes; what it means to mix two dtypes, what a Python number is beside a tensor, and which
//! whole numbers an operation refuses are read from here.

mod mlx;
mod torch;

use crate::{dtype::DType, elementwise::Operand};

pub(crate) use torch::TORCH;

/// The rules of one library.
#[derive(Debug)]
pub struct Semantics {
    /// Its name, which is the dialect's.
    pub name: &'static str,
    /// The module that its dtypes are written with: `torch` in `torch.float32`.
    pub module: &'static str,
    /// The dtype that holds two.
    pub(crate) promote: fn(DType, DType) -> DType,
    /// The dtype of an operation on tensors and Python numbers.
    pub(crate) result_type: fn(&[&Operand]) -> DType,
    /// What a Python `int` becomes by itself.
    pub(crate) whole: fn(i64) -> DType,
    /// Whether a number beside a tensor of a narrow type is rounded to that type first, whatever the
    /// operation.
    pub(crate) rounds_numbers: bool,
    /// Whether differences of booleans, negative powers of whole numbers and divisions of them by zero
    /// are errors.
    pub(crate) refuses_whole: bool,
}

const ALL: [&Semantics; 2] = [&torch::TORCH, &mlx::MLX];

/// The rules of the library of that name.
pub fn semantics_of(name: &str) -> Option<&'static Semantics> {
    ALL.into_iter().find(|it| it.name == name)
}
