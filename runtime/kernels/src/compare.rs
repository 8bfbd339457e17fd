//! Comparisons, logic, and choosing between operands.

use crate::{
    call::{Call, answer},
    complex,
    dtype::{DType, Physical},
    element::with_bits,
    elementwise::{Operand, ZipLoop, combine, pairwise, result_type, source, write_back, zip},
    error::{Result, fail},
    layout::{Layout, Walk, broadcast},
    storage::{bits, bits_mut},
    table::Kernel,
    tensor::Tensor,
    threads::for_chunks,
    value::Value,
};

/// A comparison of two numbers of one type.
pub(crate) trait Comparison {
    const NAME: &'static str;
    fn holds<T: PartialOrd>(a: T, b: T) -> bool;
}

fn answers<T: PartialOrd + Copy, C: Comparison>(out: &mut [u8], a: &[T], b: &[T]) {
    for (to, (x, y)) in out.iter_mut().zip(a.iter().zip(b)) {
        *to = u8::from(C::holds(*x, *y));
    }
}

/// The answers as a boolean tensor; both sides are cast to the promoted dtype first.
pub(crate) fn compare<C: Comparison>(a: &Operand, b: &Operand) -> Result<Tensor> {
    let dtype = result_type(&[a, b]);
    if dtype.is_complex() {
        return complex::compare(C::NAME, a, b);
    }
    let loops =
        (&answers::<f32, C> as ZipLoop<'_, _, _>, &answers::<f64, C> as _, &answers::<i64, C> as _);
    compare_in(dtype, a, b, loops)
}

type Answers<'a> = (ZipLoop<'a, f32, u8>, ZipLoop<'a, f64, u8>, ZipLoop<'a, i64, u8>);

fn compare_in(dtype: DType, a: &Operand, b: &Operand, loops: Answers<'_>) -> Result<Tensor> {
    macro_rules! run {
        ($type:ty, $loop:expr) => {{
            let shape = broadcast(a.shape(), b.shape())?;
            let (a, b) = (source::<$type>(a)?.rounded(true), source::<$type>(b)?.rounded(true));
            (zip::<$type, u8>(&a, &b, &shape, 1, $loop)?, shape)
        }};
    }
    let (values, shape) = match Tensor::target(dtype) {
        Physical::F64 => run!(f64, loops.1),
        Physical::F32 => run!(f32, loops.0),
        Physical::F16 => run!(half::f16, loops.0),
        Physical::BF16 => run!(half::bf16, loops.0),
        _ => run!(i64, loops.2),
    };
    Tensor::new(values, &shape, DType::Bool)
}

macro_rules! comparisons {
    ($($op:ident $name:ident $f:tt;)*) => {
        $(
            pub(crate) struct $op;
            impl Comparison for $op {
                const NAME: &'static str = stringify!($name);
                #[inline]
                fn holds<T: PartialOrd>(a: T, b: T) -> bool {
                    a $f b
                }
            }
            fn $name(call: &Call) -> Result<Value> {
                answer(compare::<$op>(&call.operand(0)?, &call.operand(1)?)?)
            }
        )*
        const COMPARISONS: &[Kernel] = &[$(
            Kernel::new(stringify!($name), $name, concat!(stringify!($name), "(a, b) -> bool")),
        )*];
    };
}

comparisons! {
    Eq eq ==;
    Ne ne !=;
    Lt lt <;
    Le le <=;
    Gt gt >;
    Ge ge >=;
}

fn logic(call: &Call, f: fn(bool, bool) -> bool) -> Result<Value> {
    let (a, b) = (call.operand(0)?, call.operand(1)?);
    let f = pairwise(|x: f64, y: f64| u8::from(f(x != 0.0, y != 0.0)));
    let (values, shape) = combine::<f64, u8>(&a, &b, 1, &f)?;
    answer(Tensor::new(values, &shape, DType::Bool)?)
}

fn logical_and(call: &Call) -> Result<Value> {
    logic(call, |a, b| a && b)
}

fn logical_or(call: &Call) -> Result<Value> {
    logic(call, |a, b| a || b)
}

fn logical_xor(call: &Call) -> Result<Value> {
    logic(call, |a, b| a != b)
}

