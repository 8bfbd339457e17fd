//! Many elements to one: sums, extremes, logic, moments and norms over chosen dimensions.

use crate::{
    call::{Call, answer, dims_of},
    cast::cast,
    dtype::{Category, DType},
    element::{Element, with_element, with_float},
    elementwise::integers,
    error::{Result, fail},
    layout::numel,
    read::Read,
    storage,
    table::Kernel,
    tensor::Tensor,
    threads::for_chunks,
    value::Value,
};

/// Moves the reduced dimensions to the end; `shape` is that of the result.
fn turned(x: &Tensor, dims: &[usize], keep: bool) -> (Tensor, usize, Vec<usize>) {
    let kept: Vec<usize> = (0..x.rank()).filter(|it| !dims.contains(it)).collect();
    let order = [kept.as_slice(), dims].concat();
    let len = dims.iter().filter_map(|it| x.shape().get(*it)).product();
    let shape = if keep {
        (0..x.rank()).map(|it| if dims.contains(&it) { 1 } else { x.shape()[it] }).collect()
    } else {
        kept.iter().map(|it| x.shape()[*it]).collect()
    };
    (x.view(x.layout.permute(&order)), len, shape)
}

/// Reduces each run of the turned tensor.
fn runs<T: Element, O: Element>(
    x: &Tensor,
    dims: &[usize],
    keep: bool,
    f: impl Fn(&[T]) -> O + Sync,
) -> Result<(Vec<O>, Vec<usize>)> {
    let (turned, len, shape) = turned(x, dims, keep);
    let values: Read<'_, T> = turned.read()?;
    let mut out = storage::zeros::<O>(numel(&shape)?)?;
    let source: &[T] = &values;
    for_chunks(&mut out, 1, len, |start, chunk| {
        for (idx, to) in chunk.iter_mut().enumerate() {
            let at = (start + idx) * len;
            *to = f(&source[at..at + len]);
        }
    });
    Ok((out, shape))
}

fn keep(call: &Call) -> Result<bool> {
    call.bool_or(2, false)
}

/// The input of a sum: whole numbers are summed in 64 bits unless a dtype says otherwise.
fn summed(call: &Call) -> Result<Tensor> {
    let x = call.tensor(0)?;
    match call.optional_dtype(3)? {
        Some(dtype) => cast(x, dtype),
        None if x.dtype().is_integral() => cast(x, DType::I64),
        None => Ok(x.clone()),
    }
}

pub(crate) fn sum(call: &Call) -> Result<Value> {
    let x = summed(call)?;
    let dims = dims_of(call, 1, &x)?;
    match x.dtype().category() {
        Category::Complex => complex_sum(&x, &dims, keep(call)?),
        Category::Float => with_float!(x.physical(), T => {
            let (values, shape) = runs::<T, T>(&x, &dims, keep(call)?, |run| T::from_f64(total(run)))?;
            answer(Tensor::new(values, &shape, x.dtype())?)
        }),
        _ => {
            let whole = |run: &[i64]| run.iter().fold(0_i64, |a, b| a.wrapping_add(*b));
            let (values, shape) = runs::<i64, i64>(&x, &dims, keep(call)?, whole)?;
            answer(integers(values, &shape, x.dtype())?)
        }
    }
}

fn total<T: Element>(run: &[T]) -> f64 {
    crate::softmax::total(run, T::as_f64)
}

fn complex_sum(x: &Tensor, dims: &[usize], keep: bool) -> Result<Value> {
    let (turned, len, shape) = turned(x, dims, keep);
    let values = crate::complex::read(&turned)?;
    let zero = gemm::c64::new(0.0, 0.0);
    let mut out = vec![zero; numel(&shape)?];
    if len > 0 {
        for (to, run) in out.iter_mut().zip(values.chunks_exact(len)) {
            *to = run.iter().fold(zero, |a, b| a + b);
        }
    }
    answer(crate::complex::build(&out, &shape, x.dtype())?)
}

