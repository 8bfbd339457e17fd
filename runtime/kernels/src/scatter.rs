//! Elements by index tensors of the same rank: gather, the scatter family and `index_add`.

use crate::{
    call::{Call, answer, dim_of},
    cast::cast,
    dtype::DType,
    element::{Element, with_element},
    elementwise::{Operand, Scalar},
    error::{Result, fail},
    layout::{Layout, Walk},
    shape::swapped,
    storage::{self, typed, typed_mut},
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// How an element that arrives meets the one that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meet {
    Replace,
    Sum,
    Product,
    Mean,
    Largest,
    Smallest,
}

impl Meet {
    fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "add" | "sum" => Self::Sum,
            "multiply" | "prod" => Self::Product,
            "mean" => Self::Mean,
            "amax" => Self::Largest,
            "amin" => Self::Smallest,
            other => fail!(
                Runtime,
                "reduce argument must be either sum, prod, mean, amax or amin, got {other}"
            ),
        })
    }

    fn apply<T: Element>(self, there: T, arriving: T) -> T {
        let nan = |it: T| it.partial_cmp(&it).is_none();
        match self {
            Self::Sum | Self::Mean => sum(there, arriving),
            Self::Product => product(there, arriving),
            Self::Largest if nan(there) || there > arriving => there,
            Self::Smallest if nan(there) || there < arriving => there,
            Self::Replace | Self::Largest | Self::Smallest => arriving,
        }
    }
}

/// A sum in the type's own arithmetic.
pub(crate) fn sum<T: Element>(a: T, b: T) -> T {
    if !T::IS_FLOAT {
        T::from_i64(a.as_i64().wrapping_add(b.as_i64()))
    } else if T::IS_F64 {
        T::from_f64(a.as_f64() + b.as_f64())
    } else {
        T::from_f32(a.as_f32() + b.as_f32())
    }
}

fn product<T: Element>(a: T, b: T) -> T {
    if !T::IS_FLOAT {
        T::from_i64(a.as_i64().wrapping_mul(b.as_i64()))
    } else if T::IS_F64 {
        T::from_f64(a.as_f64() * b.as_f64())
    } else {
        T::from_f32(a.as_f32() * b.as_f32())
    }
}

/// The place in `x`'s storage that each element of `index` names, in row-major order.
fn places(x: &Tensor, dim: usize, index: &Tensor) -> Result<Vec<usize>> {
    if !matches!(index.dtype(), DType::I64 | DType::I32) {
        fail!(Runtime, "expected dtype int64 for index, not {}", index.dtype());
    }
    let (x_shape, shape) = (x.shape(), index.shape());
    let scalar = x.rank() == 0 || index.rank() == 0;
    let fits = x.rank().max(1) == index.rank().max(1)
        && (scalar || (0..x.rank()).all(|it| it == dim || shape[it] <= x_shape[it]));
    if !fits && index.numel() > 0 {
        fail!(
            Runtime,
            "Size does not match at some dimension: expected index {shape:?} to be no larger than self {x_shape:?} apart from dimension {dim}"
        );
    }
    let count = index.numel();
    let values = index.read::<i64>()?;
    let mut out = storage::zeros::<i64>(count)?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let size = x_shape.get(dim).copied().unwrap_or(1) as i64;
    let stride = x.layout.strides.get(dim).copied().unwrap_or(0);
    let mut strides = x.layout.strides.clone();
    strides.resize(shape.len(), 0);
    if let Some(it) = strides.get_mut(dim) {
        *it = 0;
    }
    let base = Layout { shape: shape.to_vec(), strides, offset: x.layout.offset };
    let walk = Walk::new([&base]);
    let [step] = walk.steps();
    let mut wrong = None;
    walk.rows(0, count, &mut |position, [at], len| {
        for idx in 0..len {
            let place = values[position + idx];
            if place < 0 || size <= place {
                wrong = Some(place);
                continue;
            }
            out[position + idx] = (at + idx * step + place as usize * stride) as i64;
        }
    });
    if let Some(place) = wrong {
        fail!(Index, "index {place} is out of bounds for dimension {dim} with size {size}");
    }
    Ok(out.into_iter().map(|it| it as usize).collect())
}

fn real_only(x: &Tensor) -> Result<()> {
    if x.dtype().is_complex() {
        fail!(Unsupported, "no complex form of this operation");
    }
    Ok(())
}

fn gather(call: &Call) -> Result<Value> {
    let (x, index) = (call.tensor(0)?, call.tensor(2)?);
    real_only(x)?;
    let places = places(x, dim_of(call, 1, x, 0)?, index)?;
    let guard = x.storage.read()?;
    with_element!(x.physical(), T => {
        let values = typed::<T>(&guard)?;
        let mut out = storage::zeros::<T>(places.len())?;
        for (to, place) in out.iter_mut().zip(&places) {
            *to = values[*place];
        }
        answer(Tensor::new(out, index.shape(), x.dtype())?)
    })
}

