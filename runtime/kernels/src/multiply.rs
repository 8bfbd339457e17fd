//! Products of matrices on slices: the one place that calls gemm.

use gemm::Parallelism;
use rayon::prelude::*;

use crate::{
    element::Real,
    error::{Result, fail},
};

/// A matrix within a slice.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) offset: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<T> Matrix<'_, T> {
    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1)
                .checked_mul(self.row_stride)
                .zip((columns - 1).checked_mul(self.column_stride))
                .and_then(|(row, column)| row.checked_add(column)?.checked_add(self.offset))
                .is_some_and(|last| last < self.values.len())
    }
}

/// The sizes of a product: `[m, k] x [k, n]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
}

/// Who computes a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// The calling thread: it is one of several already, or the work is too small.
    Alone,
    /// All threads, when the product is large enough.
    Threads,
}

/// Fewer multiplications than this are not worth a second thread.
const PARALLEL_PRODUCT: usize = 1 << 18;

/// `out[m, n] = scale * a[m, k] x b[k, n]`, row-major.
pub(crate) fn multiply<T: Real>(
    sizes: Sizes,
    scale: T,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    out: &mut [T],
    share: Share,
) -> Result<()> {
    let Sizes { m, k, n } = sizes;
    if !a.holds(m, k) || !b.holds(k, n) || out.len() != m * n {
        fail!(Runtime, "a product of [{m}, {k}] and [{k}, {n}] lies outside its operands");
    }
    if out.is_empty() {
        return Ok(());
    }
    if k == 0 {
        out.fill(T::zero());
        return Ok(());
    }
    let work = m.saturating_mul(k).saturating_mul(n);
    let threads = rayon::current_num_threads();
    let parallel = share == Share::Threads && work >= PARALLEL_PRODUCT && threads > 1;
    if m == 1 && a.column_stride == 1 && b.row_stride == 1 {
        row_times_columns(k, scale, a, b, out, parallel);
        return Ok(());
    }
    let parallelism = if parallel { Parallelism::Rayon(threads) } else { Parallelism::None };
    call(sizes, scale, a, b, out, parallelism);
    Ok(())
}

#[expect(unsafe_code, reason = "gemm has no form that takes slices")]
fn call<T: Real>(
    Sizes { m, k, n }: Sizes,
    scale: T,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    out: &mut [T],
    parallelism: Parallelism,
) {
    // SAFETY: `multiply` has checked that every index `offset + row * row_stride + column *
    // column_stride` of both operands lies in its slice and that `out` has `m * n` elements; `out`
    // is a unique borrow, so it aliases neither.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            false,
            a.values.as_ptr().add(a.offset),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr().add(b.offset),
            b.column_stride as isize,
            b.row_stride as isize,
            T::zero(),
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// One row times many columns that each lie in one run: a decoding step's projections.
fn row_times_columns<T: Real>(
    k: usize,
    scale: T,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    out: &mut [T],
    parallel: bool,
) {
    let row = &a.values[a.offset..a.offset + k];
    let work = |start: usize, chunk: &mut [T]| {
        for (idx, to) in chunk.iter_mut().enumerate() {
            let at = b.offset + (start + idx) * b.column_stride;
            *to = scale * dot(row, &b.values[at..at + k]);
        }
    };
    if !parallel {
        return work(0, out);
    }
    let chunk = out.len().div_ceil(rayon::current_num_threads() * 4).max(1);
    out.par_chunks_mut(chunk).enumerate().for_each(|(idx, it)| work(idx * chunk, it));
}

/// Sixteen sums side by side, so that the compiler can keep them in vector registers.
pub(crate) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    const LANES: usize = 16;
    let mut sums = [T::zero(); LANES];
    let (a_runs, b_runs) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail = a_runs.remainder().iter().zip(b_runs.remainder()).map(|(x, y)| *x * *y).sum::<T>();
    for (x, y) in a_runs.zip(b_runs) {
        for lane in 0..LANES {
            sums[lane] = sums[lane] + x[lane] * y[lane];
        }
    }
    sums.into_iter().sum::<T>() + tail
}

/// The same product over a type that gemm does not know.
pub(crate) fn multiply_plainly<T, S>(
    Sizes { m, k, n }: Sizes,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    out: &mut [T],
    zero: S,
    add: impl Fn(S, T, T) -> S,
    finish: impl Fn(S) -> T,
) -> Result<()>
where
    T: Copy,
    S: Copy,
{
    if !a.holds(m, k) || !b.holds(k, n) || out.len() != m * n {
        fail!(Runtime, "a product of [{m}, {k}] and [{k}, {n}] lies outside its operands");
    }
    for row in 0..m {
        for column in 0..n {
            let mut sum = zero;
            for idx in 0..k {
                let x = a.values[a.offset + row * a.row_stride + idx * a.column_stride];
                let y = b.values[b.offset + idx * b.row_stride + column * b.column_stride];
                sum = add(sum, x, y);
            }
            out[row * n + column] = finish(sum);
        }
    }
    Ok(())
}

/// Widens elements for a product and rounds its result.
pub(crate) fn narrowed<T: crate::element::FloatElement>(values: Vec<T::Acc>) -> Vec<T> {
    values.into_iter().map(T::narrow).collect()
}
