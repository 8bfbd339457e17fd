//! Elements in and out of tensors: typed runs for reading, write-through copies.

use std::{ops::Deref, sync::RwLockReadGuard};

use crate::{
    dtype::{DType, Physical},
    element::{Element, with_element},
    error::{Result, fail},
    layout::{Layout, Walk},
    storage::{self, Data, typed, typed_mut},
    tensor::Tensor,
    threads::for_chunks,
};

/// Elements for reading: the storage's own where their type fits, else converted ones.
pub(crate) enum Read<'a, T> {
    Shared { guard: RwLockReadGuard<'a, Data>, start: usize, end: usize },
    Owned(Vec<T>),
}

impl<T: Element> Deref for Read<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Shared { guard, start, end } => {
                T::slice(guard).and_then(|it| it.get(*start..*end)).unwrap_or_default()
            }
            Self::Owned(values) => values,
        }
    }
}

impl<T: Element> Read<'_, T> {
    pub(crate) fn into_vec(self) -> Result<Vec<T>> {
        match self {
            Self::Owned(values) => Ok(values),
            Self::Shared { .. } => {
                let mut values = storage::zeros(self.len())?;
                values.copy_from_slice(&self);
                Ok(values)
            }
        }
    }
}

impl Tensor {
    /// The layout over single elements: complex tensors get a last dimension of two.
    pub(crate) fn element_layout(&self) -> Layout {
        let mut layout = self.layout.clone();
        if self.dtype.is_complex() {
            layout.shape.push(2);
            layout.strides.push(1);
        }
        layout
    }

