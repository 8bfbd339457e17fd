//! Compiled modules: no text is compiled twice in a process, nor again where a cache holds its code.

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustpython_vm::{
    PyRef, PyResult, VirtualMachine,
    builtins::PyCode,
    compiler::{self, CodeObject, Mode},
    frozen::FrozenCodeObject,
};

use super::host;
use crate::{
    cache::{self, Key},
    sources::Module,
};

static KNOWN: LazyLock<Mutex<HashMap<Key, Arc<[u8]>>>> = LazyLock::new(Mutex::default);

/// The code of a module.
pub(super) fn code(module: &Module, vm: &VirtualMachine) -> PyResult<PyRef<PyCode>> {
    compiled(&module.file, &module.text, Mode::Exec, vm)
}

/// So many texts that Python code has put together are kept; their number is in its hands.
const TEXTS_KEPT: usize = 4096;

static TEXTS: AtomicUsize = AtomicUsize::new(0);

/// The code of a text that Python code has put together.
pub(super) fn code_of_text(text: &str, mode: Mode, vm: &VirtualMachine) -> PyResult<PyRef<PyCode>> {
    let file = if matches!(mode, Mode::Eval) { "<expression>" } else { "<string>" };
    if TEXTS_KEPT <= TEXTS.fetch_add(1, Ordering::Relaxed) {
        return compile(file, text, mode, vm).map(|it| vm.ctx.new_code(it));
    }
    compiled(file, text, mode, vm)
}

fn compile(file: &str, text: &str, mode: Mode, vm: &VirtualMachine) -> PyResult<CodeObject> {
    compiler::compile(text, mode, file, vm.compile_opts())
        .map_err(|it| vm.new_syntax_error(&it, Some(text)))
}

fn compiled(file: &str, text: &str, mode: Mode, vm: &VirtualMachine) -> PyResult<PyRef<PyCode>> {
    let key = Key::of(file, text);
    let folder = host::with(|it| it.cache.clone());
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    let stored = || folder.as_deref().and_then(|it| cache::load(it, key)).map(Arc::from);
    if let Some(bytes) = known.or_else(stored) {
        keep(key, &bytes);
        return Ok(vm.ctx.new_code(FrozenCodeObject { bytes }));
    }
    let code = compile(file, text, mode, vm)?;
    let bytes: Arc<[u8]> = FrozenCodeObject::encode(&code).bytes.into();
    if let Some(folder) = folder {
        // A folder that cannot be written costs time and nothing else.
        let _ = cache::store(&folder, key, &bytes);
    }
    keep(key, &bytes);
    Ok(vm.ctx.new_code(code))
}

fn keep(key: Key, bytes: &Arc<[u8]>) {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(key, bytes.clone());
}
