//! Kernels of one operand: each element becomes another by itself.

use crate::{
    call::{Call, answer},
    context,
    dtype::{Category, DType, Physical},
    element::Real,
    elementwise::{MapLoop, Operand, Scalar, Source, each, integers, map, write_back},
    error::{Result, fail},
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// A function of a floating number; whole numbers are converted first.
pub(crate) trait FloatOp {
    /// About how many additions it costs.
    const COST: usize = 8;
    /// Whether booleans have a result too.
    const OF_TRUTHS: bool = false;
    fn apply<R: Real>(value: R) -> R;
}

/// The tensor as floating elements: whole numbers become the default dtype.
pub(crate) fn floating(tensor: &Tensor) -> Result<Tensor> {
    match tensor.dtype().category() {
        Category::Complex => fail!(Unsupported, "no complex form of this operation"),
        Category::Float => {
            let dtype = tensor.dtype();
            Ok(tensor.stored_as(Tensor::target(dtype))?.renamed(dtype))
        }
        _ => {
            let dtype = context::settings().default_dtype;
            Ok(tensor.stored_as(Tensor::target(dtype))?.renamed(dtype))
        }
    }
}

/// A loop over blocks in both types that floating numbers are computed in.
#[derive(Clone, Copy)]
struct Loops<'a> {
    f32s: MapLoop<'a, f32, f32>,
    f64s: MapLoop<'a, f64, f64>,
}

/// Applies loops that may capture values, with one rounding at the end.
fn float_map(tensor: &Tensor, cost: usize, loops: Loops<'_>) -> Result<Tensor> {
    let tensor = floating(tensor)?;
    let (dtype, shape) = (tensor.dtype(), tensor.shape());
    macro_rules! run {
        ($type:ty, $loop:expr) => {{
            let (values, layout) = tensor.read_strided::<$type>()?;
            let source = Source::Elements(values, layout);
            Tensor::new(map::<$type, $type>(&source, cost, $loop)?, shape, dtype)
        }};
    }
    match tensor.physical() {
        Physical::F64 => run!(f64, loops.f64s),
        Physical::F32 => run!(f32, loops.f32s),
        Physical::F16 => run!(half::f16, loops.f32s),
        _ => run!(half::bf16, loops.f32s),
    }
}

fn apply_each<R: Real, O: FloatOp>(out: &mut [R], values: &[R]) {
    for (to, from) in out.iter_mut().zip(values) {
        *to = O::apply(*from);
    }
}

pub(crate) fn unary<O: FloatOp>(tensor: &Tensor) -> Result<Tensor> {
    let loops = Loops { f32s: &apply_each::<f32, O>, f64s: &apply_each::<f64, O> };
    float_map(tensor, O::COST, loops)
}

/// Applies `whole` to whole numbers, which keep their dtype, and `O` to floating ones.
pub(crate) fn keeping<O: FloatOp>(tensor: &Tensor, whole: fn(i64) -> i64) -> Result<Tensor> {
    if !tensor.dtype().is_integral() {
        return unary::<O>(tensor);
    }
    if tensor.dtype() == DType::Bool && !O::OF_TRUTHS {
        fail!(Unsupported, "not implemented for 'Bool'");
    }
    let (values, layout) = tensor.read_strided::<i64>()?;
    let values = map::<i64, i64>(&Source::Elements(values, layout), 1, &each(whole))?;
    integers(values, tensor.shape(), tensor.dtype())
}

macro_rules! float_ops {
    ($($op:ident $name:ident $in_place:ident $cost:literal $f:expr;)*) => {
        $(
            pub(crate) struct $op;
            impl FloatOp for $op {
                const COST: usize = $cost;
                #[inline]
                fn apply<R: Real>(value: R) -> R {
                    let f: fn(R) -> R = $f;
                    f(value)
                }
            }
            fn $name(call: &Call) -> Result<Value> {
                answer(unary::<$op>(call.tensor(0)?)?)
            }
            fn $in_place(call: &Call) -> Result<Value> {
                let target = call.tensor(0)?;
                write_back(target, &unary::<$op>(target)?)
            }
        )*
        const FLOAT: &[Kernel] = &[$(
            Kernel::new(stringify!($name), $name, concat!(stringify!($name), "(x)")),
            Kernel::new(stringify!($in_place), $in_place, concat!(stringify!($in_place), "(x)")),
        )*];
    };
}

