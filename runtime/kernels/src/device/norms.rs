//! Versions of softmax, the norms over the last dimension, and attention.

use candle_core::{D, Result as CandleResult, Tensor as Flat};

use super::{
    dispatch::Version,
    pointwise::{computing, wide},
    products::product,
    transfer::failed,
};
use crate::{
    call::{Call, answer, dim_of},
    cast::cast,
    context,
    dtype::DType,
    error::Result,
    tensor::Tensor,
    value::Value,
};

fn floats(x: &Tensor) -> Result<Option<Flat>> {
    let kind = computing(Tensor::target(x.dtype())).filter(|_| x.dtype().is_float());
    match kind {
        Some(kind) if x.numel() > 0 => wide(x, x.dtype(), kind),
        _ => Ok(None),
    }
}

fn finished(made: CandleResult<Flat>, dtype: DType) -> Result<Option<Value>> {
    let made = made.map_err(failed)?;
    answer(Tensor::from_device(&made, dtype, Tensor::target(dtype))?).map(Some)
}

fn softmax(call: &Call) -> Result<Option<Value>> {
    let x = match call.optional_dtype(2)? {
        Some(dtype) => cast(call.tensor(0)?, dtype)?,
        None => call.tensor(0)?.clone(),
    };
    let Some(flat) = floats(&x)?.filter(|_| x.rank() > 0) else { return Ok(None) };
    let dim = dim_of(call, 1, &x, -1)?;
    let made = || {
        let powers = flat.broadcast_sub(&flat.max_keepdim(dim)?)?.exp()?;
        powers.broadcast_div(&powers.sum_keepdim(dim)?)
    };
    finished(made(), x.dtype())
}

/// A parameter of a norm over the last dimension alone.
enum Parameter {
    Absent,
    Present(Flat),
    /// The host must read it.
    Elsewhere,
}

impl Parameter {
    fn of(call: &Call, idx: usize, x: &Tensor) -> Result<Self> {
        match call.optional_tensor(idx)? {
            None => Ok(Self::Absent),
            Some(it) if it.dtype() == x.dtype() && it.shape() == call.sizes(1)? => {
                Ok(floats(it)?.map_or(Self::Elsewhere, Self::Present))
            }
            Some(_) => Ok(Self::Elsewhere),
        }
    }

    fn is_here(&self) -> bool {
        !matches!(self, Self::Elsewhere)
    }

    fn get(&self) -> Option<&Flat> {
        match self {
            Self::Present(it) => Some(it),
            Self::Absent | Self::Elsewhere => None,
        }
    }
}

fn over_last(call: &Call, x: &Tensor) -> Result<bool> {
    let sizes = call.sizes(1)?;
    Ok(sizes.len() == 1 && x.shape().last() == sizes.first())
}

fn scaled(x: &Flat, eps: f64, weight: Option<&Flat>, bias: Option<&Flat>) -> CandleResult<Flat> {
    let variance = x.sqr()?.mean_keepdim(D::Minus1)?;
    let mut out = x.broadcast_mul(&variance.affine(1.0, eps)?.sqrt()?.recip()?)?;
    if let Some(weight) = weight {
        out = out.broadcast_mul(weight)?;
    }
    match bias {
        Some(bias) => out.broadcast_add(bias),
        None => Ok(out),
    }
}

fn rms_norm(call: &Call) -> Result<Option<Value>> {
    let x = call.tensor(0)?;
    let weight = Parameter::of(call, 2, x)?;
    let Some(flat) = floats(x)?.filter(|_| weight.is_here()) else { return Ok(None) };
    if !over_last(call, x)? {
        return Ok(None);
    }
    let own = if x.dtype() == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    finished(scaled(&flat, call.float_or(3, own)?, weight.get(), None), x.dtype())
}

fn layer_norm(call: &Call) -> Result<Option<Value>> {
    let x = call.tensor(0)?;
    let (weight, bias) = (Parameter::of(call, 2, x)?, Parameter::of(call, 3, x)?);
    let here = weight.is_here() && bias.is_here() && over_last(call, x)?;
    let Some(flat) = floats(x)?.filter(|_| here) else { return Ok(None) };
    let eps = call.float_or(4, 1e-5)?;
    let made = || {
        let centred = flat.broadcast_sub(&flat.mean_keepdim(D::Minus1)?)?;
        scaled(&centred, eps, weight.get(), bias.get())
    };
    finished(made(), x.dtype())
}

