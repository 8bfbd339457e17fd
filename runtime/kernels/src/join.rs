//! Tensors put together, repeated, shifted and padded: results are copies.

use crate::{
    call::{Call, answer, dim_of},
    cast::cast,
    context, device,
    dtype::Physical,
    element::with_element,
    elementwise::{Operand, Scalar},
    error::{Result, fail},
    layout::{self, Layout, numel},
    shape::{narrowed, reshaped, unsqueezed},
    storage,
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// A fresh tensor for parts to be copied into.
pub(crate) fn blank(shape: &[usize], dtype: crate::DType) -> Result<Tensor> {
    if let Some(it) = device::view::blank(shape, dtype)? {
        return Ok(it);
    }
    blank_on_host(shape, dtype, Tensor::target(dtype))
}

/// The same in the host's memory, stored in that way.
pub(crate) fn blank_on_host(
    shape: &[usize],
    dtype: crate::DType,
    physical: Physical,
) -> Result<Tensor> {
    let pairs = if dtype.is_complex() { 2 } else { 1 };
    with_element!(physical, T => {
        Tensor::new(storage::zeros::<T>(numel(shape)? * pairs)?, shape, dtype)
    })
}

/// `cat(tensors, dim)`: dtypes are promoted; an empty vector goes with any shape.
pub(crate) fn concatenated(parts: &[Tensor], dim: i64) -> Result<Tensor> {
    let Some(dtype) = parts.iter().map(Tensor::dtype).reduce(context::semantics().promote) else {
        fail!(Runtime, "torch.cat(): expected a non-empty list of Tensors");
    };
    if let Some(idx) = parts.iter().position(|it| it.rank() == 0) {
        fail!(Runtime, "zero-dimensional tensor (at position {idx}) cannot be concatenated");
    }
    let filled: Vec<&Tensor> = parts.iter().filter(|it| it.shape() != [0]).collect();
    let Some(first) = filled.first() else {
        return cast(&parts[0], dtype)?.to_contiguous();
    };
    let dim = layout::dim(dim, first.rank())?;
    let mut shape = first.shape().to_vec();
    shape[dim] = 0;
    for part in &filled {
        let fits = part.rank() == shape.len()
            && (0..shape.len()).all(|it| it == dim || part.shape()[it] == shape[it]);
        if !fits {
            fail!(
                Runtime,
                "Sizes of tensors must match except in dimension {dim}. Expected {:?} but got {:?}",
                first.shape(),
                part.shape()
            );
        }
        shape[dim] += part.shape()[dim];
    }
    let out = blank(&shape, dtype)?;
    let mut start = 0;
    for part in filled {
        let len = part.shape()[dim];
        narrowed(&out, dim, start, len).copy_from(&cast_kind(part, dtype)?)?;
        start += len;
    }
    Ok(out)
}

/// `copy_from` casts as it goes, but not between real and complex.
fn cast_kind(part: &Tensor, dtype: crate::DType) -> Result<Tensor> {
    if dtype.is_complex() { cast(part, dtype) } else { Ok(part.clone()) }
}

fn cat(call: &Call) -> Result<Value> {
    answer(concatenated(&call.tensors(0)?, call.int_or(1, 0)?)?)
}

fn stack(call: &Call) -> Result<Value> {
    let parts = call.tensors(0)?;
    let Some(first) = parts.first() else {
        fail!(Runtime, "stack expects a non-empty TensorList");
    };
    let dim = layout::dim(call.int_or(1, 0)?, first.rank() + 1)?;
    if let Some(it) = parts.iter().find(|it| it.shape() != first.shape()) {
        fail!(
            Runtime,
            "stack expects each tensor to be equal size, but got {:?} and {:?}",
            first.shape(),
            it.shape()
        );
    }
    let parts: Vec<Tensor> = parts.iter().map(|it| unsqueezed(it, dim)).collect();
    answer(concatenated(&parts, dim as i64)?)
}

/// `repeat(x, times)`: tiles.
fn repeat(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let times = call.sizes(1)?;
    let Some(added) = times.len().checked_sub(x.rank()) else {
        fail!(
            Runtime,
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        );
    };
    let mut padded = vec![1; added];
    padded.extend(x.shape());
    let x = reshaped(x, &padded)?;
    let mut shape = Vec::with_capacity(times.len());
    let (mut tiles, mut split) = (Vec::new(), Vec::new());
    for (size, times) in padded.iter().zip(&times) {
        let Some(full) = size.checked_mul(*times) else {
            fail!(Memory, "a tensor of {size} x {times} elements");
        };
        shape.push(full);
        tiles.extend([*times, *size]);
        split.extend([1, *size]);
    }
    let out = blank(&shape, x.dtype())?;
    if out.numel() > 0 {
        let view = reshaped(&out, &tiles)?;
        let source = reshaped(&x, &split)?;
        view.copy_from(&source.view(source.layout.expand(&tiles)?))?;
    }
    answer(out)
}

/// `repeat_interleave(x, repeats, dim)`.
fn repeat_interleave(call: &Call) -> Result<Value> {
    let given = call.tensor(0)?;
    let (x, dim) = match call.optional_int(2)? {
        Some(dim) => (given.clone(), layout::dim(dim, given.rank())?),
        None => (reshaped(given, &[given.numel()])?, 0),
    };
    let x = if x.rank() == 0 { reshaped(&x, &[1])? } else { x };
    let size = x.shape()[dim];
    let repeats = match call.get(1) {
        Value::Tensor(it) if it.rank() > 0 && it.numel() != 1 => it.read::<i64>()?.to_vec(),
        _ => vec![call.ints(1)?.first().copied().unwrap_or(0); size],
    };
    if repeats.len() != size {
        fail!(
            Runtime,
            "repeats must have the same size as input along dim, but got {} and {size}",
            repeats.len()
        );
    }
    if repeats.iter().any(|it| *it < 0) {
        fail!(Runtime, "repeats can not be negative");
    }
    let total = repeats.iter().try_fold(0_usize, |it, by| it.checked_add(*by as usize));
    let Some(total) = total else { fail!(Memory, "too many repeats") };
    crate::context::admit(total, 8)?;
    let places: Vec<i64> = repeats
        .iter()
        .enumerate()
        .flat_map(|(idx, times)| std::iter::repeat_n(idx as i64, *times as usize))
        .collect();
    answer(crate::index::taken(&x, dim, &places, &[total])?)
}

/// `roll(x, shifts, dims)`.
fn roll(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let shifts = call.ints(1)?;
    let given = call.optional_ints(2)?.unwrap_or_default();
    if given.is_empty() {
        let flat = rolled(&reshaped(x, &[x.numel()])?, shifts.first().copied().unwrap_or(0), 0)?;
        return answer(reshaped(&flat, x.shape())?);
    }
    if given.len() != shifts.len() {
        fail!(Runtime, "shifts and dimensions must align");
    }
    let mut out = x.to_contiguous()?;
    for (shift, dim) in shifts.iter().zip(given) {
        out = rolled(&out, *shift, layout::dim(dim, x.rank())?)?;
    }
    answer(out)
}

fn rolled(x: &Tensor, shift: i64, dim: usize) -> Result<Tensor> {
    let size = x.shape().get(dim).copied().unwrap_or(0);
    if size == 0 {
        return x.to_contiguous();
    }
    let cut = size - shift.rem_euclid(size as i64) as usize;
    let parts = [narrowed(x, dim, cut, size - cut), narrowed(x, dim, 0, cut)];
    concatenated(&parts, dim as i64)
}

/// `pad(x, pads, mode, value)`: pairs from the last dimension on; negative ones cut.
pub(crate) fn pad(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let pads = call.ints(1)?;
    let mode = call.text_or(2, "constant")?;
    if pads.len() % 2 != 0 || pads.len() / 2 > x.rank() {
        fail!(
            Runtime,
            "Padding length {} does not fit a tensor of {} dimensions",
            pads.len(),
            x.rank()
        );
    }
    if mode != "constant" {
        let mut out = x.clone();
        for (idx, pair) in pads.chunks_exact(2).enumerate() {
            let dim = x.rank() - 1 - idx;
            let size = x.shape()[dim] as i64;
            let mut places = Vec::new();
            for place in -pair[0]..size.saturating_add(pair[1]) {
                places.push(mirrored(mode, place, size)?);
            }
            out = crate::index::taken(&out, dim, &places, &[places.len()])?;
        }
        return answer(out);
    }
    let mut shape = x.shape().to_vec();
    let (mut inner, mut source) = (Layout::contiguous(&[]), x.clone());
    let mut starts = vec![0_usize; x.rank()];
    for (idx, pair) in pads.chunks_exact(2).enumerate() {
        let dim = x.rank() - 1 - idx;
        let size = shape[dim] as i64;
        let full = size.checked_add(pair[0]).and_then(|it| it.checked_add(pair[1]));
        let Some(full) = full.filter(|it| *it >= 0) else {
            fail!(
                Runtime,
                "The input size {size}, plus negative padding {pair:?}, results in a negative output size"
            );
        };
        let cut = |it: i64| (-it).clamp(0, size) as usize;
        let kept = (size as usize).saturating_sub(cut(pair[0]) + cut(pair[1]));
        source = narrowed(&source, dim, cut(pair[0]), kept);
        starts[dim] = pair[0].max(0) as usize;
        shape[dim] = full as usize;
    }
    let value = match call.optional_operand(3)? {
        None => Scalar::Int(0),
        Some(Operand::Scalar(it)) => it,
        Some(Operand::Tensor(it)) => Scalar::Float(it.only::<f64>()?),
    };
    let out = crate::create::filled(value, &shape, x.dtype())?;
    if source.numel() > 0 {
        inner.clone_from(&out.layout);
        for (dim, start) in starts.iter().enumerate() {
            inner.offset += start * inner.strides[dim];
            inner.shape[dim] = source.shape()[dim];
        }
        out.view(inner).copy_from(&source)?;
    }
    answer(out)
}

fn mirrored(mode: &str, place: i64, size: i64) -> Result<i64> {
    let place = match mode {
        "replicate" => place.clamp(0, size - 1),
        "circular" => place.rem_euclid(size.max(1)),
        "reflect" if place < 0 => -place,
        "reflect" if place >= size => 2 * (size - 1) - place,
        "reflect" => place,
        other => fail!(Unsupported, "Unrecognised padding mode {other}"),
    };
    if place < 0 || size <= place {
        fail!(Runtime, "Padding size should be less than the corresponding input dimension");
    }
    Ok(place)
}

fn meshgrid(call: &Call) -> Result<Value> {
    let parts = call.tensors(0)?;
    let columns_first = match call.text_or(1, "ij")? {
        "ij" => false,
        "xy" => true,
        other => {
            fail!(Runtime, "torch.meshgrid: indexing must be one of \"xy\" or \"ij\", not {other}")
        }
    };
    let mut order: Vec<usize> = (0..parts.len()).collect();
    if columns_first && parts.len() > 1 {
        order.swap(0, 1);
    }
    let shape: Vec<usize> = order.iter().map(|it| parts[*it].numel()).collect();
    numel(&shape)?;
    let mut out = Vec::with_capacity(parts.len());
    for (idx, part) in parts.iter().enumerate() {
        let mut line = vec![1; shape.len()];
        line[order.iter().position(|it| *it == idx).unwrap_or(idx)] = part.numel();
        let part = reshaped(part, &line)?;
        out.push(part.view(part.layout.expand(&shape)?));
    }
    Ok(out.into())
}

/// `one_hot(x, classes)`; -1 counts up to the largest.
fn one_hot(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    if x.dtype() != crate::DType::I64 {
        fail!(Runtime, "one_hot is only applicable to index tensor of type LongTensor.");
    }
    let values = x.read::<i64>()?;
    let classes = match call.int_or(1, -1)? {
        -1 => values.iter().max().map_or(0, |it| it.saturating_add(1)),
        it => it,
    };
    if values.iter().any(|it| *it < 0 || classes <= *it) || (classes <= 0 && !values.is_empty()) {
        fail!(Runtime, "Class values must be smaller than num_classes and not negative.");
    }
    let classes = classes.max(0) as usize;
    let shape = [x.shape(), &[classes]].concat();
    let mut out = storage::zeros::<i64>(numel(&shape)?)?;
    for (idx, value) in values.iter().enumerate() {
        out[idx * classes + *value as usize] = 1;
    }
    answer(Tensor::new(out, &shape, crate::DType::I64)?)
}

/// Differences along a dimension, `n` times.
fn diff(call: &Call) -> Result<Value> {
    let mut x = call.tensor(0)?.clone();
    let times = call.int_or(1, 1)?;
    let dim = dim_of(call, 2, &x, -1)?;
    let ends: Vec<Tensor> = [call.optional_tensor(3)?, Some(&x), call.optional_tensor(4)?]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    if ends.len() > 1 {
        x = concatenated(&ends, dim as i64)?;
    }
    for _ in 0..times.max(0) {
        let len = x.size(dim as i64)?.saturating_sub(1);
        if x.rank() == 0 {
            fail!(Runtime, "diff expects input to be at least one-dimensional");
        }
        if x.shape()[dim] == 0 {
            break;
        }
        let (later, earlier) = (narrowed(&x, dim, 1, len), narrowed(&x, dim, 0, len));
        let (later, earlier) = (Operand::Tensor(later), Operand::Tensor(earlier));
        x = if x.dtype() == crate::DType::Bool {
            crate::compare::compare::<crate::compare::Ne>(&later, &earlier)?
        } else {
            crate::binary::binary::<crate::binary::Sub>(&later, &earlier)?
        };
    }
    answer(x)
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new("cat", cat, "cat(tensors, dim=0)"),
    Kernel::new("stack", stack, "stack(tensors, dim=0)"),
    Kernel::new("repeat", repeat, "repeat(x, times); also `tile`"),
    Kernel::new("repeat_interleave", repeat_interleave, "repeat_interleave(x, repeats, dim=None)"),
    Kernel::new("roll", roll, "roll(x, shifts, dims=None)"),
    Kernel::new(
        "pad",
        pad,
        "pad(x, pads, mode='constant'|'reflect'|'replicate'|'circular', value=0)",
    ),
    Kernel::new("meshgrid", meshgrid, "meshgrid(tensors, indexing='ij') -> views"),
    Kernel::new("one_hot", one_hot, "one_hot(x, classes=-1)"),
    Kernel::new("diff", diff, "diff(x, n=1, dim=-1, prepend=None, append=None)"),
]];
