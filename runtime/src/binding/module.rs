//! The module itself: its functions beside the kernels, and how the kernels get into it.

pub(crate) use _kernels::module_def;

use rustpython_vm::pymodule;

#[pymodule]
#[expect(clippy::needless_pass_by_value, reason = "Python's arguments arrive by value")]
mod _kernels {
    use portwright_kernels as kernels;
    use rustpython_vm::{
        Py, PyObjectRef, PyRef, PyResult, VirtualMachine,
        builtins::{PyBytes, PyListRef, PyModule, PyStrRef, PyTypeRef},
        class::PyClassImpl,
        compiler::Mode,
    };

    use super::super::{bytecode, host, kernel, tensor, value};

    /// The code, file and kind of a module that may be imported; none when there is no such module.
    #[pyfunction]
    fn find(name: PyStrRef, vm: &VirtualMachine) -> PyResult {
        match host::with(|it| it.sources.find(&name.to_string_lossy())) {
            Ok(Some(module)) => Ok(vm
                .ctx
                .new_tuple(vec![
                    bytecode::code(&module, vm)?.into(),
                    vm.ctx.new_str(module.file).into(),
                    vm.ctx.new_bool(module.is_package).into(),
                ])
                .into()),
            Ok(None) => Ok(vm.ctx.none()),
            Err(why) => {
                Err(vm.new_import_error(why, vm.ctx.new_utf8_str(&*name.to_string_lossy())))
            }
        }
    }

    /// The code of a text that the standard library has put together, for `exec` or for `eval`.
    #[pyfunction]
    fn compiled(text: PyStrRef, mode: PyStrRef, vm: &VirtualMachine) -> PyResult {
        let mode = if &*mode.to_string_lossy() == "eval" { Mode::Eval } else { Mode::Exec };
        Ok(bytecode::code_of_text(&text.to_string_lossy(), mode, vm)?.into())
    }

    /// The text of a module that may be imported.
    #[pyfunction]
    fn text(name: PyStrRef) -> Option<String> {
        let found = host::with(|it| it.sources.find(&name.to_string_lossy())).ok()?;
        found.map(|it| it.text.into_owned())
    }

    /// The text of a module on disk, where a stand-in has taken its place.
    #[pyfunction]
    fn text_on_disk(name: PyStrRef) -> Option<String> {
        let found = host::with(|it| it.sources.on_disk(&name.to_string_lossy())).ok()?;
        found.map(|it| it.text.into_owned())
    }

    /// The names of the modules inside a package.
    #[pyfunction]
    fn list(name: PyStrRef, vm: &VirtualMachine) -> PyListRef {
        let names = host::with(|it| it.sources.list(&name.to_string_lossy()));
        vm.ctx.new_list(names.into_iter().map(|it| vm.ctx.new_str(it).into()).collect())
    }

    /// Adds to what the answer says was printed.
    #[pyfunction]
    fn printed(text: PyStrRef) {
        host::print(&text.to_string_lossy());
    }

    /// Hands a tensor over with the answer.
    #[pyfunction]
    fn hand_over(name: PyStrRef, tensor: PyRef<tensor::PyTensor>) {
        host::hand_over(name.to_string_lossy().into_owned(), tensor.get());
    }

    /// The names of the open checkpoint's tensors.
    #[pyfunction]
    fn weight_names(vm: &VirtualMachine) -> PyListRef {
        let names: Vec<String> = host::with(|it| {
            it.weights.iter().flat_map(kernels::Weights::names).map(str::to_owned).collect()
        });
        vm.ctx.new_list(names.into_iter().map(|it| vm.ctx.new_str(it).into()).collect())
    }

    /// A tensor of the open checkpoint.
    #[pyfunction]
    fn weight(name: PyStrRef, vm: &VirtualMachine) -> PyResult {
        let name = name.to_string_lossy();
        let found = host::with(|it| {
            let file = it.weights.iter().find(|it| it.describe(&name).is_some())?;
            Some(file.tensor(&name, None))
        });
        match found {
            Some(Ok(found)) => tensor::PyTensor::object(found, vm),
            Some(Err(error)) => Err(value::to_exception(&error, vm)),
            None => Err(vm.new_key_error(vm.ctx.new_str(&*name).into())),
        }
    }

    /// Says which classes the kernels' tensors and their shapes are instances of.
    #[pyfunction]
    fn register(tensor: PyTypeRef, size: PyTypeRef) {
        host::with(|it| {
            it.tensor_class = Some(tensor);
            it.size_class = Some(size);
        });
    }

    /// An instance of a tensor class on the same storage as a tensor.
    #[pyfunction]
    fn wrap(class: PyTypeRef, source: PyRef<tensor::PyTensor>, vm: &VirtualMachine) -> PyResult {
        tensor::wrap(class, &source, vm)
    }