/// What is added to the scores: `[.., L, S]`.
fn additive(mask: &Tensor, dtype: DType) -> Result<Option<Flat>> {
    if mask.dtype() != DType::Bool {
        return floats(&cast(mask, dtype)?);
    }
    let Some(flat) = mask.on_device()? else { return Ok(None) };
    let made = || -> CandleResult<Flat> {
        let zero = Flat::zeros(flat.shape(), candle_core::DType::F32, flat.device())?;
        let minus = zero.affine(0.0, f64::NEG_INFINITY)?;
        flat.contiguous()?.where_cond(&zero, &minus)
    };
    made().map(Some).map_err(failed)
}

/// Zero where a query may look and `-inf` ahead of it.
fn causal(queries: usize, keys: usize) -> Result<Flat> {
    let mut values = vec![0.0_f32; queries * keys];
    for (row, line) in values.chunks_exact_mut(keys.max(1)).enumerate() {
        line.iter_mut().skip(row + 1).for_each(|it| *it = f32::NEG_INFINITY);
    }
    let device = context::place().open()?;
    Flat::from_vec(values, (queries, keys), &device).map_err(failed)
}

/// `sdpa(query, key, value, mask, causal, scale, gqa)` of four dimensions.
fn sdpa(call: &Call) -> Result<Option<Value>> {
    let (query, key, value) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
    let dtype = query.dtype();
    let ([batch, heads, queries, inner], [.., own, keys, _], [.., width]) =
        (query.shape(), key.shape(), value.shape())
    else {
        return Ok(None);
    };
    let grouped = call.bool_or(6, false)?;
    let fits = key.shape() == [*batch, *own, *keys, *inner]
        && value.shape() == [*batch, *own, *keys, *width]
        && key.dtype() == dtype
        && value.dtype() == dtype
        && *own > 0
        && (own == heads || (grouped && heads % own == 0));
    let is_causal = call.bool_or(4, false)?;
    if !fits || (is_causal && !call.is_none(3)) {
        return Ok(None);
    }
    let (Some(q), Some(k), Some(v)) = (floats(query)?, floats(key)?, floats(value)?) else {
        return Ok(None);
    };
    let mask = match call.optional_tensor(3)? {
        Some(mask) => {
            let Some(it) = additive(mask, dtype)? else { return Ok(None) };
            Some(it)
        }
        None if is_causal => Some(causal(*queries, *keys)?),
        None => None,
    };
    let scale = call.float_or(5, (*inner as f64).sqrt().recip())?;
    let rows = heads / own * queries;
    let made = || -> CandleResult<Flat> {
        // The queries of one key head lie together, so that no head is repeated.
        let q = q.contiguous()?.reshape((*batch, *own, rows, *inner))?;
        let scores = product(&q, &k.t()?)?.affine(scale, 0.0)?;
        let mut scores = scores.reshape((*batch, *heads, *queries, *keys))?;
        if let Some(mask) = &mask {
            scores = scores.broadcast_add(&mask.to_dtype(scores.dtype())?)?;
        }
        // PyTorch's fused kernels give zeros to a query that sees nothing.
        let max = scores.max_keepdim(D::Minus1)?;
        let blind = max.eq(f64::NEG_INFINITY)?;
        let max = blind.where_cond(&max.zeros_like()?, &max)?;
        let powers = scores.broadcast_sub(&max)?.exp()?;
        let sums = (powers.sum_keepdim(D::Minus1)? + blind.to_dtype(powers.dtype())?)?;
        let weights = powers.broadcast_div(&sums)?.reshape((*batch, *own, rows, *keys))?;
        product(&weights, &v)?.reshape((*batch, *heads, *queries, *width))
    };
    finished(made(), dtype)
}

pub(super) const VERSIONS: &[(&str, Version)] =
    &[("softmax", softmax), ("rms_norm", rms_norm), ("layer_norm", layer_norm), ("sdpa", sdpa)];
