//! Complex numbers: pairs over a floating storage, so that `view_as_real` and `view_as_complex`
//! are views. Arithmetic is done in 64 bits and rounded once.

use gemm::c64;

use crate::{
    call::{Call, answer},
    dtype::{DType, Physical},
    elementwise::{Operand, Scalar},
    error::{Result, fail},
    layout::{Layout, broadcast, numel},
    storage,
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// The elements in row-major order; real tensors have no imaginary part.
pub(crate) fn read(tensor: &Tensor) -> Result<Vec<c64>> {
    let parts = tensor.read::<f64>()?;
    Ok(if tensor.dtype().is_complex() {
        parts.chunks_exact(2).map(|it| c64::new(it[0], it[1])).collect()
    } else {
        parts.iter().map(|it| c64::new(*it, 0.0)).collect()
    })
}

/// A complex tensor from its elements in row-major order.
pub(crate) fn build(values: &[c64], shape: &[usize], dtype: DType) -> Result<Tensor> {
    let mut parts = storage::zeros::<f64>(values.len() * 2)?;
    for (pair, value) in parts.chunks_exact_mut(2).zip(values) {
        pair.copy_from_slice(&[value.re, value.im]);
    }
    match Tensor::target(dtype) {
        Physical::F64 => Tensor::new(parts, shape, dtype),
        _ => Tensor::new(parts.iter().map(|it| *it as f32).collect(), shape, dtype),
    }
}

/// Operands broadcast to one shape, in row-major order.
fn pairs(a: &Operand, b: &Operand) -> Result<(Vec<c64>, Vec<c64>, Vec<usize>)> {
    let shape = broadcast(a.shape(), b.shape())?;
    Ok((spread(a, &shape)?, spread(b, &shape)?, shape))
}

fn spread(operand: &Operand, shape: &[usize]) -> Result<Vec<c64>> {
    match operand {
        Operand::Tensor(it) => read(&it.view(it.layout.expand(shape)?)),
        Operand::Scalar(Scalar::Complex(re, im)) => Ok(vec![c64::new(*re, *im); numel(shape)?]),
        Operand::Scalar(it) => Ok(vec![c64::new(it.get::<f64>(), 0.0); numel(shape)?]),
    }
}

/// The complex form of an operation of `binary`.
pub(crate) fn binary(name: &str, a: &Operand, b: &Operand, dtype: DType) -> Result<Tensor> {
    let apply: fn(c64, c64) -> c64 = match name {
        "add" => |a, b| a + b,
        "sub" => |a, b| a - b,
        "mul" => |a, b| a * b,
        "true_divide" => |a, b| a / b,
        "pow" => power,
        _ => fail!(Unsupported, "no complex form of this operation"),
    };
    let (x, y, shape) = pairs(a, b)?;
    let values: Vec<c64> = x.into_iter().zip(y).map(|(x, y)| apply(x, y)).collect();
    build(&values, &shape, dtype)
}

/// Complex numbers are equal or not; they have no order.
pub(crate) fn compare(name: &str, a: &Operand, b: &Operand) -> Result<Tensor> {
    let equal = match name {
        "eq" => true,
        "ne" => false,
        _ => fail!(Runtime, "{name} is not implemented for complex numbers"),
    };
    let (x, y, shape) = pairs(a, b)?;
    let values = x.iter().zip(&y).map(|(x, y)| u8::from((x == y) == equal)).collect();
    Tensor::new::<u8>(values, &shape, DType::Bool)
}

/// `where` over complex numbers.
pub(crate) fn select(mask: &Tensor, a: &Operand, b: &Operand, dtype: DType) -> Result<Tensor> {
    let shape = broadcast(mask.shape(), &broadcast(a.shape(), b.shape())?)?;
    let (x, y) = (spread(a, &shape)?, spread(b, &shape)?);
    let mask = mask.view(mask.layout.expand(&shape)?);
    let mask = mask.read::<u8>()?;
    let values: Vec<c64> = mask
        .iter()
        .zip(x.iter().zip(&y))
        .map(|(it, (x, y))| if *it != 0 { *x } else { *y })
        .collect();
    build(&values, &shape, dtype)
}

/// A cast from or to a complex dtype; a real target drops the imaginary part.
pub(crate) fn cast(tensor: &Tensor, dtype: DType) -> Result<Tensor> {
    if dtype.is_complex() {
        return build(&read(tensor)?, tensor.shape(), dtype);
    }
    crate::cast::cast(&part(tensor, 0), dtype)
}

/// The real (0) or imaginary (1) parts, as a view.
fn part(tensor: &Tensor, idx: usize) -> Tensor {
    let mut layout = tensor.layout.clone();
    layout.offset += idx;
    tensor.view(layout).renamed(tensor.dtype().real())
}

fn wanted<'a>(call: &Call<'a>) -> Result<&'a Tensor> {
    let x = call.tensor(0)?;
    if !x.dtype().is_complex() {
        fail!(Runtime, "is only supported for complex tensors, not {}", x.dtype());
    }
    Ok(x)
}

