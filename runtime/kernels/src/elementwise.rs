//! How one, two or three operands become a tensor element by element: promotion, broadcasting and
//! the loops. The operations themselves are in `unary`, `binary` and `compare`.

use crate::{
    context::{self},
    dtype::{Category, DType, promote},
    element::Element,
    error::{Result, fail},
    layout::{Layout, Walk, broadcast, numel},
    read::Read,
    storage,
    tensor::Tensor,
    threads::for_chunks,
    value::Value,
};

/// A Python number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Complex(f64, f64),
}

/// A tensor or a Python number.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    Tensor(Tensor),
    Scalar(Scalar),
}

impl Operand {
    pub(crate) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Tensor(it) => Self::Tensor(it.clone()),
            Value::Bool(it) => Self::Scalar(Scalar::Bool(*it)),
            Value::Int(it) => Self::Scalar(Scalar::Int(*it)),
            Value::Float(it) => Self::Scalar(Scalar::Float(*it)),
            Value::Complex(re, im) => Self::Scalar(Scalar::Complex(*re, *im)),
            _ => return None,
        })
    }

    /// The dtype that the operand would have as a tensor of its own.
    pub(crate) fn dtype(&self) -> DType {
        match self {
            Self::Tensor(it) => it.dtype(),
            Self::Scalar(it) => it.dtype(),
        }
    }

    pub(crate) fn shape(&self) -> &[usize] {
        match self {
            Self::Tensor(it) => it.shape(),
            Self::Scalar(_) => &[],
        }
    }

    /// The value of a number or of a tensor without dimensions.
    pub(crate) fn constant<T: Element>(&self) -> Result<Option<T>> {
        match self {
            Self::Tensor(it) if it.rank() == 0 && !it.dtype().is_complex() => {
                it.only::<T>().map(Some)
            }
            Self::Tensor(_) | Self::Scalar(Scalar::Complex(..)) => Ok(None),
            Self::Scalar(it) => Ok(Some(it.get::<T>())),
        }
    }
}

impl Scalar {
    pub(crate) fn dtype(self) -> DType {
        match self {
            Self::Bool(_) => DType::Bool,
            Self::Int(_) => DType::I64,
            Self::Float(_) => context::settings().default_dtype,
            Self::Complex(..) if context::settings().default_dtype == DType::F64 => DType::C128,
            Self::Complex(..) => DType::C64,
        }
    }

    pub(crate) fn get<T: Element>(self) -> T {
        match self {
            Self::Bool(it) => T::from_i64(i64::from(it)),
            Self::Int(it) => T::from_i64(it),
            Self::Float(it) | Self::Complex(it, _) => T::from_f64(it),
        }
    }
}

/// `torch.result_type`: tensors with dimensions decide, then those without, then numbers; a lower
/// rank is heard only where its category is higher.
pub(crate) fn result_type(operands: &[&Operand]) -> DType {
    let (mut full, mut zero, mut number) = (None, None, None);
    for operand in operands {
        let slot = match operand {
            Operand::Tensor(it) if it.rank() > 0 => &mut full,
            Operand::Tensor(_) => &mut zero,
            Operand::Scalar(_) => &mut number,
        };
        let dtype = operand.dtype();
        *slot = Some(slot.map_or(dtype, |it| promote(it, dtype)));
    }
    prefer(full, prefer(zero, number)).unwrap_or_else(|| context::settings().default_dtype)
}

fn prefer(high: Option<DType>, low: Option<DType>) -> Option<DType> {
    let (Some(high), Some(low)) = (high, low) else {
        return high.or(low);
    };
    Some(match (high.category(), low.category()) {
        (Category::Float, Category::Complex) => promote(DType::C64, high),
        (Category::Bool | Category::Integer, b) if high.category() < b => promote(high, low),
        _ => high,
    })
}

/// An operand as elements of one type.
pub(crate) enum Source<'a, T> {
    Elements(Read<'a, T>, Layout),
    Constant(T),
}

/// Reads an operand as `T`; numbers and tensors without dimensions become constants.
pub(crate) fn source<T: Element>(operand: &Operand) -> Result<Source<'_, T>> {
    if let Some(value) = operand.constant::<T>()? {
        return Ok(Source::Constant(value));
    }
    match operand {
        Operand::Tensor(it) => {
            let (read, layout) = it.read_strided::<T>()?;
            Ok(Source::Elements(read, layout))
        }
        Operand::Scalar(_) => fail!(Type, "a complex number does not go here"),
    }
}

