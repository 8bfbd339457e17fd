//! MLX: every array speaks alike, and a Python number takes the arrays' dtype where its kind fits.
//!
//! One thing that MLX does with whole numbers is not done here: its negative powers are all 0, that of 1
//! too.

use super::Semantics;
use crate::{
    dtype::{Category, DType},
    elementwise::{Operand, Scalar},
};

pub(super) static MLX: Semantics = Semantics {
    name: "mlx",
    module: "mlx.core",
    promote,
    result_type,
    whole: |it| if i32::try_from(it).is_ok() { DType::I32 } else { DType::I64 },
    rounds_numbers: true,
    refuses_whole: false,
};

/// `mx.result_type` of two dtypes: as asked of MLX itself, pair by pair, in the dialect's fixtures.
fn promote(a: DType, b: DType) -> DType {
    if a == b {
        return a;
    }
    let (low, high) = if a.category() < b.category() { (a, b) } else { (b, a) };
    if low.category() != high.category() {
        return high;
    }
    match low.category() {
        Category::Integer => promote_whole(a, b),
        Category::Float => match (a, b) {
            (DType::F16, DType::BF16) | (DType::BF16, DType::F16) => DType::F32,
            _ if a.size() < b.size() => b,
            _ => a,
        },
        Category::Bool | Category::Complex => high,
    }
}

/// Of one sign the wider; of two the signed one that holds both, which for 64 bits is none.
fn promote_whole(a: DType, b: DType) -> DType {
    if a.is_signed() == b.is_signed() {
        return if a.size() < b.size() { b } else { a };
    }
    let (signed, unsigned) = if a.is_signed() { (a, b) } else { (b, a) };
    if unsigned.size() < signed.size() {
        return signed;
    }
    match unsigned {
        DType::U8 => DType::I16,
        DType::U16 => DType::I32,
        DType::U32 => DType::I64,
        _ => DType::F32,
    }
}

fn result_type(operands: &[&Operand]) -> DType {
    let arrays = operands.iter().filter_map(|it| match it {
        Operand::Tensor(it) => Some(it.dtype()),
        Operand::Scalar(_) => None,
    });
    let arrays = arrays.reduce(promote);
    let mut dtype = arrays;
    for operand in operands {
        let Operand::Scalar(number) = operand else { continue };
        let fits = match (number, arrays) {
            (Scalar::Bool(_), Some(array)) => Some(array),
            (Scalar::Int(_), Some(array)) if array != DType::Bool => Some(array),
            (Scalar::Float(_), Some(array)) if Category::Float <= array.category() => Some(array),
            (Scalar::Complex(..), Some(array)) if array.is_complex() => Some(array),
            _ => None,
        };
        let own = fits.unwrap_or_else(|| number.dtype());
        dtype = Some(dtype.map_or(own, |it| promote(it, own)));
    }
    dtype.unwrap_or(DType::F32)
}
