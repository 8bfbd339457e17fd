//! Products of tensors: `matmul` and what is made of it.

use rayon::prelude::*;

use crate::{
    binary::{Add, Mul, binary},
    call::{Call, answer},
    cast::cast,
    compare::as_tensor,
    complex,
    dtype::DType,
    element::{Element, FloatElement, Real, with_float},
    elementwise::{Operand, integers, write_back},
    error::{Result, fail},
    layout::{Layout, broadcast, numel},
    multiply::{Matrix, Share, Sizes, multiply, multiply_plainly, narrowed},
    read::Read,
    shape::{reshaped, swapped, unsqueezed},
    storage,
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// Where the two operands of each product of a batch begin.
fn batch_offsets(a: &Layout, b: &Layout) -> Vec<[usize; 2]> {
    let rank = a.shape.len() - 2;
    let mut offsets = vec![[a.offset, b.offset]];
    for dim in 0..rank {
        offsets = offsets
            .into_iter()
            .flat_map(|[x, y]| {
                (0..a.shape[dim]).map(move |it| [x + it * a.strides[dim], y + it * b.strides[dim]])
            })
            .collect();
    }
    offsets
}

fn matrix<'a, T>(values: &'a [T], layout: &Layout, offset: usize) -> Matrix<'a, T> {
    let rank = layout.strides.len();
    Matrix {
        values,
        offset,
        row_stride: layout.strides[rank - 2],
        column_stride: layout.strides[rank - 1],
    }
}

/// `scale * a x b` over a batch: both layouts have the shape `[.., m, k]` and `[.., k, n]` with the
/// same leading dimensions.
pub(crate) fn products<T: Real>(
    scale: T,
    a: (&[T], &Layout),
    b: (&[T], &Layout),
) -> Result<Vec<T>> {
    let rank = a.1.shape.len();
    let sizes = Sizes { m: a.1.shape[rank - 2], k: a.1.shape[rank - 1], n: b.1.shape[rank - 1] };
    let batch = numel(&a.1.shape[..rank - 2])?;
    let each = sizes.m * sizes.n;
    let mut out = storage::zeros::<T>(numel(&[batch, sizes.m, sizes.n])?)?;
    if out.is_empty() {
        return Ok(out);
    }
    let offsets = batch_offsets(a.1, b.1);
    let one = |[x, y]: [usize; 2], out: &mut [T], share: Share| {
        multiply(sizes, scale, matrix(a.0, a.1, x), matrix(b.0, b.1, y), out, share)
    };
    let work = each.saturating_mul(sizes.k);
    let shared = batch > 1 && work < 1 << 22 && work.saturating_mul(batch) >= 1 << 18;
    if shared && rayon::current_num_threads() > 1 {
        out.par_chunks_mut(each)
            .zip(offsets)
            .try_for_each(|(out, offsets)| one(offsets, out, Share::Alone))?;
    } else {
        for (out, offsets) in out.chunks_exact_mut(each).zip(offsets) {
            one(offsets, out, Share::Threads)?;
        }
    }
    Ok(out)
}

/// `torch.matmul`: vectors, matrices and batches of them.
pub(crate) fn matmul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.dtype() != b.dtype() {
        fail!(
            Runtime,
            "expected both operands to have the same dtype, but got: {} != {}",
            a.dtype(),
            b.dtype()
        );
    }
    if a.rank() == 0 || b.rank() == 0 {
        fail!(Runtime, "both arguments to matmul need to be at least 1D");
    }
    let (row, column) = (a.rank() == 1, b.rank() == 1);
    let a = if row { unsqueezed(a, 0) } else { a.clone() };
    let b = if column { unsqueezed(b, 1) } else { b.clone() };
    let out = matrices(&a, &b)?;
    let mut shape = out.shape().to_vec();
    if row {
        shape.remove(shape.len() - 2);
    }
    if column {
        shape.pop();
    }
    reshaped(&out, &shape)
}

