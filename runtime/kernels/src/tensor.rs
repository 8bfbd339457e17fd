//! The tensor: a strided window on a shared storage, with its nominal dtype.

use std::sync::Arc;

use crate::{
    context::{self, Precision},
    device::Device,
    dtype::{DType, Physical},
    element::Element,
    error::{Result, fail},
    layout::{self, Layout},
    storage::Storage,
};

/// A strided window on a shared storage. A clone is a handle on the same elements.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub(crate) storage: Arc<Storage>,
    pub(crate) layout: Layout,
    pub(crate) dtype: DType,
    tag: u64,
}

impl Tensor {
    /// A tensor that owns its elements, in row-major order. For complex types the elements are
    /// pairs, real part first.
    pub(crate) fn new<T: Element>(values: Vec<T>, shape: &[usize], dtype: DType) -> Result<Self> {
        let pairs = if dtype.is_complex() { 2 } else { 1 };
        let count = layout::numel(shape)?;
        if values.len() != count * pairs {
            fail!(Runtime, "{} elements do not fill shape {shape:?}", values.len());
        }
        let mut layout = Layout::contiguous(shape);
        layout.strides.iter_mut().for_each(|it| *it *= pairs);
        Ok(Self { storage: Storage::new(values), layout, dtype, tag: 0 })
    }

    /// Another window on the same storage.
    pub(crate) fn view(&self, layout: Layout) -> Self {
        Self { storage: self.storage.clone(), layout, dtype: self.dtype, tag: self.tag }
    }

    pub(crate) fn over(storage: Arc<Storage>, layout: Layout, dtype: DType) -> Self {
        Self { storage, layout, dtype, tag: 0 }
    }

    /// The same elements under another nominal dtype that is stored alike.
    pub(crate) fn renamed(&self, dtype: DType) -> Self {
        Self { dtype, ..self.clone() }
    }

    pub fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    /// In elements of the nominal dtype.
    pub fn strides(&self) -> Vec<usize> {
        let pairs = if self.dtype.is_complex() { 2 } else { 1 };
        self.layout.strides.iter().map(|it| it / pairs).collect()
    }

    /// The first element's place in the storage, in elements of the nominal dtype.
    pub fn storage_offset(&self) -> usize {
        self.layout.offset / if self.dtype.is_complex() { 2 } else { 1 }
    }

    pub fn rank(&self) -> usize {
        self.layout.shape.len()
    }

    pub fn numel(&self) -> usize {
        self.layout.numel()
    }

    /// The nominal dtype.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The device that the elements belong to.
    pub fn device(&self) -> Device {
        self.storage.place()
    }

    /// The tensor on another device; itself when it is there.
    ///
    /// # Errors
    ///
    /// The device cannot be used here, or the memory limit is passed.
    pub fn to_device(&self, device: Device) -> Result<Self> {
        if self.device() == device {
            return Ok(self.clone());
        }
        if device != Device::Cpu {
            device.check()?;
        }
        context::placed(Some(device), || self.copied_on_host())
    }

    pub fn is_contiguous(&self) -> bool {
        if self.dtype.is_complex() {
            let mut layout = self.layout.clone();
            layout.strides = self.strides();
            return layout.is_contiguous();
        }
        self.layout.is_contiguous()
    }

    /// Whether both are windows on one storage.
    pub fn shares_storage(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.storage, &other.storage)
    }

    /// Whether nothing but this handle is on its storage.
    pub fn is_alone(&self) -> bool {
        Arc::strong_count(&self.storage) == 1
    }

    /// A number that names the storage while any tensor holds it: `untyped_storage().data_ptr()`.
    pub fn storage_id(&self) -> usize {
        Arc::as_ptr(&self.storage).cast::<()>() as usize
    }

    /// What the caller attached: an opaque number, such as a row of its table of source lines.
    pub fn tag(&self) -> u64 {
        self.tag
    }

    pub fn with_tag(mut self, tag: u64) -> Self {
        self.tag = tag;
        self
    }

    pub(crate) fn physical(&self) -> Physical {
        self.storage.physical()
    }

    /// How this dtype's results are stored now.
    pub(crate) fn target(dtype: DType) -> Physical {
        dtype.physical(context::precision())
    }

    /// Whether floating elements are held wider than their nominal dtype.
    pub fn is_exact(&self) -> bool {
        self.physical() != self.dtype.physical(Precision::Native)
    }

    /// The size along a dimension that may count from the end.
    pub(crate) fn size(&self, dim: i64) -> Result<usize> {
        let dim = layout::dim(dim, self.rank())?;
        Ok(self.layout.shape.get(dim).copied().unwrap_or(1))
    }
}
