//! Versions that take elements by index. The indices are few and are looked at on the host first,
//! so that one out of range is PyTorch's error and not what a GPU makes of it.

use candle_core::Tensor as Flat;

use super::{dispatch::Version, transfer::failed, view};
use crate::{
    call::{Call, answer, dim_of},
    dtype::DType,
    error::Result,
    layout::Layout,
    shape::narrowed,
    tensor::Tensor,
    value::Value,
};

/// Whether all indices are places of a dimension of that size.
fn within(index: &Tensor, size: usize) -> Result<bool> {
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    Ok(index.dtype() == DType::I64
        && index.numel() > 0
        && index.read::<i64>()?.iter().all(|it| (0..size).contains(it)))
}

fn taken(x: &Tensor, dim: usize, index: &Tensor, shape: &[usize]) -> Result<Option<Value>> {
    let Some(size) = x.shape().get(dim) else { return Ok(None) };
    if x.numel() == 0 || !within(index, *size)? {
        return Ok(None);
    }
    let (Some(flat), Some(places)) = (x.on_device()?, index.on_device()?) else {
        return Ok(None);
    };
    let made = places
        .contiguous()
        .and_then(|it| it.flatten_all())
        .and_then(|places| flat.contiguous()?.index_select(&places, dim))
        .and_then(|it| it.reshape([&x.shape()[..dim], shape, &x.shape()[dim + 1..]].concat()));
    answer(Tensor::from_device(&made.map_err(failed)?, x.dtype(), x.physical())?).map(Some)
}

fn embedding(call: &Call) -> Result<Option<Value>> {
    let (ids, weight) = (call.tensor(0)?, call.tensor(1)?);
    if weight.rank() != 2 {
        return Ok(None);
    }
    taken(weight, 0, ids, ids.shape())
}

fn index_select(call: &Call) -> Result<Option<Value>> {
    let (x, index) = (call.tensor(0)?, call.tensor(2)?);
    if index.rank() > 1 {
        return Ok(None);
    }
    taken(x, dim_of(call, 1, x, 0)?, index, &[index.numel()])
}

/// Square brackets around one index tensor, which may follow whole dimensions.
fn getitem(call: &Call) -> Result<Option<Value>> {
    let x = call.tensor(0)?;
    let entries = call.list(1)?;
    let whole = |it: &Value| matches!(it, Value::Slice(None, None, None));
    let Some(dim) = entries.iter().position(|it| !whole(it)) else { return Ok(None) };
    match &entries[dim..] {
        [Value::Tensor(index)] if index.rank() > 0 && index.dtype() == DType::I64 => {
            taken(x, dim, index, index.shape())
        }
        _ => Ok(None),
    }
}

fn gather(call: &Call) -> Result<Option<Value>> {
    let (x, index) = (call.tensor(0)?, call.tensor(2)?);
    let dim = dim_of(call, 1, x, 0)?;
    let alike = x.rank() == index.rank()
        && (0..x.rank()).all(|it| it == dim || index.shape()[it] <= x.shape()[it]);
    if !alike || x.rank() == 0 || x.dtype().is_complex() || !within(index, x.shape()[dim])? {
        return Ok(None);
    }
    let x = (0..x.rank())
        .filter(|it| *it != dim)
        .fold(x.clone(), |x, it| narrowed(&x, it, 0, index.shape()[it]));
    let (Some(flat), Some(places)) = (x.on_device()?, index.on_device()?) else {
        return Ok(None);
    };
    let made: candle_core::Result<Flat> =
        places.contiguous().and_then(|places| flat.contiguous()?.gather(&places, dim));
    answer(Tensor::from_device(&made.map_err(failed)?, x.dtype(), x.physical())?).map(Some)
}

/// Rows written where the index says: runs of neighbouring places are written together, as the
/// caches of fixed size do it.
fn index_copy_(call: &Call) -> Result<Option<Value>> {
    let (x, index, source) = (call.tensor(0)?, call.tensor(2)?, call.tensor(3)?);
    let dim = dim_of(call, 1, x, 0)?;
    let fits = x.rank() > 0
        && x.rank() == source.rank()
        && index.rank() == 1
        && x.dtype() == source.dtype()
        && !x.layout.overlaps()
        && (0..x.rank())
            .all(|it| source.shape()[it] == if it == dim { index.numel() } else { x.shape()[it] });
    if !fits || source.numel() == 0 || !within(index, x.shape()[dim])? {
        return Ok(None);
    }
    let Some(from) = source.on_device()? else { return Ok(None) };
    let from = from.contiguous().and_then(|it| it.flatten_all()).map_err(failed)?;
    let layout = Layout::contiguous(source.shape());
    let Some(flat) = x.storage.write_device()? else { return Ok(None) };
    let places = index.read::<i64>()?.to_vec();
    let mut first = 0;
    while first < places.len() {
        let follows = |it: &usize| places[*it] == places[*it - 1] + 1;
        let count = 1 + (first + 1..places.len()).take_while(follows).count();
        let to = narrowed(x, dim, places[first] as usize, count);
        let mut part = layout.clone();
        part.offset += first * part.strides[dim];
        part.shape[dim] = count;
        view::write(
            &flat,
            &to.layout,
            &view::strided(&from, &part)?.flatten_all().map_err(failed)?,
        )?;
        first += count;
    }
    answer(x.clone()).map(Some)
}

pub(super) const VERSIONS: &[(&str, Version)] = &[
    ("embedding", embedding),
    ("index_select", index_select),
    ("getitem", getitem),
    ("gather", gather),
    ("index_copy_", index_copy_),
];
