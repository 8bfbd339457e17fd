//! Elements in and out of tensors: typed runs for reading, write-through copies.

use std::ops::Deref;

use crate::{
    dtype::{DType, Physical},
    element::{Element, with_bits, with_element},
    error::{Result, fail},
    layout::{Layout, Walk},
    storage::{self, HostRead, bits, bits_mut, typed},
    tensor::Tensor,
    threads::for_chunks,
};

/// Elements for reading: the storage's own where their type fits, else converted ones.
pub(crate) enum Read<'a, T> {
    Shared { guard: HostRead<'a>, start: usize, end: usize },
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

    /// Whether the host would fetch much more than the window from the device.
    fn is_small_window(&self) -> bool {
        self.numel() > 0
            && self.numel() * 2 <= self.storage.len()
            && !self.dtype.is_complex()
            && self.storage.is_device_only()
            && self.storage.place() == crate::context::place()
    }

    /// The elements in row-major order.
    pub(crate) fn read<T: Element>(&self) -> Result<Read<'_, T>> {
        if self.is_small_window() {
            return Ok(Read::Owned(self.to_contiguous()?.read::<T>()?.into_vec()?));
        }
        let contiguous = self.is_contiguous();
        let count = self.numel() * if self.dtype.is_complex() { 2 } else { 1 };
        if contiguous && self.physical() == T::PHYSICAL {
            let start = self.layout.offset;
            return Ok(Read::Shared { guard: self.storage.read()?, start, end: start + count });
        }
        let layout = self.element_layout();
        let mut values = storage::zeros::<T>(count)?;
        let guard = self.storage.read()?;
        if self.physical() == T::PHYSICAL {
            with_bits!(T::PHYSICAL, U => {
                gather(bits::<U>(&guard)?, &layout, bytemuck::cast_slice_mut(&mut values));
            });
        } else {
            let convert = with_element!(self.physical(), S => converted::<S, T> as Convert<T>);
            convert_all(guard.bytes(), &layout, &mut values, convert);
        }
        Ok(Read::Owned(values))
    }

    /// The whole storage with the layout, or, where the type differs, converted elements with
    /// theirs. No copy of a strided or expanded tensor.
    pub(crate) fn read_strided<T: Element>(&self) -> Result<(Read<'_, T>, Layout)> {
        if self.is_small_window() {
            let values = self.to_contiguous()?.read::<T>()?.into_vec()?;
            return Ok((Read::Owned(values), Layout::contiguous(self.shape())));
        }
        if self.physical() == T::PHYSICAL {
            let end = self.storage.len();
            let shared = Read::Shared { guard: self.storage.read()?, start: 0, end };
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
        match self.copied_on_device(self.physical())? {
            Some(it) => Ok(it),
            None => self.copied_on_host(),
        }
    }

    /// The same by way of the host's memory, belonging to the device in force.
    pub(crate) fn copied_on_host(&self) -> Result<Self> {
        with_element!(self.physical(), T => {
            Self::new(self.read::<T>()?.into_vec()?, self.shape(), self.dtype)
        })
    }

    /// The only element.
    pub(crate) fn only<T: Element>(&self) -> Result<T> {
        if self.numel() != 1 {
            fail!(Runtime, "a Tensor with {} elements cannot be converted to Scalar", self.numel());
        }
        if self.is_small_window() {
            return self.to_contiguous()?.only::<T>();
        }
        let guard = self.storage.read()?;
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
        let as_bool = self.dtype == DType::Bool && source.dtype != DType::Bool;
        let converted;
        let source = if as_bool || source.physical() != self.physical() {
            let dtype = if as_bool { DType::Bool } else { source.dtype };
            converted = crate::cast::cast(source, dtype)?.stored_as(self.physical())?;
            &converted
        } else {
            source
        };
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
        if self.written_on_device(&source)? {
            return Ok(());
        }
        let (to, from) = (self.element_layout(), source.element_layout());
        let walk = Walk::new([&to, &from]);
        let guard = source.storage.read()?;
        let mut target = self.storage.write()?;
        with_bits!(self.physical(), U => {
            scatter(&walk, bits::<U>(&guard)?, bits_mut::<U>(&mut target)?);
        });
        Ok(())
    }

    /// Converts to another way of storing; the same handle when nothing changes.
    pub(crate) fn stored_as(&self, physical: Physical) -> Result<Self> {
        if self.physical() == physical {
            return Ok(self.clone());
        }
        if let Some(it) = self.copied_on_device(physical)? {
            return Ok(it);
        }
        with_element!(physical, T => {
            Self::new(self.read::<T>()?.into_vec()?, self.shape(), self.dtype)
        })
    }
}

/// Elements of the bytes, from one on and with a step, into a run of another type.
type Convert<T> = fn(&[u8], usize, usize, &mut [T]);

fn converted<S: Element, T: Element>(bytes: &[u8], at: usize, step: usize, to: &mut [T]) {
    let from = &bytemuck::cast_slice::<u8, S>(bytes)[at..];
    if step == 1 {
        for (to, from) in to.iter_mut().zip(from) {
            *to = from.cast();
        }
    } else {
        for (idx, to) in to.iter_mut().enumerate() {
            *to = from[idx * step].cast();
        }
    }
}

fn convert_all<T: Element>(from: &[u8], layout: &Layout, to: &mut [T], convert: Convert<T>) {
    let walk = Walk::new([layout]);
    let [step] = walk.steps();
    for_chunks(to, walk.grain(), 1, |start, chunk| {
        walk.rows(start, start + chunk.len(), &mut |position, [offset], len| {
            convert(from, offset, step, &mut chunk[position..position + len]);
        });
    });
}

fn gather<U: bytemuck::Pod + Sync>(from: &[U], layout: &Layout, to: &mut [U]) {
    let walk = Walk::new([layout]);
    let [step] = walk.steps();
    for_chunks(to, walk.grain(), 1, |start, chunk| {
        walk.rows(start, start + chunk.len(), &mut |position, [offset], len| {
            let row = &mut chunk[position..position + len];
            if step == 1 {
                row.copy_from_slice(&from[offset..offset + len]);
            } else {
                for (idx, to) in row.iter_mut().enumerate() {
                    *to = from[offset + idx * step];
                }
            }
        });
    });
}

fn scatter<U: Copy>(walk: &Walk<2>, from: &[U], to: &mut [U]) {
    let [to_step, from_step] = walk.steps();
    let total = walk.total();
    walk.rows(0, total, &mut |_, [to_offset, from_offset], len| {
        if to_step == 1 && from_step == 1 {
            to[to_offset..to_offset + len].copy_from_slice(&from[from_offset..from_offset + len]);
        } else {
            for idx in 0..len {
                to[to_offset + idx * to_step] = from[from_offset + idx * from_step];
            }
        }
    });
}