fn mean(call: &Call) -> Result<Value> {
    let x = match call.optional_dtype(3)? {
        Some(dtype) => cast(call.tensor(0)?, dtype)?,
        None => call.tensor(0)?.clone(),
    };
    if !x.dtype().is_float() {
        fail!(
            Runtime,
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: {}",
            x.dtype()
        );
    }
    let dims = dims_of(call, 1, &x)?;
    with_float!(x.physical(), T => {
        let average = |run: &[T]| T::from_f64(total(run) / run.len() as f64);
        let (values, shape) = runs::<T, T>(&x, &dims, keep(call)?, average)?;
        answer(Tensor::new(values, &shape, x.dtype())?)
    })
}

fn prod(call: &Call) -> Result<Value> {
    let x = summed(call)?;
    let dims = dims_of(call, 1, &x)?;
    if x.dtype().is_integral() {
        let whole = |run: &[i64]| run.iter().fold(1_i64, |a, b| a.wrapping_mul(*b));
        let (values, shape) = runs::<i64, i64>(&x, &dims, keep(call)?, whole)?;
        return answer(integers(values, &shape, x.dtype())?);
    }
    with_float!(x.physical(), T => {
        let times = |run: &[T]| T::from_f64(run.iter().map(|it| it.as_f64()).product());
        let (values, shape) = runs::<T, T>(&x, &dims, keep(call)?, times)?;
        answer(Tensor::new(values, &shape, x.dtype())?)
    })
}

/// Which end of an order is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Largest,
    Smallest,
}

/// The first place of the extreme; the first NaN wins over everything.
fn extreme<T: Element>(run: &[T], end: End) -> usize {
    let nan = |it: T| it.partial_cmp(&it).is_none();
    let mut best = 0;
    for (idx, value) in run.iter().enumerate() {
        if nan(run[best]) {
            break;
        }
        let better = if end == End::Largest { *value > run[best] } else { *value < run[best] };
        if nan(*value) || better {
            best = idx;
        }
    }
    best
}

fn not_empty(x: &Tensor, dims: &[usize]) -> Result<()> {
    let rank_zero = x.rank() == 0;
    if !rank_zero && dims.iter().any(|it| x.shape()[*it] == 0) {
        fail!(
            Index,
            "Expected reduction dim to have non-zero size for a tensor of shape {:?}",
            x.shape()
        );
    }
    if x.dtype().is_complex() {
        fail!(Runtime, "complex numbers have no order");
    }
    Ok(())
}

/// The extreme of each run and the place where it first is.
fn located(x: &Tensor, dims: &[usize], keep: bool, end: End) -> Result<[Tensor; 2]> {
    not_empty(x, dims)?;
    let (turned, len, shape) = turned(x, dims, keep);
    let lines = crate::shape::reshaped(&turned, &[numel(&shape)?, len])?;
    let (places, _) = with_element!(x.physical(), T => {
        runs::<T, i64>(&lines, &[1], false, |run| extreme(run, end) as i64)?
    });
    let rows = crate::shape::reshaped(&lines, &[places.len() * len])?;
    let mut flat = storage::zeros::<i64>(places.len())?;
    for (row, (to, place)) in flat.iter_mut().zip(&places).enumerate() {
        *to = (row * len) as i64 + place;
    }
    let values = crate::index::taken(&rows, 0, &flat, &[flat.len()])?;
    Ok([crate::shape::reshaped(&values, &shape)?, Tensor::new(places, &shape, DType::I64)?])
}

/// `amax` and `amin`; also `max` and `min` of all elements.
fn ends(call: &Call, end: End) -> Result<Value> {
    let x = call.tensor(0)?;
    let [values, _] = located(x, &dims_of(call, 1, x)?, keep(call)?, end)?;
    answer(values)
}

