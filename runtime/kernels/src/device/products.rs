//! Versions of products: `matmul` and `linear`.

use candle_core::{DType as Kind, Result as CandleResult, Tensor as Flat};

use super::{Device, dispatch::Version, transfer::failed};
use crate::{
    call::{Call, answer},
    context,
    dtype::Physical,
    error::Result,
    layout::{broadcast, numel},
    tensor::Tensor,
    value::Value,
};

/// The type that a product of such elements is computed in on the device: a GPU's own product sums
/// half types in `f32` and rounds once.
fn product_kind(physical: Physical) -> Option<Kind> {
    let on_gpu = !matches!(context::place(), Device::Cpu | Device::CandleCpu);
    match physical {
        Physical::F16 if on_gpu => Some(Kind::F16),
        Physical::BF16 if on_gpu => Some(Kind::BF16),
        other => super::pointwise::computing(other).filter(|it| *it != Kind::I64),
    }
}

/// A product of equal batches; operands are copied only where candle cannot read them as they lie.
pub(super) fn product(a: &Flat, b: &Flat) -> CandleResult<Flat> {
    match a.matmul(b) {
        Ok(it) => Ok(it),
        Err(_) => a.contiguous()?.matmul(&b.contiguous()?),
    }
}

fn operand(x: &Tensor, kind: Kind) -> Result<Option<Flat>> {
    let Some(flat) = x.on_device()? else { return Ok(None) };
    flat.to_dtype(kind).map(Some).map_err(failed)
}

fn matmul(call: &Call) -> Result<Option<Value>> {
    let (a, b) = (call.tensor(0)?, call.tensor(1)?);
    if a.dtype() != b.dtype() || !a.dtype().is_float() || a.rank() < 2 || b.rank() < 2 {
        return Ok(None);
    }
    let (a_rank, b_rank) = (a.rank(), b.rank());
    let (m, k, n) = (a.shape()[a_rank - 2], a.shape()[a_rank - 1], b.shape()[b_rank - 1]);
    let target = Tensor::target(a.dtype());
    let (Some(kind), true) = (product_kind(target), b.shape()[b_rank - 2] == k && k > 0) else {
        return Ok(None);
    };
    let (Some(x), Some(y)) = (operand(a, kind)?, operand(b, kind)?) else { return Ok(None) };
    let batch = broadcast(&a.shape()[..a_rank - 2], &b.shape()[..b_rank - 2])?;
    let shape = [batch.as_slice(), &[m, n]].concat();
    let made = || -> CandleResult<Flat> {
        if b_rank == 2 {
            return product(&x.reshape(((), k))?, &y)?.reshape(shape.as_slice());
        }
        let x = x.broadcast_as([batch.as_slice(), &[m, k]].concat())?;
        let y = y.broadcast_as([batch.as_slice(), &[k, n]].concat())?;
        product(&x, &y)
    };
    if numel(&shape)? == 0 {
        return Ok(None);
    }
    let out = Tensor::from_device(&made().map_err(failed)?, a.dtype(), target)?;
    answer(out).map(Some)
}

fn linear(call: &Call) -> Result<Option<Value>> {
    let (x, weight) = (call.tensor(0)?, call.tensor(1)?);
    let bias = call.optional_tensor(2)?;
    let same = x.dtype() == weight.dtype() && bias.is_none_or(|it| it.dtype() == x.dtype());
    let (Some(&k), [n, inner]) = (x.shape().last(), weight.shape()) else { return Ok(None) };
    let fits = same && x.dtype().is_float() && *inner == k && x.numel() > 0 && *n > 0;
    let target = Tensor::target(x.dtype());
    let (Some(kind), true) = (product_kind(target), fits) else { return Ok(None) };
    if bias.is_some_and(|it| it.rank() > 1 || (it.numel() != *n && it.numel() != 1)) {
        return Ok(None);
    }
    let (Some(rows), Some(columns)) = (operand(x, kind)?, operand(weight, kind)?) else {
        return Ok(None);
    };
    let shape = [&x.shape()[..x.rank() - 1], &[*n]].concat();
    let mut made =
        rows.reshape(((), k)).and_then(|it| product(&it, &columns.t()?)).map_err(failed)?;
    if let Some(bias) = bias {
        let wide = if kind == Kind::F64 { Kind::F64 } else { Kind::F32 };
        let Some(bias) = operand(bias, wide)? else { return Ok(None) };
        made = made.to_dtype(wide).and_then(|it| it.broadcast_add(&bias)).map_err(failed)?;
    }
    let made = made.reshape(shape.as_slice()).map_err(failed)?;
    answer(Tensor::from_device(&made, x.dtype(), target)?).map(Some)
}

pub(super) const VERSIONS: &[(&str, Version)] = &[("matmul", matmul), ("linear", linear)];