macro_rules! kept_ops {
    ($($op:ident $name:ident $in_place:ident $truths:literal $float:expr, $whole:expr;)*) => {
        $(
            pub(crate) struct $op;
            impl FloatOp for $op {
                const COST: usize = 1;
                const OF_TRUTHS: bool = $truths;
                #[inline]
                fn apply<R: Real>(value: R) -> R {
                    let f: fn(R) -> R = $float;
                    f(value)
                }
            }
            fn $name(call: &Call) -> Result<Value> {
                answer(keeping::<$op>(call.tensor(0)?, $whole)?)
            }
            fn $in_place(call: &Call) -> Result<Value> {
                let target = call.tensor(0)?;
                write_back(target, &keeping::<$op>(target, $whole)?)
            }
        )*
        const KEPT: &[Kernel] = &[$(
            Kernel::new(stringify!($name), $name, concat!(stringify!($name), "(x)")),
            Kernel::new(stringify!($in_place), $in_place, concat!(stringify!($in_place), "(x)")),
        )*];
    };
}

float_ops! {
    Exp exp exp_ 8 |x| x.exponential();
    Exp2 exp2 exp2_ 8 |x| x.exp2();
    Expm1 expm1 expm1_ 12 |x| x.exp_m1();
    Log log log_ 8 |x| x.ln();
    Log2 log2 log2_ 8 |x| x.log2();
    Log10 log10 log10_ 8 |x| x.log10();
    Log1p log1p log1p_ 12 |x| x.ln_1p();
    Sqrt sqrt sqrt_ 4 |x| x.sqrt();
    Rsqrt rsqrt rsqrt_ 4 |x| x.sqrt().recip();
    Reciprocal reciprocal reciprocal_ 2 |x| x.recip();
    Sin sin sin_ 12 |x| x.sin();
    Cos cos cos_ 12 |x| x.cos();
    Tan tan tan_ 12 |x| x.tan();
    Asin asin asin_ 12 |x| x.asin();
    Acos acos acos_ 12 |x| x.acos();
    Atan atan atan_ 12 |x| x.atan();
    Sinh sinh sinh_ 12 |x| x.sinh();
    Cosh cosh cosh_ 12 |x| x.cosh();
    Tanh tanh tanh_ 12 |x| x.tanh();
    Asinh asinh asinh_ 16 |x| x.asinh();
    Acosh acosh acosh_ 16 |x| x.acosh();
    Atanh atanh atanh_ 16 |x| x.atanh();
    Erfc erfc erfc_ 16 R::erfc;
    Erfinv erfinv erfinv_ 32 |x| R::of(erf_inverse(x.as_f64()));
    Erf erf erf_ 16 |x| x.erf();
    Sigmoid sigmoid sigmoid_ 12 |x| (R::one() + (-x).exponential()).recip();
    Silu silu silu_ 12 |x| x / (R::one() + (-x).exponential());
    LogSigmoid logsigmoid logsigmoid_ 16 |x| x.min(R::zero()) - (-x.abs()).exp().ln_1p();
    Mish mish mish_ 24 |x| x * (x.exp().ln_1p()).tanh();
}

kept_ops! {
    Neg neg neg_ false |x| -x, i64::wrapping_neg;
    Abs abs abs_ false |x| x.abs(), i64::wrapping_abs;
    Sign sign sign_ true |x| if x.is_nan() || x == R::zero() { R::zero() } else { x.signum() }, i64::signum;
    Floor floor floor_ false |x| x.floor(), |x| x;
    Ceil ceil ceil_ false |x| x.ceil(), |x| x;
    Trunc trunc trunc_ false |x| x.trunc(), |x| x;
    Relu relu relu_ false |x| if x < R::zero() { R::zero() } else { x }, |x| x.max(0);
}

struct Frac;
impl FloatOp for Frac {
    const COST: usize = 1;
    fn apply<R: Real>(value: R) -> R {
        value - value.trunc()
    }
}

fn fraction(call: &Call) -> Result<Tensor> {
    let x = call.tensor(0)?;
    if !x.dtype().is_float() {
        fail!(Unsupported, "\"frac\" not implemented for {}", x.dtype());
    }
    unary::<Frac>(x)
}

fn frac(call: &Call) -> Result<Value> {
    answer(fraction(call)?)
}

fn frac_(call: &Call) -> Result<Value> {
    write_back(call.tensor(0)?, &fraction(call)?)
}

/// `square(x)` is `x ** 2`, promotion included.
fn squared(call: &Call) -> Result<Tensor> {
    let two = Operand::Scalar(Scalar::Int(2));
    crate::binary::binary::<crate::binary::Pow>(&call.operand(0)?, &two)
}

