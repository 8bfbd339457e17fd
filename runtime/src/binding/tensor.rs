//! The Python classes of a tensor and of a dtype.

use std::{cell::RefCell, fmt};

use portwright_kernels::{DType, Device, Tensor};
use rustpython_vm::{
    Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine,
    builtins::{PyTuple, PyTypeRef},
    common::wtf8::Wtf8Buf,
    function::{FuncArgs, OptionalArg},
    pyclass,
    types::Representable,
};

use super::{host, value};

/// A tensor. The dialect's own class inherits from it.
#[pyclass(module = "_kernels", name = "TensorBase")]
#[derive(PyPayload)]
pub(super) struct PyTensor {
    inner: RefCell<Tensor>,
}

impl fmt::Debug for PyTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tensor = self.inner.borrow();
        write!(f, "tensor {:?} {}", tensor.shape(), tensor.dtype())
    }
}

impl PyTensor {
    pub(super) fn new(tensor: Tensor) -> Self {
        Self { inner: RefCell::new(tensor) }
    }

    pub(super) fn get(&self) -> Tensor {
        self.inner.borrow().clone()
    }

    pub(super) fn set(&self, tensor: Tensor) {
        *self.inner.borrow_mut() = tensor;
    }

    /// An instance of the dialect's tensor class.
    pub(super) fn object(tensor: Tensor, vm: &VirtualMachine) -> PyResult {
        let class = host::with(|it| it.tensor_class.clone());
        match class {
            Some(class) => Ok(Self::new(tensor).into_ref_with_type(vm, class)?.into()),
            None => Ok(Self::new(tensor).into_pyobject(vm)),
        }
    }
}

#[pyclass(flags(BASETYPE, HAS_WEAKREF))]
impl PyTensor {
    #[pygetset]
    fn shape(&self, vm: &VirtualMachine) -> PyResult {
        let sizes =
            self.inner.borrow().shape().iter().map(|it| vm.ctx.new_int(*it).into()).collect();
        size(sizes, vm)
    }

    #[pymethod]
    fn stride(&self, dim: OptionalArg<i64>, vm: &VirtualMachine) -> PyResult {
        let strides = self.inner.borrow().strides();
        let Some(dim) = dim.into_option() else {
            let strides = strides.iter().map(|it| vm.ctx.new_int(*it).into()).collect();
            return Ok(vm.ctx.new_tuple(strides).into());
        };
        let from_end = if dim < 0 { dim + i64::try_from(strides.len()).unwrap_or(0) } else { dim };
        usize::try_from(from_end)
            .ok()
            .and_then(|it| strides.get(it))
            .map(|it| vm.ctx.new_int(*it).into())
            .ok_or_else(|| vm.new_index_error(format!("no dimension {dim}")))
    }

    #[pygetset]
    fn dtype(&self, vm: &VirtualMachine) -> PyResult {
        dtype_object(self.inner.borrow().dtype(), vm)
    }

    #[pygetset]
    fn ndim(&self) -> usize {
        self.inner.borrow().rank()
    }

    #[pymethod]
    fn numel(&self) -> usize {
        self.inner.borrow().numel()
    }

    #[pygetset]
    fn device_name(&self, vm: &VirtualMachine) -> PyObjectRef {
        let device = self.inner.borrow().device();
        match device {
            Device::Cpu => vm.ctx.intern_str("cpu").to_owned().into(),
            other => vm.ctx.intern_str(other.to_string()).to_owned().into(),
        }
    }

    #[pymethod]
    fn is_contiguous(&self, _args: FuncArgs) -> bool {
        self.inner.borrow().is_contiguous()
    }

    #[pymethod]
    fn storage_offset(&self) -> usize {
        self.inner.borrow().storage_offset()
    }

    #[pymethod]
    fn storage_id(&self) -> usize {
        self.inner.borrow().storage_id()
    }

    /// Whether no other tensor is on its storage, so that a write is seen nowhere else.
    #[pymethod]
    fn is_alone(&self) -> bool {
        self.inner.borrow().is_alone()
    }

