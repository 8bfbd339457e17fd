//! Scaled dot-product attention without the full score matrix: a block of queries at a time.

use rayon::prelude::*;

use crate::{
    call::{Call, answer},
    dtype::DType,
    element::{FloatElement, Real, with_float},
    error::{Result, fail},
    layout::{Layout, numel},
    multiply::{Matrix, Share, Sizes, multiply},
    softmax::softmax_lane,
    storage,
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// Queries whose scores are held at one time.
const BLOCK: usize = 64;

/// One call, with batches and heads broadcast: `[.., H, L, E] x [.., H, S, E] x [.., H, S, V]`.
struct Attention<'a, R> {
    query: (&'a [R], Layout),
    key: (&'a [R], Layout),
    value: (&'a [R], Layout),
    /// Added to the scores.
    mask: Option<(&'a [R], Layout)>,
    causal: bool,
    scale: R,
}

/// Where each head of a batch begins, in row-major order.
fn heads(layout: &Layout) -> Vec<usize> {
    let mut offsets = vec![layout.offset];
    for dim in 0..layout.shape.len() - 2 {
        offsets = offsets
            .into_iter()
            .flat_map(|at| (0..layout.shape[dim]).map(move |it| at + it * layout.strides[dim]))
            .collect();
    }
    offsets
}

fn rows<'a, R>(of: &(&'a [R], Layout), at: usize, first: usize) -> Matrix<'a, R> {
    let [.., row_stride, column_stride] = of.1.strides[..] else {
        return Matrix { values: of.0, offset: at, row_stride: 0, column_stride: 0 };
    };
    Matrix { values: of.0, offset: at + first * row_stride, row_stride, column_stride }
}

impl<R: Real> Attention<'_, R> {
    fn sizes(&self) -> [usize; 4] {
        let last = |layout: &Layout, back: usize| layout.shape[layout.shape.len() - back];
        [
            last(&self.query.1, 2),
            last(&self.key.1, 2),
            last(&self.query.1, 1),
            last(&self.value.1, 1),
        ]
    }

    fn run(&self, out: &mut [R]) -> Result<()> {
        let [queries, keys, _, width] = self.sizes();
        if out.is_empty() {
            return Ok(());
        }
        let (query_heads, key_heads) = (heads(&self.query.1), heads(&self.key.1));
        let value_heads = heads(&self.value.1);
        let mask_heads = self.mask.as_ref().map(|it| heads(&it.1));
        let blocks = queries.div_ceil(BLOCK);
        let threads = rayon::current_num_threads().max(1);
        crate::context::admit(BLOCK.min(queries) * keys * threads, R::PHYSICAL.size())?;
        let mut work: Vec<(usize, usize, &mut [R])> = Vec::new();
        for (head, plane) in out.chunks_exact_mut(queries * width).enumerate() {
            for (block, rows) in plane.chunks_mut(BLOCK * width).enumerate() {
                work.push((head, block * BLOCK, rows));
            }
        }
        let one = |(head, first, out): (usize, usize, &mut [R]), share: Share| -> Result<()> {
            let at = [query_heads[head], key_heads[head], value_heads[head]];
            let mask = mask_heads.as_ref().map(|it| it[head]);
            self.block(at, mask, first, out, share)
        };
        let small = queries * keys * width * query_heads.len() < 1 << 16;
        if small || threads < 2 || (blocks * query_heads.len()) < 2 {
            work.into_iter().try_for_each(|it| one(it, Share::Threads))
        } else {
            work.into_par_iter().try_for_each(|it| one(it, Share::Alone))
        }
    }

    fn block(
        &self,
        [query, key, value]: [usize; 3],
        mask: Option<usize>,
        first: usize,
        out: &mut [R],
        share: Share,
    ) -> Result<()> {
        let [_, keys, inner, width] = self.sizes();
        let count = out.len() / width.max(1);
        // The last query of the block sees no key behind its own.
        let keys = if self.causal { keys.min(first + count) } else { keys };
        let mut scores = vec![R::zero(); count * keys];
        let sizes = Sizes { m: count, k: inner, n: keys };
        let turned = {
            let it = rows(&self.key, key, 0);
            Matrix { row_stride: it.column_stride, column_stride: it.row_stride, ..it }
        };
        multiply(sizes, self.scale, rows(&self.query, query, first), turned, &mut scores, share)?;
        for (row, lane) in scores.chunks_exact_mut(keys.max(1)).enumerate() {
            if let (Some((values, layout)), Some(at)) = (&self.mask, mask)
                && let [.., row_stride, column_stride] = layout.strides[..]
            {
                let line = at + (first + row) * row_stride;
                for (idx, score) in lane.iter_mut().enumerate() {
                    *score = *score + values[line + idx * column_stride];
                }
            }
            if self.causal {
                for score in lane.iter_mut().skip(first + row + 1) {
                    *score = R::neg_infinity();
                }
            }
            if lane.iter().all(|it| *it == R::neg_infinity()) {
                // PyTorch's fused kernels give zeros to a query that sees nothing.
                lane.fill(R::zero());
            } else {
                softmax_lane(lane);
            }
        }
        let weights = Matrix { values: &scores, offset: 0, row_stride: keys, column_stride: 1 };
        let sizes = Sizes { m: count, k: keys, n: width };
        multiply(sizes, R::of(1.0), weights, rows(&self.value, value, 0), out, share)
    }
}

/// A boolean mask becomes zero and `-inf`.
fn additive(mask: &Tensor, dtype: DType) -> Result<Tensor> {
    if mask.dtype() != DType::Bool {
        return crate::cast::cast(mask, dtype);
    }
    let zero = crate::elementwise::Operand::Scalar(crate::elementwise::Scalar::Float(0.0));
    let minus =
        crate::elementwise::Operand::Scalar(crate::elementwise::Scalar::Float(f64::NEG_INFINITY));
    crate::compare::select(mask, &zero, &minus, dtype)
}

