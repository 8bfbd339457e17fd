//! Compiled modules, kept for the life of the process: no text is compiled twice.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use rustpython_vm::{
    PyRef, PyResult, VirtualMachine,
    builtins::PyCode,
    compiler::{self, Mode},
    frozen::FrozenCodeObject,
};

use crate::sources::Module;

/// Bytecode by the file's name and a hash of its text.
type Known = HashMap<(String, u64), Arc<[u8]>>;

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

/// The code of a module.
pub(super) fn code(module: &Module, vm: &VirtualMachine) -> PyResult<PyRef<PyCode>> {
    let mut hasher = DefaultHasher::new();
    module.text.hash(&mut hasher);
    let key = (module.file.clone(), hasher.finish());
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    if let Some(bytes) = known {
        return Ok(vm.ctx.new_code(FrozenCodeObject { bytes }));
    }
    let code = compiler::compile(&module.text, Mode::Exec, &module.file, vm.compile_opts())
        .map_err(|it| vm.new_syntax_error(&it, Some(&module.text)))?;
    let bytes: Arc<[u8]> = FrozenCodeObject::encode(&code).bytes.into();
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(key, bytes);
    Ok(vm.ctx.new_code(code))
}
