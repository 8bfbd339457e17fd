//! Running sums, products and extremes along one dimension, in one pass.

use crate::{
    call::{Call, answer, dim_of},
    cast::cast,
    dtype::DType,
    element::{Element, with_element, with_float},
    elementwise::integers,
    error::{Result, fail},
    lanes::Lanes,
    storage,
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// A running sum or product; whole numbers run in 64 bits.
fn running(call: &Call, whole: fn(i64, i64) -> i64, float: fn(f64, f64) -> f64) -> Result<Tensor> {
    let given = call.tensor(0)?;
    let x = match call.optional_dtype(2)? {
        Some(dtype) => cast(given, dtype)?,
        None if given.dtype().is_integral() => cast(given, DType::I64)?,
        None => given.clone(),
    };
    if x.dtype().is_complex() {
        fail!(Unsupported, "no complex form of this operation");
    }
    let dim = dim_of(call, 1, &x, 0)?;
    if x.dtype().is_integral() {
        let mut lanes = Lanes::<i64>::of(&x, dim)?;
        for lane in lanes.values.chunks_exact_mut(lanes.len.max(1)) {
            for idx in 1..lane.len() {
                lane[idx] = whole(lane[idx - 1], lane[idx]);
            }
        }
        let values = std::mem::take(&mut lanes.values);
        let out = lanes.restore(values, lanes.len, DType::I64)?;
        return cast(&out, x.dtype());
    }
    with_float!(x.physical(), T => {
        let mut lanes = Lanes::<T>::of(&x, dim)?;
        for lane in lanes.values.chunks_exact_mut(lanes.len.max(1)) {
            let mut so_far = None;
            for value in lane {
                let next = so_far.map_or(value.as_f64(), |it| float(it, value.as_f64()));
                *value = T::from_f64(next);
                so_far = Some(next);
            }
        }
        let values = std::mem::take(&mut lanes.values);
        lanes.restore(values, lanes.len, x.dtype())
    })
}

fn cumsum(call: &Call) -> Result<Value> {
    answer(running(call, i64::wrapping_add, |a, b| a + b)?)
}

fn cumprod(call: &Call) -> Result<Value> {
    answer(running(call, i64::wrapping_mul, |a, b| a * b)?)
}

fn logcumsumexp(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    if !x.dtype().is_float() {
        fail!(Runtime, "logcumsumexp is not implemented for {}", x.dtype());
    }
    answer(running(
        call,
        |a, _| a,
        |a, b| {
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            if low.is_nan() || high.is_nan() {
                f64::NAN
            } else if high.is_infinite() && low == high {
                high
            } else {
                high + (low - high).exp().ln_1p()
            }
        },
    )?)
}

/// `cummax` and `cummin`: values and the place of the last one that is as good.
fn extremes(call: &Call, largest: bool) -> Result<Value> {
    let x = call.tensor(0)?;
    if x.dtype().is_complex() {
        fail!(Runtime, "complex numbers have no order");
    }
    let dim = dim_of(call, 1, x, 0)?;
    with_element!(x.physical(), T => {
        let lanes = Lanes::<T>::of(x, dim)?;
        let mut values = storage::zeros::<T>(lanes.values.len())?;
        let mut places = storage::zeros::<i64>(lanes.values.len())?;
        let len = lanes.len.max(1);
        for (row, lane) in lanes.values.chunks_exact(len).enumerate() {
            let mut best = 0;
            for (idx, value) in lane.iter().enumerate() {
                let nan = |it: T| it.partial_cmp(&it).is_none();
                let better = if largest { *value >= lane[best] } else { *value <= lane[best] };
                if nan(*value) || (!nan(lane[best]) && better) {
                    best = idx;
                }
                values[row * len + idx] = lane[best];
                places[row * len + idx] = best as i64;
            }
        }
        Ok(vec![
            lanes.restore(values, lanes.len, x.dtype())?,
            lanes.restore(places, lanes.len, DType::I64)?,
        ].into())
    })
}

fn cummax(call: &Call) -> Result<Value> {
    extremes(call, true)
}

fn cummin(call: &Call) -> Result<Value> {
    extremes(call, false)
}

/// `bincount(x, weights, minlength)`.
fn bincount(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    if !x.dtype().is_integral() || x.rank() != 1 {
        fail!(Runtime, "bincount only supports 1-d non-negative integral inputs.");
    }
    let values = x.read::<i64>()?;
    if values.iter().any(|it| *it < 0) {
        fail!(Runtime, "bincount only supports 1-d non-negative integral inputs.");
    }
    let most = values.iter().max().map_or(0, |it| it.saturating_add(1));
    let bins = most.max(call.int_or(2, 0)?).max(0) as usize;
    let Some(weights) = call.optional_tensor(1)? else {
        let mut counts = storage::zeros::<i64>(bins)?;
        for value in values.iter() {
            counts[*value as usize] += 1;
        }
        return answer(integers(counts, &[bins], DType::I64)?);
    };
    if weights.shape() != x.shape() {
        fail!(Runtime, "weights should be 1-d and have the same length as input");
    }
    let mut sums = storage::zeros::<f64>(bins)?;
    for (value, weight) in values.iter().zip(weights.read::<f64>()?.iter()) {
        sums[*value as usize] += weight;
    }
    let dtype = if weights.dtype() == DType::F32 { DType::F32 } else { DType::F64 };
    answer(cast(&Tensor::new(sums, &[bins], DType::F64)?, dtype)?)
}

/// `histc(x, bins, min, max)`: both bounds zero mean the data's own.
fn histc(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let bins = usize::try_from(call.int_or(1, 100)?).unwrap_or(0);
    if bins == 0 {
        fail!(Runtime, "bins must be > 0");
    }
    if !x.dtype().is_float() {
        fail!(Runtime, "\"histogram_cpu\" not implemented for {}", x.dtype());
    }
    let (mut low, mut high) = (call.float_or(2, 0.0)?, call.float_or(3, 0.0)?);
    let values = x.read::<f64>()?;
    if low == high && !values.is_empty() {
        low = values.iter().copied().fold(f64::INFINITY, f64::min);
        high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    }
    if low == high {
        (low, high) = (low - 1.0, high + 1.0);
    }
    if !low.is_finite() || !high.is_finite() || low > high {
        fail!(Runtime, "range of [{low}, {high}] is not finite");
    }
    let mut counts = storage::zeros::<f64>(bins)?;
    for value in values.iter().filter(|it| **it >= low && **it <= high) {
        let bin = ((value - low) / (high - low) * bins as f64) as usize;
        counts[bin.min(bins - 1)] += 1.0;
    }
    answer(cast(&Tensor::new(counts, &[bins], DType::F64)?, x.dtype())?)
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new("cumsum", cumsum, "cumsum(x, dim, dtype=None)"),
    Kernel::new("cumprod", cumprod, "cumprod(x, dim, dtype=None)"),
    Kernel::new("logcumsumexp", logcumsumexp, "logcumsumexp(x, dim)"),
    Kernel::new("cummax", cummax, "cummax(x, dim) -> [values, indices]"),
    Kernel::new("cummin", cummin, "cummin(x, dim) -> [values, indices]"),
    Kernel::new("bincount", bincount, "bincount(x, weights=None, minlength=0)"),
    Kernel::new("histc", histc, "histc(x, bins=100, min=0, max=0)"),
]];