fn one_dim(call: &Call, idx: usize, x: &Tensor) -> Result<Vec<usize>> {
    let dim = crate::layout::dim(call.int(idx)?, x.rank())?;
    Ok(if x.rank() == 0 { Vec::new() } else { vec![dim] })
}

/// `max(x, dim, keepdim)`: values and places.
fn ends_and_places(call: &Call, end: End) -> Result<Value> {
    let x = call.tensor(0)?;
    Ok(located(x, &one_dim(call, 1, x)?, keep(call)?, end)?.to_vec().into())
}

fn places_of(call: &Call, end: End) -> Result<Value> {
    let x = call.tensor(0)?;
    let dims = if call.is_none(1) { (0..x.rank()).collect() } else { one_dim(call, 1, x)? };
    not_empty(x, &dims)?;
    if x.dtype() == DType::Bool {
        fail!(Unsupported, "\"argmax_cpu\" not implemented for 'Bool'");
    }
    let [_, places] = located(x, &dims, keep(call)?, end)?;
    answer(places)
}

fn truths(call: &Call, all: bool) -> Result<Value> {
    let given = call.tensor(0)?;
    let x = cast(given, DType::Bool)?;
    let f: fn(&[u8]) -> u8 = if all {
        |run| u8::from(run.iter().all(|it| *it != 0))
    } else {
        |run| u8::from(run.iter().any(|it| *it != 0))
    };
    let (values, shape) = runs::<u8, u8>(&x, &dims_of(call, 1, &x)?, keep(call)?, f)?;
    let dtype = if given.dtype() == DType::U8 { DType::U8 } else { DType::Bool };
    answer(Tensor::new(values, &shape, dtype)?)
}

fn count_nonzero(call: &Call) -> Result<Value> {
    let x = cast(call.tensor(0)?, DType::Bool)?;
    let count = |run: &[u8]| run.iter().filter(|it| **it != 0).count() as i64;
    let (values, shape) = runs::<u8, i64>(&x, &dims_of(call, 1, &x)?, false, count)?;
    answer(Tensor::new(values, &shape, DType::I64)?)
}

/// Applies a function of a run in 64 bits, with one rounding at the end.
fn floats(
    call: &Call,
    dims: &[usize],
    keep: bool,
    f: impl Fn(&[f64]) -> f64 + Sync,
) -> Result<Tensor> {
    let x = crate::unary::floating(call.tensor(0)?)?;
    let (values, shape) = runs::<f64, f64>(&x, dims, keep, f)?;
    let dtype = x.dtype();
    with_float!(Tensor::target(dtype), T => {
        Tensor::new(values.into_iter().map(T::from_f64).collect::<Vec<T>>(), &shape, dtype)
    })
}

/// `var(x, dims, correction, keepdim)`.
fn variance(call: &Call, root: bool) -> Result<Value> {
    let x = call.tensor(0)?;
    if !x.dtype().is_float() {
        fail!(Runtime, "std and var only support floating point and complex dtypes");
    }
    let correction = call.float_or(2, 1.0)?;
    let f = |run: &[f64]| {
        let mean = run.iter().sum::<f64>() / run.len() as f64;
        let squares: f64 = run.iter().map(|it| (it - mean) * (it - mean)).sum();
        let variance = squares / (run.len() as f64 - correction).max(0.0);
        if root { variance.sqrt() } else { variance }
    };
    answer(floats(call, &dims_of(call, 1, x)?, call.bool_or(3, false)?, f)?)
}

