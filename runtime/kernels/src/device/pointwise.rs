//! Versions that compute element by element: arithmetic, comparisons, functions, choices.

use candle_core::{DType as Kind, Result as CandleResult, Tensor as Flat};

use super::{
    dispatch::Version,
    transfer::{failed, kind},
};
use crate::{
    call::{Call, answer},
    context,
    dtype::{Category, DType, Physical},
    elementwise::{Operand, Scalar, result_type, write_back},
    error::Result,
    layout::broadcast,
    tensor::Tensor,
    value::Value,
};

/// The type that elements of a type are computed in.
pub(super) fn computing(physical: Physical) -> Option<Kind> {
    match physical {
        Physical::F16 | Physical::BF16 | Physical::F32 => Some(Kind::F32),
        Physical::F64 => Some(Kind::F64),
        Physical::U8 | Physical::I64 => Some(Kind::I64),
        Physical::I8
        | Physical::I16
        | Physical::I32
        | Physical::U16
        | Physical::U32
        | Physical::U64 => None,
    }
}

/// A tensor on the device as elements of a type, cast to `dtype` first where it has another.
pub(super) fn wide(x: &Tensor, dtype: DType, kind_of: Kind) -> Result<Option<Flat>> {
    let Some(flat) = x.on_device()? else { return Ok(None) };
    let target = Tensor::target(dtype);
    let rounds = x.physical() != target && target != Physical::U8;
    let rounded = match kind(target) {
        Some(it) if rounds => flat.to_dtype(it),
        _ => Ok(flat),
    };
    rounded.and_then(|it| it.to_dtype(kind_of)).map(Some).map_err(failed)
}

/// An operand of an operation on the device.
enum Side {
    Tensor(Flat),
    Number(f64),
}

impl Side {
    fn of(operand: &Operand, dtype: DType, kind: Kind) -> Result<Option<Self>> {
        match operand {
            Operand::Tensor(it) if it.rank() == 0 && it.device() != context::place() => {
                it.only::<f64>().map(|it| Some(Self::Number(it)))
            }
            Operand::Tensor(it) => Ok(wide(it, dtype, kind)?.map(Self::Tensor)),
            Operand::Scalar(Scalar::Complex(..)) => Ok(None),
            Operand::Scalar(Scalar::Int(it)) if it.unsigned_abs() > 1 << 52 => Ok(None),
            Operand::Scalar(it) => Ok(Some(Self::Number(it.get::<f64>()))),
        }
    }

    /// A number as a tensor without dimensions; rounded to a floating dtype first where asked.
    fn flat(self, kind: Kind, rounded_to: Option<DType>) -> Result<Flat> {
        match self {
            Self::Tensor(it) => Ok(it),
            Self::Number(it) => {
                let it = match rounded_to {
                    Some(DType::F16) => f64::from(half::f16::from_f32(it as f32)),
                    Some(DType::BF16) => f64::from(half::bf16::from_f32(it as f32)),
                    _ => it,
                };
                let device = context::place().open()?;
                Flat::new(it, &device).and_then(|it| it.to_dtype(kind)).map_err(failed)
            }
        }
    }
}

type Pair = fn(&Flat, &Flat) -> CandleResult<Flat>;

/// Both operands on the device, with the result's dtype; `None` where the host must compute it.
struct Operands {
    a: Flat,
    b: Flat,
    dtype: DType,
}

impl Operands {
    fn of(a: &Operand, b: &Operand, rounds: bool, divides: bool) -> Result<Option<Self>> {
        let mut dtype = result_type(&[a, b]);
        if divides && dtype.is_integral() {
            dtype = context::settings().default_dtype;
        }
        broadcast(a.shape(), b.shape())?;
        let target = Tensor::target(dtype);
        let Some(kind) = computing(target).filter(|_| context::place().holds(target)) else {
            return Ok(None);
        };
        let (Some(x), Some(y)) = (Side::of(a, dtype, kind)?, Side::of(b, dtype, kind)?) else {
            return Ok(None);
        };
        let rounded = (rounds || context::semantics().rounds_numbers).then_some(dtype);
        Ok(Some(Self { a: x.flat(kind, rounded)?, b: y.flat(kind, rounded)?, dtype }))
    }
}

