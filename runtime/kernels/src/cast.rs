//! Between dtypes, and out to numbers.

use crate::{
    call::{Call, answer},
    complex,
    context::{self, Precision},
    dtype::{Category, DType, Physical},
    element::{with_bits, with_element},
    error::{Result, fail},
    storage::{bits, bits_mut},
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// The tensor with another nominal dtype; the same handle when it has it already.
///
/// In exact mode a cast between floating dtypes changes the nominal dtype only; but in a model of a wider dtype
/// one to a half type rounds, as the model's code asks for that by name.
pub(crate) fn cast(tensor: &Tensor, dtype: DType) -> Result<Tensor> {
    let target = Tensor::target(dtype);
    if tensor.dtype() == dtype {
        return tensor.stored_as(target);
    }
    if tensor.dtype().is_complex() || dtype.is_complex() {
        return complex::cast(tensor, dtype);
    }
    if dtype == DType::Bool {
        let values = with_element!(tensor.physical(), S => {
            let zero = S::default();
            tensor.read::<S>()?.iter().map(|it| u8::from(*it != zero)).collect::<Vec<u8>>()
        });
        return Tensor::new(values, tensor.shape(), dtype);
    }
    if tensor.dtype() == DType::U64 && tensor.read::<i64>()?.iter().any(|it| *it < 0) {
        fail!(Unsupported, "whole numbers from 2^63 on as {dtype}");
    }
    let rounds = is_half(dtype) && target == Physical::F64 && !is_half(tensor.dtype());
    if rounds && context::settings().rounds_halves {
        let rounded = tensor.stored_as(dtype.physical(Precision::Native))?;
        return Ok(rounded.stored_as(target)?.renamed(dtype));
    }
    if tensor.physical() == target {
        // Exact mode shares nothing: a cast is a new tensor in PyTorch too.
        return Ok(tensor.to_contiguous()?.renamed(dtype));
    }
    Ok(tensor.stored_as(target)?.renamed(dtype))
}

pub(crate) fn is_half(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::BF16)
}

fn to_dtype(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let Some(dtype) = call.optional_dtype(1)? else {
        return answer(x.clone());
    };
    let out = cast(x, dtype)?;
    answer(if call.bool_or(2, false)? && out.shares_storage(x) {
        out.to_contiguous()?
    } else {
        out
    })
}

/// `to_device(x, name)`: x itself when it is there.
fn to_device(call: &Call) -> Result<Value> {
    answer(call.tensor(0)?.to_device(call.text(1)?.parse()?)?)
}

/// The element as a Python number.
fn item(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    if x.dtype().is_complex() {
        let values = complex::read(x)?;
        let [value] = values.as_slice() else {
            fail!(Runtime, "a Tensor with {} elements cannot be converted to Scalar", values.len());
        };
        return Ok(Value::Complex(value.re, value.im));
    }
    Ok(match x.dtype().category() {
        Category::Bool => Value::Bool(x.only::<u8>()? != 0),
        Category::Integer => Value::Int(x.only::<i64>()?),
        _ => Value::Float(x.only::<f64>()?),
    })
}

/// Nested lists of Python numbers.
pub(crate) fn nested(call: &Call) -> Result<Value> {
    tolist(call)
}

fn tolist(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    if x.rank() == 0 {
        return item(call);
    }
    crate::context::admit(x.numel(), std::mem::size_of::<Value>())?;
    let values: Vec<Value> = match x.dtype().category() {
        Category::Bool => x.read::<u8>()?.iter().map(|it| Value::Bool(*it != 0)).collect(),
        Category::Integer => x.read::<i64>()?.iter().map(|it| Value::Int(*it)).collect(),
        Category::Float => x.read::<f64>()?.iter().map(|it| Value::Float(*it)).collect(),
        Category::Complex => {
            complex::read(x)?.iter().map(|it| Value::Complex(it.re, it.im)).collect()
        }
    };
    Ok(nest(&mut values.into_iter(), x.shape()))
}

fn nest(values: &mut impl Iterator<Item = Value>, shape: &[usize]) -> Value {
    let [dim, rest @ ..] = shape else {
        return values.next().unwrap_or(Value::None);
    };
    Value::List((0..*dim).map(|_| nest(values, rest)).collect())
}

/// A copy of the elements' bytes as another type of the same width.
fn bitcast(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let Some(dtype) = call.optional_dtype(1)? else {
        fail!(Type, "argument 2 must be dtype, not None");
    };
    let target = dtype.physical(Precision::Native);
    if x.is_exact() || x.dtype().is_complex() || dtype.is_complex() {
        fail!(Unsupported, "no bytes of {} to read as {dtype}", x.dtype());
    }
    if x.physical().size() != target.size() {
        return resized(x, dtype);
    }
    let x = if x.is_contiguous() { x.clone() } else { x.to_contiguous()? };
    let out = crate::join::blank_on_host(x.shape(), dtype, target)?;
    with_bits!(target, U => {
        let guard = x.storage.read()?;
        let from = &bits::<U>(&guard)?[x.layout.offset..][..x.numel()];
        bits_mut::<U>(&mut *out.storage.write()?)?.copy_from_slice(from);
    });
    answer(out)
}

