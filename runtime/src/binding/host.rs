//! What the machine's thread keeps beside the interpreter: sources, classes, what a call hands over.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    path::PathBuf,
};

use portwright_kernels::{DType, Tensor, Weights};
use rustpython_vm::{PyObjectRef, builtins::PyTypeRef};

use crate::sources::Sources;

/// Python code may print so many bytes in one call; what follows is dropped and said so.
const PRINTED_LIMIT: usize = 1 << 20;

/// One virtual machine lives on one thread, and this with it.
#[derive(Default)]
pub(super) struct Host {
    pub(super) sources: Sources,
    /// Where compiled modules are kept between processes.
    pub(super) cache: Option<PathBuf>,
    /// What a kernel's tensors are instances of, once the dialect has said so.
    pub(super) tensor_class: Option<PyTypeRef>,
    /// What a tensor's shape is an instance of.
    pub(super) size_class: Option<PyTypeRef>,
    pub(super) dtypes: Vec<(DType, PyObjectRef)>,
    /// Whether kernels look for the source line that calls them.
    pub(super) tracing: bool,
    pub(super) lines: Lines,
    /// The storages that kernels have read, while they are watched.
    pub(super) reads: Option<HashSet<usize>>,
    /// The checkpoint that the machine's caller opened.
    pub(super) weights: Vec<Weights>,
    tensors: Vec<(String, Tensor)>,
    printed: String,
}

/// Source lines by number, so that a tensor carries eight bytes.
#[derive(Default)]
pub(super) struct Lines {
    rows: Vec<(String, usize)>,
    by_place: HashMap<(usize, usize), u64>,
}

impl Lines {
    /// The number of a line of a code object: `code` is its address, which outlives the call.
    pub(super) fn number(
        &mut self,
        code: usize,
        line: usize,
        file: impl FnOnce() -> String,
    ) -> u64 {
        let rows = &mut self.rows;
        *self.by_place.entry((code, line)).or_insert_with(|| {
            rows.push((file(), line));
            rows.len() as u64
        })
    }

    /// The file and line of a number; none for zero, which every tensor starts with.
    pub(super) fn place(&self, number: u64) -> Option<&(String, usize)> {
        self.rows.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// Runs with the host; never while Python code runs inside.
pub(super) fn with<T>(run: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with_borrow_mut(run)
}

/// What Python code on this thread may import, and where its compiled form is kept.
pub(crate) fn install(sources: Sources, cache: Option<PathBuf>) {
    with(|it| {
        it.sources = sources;
        it.cache = cache;
    });
}

/// Lets go of everything, Python's objects above all, which must not outlive their interpreter.
pub(crate) fn forget() {
    drop(HOST.take());
}

/// The tensors that Python code may load.
pub(crate) fn set_weights(weights: Vec<Weights>) {
    with(|it| it.weights = weights);
}

/// Forgets what an earlier call handed over.
pub(crate) fn begin() {
    collect();
}

/// The tensors that the call handed over, and what it printed.
pub(crate) fn collect() -> (Vec<(String, Tensor)>, String) {
    with(|it| (std::mem::take(&mut it.tensors), std::mem::take(&mut it.printed)))
}

pub(super) fn hand_over(name: String, tensor: Tensor) {
    with(|it| it.tensors.push((name, tensor)));
}

pub(super) fn print(text: &str) {
    with(|it| {
        if PRINTED_LIMIT < it.printed.len() {
            return;
        }
        it.printed.push_str(text);
        if PRINTED_LIMIT < it.printed.len() {
            it.printed.push_str("\n(the rest of what was printed is not kept)\n");
        }
    });
}