fn matrices(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (a_rank, b_rank) = (a.rank(), b.rank());
    let (m, k, n) = (a.shape()[a_rank - 2], a.shape()[a_rank - 1], b.shape()[b_rank - 1]);
    if b.shape()[b_rank - 2] != k {
        fail!(
            Runtime,
            "mat1 and mat2 shapes cannot be multiplied ({:?} and {:?})",
            a.shape(),
            b.shape()
        );
    }
    let batch = broadcast(&a.shape()[..a_rank - 2], &b.shape()[..b_rank - 2])?;
    let shape = [batch.as_slice(), &[m, n]].concat();
    // A batch of rows times one matrix is one product.
    if b_rank == 2 && a_rank > 2 && a.is_contiguous() && !a.dtype().is_complex() {
        let rows = reshaped(a, &[numel(&a.shape()[..a_rank - 1])?, k])?;
        return reshaped(&matrices(&rows, b)?, &shape);
    }
    let a = a.view(a.layout.expand(&[batch.as_slice(), &[m, k]].concat())?);
    let b = b.view(b.layout.expand(&[batch.as_slice(), &[k, n]].concat())?);
    let dtype = a.dtype();
    if dtype.is_complex() {
        return complex_products(&a, &b, &shape);
    }
    if dtype.is_integral() {
        if dtype == DType::Bool && k > 0 && numel(&shape)? > 0 {
            fail!(Runtime, "\"addmm_impl_cpu_\" not implemented for 'Bool'");
        }
        return whole_products(&a, &b, &shape);
    }
    with_float!(Tensor::target(dtype), T => {
        let (x, x_layout) = a.read_strided::<<T as FloatElement>::Acc>()?;
        let (y, y_layout) = b.read_strided::<<T as FloatElement>::Acc>()?;
        let one = <T as FloatElement>::Acc::of(1.0);
        let values = products(one, (&x, &x_layout), (&y, &y_layout))?;
        Tensor::new(narrowed::<T>(values), &shape, dtype)
    })
}

fn whole_products(a: &Tensor, b: &Tensor, shape: &[usize]) -> Result<Tensor> {
    let (x, x_layout) = a.read_strided::<i64>()?;
    let (y, y_layout) = b.read_strided::<i64>()?;
    let rank = shape.len();
    let sizes = Sizes { m: shape[rank - 2], k: a.shape()[rank - 1], n: shape[rank - 1] };
    let mut out = storage::zeros::<i64>(numel(shape)?)?;
    let each = (sizes.m * sizes.n).max(1);
    for (out, [at_x, at_y]) in out.chunks_exact_mut(each).zip(batch_offsets(&x_layout, &y_layout)) {
        let (x, y) = (matrix(&x, &x_layout, at_x), matrix(&y, &y_layout, at_y));
        let add = |sum: i64, x: i64, y: i64| sum.wrapping_add(x.wrapping_mul(y));
        multiply_plainly(sizes, x, y, out, 0, add, |it| it)?;
    }
    integers(out, shape, a.dtype())
}

fn complex_products(a: &Tensor, b: &Tensor, shape: &[usize]) -> Result<Tensor> {
    let (x, y) = (complex::read(a)?, complex::read(b)?);
    let rank = shape.len();
    let sizes = Sizes { m: shape[rank - 2], k: a.shape()[rank - 1], n: shape[rank - 1] };
    let (x_layout, y_layout) = (Layout::contiguous(a.shape()), Layout::contiguous(b.shape()));
    let zero = gemm::c64::new(0.0, 0.0);
    let mut out = vec![zero; numel(shape)?];
    let each = (sizes.m * sizes.n).max(1);
    for (out, [at_x, at_y]) in out.chunks_exact_mut(each).zip(batch_offsets(&x_layout, &y_layout)) {
        let (x, y) = (matrix(&x, &x_layout, at_x), matrix(&y, &y_layout, at_y));
        multiply_plainly(sizes, x, y, out, zero, |sum, x, y| sum + x * y, |it| it)?;
    }
    complex::build(&out, shape, a.dtype())
}

