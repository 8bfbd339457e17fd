//! Tensors from nothing: constants, ranges, triangles of ones and nested lists.

use crate::{
    call::{Call, answer},
    cast::is_half,
    complex,
    context::{self, Precision},
    dtype::{Category, DType, Physical},
    element::{Element, with_element, with_float},
    elementwise::{Operand, Scalar, integers, write_back},
    error::{Result, fail},
    layout::numel,
    storage,
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// A tensor without dimensions.
pub(crate) fn scalar(value: Scalar, dtype: DType) -> Result<Tensor> {
    filled(value, &[], dtype)
}

/// A tensor of one value.
pub(crate) fn filled(value: Scalar, shape: &[usize], dtype: DType) -> Result<Tensor> {
    if dtype.is_complex() {
        let value = match value {
            Scalar::Complex(re, im) => gemm::c64::new(re, im),
            other => gemm::c64::new(other.get::<f64>(), 0.0),
        };
        context::admit(numel(shape)?, 16)?;
        return complex::build(&vec![value; numel(shape)?], shape, dtype);
    }
    if let Scalar::Complex(..) = value {
        fail!(Runtime, "value cannot be converted to type {dtype} without overflow");
    }
    let value = if dtype == DType::Bool { Scalar::Bool(value.get::<f64>() != 0.0) } else { value };
    let tensor = with_element!(written_in(dtype), T => {
        let mut values = storage::zeros::<T>(numel(shape)?)?;
        let value = value.get::<T>();
        if value != T::default() || T::IS_FLOAT {
            values.fill(value);
        }
        Tensor::new(values, shape, dtype)
    })?;
    tensor.stored_as(Tensor::target(dtype))
}

/// What Python's numbers are written in: a half type rounds them in exact mode too, as the model's code asks
/// for it by name.
fn written_in(dtype: DType) -> Physical {
    let rounds = is_half(dtype) && context::settings().rounds_halves;
    if rounds { dtype.physical(Precision::Native) } else { Tensor::target(dtype) }
}

fn number(value: &Value) -> Option<Scalar> {
    Some(match value {
        Value::Bool(it) => Scalar::Bool(*it),
        Value::Int(it) => Scalar::Int(*it),
        Value::Float(it) => Scalar::Float(*it),
        Value::Complex(re, im) => Scalar::Complex(*re, *im),
        _ => return None,
    })
}

fn zeros(call: &Call) -> Result<Value> {
    let dtype = call.optional_dtype(1)?.unwrap_or(context::settings().default_dtype);
    let shape = call.sizes(0)?;
    let pairs = if dtype.is_complex() { 2 } else { 1 };
    with_element!(Tensor::target(dtype), T => {
        answer(Tensor::new(storage::zeros::<T>(numel(&shape)? * pairs)?, &shape, dtype)?)
    })
}

fn full(call: &Call) -> Result<Value> {
    let shape = call.sizes(0)?;
    let value = match call.operand(1)? {
        Operand::Scalar(it) => it,
        Operand::Tensor(it) => match it.dtype().category() {
            Category::Bool => Scalar::Bool(it.only::<u8>()? != 0),
            Category::Integer => Scalar::Int(it.only::<i64>()?),
            Category::Float => Scalar::Float(it.only::<f64>()?),
            Category::Complex => fail!(Unsupported, "a complex tensor as the value"),
        },
    };
    let dtype = call.optional_dtype(2)?.unwrap_or_else(|| value.dtype());
    answer(filled(value, &shape, dtype)?)
}

/// `fill_(x, value)`.
fn fill_(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let value = match call.operand(1)? {
        Operand::Scalar(it) => scalar(it, x.dtype())?,
        Operand::Tensor(it) if it.numel() == 1 => it,
        Operand::Tensor(it) => {
            fail!(
                Runtime,
                "fill_ only supports 0-dimension value tensor but got {} dimensions",
                it.rank()
            )
        }
    };
    x.copy_from(&value)?;
    answer(x.clone())
}

fn zero_(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    x.copy_from(&scalar(Scalar::Int(0), x.dtype())?)?;
    answer(x.clone())
}

/// `from_list(numbers, shape, dtype)`: a flat list.
fn from_list(call: &Call) -> Result<Value> {
    let flat = from_value(call.get(0), call.optional_dtype(2)?)?;
    answer(crate::shape::reshaped(&flat, &call.sizes(1)?)?)
}

/// `arange(start, end, step, dtype)`.
fn arange(call: &Call) -> Result<Value> {
    let scalar = |idx: usize| match call.operand(idx)? {
        Operand::Scalar(it) => Ok(it),
        Operand::Tensor(it) if it.dtype().is_integral() => Ok(Scalar::Int(it.only::<i64>()?)),
        Operand::Tensor(it) => Ok(Scalar::Float(it.only::<f64>()?)),
    };
    let (start, end) = (scalar(0)?, scalar(1)?);
    let step = if call.is_none(2) { Scalar::Int(1) } else { scalar(2)? };
    let whole = [start, end, step].iter().all(|it| it.dtype().is_integral());
    let default =
        if whole { (context::semantics().whole)(0) } else { context::settings().default_dtype };
    let dtype = call.optional_dtype(3)?.unwrap_or(default);
    let (first, last, by) = (start.get::<f64>(), end.get::<f64>(), step.get::<f64>());
    if by == 0.0 || !first.is_finite() || !last.is_finite() || by.is_nan() {
        fail!(Runtime, "step must be nonzero and the bounds finite");
    }
    if (by > 0.0 && first > last) || (by < 0.0 && first < last) {
        fail!(Runtime, "upper bound and lower bound inconsistent with step sign");
    }
    let count = ((last - first) / by).ceil();
    if count > 1e15 {
        fail!(Memory, "a range of {count} elements");
    }
    let count = count as usize;
    if dtype.is_integral() {
        context::admit(count, 8)?;
        let (first, by) = (start.get::<i64>(), step.get::<i64>());
        let at = |it: usize| first.wrapping_add(by.wrapping_mul(it as i64));
        let values: Vec<i64> = if whole {
            (0..count).map(at).collect()
        } else {
            let (first, by) = (start.get::<f64>(), step.get::<f64>());
            (0..count).map(|it| (first + by * it as f64) as i64).collect()
        };
        return answer(integers(values, &[count], dtype)?);
    }
    with_float!(Tensor::target(dtype), T => {
        let mut values = storage::zeros::<T>(count)?;
        for (idx, value) in values.iter_mut().enumerate() {
            *value = T::from_f64(first + by * idx as f64);
        }
        answer(Tensor::new(values, &[count], dtype)?)
    })
}

/// `linspace(start, end, steps, dtype)`: PyTorch counts from both ends to the middle.
fn linspace(call: &Call) -> Result<Value> {
    let (start, end, steps) = (call.float(0)?, call.float(1)?, call.int(2)?);
    let dtype = call.optional_dtype(3)?.unwrap_or(context::settings().default_dtype);
    let Ok(count) = usize::try_from(steps) else {
        fail!(Runtime, "number of steps must be non-negative");
    };
    let step = if count > 1 { (end - start) / (count - 1) as f64 } else { 0.0 };
    context::admit(count, 8)?;
    let at = |it: usize| {
        if it < count / 2 || count == 1 {
            start + step * it as f64
        } else {
            end - step * (count - 1 - it) as f64
        }
    };
    let values: Vec<f64> = (0..count).map(at).collect();
    answer(crate::cast::cast(&Tensor::new(values, &[count], DType::F64)?, dtype)?)
}

fn eye(call: &Call) -> Result<Value> {
    let rows = call.sizes(0)?;
    let columns = if call.is_none(1) { rows.clone() } else { call.sizes(1)? };
    let (&[rows], &[columns]) = (rows.as_slice(), columns.as_slice()) else {
        fail!(Type, "eye takes a number of rows and one of columns");
    };
    let dtype = call.optional_dtype(2)?.unwrap_or(context::settings().default_dtype);
    let count = numel(&[rows, columns])?;
    with_element!(Tensor::target(dtype), T => {
        let mut values = storage::zeros::<T>(count)?;
        for idx in 0..rows.min(columns) {
            values[idx * columns + idx] = T::from_i64(1);
        }
        answer(Tensor::new(values, &[rows, columns], dtype)?)
    })
}

/// A triangle of a matrix; elements outside it become zero.
fn triangle(x: &Tensor, keep: impl Fn(i64, i64) -> bool) -> Result<Tensor> {
    let [.., rows, columns] = *x.shape() else {
        fail!(Runtime, "input tensor must have at least 2 dimensions");
    };
    if x.dtype().is_complex() {
        fail!(Unsupported, "no complex form of this operation");
    }
    with_element!(x.physical(), T => {
        let mut values = x.read::<T>()?.into_vec()?;
        for matrix in values.chunks_exact_mut((rows * columns).max(1)) {
            for (row, line) in matrix.chunks_exact_mut(columns).enumerate() {
                for (column, value) in line.iter_mut().enumerate() {
                    if !keep(row as i64, column as i64) {
                        *value = T::default();
                    }
                }
            }
        }
        Tensor::new(values, x.shape(), x.dtype())
    })
}

fn lower(call: &Call) -> Result<Tensor> {
    let diagonal = call.int_or(1, 0)?;
    triangle(call.tensor(0)?, |row, column| column - row <= diagonal)
}

fn upper(call: &Call) -> Result<Tensor> {
    let diagonal = call.int_or(1, 0)?;
    triangle(call.tensor(0)?, |row, column| column - row >= diagonal)
}

fn tril(call: &Call) -> Result<Value> {
    answer(lower(call)?)
}

fn triu(call: &Call) -> Result<Value> {
    answer(upper(call)?)
}

fn tril_(call: &Call) -> Result<Value> {
    write_back(call.tensor(0)?, &lower(call)?)
}

fn triu_(call: &Call) -> Result<Value> {
    write_back(call.tensor(0)?, &upper(call)?)
}

/// `tensor(data, dtype)`: nested lists of numbers; the dtype is inferred as in PyTorch.
fn tensor(call: &Call) -> Result<Value> {
    if let Value::Tensor(it) = call.get(0) {
        let it = it.to_contiguous()?;
        return answer(match call.optional_dtype(1)? {
            Some(dtype) => crate::cast::cast(&it, dtype)?,
            None => it,
        });
    }
    answer(from_value(call.get(0), call.optional_dtype(1)?)?)
}

/// A tensor from nested lists of numbers and of tensors without dimensions.
pub(crate) fn from_value(value: &Value, dtype: Option<DType>) -> Result<Tensor> {
    let (mut shape, mut numbers) = (Vec::new(), Vec::new());
    flatten(value, 0, &mut shape, &mut numbers)?;
    let found = numbers.iter().map(|it| it.dtype()).reduce(context::semantics().promote);
    let dtype = dtype.or(found).unwrap_or(context::settings().default_dtype);
    if dtype.is_complex() {
        let values: Vec<gemm::c64> = numbers
            .iter()
            .map(|it| match it {
                Scalar::Complex(re, im) => gemm::c64::new(*re, *im),
                other => gemm::c64::new(other.get::<f64>(), 0.0),
            })
            .collect();
        return complex::build(&values, &shape, dtype);
    }
    if dtype == DType::Bool {
        let values = numbers.iter().map(|it| u8::from(it.get::<f64>() != 0.0)).collect();
        return Tensor::new::<u8>(values, &shape, dtype);
    }
    let tensor = with_element!(written_in(dtype), T => {
        context::admit(numbers.len(), T::PHYSICAL.size())?;
        Tensor::new(numbers.iter().map(|it| it.get::<T>()).collect::<Vec<T>>(), &shape, dtype)
    })?;
    tensor.stored_as(Tensor::target(dtype))
}

fn flatten(
    value: &Value,
    depth: usize,
    shape: &mut Vec<usize>,
    out: &mut Vec<Scalar>,
) -> Result<()> {
    let items = match value {
        Value::List(items) => items,
        Value::Tensor(it) if it.rank() > 0 => {
            let nested = Call::new(std::slice::from_ref(value));
            return flatten(&crate::cast::nested(&nested)?, depth, shape, out);
        }
        Value::Tensor(it) => {
            out.push(match it.dtype().category() {
                Category::Bool => Scalar::Bool(it.only::<u8>()? != 0),
                Category::Integer => Scalar::Int(it.only::<i64>()?),
                _ => Scalar::Float(it.only::<f64>()?),
            });
            return Ok(());
        }
        other => match number(other) {
            Some(it) => {
                if depth != shape.len() {
                    fail!(Value, "expected a sequence at dimension {depth}");
                }
                out.push(it);
                return Ok(());
            }
            None => fail!(Type, "could not determine the dtype of a {}", other.kind()),
        },
    };
    if depth > 64 {
        fail!(Value, "nested lists go too deep");
    }
    match shape.get(depth) {
        None if out.is_empty() => shape.push(items.len()),
        Some(len) if *len == items.len() => {}
        _ => fail!(
            Value,
            "expected sequences of one length at dimension {depth}, not {}",
            items.len()
        ),
    }
    items.iter().try_for_each(|it| flatten(it, depth + 1, shape, out))
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new("zeros", zeros, "zeros(shape, dtype=default); also `empty`"),
    Kernel::new("full", full, "full(shape, value, dtype=the value's)"),
    Kernel::new("fill_", fill_, "fill_(x, value): writes to x"),
    Kernel::new("zero_", zero_, "zero_(x): writes to x"),
    Kernel::new("from_list", from_list, "from_list(flat list, shape, dtype=inferred)"),
    Kernel::new("arange", arange, "arange(start, end, step=1, dtype=inferred)"),
    Kernel::new("linspace", linspace, "linspace(start, end, steps, dtype=default)"),
    Kernel::new("eye", eye, "eye(rows, columns=rows, dtype=default)"),
    Kernel::new("tril", tril, "tril(x, diagonal=0)"),
    Kernel::new("triu", triu, "triu(x, diagonal=0)"),
    Kernel::new("tril_", tril_, "tril_(x, diagonal=0): writes to x"),
    Kernel::new("triu_", triu_, "triu_(x, diagonal=0): writes to x"),
    Kernel::new(
        "tensor",
        tensor,
        "tensor(data, dtype=inferred): nested lists, or a copy of a tensor",
    ),
]];