/// `take_along_dim(x, index, dim)`: gather with broadcasting.
fn take_along_dim(call: &Call) -> Result<Value> {
    let (x, index) = (call.tensor(0)?, call.tensor(1)?);
    if x.rank() != index.rank() {
        fail!(
            Runtime,
            "torch.take_along_dim(): input and indices should have the same number of dimensions"
        );
    }
    let dim = dim_of(call, 2, x, 0)?;
    let wide = |of: &Tensor, other: &Tensor| {
        (0..of.rank())
            .map(
                |it| if it == dim { of.shape()[it] } else { of.shape()[it].max(other.shape()[it]) },
            )
            .collect::<Vec<_>>()
    };
    let x_wide = Value::Tensor(x.view(x.layout.expand(&wide(x, index))?));
    let index_wide = Value::Tensor(index.view(index.layout.expand(&wide(index, x))?));
    gather(&Call::new(&[x_wide, Value::Int(dim as i64), index_wide]))
}

/// Writes arriving elements into `x` at `places`.
fn meet_at(
    x: &Tensor,
    places: &[usize],
    arriving: &Tensor,
    meet: Meet,
    include_self: bool,
) -> Result<()> {
    let meet = match meet {
        Meet::Sum | Meet::Mean if x.dtype() == DType::Bool => Meet::Largest,
        Meet::Product if x.dtype() == DType::Bool => Meet::Smallest,
        other => other,
    };
    with_element!(x.physical(), T => {
        let arriving = cast(arriving, x.dtype())?.read::<T>()?.into_vec()?;
        let mut guard = x.storage.write()?;
        let target = typed_mut::<T>(&mut guard)?;
        if meet == Meet::Replace {
            for (place, value) in places.iter().zip(arriving) {
                target[*place] = value;
            }
            return Ok(());
        }
        let mut counts: std::collections::BTreeMap<usize, usize> = std::collections::BTreeMap::new();
        let counted = meet == Meet::Mean || !include_self;
        for (place, value) in places.iter().zip(arriving) {
            let first = counted && {
                let count = counts.entry(*place).or_insert(usize::from(include_self));
                *count += 1;
                *count == 1
            };
            let to = &mut target[*place];
            *to = if first { value } else { meet.apply(*to, value) };
        }
        if meet == Meet::Mean {
            for (place, count) in counts {
                let value = target[place];
                target[place] = if T::IS_FLOAT {
                    T::from_f64(value.as_f64() / count as f64)
                } else {
                    T::from_i64(value.as_i64().div_euclid(count as i64))
                };
            }
        }
    });
    Ok(())
}

/// The source of a scatter, cut to the index's shape.
fn arriving(call: &Call, idx: usize, x: &Tensor, index: &Tensor) -> Result<Tensor> {
    match call.operand(idx)? {
        Operand::Scalar(Scalar::Complex(..)) => fail!(Type, "a complex number does not go here"),
        Operand::Scalar(it) => {
            let value = crate::create::scalar(it, x.dtype())?;
            Ok(value.view(value.layout.expand(index.shape())?))
        }
        Operand::Tensor(it) => {
            if it.dtype() != x.dtype() {
                fail!(Runtime, "scatter(): Expected self.dtype to be equal to src.dtype");
            }
            let fits = it.rank() == index.rank()
                && it.shape().iter().zip(index.shape()).all(|(source, index)| index <= source);
            if !fits && index.numel() > 0 {
                fail!(
                    Runtime,
                    "Expected index {:?} to be no larger than src {:?}",
                    index.shape(),
                    it.shape()
                );
            }
            let mut layout = it.layout.clone();
            layout.shape.clone_from(&index.shape().to_vec());
            if index.numel() == 0 {
                layout = Layout::contiguous(index.shape());
            }
            Ok(it.view(layout))
        }
    }
}

fn scatter_into(x: &Tensor, call: &Call, meet: Meet, include_self: bool) -> Result<()> {
    real_only(x)?;
    let index = call.tensor(2)?;
    let source = arriving(call, 3, x, index)?;
    if x.layout.overlaps() {
        fail!(
            Runtime,
            "unsupported operation: the written-to tensor refers to a memory location more than once"
        );
    }
    let places = places(x, dim_of(call, 1, x, 0)?, index)?;
    let source = if x.shares_storage(&source) { source.to_contiguous()? } else { source };
    meet_at(x, &places, &source, meet, include_self)
}

fn scatter_meet(call: &Call) -> Result<Meet> {
    if call.is_none(4) { Ok(Meet::Replace) } else { Meet::named(call.text(4)?) }
}

