//! Views: the same elements under another shape, and the few shapes that need a copy.

use crate::{
    call::{Call, answer, dim_of, dims_of},
    dtype::DType,
    element::with_element,
    error::{Result, fail},
    layout::{self, Layout, numel},
    storage,
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// A shape with at most one dimension of -1, filled in.
fn wanted_shape(call: &Call, idx: usize, count: usize) -> Result<Vec<usize>> {
    let given = call.ints(idx)?;
    let invalid = || format!("shape '{given:?}' is invalid for input of size {count}");
    let mut known = 1_usize;
    let mut open = None;
    for (dim, size) in given.iter().enumerate() {
        match *size {
            -1 if open.is_none() => open = Some(dim),
            -1 => fail!(Runtime, "only one dimension can be inferred"),
            it if it < 0 => fail!(Runtime, "invalid shape dimension {it}"),
            it => match known.checked_mul(it as usize) {
                Some(it) => known = it,
                None => fail!(Runtime, "{}", invalid()),
            },
        }
    }
    let mut shape: Vec<usize> = given.iter().map(|it| (*it).max(0) as usize).collect();
    if let Some(dim) = open {
        if known == 0 || !count.is_multiple_of(known) {
            fail!(Runtime, "{}", invalid());
        }
        shape[dim] = count / known;
    } else if known != count {
        fail!(Runtime, "{}", invalid());
    }
    Ok(shape)
}

/// The same elements under another shape, without a copy where strides allow it.
pub(crate) fn reshaped(x: &Tensor, shape: &[usize]) -> Result<Tensor> {
    if numel(shape)? != x.numel() {
        fail!(Runtime, "shape '{shape:?}' is invalid for input of size {}", x.numel());
    }
    if let Some(view) = viewed(x, shape) {
        return Ok(view);
    }
    let copy = x.to_contiguous()?;
    Ok(viewed(&copy, shape).unwrap_or(copy))
}

fn viewed(x: &Tensor, shape: &[usize]) -> Option<Tensor> {
    let pairs = if x.dtype().is_complex() { 2 } else { 1 };
    let mut layout = x.layout.clone();
    layout.strides = x.strides();
    let mut layout = layout.reshaped(shape)?;
    layout.strides.iter_mut().for_each(|it| *it *= pairs);
    Some(x.view(layout))
}

fn view(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let shape = wanted_shape(call, 1, x.numel())?;
    match viewed(x, &shape) {
        Some(it) => answer(it),
        None => fail!(
            Runtime,
            "view size is not compatible with input tensor's size and stride (at least one \
             dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        ),
    }
}

fn reshape(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    answer(reshaped(x, &wanted_shape(call, 1, x.numel())?)?)
}

fn flatten(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let (start, end) = (dim_of(call, 1, x, 0)?, dim_of(call, 2, x, -1)?);
    if start > end {
        fail!(Runtime, "flatten() has invalid args: start_dim cannot come after end_dim");
    }
    if x.rank() == 0 {
        return answer(reshaped(x, &[1])?);
    }
    let mut shape = x.shape()[..start].to_vec();
    shape.push(x.shape()[start..=end].iter().product());
    shape.extend(&x.shape()[end + 1..]);
    answer(reshaped(x, &shape)?)
}

fn unflatten(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let dim = dim_of(call, 1, x, -1)?;
    let Some(size) = x.shape().get(dim) else {
        fail!(Index, "a tensor without dimensions has none to unflatten");
    };
    let inner = wanted_shape(call, 2, *size)?;
    let shape = [&x.shape()[..dim], &inner, &x.shape()[dim + 1..]].concat();
    answer(reshaped(x, &shape)?)
}

fn permute(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let given = call.ints(1)?;
    if given.len() != x.rank() {
        fail!(Runtime, "permute got {} dimensions for a tensor of {}", given.len(), x.rank());
    }
    let dims = if given.is_empty() { Vec::new() } else { dims_of(call, 1, x)? };
    answer(x.view(x.layout.permute(&dims)))
}

pub(crate) fn swapped(x: &Tensor, a: usize, b: usize) -> Tensor {
    let mut dims: Vec<usize> = (0..x.rank()).collect();
    if x.rank() > 0 {
        dims.swap(a, b);
    }
    x.view(x.layout.permute(&dims))
}

fn transpose(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    answer(swapped(x, dim_of(call, 1, x, 0)?, dim_of(call, 2, x, 1)?))
}

fn movedim(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let (from, to) = (call.ints(1)?, call.ints(2)?);
    if from.len() != to.len() {
        fail!(Runtime, "movedim: source and destination differ in length");
    }
    let mut order = vec![usize::MAX; x.rank()];
    let mut rest: Vec<usize> = (0..x.rank()).collect();
    for (from, to) in from.iter().zip(&to) {
        let (from, to) = (layout::dim(*from, x.rank())?, layout::dim(*to, x.rank())?);
        if x.rank() == 0 {
            return answer(x.clone());
        }
        if order[to] != usize::MAX || !rest.contains(&from) {
            fail!(Runtime, "movedim: repeated dim");
        }
        order[to] = from;
        rest.retain(|it| *it != from);
    }
    let mut rest = rest.into_iter();
    for slot in &mut order {
        if *slot == usize::MAX {
            *slot = rest.next().unwrap_or(0);
        }
    }
    answer(x.view(x.layout.permute(&order)))
}

pub(crate) fn unsqueezed(x: &Tensor, dim: usize) -> Tensor {
    let mut layout = x.layout.clone();
    let stride = layout.shape.get(dim).map_or(1, |it| it.saturating_mul(layout.strides[dim]));
    layout.shape.insert(dim, 1);
    layout.strides.insert(dim, stride);
    x.view(layout)
}

fn unsqueeze(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    answer(unsqueezed(x, layout::dim(call.int(1)?, x.rank() + 1)?))
}

fn squeeze(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let dims = dims_of(call, 1, x)?;
    let mut layout = x.layout.clone();
    let keep = |idx: usize| !dims.contains(&idx) || x.shape()[idx] != 1;
    layout.shape = (0..x.rank()).filter(|it| keep(*it)).map(|it| x.layout.shape[it]).collect();
    layout.strides = (0..x.rank()).filter(|it| keep(*it)).map(|it| x.layout.strides[it]).collect();
    answer(x.view(layout))
}

/// `expand(x, shape)`; -1 keeps a size.
fn expand(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let given = call.ints(1)?;
    let Some(added) = given.len().checked_sub(x.rank()) else {
        fail!(Runtime, "expand: {} sizes for a tensor of {} dimensions", given.len(), x.rank());
    };
    let mut shape = Vec::with_capacity(given.len());
    for (idx, size) in given.iter().enumerate() {
        shape.push(match usize::try_from(*size) {
            Ok(it) => it,
            Err(_) if *size == -1 && idx >= added => x.shape()[idx - added],
            Err(_) => fail!(Runtime, "expand: size {size} at dimension {idx} of {given:?}"),
        });
    }
    answer(x.view(x.layout.expand(&shape)?))
}

/// A run along one dimension, as a view.
pub(crate) fn narrowed(x: &Tensor, dim: usize, start: usize, len: usize) -> Tensor {
    let mut layout = x.layout.clone();
    layout.offset += start * layout.strides[dim];
    layout.shape[dim] = len;
    x.view(layout)
}

/// One place along a dimension, which goes away.
pub(crate) fn selected(x: &Tensor, dim: usize, idx: i64) -> Result<Tensor> {
    let Some(size) = x.shape().get(dim).map(|it| *it as i64) else {
        fail!(Index, "a tensor without dimensions cannot be indexed");
    };
    if idx < -size || size <= idx {
        fail!(Index, "index {idx} is out of bounds for dimension {dim} with size {size}");
    }
    let mut layout = x.layout.clone();
    layout.offset += idx.rem_euclid(size) as usize * layout.strides[dim];
    layout.shape.remove(dim);
    layout.strides.remove(dim);
    Ok(x.view(layout))
}

fn narrow(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let dim = dim_of(call, 1, x, 0)?;
    let (start, len, size) = (call.int(2)?, call.int(3)?, x.size(dim as i64)? as i64);
    let start = if start < 0 { start + size } else { start };
    if x.rank() == 0 || start < 0 || len < 0 || start + len > size {
        fail!(Runtime, "start ({start}) + length ({len}) exceeds dimension size ({size}).");
    }
    answer(narrowed(x, dim, start as usize, len as usize))
}

fn select(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    answer(selected(x, dim_of(call, 1, x, 0)?, call.int(2)?)?)
}

fn unbind(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let dim = dim_of(call, 1, x, 0)?;
    let size = x.size(dim as i64)? as i64;
    let parts = (0..size).map(|it| selected(x, dim, it)).collect::<Result<Vec<_>>>()?;
    Ok(parts.into())
}

/// `split(x, size or sizes, dim)`.
fn split(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let dim = dim_of(call, 2, x, 0)?;
    let size = x.size(dim as i64)?;
    let sizes = if let Value::List(_) = call.get(1) {
        call.sizes(1)?
    } else {
        let by = usize::try_from(call.int(1)?).unwrap_or(0);
        if by == 0 && size > 0 {
            fail!(Runtime, "split_size can only be 0 if dimension size is 0");
        }
        pieces(size, by)
    };
    if sizes.iter().sum::<usize>() != size {
        fail!(
            Runtime,
            "split_with_sizes expects split_sizes to sum exactly to {size}, but got {sizes:?}"
        );
    }
    cut(x, dim, &sizes)
}

fn pieces(size: usize, by: usize) -> Vec<usize> {
    let by = by.max(1);
    let mut sizes = vec![by; size / by];
    if !size.is_multiple_of(by) || size == 0 {
        sizes.push(size % by);
    }
    sizes
}

fn cut(x: &Tensor, dim: usize, sizes: &[usize]) -> Result<Value> {
    if x.rank() == 0 {
        fail!(Runtime, "split expects at least a 1-dimensional tensor");
    }
    let mut start = 0;
    let mut parts = Vec::with_capacity(sizes.len());
    for size in sizes {
        parts.push(narrowed(x, dim, start, *size));
        start += size;
    }
    Ok(parts.into())
}

fn chunk(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let dim = dim_of(call, 2, x, 0)?;
    let chunks = usize::try_from(call.int(1)?).unwrap_or(0);
    if chunks == 0 {
        fail!(Runtime, "chunk expects `chunks` to be greater than 0");
    }
    let size = x.size(dim as i64)?;
    if size == 0 {
        return cut(x, dim, &vec![0; chunks]);
    }
    cut(x, dim, &pieces(size, size.div_ceil(chunks)))
}

/// `tensor_split(x, sections or indices, dim)`.
fn tensor_split(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let dim = dim_of(call, 2, x, 0)?;
    let size = x.size(dim as i64)?;
    let borders: Vec<usize> = if let Value::List(_) = call.get(1) {
        let clip = |it: i64| {
            let it = if it < 0 { it + size as i64 } else { it };
            it.clamp(0, size as i64) as usize
        };
        call.ints(1)?.into_iter().map(clip).collect()
    } else {
        let sections = usize::try_from(call.int(1)?).unwrap_or(0);
        if sections == 0 {
            fail!(Runtime, "number of sections must be larger than 0");
        }
        (1..sections).map(|it| it * (size / sections) + it.min(size % sections)).collect()
    };
    let mut start = 0;
    let mut parts = Vec::with_capacity(borders.len() + 1);
    for end in borders.into_iter().chain([size]) {
        parts.push(narrowed(x, dim, start, end.saturating_sub(start)));
        start = end;
    }
    Ok(parts.into())
}

/// `as_strided(x, size, stride, offset)` within the storage.
fn as_strided(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let pairs = if x.dtype().is_complex() { 2 } else { 1 };
    let (shape, mut strides) = (call.sizes(1)?, call.sizes(2)?);
    for it in &mut strides {
        *it = it.saturating_mul(pairs);
    }
    let offset = match call.optional_int(3)? {
        None => x.layout.offset,
        Some(it) => usize::try_from(it).unwrap_or(usize::MAX).saturating_mul(pairs),
    };
    let layout = Layout { shape, strides, offset };
    answer(x.view(within(layout, x.storage.len())?))
}

fn within(layout: Layout, len: usize) -> Result<Layout> {
    let last =
        layout.shape.iter().zip(&layout.strides).try_fold(layout.offset, |it, (dim, stride)| {
            it.checked_add(stride.checked_mul(dim.saturating_sub(1))?)
        });
    let fits = layout.numel() == 0 || last.is_some_and(|it| it < len);
    if layout.shape.len() != layout.strides.len() || !fits {
        fail!(
            Runtime,
            "sizes {:?}, strides {:?} are out of bounds for storage",
            layout.shape,
            layout.strides
        );
    }
    Ok(layout)
}

/// `unfold(x, dim, size, step)`: windows along a dimension, as a view.
fn unfold(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let dim = dim_of(call, 1, x, 0)?;
    let (size, step) = (call.int(2)?, call.int(3)?);
    let length = x.size(dim as i64)? as i64;
    if x.rank() == 0 || size < 0 || size > length || step <= 0 {
        fail!(Runtime, "maximum size for tensor at dimension {dim} is {length} but size is {size}");
    }
    let mut layout = x.layout.clone();
    layout.shape[dim] = ((length - size) / step + 1) as usize;
    layout.shape.push(size as usize);
    layout.strides.push(layout.strides[dim]);
    layout.strides[dim] *= step as usize;
    answer(x.view(layout))
}

/// The diagonal of two dimensions, as a view.
fn diagonal(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let offset = call.int_or(1, 0)?;
    let (a, b) = (dim_of(call, 2, x, 0)?, dim_of(call, 3, x, 1)?);
    if a == b || x.rank() < 2 {
        fail!(Runtime, "diagonal dimensions cannot be identical {a}, {b}");
    }
    let (rows, columns) = (x.shape()[a] as i64, x.shape()[b] as i64);
    let len = if offset < 0 { (rows + offset).min(columns) } else { rows.min(columns - offset) };
    let mut layout = x.layout.clone();
    if len > 0 {
        layout.offset += if offset < 0 {
            offset.unsigned_abs() as usize * layout.strides[a]
        } else {
            offset as usize * layout.strides[b]
        };
    }
    let stride = layout.strides[a] + layout.strides[b];
    for dim in [a.max(b), a.min(b)] {
        layout.shape.remove(dim);
        layout.strides.remove(dim);
    }
    layout.shape.push(len.max(0) as usize);
    layout.strides.push(stride);
    answer(x.view(layout))
}

fn contiguous(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    answer(if x.is_contiguous() { x.clone() } else { x.to_contiguous()? })
}

fn clone(call: &Call) -> Result<Value> {
    answer(call.tensor(0)?.to_contiguous()?)
}

/// `copy_(x, source)`: cast and broadcast into x.
fn copy_(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    match call.operand(1)? {
        crate::elementwise::Operand::Tensor(it) => x.copy_from(&it)?,
        crate::elementwise::Operand::Scalar(it) => {
            x.copy_from(&crate::create::scalar(it, x.dtype())?)?;
        }
    }
    answer(x.clone())
}

/// Windows in reverse order along the dimensions; a copy, as in PyTorch.
fn flip(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let dims = dims_of(call, 1, x)?;
    let (shape, strides) = (x.shape().to_vec(), layout::contiguous_strides(x.shape()));
    if x.dtype().is_complex() {
        fail!(Unsupported, "no complex form of this operation");
    }
    with_element!(x.physical(), T => {
        let values = x.read::<T>()?;
        let mut out = storage::zeros::<T>(values.len())?;
        for (idx, to) in out.iter_mut().enumerate() {
            let mut from = idx;
            for dim in &dims {
                let at = idx / strides[*dim] % shape[*dim];
                from = from - at * strides[*dim] + (shape[*dim] - 1 - at) * strides[*dim];
            }
            *to = values[from];
        }
        answer(Tensor::new(out, &shape, x.dtype())?)
    })
}

fn broadcast_shapes(call: &Call) -> Result<Value> {
    let mut shape: Vec<usize> = Vec::new();
    for idx in 0..call.list(0)?.len() {
        let sizes = Call::new(&call.list(0)?[idx..=idx]).sizes(0)?;
        shape = layout::broadcast(&shape, &sizes)?;
    }
    Ok(Value::List(shape.into_iter().map(|it| Value::Int(it as i64)).collect()))
}

fn view_as_dtype_size(call: &Call) -> Result<Value> {
    let dtype = call.optional_dtype(0)?.unwrap_or(DType::F32);
    Ok(Value::Int(dtype.size() as i64))
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new("view", view, "view(x, shape): an error where a copy would be needed"),
    Kernel::new("reshape", reshape, "reshape(x, shape): a view where strides allow it"),
    Kernel::new("flatten", flatten, "flatten(x, start=0, end=-1)"),
    Kernel::new("unflatten", unflatten, "unflatten(x, dim, sizes)"),
    Kernel::new("permute", permute, "permute(x, dims): a view"),
    Kernel::new("transpose", transpose, "transpose(x, dim0, dim1): a view"),
    Kernel::new("movedim", movedim, "movedim(x, source, destination): a view"),
    Kernel::new("unsqueeze", unsqueeze, "unsqueeze(x, dim): a view"),
    Kernel::new("squeeze", squeeze, "squeeze(x, dims=all): a view"),
    Kernel::new("expand", expand, "expand(x, shape): a view; -1 keeps a size"),
    Kernel::new("narrow", narrow, "narrow(x, dim, start, length): a view"),
    Kernel::new("select", select, "select(x, dim, index): a view"),
    Kernel::new("unbind", unbind, "unbind(x, dim=0) -> views"),
    Kernel::new("split", split, "split(x, size or sizes, dim=0) -> views"),
    Kernel::new("chunk", chunk, "chunk(x, chunks, dim=0) -> views"),
    Kernel::new(
        "tensor_split",
        tensor_split,
        "tensor_split(x, sections or indices, dim=0) -> views",
    ),
    Kernel::new("as_strided", as_strided, "as_strided(x, size, stride, offset=x's): a view"),
    Kernel::new("unfold", unfold, "unfold(x, dim, size, step): a view of windows"),
    Kernel::new("diagonal", diagonal, "diagonal(x, offset=0, dim1=0, dim2=1): a view"),
    Kernel::new("contiguous", contiguous, "contiguous(x): x itself when it is"),
    Kernel::new("clone", clone, "clone(x)"),
    Kernel::new("copy_", copy_, "copy_(x, source): writes to x"),
    Kernel::new("flip", flip, "flip(x, dims): a copy"),
    Kernel::new("broadcast_shapes", broadcast_shapes, "broadcast_shapes([shape, ...]) -> shape"),
    Kernel::new("itemsize", view_as_dtype_size, "itemsize(dtype) -> bytes"),
]];
