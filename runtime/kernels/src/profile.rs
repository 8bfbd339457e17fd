//! Time by kernel, for whoever asks where a run's time goes.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

static ON: AtomicBool = AtomicBool::new(false);
static TIMES: Mutex<BTreeMap<&'static str, KernelTime>> = Mutex::new(BTreeMap::new());

/// What a kernel's calls took on all threads together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelTime {
    pub calls: u64,
    pub time: Duration,
}

/// Starts the count from nothing.
pub fn start_profile() {
    times().clear();
    ON.store(true, Ordering::Relaxed);
}

/// Stops the count and gives it, by kernel.
pub fn take_profile() -> Vec<(&'static str, KernelTime)> {
    ON.store(false, Ordering::Relaxed);
    std::mem::take(&mut *times()).into_iter().collect()
}

fn times() -> std::sync::MutexGuard<'static, BTreeMap<&'static str, KernelTime>> {
    TIMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a kernel, on the clock where someone asked.
pub(crate) fn timed<T>(kernel: &'static str, work: impl FnOnce() -> T) -> T {
    if !ON.load(Ordering::Relaxed) {
        return work();
    }
    let start = Instant::now();
    let outcome = work();
    let taken = start.elapsed();
    let mut times = times();
    let row = times.entry(kernel).or_default();
    row.calls += 1;
    row.time += taken;
    outcome
}