/// `linear(x, weight, bias)`: `x weightᵀ + bias`, rounded once. `[.., k], [n, k] -> [.., n]`
pub(crate) fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (Some(&k), 1..=2) = (x.shape().last(), weight.rank()) else {
        fail!(Runtime, "linear takes a tensor of at least one dimension and a matrix");
    };
    if weight.shape().last() != Some(&k) {
        fail!(
            Runtime,
            "mat1 and mat2 shapes cannot be multiplied ({:?} and the transpose of {:?})",
            x.shape(),
            weight.shape()
        );
    }
    if x.dtype() != weight.dtype() || bias.is_some_and(|it| it.dtype() != x.dtype()) {
        fail!(
            Runtime,
            "mat1 and mat2 must have the same dtype, but got {} and {}",
            x.dtype(),
            weight.dtype()
        );
    }
    if weight.rank() == 1 || !x.dtype().is_float() {
        let turned = if weight.rank() == 1 { weight.clone() } else { swapped(weight, 0, 1) };
        let out = Operand::Tensor(matmul(x, &turned)?);
        return match (bias, out) {
            (Some(bias), out) => binary::<Add>(&out, &Operand::Tensor(bias.clone())),
            (None, Operand::Tensor(out)) => Ok(out),
            (None, Operand::Scalar(_)) => fail!(Type, "a product is a tensor"),
        };
    }
    let n = weight.shape()[0];
    let shape = [&x.shape()[..x.rank() - 1], &[n]].concat();
    let m = numel(&x.shape()[..x.rank() - 1])?;
    if let Some(bias) = bias
        && (bias.rank() > 1 || (bias.numel() != n && bias.numel() != 1))
    {
        fail!(Runtime, "a bias of shape {:?} does not fit {n} outputs", bias.shape());
    }
    let dtype = x.dtype();
    with_float!(Tensor::target(dtype), T => {
        let values = rows_times_weight::<T>(x, weight, Sizes { m, k, n })?;
        let values = match bias {
            None => narrowed::<T>(values),
            Some(bias) => {
                let bias = bias.view(bias.layout.expand(&[n])?);
                let bias: Read<'_, <T as FloatElement>::Acc> = bias.read()?;
                let mut values = values;
                for row in values.chunks_exact_mut(n.max(1)) {
                    for (to, bias) in row.iter_mut().zip(bias.iter()) {
                        *to += *bias;
                    }
                }
                narrowed::<T>(values)
            }
        };
        Tensor::new(values, &shape, dtype)
    })
}

/// The product with a weight's transpose in the type that it is computed in.
fn rows_times_weight<T: FloatElement>(
    x: &Tensor,
    weight: &Tensor,
    sizes: Sizes,
) -> Result<Vec<T::Acc>> {
    let x = reshaped(x, &[sizes.m, sizes.k])?;
    let (rows, rows_layout) = x.read_strided::<T::Acc>()?;
    let halves = weight.physical() == T::PHYSICAL && T::PHYSICAL != <T::Acc as Element>::PHYSICAL;
    if halves && sizes.m <= FEW_ROWS && weight.layout.strides[1] == 1 {
        let x = x.read::<T::Acc>()?;
        return few_rows_times_halves::<T>(&x, weight, sizes);
    }
    let (columns, layout) = weight.read_strided::<T::Acc>()?;
    let turned = layout.permute(&[1, 0]);
    products(T::Acc::of(1.0), (&rows, &rows_layout), (&columns, &turned))
}

/// Up to this many rows, a weight of half type is widened row by row instead of as a whole.
const FEW_ROWS: usize = 8;

