//! Orders: sort, top-k and searches. Equal elements keep their order; NaN is the largest.

use std::cmp::Ordering;

use crate::{
    call::{Call, answer, dim_of},
    context,
    dtype::{DType, Physical},
    element::{Element, with_element},
    elementwise::{Operand, result_type},
    error::{Result, fail},
    lanes::Lanes,
    layout::numel,
    storage,
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// Ascending, NaN last.
fn order<T: Element>(a: T, b: T) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| {
        let nan = |it: T| it.partial_cmp(&it).is_none();
        nan(a).cmp(&nan(b))
    })
}

fn real(x: &Tensor) -> Result<Physical> {
    if x.dtype().is_complex() {
        fail!(Runtime, "complex numbers have no order");
    }
    Ok(x.physical())
}

/// The first `count` places of each lane in order, values with them.
fn ranked(x: &Tensor, dim: usize, count: usize, descending: bool) -> Result<[Tensor; 2]> {
    with_element!(real(x)?, T => {
        let lanes = Lanes::<T>::of(x, dim)?;
        let rows = lanes.rows().len();
        let mut values = storage::zeros::<T>(numel(&[rows, count])?)?;
        let mut places = storage::zeros::<i64>(values.len())?;
        context::admit(lanes.len, 4)?;
        let mut idx: Vec<u32> = Vec::with_capacity(lanes.len);
        for (row, lane) in lanes.rows().enumerate() {
            // Ties go by place, so the order is total and the unstable sorts are stable.
            let compare = |a: &u32, b: &u32| {
                let (x, y) = (lane[*a as usize], lane[*b as usize]);
                if descending { order(y, x) } else { order(x, y) }.then(a.cmp(b))
            };
            idx.clear();
            idx.extend(0..lane.len() as u32);
            if count < lane.len() && count > 0 {
                idx.select_nth_unstable_by(count - 1, compare);
                idx.truncate(count);
            }
            idx.sort_unstable_by(compare);
            for (at, place) in idx.iter().take(count).enumerate() {
                values[row * count + at] = lane[*place as usize];
                places[row * count + at] = i64::from(*place);
            }
        }
        Ok([lanes.restore(values, count, x.dtype())?, lanes.restore(places, count, DType::I64)?])
    })
}

/// `sort(x, dim, descending, stable)`: always stable.
fn sort(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let dim = dim_of(call, 1, x, -1)?;
    Ok(ranked(x, dim, x.size(dim as i64)?, call.bool_or(2, false)?)?.to_vec().into())
}

fn argsort(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let dim = dim_of(call, 1, x, -1)?;
    let [_, places] = ranked(x, dim, x.size(dim as i64)?, call.bool_or(2, false)?)?;
    answer(places)
}

/// `topk(x, k, dim, largest, sorted)`: of equal elements, those that come first.
fn topk(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let k = call.int(1)?;
    let dim = dim_of(call, 2, x, -1)?;
    let count =
        usize::try_from(k).ok().filter(|it| x.size(dim as i64).is_ok_and(|size| *it <= size));
    let Some(count) = count else {
        fail!(Runtime, "selected index k out of range");
    };
    Ok(ranked(x, dim, count, call.bool_or(3, true)?)?.to_vec().into())
}

/// `kthvalue(x, k, dim, keepdim)`.
fn kthvalue(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let dim = dim_of(call, 2, x, -1)?;
    let k = usize::try_from(call.int(1)?).unwrap_or(0);
    if k == 0 || k > x.size(dim as i64)? {
        fail!(Runtime, "kthvalue(): selected number k out of range for dimension {dim}");
    }
    let pick = |it: Tensor| -> Result<Tensor> {
        if x.rank() == 0 {
            return Ok(it);
        }
        if call.bool_or(3, false)? {
            return Ok(crate::shape::narrowed(&it, dim, k - 1, 1));
        }
        crate::shape::selected(&it, dim, k as i64 - 1)
    };
    let [values, places] = ranked(x, dim, k, false)?;
    Ok(vec![pick(values)?, pick(places)?].into())
}

/// `unique(x, return_inverse, return_counts)` of all elements, sorted.
fn unique(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    with_element!(real(x)?, T => {
        let values = x.read::<T>()?;
        let mut idx: Vec<usize> = (0..values.len()).collect();
        idx.sort_by(|a, b| order(values[*a], values[*b]));
        let sorted: Vec<T> = idx.iter().map(|it| values[*it]).collect();
        grouped(x, &sorted, Some(&idx))
    })
}