/// `norm(x, p, dims, keepdim, dtype)`: the vector norm.
fn norm(call: &Call) -> Result<Value> {
    let p = match call.get(1) {
        Value::None => 2.0,
        Value::Str(it) if it == "fro" => 2.0,
        _ => call.float(1)?,
    };
    let x = match call.optional_dtype(4)? {
        Some(dtype) => cast(call.tensor(0)?, dtype)?,
        None => call.tensor(0)?.clone(),
    };
    if !x.dtype().is_float() {
        fail!(
            Unsupported,
            "linalg.vector_norm: Expected a floating point tensor as input. Got {}",
            x.dtype()
        );
    }
    let value = [Value::Tensor(x.clone())];
    let dims = dims_of(call, 2, &x)?;
    let f = |run: &[f64]| {
        let sizes = run.iter().map(|it| it.abs());
        if p == f64::INFINITY {
            sizes.fold(0.0, |a: f64, b| if b.is_nan() || b > a { b } else { a })
        } else if p == f64::NEG_INFINITY {
            sizes.fold(f64::INFINITY, |a: f64, b| if b.is_nan() || b < a { b } else { a })
        } else if p == 0.0 {
            run.iter().filter(|it| **it != 0.0).count() as f64
        } else if p == 2.0 {
            run.iter().map(|it| it * it).sum::<f64>().sqrt()
        } else if p == 1.0 {
            sizes.sum()
        } else {
            sizes.map(|it| it.powf(p)).sum::<f64>().powf(p.recip())
        }
    };
    answer(floats(&Call::new(&value), &dims, call.bool_or(3, false)?, f)?)
}

fn logsumexp(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let f = |run: &[f64]| {
        let max =
            run.iter().fold(f64::NEG_INFINITY, |a, b| if b.is_nan() || *b > a { *b } else { a });
        let shift = if max.is_infinite() { 0.0 } else { max };
        run.iter().map(|it| (it - shift).exp()).sum::<f64>().ln() + shift
    };
    answer(floats(call, &dims_of(call, 1, x)?, keep(call)?, f)?)
}

fn std(call: &Call) -> Result<Value> {
    variance(call, true)
}

fn var(call: &Call) -> Result<Value> {
    variance(call, false)
}

macro_rules! rows {
    ($($name:ident $f:expr;)*) => {
        $(fn $name(call: &Call) -> Result<Value> {
            let run: fn(&Call) -> Result<Value> = $f;
            run(call)
        })*
    };
}

rows! {
    amax |call| ends(call, End::Largest);
    amin |call| ends(call, End::Smallest);
    max_dim |call| ends_and_places(call, End::Largest);
    min_dim |call| ends_and_places(call, End::Smallest);
    argmax |call| places_of(call, End::Largest);
    argmin |call| places_of(call, End::Smallest);
    all |call| truths(call, true);
    any |call| truths(call, false);
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new("sum", sum, "sum(x, dims=all, keepdim=False, dtype=None)"),
    Kernel::new("mean", mean, "mean(x, dims=all, keepdim=False, dtype=None)"),
    Kernel::new("prod", prod, "prod(x, dims=all, keepdim=False, dtype=None)"),
    Kernel::new("amax", amax, "amax(x, dims=all, keepdim=False); also `max` of all elements"),
    Kernel::new("amin", amin, "amin(x, dims=all, keepdim=False); also `min` of all elements"),
    Kernel::new("max_dim", max_dim, "max_dim(x, dim, keepdim=False) -> [values, indices]"),
    Kernel::new("min_dim", min_dim, "min_dim(x, dim, keepdim=False) -> [values, indices]"),
    Kernel::new("argmax", argmax, "argmax(x, dim=None, keepdim=False)"),
    Kernel::new("argmin", argmin, "argmin(x, dim=None, keepdim=False)"),
    Kernel::new("all", all, "all(x, dims=all, keepdim=False)"),
    Kernel::new("any", any, "any(x, dims=all, keepdim=False)"),
    Kernel::new("count_nonzero", count_nonzero, "count_nonzero(x, dims=all)"),
    Kernel::new("var", var, "var(x, dims=all, correction=1, keepdim=False)"),
    Kernel::new("std", std, "std(x, dims=all, correction=1, keepdim=False)"),
    Kernel::new("norm", norm, "norm(x, p=2, dims=all, keepdim=False, dtype=None)"),
    Kernel::new("logsumexp", logsumexp, "logsumexp(x, dims, keepdim=False)"),
]];