/// Operands whose query heads come in groups that share a key head, with the groups as a dimension of
/// their own, so that no head is copied: `[.., G, R, L, E] x [.., G, R or 1, S, E]`.
struct Grouped {
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Option<Tensor>,
}

fn grouped(query: &Tensor, key: &Tensor, value: &Tensor, mask: Option<&Tensor>) -> Result<Grouped> {
    let dim = |it: &Tensor| it.rank() - 3;
    let (heads, own) = (query.shape()[dim(query)], key.shape()[dim(key)]);
    let as_they_are = || Grouped {
        query: query.clone(),
        key: key.clone(),
        value: value.clone(),
        mask: mask.cloned(),
    };
    if own == heads || own == 0 {
        return Ok(as_they_are());
    }
    if !heads.is_multiple_of(own) || value.shape()[dim(value)] != own {
        fail!(Runtime, "enable_gqa: {heads} query heads are no multiple of {own} key heads");
    }
    let split = |it: &Tensor| {
        let at = dim(it);
        let shape = [&it.shape()[..at], &[own, heads / own], &it.shape()[at + 1..]].concat();
        crate::shape::reshaped(it, &shape)
    };
    let shared = |it: &Tensor| crate::shape::unsqueezed(it, dim(it) + 1);
    let mask = match mask {
        Some(it) if it.rank() > 2 && it.shape()[dim(it)] == heads => Some(split(it)?),
        Some(it) if it.rank() > 2 => Some(shared(it)),
        other => other.cloned(),
    };
    Ok(Grouped { query: split(query)?, key: shared(key), value: shared(value), mask })
}

/// `sdpa(query, key, value, mask, causal, scale, gqa)`.
fn sdpa(call: &Call) -> Result<Value> {
    let (query, key, value) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
    let dtype = query.dtype();
    let alike = key.dtype() == dtype && value.dtype() == dtype && dtype.is_float();
    if !alike || query.rank() < 2 || key.rank() < 2 || value.rank() < 2 {
        fail!(
            Runtime,
            "Expected query, key, and value to have the same floating dtype, but got {dtype}, {} and {}",
            key.dtype(),
            value.dtype()
        );
    }
    let mask = call.optional_tensor(3)?;
    let in_groups = call.bool_or(6, false)? && [query, key, value].iter().all(|it| it.rank() > 2);
    let it = if in_groups {
        grouped(query, key, value, mask)?
    } else {
        let mask = mask.cloned();
        Grouped { query: query.clone(), key: key.clone(), value: value.clone(), mask }
    };
    let split = it.query.rank() > query.rank();
    let (query, key, value, mask) = (&it.query, it.key, it.value, it.mask);
    let lead = |it: &Tensor| it.shape()[..it.rank() - 2].to_vec();
    let batch = crate::layout::broadcast(
        &lead(query),
        &crate::layout::broadcast(&lead(&key), &lead(&value))?,
    )?;
    let size = |it: &Tensor, back: usize| it.shape()[it.rank() - back];
    let (queries, keys, inner, width) =
        (size(query, 2), size(&key, 2), size(query, 1), size(&value, 1));
    if size(&key, 1) != inner || size(&value, 2) != keys {
        fail!(
            Runtime,
            "query {:?}, key {:?} and value {:?} do not go together",
            query.shape(),
            key.shape(),
            value.shape()
        );
    }
    let spread = |it: &Tensor, rows: usize, columns: usize| -> Result<Tensor> {
        Ok(it.view(it.layout.expand(&[batch.as_slice(), &[rows, columns]].concat())?))
    };
    let (query, key, value) =
        (spread(query, queries, inner)?, spread(&key, keys, inner)?, spread(&value, keys, width)?);
    let causal = call.bool_or(4, false)?;
    let mask = mask.map(|it| additive(&it, dtype)).transpose()?;
    if causal && mask.is_some() {
        fail!(Runtime, "Explicit attn_mask should not be set when is_causal=True");
    }
    let mask = mask.map(|it| spread(&it, queries, keys)).transpose()?;
    let scale = call.float_or(5, (inner as f64).sqrt().recip())?;
    let shape = [batch.as_slice(), &[queries, width]].concat();
    with_float!(Tensor::target(dtype), T => {
        type Wide<T> = <T as FloatElement>::Acc;
        let (q, query_layout) = query.read_strided::<Wide<T>>()?;
        let (k, key_layout) = key.read_strided::<Wide<T>>()?;
        let (v, value_layout) = value.read_strided::<Wide<T>>()?;
        let mask = mask.as_ref().map(Tensor::read_strided::<Wide<T>>).transpose()?;
        let attention = Attention {
            query: (&q, query_layout),
            key: (&k, key_layout),
            value: (&v, value_layout),
            mask: mask.as_ref().map(|(values, layout)| (&**values, layout.clone())),
            causal,
            scale: Wide::<T>::of(scale),
        };
        let mut out = storage::zeros::<Wide<T>>(numel(&shape)?)?;
        attention.run(&mut out)?;
        let out = Tensor::new(crate::multiply::narrowed::<T>(out), &shape, dtype)?;
        let [lead @ .., groups, each, queries, width] = shape.as_slice() else { return answer(out) };
        let whole = [lead, &[groups * each, *queries, *width]].concat();
        answer(if split { crate::shape::reshaped(&out, &whole)? } else { out })
    })
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[Kernel::new(
    "sdpa",
    sdpa,
    "sdpa(query, key, value, mask=None, causal=False, scale=1/sqrt(E), gqa=False)",
)]];