/// `where(condition, a, b)`.
fn choose(call: &Call) -> Result<Value> {
    let condition = call.tensor(0)?;
    let (a, b) = (call.operand(1)?, call.operand(2)?);
    answer(select(condition, &a, &b, result_type(&[&a, &b]))?)
}

/// `a` where the condition holds and `b` elsewhere, both cast to `dtype`.
pub(crate) fn select(condition: &Tensor, a: &Operand, b: &Operand, dtype: DType) -> Result<Tensor> {
    if !matches!(condition.dtype(), DType::Bool | DType::U8) {
        fail!(
            Runtime,
            "where expected condition to be a boolean tensor, but got {}",
            condition.dtype()
        );
    }
    if dtype.is_complex() {
        return complex::select(condition, a, b, dtype);
    }
    let shape = broadcast(condition.shape(), &broadcast(a.shape(), b.shape())?)?;
    let (a, b) = (as_tensor(a, dtype)?, as_tensor(b, dtype)?);
    let (mask, mask_layout) = condition.read_strided::<u8>()?;
    let mask_layout = mask_layout.expand(&shape)?;
    let target = Tensor::target(dtype);
    let (a, b) = (a.stored_as(target)?, b.stored_as(target)?);
    let layouts = [&mask_layout, &a.layout.expand(&shape)?, &b.layout.expand(&shape)?];
    let out = crate::join::blank_on_host(&shape, dtype, target)?;
    let (x, y) = (a.storage.read()?, b.storage.read()?);
    let mut guard = out.storage.write()?;
    with_bits!(target, U => {
        pick::<U>(&mask, bits(&x)?, bits(&y)?, layouts, bits_mut(&mut guard)?);
    });
    drop(guard);
    Ok(out)
}

fn pick<U: bytemuck::Pod + Sync>(
    mask: &[u8],
    x: &[U],
    y: &[U],
    layouts: [&Layout; 3],
    out: &mut [U],
) {
    let walk = Walk::new(layouts);
    let [mask_step, x_step, y_step] = walk.steps();
    for_chunks(out, walk.grain(), 1, |start, chunk| {
        walk.rows(start, start + chunk.len(), &mut |position, [mask_at, x_at, y_at], len| {
            let row = &mut chunk[position..position + len];
            if let [1, x_step @ (0 | 1), y_step @ (0 | 1)] = [mask_step, x_step, y_step] {
                let mask = &mask[mask_at..mask_at + len];
                match (x_step, y_step) {
                    (0, 0) => pick_row(row, mask, |_| x[x_at], |_| y[y_at]),
                    (0, _) => {
                        let y = &y[y_at..y_at + len];
                        pick_row(row, mask, |_| x[x_at], |it| y[it]);
                    }
                    (_, 0) => {
                        let x = &x[x_at..x_at + len];
                        pick_row(row, mask, |it| x[it], |_| y[y_at]);
                    }
                    _ => {
                        let (x, y) = (&x[x_at..x_at + len], &y[y_at..y_at + len]);
                        pick_row(row, mask, |it| x[it], |it| y[it]);
                    }
                }
                return;
            }
            for (idx, to) in row.iter_mut().enumerate() {
                *to = if mask[mask_at + idx * mask_step] != 0 {
                    x[x_at + idx * x_step]
                } else {
                    y[y_at + idx * y_step]
                };
            }
        });
    });
}

fn pick_row<T: Copy>(row: &mut [T], mask: &[u8], x: impl Fn(usize) -> T, y: impl Fn(usize) -> T) {
    for (idx, (to, on)) in row.iter_mut().zip(mask).enumerate() {
        let (x, y) = (x(idx), y(idx));
        *to = if *on != 0 { x } else { y };
    }
}

/// An operand as a tensor of that dtype; a boolean target tests for zero.
pub(crate) fn as_tensor(operand: &Operand, dtype: DType) -> Result<Tensor> {
    match operand {
        Operand::Tensor(it) => crate::cast::cast(it, dtype),
        Operand::Scalar(it) => crate::create::scalar(*it, dtype),
    }
}

