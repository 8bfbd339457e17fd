//! Where a tensor's elements lie in its storage, and how several layouts are walked together.

use crate::error::{KernelError, Result, fail};

/// Shape, strides in elements, and the first element's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) shape: Vec<usize>,
    pub(crate) strides: Vec<usize>,
    pub(crate) offset: usize,
}

/// The number of elements, or an error when it is past what can be counted.
pub(crate) fn numel(shape: &[usize]) -> Result<usize> {
    if shape.contains(&0) {
        return Ok(0);
    }
    shape
        .iter()
        .try_fold(1_usize, |it, dim| it.checked_mul(*dim))
        .filter(|it| *it < isize::MAX as usize / 16)
        .ok_or_else(|| KernelError::Memory(format!("shape {shape:?} has too many elements")))
}

pub(crate) fn contiguous_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; shape.len()];
    for dim in (1..shape.len()).rev() {
        strides[dim - 1] = strides[dim].saturating_mul(shape[dim].max(1));
    }
    strides
}

/// A dimension that may count from the end. A scalar counts as one dimension, as in PyTorch.
pub(crate) fn dim(dim: i64, rank: usize) -> Result<usize> {
    let rank = rank.max(1) as i64;
    if dim < -rank || rank <= dim {
        fail!(
            Index,
            "Dimension out of range (expected to be in range of [{}, {}], but got {dim})",
            -rank,
            rank - 1
        );
    }
    Ok(dim.rem_euclid(rank) as usize)
}

/// The shape that both broadcast to.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], dim: usize| {
        (dim + shape.len()).checked_sub(rank).map_or(1, |it| shape[it])
    };
    let mut shape = Vec::with_capacity(rank);
    for dim in 0..rank {
        shape.push(match (at(a, dim), at(b, dim)) {
            (x, y) if x == y => x,
            (1, y) => y,
            (x, 1) => x,
            (x, y) => fail!(
                Runtime,
                "The size of tensor a ({x}) must match the size of tensor b ({y}) at \
                 non-singleton dimension {dim}"
            ),
        });
    }
    numel(&shape)?;
    Ok(shape)
}

impl Layout {
    pub(crate) fn contiguous(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), strides: contiguous_strides(shape), offset: 0 }
    }

    pub(crate) fn numel(&self) -> usize {
        self.shape.iter().product()
    }

    pub(crate) fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        for (dim, stride) in self.shape.iter().zip(&self.strides).rev() {
            if *dim == 0 {
                return true;
            }
            if *dim != 1 {
                if *stride != expected {
                    return false;
                }
                expected *= dim;
            }
        }
        true
    }

    /// Whether two indices may name one element, so that a write has no meaning.
    pub(crate) fn overlaps(&self) -> bool {
        if self.numel() < 2 {
            return false;
        }
        let mut dims: Vec<(usize, usize)> =
            self.strides.iter().copied().zip(self.shape.iter().copied()).collect();
        dims.retain(|(_, dim)| *dim != 1);
        dims.sort_unstable();
        let mut reach = 0;
        for (stride, dim) in dims {
            if stride <= reach {
                return true;
            }
            reach += stride * (dim - 1);
        }
        false
    }

    /// Strides of zero where a dimension is new or stretched.
    pub(crate) fn expand(&self, shape: &[usize]) -> Result<Self> {
        let added = shape.len().checked_sub(self.shape.len());
        let fits = added.is_some_and(|added| {
            self.shape.iter().zip(&shape[added..]).all(|(from, to)| from == to || *from == 1)
        });
        let (Some(added), true) = (added, fits) else {
            fail!(
                Runtime,
                "The expanded size of the tensor {shape:?} must match the existing size {:?}",
                self.shape
            );
        };
        numel(shape)?;
        let mut strides = vec![0; added];
        for (idx, stride) in self.strides.iter().enumerate() {
            let stretched = self.shape[idx] == 1 && shape[added + idx] != 1;
            strides.push(if stretched { 0 } else { *stride });
        }
        Ok(Self { shape: shape.to_vec(), strides, offset: self.offset })
    }

    pub(crate) fn permute(&self, dims: &[usize]) -> Self {
        Self {
            shape: dims.iter().map(|it| self.shape[*it]).collect(),
            strides: dims.iter().map(|it| self.strides[*it]).collect(),
            offset: self.offset,
        }
    }

    /// The same elements under another shape without a copy, where strides allow it.
    pub(crate) fn reshaped(&self, shape: &[usize]) -> Option<Self> {
        if self.is_contiguous() {
            let strides = contiguous_strides(shape);
            return Some(Self { shape: shape.to_vec(), strides, offset: self.offset });
        }
        let mut strides = vec![0; shape.len()];
        let mut to = shape.len();
        let (mut block, mut made) = (1_usize, 1_usize);
        let mut base = self.strides.last().copied().unwrap_or(1);
        for from in (0..self.shape.len()).rev() {
            block *= self.shape[from];
            let ends = from == 0
                || (self.shape[from - 1] != 1
                    && self.strides[from - 1] != block.checked_mul(base)?);
            if ends {
                while to > 0 && (made < block || shape[to - 1] == 1) {
                    to -= 1;
                    strides[to] = made * base;
                    made *= shape[to];
                }
                if made != block {
                    return None;
                }
                if from > 0 {
                    base = self.strides[from - 1];
                    (block, made) = (1, 1);
                }
            }
        }
        (to == 0).then(|| Self { shape: shape.to_vec(), strides, offset: self.offset })
    }
}