fn arithmetic(
    call: &Call,
    op: Pair,
    turned: bool,
    rounds: bool,
    divides: bool,
) -> Result<Option<Tensor>> {
    let (mut a, mut b) = (call.operand(0)?, call.operand(1)?);
    if !call.is_none(2) {
        return Ok(None);
    }
    if turned {
        std::mem::swap(&mut a, &mut b);
    }
    let Some(it) = Operands::of(&a, &b, rounds, divides)? else { return Ok(None) };
    let whole = it.dtype.is_integral() && it.dtype != DType::I64;
    if whole || (divides && !it.dtype.is_float()) {
        return Ok(None);
    }
    let made = op(&it.a, &it.b).map_err(failed)?;
    Tensor::from_device(&made, it.dtype, Tensor::target(it.dtype)).map(Some)
}

/// PyTorch has no difference of booleans; the host says so.
fn difference(call: &Call, turned: bool) -> Result<Option<Tensor>> {
    if call.operand(0)?.dtype() == DType::Bool || call.operand(1)?.dtype() == DType::Bool {
        return Ok(None);
    }
    arithmetic(call, Flat::broadcast_sub, turned, false, false)
}

fn greater_or_nan(a: &Flat, b: &Flat) -> CandleResult<Flat> {
    choose(a, b, Flat::broadcast_gt)
}

fn less_or_nan(a: &Flat, b: &Flat) -> CandleResult<Flat> {
    choose(a, b, Flat::broadcast_lt)
}

/// The first where it wins or is NaN, which PyTorch hands on.
fn choose(a: &Flat, b: &Flat, wins: Pair) -> CandleResult<Flat> {
    let nan = a.ne(a)?;
    let first = wins(a, b)?.broadcast_add(&nan)?;
    let shape = first.shape().clone();
    first.where_cond(&a.broadcast_as(&shape)?, &b.broadcast_as(&shape)?)
}

/// Powers with an exponent that is a number.
fn power(call: &Call) -> Result<Option<Tensor>> {
    let Value::Tensor(x) = call.get(0) else { return Ok(None) };
    let exponent = match call.operand(1)? {
        Operand::Scalar(Scalar::Int(it)) => it as f64,
        Operand::Scalar(Scalar::Float(it)) => it,
        _ => return Ok(None),
    };
    function(x, |it| match exponent {
        2.0 => it.sqr(),
        3.0 => it.sqr()?.mul(it),
        0.5 => it.sqrt(),
        -0.5 => it.sqrt()?.recip(),
        -1.0 => it.recip(),
        _ => it.powf(exponent),
    })
}

fn square(call: &Call) -> Result<Option<Tensor>> {
    function(call.tensor(0)?, Flat::sqr)
}

/// A function of floating elements; whole numbers are left to the host.
fn function(x: &Tensor, f: impl Fn(&Flat) -> CandleResult<Flat>) -> Result<Option<Tensor>> {
    if !x.dtype().is_float() {
        return Ok(None);
    }
    let target = Tensor::target(x.dtype());
    let Some(kind) = computing(target) else { return Ok(None) };
    let Some(flat) = wide(x, x.dtype(), kind)? else { return Ok(None) };
    // A window must not be handed on: what the function gives is its own.
    let made = f(&flat).map_err(failed)?;
    Tensor::from_device(&made, x.dtype(), target).map(Some)
}

fn sigmoid(x: &Flat) -> CandleResult<Flat> {
    x.neg()?.exp()?.affine(1.0, 1.0)?.recip()
}

fn gelu(call: &Call) -> Result<Option<Value>> {
    let f: fn(&Flat) -> CandleResult<Flat> = match call.text_or(1, "none")? {
        "none" => Flat::gelu_erf,
        "tanh" => Flat::gelu,
        _ => return Ok(None),
    };
    Ok(function(call.tensor(0)?, f)?.map(Value::Tensor))
}