/// Runs of equal neighbours: the distinct elements, each element's group, and the groups' sizes.
fn grouped<T: Element>(x: &Tensor, values: &[T], order: Option<&[usize]>) -> Result<Value> {
    let (mut distinct, mut counts) = (Vec::new(), Vec::<i64>::new());
    let mut inverse = storage::zeros::<i64>(values.len())?;
    for (idx, value) in values.iter().enumerate() {
        match counts.last_mut() {
            Some(count) if values[idx - 1] == *value => *count += 1,
            _ => {
                distinct.push(*value);
                counts.push(1);
            }
        }
        inverse[order.map_or(idx, |it| it[idx])] = counts.len() as i64 - 1;
    }
    let len = distinct.len();
    Ok(vec![
        Tensor::new(distinct, &[len], x.dtype())?,
        Tensor::new(inverse, x.shape(), DType::I64)?,
        Tensor::new(counts, &[len], DType::I64)?,
    ]
    .into())
}

fn unique_consecutive(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    with_element!(real(x)?, T => grouped(x, &x.read::<T>()?, None))
}

/// `searchsorted(sorted, values, right)`: along the last dimension.
fn searchsorted(call: &Call) -> Result<Value> {
    let (sorted, right) = (call.tensor(0)?, call.bool_or(2, false)?);
    let given = call.operand(1)?;
    let values = crate::compare::as_tensor(
        &given,
        result_type(&[&given, &Operand::Tensor(sorted.clone())]),
    )?;
    let (lines, wanted) = (sorted.read::<f64>()?, values.read::<f64>()?);
    let len = sorted.shape().last().copied().unwrap_or(1);
    let many = sorted.rank() > 1;
    let fits = !many
        || (values.rank() == sorted.rank()
            && values.shape()[..values.rank() - 1] == sorted.shape()[..sorted.rank() - 1]);
    if !fits {
        fail!(
            Runtime,
            "boundaries tensor should be 1 dimension or have the same leading dimensions as the input"
        );
    }
    let run =
        if many { values.shape().last().copied().unwrap_or(1).max(1) } else { wanted.len().max(1) };
    let mut out = storage::zeros::<i64>(wanted.len())?;
    for (idx, (to, value)) in out.iter_mut().zip(wanted.iter()).enumerate() {
        let line = if many { &lines[idx / run * len..][..len] } else { &lines[..] };
        *to = line.partition_point(|it| match order(*it, *value) {
            Ordering::Less => true,
            Ordering::Equal => right,
            Ordering::Greater => false,
        }) as i64;
    }
    answer(Tensor::new(out, values.shape(), DType::I64)?)
}

/// `bucketize(values, boundaries, right)`.
fn bucketize(call: &Call) -> Result<Value> {
    let args = [call.get(1).clone(), call.get(0).clone(), Value::Bool(call.bool_or(2, false)?)];
    searchsorted(&Call::new(&args))
}

fn isin(call: &Call) -> Result<Value> {
    let (a, b) = (call.operand(0)?, call.operand(1)?);
    let dtype = result_type(&[&a, &b]);
    let (x, set) = (crate::compare::as_tensor(&a, dtype)?, crate::compare::as_tensor(&b, dtype)?);
    let invert = call.bool_or(2, false)?;
    with_element!(real(&x)?, T => {
        let mut known = set.read::<T>()?.to_vec();
        known.retain(|it| it.partial_cmp(it).is_some());
        known.sort_by(|a, b| order(*a, *b));
        let found = |it: &T| known.binary_search_by(|probe| order(*probe, *it)).is_ok();
        let values: Vec<u8> = x.read::<T>()?.iter().map(|it| u8::from(found(it) != invert)).collect();
        answer(Tensor::new(values, x.shape(), DType::Bool)?)
    })
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new("sort", sort, "sort(x, dim=-1, descending=False) -> [values, indices]; stable"),
    Kernel::new("argsort", argsort, "argsort(x, dim=-1, descending=False); stable"),
    Kernel::new("topk", topk, "topk(x, k, dim=-1, largest=True) -> [values, indices]; stable"),
    Kernel::new("kthvalue", kthvalue, "kthvalue(x, k, dim=-1, keepdim=False) -> [values, indices]"),
    Kernel::new("unique", unique, "unique(x) -> [values, inverse, counts]"),
    Kernel::new(
        "unique_consecutive",
        unique_consecutive,
        "unique_consecutive(x) -> [values, inverse, counts]",
    ),
    Kernel::new("searchsorted", searchsorted, "searchsorted(sorted, values, right=False)"),
    Kernel::new("bucketize", bucketize, "bucketize(values, boundaries, right=False)"),
    Kernel::new("isin", isin, "isin(x, set, invert=False)"),
]];
