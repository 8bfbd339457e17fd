//! How one, two or three operands become a tensor element by element: promotion, broadcasting and
//! the loops. The operations themselves are in `unary`, `binary` and `compare`.

use crate::{
    context,
    dtype::DType,
    element::{Computed, Element},
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
            Self::Int(it) => (context::semantics().whole)(it),
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

/// The dtype of what an operation of several operands gives.
pub(crate) fn result_type(operands: &[&Operand]) -> DType {
    (context::semantics().result_type)(operands)
}

/// An operand as elements of one type.
pub(crate) enum Source<'a, T: Computed> {
    Elements(Read<'a, T>, Layout),
    /// A number in the wide type.
    Constant(T::Wide),
}

/// Reads an operand as `T`; numbers and tensors without dimensions become constants.
pub(crate) fn source<T: Computed>(operand: &Operand) -> Result<Source<'_, T>> {
    if let Some(value) = operand.constant::<T::Wide>()? {
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

impl<T: Computed> Source<'_, T> {
    /// A number rounded to the elements' own type first, where the operation asks for that.
    pub(crate) fn rounded(self, rounds: bool) -> Self {
        match self {
            Self::Constant(it) if rounds => Self::Constant(T::narrowed(it).widened()),
            other => other,
        }
    }
}

/// How many elements are computed at a time: three blocks of 64 bits stay in the first cache.
const BLOCK: usize = 1024;

/// One operand of a walk, in the wide type a block at a time.
///
/// The loops of an operation see contiguous runs of the wide type only. So an operation is compiled
/// once for each type that is computed in, and not once more for every way that operands can lie.
struct Blocks<'a, T: Computed> {
    values: &'a [T],
    step: usize,
    constant: bool,
    buffer: Vec<T::Wide>,
}

impl<'a, T: Computed> Blocks<'a, T> {
    fn new(source: &'a Source<'_, T>, step: usize, longest: usize) -> Self {
        match source {
            Source::Elements(values, _) => {
                Self { values, step, constant: false, buffer: Vec::new() }
            }
            Source::Constant(value) => {
                Self { values: &[], step, constant: true, buffer: vec![*value; longest.min(BLOCK)] }
            }
        }
    }

    /// `count` elements from `at` on.
    fn load(&mut self, at: usize, count: usize) -> &[T::Wide] {
        if self.constant {
            return &self.buffer[..count];
        }
        if self.step == 1
            && let Some(direct) = T::as_wide(&self.values[at..at + count])
        {
            return direct;
        }
        if self.buffer.len() < count {
            self.buffer.resize(count, T::Wide::default());
        }
        let buffer = &mut self.buffer[..count];
        match self.step {
            0 => buffer.fill(self.values[at].widened()),
            1 => {
                for (to, from) in buffer.iter_mut().zip(&self.values[at..at + count]) {
                    *to = from.widened();
                }
            }
            step => {
                let from = self.values[at..].iter().step_by(step);
                for (to, from) in buffer.iter_mut().zip(from) {
                    *to = from.widened();
                }
            }
        }
        buffer
    }
}

/// Where an operand's elements lie once it is broadcast.
fn spread<T: Computed>(source: &Source<'_, T>, shape: &[usize]) -> Result<Layout> {
    match source {
        Source::Elements(_, layout) => layout.expand(shape),
        Source::Constant(_) => Layout::contiguous(&[]).expand(shape),
    }
}

/// Computes one block of a result, by way of `scratch` where its type is narrower.
fn store<O: Computed>(row: &mut [O], scratch: &mut Vec<O::Wide>, f: impl FnOnce(&mut [O::Wide])) {
    if let Some(direct) = O::as_wide_mut(row) {
        return f(direct);
    }
    scratch.resize(row.len(), O::Wide::default());
    f(scratch);
    for (to, from) in row.iter_mut().zip(scratch) {
        *to = O::narrowed(*from);
    }
}

/// A loop over blocks of one operand.
pub(crate) type MapLoop<'a, A, O> = &'a (dyn Fn(&mut [O], &[A]) + Sync);
/// A loop over blocks of two operands.
pub(crate) type ZipLoop<'a, A, O> = &'a (dyn Fn(&mut [O], &[A], &[A]) + Sync);