fn masked(call: &Call) -> Result<Tensor> {
    let (x, mask, value) = (call.tensor(0)?, call.tensor(1)?, call.operand(2)?);
    if mask.dtype() != DType::Bool {
        fail!(
            Runtime,
            "masked_fill only supports boolean masks, but got mask with dtype {}",
            mask.dtype()
        );
    }
    if value.shape().iter().any(|it| *it != 1) || !value.shape().is_empty() {
        fail!(Runtime, "masked_fill only supports a 0-dimensional value tensor");
    }
    if value.dtype().category() > x.dtype().category() {
        fail!(Runtime, "value cannot be converted to type {} without overflow", x.dtype());
    }
    select(mask, &value, &Operand::Tensor(x.clone()), x.dtype())
}

fn masked_fill(call: &Call) -> Result<Value> {
    answer(masked(call)?)
}

fn masked_fill_(call: &Call) -> Result<Value> {
    write_back(call.tensor(0)?, &masked(call)?)
}

/// `clamp(x, min, max)`; a bound may be a number, a tensor or nothing. NaN stays.
fn clamped(call: &Call) -> Result<Tensor> {
    let x = call.operand(0)?;
    let (low, high) = (call.optional_operand(1)?, call.optional_operand(2)?);
    if low.is_none() && high.is_none() {
        fail!(Runtime, "At least one of 'min' or 'max' must not be None");
    }
    let bounds: Vec<&Operand> = low.iter().chain(&high).collect();
    let dtype = result_type(&[&[&x], bounds.as_slice()].concat());
    let mut out = as_tensor(&x, dtype)?;
    for (bound, is_low) in [(low, true), (high, false)] {
        let Some(bound) = bound else { continue };
        let bound = Operand::Tensor(as_tensor(&bound, dtype)?);
        let left = Operand::Tensor(out);
        out = if is_low {
            crate::binary::binary::<crate::binary::Maximum>(&left, &bound)?
        } else {
            crate::binary::binary::<crate::binary::Minimum>(&left, &bound)?
        };
    }
    Ok(out)
}

fn clamp(call: &Call) -> Result<Value> {
    answer(clamped(call)?)
}

fn clamp_(call: &Call) -> Result<Value> {
    write_back(call.tensor(0)?, &clamped(call)?)
}

/// Whether shapes and all elements are the same.
fn equal(call: &Call) -> Result<Value> {
    let (a, b) = (call.tensor(0)?, call.tensor(1)?);
    if a.shape() != b.shape() {
        return Ok(Value::Bool(false));
    }
    let same = compare::<Eq>(&call.operand(0)?, &call.operand(1)?)?;
    let all = same.read::<u8>()?.iter().all(|it| *it != 0);
    Ok(Value::Bool(all))
}

fn isclose(call: &Call) -> Result<Value> {
    let (a, b) = (call.operand(0)?, call.operand(1)?);
    let (rtol, atol) = (call.float_or(2, 1e-5)?, call.float_or(3, 1e-8)?);
    let equal_nan = call.bool_or(4, false)?;
    let near = pairwise(|x: f64, y: f64| {
        let near =
            x == y || (x.is_finite() && y.is_finite() && (x - y).abs() <= atol + rtol * y.abs());
        u8::from(near || (equal_nan && x.is_nan() && y.is_nan()))
    });
    let (values, shape) = combine::<f64, u8>(&a, &b, 4, &near)?;
    answer(Tensor::new(values, &shape, DType::Bool)?)
}

const OTHER: &[Kernel] = &[
    Kernel::new("logical_and", logical_and, "logical_and(a, b) -> bool"),
    Kernel::new("logical_or", logical_or, "logical_or(a, b) -> bool"),
    Kernel::new("logical_xor", logical_xor, "logical_xor(a, b) -> bool"),
    Kernel::new("where", choose, "where(condition, a, b)"),
    Kernel::new("masked_fill", masked_fill, "masked_fill(x, mask, value)"),
    Kernel::new("masked_fill_", masked_fill_, "masked_fill_(x, mask, value): writes to x"),
    Kernel::new("clamp", clamp, "clamp(x, min=None, max=None)"),
    Kernel::new("clamp_", clamp_, "clamp_(x, min=None, max=None): writes to x"),
    Kernel::new("equal", equal, "equal(a, b) -> bool number"),
    Kernel::new("isclose", isclose, "isclose(a, b, rtol=1e-5, atol=1e-8, equal_nan=False) -> bool"),
];

pub(crate) const KERNELS: &[&[Kernel]] = &[COMPARISONS, OTHER];