/// The bytes of whole rows as elements of another width: the last dimension shrinks or grows.
fn resized(x: &Tensor, dtype: DType) -> Result<Value> {
    let Some((last, lead)) = x.shape().split_last() else {
        fail!(Runtime, "an element of {} has no bytes for one of {dtype}", x.dtype());
    };
    let bytes = last * x.dtype().size();
    if bytes % dtype.size() != 0 {
        fail!(Runtime, "rows of {bytes} bytes do not hold whole elements of {dtype}");
    }
    let shape = [lead, &[bytes / dtype.size()]].concat();
    answer(Tensor::from_bytes(&x.to_bytes()?, &shape, dtype)?)
}

fn dtype_of(call: &Call, idx: usize) -> Result<DType> {
    call.optional_dtype(idx)?
        .ok_or_else(|| crate::KernelError::Type(format!("argument {} must be dtype", idx + 1)))
}

fn promote_types(call: &Call) -> Result<Value> {
    Ok(Value::DType((context::semantics().promote)(dtype_of(call, 0)?, dtype_of(call, 1)?)))
}

/// `finfo(dtype)`: bits, eps, max, min, tiny, in that order.
fn finfo(call: &Call) -> Result<Value> {
    let (bits, eps, max, tiny) = match dtype_of(call, 0)? {
        DType::F16 => (16, 9.765_625e-4, 65504.0, 6.103_515_625e-5),
        DType::BF16 => {
            (16, 0.007_812_5, f64::from(half::bf16::MAX), f64::from(half::bf16::MIN_POSITIVE))
        }
        DType::F32 | DType::C64 => {
            (32, f64::from(f32::EPSILON), f64::from(f32::MAX), f64::from(f32::MIN_POSITIVE))
        }
        DType::F64 | DType::C128 => (64, f64::EPSILON, f64::MAX, f64::MIN_POSITIVE),
        other => fail!(Type, "torch.finfo() requires a floating point input type, not {other}"),
    };
    let floats = [eps, max, -max, tiny].map(Value::Float);
    Ok(Value::List(std::iter::once(Value::Int(bits)).chain(floats).collect()))
}

/// `iinfo(dtype)`: bits, max, min, in that order.
fn iinfo(call: &Call) -> Result<Value> {
    let (bits, max, min) = match dtype_of(call, 0)? {
        DType::U8 => (8, i64::from(u8::MAX), 0),
        DType::U16 => (16, i64::from(u16::MAX), 0),
        DType::U32 => (32, i64::from(u32::MAX), 0),
        DType::I8 => (8, i64::from(i8::MAX), i64::from(i8::MIN)),
        DType::I16 => (16, i64::from(i16::MAX), i64::from(i16::MIN)),
        DType::I32 => (32, i64::from(i32::MAX), i64::from(i32::MIN)),
        DType::I64 => (64, i64::MAX, i64::MIN),
        other => fail!(Type, "torch.iinfo() requires an integer input type, not {other}"),
    };
    Ok(Value::List([bits, max, min].map(Value::Int).to_vec()))
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new("to_dtype", to_dtype, "to_dtype(x, dtype, copy=False): x itself when it has it"),
    Kernel::new(
        "to_device",
        to_device,
        "to_device(x, 'cpu'|'cuda:0'|...): x itself when it is there",
    ),
    Kernel::new("item", item, "item(x) -> number"),
    Kernel::new("tolist", tolist, "tolist(x) -> nested lists of numbers"),
    Kernel::new("bitcast", bitcast, "bitcast(x, dtype): a copy of the bytes as another type"),
    Kernel::new("promote_types", promote_types, "promote_types(a, b) -> dtype"),
    Kernel::new("finfo", finfo, "finfo(dtype) -> [bits, eps, max, min, tiny]"),
    Kernel::new("iinfo", iinfo, "iinfo(dtype) -> [bits, max, min]"),
]];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Settings, enter};

    /// What a model's code rounds by name is a part of the model: a scale in bfloat16 is another scale.
    #[test]
    fn exact_mode_rounds_where_a_half_type_is_named_and_nowhere_else() {
        let _scope = enter(Settings { precision: Precision::Exact, ..Settings::default() });
        let root = 128f64.sqrt();
        let wide = Tensor::from_f64(&[root], &[1], DType::F32).unwrap();
        let through = |dtype| {
            let there = cast(&wide, dtype).unwrap();
            assert_eq!(there.dtype(), dtype);
            cast(&there, DType::F32).unwrap().to_f64_vec().unwrap()[0]
        };
        assert_eq!(through(DType::F64), root);
        assert_eq!(through(DType::BF16), 11.3125);
        assert_eq!(through(DType::F16), 11.3125);
        let scalar = |dtype| {
            let made = crate::create::from_value(&Value::Float(root), Some(dtype)).unwrap();
            made.to_f64_vec().unwrap()[0]
        };
        assert_eq!((scalar(DType::F32), scalar(DType::BF16)), (root, 11.3125));
        // What a model of a half type computes in float32 it hands back.
        context::set_rounds_halves(false);
        assert_eq!(through(DType::BF16), root);
    }
}
