//! What ran where: without this, a kernel that leaves its device would be slow in silence.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

/// What one kernel did for tensors that lie on a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerRow {
    /// The kernel's name; empty for what the caller of the kernels read or wrote.
    pub kernel: &'static str,
    /// Calls that its device version answered.
    pub on_device: u64,
    /// Calls that read or wrote the host's side of a tensor; views touch neither side.
    pub on_host: u64,
    /// Bytes that came from the device.
    pub downloaded: u64,
    /// Bytes that went to the device.
    pub uploaded: u64,
    /// Why candle refused the last call that it refused.
    pub refused: Option<String>,
}

thread_local! {
    static ROWS: RefCell<BTreeMap<&'static str, LedgerRow>> = const { RefCell::new(BTreeMap::new()) };
    static RUNNING: Cell<&'static str> = const { Cell::new("") };
    static TOUCHED: Cell<bool> = const { Cell::new(false) };
}

/// What ran where on this thread since [`clear_device_ledger`], by kernel.
pub fn device_ledger() -> Vec<LedgerRow> {
    ROWS.with_borrow(|it| it.values().cloned().collect())
}

/// Starts the count again.
pub fn clear_device_ledger() {
    ROWS.with_borrow_mut(BTreeMap::clear);
}

/// Runs a kernel, counting to its row; whether it touched the host's side of a device's tensor
/// decides where it ran.
pub(crate) fn during<T>(kernel: &'static str, work: impl FnOnce() -> T) -> T {
    let before = (RUNNING.replace(kernel), TOUCHED.replace(false));
    let outcome = work();
    if TOUCHED.replace(before.1) {
        count(|it| it.on_host += 1);
    }
    RUNNING.set(before.0);
    outcome
}

/// Notes that the host's side of a tensor on a device was read or written.
pub(crate) fn touch() {
    TOUCHED.set(true);
}

/// Adds to the row of the kernel that runs.
pub(crate) fn count(add: impl FnOnce(&mut LedgerRow)) {
    let kernel = RUNNING.get();
    ROWS.with_borrow_mut(|it| {
        add(it.entry(kernel).or_insert_with(|| LedgerRow { kernel, ..LedgerRow::default() }));
    });
}