fn square(call: &Call) -> Result<Value> {
    answer(squared(call)?)
}

fn square_(call: &Call) -> Result<Value> {
    write_back(call.tensor(0)?, &squared(call)?)
}

struct Round;
impl FloatOp for Round {
    fn apply<R: Real>(value: R) -> R {
        half_even(value)
    }
}

/// Rounds to the nearest whole number, halves to the even one.
fn half_even<R: Real>(x: R) -> R {
    let rounded = x.round();
    if (x - x.trunc()).abs() == R::of(0.5) {
        R::of(2.0) * (x / R::of(2.0)).round()
    } else {
        rounded
    }
}

fn rounded(call: &Call) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let decimals = call.int_or(1, 0)?;
    if decimals == 0 {
        return keeping::<Round>(x, |it| it);
    }
    let scale = 10_f64.powi(i32::try_from(decimals.clamp(-300, 300)).unwrap_or(0));
    let f32s = each(|it: f32| half_even(it * scale as f32) / scale as f32);
    let f64s = each(|it: f64| half_even(it * scale) / scale);
    float_map(x, 4, Loops { f32s: &f32s, f64s: &f64s })
}

fn round(call: &Call) -> Result<Value> {
    answer(rounded(call)?)
}

fn round_(call: &Call) -> Result<Value> {
    write_back(call.tensor(0)?, &rounded(call)?)
}

/// The inverse of the error function: a rough start, then Halley's steps on `erf` itself.
fn erf_inverse(y: f64) -> f64 {
    if y.abs() >= 1.0 || y.is_nan() {
        return if y.abs() == 1.0 { y * f64::INFINITY } else { f64::NAN };
    }
    let log = (1.0 - y * y).ln();
    let half = 2.0 / (std::f64::consts::PI * 0.147) + log / 2.0;
    let mut x = ((half * half - log / 0.147).sqrt() - half).max(0.0).sqrt().copysign(y);
    for _ in 0..3 {
        // Near one, the complement keeps the digits that the difference would lose.
        let error = if y > 0.5 {
            (1.0 - y) - libm::erfc(x)
        } else if y < -0.5 {
            libm::erfc(-x) - (1.0 + y)
        } else {
            libm::erf(x) - y
        };
        let step = error / (std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp());
        x -= step / (1.0 + x * step);
    }
    x
}

/// A test of every element.
fn test(call: &Call, float: fn(f64) -> bool, whole: bool) -> Result<Value> {
    let x = call.tensor(0)?;
    if x.dtype().is_complex() {
        fail!(Unsupported, "no complex form of this operation");
    }
    let narrow = each(|it: f32| u8::from(float(f64::from(it))));
    let wide = each(|it: f64| u8::from(float(it)));
    macro_rules! run {
        ($type:ty, $loop:expr) => {{
            let (values, layout) = x.read_strided::<$type>()?;
            map::<$type, u8>(&Source::Elements(values, layout), 1, $loop)?
        }};
    }
    let values = match x.physical() {
        Physical::F16 => run!(half::f16, &narrow),
        Physical::BF16 => run!(half::bf16, &narrow),
        Physical::F32 => run!(f32, &narrow),
        Physical::F64 => run!(f64, &wide),
        _ => {
            let mut values = crate::storage::zeros::<u8>(x.numel())?;
            values.fill(u8::from(whole));
            values
        }
    };
    answer(Tensor::new(values, x.shape(), DType::Bool)?)
}

fn isnan(call: &Call) -> Result<Value> {
    test(call, f64::is_nan, false)
}

fn isinf(call: &Call) -> Result<Value> {
    test(call, f64::is_infinite, false)
}

fn isfinite(call: &Call) -> Result<Value> {
    test(call, f64::is_finite, true)
}

fn isneginf(call: &Call) -> Result<Value> {
    test(call, |it| it == f64::NEG_INFINITY, false)
}

fn isposinf(call: &Call) -> Result<Value> {
    test(call, |it| it == f64::INFINITY, false)
}

fn logical_not(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let (values, layout) = x.read_strided::<f64>()?;
    let is_zero = each(|it: f64| u8::from(it == 0.0));
    let values = map::<f64, u8>(&Source::Elements(values, layout), 1, &is_zero)?;
    answer(Tensor::new(values, x.shape(), DType::Bool)?)
}