/// Applies `f` to every element in row-major order.
pub(crate) fn map<A: Element, O: Element>(
    values: &[A],
    layout: &Layout,
    cost: usize,
    f: impl Fn(A) -> O + Sync,
) -> Result<Vec<O>> {
    let mut out = storage::zeros::<O>(layout.numel())?;
    let walk = Walk::new([layout]);
    let [step] = walk.steps();
    for_chunks(&mut out, walk.grain(), cost, |start, chunk| {
        walk.rows(start, start + chunk.len(), |position, [offset], len| {
            let row = &mut chunk[position..position + len];
            if step == 1 {
                for (to, from) in row.iter_mut().zip(&values[offset..offset + len]) {
                    *to = f(*from);
                }
            } else {
                for (idx, to) in row.iter_mut().enumerate() {
                    *to = f(values[offset + idx * step]);
                }
            }
        });
    });
    Ok(out)
}

/// Applies `f` to every pair of two broadcast operands.
pub(crate) fn zip<A: Element, B: Element, O: Element>(
    a: (&[A], &Layout),
    b: (&[B], &Layout),
    shape: &[usize],
    cost: usize,
    f: impl Fn(A, B) -> O + Sync,
) -> Result<Vec<O>> {
    let (a_layout, b_layout) = (a.1.expand(shape)?, b.1.expand(shape)?);
    let (a, b) = (a.0, b.0);
    let mut out = storage::zeros::<O>(numel(shape)?)?;
    let walk = Walk::new([&a_layout, &b_layout]);
    let steps = walk.steps();
    for_chunks(&mut out, walk.grain(), cost, |start, chunk| {
        walk.rows(start, start + chunk.len(), |position, [a_at, b_at], len| {
            let row = &mut chunk[position..position + len];
            match steps {
                [1, 1] => {
                    let pairs = a[a_at..a_at + len].iter().zip(&b[b_at..b_at + len]);
                    for (to, (x, y)) in row.iter_mut().zip(pairs) {
                        *to = f(*x, *y);
                    }
                }
                [1, 0] => {
                    let y = b[b_at];
                    for (to, x) in row.iter_mut().zip(&a[a_at..a_at + len]) {
                        *to = f(*x, y);
                    }
                }
                [0, 1] => {
                    let x = a[a_at];
                    for (to, y) in row.iter_mut().zip(&b[b_at..b_at + len]) {
                        *to = f(x, *y);
                    }
                }
                [a_step, b_step] => {
                    for (idx, to) in row.iter_mut().enumerate() {
                        *to = f(a[a_at + idx * a_step], b[b_at + idx * b_step]);
                    }
                }
            }
        });
    });
    Ok(out)
}

/// Applies `f` to two operands read as `T`, each of which may be a constant.
pub(crate) fn combine<T: Element, O: Element>(
    a: &Operand,
    b: &Operand,
    cost: usize,
    f: impl Fn(T, T) -> O + Sync,
) -> Result<(Vec<O>, Vec<usize>)> {
    let shape = broadcast(a.shape(), b.shape())?;
    let values = match (source::<T>(a)?, source::<T>(b)?) {
        (Source::Elements(x, x_layout), Source::Elements(y, y_layout)) => {
            zip((&x, &x_layout), (&y, &y_layout), &shape, cost, f)?
        }
        (Source::Elements(x, layout), Source::Constant(y)) => map(&x, &layout, cost, |x| f(x, y))?,
        (Source::Constant(x), Source::Elements(y, layout)) => map(&y, &layout, cost, |y| f(x, y))?,
        (Source::Constant(x), Source::Constant(y)) => vec![f(x, y)],
    };
    Ok((values, shape))
}

/// Whole numbers as a tensor of an integral dtype, wrapped to its width.
pub(crate) fn integers(values: Vec<i64>, shape: &[usize], dtype: DType) -> Result<Tensor> {
    match dtype {
        DType::Bool => {
            Tensor::new(values.iter().map(|it| u8::from(*it != 0)).collect(), shape, dtype)
        }
        DType::I64 => Tensor::new(values, shape, dtype),
        DType::U8 => Tensor::new(values.iter().map(|it| *it as u8).collect(), shape, dtype),
        DType::I8 => Tensor::new(values.iter().map(|it| *it as i8).collect(), shape, dtype),
        DType::I16 => Tensor::new(values.iter().map(|it| *it as i16).collect(), shape, dtype),
        DType::I32 => Tensor::new(values.iter().map(|it| *it as i32).collect(), shape, dtype),
        other => fail!(Runtime, "{other} does not hold whole numbers only"),
    }
}

/// Writes a result into the first argument, as an in-place operation does.
pub(crate) fn write_back(target: &Tensor, result: &Tensor) -> Result<Value> {
    if result.dtype().category() > target.dtype().category() {
        fail!(
            Runtime,
            "result type {} can't be cast to the desired output type {}",
            result.dtype(),
            target.dtype()
        );
    }
    if result.shape() != target.shape() {
        fail!(
            Runtime,
            "output with shape {:?} doesn't match the broadcast shape {:?}",
            target.shape(),
            result.shape()
        );
    }
    target.copy_from(result)?;
    Ok(Value::Tensor(target.clone()))
}