fn compared(call: &Call, op: Pair) -> Result<Option<Value>> {
    let Some(it) = Operands::of(&call.operand(0)?, &call.operand(1)?, true, false)? else {
        return Ok(None);
    };
    let made = op(&it.a, &it.b).map_err(failed)?;
    Ok(Some(Value::Tensor(Tensor::from_device(&made, DType::Bool, Physical::U8)?)))
}

/// Logic of booleans: both are bytes of 0 and 1.
fn logic(call: &Call, op: Pair) -> Result<Option<Value>> {
    let (Value::Tensor(a), Value::Tensor(b)) = (call.get(0), call.get(1)) else { return Ok(None) };
    if a.dtype() != DType::Bool || b.dtype() != DType::Bool {
        return Ok(None);
    }
    let (Some(x), Some(y)) = (a.on_device()?, b.on_device()?) else { return Ok(None) };
    broadcast(a.shape(), b.shape())?;
    let made = op(&x, &y).map_err(failed)?;
    Ok(Some(Value::Tensor(Tensor::from_device(&made, DType::Bool, Physical::U8)?)))
}

fn opposite(call: &Call) -> Result<Option<Value>> {
    let x = call.tensor(0)?;
    let (DType::Bool, Some(flat)) = (x.dtype(), x.on_device()?) else { return Ok(None) };
    let made = flat.eq(0_u8).map_err(failed)?;
    Ok(Some(Value::Tensor(Tensor::from_device(&made, DType::Bool, Physical::U8)?)))
}

/// `a` where the condition holds and `b` elsewhere.
fn select(condition: &Tensor, a: &Operand, b: &Operand, dtype: DType) -> Result<Option<Tensor>> {
    let target = Tensor::target(dtype);
    if condition.dtype() != DType::Bool || !(dtype.is_float() || dtype == DType::I64) {
        return Ok(None);
    }
    let Some(stored) = kind(target).filter(|_| context::place().holds(target)) else {
        return Ok(None);
    };
    let (Some(mask), Some(x), Some(y)) =
        (condition.on_device()?, Side::of(a, dtype, stored)?, Side::of(b, dtype, stored)?)
    else {
        return Ok(None);
    };
    let shape = broadcast(condition.shape(), &broadcast(a.shape(), b.shape())?)?;
    let (x, y) = (x.flat(stored, None)?, y.flat(stored, None)?);
    let made = || -> CandleResult<Flat> {
        let spread = |it: &Flat| it.broadcast_as(shape.as_slice());
        spread(&mask)?.contiguous()?.where_cond(&spread(&x)?, &spread(&y)?)
    };
    Tensor::from_device(&made().map_err(failed)?, dtype, target).map(Some)
}

fn where_(call: &Call) -> Result<Option<Value>> {
    let (a, b) = (call.operand(1)?, call.operand(2)?);
    Ok(select(call.tensor(0)?, &a, &b, result_type(&[&a, &b]))?.map(Value::Tensor))
}

fn masked(call: &Call) -> Result<Option<Tensor>> {
    let (x, value) = (call.tensor(0)?, call.operand(2)?);
    let plain = value.shape().is_empty() && value.dtype().category() <= x.dtype().category();
    if !plain || broadcast(x.shape(), call.tensor(1)?.shape())? != x.shape() {
        return Ok(None);
    }
    select(call.tensor(1)?, &value, &Operand::Tensor(x.clone()), x.dtype())
}

fn written(call: &Call, made: Option<Tensor>) -> Result<Option<Value>> {
    let Some(made) = made else { return Ok(None) };
    let x = call.tensor(0)?;
    if made.shape() != x.shape() || made.dtype().category() > Category::Float {
        return Ok(None);
    }
    write_back(x, &made).map(Some)
}