/// Applies a loop to every element of a source of that layout, in row-major order.
pub(crate) fn map<T: Computed, O: Computed>(
    source: &Source<'_, T>,
    cost: usize,
    f: MapLoop<'_, T::Wide, O::Wide>,
) -> Result<Vec<O>> {
    let scalar = Layout::contiguous(&[]);
    let layout = if let Source::Elements(_, layout) = source { layout } else { &scalar };
    let mut out = storage::zeros::<O>(layout.numel())?;
    let walk = Walk::new([layout]);
    let [step] = walk.steps();
    for_chunks(&mut out, walk.grain(), cost, |start, chunk| {
        let mut blocks = Blocks::new(source, step, chunk.len());
        let mut scratch = Vec::new();
        walk.rows(start, start + chunk.len(), &mut |position, [at], len| {
            for from in (0..len).step_by(BLOCK) {
                let count = BLOCK.min(len - from);
                let values = blocks.load(at + from * step, count);
                let row = &mut chunk[position + from..][..count];
                store(row, &mut scratch, |out| f(out, values));
            }
        });
    });
    Ok(out)
}

/// Applies a loop to every pair of two broadcast sources.
pub(crate) fn zip<T: Computed, O: Computed>(
    a: &Source<'_, T>,
    b: &Source<'_, T>,
    shape: &[usize],
    cost: usize,
    f: ZipLoop<'_, T::Wide, O::Wide>,
) -> Result<Vec<O>> {
    let (a_layout, b_layout) = (spread(a, shape)?, spread(b, shape)?);
    let mut out = storage::zeros::<O>(numel(shape)?)?;
    let walk = Walk::new([&a_layout, &b_layout]);
    let [a_step, b_step] = walk.steps();
    for_chunks(&mut out, walk.grain(), cost, |start, chunk| {
        let mut x = Blocks::new(a, a_step, chunk.len());
        let mut y = Blocks::new(b, b_step, chunk.len());
        let mut scratch = Vec::new();
        walk.rows(start, start + chunk.len(), &mut |position, [a_at, b_at], len| {
            for from in (0..len).step_by(BLOCK) {
                let count = BLOCK.min(len - from);
                let x = x.load(a_at + from * a_step, count);
                let y = y.load(b_at + from * b_step, count);
                let row = &mut chunk[position + from..][..count];
                store(row, &mut scratch, |out| f(out, x, y));
            }
        });
    });
    Ok(out)
}

/// Applies a loop to two operands read as `T`, each of which may be a constant.
pub(crate) fn combine<T: Computed, O: Computed>(
    a: &Operand,
    b: &Operand,
    cost: usize,
    f: ZipLoop<'_, T::Wide, O::Wide>,
) -> Result<(Vec<O>, Vec<usize>)> {
    let shape = broadcast(a.shape(), b.shape())?;
    let values = zip(&source::<T>(a)?, &source::<T>(b)?, &shape, cost, f)?;
    Ok((values, shape))
}

/// A loop over pairs from a function of one pair.
pub(crate) fn pairwise<A: Copy, O>(
    f: impl Fn(A, A) -> O + Sync,
) -> impl Fn(&mut [O], &[A], &[A]) + Sync {
    move |out, x, y| {
        for (to, (x, y)) in out.iter_mut().zip(x.iter().zip(y)) {
            *to = f(*x, *y);
        }
    }
}

/// A loop over elements from a function of one.
pub(crate) fn each<A: Copy, O>(f: impl Fn(A) -> O + Sync) -> impl Fn(&mut [O], &[A]) + Sync {
    move |out, x| {
        for (to, x) in out.iter_mut().zip(x) {
            *to = f(*x);
        }
    }
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
        DType::U16 => Tensor::new(values.iter().map(|it| *it as u16).collect(), shape, dtype),
        DType::U32 => Tensor::new(values.iter().map(|it| *it as u32).collect(), shape, dtype),
        DType::U64 => Tensor::new(values.iter().map(|it| *it as u64).collect(), shape, dtype),
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
