//! Linear algebra that models use: systems with a triangular matrix.

use crate::{
    call::{Call, answer},
    cast::cast,
    dtype::DType,
    error::{Result, fail},
    layout::{broadcast, numel},
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// `solve_triangular(a, b, upper, left, unitriangular)`: `x` with `a x = b`, or `x a = b` when not
/// `left`. Computed in 64 bits. `[.., n, n], [.., n, k] -> [.., n, k]`
fn solve_triangular(call: &Call) -> Result<Value> {
    let (a, b) = (call.tensor(0)?, call.tensor(1)?);
    let (upper, left) = (call.bool_or(2, false)?, call.bool_or(3, true)?);
    let unit = call.bool_or(4, false)?;
    let single = matches!(a.dtype(), DType::F32 | DType::F64);
    if a.dtype() != b.dtype() || !single || a.rank() < 2 || b.rank() < 2 {
        fail!(
            Runtime,
            "expected two floating matrices of one dtype, but got {} and {}",
            a.dtype(),
            b.dtype()
        );
    }
    let [.., rows, columns] = a.shape()[..] else { fail!(Runtime, "a is no matrix") };
    let [.., height, width] = b.shape()[..] else { fail!(Runtime, "b is no matrix") };
    if rows != columns || rows != if left { height } else { width } {
        fail!(Runtime, "Incompatible shapes of A and B: {:?} and {:?}", a.shape(), b.shape());
    }
    let batch = broadcast(&a.shape()[..a.rank() - 2], &b.shape()[..b.rank() - 2])?;
    let whole = |it: &Tensor, height: usize, width: usize| -> Result<Tensor> {
        Ok(it.view(it.layout.expand(&[batch.as_slice(), &[height, width]].concat())?))
    };
    let matrices = whole(a, rows, rows)?.read::<f64>()?.into_vec()?;
    let mut out = whole(b, height, width)?.read::<f64>()?.into_vec()?;
    let count = numel(&batch)?;
    for item in 0..count {
        let a = &matrices[item * rows * rows..][..rows * rows];
        let x = &mut out[item * height * width..][..height * width];
        // `x a = b` is `aᵀ xᵀ = bᵀ`: the same steps with both indices turned.
        let at = |row: usize, column: usize| {
            if left { a[row * rows + column] } else { a[column * rows + row] }
        };
        let place =
            |row: usize, lane: usize| if left { row * width + lane } else { lane * width + row };
        let lanes = if left { width } else { height };
        let from_top = upper != left;
        for step in 0..rows {
            let row = if from_top { step } else { rows - 1 - step };
            let known = if from_top { 0..row } else { row + 1..rows };
            for lane in 0..lanes {
                let sum: f64 = known.clone().map(|it| at(row, it) * x[place(it, lane)]).sum();
                let value = x[place(row, lane)] - sum;
                x[place(row, lane)] = if unit { value } else { value / at(row, row) };
            }
        }
    }
    let shape = [batch.as_slice(), &[height, width]].concat();
    answer(cast(&Tensor::new(out, &shape, DType::F64)?, b.dtype())?)
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[Kernel::new(
    "solve_triangular",
    solve_triangular,
    "solve_triangular(a, b, upper, left=True, unitriangular=False)",
)]];