/// A decoding step's product: each row of the weight is widened once and stays in the cache.
fn few_rows_times_halves<T: FloatElement>(
    x: &[T::Acc],
    weight: &Tensor,
    Sizes { m, k, n }: Sizes,
) -> Result<Vec<T::Acc>> {
    let (halves, layout) = weight.read_strided::<T>()?;
    let halves: &[T] = &halves;
    // By columns first, so that each weight row writes one run.
    let mut turned = storage::zeros::<T::Acc>(numel(&[n, m])?)?;
    crate::threads::for_chunks(&mut turned, m, k, |start, chunk| {
        let mut row = vec![T::Acc::of(0.0); k];
        for (idx, out) in chunk.chunks_exact_mut(m).enumerate() {
            let at = layout.offset + (start / m + idx) * layout.strides[0];
            for (to, from) in row.iter_mut().zip(&halves[at..at + k]) {
                *to = from.widen();
            }
            for (to, x) in out.iter_mut().zip(x.chunks_exact(k.max(1))) {
                *to = crate::multiply::dot(x, &row);
            }
        }
    });
    if m <= 1 {
        return Ok(turned);
    }
    let mut out = storage::zeros::<T::Acc>(turned.len())?;
    for (idx, value) in turned.into_iter().enumerate() {
        out[idx % m * n + idx / m] = value;
    }
    Ok(out)
}

fn matmul_kernel(call: &Call) -> Result<Value> {
    answer(matmul(call.tensor(0)?, call.tensor(1)?)?)
}

fn linear_kernel(call: &Call) -> Result<Value> {
    answer(linear(call.tensor(0)?, call.tensor(1)?, call.optional_tensor(2)?)?)
}

/// `beta * x + alpha * (a x b)`; a `beta` of zero ignores `x`, NaN included.
fn combined(call: &Call) -> Result<Tensor> {
    let x = call.operand(0)?;
    let (a, b) = (wide(call.tensor(1)?)?, wide(call.tensor(2)?)?);
    let (beta, alpha) = (call.optional_operand(3)?, call.optional_operand(4)?);
    let mut product = Operand::Tensor(matmul(&a, &b)?);
    if let Some(alpha) = alpha {
        product = Operand::Tensor(binary::<Mul>(&product, &alpha)?);
    }
    let dtype = call.tensor(1)?.dtype();
    if call.float_or(3, 1.0)? == 0.0 {
        return as_tensor(&product, dtype);
    }
    let x = Operand::Tensor(wide(&as_tensor(&x, dtype)?)?);
    let scaled = match beta {
        Some(beta) => Operand::Tensor(binary::<Mul>(&x, &beta)?),
        None => x,
    };
    as_tensor(&Operand::Tensor(binary::<Add>(&scaled, &product)?), dtype)
}

/// Half types widened, so that a chain of operations rounds once.
fn wide(x: &Tensor) -> Result<Tensor> {
    match x.dtype() {
        DType::F16 | DType::BF16 => cast(x, DType::F32),
        _ => Ok(x.clone()),
    }
}

fn addmm(call: &Call) -> Result<Value> {
    answer(combined(call)?)
}

fn baddbmm_(call: &Call) -> Result<Value> {
    write_back(call.tensor(0)?, &combined(call)?)
}

/// `outer(a, b)` of two vectors.
fn outer(call: &Call) -> Result<Value> {
    let (a, b) = (call.tensor(0)?, call.tensor(1)?);
    if a.rank() != 1 || b.rank() != 1 {
        fail!(Runtime, "outer: expected 1-D tensors");
    }
    answer(binary::<Mul>(&Operand::Tensor(unsqueezed(a, 1)), &Operand::Tensor(b.clone()))?)
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new("matmul", matmul_kernel, "matmul(a, b); also `mm`, `bmm`, `mv`, `dot`"),
    Kernel::new("linear", linear_kernel, "linear(x, weight, bias=None)"),
    Kernel::new("addmm", addmm, "addmm(x, a, b, beta=1, alpha=1); also `baddbmm`"),
    Kernel::new("baddbmm_", baddbmm_, "baddbmm_(x, a, b, beta=1, alpha=1): writes to x"),
    Kernel::new("outer", outer, "outer(a, b)"),
]];
