//! PyTorch: a tensor's dimensions decide how loudly its dtype speaks.

use super::Semantics;
use crate::{
    context,
    dtype::{Category, DType},
    elementwise::Operand,
};

pub(crate) static TORCH: Semantics = Semantics {
    name: "torch",
    module: "torch",
    promote,
    result_type,
    whole: |_| DType::I64,
    rounds_numbers: false,
    refuses_whole: true,
};

/// Position among the dtypes of a category by width, unsigned before signed.
fn rank(dtype: DType) -> usize {
    DType::ALL.iter().position(|it| *it == dtype).unwrap_or(0)
}

/// `torch.promote_types`: the smallest type that holds both, as PyTorch defines it.
fn promote(a: DType, b: DType) -> DType {
    if a == b {
        return a;
    }
    let (low, high) = if a.category() < b.category() { (a, b) } else { (b, a) };
    if low.category() != high.category() {
        return match (low, high) {
            (DType::F64, DType::C64) => DType::C128,
            _ => high,
        };
    }
    match (a, b) {
        (DType::U8, DType::I8) | (DType::I8, DType::U8) => DType::I16,
        (DType::F16, DType::BF16) | (DType::BF16, DType::F16) => DType::F32,
        _ if rank(a) < rank(b) => b,
        _ => a,
    }
}

/// `torch.result_type`: tensors with dimensions decide, then those without, then numbers; a lower
/// rank is heard only where its category is higher.
fn result_type(operands: &[&Operand]) -> DType {
    let (mut full, mut zero, mut number) = (None, None, None);
    for operand in operands {
        let slot = match operand {
            Operand::Tensor(it) if it.rank() > 0 => &mut full,
            Operand::Tensor(_) => &mut zero,
            Operand::Scalar(_) => &mut number,
        };
        let dtype = operand.dtype();
        *slot = Some(slot.map_or(dtype, |it| promote(it, dtype)));
    }
    prefer(full, prefer(zero, number)).unwrap_or_else(|| context::settings().default_dtype)
}

fn prefer(high: Option<DType>, low: Option<DType>) -> Option<DType> {
    let (Some(high), Some(low)) = (high, low) else {
        return high.or(low);
    };
    Some(match (high.category(), low.category()) {
        (Category::Float, Category::Complex) => promote(DType::C64, high),
        (Category::Bool | Category::Integer, b) if high.category() < b => promote(high, low),
        _ => high,
    })
}