/// Rows of `source` along `dim` into the rows of `x` that `index` names.
fn rows_into(x: &Tensor, call: &Call, meet: Meet) -> Result<()> {
    real_only(x)?;
    let dim = dim_of(call, 1, x, 0)?;
    let (index, source) = (call.tensor(2)?, call.tensor(3)?);
    if source.dtype() != x.dtype() {
        fail!(
            Runtime,
            "self ({}) and source ({}) must have the same scalar type",
            x.dtype(),
            source.dtype()
        );
    }
    if index.rank() > 1 || source.size(dim as i64)? != index.numel() || source.rank() != x.rank() {
        fail!(Runtime, "Number of indices ({}) should be equal to source.size(dim)", index.numel());
    }
    let scaled = match call.optional_operand(4)? {
        Some(alpha) => {
            crate::binary::binary::<crate::binary::Mul>(&Operand::Tensor(source.clone()), &alpha)?
        }
        None => source.clone(),
    };
    let mut spread = Layout {
        shape: source.shape().to_vec(),
        strides: vec![0; source.rank()],
        offset: index.layout.offset,
    };
    if let Some(it) = spread.strides.get_mut(dim) {
        *it = index.layout.strides.first().copied().unwrap_or(0);
    }
    let places = places(x, dim, &index.view(spread))?;
    let scaled = if x.shares_storage(&scaled) { scaled.to_contiguous()? } else { scaled };
    meet_at(x, &places, &scaled, meet, true)
}

fn fill_rows(x: &Tensor, call: &Call) -> Result<()> {
    real_only(x)?;
    let dim = dim_of(call, 1, x, 0)?;
    let index = call.tensor(2)?;
    let value = match call.operand(3)? {
        Operand::Scalar(it) => crate::create::scalar(it, x.dtype())?,
        Operand::Tensor(it) => it,
    };
    let turned = swapped(x, 0, dim);
    for place in index.read::<i64>()?.iter() {
        crate::shape::selected(&turned, 0, *place)?.copy_from(&value)?;
    }
    Ok(())
}

/// Elements of `source`, in order, where the mask holds.
fn masked_into(x: &Tensor, call: &Call) -> Result<()> {
    real_only(x)?;
    let (mask, source) = (call.tensor(1)?, call.tensor(2)?);
    if mask.dtype() != DType::Bool {
        fail!(
            Runtime,
            "masked_scatter_ only supports boolean masks, but got mask with dtype {}",
            mask.dtype()
        );
    }
    if source.dtype() != x.dtype() {
        fail!(
            Runtime,
            "masked_scatter_: expected self and source to have same dtypes but got {} and {}",
            x.dtype(),
            source.dtype()
        );
    }
    let mask = mask.view(mask.layout.expand(x.shape())?);
    let mask = mask.read::<u8>()?;
    if x.layout.overlaps() {
        fail!(
            Runtime,
            "unsupported operation: the written-to tensor refers to a memory location more than once"
        );
    }
    with_element!(x.physical(), T => {
        let values = source.read::<T>()?.into_vec()?;
        let mut values = values.into_iter();
        let mut guard = x.storage.write()?;
        let target = typed_mut::<T>(&mut guard)?;
        let walk = Walk::new([&x.layout]);
        let [step] = walk.steps();
        let mut short = false;
        walk.rows(0, mask.len(), &mut |position, [at], len| {
            for idx in (0..len).filter(|it| mask[position + it] != 0) {
                match values.next() {
                    Some(value) => target[at + idx * step] = value,
                    None => short = true,
                }
            }
        });
        if short {
            fail!(Runtime, "Number of elements of source < number of ones in mask");
        }
    });
    Ok(())
}

macro_rules! both {
    ($($name:ident $in_place:ident $doc:literal $f:expr;)*) => {
        $(
            fn $name(call: &Call) -> Result<Value> {
                let out = call.tensor(0)?.to_contiguous()?;
                let run: fn(&Tensor, &Call) -> Result<()> = $f;
                run(&out, call)?;
                answer(out)
            }
            fn $in_place(call: &Call) -> Result<Value> {
                let run: fn(&Tensor, &Call) -> Result<()> = $f;
                run(call.tensor(0)?, call)?;
                answer(call.tensor(0)?.clone())
            }
        )*
        const BOTH: &[Kernel] = &[$(
            Kernel::new(stringify!($name), $name, $doc),
            Kernel::new(stringify!($in_place), $in_place, concat!($doc, ": writes to x")),
        )*];
    };
}

both! {
    scatter scatter_ "scatter(x, dim, index, source, reduce=None)"
        |x, call| scatter_into(x, call, scatter_meet(call)?, true);
    scatter_add scatter_add_ "scatter_add(x, dim, index, source)"
        |x, call| scatter_into(x, call, Meet::Sum, true);
    scatter_reduce scatter_reduce_ "scatter_reduce(x, dim, index, source, reduce, include_self=True)"
        |x, call| scatter_into(x, call, Meet::named(call.text(4)?)?, call.bool_or(5, true)?);
    index_add index_add_ "index_add(x, dim, index, source, alpha=1)"
        |x, call| rows_into(x, call, Meet::Sum);
    index_copy index_copy_ "index_copy(x, dim, index, source)"
        |x, call| rows_into(x, call, Meet::Replace);
    index_fill index_fill_ "index_fill(x, dim, index, value)" fill_rows;
    masked_scatter masked_scatter_ "masked_scatter(x, mask, source)" masked_into;
}

pub(crate) const KERNELS: &[&[Kernel]] = &[
    BOTH,
    &[
        Kernel::new("gather", gather, "gather(x, dim, index)"),
        Kernel::new("take_along_dim", take_along_dim, "take_along_dim(x, index, dim)"),
    ],
];
