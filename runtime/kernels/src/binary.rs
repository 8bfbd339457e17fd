//! Arithmetic of two operands: the result has the promoted dtype.

use num_traits::Float;

use crate::{
    call::{Call, answer},
    complex, context,
    dtype::{Category, DType, Physical},
    element::{Computed, Real},
    elementwise::{
        Operand, Scalar, Source, ZipLoop, combine, integers, pairwise, result_type, source,
        write_back, zip,
    },
    error::{Result, fail},
    layout::broadcast,
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// An operation on two numbers of one type.
pub(crate) trait BinaryOp {
    const NAME: &'static str;
    /// Whether a number is rounded to the tensor's type first. PyTorch's four basic operations
    /// keep it in the wider type that they compute in.
    const ROUNDS: bool = true;
    /// Whether whole numbers become floating ones.
    const TRUE_DIVISION: bool = false;
    const COST: usize = 1;
    fn float<R: Real>(a: R, b: R) -> R;
    /// `None` when whole numbers have no result, such as a division by zero.
    fn whole(a: i64, b: i64) -> Option<i64>;
}

/// An operation with its loops over blocks, by the type that is computed in.
struct Loops {
    name: &'static str,
    rounds: bool,
    true_division: bool,
    cost: usize,
    f32s: fn(&mut [f32], &[f32], &[f32]),
    f64s: fn(&mut [f64], &[f64], &[f64]),
    whole: fn(i64, i64) -> Option<i64>,
}

fn pairs<R: Real, O: BinaryOp>(out: &mut [R], a: &[R], b: &[R]) {
    for (to, (x, y)) in out.iter_mut().zip(a.iter().zip(b)) {
        *to = O::float(*x, *y);
    }
}

/// Powers of one exponent, which models use most, are looked at once a block.
fn powers<R: Real>(out: &mut [R], a: &[R], b: &[R]) {
    let one = b.first().filter(|first| b.iter().all(|it| it == *first));
    match one {
        Some(exponent) if *exponent == R::of(2.0) => {
            out.iter_mut().zip(a).for_each(|(to, x)| *to = *x * *x);
        }
        Some(exponent) if *exponent == R::of(-0.5) => {
            out.iter_mut().zip(a).for_each(|(to, x)| *to = x.sqrt().recip());
        }
        _ => pairs::<R, Pow>(out, a, b),
    }
}

/// The result of an operation under PyTorch's promotion and broadcasting.
pub(crate) fn binary<O: BinaryOp>(a: &Operand, b: &Operand) -> Result<Tensor> {
    let loops = Loops {
        name: O::NAME,
        rounds: O::ROUNDS,
        true_division: O::TRUE_DIVISION,
        cost: O::COST,
        f32s: if O::NAME == Pow::NAME { powers::<f32> } else { pairs::<f32, O> },
        f64s: if O::NAME == Pow::NAME { powers::<f64> } else { pairs::<f64, O> },
        whole: O::whole,
    };
    loops.run(a, b)
}

impl Loops {
    fn run(&self, a: &Operand, b: &Operand) -> Result<Tensor> {
        let mut dtype = result_type(&[a, b]);
        if self.true_division && dtype.is_integral() {
            dtype = context::settings().default_dtype;
        }
        let strict = context::semantics().refuses_whole;
        if strict && self.name == "sub" && (a.dtype() == DType::Bool || b.dtype() == DType::Bool) {
            fail!(
                Runtime,
                "Subtraction, the `-` operator, with a bool tensor is not supported. If you are \
                 trying to invert a mask, use the `~` or `logical_not()` operator instead."
            );
        }
        match dtype.category() {
            Category::Complex => complex::binary(self.name, a, b, dtype),
            Category::Float => match Tensor::target(dtype) {
                Physical::F64 => self.floats::<f64>(a, b, dtype, &self.f64s),
                Physical::F32 => self.floats::<f32>(a, b, dtype, &self.f32s),
                Physical::F16 => self.floats::<half::f16>(a, b, dtype, &self.f32s),
                _ => self.floats::<half::bf16>(a, b, dtype, &self.f32s),
            },
            Category::Bool | Category::Integer => {
                if strict {
                    self.refuse_whole(b, dtype)?;
                }
                let whole = pairwise(|x, y| (self.whole)(x, y).unwrap_or(0));
                let (values, shape) = combine::<i64, i64>(a, b, 1, &whole)?;
                if strict && (self.whole)(1, 0).is_none() && zero_divisor(b)? {
                    fail!(Runtime, "ZeroDivisionError");
                }
                integers(values, &shape, dtype)
            }
        }
    }

    /// What PyTorch does not define for whole numbers and booleans.
    fn refuse_whole(&self, b: &Operand, dtype: DType) -> Result<()> {
        let negative = matches!(b, Operand::Scalar(Scalar::Int(it)) if *it < 0);
        if self.name == "pow" && negative {
            fail!(Runtime, "Integers to negative integer powers are not allowed.");
        }
        let undefined = ["pow", "remainder", "fmod", "floor_divide", "trunc_divide"];
        let by_number = self.name == "pow" && matches!(b, Operand::Scalar(_));
        if dtype == DType::Bool && undefined.contains(&self.name) && !by_number {
            fail!(Unsupported, "not implemented for 'Bool'");
        }
        Ok(())
    }

    fn floats<T: Computed>(
        &self,
        a: &Operand,
        b: &Operand,
        dtype: DType,
        pairs: ZipLoop<'_, T::Wide, T::Wide>,
    ) -> Result<Tensor> {
        let shape = broadcast(a.shape(), b.shape())?;
        let rounds = self.rounds || context::semantics().rounds_numbers;
        let (a, b) = (source::<T>(a)?.rounded(rounds), source::<T>(b)?.rounded(rounds));
        Tensor::new(zip::<T, T>(&a, &b, &shape, self.cost, pairs)?, &shape, dtype)
    }
}

fn zero_divisor(divisor: &Operand) -> Result<bool> {
    Ok(match source::<i64>(divisor)? {
        Source::Constant(it) => it == 0,
        Source::Elements(..) => match divisor {
            Operand::Tensor(it) => it.read::<i64>()?.contains(&0),
            Operand::Scalar(_) => false,
        },
    })
}

macro_rules! binary_ops {
    ($($op:ident $name:ident $in_place:ident $rounds:literal $division:literal $cost:literal
       $float:expr, $whole:expr;)*) => {
        $(
            pub(crate) struct $op;
            impl BinaryOp for $op {
                const NAME: &'static str = stringify!($name);
                const ROUNDS: bool = $rounds;
                const TRUE_DIVISION: bool = $division;
                const COST: usize = $cost;
                #[inline]
                fn float<R: Real>(a: R, b: R) -> R {
                    let f: fn(R, R) -> R = $float;
                    f(a, b)
                }
                #[inline]
                fn whole(a: i64, b: i64) -> Option<i64> {
                    let f: fn(i64, i64) -> Option<i64> = $whole;
                    f(a, b)
                }
            }
            fn $name(call: &Call) -> Result<Value> {
                answer(binary::<$op>(&call.operand(0)?, &scaled(call)?)?)
            }
            fn $in_place(call: &Call) -> Result<Value> {
                let target = call.tensor(0)?;
                write_back(target, &binary::<$op>(&call.operand(0)?, &scaled(call)?)?)
            }
        )*
        const ARITHMETIC: &[Kernel] = &[$(
            Kernel::new(stringify!($name), $name,
                concat!(stringify!($name), "(a, b, alpha=1): b is multiplied by alpha first")),
            Kernel::new(stringify!($in_place), $in_place,
                concat!(stringify!($in_place), "(a, b, alpha=1): writes to a")),
        )*];
    };
}

/// The second operand, times the `alpha` that `add` and `sub` take.
fn scaled(call: &Call) -> Result<Operand> {
    let other = call.operand(1)?;
    match call.optional_operand(2)? {
        None => Ok(other),
        Some(alpha) => Ok(Operand::Tensor(binary::<Mul>(&other, &alpha)?)),
    }
}

binary_ops! {
    Add add add_ false false 1 |a, b| a + b, |a, b| Some(a.wrapping_add(b));
    Sub sub sub_ false false 1 |a, b| a - b, |a, b| Some(a.wrapping_sub(b));
    Mul mul mul_ false false 1 |a, b| a * b, |a, b| Some(a.wrapping_mul(b));
    Div true_divide true_divide_ false true 1 |a, b| a / b, |_, _| Some(0);
    Pow pow pow_ true false 24 power, |a, b| Some(power_whole(a, b));
    Maximum maximum maximum_ true false 1
        |a, b| if a.is_nan() || a > b { a } else if b.is_nan() || b >= a { b } else { a },
        |a, b| Some(a.max(b));
    Minimum minimum minimum_ true false 1
        |a, b| if a.is_nan() || a < b { a } else if b.is_nan() || b <= a { b } else { a },
        |a, b| Some(a.min(b));
    FloorDivide floor_divide floor_divide_ true false 4 floor_divided,
        |a, b| a.checked_div(b).map(|it| if a % b != 0 && (a < 0) != (b < 0) { it - 1 } else { it });
    TruncDivide trunc_divide trunc_divide_ true false 2 |a, b| (a / b).trunc(),
        i64::checked_div;
    Remainder remainder remainder_ true false 8
        |a, b| { let it = a % b; if it != R::zero() && (it < R::zero()) != (b < R::zero()) { it + b } else { it } },
        |a, b| a.checked_rem(b).map(|it| if it != 0 && (it < 0) != (b < 0) { it + b } else { it });
    Fmod fmod fmod_ true false 8 |a, b| a % b, i64::checked_rem;
    Atan2 atan2 atan2_ true true 16 Float::atan2, |_, _| Some(0);
    Hypot hypot hypot_ true true 8 Float::hypot, |_, _| Some(0);
    LogAddExp logaddexp logaddexp_ true true 24 log_add_exp, |_, _| Some(0);
    Xlogy xlogy xlogy_ true true 12 |a, b| if a == R::zero() && !b.is_nan() { a } else { a * b.ln() },
        |_, _| Some(0);
}

fn log_add_exp<R: Real>(a: R, b: R) -> R {
    if a == b && a.is_infinite() {
        return a;
    }
    let high = if a.is_nan() || a > b { a } else { b };
    high + (-(a - b).abs()).exp().ln_1p()
}

/// Powers that models use often are products, as in PyTorch.
fn power<R: Real>(a: R, b: R) -> R {
    if b == R::of(2.0) {
        a * a
    } else if b == R::of(0.5) {
        a.sqrt()
    } else if b == R::of(3.0) {
        a * a * a
    } else if b == -R::one() {
        a.recip()
    } else if b == R::of(-0.5) {
        a.sqrt().recip()
    } else {
        a.powf(b)
    }
}

fn power_whole(a: i64, b: i64) -> i64 {
    if b < 0 {
        return match a {
            1 => 1,
            -1 if b % 2 == 0 => 1,
            -1 => -1,
            _ => 0,
        };
    }
    let (mut base, mut exponent, mut out) = (a, b, 1_i64);
    while exponent > 0 {
        if exponent & 1 == 1 {
            out = out.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        exponent >>= 1;
    }
    out
}

/// Python's floor division, as PyTorch computes it from the remainder.
fn floor_divided<R: Real>(a: R, b: R) -> R {
    if b == R::zero() {
        return a / b;
    }
    let remainder = a % b;
    let mut quotient = (a - remainder) / b;
    if remainder != R::zero() && (b < R::zero()) != (remainder < R::zero()) {
        quotient = quotient - R::one();
    }
    if quotient == R::zero() {
        return R::zero().copysign(a / b);
    }
    let floor = quotient.floor();
    if quotient - floor > R::of(0.5) { floor + R::one() } else { floor }
}

/// `div(a, b, rounding_mode)`: none, `"floor"` or `"trunc"`.
fn divided(call: &Call) -> Result<Tensor> {
    let (a, b) = (call.operand(0)?, call.operand(1)?);
    match call.get(2) {
        Value::None => binary::<Div>(&a, &b),
        _ => match call.text(2)? {
            "floor" => binary::<FloorDivide>(&a, &b),
            "trunc" => binary::<TruncDivide>(&a, &b),
            other => fail!(
                Runtime,
                "div expected rounding_mode to be 'trunc' or 'floor' but found '{other}'"
            ),
        },
    }
}

fn div(call: &Call) -> Result<Value> {
    answer(divided(call)?)
}

fn div_(call: &Call) -> Result<Value> {
    write_back(call.tensor(0)?, &divided(call)?)
}

/// `rsub(a, b)`: `b - a`, which Python's reflected operator asks for.
fn rsub(call: &Call) -> Result<Value> {
    answer(binary::<Sub>(&call.operand(1)?, &call.operand(0)?)?)
}

fn bits(call: &Call, name: &str, f: fn(i64, i64) -> i64) -> Result<Tensor> {
    let (a, b) = (call.operand(0)?, call.operand(1)?);
    let dtype = result_type(&[&a, &b]);
    if !dtype.is_integral() {
        fail!(Runtime, "\"{name}\" not implemented for {dtype}");
    }
    let (values, shape) = combine::<i64, i64>(&a, &b, 1, &pairwise(f))?;
    integers(values, &shape, dtype)
}

macro_rules! bit_ops {
    ($($name:ident $in_place:ident $f:expr;)*) => {
        $(
            fn $name(call: &Call) -> Result<Value> {
                answer(bits(call, stringify!($name), $f)?)
            }
            fn $in_place(call: &Call) -> Result<Value> {
                write_back(call.tensor(0)?, &bits(call, stringify!($name), $f)?)
            }
        )*
        const BITS: &[Kernel] = &[$(
            Kernel::new(stringify!($name), $name, concat!(stringify!($name), "(a, b)")),
            Kernel::new(stringify!($in_place), $in_place,
                concat!(stringify!($in_place), "(a, b): writes to a")),
        )*];
    };
}

bit_ops! {
    bitwise_and bitwise_and_ |a, b| a & b;
    bitwise_or bitwise_or_ |a, b| a | b;
    bitwise_xor bitwise_xor_ |a, b| a ^ b;
    bitwise_left_shift bitwise_left_shift_ |a, b| u32::try_from(b).ok().and_then(|b| a.checked_shl(b)).unwrap_or(0);
    bitwise_right_shift bitwise_right_shift_ |a, b| a >> b.clamp(0, 63);
}

fn result_type_kernel(call: &Call) -> Result<Value> {
    Ok(Value::DType(result_type(&[&call.operand(0)?, &call.operand(1)?])))
}

const OTHER: &[Kernel] = &[
    Kernel::new("div", div, "div(a, b, rounding_mode=None|'floor'|'trunc')"),
    Kernel::new("div_", div_, "div_(a, b, rounding_mode=None): writes to a"),
    Kernel::new("rsub", rsub, "rsub(a, b): b - a"),
    Kernel::new("result_type", result_type_kernel, "result_type(a, b) -> dtype"),
];

pub(crate) const KERNELS: &[&[Kernel]] = &[ARITHMETIC, BITS, OTHER];
