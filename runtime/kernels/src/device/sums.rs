//! Versions that make many elements one: sums, means and the place of the largest.

use candle_core::{DType as Kind, Result as CandleResult, Tensor as Flat};

use super::{
    dispatch::Version,
    pointwise::{computing, wide},
    transfer::failed,
};
use crate::{
    call::{Call, answer, dims_of},
    cast::cast,
    dtype::{DType, Physical},
    error::Result,
    tensor::Tensor,
    value::Value,
};

fn reduced(call: &Call, mean: bool) -> Result<Option<Value>> {
    let x = match call.optional_dtype(3)? {
        Some(dtype) => cast(call.tensor(0)?, dtype)?,
        None => call.tensor(0)?.clone(),
    };
    if !x.dtype().is_float() || x.numel() == 0 || x.rank() == 0 {
        return Ok(None);
    }
    let target = Tensor::target(x.dtype());
    let Some(kind) = computing(target) else { return Ok(None) };
    let (dims, keep) = (dims_of(call, 1, &x)?, call.bool_or(2, false)?);
    let Some(flat) = wide(&x, x.dtype(), kind)? else { return Ok(None) };
    let count: usize = dims.iter().map(|it| x.shape()[*it]).product();
    let made = || -> CandleResult<Flat> {
        let out = flat.sum_keepdim(dims.as_slice())?;
        let out = if mean { (out / count as f64)? } else { out };
        let left = (0..x.rank()).filter(|it| keep || !dims.contains(it));
        out.reshape(
            left.map(|it| if dims.contains(&it) { 1 } else { x.shape()[it] }).collect::<Vec<_>>(),
        )
    };
    let made = made().map_err(failed)?;
    answer(Tensor::from_device(&made, x.dtype(), target)?).map(Some)
}

/// The first NaN wins over everything, as in PyTorch.
fn argmax(call: &Call) -> Result<Option<Value>> {
    let x = call.tensor(0)?;
    if call.is_none(1) || !x.dtype().is_float() || x.numel() == 0 || x.rank() == 0 {
        return Ok(None);
    }
    let dim = crate::layout::dim(call.int(1)?, x.rank())?;
    let Some(kind) = computing(Tensor::target(x.dtype())) else { return Ok(None) };
    let Some(flat) = wide(x, x.dtype(), kind)? else { return Ok(None) };
    let keep = call.bool_or(2, false)?;
    let made = || -> CandleResult<Flat> {
        let flat = flat.contiguous()?;
        let nan = flat.ne(&flat)?.to_dtype(Kind::F32)?;
        let broken = nan.max_keepdim(dim)?.gt(0.0)?;
        let places = broken.where_cond(
            &nan.argmax_keepdim(dim)?.to_dtype(Kind::I64)?,
            &flat.argmax_keepdim(dim)?.to_dtype(Kind::I64)?,
        )?;
        if keep { Ok(places) } else { places.squeeze(dim) }
    };
    let made = made().map_err(failed)?;
    answer(Tensor::from_device(&made, DType::I64, Physical::I64)?).map(Some)
}

pub(super) const VERSIONS: &[(&str, Version)] = &[
    ("sum", |call| reduced(call, false)),
    ("mean", |call| reduced(call, true)),
    ("argmax", argmax),
];