macro_rules! versions {
    ($table:ident: $($name:literal $(| $in_place:literal)? => $f:expr;)*) => {
        pub(super) const $table: &[(&str, Version)] = &[$(
            ($name, |call| {
                let f: fn(&Call) -> Result<Option<Tensor>> = $f;
                f(call)?.map(answer).transpose()
            }),
            $(($in_place, |call| {
                let f: fn(&Call) -> Result<Option<Tensor>> = $f;
                written(call, f(call)?)
            }),)?
        )*];
    };
}

versions! { ARITHMETIC:
    "add" | "add_" => |call| arithmetic(call, Flat::broadcast_add, false, false, false);
    "sub" | "sub_" => |call| difference(call, false);
    "rsub" => |call| difference(call, true);
    "mul" | "mul_" => |call| arithmetic(call, Flat::broadcast_mul, false, false, false);
    "div" | "div_" => |call| arithmetic(call, Flat::broadcast_div, false, false, true);
    "true_divide" | "true_divide_" => |call| arithmetic(call, Flat::broadcast_div, false, false, true);
    "maximum" | "maximum_" => |call| arithmetic(call, greater_or_nan, false, true, false);
    "minimum" | "minimum_" => |call| arithmetic(call, less_or_nan, false, true, false);
    "pow" | "pow_" => power;
}

versions! { FUNCTIONS:
    "square" | "square_" => square;
    "exp" | "exp_" => |call| function(call.tensor(0)?, Flat::exp);
    "log" | "log_" => |call| function(call.tensor(0)?, Flat::log);
    "sqrt" | "sqrt_" => |call| function(call.tensor(0)?, Flat::sqrt);
    "rsqrt" | "rsqrt_" => |call| function(call.tensor(0)?, |it| it.sqrt()?.recip());
    "reciprocal" | "reciprocal_" => |call| function(call.tensor(0)?, Flat::recip);
    "sin" | "sin_" => |call| function(call.tensor(0)?, Flat::sin);
    "cos" | "cos_" => |call| function(call.tensor(0)?, Flat::cos);
    "tanh" | "tanh_" => |call| function(call.tensor(0)?, Flat::tanh);
    "erf" | "erf_" => |call| function(call.tensor(0)?, Flat::erf);
    "abs" | "abs_" => |call| function(call.tensor(0)?, Flat::abs);
    "neg" | "neg_" => |call| function(call.tensor(0)?, Flat::neg);
    "floor" | "floor_" => |call| function(call.tensor(0)?, Flat::floor);
    "ceil" | "ceil_" => |call| function(call.tensor(0)?, Flat::ceil);
    "silu" | "silu_" => |call| function(call.tensor(0)?, |it| it.broadcast_mul(&sigmoid(it)?));
    "sigmoid" | "sigmoid_" => |call| function(call.tensor(0)?, sigmoid);
    "relu" | "relu_" => |call| function(call.tensor(0)?, |it| {
        it.lt(0.0)?.where_cond(&it.zeros_like()?, it)
    });
    "masked_fill" | "masked_fill_" => masked;
}

pub(super) const COMPARISONS: &[(&str, Version)] = &[
    ("eq", |call| compared(call, Flat::broadcast_eq)),
    ("ne", |call| compared(call, Flat::broadcast_ne)),
    ("lt", |call| compared(call, Flat::broadcast_lt)),
    ("le", |call| compared(call, Flat::broadcast_le)),
    ("gt", |call| compared(call, Flat::broadcast_gt)),
    ("ge", |call| compared(call, Flat::broadcast_ge)),
];

pub(super) const CHOICES: &[(&str, Version)] = &[
    ("where", where_),
    ("gelu", gelu),
    ("logical_and", |call| logic(call, Flat::broadcast_mul)),
    ("bitwise_and", |call| logic(call, Flat::broadcast_mul)),
    ("logical_or", |call| logic(call, Flat::broadcast_maximum)),
    ("bitwise_or", |call| logic(call, Flat::broadcast_maximum)),
    ("logical_not", opposite),
    ("bitwise_not", opposite),
];
