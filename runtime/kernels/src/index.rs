//! Indexing as Python's square brackets mean it: views first, then gathered elements.

use crate::{
    call::{Call, answer, dim_of},
    cast::cast,
    create::from_value,
    dtype::DType,
    element::{with_bits, with_element},
    elementwise::{Operand, Scalar},
    error::{Result, fail},
    layout::{Layout, Walk, broadcast, numel},
    shape::{narrowed, selected, unsqueezed},
    storage::{self, bits, bits_mut, typed_mut},
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// A view, with an index tensor for some of its dimensions.
struct Picked {
    view: Tensor,
    indices: Vec<Option<Tensor>>,
}

/// Goes through the entries of square brackets from left to right.
fn pick(x: &Tensor, entries: &[Value]) -> Result<Picked> {
    let is_rest =
        |it: &Value| matches!(it, Value::Ellipsis) || matches!(it, Value::Str(it) if it == "...");
    let consumed: usize = entries
        .iter()
        .map(|it| match it {
            Value::Tensor(it) if it.dtype() == DType::Bool => it.rank(),
            Value::None | Value::Bool(_) => 0,
            it if is_rest(it) => 0,
            _ => 1,
        })
        .sum();
    let Some(mut left) = x.rank().checked_sub(consumed) else {
        fail!(Index, "too many indices for tensor of dimension {}", x.rank());
    };
    let mut picked = Picked { view: x.clone(), indices: Vec::new() };
    let mut dim = 0;
    for entry in entries {
        match entry {
            it if is_rest(it) => {
                dim += left;
                picked.indices.resize(dim, None);
                left = 0;
            }
            Value::None => {
                picked.view = unsqueezed(&picked.view, dim);
                dim += 1;
                picked.indices.push(None);
            }
            Value::Bool(it) => {
                picked.view = unsqueezed(&picked.view, dim);
                dim += 1;
                let places: Vec<i64> = if *it { vec![0] } else { Vec::new() };
                let len = places.len();
                picked.indices.push(Some(Tensor::new(places, &[len], DType::I64)?));
            }
            Value::Int(it) => picked.view = selected(&picked.view, dim, *it)?,
            Value::Slice(start, stop, step) => {
                picked.view = sliced(&picked.view, dim, [*start, *stop, *step])?;
                dim += 1;
                picked.indices.push(None);
            }
            Value::List(parts) if parts.len() == 3 => {
                let mut bounds = [None; 3];
                for (bound, part) in bounds.iter_mut().zip(parts) {
                    *bound = Call::new(std::slice::from_ref(part)).optional_int(0)?;
                }
                picked.view = sliced(&picked.view, dim, bounds)?;
                dim += 1;
                picked.indices.push(None);
            }
            Value::Tensor(it) if it.dtype() == DType::Bool || it.dtype() == DType::U8 => {
                let shape = picked.view.shape();
                let fits = it.rank() <= shape.len() - dim && shape[dim..].starts_with(it.shape());
                if !fits {
                    fail!(
                        Index,
                        "The shape of the mask {:?} at index {dim} does not match the shape of the indexed tensor {shape:?}",
                        it.shape()
                    );
                }
                if it.rank() == 0 {
                    let on = it.only::<u8>()? != 0;
                    picked.view = unsqueezed(&picked.view, dim);
                    let places: Vec<i64> = if on { vec![0] } else { Vec::new() };
                    let len = places.len();
                    picked.indices.push(Some(Tensor::new(places, &[len], DType::I64)?));
                    dim += 1;
                    continue;
                }
                for places in coordinates(it)? {
                    let len = places.len();
                    picked.indices.push(Some(Tensor::new(places, &[len], DType::I64)?));
                }
                dim += it.rank();
            }
            Value::Tensor(it) if it.dtype().is_integral() => {
                if it.rank() == 0 {
                    picked.view = selected(&picked.view, dim, it.only::<i64>()?)?;
                } else {
                    picked.indices.push(Some(it.clone()));
                    dim += 1;
                }
            }
            Value::Tensor(it) => {
                fail!(
                    Index,
                    "tensors used as indices must be long, int, byte or bool tensors, not {}",
                    it.dtype()
                )
            }
            other => fail!(
                Type,
                "an index is an int, slice, None, Ellipsis or Tensor, not {} (make a list a tensor first)",
                other.kind()
            ),
        }
    }
    picked.indices.resize(picked.view.rank(), None);
    Ok(picked)
}

/// `start:stop:step` along one dimension, as a view.
fn sliced(x: &Tensor, dim: usize, [start, stop, step]: [Option<i64>; 3]) -> Result<Tensor> {
    let Some(size) = x.shape().get(dim).map(|it| *it as i64) else {
        fail!(Index, "slice() cannot be applied to a 0-dim tensor.");
    };
    let step = step.unwrap_or(1);
    if step <= 0 {
        fail!(Value, "step must be greater than zero");
    }
    let bound = |it: i64| (if it < 0 { it.saturating_add(size) } else { it }).clamp(0, size);
    let start = bound(start.unwrap_or(0));
    let stop = bound(stop.unwrap_or(size)).max(start);
    let mut out = narrowed(x, dim, start as usize, 0);
    out.layout.shape[dim] = ((stop - start) as u64).div_ceil(step as u64) as usize;
    out.layout.strides[dim] = out.layout.strides[dim].saturating_mul(step as usize);
    Ok(out)
}

/// The places of the elements that are not zero, one list a dimension.
pub(crate) fn coordinates(x: &Tensor) -> Result<Vec<Vec<i64>>> {
    let flags: Vec<bool> = with_element!(x.physical(), T => {
        x.read::<T>()?.iter().map(|it| *it != T::default()).collect()
    });
    let count = flags.iter().filter(|it| **it).count();
    crate::context::admit(count * x.rank().max(1), 8)?;
    let mut places = vec![Vec::with_capacity(count); x.rank()];
    for (idx, _) in flags.iter().enumerate().filter(|(_, it)| **it) {
        let mut rest = idx;
        for (dim, size) in x.shape().iter().enumerate().rev() {
            places[dim].push((rest % size) as i64);
            rest /= size;
        }
    }
    Ok(places)
}

/// Where each gathered block begins, and how it lies; `shape` is that of the result.
struct Blocks {
    offsets: Vec<usize>,
    block: Layout,
    indexed: Vec<usize>,
    /// Order of the result's dimensions, from `[indexed.., block..]`.
    order: Vec<usize>,
}

impl Blocks {
    fn new(picked: &Picked) -> Result<Self> {
        let view = &picked.view;
        let dims: Vec<usize> =
            (0..view.rank()).filter(|it| picked.indices[*it].is_some()).collect();
        let mut indexed: Vec<usize> = Vec::new();
        for tensor in picked.indices.iter().flatten() {
            indexed = broadcast(&indexed, tensor.shape()).map_err(|_| {
                crate::KernelError::Index(
                    "shape mismatch: indexing tensors could not be broadcast together".to_owned(),
                )
            })?;
        }
        let count = numel(&indexed)?;
        let mut offsets = storage::zeros::<i64>(count)?;
        offsets.fill(view.layout.offset as i64);
        for dim in &dims {
            let Some(tensor) = &picked.indices[*dim] else { continue };
            let (size, stride) = (view.shape()[*dim] as i64, view.layout.strides[*dim] as i64);
            let spread = tensor.view(tensor.layout.expand(&indexed)?);
            for (offset, place) in offsets.iter_mut().zip(spread.read::<i64>()?.iter()) {
                if *place < -size || size <= *place {
                    fail!(
                        Index,
                        "index {place} is out of bounds for dimension {dim} with size {size}"
                    );
                }
                *offset += place.rem_euclid(size) * stride;
            }
        }
        let kept: Vec<usize> = (0..view.rank()).filter(|it| !dims.contains(it)).collect();
        let mut block = view.layout.permute(&kept);
        block.offset = 0;
        let adjacent = dims.windows(2).all(|it| it[0] + 1 == it[1]);
        let first = if adjacent { dims.first().copied().unwrap_or(0) } else { 0 };
        let (many, rest) = (indexed.len(), kept.len());
        let order: Vec<usize> =
            (many..many + first).chain(0..many).chain(many + first..many + rest).collect();
        let offsets = offsets.into_iter().map(|it| it as usize).collect();
        Ok(Self { offsets, block, indexed, order })
    }

    fn shape(&self) -> Vec<usize> {
        [self.indexed.as_slice(), &self.block.shape].concat()
    }

    fn gather(&self, x: &Tensor) -> Result<Tensor> {
        let shape = self.shape();
        let guard = x.storage.read()?;
        let out = crate::join::blank_on_host(&shape, x.dtype(), x.physical())?;
        let mut target = out.storage.write()?;
        with_bits!(x.physical(), U => {
            let values = bits::<U>(&guard)?;
            let out = bits_mut::<U>(&mut target)?;
            let len = self.block.numel();
            let walk = Walk::new([&self.block]);
            let [step] = walk.steps();
            if len > 0 {
                for (to, offset) in out.chunks_exact_mut(len).zip(&self.offsets) {
                    walk.rows(0, len, &mut |position, [at], run| {
                        let at = at + offset;
                        let to = &mut to[position..position + run];
                        if step == 1 {
                            to.copy_from_slice(&values[at..at + run]);
                        } else {
                            for (idx, to) in to.iter_mut().enumerate() {
                                *to = values[at + idx * step];
                            }
                        }
                    });
                }
            }
        });
        drop(target);
        Ok(out.view(out.layout.permute(&self.order)))
    }

    /// Writes `value`, which has the result's shape or broadcasts to it.
    fn put(&self, x: &Tensor, value: &Tensor, add_up: bool) -> Result<()> {
        let shape = self.shape();
        let wanted: Vec<usize> = self.order.iter().map(|it| shape[*it]).collect();
        let extra = value.rank().saturating_sub(wanted.len());
        let fits = value.shape()[..extra].iter().all(|it| *it == 1);
        let mut layout = value.layout.clone();
        if fits {
            layout.shape.drain(..extra);
            layout.strides.drain(..extra);
        }
        let layout = layout.expand(&wanted).map_err(|_| {
            crate::KernelError::Runtime(format!(
                "shape mismatch: value tensor of shape {:?} cannot be broadcast to indexing result of shape {wanted:?}",
                value.shape()
            ))
        })?;
        let mut back = vec![0; self.order.len()];
        for (to, from) in self.order.iter().enumerate() {
            back[*from] = to;
        }
        let value = cast(&value.view(layout.permute(&back)), x.dtype())?;
        with_element!(x.physical(), T => {
            let values = value.read::<T>()?.into_vec()?;
            let mut guard = x.storage.write()?;
            let target = typed_mut::<T>(&mut guard)?;
            let len = self.block.numel();
            let walk = Walk::new([&self.block]);
            let [step] = walk.steps();
            let truths = x.dtype() == DType::Bool;
            let add = |a: T, b: T| if truths && a < b { b } else if truths { a } else { crate::scatter::sum(a, b) };
            for (from, offset) in values.chunks_exact(len.max(1)).zip(&self.offsets) {
                walk.rows(0, len, &mut |position, [at], run| {
                    for (idx, from) in from[position..position + run].iter().enumerate() {
                        let to = &mut target[at + offset + idx * step];
                        *to = if add_up { add(*to, *from) } else { *from };
                    }
                });
            }
        });
        Ok(())
    }
}

fn real_only(x: &Tensor) -> Result<()> {
    if x.dtype().is_complex() {
        fail!(Unsupported, "indexing a complex tensor by tensors; index its view_as_real");
    }
    Ok(())
}

fn getitem(call: &Call) -> Result<Value> {
    let picked = pick(call.tensor(0)?, call.list(1)?)?;
    if picked.indices.iter().all(Option::is_none) {
        return answer(picked.view);
    }
    real_only(&picked.view)?;
    answer(Blocks::new(&picked)?.gather(&picked.view)?)
}

fn setitem_(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let picked = pick(x, call.list(1)?)?;
    let value = match call.get(2) {
        Value::List(_) => from_value(call.get(2), None)?,
        _ => match call.operand(2)? {
            Operand::Tensor(it) => it,
            Operand::Scalar(it @ Scalar::Complex(..)) if !x.dtype().is_complex() => {
                fail!(Type, "{it:?} cannot be written to a tensor of {}", x.dtype())
            }
            Operand::Scalar(it) => crate::create::scalar(it, x.dtype())?,
        },
    };
    if picked.indices.iter().all(Option::is_none) {
        picked.view.copy_from(&value)?;
    } else {
        real_only(&picked.view)?;
        Blocks::new(&picked)?.put(&picked.view, &value, false)?;
    }
    answer(x.clone())
}

/// `index_put_(x, indices, value, accumulate)`; `None` leaves a dimension whole.
fn put_into(x: &Tensor, call: &Call) -> Result<()> {
    let whole = Value::Slice(None, None, None);
    let entries: Vec<Value> = call
        .list(1)?
        .iter()
        .map(|it| if matches!(it, Value::None) { whole.clone() } else { it.clone() })
        .collect();
    let picked = pick(x, &entries)?;
    real_only(x)?;
    let value = match call.operand(2)? {
        Operand::Tensor(it) => it,
        Operand::Scalar(it) => crate::create::scalar(it, x.dtype())?,
    };
    if value.dtype() != x.dtype() {
        fail!(
            Runtime,
            "Index put requires the source and destination dtypes match, got {} for the destination and {} for the source.",
            x.dtype(),
            value.dtype()
        );
    }
    Blocks::new(&picked)?.put(&picked.view, &value, call.bool_or(3, false)?)
}

fn index_put_(call: &Call) -> Result<Value> {
    put_into(call.tensor(0)?, call)?;
    answer(call.tensor(0)?.clone())
}

fn index_put(call: &Call) -> Result<Value> {
    let out = call.tensor(0)?.to_contiguous()?;
    put_into(&out, call)?;
    answer(out)
}

/// The elements at `places` along `dim`, which becomes `shape`.
pub(crate) fn taken(x: &Tensor, dim: usize, places: &[i64], shape: &[usize]) -> Result<Tensor> {
    real_only(x)?;
    let mut picked = Picked { view: x.clone(), indices: vec![None; x.rank()] };
    let Some(slot) = picked.indices.get_mut(dim) else {
        fail!(Index, "a tensor without dimensions cannot be indexed");
    };
    *slot = Some(Tensor::new(places.to_vec(), shape, DType::I64)?);
    Blocks::new(&picked)?.gather(x)
}

fn index_select(call: &Call) -> Result<Value> {
    let (x, index) = (call.tensor(0)?, call.tensor(2)?);
    let dim = dim_of(call, 1, x, 0)?;
    if index.rank() > 1 || !matches!(index.dtype(), DType::I64 | DType::I32) {
        fail!(Index, "index_select(): Index is supposed to be a vector of int32 or int64");
    }
    let places = index.read::<i64>()?;
    if places.iter().any(|it| *it < 0) {
        fail!(Index, "index_select(): index out of range");
    }
    answer(taken(x, dim, &places, &[places.len()])?)
}

/// `embedding(ids, weight)`, in the order of `F.embedding`.
fn embedding(call: &Call) -> Result<Value> {
    let (ids, weight) = (call.tensor(0)?, call.tensor(1)?);
    if !matches!(ids.dtype(), DType::I64 | DType::I32) || weight.rank() != 2 {
        fail!(
            Runtime,
            "embedding takes int32 or int64 ids and a matrix, not {} and {} dimensions",
            ids.dtype(),
            weight.rank()
        );
    }
    let places = ids.read::<i64>()?;
    if places.iter().any(|it| *it < 0) {
        fail!(Index, "index out of range in self");
    }
    answer(taken(weight, 0, &places, ids.shape())?)
}

/// `nonzero(x, as_tuple)`.
fn nonzero(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let places = coordinates(x)?;
    if call.bool_or(1, false)? {
        let x_rank_one: Vec<Vec<i64>> = if x.rank() == 0 {
            vec![if x.only::<f64>()? == 0.0 { Vec::new() } else { vec![0] }]
        } else {
            places
        };
        let parts = x_rank_one
            .into_iter()
            .map(|it| {
                let len = it.len();
                Tensor::new(it, &[len], DType::I64)
            })
            .collect::<Result<Vec<_>>>()?;
        return Ok(parts.into());
    }
    let count = match places.first() {
        Some(it) => it.len(),
        None => usize::from(x.only::<f64>()? != 0.0),
    };
    let rank = places.len();
    let mut out = storage::zeros::<i64>(count * rank)?;
    for (dim, places) in places.iter().enumerate() {
        for (idx, place) in places.iter().enumerate() {
            out[idx * rank + dim] = *place;
        }
    }
    answer(Tensor::new(out, &[count, rank], DType::I64)?)
}

fn masked_select(call: &Call) -> Result<Value> {
    let (x, mask) = (call.tensor(0)?, call.tensor(1)?);
    let shape = broadcast(x.shape(), mask.shape())?;
    let x = x.view(x.layout.expand(&shape)?);
    let mask = mask.view(mask.layout.expand(&shape)?);
    let picked = pick(&x, &[Value::Tensor(mask)])?;
    real_only(&x)?;
    answer(Blocks::new(&picked)?.gather(&picked.view)?)
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new("getitem", getitem, "getitem(x, entries): a view unless an entry is a tensor"),
    Kernel::new("setitem_", setitem_, "setitem_(x, entries, value): writes to x"),
    Kernel::new("index_put_", index_put_, "index_put_(x, indices, value, accumulate=False)"),
    Kernel::new("index_put", index_put, "index_put(x, indices, value, accumulate=False)"),
    Kernel::new("index_select", index_select, "index_select(x, dim, index)"),
    Kernel::new("embedding", embedding, "embedding(ids, weight)"),
    Kernel::new("nonzero", nonzero, "nonzero(x, as_tuple=False)"),
    Kernel::new("masked_select", masked_select, "masked_select(x, mask)"),
]];