    /// A tensor's elements in row-major order, as the bytes of its dtype.
    #[pyfunction]
    fn bytes_of(tensor: PyRef<tensor::PyTensor>, vm: &VirtualMachine) -> PyResult<PyBytes> {
        let bytes = tensor.get().to_bytes();
        bytes.map(PyBytes::from).map_err(|it| value::to_exception(&it, vm))
    }

    /// A tuple of sizes.
    #[pyfunction]
    fn size(elements: Vec<PyObjectRef>, vm: &VirtualMachine) -> PyResult {
        tensor::size(elements, vm)
    }

    /// A kernel as a method of the tensor class.
    #[pyfunction]
    fn method(name: PyStrRef, vm: &VirtualMachine) -> PyResult {
        let name = name.to_string_lossy();
        match kernels::kernel(&name) {
            Some(it) => Ok(kernel::method(it, vm)),
            None => Err(vm.new_attribute_error(format!("no kernel `{name}`"))),
        }
    }

    /// Whether kernels note the source line that calls them.
    #[pyfunction]
    fn trace_lines(on: bool) {
        host::with(|it| it.tracing = on);
    }

    /// Whether the storages that kernels read are noted; what was noted before is forgotten.
    #[pyfunction]
    fn watch_reads(on: bool) {
        host::with(|it| it.reads = on.then(Default::default));
    }

    /// The storages that kernels have read since they are watched.
    #[pyfunction]
    fn reads(vm: &VirtualMachine) -> PyListRef {
        let reads: Vec<usize> = host::with(|it| it.reads.iter().flatten().copied().collect());
        vm.ctx.new_list(reads.into_iter().map(|it| vm.ctx.new_int(it).into()).collect())
    }

    /// Which library's rules decide what it means to mix dtypes and numbers.
    #[pyfunction]
    fn use_semantics(name: PyStrRef, vm: &VirtualMachine) -> PyResult<()> {
        let name = name.to_string_lossy();
        let Some(rules) = kernels::semantics_of(&name) else {
            return Err(vm.new_value_error(format!("no rules are known for a library `{name}`")));
        };
        kernels::set_semantics(rules);
        Ok(())
    }

    /// The dtype that Python floats become.
    #[pyfunction]
    fn set_default_dtype(dtype: PyRef<tensor::PyDType>) {
        kernels::set_default_dtype(dtype.inner);
    }

    /// Whether a cast to a half type rounds in exact mode: in a model of a wider dtype.
    #[pyfunction]
    fn set_rounds_halves(rounds: bool) {
        kernels::set_rounds_halves(rounds);
    }

    /// The device of tensors that are made from no other tensor.
    #[pyfunction]
    fn set_default_device(name: PyStrRef, vm: &VirtualMachine) -> PyResult<()> {
        let device: kernels::Device =
            name.to_string_lossy().parse().map_err(|it| value::to_exception(&it, vm))?;
        device.check().map_err(|it| value::to_exception(&it, vm))?;
        kernels::set_default_device(device);
        Ok(())
    }

    #[pyfunction]
    fn get_default_device() -> String {
        kernels::settings().device.to_string()
    }

    /// Whether a device can be used here.
    #[pyfunction]
    fn has_device(name: PyStrRef) -> bool {
        let device = name.to_string_lossy().parse::<kernels::Device>();
        device.is_ok_and(|it| it.check().is_ok())
    }

    /// What ran where on devices: kernel, calls there, calls on the host, bytes each way, refusal.
    #[pyfunction]
    fn device_ledger(vm: &VirtualMachine) -> PyListRef {
        let row = |it: kernels::LedgerRow| {
            let counts = [it.on_device, it.on_host, it.downloaded, it.uploaded];
            let mut row: Vec<PyObjectRef> = vec![vm.ctx.new_str(it.kernel).into()];
            row.extend(counts.map(|it| vm.ctx.new_int(it).into()));
            row.push(it.refused.map_or_else(|| vm.ctx.none(), |it| vm.ctx.new_str(it).into()));
            vm.ctx.new_tuple(row).into()
        };
        vm.ctx.new_list(kernels::device_ledger().into_iter().map(row).collect())
    }

    #[pyfunction]
    fn get_default_dtype(vm: &VirtualMachine) -> PyResult {
        tensor::dtype_object(kernels::settings().default_dtype, vm)
    }

    pub(crate) fn module_exec(vm: &VirtualMachine, module: &Py<PyModule>) -> PyResult<()> {
        __module_exec(vm, module);
        let base = tensor::PyTensor::make_static_type();
        module.set_attr("TensorBase", base, vm)?;
        let dtype = tensor::PyDType::make_static_type();
        module.set_attr("dtype", dtype, vm)?;
        let dtypes = tensor::make_dtypes(vm);
        for (known, object) in &dtypes {
            module.set_attr(vm.ctx.intern_str(known.name()), object.clone(), vm)?;
        }
        host::with(|it| it.dtypes = dtypes);
        for row in kernels::kernels() {
            module.set_attr(vm.ctx.intern_str(row.name), kernel::function(row, vm), vm)?;
        }
        Ok(())
    }
}
