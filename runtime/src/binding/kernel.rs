//! A row of the table of kernels as a Python function and as a method of the tensor class.

use std::collections::HashSet;

use portwright_kernels::{Kernel, Tensor, Value};
use rustpython_vm::{
    PyObjectRef, PyPayload, PyResult, VirtualMachine,
    function::{FuncArgs, PyMethodFlags},
};

use super::{host, tensor::PyTensor, value};
use crate::sources::FROZEN;

/// The kernel as a function of positional arguments.
pub(super) fn function(kernel: &'static Kernel, vm: &VirtualMachine) -> PyObjectRef {
    let run = move |args: FuncArgs, vm: &VirtualMachine| call(kernel, &args, vm);
    vm.ctx.new_method_def(kernel.name, run, PyMethodFlags::VARARGS, None).build_function(vm).into()
}

/// The kernel as a method: the tensor is its first argument.
pub(super) fn method(kernel: &'static Kernel, vm: &VirtualMachine) -> PyObjectRef {
    let run = move |args: FuncArgs, vm: &VirtualMachine| call(kernel, &args, vm);
    vm.ctx
        .new_method_def(kernel.name, run, PyMethodFlags::METHOD, None)
        .build_method(PyTensor::class(&vm.ctx), vm)
        .into()
}

fn call(kernel: &'static Kernel, args: &FuncArgs, vm: &VirtualMachine) -> PyResult {
    if let Some(name) = args.kwargs.keys().next() {
        return Err(vm.new_type_error(format!("{}() takes no argument `{name}`", kernel.name)));
    }
    let values =
        args.args.iter().map(|it| value::from_object(it, vm)).collect::<PyResult<Vec<Value>>>()?;
    let tracing = host::with(|it| {
        if let Some(reads) = &mut it.reads {
            note(&values, reads);
        }
        it.tracing
    });
    let result = kernel.call(&values).map_err(|it| value::to_exception(&it, vm))?;
    // An in-place kernel returns the very object that it changed.
    if kernel.name.ends_with('_')
        && let Some(first) = args.args.first()
    {
        return Ok(first.clone());
    }
    if tracing {
        return value::to_object(traced(result, vm), vm);
    }
    value::to_object(result, vm)
}

/// Which storages the tensors among some values lie in.
fn note(values: &[Value], reads: &mut HashSet<usize>) {
    for it in values {
        match it {
            Value::Tensor(it) => {
                reads.insert(it.storage_id());
            }
            Value::List(items) => note(items, reads),
            _ => {}
        }
    }
}

/// The result with the number of the source line that asked for it.
fn traced(result: Value, vm: &VirtualMachine) -> Value {
    let tag = line_outside_the_dialect(vm);
    match result {
        Value::Tensor(it) => Value::Tensor(it.with_tag(tag)),
        Value::List(items) => Value::List(
            items
                .into_iter()
                .map(|it| match it {
                    Value::Tensor(it) => Value::Tensor(Tensor::with_tag(it, tag)),
                    other => other,
                })
                .collect(),
        ),
        other => other,
    }
}

/// The number of the innermost line of code that is not the dialect's own; zero when there is none.
fn line_outside_the_dialect(vm: &VirtualMachine) -> u64 {
    let mut frame = vm.current_frame();
    while let Some(current) = frame {
        let code = &current.code;
        if !code.source_path().as_str().starts_with(FROZEN) {
            let address = std::ptr::from_ref(&**code).addr();
            let line = current.current_location().line.get();
            let file = || code.source_path().as_str().to_owned();
            return host::with(|it| it.lines.number(address, line, file));
        }
        frame = current.f_back(vm);
    }
    0
}