    #[pymethod]
    fn data_ptr(&self) -> usize {
        let tensor = self.inner.borrow();
        tensor.storage_id() + tensor.storage_offset() * tensor.dtype().size()
    }

    #[pymethod]
    fn is_floating_point(&self) -> bool {
        self.inner.borrow().dtype().is_float()
    }

    #[pymethod]
    fn is_complex(&self) -> bool {
        self.inner.borrow().dtype().is_complex()
    }

    /// The file and line that made it, when the kernels look for them.
    #[pygetset]
    fn origin(&self, vm: &VirtualMachine) -> PyObjectRef {
        let tag = self.inner.borrow().tag();
        match host::with(|it| it.lines.place(tag).cloned()) {
            Some((file, line)) => {
                let row = vec![vm.ctx.new_str(file).into(), vm.ctx.new_int(line).into()];
                vm.ctx.new_tuple(row).into()
            }
            None => vm.ctx.none(),
        }
    }

    /// Becomes a window on another tensor's storage: `parameter.data = tensor`.
    #[expect(clippy::needless_pass_by_value, reason = "Python's arguments arrive by value")]
    #[pymethod]
    fn set_data(&self, other: PyRef<Self>) {
        self.set(other.get());
    }
}

/// A tuple of sizes in the dialect's own class.
pub(super) fn size(elements: Vec<PyObjectRef>, vm: &VirtualMachine) -> PyResult {
    let class = host::with(|it| it.size_class.clone());
    match class {
        Some(class) => {
            let tuple = PyTuple::new_unchecked(elements.into_boxed_slice());
            Ok(tuple.into_ref_with_type(vm, class)?.into())
        }
        None => Ok(vm.ctx.new_tuple(elements).into()),
    }
}

/// An instance of a tensor class on the same storage as a tensor.
pub(super) fn wrap(class: PyTypeRef, tensor: &Py<PyTensor>, vm: &VirtualMachine) -> PyResult {
    Ok(PyTensor::new(tensor.get()).into_ref_with_type(vm, class)?.into())
}

/// A nominal element type.
#[pyclass(module = "torch", name = "dtype")]
#[derive(Debug, PyPayload)]
pub(super) struct PyDType {
    pub(super) inner: DType,
}

#[pyclass(with(Representable))]
impl PyDType {
    #[pygetset]
    fn is_floating_point(&self) -> bool {
        self.inner.is_float()
    }

    #[pygetset]
    fn is_complex(&self) -> bool {
        self.inner.is_complex()
    }

    #[pygetset]
    fn itemsize(&self) -> usize {
        self.inner.size()
    }

    #[pygetset]
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    #[pymethod]
    fn __reduce__(&self) -> String {
        self.inner.name().to_owned()
    }

    #[pymethod]
    fn __copy__(zelf: PyRef<Self>) -> PyRef<Self> {
        zelf
    }

    #[pymethod]
    fn __deepcopy__(zelf: PyRef<Self>, _memo: PyObjectRef) -> PyRef<Self> {
        zelf
    }
}

impl Representable for PyDType {
    fn repr_wtf8(zelf: &Py<Self>, _vm: &VirtualMachine) -> PyResult<Wtf8Buf> {
        Ok(Wtf8Buf::from(zelf.inner.to_string().as_str()))
    }
}

/// The one object of a dtype on this machine.
pub(super) fn dtype_object(dtype: DType, vm: &VirtualMachine) -> PyResult {
    let known = host::with(|it| {
        it.dtypes.iter().find(|(known, _)| *known == dtype).map(|(_, object)| object.clone())
    });
    known.ok_or_else(|| value::to_exception_text("the dtypes are not made yet", vm))
}

pub(super) fn make_dtypes(vm: &VirtualMachine) -> Vec<(DType, PyObjectRef)> {
    DType::ALL.into_iter().map(|inner| (inner, PyDType { inner }.into_pyobject(vm))).collect()
}
