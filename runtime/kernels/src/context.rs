//! What holds for every kernel of a thread: precision, default dtype and the memory limit.

use std::{
    cell::{Cell, RefCell},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    device::Device,
    dtype::DType,
    error::{Result, fail},
    semantics::{self, Semantics},
};

/// How floating types are stored and computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// Each in its own width, as PyTorch does on the CPU.
    #[default]
    Native,
    /// All in 64 bits. The nominal dtype travels along and decides promotion; a cast between
    /// floating types changes it and nothing else.
    Exact,
}

/// What holds for every kernel called on this thread.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub precision: Precision,
    /// `torch.get_default_dtype()`: what a Python float and a true division become.
    pub default_dtype: DType,
    /// In exact mode: whether a cast to a half type rounds, as where the model is of a wider one and its code
    /// names the narrow one; a model of a half type goes to and fro.
    pub rounds_halves: bool,
    /// The library whose rules decide where libraries differ.
    pub semantics: &'static Semantics,
    /// Bytes that all live tensors made under these settings may take together.
    pub memory_limit: u64,
    /// Where tensors lie that are made from no other tensor, weights included.
    pub device: Device,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            precision: Precision::Native,
            default_dtype: DType::F32,
            rounds_halves: true,
            semantics: &semantics::TORCH,
            memory_limit: u64::MAX,
            device: Device::Cpu,
        }
    }
}

#[derive(Debug, Default)]
struct Meter {
    used: AtomicU64,
    peak: AtomicU64,
}

#[derive(Clone, Default)]
struct Current {
    settings: Settings,
    meter: Arc<Meter>,
}

thread_local! {
    static CURRENT: RefCell<Current> = RefCell::default();
}

/// Settings in force until it is dropped; then the ones before return.
pub struct Scope {
    before: Current,
}

impl Drop for Scope {
    fn drop(&mut self) {
        CURRENT.with(|it| std::mem::swap(&mut *it.borrow_mut(), &mut self.before));
    }
}

/// Puts settings in force on this thread. The memory in use is kept when a scope opens in another.
pub fn enter(settings: Settings) -> Scope {
    CURRENT.with(|it| {
        let mut current = it.borrow_mut();
        let next = Current { settings, meter: current.meter.clone() };
        Scope { before: std::mem::replace(&mut current, next) }
    })
}

/// The settings in force on this thread.
pub fn settings() -> Settings {
    CURRENT.with(|it| it.borrow().settings)
}

/// `torch.set_default_dtype`, for the scope in force on this thread.
pub fn set_default_dtype(dtype: DType) {
    CURRENT.with(|it| it.borrow_mut().settings.default_dtype = dtype);
}

/// Whether a cast to a half type rounds in exact mode, for the scope in force on this thread.
pub fn set_rounds_halves(rounds: bool) {
    CURRENT.with(|it| it.borrow_mut().settings.rounds_halves = rounds);
}

/// The library whose rules hold from now on, for the scope in force on this thread.
pub fn set_semantics(semantics: &'static Semantics) {
    CURRENT.with(|it| it.borrow_mut().settings.semantics = semantics);
}

/// The rules in force on this thread.
pub(crate) fn semantics() -> &'static Semantics {
    CURRENT.with(|it| it.borrow().settings.semantics)
}

/// `torch.set_default_device`, for the scope in force on this thread.
pub fn set_default_device(device: Device) {
    CURRENT.with(|it| it.borrow_mut().settings.device = device);
}

/// Bytes that live tensors made on this thread take; mapped weights count nothing.
pub fn memory_in_use() -> u64 {
    CURRENT.with(|it| it.borrow().meter.used.load(Ordering::Relaxed))
}

/// The most that [`memory_in_use`] has been on this thread.
pub fn memory_peak() -> u64 {
    CURRENT.with(|it| it.borrow().meter.peak.load(Ordering::Relaxed))
}

thread_local! {
    /// The device of the operands of the kernel that runs on this thread.
    static OPERANDS: Cell<Option<Device>> = const { Cell::new(None) };
}

/// Runs `work` with its results placed on a device.
pub(crate) fn placed<T>(device: Option<Device>, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Device>);
    impl Drop for Restore {
        fn drop(&mut self) {
            OPERANDS.set(self.0);
        }
    }
    let _restore = Restore(OPERANDS.replace(device));
    work()
}

/// Where a new tensor lies.
pub(crate) fn place() -> Device {
    OPERANDS.get().unwrap_or_else(|| settings().device)
}

pub(crate) fn precision() -> Precision {
    settings().precision
}

/// A storage's share of the memory in use, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    meter: Arc<Meter>,
    bytes: u64,
}

impl Charge {
    pub(crate) fn new(bytes: usize) -> Self {
        let meter = CURRENT.with(|it| it.borrow().meter.clone());
        let bytes = bytes as u64;
        let used = meter.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        meter.peak.fetch_max(used, Ordering::Relaxed);
        Self { meter, bytes }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.meter.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Fails when `count` more elements of `size` bytes would pass the limit.
pub(crate) fn admit(count: usize, size: usize) -> Result<()> {
    let limit = settings().memory_limit;
    let used = memory_in_use();
    let wanted = (count as u64).checked_mul(size as u64);
    match wanted.and_then(|it| it.checked_add(used)) {
        Some(total) if total <= limit && total < isize::MAX as u64 => Ok(()),
        _ => fail!(
            Memory,
            "a tensor of {count} elements of {size} bytes does not fit: {used} bytes are in use \
             and the limit is {limit}"
        ),
    }
}
