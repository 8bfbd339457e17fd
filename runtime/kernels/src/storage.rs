//! What tensors share: one run of elements, owned or mapped from a file.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use half::{bf16, f16};
use memmap2::Mmap;

use crate::{
    context::{self, Charge},
    dtype::Physical,
    element::{Element, with_element},
    error::{KernelError, Result},
};

/// The elements of a storage.
#[derive(Debug)]
pub(crate) enum Data {
    U8(Vec<u8>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F16(Vec<f16>),
    BF16(Vec<bf16>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Mapped(Mapped),
}

impl Data {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::U8(it) => it,
            Self::I8(it) => bytemuck::cast_slice(it),
            Self::I16(it) => bytemuck::cast_slice(it),
            Self::I32(it) => bytemuck::cast_slice(it),
            Self::I64(it) => bytemuck::cast_slice(it),
            Self::F16(it) => bytemuck::cast_slice(it),
            Self::BF16(it) => bytemuck::cast_slice(it),
            Self::F32(it) => bytemuck::cast_slice(it),
            Self::F64(it) => bytemuck::cast_slice(it),
            Self::Mapped(it) => it.map.get(it.start..it.end).unwrap_or_default(),
        }
    }

    /// The bytes for writing; `None` while they lie in a mapped file.
    fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        Some(match self {
            Self::U8(it) => it,
            Self::I8(it) => bytemuck::cast_slice_mut(it),
            Self::I16(it) => bytemuck::cast_slice_mut(it),
            Self::I32(it) => bytemuck::cast_slice_mut(it),
            Self::I64(it) => bytemuck::cast_slice_mut(it),
            Self::F16(it) => bytemuck::cast_slice_mut(it),
            Self::BF16(it) => bytemuck::cast_slice_mut(it),
            Self::F32(it) => bytemuck::cast_slice_mut(it),
            Self::F64(it) => bytemuck::cast_slice_mut(it),
            Self::Mapped(_) => return None,
        })
    }
}

/// Elements that lie in a mapped file. The first write copies them.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub(crate) map: Arc<Mmap>,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) physical: Physical,
}

impl Mapped {
    /// `None` when the file does not hold aligned elements there; the constructor has looked.
    pub(crate) fn slice<T: Element>(&self) -> Option<&[T]> {
        bytemuck::try_cast_slice(self.map.get(self.start..self.end)?).ok()
    }
}

/// One run of elements, shared by every tensor that is a view of it.
#[derive(Debug)]
pub(crate) struct Storage {
    data: RwLock<Data>,
    physical: Physical,
    len: usize,
    /// Dropped together with the elements.
    _charge: Charge,
}

impl Storage {
    pub(crate) fn new<T: Element>(values: Vec<T>) -> Arc<Self> {
        let len = values.len();
        Arc::new(Self {
            physical: T::PHYSICAL,
            len,
            _charge: Charge::new(len * T::PHYSICAL.size()),
            data: RwLock::new(T::wrap(values)),
        })
    }

    pub(crate) fn mapped(mapped: Mapped) -> Arc<Self> {
        Arc::new(Self {
            physical: mapped.physical,
            len: (mapped.end - mapped.start) / mapped.physical.size(),
            _charge: Charge::new(0),
            data: RwLock::new(Data::Mapped(mapped)),
        })
    }

    pub(crate) fn physical(&self) -> Physical {
        self.physical
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A thread that panicked while it held the lock leaves elements that are all valid.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Data> {
        self.data.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The elements for writing; mapped ones become owned first.
    pub(crate) fn write(&self) -> Result<RwLockWriteGuard<'_, Data>> {
        let mut guard = self.data.write().unwrap_or_else(PoisonError::into_inner);
        if let Data::Mapped(mapped) = &*guard {
            context::admit(self.len, self.physical.size())?;
            let owned = with_element!(self.physical, T => {
                T::wrap(mapped.slice::<T>().ok_or_else(mismatch)?.to_vec())
            });
            *guard = owned;
        }
        Ok(guard)
    }
}

/// A fresh run of zeros, or [`KernelError::Memory`].
pub(crate) fn zeros<T: Element>(len: usize) -> Result<Vec<T>> {
    context::admit(len, T::PHYSICAL.size())?;
    bytemuck::allocation::try_zeroed_vec(len)
        .map_err(|()| KernelError::Memory(format!("no memory for {len} elements")))
}

/// The elements of a guard as the type that the storage said it holds.
pub(crate) fn typed<T: Element>(data: &Data) -> Result<&[T]> {
    T::slice(data).ok_or_else(mismatch)
}

pub(crate) fn typed_mut<T: Element>(data: &mut Data) -> Result<&mut [T]> {
    T::slice_mut(data).ok_or_else(mismatch)
}

/// The elements as unsigned numbers of their width.
pub(crate) fn bits<U: bytemuck::Pod>(data: &Data) -> Result<&[U]> {
    bytemuck::try_cast_slice(data.bytes()).map_err(|_| mismatch())
}

pub(crate) fn bits_mut<U: bytemuck::Pod>(data: &mut Data) -> Result<&mut [U]> {
    let bytes = data.bytes_mut().ok_or_else(mismatch)?;
    bytemuck::try_cast_slice_mut(bytes).map_err(|_| mismatch())
}

fn mismatch() -> KernelError {
    KernelError::Runtime("a storage holds elements of another type than its tensor says".to_owned())
}