fn view_as_real(call: &Call) -> Result<Value> {
    let x = wanted(call)?;
    answer(x.view(x.element_layout()).renamed(x.dtype().real()))
}

fn view_as_complex(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let dtype = match x.dtype() {
        DType::F32 => DType::C64,
        DType::F64 => DType::C128,
        other => {
            fail!(Runtime, "view_as_complex is only supported for float32 and float64, not {other}")
        }
    };
    let (Some(2), Some(1)) = (x.shape().last(), x.layout.strides.last()) else {
        fail!(Runtime, "Tensor must have a last dimension of size 2 and stride 1");
    };
    let mut layout: Layout = x.layout.clone();
    layout.shape.pop();
    layout.strides.pop();
    if !layout.offset.is_multiple_of(2) || layout.strides.iter().any(|it| it % 2 != 0) {
        fail!(Runtime, "Tensor must have strides and a storage_offset divisible by 2");
    }
    answer(x.view(layout).renamed(dtype))
}

fn real(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    answer(if x.dtype().is_complex() { part(x, 0) } else { x.clone() })
}

fn imag(call: &Call) -> Result<Value> {
    answer(part(wanted(call)?, 1))
}

fn conj(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    if !x.dtype().is_complex() {
        return answer(x.clone());
    }
    let values: Vec<c64> = read(x)?.iter().map(c64::conj).collect();
    answer(build(&values, x.shape(), x.dtype())?)
}

/// A real function of each element.
fn measure(call: &Call, f: impl Fn(&c64) -> f64) -> Result<Value> {
    let x = call.tensor(0)?;
    let values: Vec<f64> = read(x)?.iter().map(f).collect();
    let dtype = x.dtype().real();
    answer(crate::cast::cast(&Tensor::new(values, x.shape(), DType::F64)?, dtype)?)
}

fn complex_abs(call: &Call) -> Result<Value> {
    measure(call, |it| it.re.hypot(it.im))
}

fn angle(call: &Call) -> Result<Value> {
    measure(call, |it| it.im.atan2(it.re))
}

/// `polar(abs, angle)`.
fn polar(call: &Call) -> Result<Value> {
    assemble(call, |r, theta| c64::new(r * theta.cos(), r * theta.sin()))
}

/// `complex(real, imag)`.
fn complex(call: &Call) -> Result<Value> {
    assemble(call, c64::new)
}

fn assemble(call: &Call, f: impl Fn(f64, f64) -> c64) -> Result<Value> {
    let (a, b) = (call.tensor(0)?, call.tensor(1)?);
    let dtype = match (a.dtype(), b.dtype()) {
        (DType::F32, DType::F32) => DType::C64,
        (DType::F64, DType::F64) => DType::C128,
        (a, b) => {
            fail!(Runtime, "expected both inputs to be float32 or float64, but got {a} and {b}")
        }
    };
    let (x, y, shape) = pairs(&Operand::Tensor(a.clone()), &Operand::Tensor(b.clone()))?;
    let values: Vec<c64> = x.iter().zip(&y).map(|(x, y)| f(x.re, y.re)).collect();
    answer(build(&values, &shape, dtype)?)
}

fn exp(value: &c64) -> c64 {
    let size = value.re.exp();
    c64::new(size * value.im.cos(), size * value.im.sin())
}

fn power(a: c64, b: c64) -> c64 {
    if a == c64::new(0.0, 0.0) {
        return if b == a { c64::new(1.0, 0.0) } else { a };
    }
    exp(&(c64::new(a.re.hypot(a.im).ln(), a.im.atan2(a.re)) * b))
}

fn complex_exp(call: &Call) -> Result<Value> {
    let x = wanted(call)?;
    let values: Vec<c64> = read(x)?.iter().map(exp).collect();
    answer(build(&values, x.shape(), x.dtype())?)
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new("view_as_real", view_as_real, "view_as_real(x): a view with a last dimension of 2"),
    Kernel::new("view_as_complex", view_as_complex, "view_as_complex(x): a view"),
    Kernel::new("real", real, "real(x): a view"),
    Kernel::new("imag", imag, "imag(x): a view"),
    Kernel::new("conj", conj, "conj(x)"),
    Kernel::new("complex_abs", complex_abs, "complex_abs(x): abs of a complex tensor"),
    Kernel::new("complex_exp", complex_exp, "complex_exp(x): exp of a complex tensor"),
    Kernel::new("angle", angle, "angle(x)"),
    Kernel::new("polar", polar, "polar(abs, angle)"),
    Kernel::new("complex", complex, "complex(real, imag)"),
]];
