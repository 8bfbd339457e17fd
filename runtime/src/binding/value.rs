//! Python objects as the kernels' values, and back; the kernels' errors as exceptions.

use num_complex::Complex64;
use portwright_kernels::{DType, KernelError, Value};
use rustpython_vm::{
    AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine,
    builtins::{PyBaseExceptionRef, PyComplex, PyFloat, PyInt, PyList, PySlice, PyStr, PyTuple},
};

use super::tensor::{PyDType, PyTensor, dtype_object};

pub(super) fn from_object(object: &PyObject, vm: &VirtualMachine) -> PyResult<Value> {
    if let Some(it) = object.downcast_ref::<PyTensor>() {
        return Ok(Value::Tensor(it.get()));
    }
    if vm.is_none(object) {
        return Ok(Value::None);
    }
    if let Some(it) = object.downcast_ref::<PyInt>() {
        if it.class().is(vm.ctx.types.bool_type) {
            return Ok(Value::Bool(!it.as_object().is(&vm.ctx.false_value)));
        }
        return it.try_to_primitive::<i64>(vm).map(Value::Int);
    }
    if let Some(it) = object.downcast_ref::<PyFloat>() {
        return Ok(Value::Float(it.to_f64()));
    }
    if let Some(it) = object.downcast_ref::<PyTuple>() {
        return from_objects(it.as_slice(), vm);
    }
    if let Some(it) = object.downcast_ref::<PyDType>() {
        return Ok(Value::DType(it.inner));
    }
    if let Some(it) = object.downcast_ref::<PySlice>() {
        let bound = |it: Option<&PyObjectRef>| it.map_or(Ok(None), |it| index(it, vm));
        let (start, step) = (bound(it.start.as_ref())?, bound(it.step.as_ref())?);
        return Ok(Value::Slice(start, index(&it.stop, vm)?, step));
    }
    if let Some(it) = object.downcast_ref::<PyList>() {
        let items = it.borrow_vec().to_vec();
        return from_objects(&items, vm);
    }
    if let Some(it) = object.downcast_ref::<PyComplex>() {
        let it = it.to_complex();
        return Ok(Value::Complex(it.re, it.im));
    }
    if let Some(it) = object.downcast_ref::<PyStr>() {
        return Ok(Value::Str(it.to_string_lossy().into_owned()));
    }
    if let Some(it) = dtype_of_class(object, vm) {
        return Ok(Value::DType(it));
    }
    if object.is(&vm.ctx.ellipsis) {
        return Ok(Value::Ellipsis);
    }
    let class = object.class().name().to_string();
    Err(vm.new_type_error(format!("a kernel takes no argument of type `{class}`")))
}

/// PyTorch takes Python's own number classes for dtypes.
fn dtype_of_class(object: &PyObject, vm: &VirtualMachine) -> Option<DType> {
    let types = &vm.ctx.types;
    let known = [
        (types.bool_type, DType::Bool),
        (types.int_type, DType::I64),
        (types.float_type, DType::F64),
        (types.complex_type, DType::C128),
    ];
    known.into_iter().find(|(class, _)| object.is(*class)).map(|(_, dtype)| dtype)
}

fn from_objects(objects: &[PyObjectRef], vm: &VirtualMachine) -> PyResult<Value> {
    objects.iter().map(|it| from_object(it, vm)).collect::<PyResult<_>>().map(Value::List)
}

/// A bound of a slice: an integer or a tensor that holds one.
fn index(object: &PyObject, vm: &VirtualMachine) -> PyResult<Option<i64>> {
    if vm.is_none(object) {
        return Ok(None);
    }
    object.try_index(vm)?.try_to_primitive::<i64>(vm).map(Some)
}

pub(super) fn to_object(value: Value, vm: &VirtualMachine) -> PyResult {
    Ok(match value {
        Value::Tensor(it) => return PyTensor::object(it, vm),
        Value::None => vm.ctx.none(),
        Value::Bool(it) => vm.ctx.new_bool(it).into(),
        Value::Int(it) => vm.ctx.new_int(it).into(),
        Value::Float(it) => vm.ctx.new_float(it).into(),
        Value::Complex(re, im) => vm.ctx.new_complex(Complex64::new(re, im)).into(),
        Value::Slice(..) => return Err(to_exception_text("a kernel returned a slice", vm)),
        Value::Ellipsis => vm.ctx.ellipsis.clone().into(),
        Value::Str(it) => vm.ctx.new_str(it).into(),
        Value::DType(it) => return dtype_object(it, vm),
        Value::List(items) => {
            // Several tensors are a tuple, as PyTorch returns them; elements are a list.
            let tensors = matches!(items.first(), Some(Value::Tensor(_)));
            let items =
                items.into_iter().map(|it| to_object(it, vm)).collect::<PyResult<Vec<_>>>()?;
            if tensors { vm.ctx.new_tuple(items).into() } else { vm.ctx.new_list(items).into() }
        }
    })
}

pub(super) fn to_exception(error: &KernelError, vm: &VirtualMachine) -> PyBaseExceptionRef {
    let kinds = &vm.ctx.exceptions;
    let kind = match error {
        KernelError::Type(_) => kinds.type_error,
        KernelError::Value(_) => kinds.value_error,
        KernelError::Index(_) => kinds.index_error,
        KernelError::Memory(_) => kinds.memory_error,
        KernelError::Unsupported(_) => kinds.not_implemented_error,
        _ => kinds.runtime_error,
    };
    vm.new_exception_msg(kind.to_owned(), error.to_string().into())
}

pub(super) fn to_exception_text(text: &str, vm: &VirtualMachine) -> PyBaseExceptionRef {
    vm.new_runtime_error(text.to_owned())
}