/// Several layouts of one shape, with dimensions merged where all of them allow it.
pub(crate) struct Walk<const N: usize> {
    dims: Vec<usize>,
    strides: Vec<[usize; N]>,
    offsets: [usize; N],
}

impl<const N: usize> Walk<N> {
    /// All layouts have the same shape.
    pub(crate) fn new(layouts: [&Layout; N]) -> Self {
        let mut dims: Vec<usize> = Vec::new();
        let mut strides: Vec<[usize; N]> = Vec::new();
        for (idx, dim) in layouts[0].shape.iter().enumerate() {
            if *dim == 1 {
                continue;
            }
            let stride = layouts.map(|it| it.strides[idx]);
            if let (Some(last_dim), Some(last)) = (dims.last_mut(), strides.last_mut())
                && last.iter().zip(&stride).all(|(outer, inner)| *outer == inner * dim)
            {
                *last_dim *= dim;
                *last = stride;
                continue;
            }
            dims.push(*dim);
            strides.push(stride);
        }
        if dims.is_empty() {
            dims.push(1);
            strides.push([0; N]);
        }
        Self { dims, strides, offsets: layouts.map(|it| it.offset) }
    }

    /// Length of the innermost run.
    pub(crate) fn inner(&self) -> usize {
        self.dims[self.dims.len() - 1]
    }

    /// Strides along the innermost run.
    pub(crate) fn steps(&self) -> [usize; N] {
        self.strides[self.strides.len() - 1]
    }

    /// Calls `row(position, offsets, length)` for the runs that cover elements `start..end`; both
    /// ends lie on a run's border unless there is one run only.
    pub(crate) fn rows(
        &self,
        start: usize,
        end: usize,
        row: &mut dyn FnMut(usize, [usize; N], usize),
    ) {
        let inner = self.inner();
        if start == end {
            return;
        }
        let outer = self.dims.len() - 1;
        if outer == 0 {
            let steps = self.steps();
            let mut offsets = self.offsets;
            for (offset, step) in offsets.iter_mut().zip(steps) {
                *offset += step * start;
            }
            return row(0, offsets, end - start);
        }
        let mut index = vec![0_usize; outer];
        let mut rest = start / inner;
        let mut offsets = self.offsets;
        for dim in (0..outer).rev() {
            index[dim] = rest % self.dims[dim];
            rest /= self.dims[dim];
            for (offset, stride) in offsets.iter_mut().zip(self.strides[dim]) {
                *offset += stride * index[dim];
            }
        }
        let mut position = start;
        while position < end {
            row(position - start, offsets, inner);
            position += inner;
            for dim in (0..outer).rev() {
                index[dim] += 1;
                for (offset, stride) in offsets.iter_mut().zip(self.strides[dim]) {
                    *offset += stride;
                }
                if index[dim] < self.dims[dim] {
                    break;
                }
                for (offset, stride) in offsets.iter_mut().zip(self.strides[dim]) {
                    *offset -= stride * self.dims[dim];
                }
                index[dim] = 0;
            }
        }
    }

    pub(crate) fn total(&self) -> usize {
        self.dims.iter().product()
    }

    /// The length that chunks of a parallel walk must be a multiple of.
    pub(crate) fn grain(&self) -> usize {
        if self.dims.len() == 1 { 1 } else { self.inner() }
    }
}
