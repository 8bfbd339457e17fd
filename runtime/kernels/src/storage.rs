//! What tensors share: one run of elements, owned or mapped from a file, on the host and a device.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use half::{bf16, f16};
use memmap2::Mmap;

use crate::{
    context::{self, Charge},
    device::{Device, ledger, transfer},
    dtype::Physical,
    element::{Element, with_element},
    error::{KernelError, Result},
};

/// The elements of a storage.
#[derive(Debug)]
pub(crate) enum Data {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
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
            Self::U16(it) => bytemuck::cast_slice(it),
            Self::U32(it) => bytemuck::cast_slice(it),
            Self::U64(it) => bytemuck::cast_slice(it),
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
            Self::U16(it) => bytemuck::cast_slice_mut(it),
            Self::U32(it) => bytemuck::cast_slice_mut(it),
            Self::U64(it) => bytemuck::cast_slice_mut(it),
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

/// Where the elements are up to date.
///
/// Invariant: at least one side is there.
#[derive(Debug)]
struct Sides {
    host: Option<Data>,
    /// Flat, contiguous, and shared with no other storage.
    device: Option<candle_core::Tensor>,
}

/// One run of elements, shared by every tensor that is a view of it.
///
/// It belongs to a device and may be up to date in the host's memory, on its device, or both, as in
/// unified memory. Reading brings the host's side up to date; writing there makes the device's side
/// stale, and the other way round. What crosses is counted by `device::ledger`.
#[derive(Debug)]
pub(crate) struct Storage {
    sides: RwLock<Sides>,
    place: Device,
    physical: Physical,
    len: usize,
    /// Dropped together with the elements; the two sides count once.
    _charge: Charge,
}

/// The host's side for reading.
#[derive(Debug)]
pub(crate) struct HostRead<'a>(RwLockReadGuard<'a, Sides>);

/// The host's side for writing.
#[derive(Debug)]
pub(crate) struct HostWrite<'a> {
    sides: RwLockWriteGuard<'a, Sides>,
    nothing: Data,
}

static NOTHING: Data = Data::U8(Vec::new());

impl Deref for HostRead<'_> {
    type Target = Data;

    fn deref(&self) -> &Data {
        self.0.host.as_ref().unwrap_or(&NOTHING)
    }
}

impl Deref for HostWrite<'_> {
    type Target = Data;

    fn deref(&self) -> &Data {
        self.sides.host.as_ref().unwrap_or(&self.nothing)
    }
}

impl DerefMut for HostWrite<'_> {
    fn deref_mut(&mut self) -> &mut Data {
        self.sides.host.as_mut().unwrap_or(&mut self.nothing)
    }
}

impl Storage {
    fn build(sides: Sides, physical: Physical, len: usize, bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            sides: RwLock::new(sides),
            place: context::place(),
            physical,
            len,
            _charge: Charge::new(bytes),
        })
    }

    /// Elements in the host's memory, belonging to the device that is in force.
    pub(crate) fn new<T: Element>(values: Vec<T>) -> Arc<Self> {
        let len = values.len();
        let sides = Sides { host: Some(T::wrap(values)), device: None };
        Self::build(sides, T::PHYSICAL, len, len * T::PHYSICAL.size())
    }

    pub(crate) fn mapped(mapped: Mapped) -> Arc<Self> {
        let (physical, bytes) = (mapped.physical, mapped.end - mapped.start);
        let sides = Sides { host: Some(Data::Mapped(mapped)), device: None };
        Self::build(sides, physical, bytes / physical.size(), 0)
    }

    /// Elements on the device that is in force: a flat contiguous tensor that nothing else holds.
    pub(crate) fn on_device(flat: candle_core::Tensor, physical: Physical) -> Arc<Self> {
        let len = flat.elem_count();
        Self::build(Sides { host: None, device: Some(flat) }, physical, len, len * physical.size())
    }

    pub(crate) fn physical(&self) -> Physical {
        self.physical
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The device that the elements belong to, wherever they are up to date.
    pub(crate) fn place(&self) -> Device {
        self.place
    }

    /// A thread that panicked while it held the lock leaves elements that are all valid.
    fn sides(&self) -> RwLockReadGuard<'_, Sides> {
        self.sides.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn sides_mut(&self) -> RwLockWriteGuard<'_, Sides> {
        self.sides.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self) {
        if self.place != Device::Cpu {
            ledger::touch();
        }
    }

    /// Whether the elements are up to date on the device alone.
    pub(crate) fn is_device_only(&self) -> bool {
        self.place != Device::Cpu && self.sides().host.is_none()
    }

    fn fill_host(&self, sides: &mut Sides) -> Result<()> {
        if let (None, Some(flat)) = (&sides.host, &sides.device) {
            sides.host = Some(transfer::download(flat, self.physical)?);
        }
        Ok(())
    }

    /// The host's side for reading.
    pub(crate) fn read(&self) -> Result<HostRead<'_>> {
        self.note();
        let sides = self.sides();
        if sides.host.is_some() {
            return Ok(HostRead(sides));
        }
        drop(sides);
        self.fill_host(&mut self.sides_mut())?;
        Ok(HostRead(self.sides()))
    }

    /// The host's side for writing; mapped elements become owned first.
    pub(crate) fn write(&self) -> Result<HostWrite<'_>> {
        self.note();
        let mut sides = self.sides_mut();
        self.fill_host(&mut sides)?;
        if let Some(Data::Mapped(mapped)) = &sides.host {
            context::admit(self.len, self.physical.size())?;
            let owned = with_element!(self.physical, T => {
                T::wrap(mapped.slice::<T>().ok_or_else(mismatch)?.to_vec())
            });
            sides.host = Some(owned);
        }
        sides.device = None;
        Ok(HostWrite { sides, nothing: Data::U8(Vec::new()) })
    }

    /// The device's side for reading; `None` where the device does not hold such elements.
    pub(crate) fn read_device(&self) -> Result<Option<candle_core::Tensor>> {
        if !self.place.holds(self.physical) {
            return Ok(None);
        }
        if let Some(flat) = &self.sides().device {
            return Ok(Some(flat.clone()));
        }
        self.fill_device(&mut self.sides_mut())
    }

    fn fill_device(&self, sides: &mut Sides) -> Result<Option<candle_core::Tensor>> {
        if let (Some(host), None) = (&sides.host, &sides.device) {
            sides.device = Some(transfer::upload(host, self.physical, &self.place.open()?)?);
        }
        Ok(sides.device.clone())
    }

    /// The device's side, for a write that makes the host's side stale.
    pub(crate) fn write_device(&self) -> Result<Option<candle_core::Tensor>> {
        if !self.place.holds(self.physical) {
            return Ok(None);
        }
        let mut sides = self.sides_mut();
        let flat = self.fill_device(&mut sides)?;
        if flat.is_some() {
            sides.host = None;
        }
        Ok(flat)
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
