//! One dimension at a time: a tensor as rows along a dimension, for softmax, norms, scans and sorts.

use crate::{element::Element, error::Result, layout, shape::swapped, tensor::Tensor};

/// A tensor's elements with one dimension moved last: `rows` runs of `len` elements.
pub(crate) struct Lanes<T> {
    pub(crate) values: Vec<T>,
    pub(crate) len: usize,
    moved: Vec<usize>,
    dim: usize,
}

impl<T: Element> Lanes<T> {
    /// The lanes along `dim`, as a copy that may be worked on in place.
    pub(crate) fn of(x: &Tensor, dim: usize) -> Result<Self> {
        let last = x.rank().saturating_sub(1);
        let turned = swapped(x, dim, last);
        let values = turned.read::<T>()?.into_vec()?;
        let len = turned.shape().last().copied().unwrap_or(1);
        Ok(Self { values, len, moved: turned.shape().to_vec(), dim })
    }

    pub(crate) fn rows(&self) -> std::slice::ChunksExact<'_, T> {
        self.values.chunks_exact(self.len.max(1))
    }

    /// A tensor of results that have `len` elements a lane, with the dimension back in its place.
    pub(crate) fn restore<O: Element>(
        &self,
        values: Vec<O>,
        len: usize,
        dtype: crate::DType,
    ) -> Result<Tensor> {
        let mut shape = self.moved.clone();
        let last = shape.len().saturating_sub(1);
        if let Some(size) = shape.last_mut() {
            *size = len;
        }
        layout::numel(&shape)?;
        let out = Tensor::new(values, &shape, dtype)?;
        if self.dim == last || shape.is_empty() {
            return Ok(out);
        }
        swapped(&out, self.dim, last).to_contiguous()
    }
}