fn bitwise_not(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    match x.dtype().category() {
        Category::Bool => logical_not(call),
        Category::Integer => answer(keeping::<Neg>(x, |it| !it)?),
        _ => fail!(Type, "bitwise_not is only implemented on integer and Boolean-type tensors"),
    }
}

/// `gelu`: exact by the error function, or by PyTorch's tanh approximation.
fn gelu(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let out = match call.text_or(1, "none")? {
        "none" => unary::<Gelu>(x)?,
        "tanh" => unary::<GeluTanh>(x)?,
        other => fail!(Runtime, "approximate argument must be either none or tanh, not `{other}`"),
    };
    answer(out)
}

struct Gelu;
impl FloatOp for Gelu {
    const COST: usize = 20;
    fn apply<R: Real>(x: R) -> R {
        x * R::of(0.5) * (R::one() + (x * R::of(std::f64::consts::FRAC_1_SQRT_2)).erf())
    }
}

struct GeluTanh;
impl FloatOp for GeluTanh {
    const COST: usize = 20;
    fn apply<R: Real>(x: R) -> R {
        let beta = std::f64::consts::SQRT_2 * std::f64::consts::FRAC_2_SQRT_PI * 0.5;
        let inner = R::of(beta) * (x + R::of(0.044_715) * x * x * x);
        // tanh by way of exp: its loss of relative precision near zero vanishes in the sum.
        let tanh = R::one() - R::of(2.0) / ((inner + inner).exponential() + R::one());
        R::of(0.5) * x * (R::one() + tanh)
    }
}

fn softplus_of<R: Real>(x: R, beta: R, threshold: R) -> R {
    if x * beta > threshold { x } else { (x * beta).exp().ln_1p() / beta }
}

/// `softplus(x, beta, threshold)`: linear above the threshold.
fn softplus(call: &Call) -> Result<Value> {
    let (beta, threshold) = (call.float_or(1, 1.0)?, call.float_or(2, 20.0)?);
    let f32s = each(|x| softplus_of(x, beta as f32, threshold as f32));
    let f64s = each(|x| softplus_of(x, beta, threshold));
    answer(float_map(call.tensor(0)?, 16, Loops { f32s: &f32s, f64s: &f64s })?)
}

fn elu(call: &Call) -> Result<Value> {
    let alpha = call.float_or(1, 1.0)?;
    let f32s = each(|x: f32| if x > 0.0 { x } else { alpha as f32 * x.exp_m1() });
    let f64s = each(|x: f64| if x > 0.0 { x } else { alpha * x.exp_m1() });
    answer(float_map(call.tensor(0)?, 12, Loops { f32s: &f32s, f64s: &f64s })?)
}

fn leaky_relu(call: &Call) -> Result<Value> {
    let slope = call.float_or(1, 0.01)?;
    let f32s = each(|x: f32| if x > 0.0 { x } else { slope as f32 * x });
    let f64s = each(|x: f64| if x > 0.0 { x } else { slope * x });
    answer(float_map(call.tensor(0)?, 1, Loops { f32s: &f32s, f64s: &f64s })?)
}

const OTHER: &[Kernel] = &[
    Kernel::new("round", round, "round(x, decimals=0): halves go to the even number"),
    Kernel::new("frac", frac, "frac(x)"),
    Kernel::new("frac_", frac_, "frac_(x): writes to x"),
    Kernel::new("square", square, "square(x)"),
    Kernel::new("square_", square_, "square_(x): writes to x"),
    Kernel::new("round_", round_, "round_(x, decimals=0): writes to x"),
    Kernel::new("isnan", isnan, "isnan(x)"),
    Kernel::new("isinf", isinf, "isinf(x)"),
    Kernel::new("isfinite", isfinite, "isfinite(x)"),
    Kernel::new("isneginf", isneginf, "isneginf(x)"),
    Kernel::new("isposinf", isposinf, "isposinf(x)"),
    Kernel::new("logical_not", logical_not, "logical_not(x)"),
    Kernel::new("bitwise_not", bitwise_not, "bitwise_not(x)"),
    Kernel::new("gelu", gelu, "gelu(x, approximate='none'|'tanh')"),
    Kernel::new("softplus", softplus, "softplus(x, beta=1, threshold=20)"),
    Kernel::new("elu", elu, "elu(x, alpha=1)"),
    Kernel::new("leaky_relu", leaky_relu, "leaky_relu(x, negative_slope=0.01)"),
];

pub(crate) const KERNELS: &[&[Kernel]] = &[FLOAT, KEPT, OTHER];