    /// The elements in row-major order.
    pub(crate) fn read<T: Element>(&self) -> Result<Read<'_, T>> {
        let contiguous = self.is_contiguous();
        let count = self.numel() * if self.dtype.is_complex() { 2 } else { 1 };
        if contiguous && self.physical() == T::PHYSICAL {
            let start = self.layout.offset;
            return Ok(Read::Shared { guard: self.storage.read(), start, end: start + count });
        }
        let layout = self.element_layout();
        let mut values = storage::zeros::<T>(count)?;
        let guard = self.storage.read();
        with_element!(self.physical(), S => {
            gather(typed::<S>(&guard)?, &layout, &mut values, S::cast::<T>);
        });
        Ok(Read::Owned(values))
    }

    /// The whole storage with the layout, or, where the type differs, converted elements with
    /// theirs. No copy of a strided or expanded tensor.
    pub(crate) fn read_strided<T: Element>(&self) -> Result<(Read<'_, T>, Layout)> {
        if self.physical() == T::PHYSICAL {
            let end = self.storage.len();
            let shared = Read::Shared { guard: self.storage.read(), start: 0, end };
            return Ok((shared, self.layout.clone()));
        }
        // An expanded tensor is converted at its own size: stretched dimensions stay at stride 0.
        let mut small = self.layout.clone();
        for (dim, stride) in small.shape.iter_mut().zip(&small.strides) {
            if *stride == 0 && *dim > 1 {
                *dim = 1;
            }
        }
        let shape = small.shape.clone();
        let values = self.view(small).read::<T>()?.into_vec()?;
        Ok((Read::Owned(values), Layout::contiguous(&shape).expand(self.shape())?))
    }

    /// The elements in row-major order as whatever they are stored as, owned.
    pub(crate) fn to_contiguous(&self) -> Result<Self> {
        with_element!(self.physical(), T => {
            Self::new(self.read::<T>()?.into_vec()?, self.shape(), self.dtype)
        })
    }

    /// The only element.
    pub(crate) fn only<T: Element>(&self) -> Result<T> {
        if self.numel() != 1 {
            fail!(Runtime, "a Tensor with {} elements cannot be converted to Scalar", self.numel());
        }
        let guard = self.storage.read();
        with_element!(self.physical(), S => {
            let Some(value) = typed::<S>(&guard)?.get(self.layout.offset) else {
                fail!(Runtime, "a tensor lies outside its storage");
            };
            Ok(value.cast::<T>())
        })
    }

    /// Writes `source`, broadcast and cast, through to this tensor's storage: `copy_`.
    pub(crate) fn copy_from(&self, source: &Self) -> Result<()> {
        if self.layout.overlaps() {
            fail!(
                Runtime,
                "unsupported operation: more than one element of the written-to tensor refers to a \
                 single memory location. Please clone() the tensor before performing the operation."
            );
        }
        if source.dtype.is_complex() != self.dtype.is_complex() {
            fail!(Runtime, "{} cannot be written to a tensor of {}", source.dtype, self.dtype);
        }
        let source = match source.layout.expand(self.shape()) {
            Ok(layout) => source.view(layout),
            // PyTorch lets a source have leading dimensions of one.
            Err(_) if source.rank() > self.rank() => {
                let extra = source.rank() - self.rank();
                if source.shape()[..extra].iter().any(|it| *it != 1) {
                    fail!(
                        Runtime,
                        "output with shape {:?} doesn't match the broadcast shape {:?}",
                        self.shape(),
                        source.shape()
                    );
                }
                let mut layout = source.layout.clone();
                layout.shape.drain(..extra);
                layout.strides.drain(..extra);
                source.view(layout.expand(self.shape())?)
            }
            Err(error) => return Err(error),
        };
        let source = if self.shares_storage(&source) { source.to_contiguous()? } else { source };
        let (to, from) = (self.element_layout(), source.element_layout());
        let walk = Walk::new([&to, &from]);
        let as_bool = self.dtype == DType::Bool && source.dtype != DType::Bool;
        let guard = source.storage.read();
        let mut target = self.storage.write()?;
        with_element!(source.physical(), S => {
            let values = typed::<S>(&guard)?;
            if as_bool {
                let zero = S::default();
                scatter(&walk, values, typed_mut::<u8>(&mut target)?, |it| u8::from(it != zero));
            } else if source.physical() == self.physical() {
                scatter(&walk, values, typed_mut::<S>(&mut target)?, |it| it);
            } else {
                with_element!(self.physical(), T => {
                    scatter(&walk, values, typed_mut::<T>(&mut target)?, S::cast::<T>);
                });
            }
        });
        Ok(())
    }

    /// Converts to another way of storing; the same handle when nothing changes.
    pub(crate) fn stored_as(&self, physical: Physical) -> Result<Self> {
        if self.physical() == physical {
            return Ok(self.clone());
        }
        with_element!(physical, T => {
            Self::new(self.read::<T>()?.into_vec()?, self.shape(), self.dtype)
        })
    }
}

fn gather<S: Copy + Sync, T: Send>(
    from: &[S],
    layout: &Layout,
    to: &mut [T],
    cast: impl Fn(S) -> T + Sync,
) {
    let walk = Walk::new([layout]);
    let [step] = walk.steps();
    for_chunks(to, walk.grain(), 1, |start, chunk| {
        walk.rows(start, start + chunk.len(), |position, [offset], len| {
            let row = &mut chunk[position..position + len];
            if step == 1 {
                for (to, from) in row.iter_mut().zip(&from[offset..offset + len]) {
                    *to = cast(*from);
                }
            } else {
                for (idx, to) in row.iter_mut().enumerate() {
                    *to = cast(from[offset + idx * step]);
                }
            }
        });
    });
}

fn scatter<S: Copy, T>(walk: &Walk<2>, from: &[S], to: &mut [T], cast: impl Fn(S) -> T) {
    let [to_step, from_step] = walk.steps();
    let total = walk.total();
    walk.rows(0, total, |_, [to_offset, from_offset], len| {
        if to_step == 1 && from_step == 1 {
            let row = &mut to[to_offset..to_offset + len];
            for (to, from) in row.iter_mut().zip(&from[from_offset..from_offset + len]) {
                *to = cast(*from);
            }
        } else {
            for idx in 0..len {
                to[to_offset + idx * to_step] = cast(from[from_offset + idx * from_step]);
            }
        }
    });
}
