//! What Python code may use up, and the watchdog that stops it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustpython_vm::{VirtualMachine, signal::UserSignalSender};

/// What one machine may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall time of one call.
    pub wall: Duration,
    /// Frames of Python code in one another.
    pub recursion: usize,
    /// Bytes of all live tensors together; mapped weights do not count.
    pub tensor_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { wall: Duration::from_mins(10), recursion: 1000, tensor_bytes: u64::MAX }
    }
}

/// How often the watchdog looks, and how often it interrupts code that goes on.
const TICK: Duration = Duration::from_millis(20);

/// So many interrupts may be caught by Python code before its thread is put to sleep for good.
const PATIENCE: u32 = 50;

/// How long after the limit a call is given up that no interrupt reaches: native code in a loop.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

#[derive(Default)]
struct State {
    deadline: Option<Instant>,
    interrupts: u32,
    closed: bool,
}

/// Interrupts the machine's thread when a call runs past its deadline.
#[derive(Clone, Default)]
pub(crate) struct Watchdog(Arc<Mutex<State>>);

impl Watchdog {
    /// A thread that interrupts through `sender` until [`Watchdog::close`].
    pub(crate) fn watch(&self, sender: UserSignalSender) -> std::io::Result<()> {
        let state = self.clone();
        let name = "portwright-watchdog".to_owned();
        thread::Builder::new().name(name).spawn(move || state.patrol(&sender)).map(|_| ())
    }

    fn patrol(&self, sender: &UserSignalSender) {
        loop {
            thread::sleep(TICK);
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.closed {
                return;
            }
            if state.deadline.is_none_or(|it| Instant::now() < it) {
                continue;
            }
            state.interrupts += 1;
            let last = PATIENCE < state.interrupts;
            drop(state);
            // The signal may be taken by another machine's thread: it is sent again every tick.
            if sender.send(Box::new(move |vm| interrupt(last, vm))).is_err() {
                return;
            }
        }
    }

    pub(crate) fn start(&self, wall: Duration) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.deadline = Instant::now().checked_add(wall);
        state.interrupts = 0;
    }

    /// Whether the call that ends here was interrupted.
    pub(crate) fn stop(&self) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.deadline = None;
        0 < state.interrupts
    }

    pub(crate) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
    }
}

fn interrupt(last: bool, vm: &VirtualMachine) -> rustpython_vm::PyResult<()> {
    if last {
        // Code that catches every interrupt never runs again.
        loop {
            thread::park();
        }
    }
    let kind = vm.ctx.exceptions.keyboard_interrupt.to_owned();
    Err(vm.new_exception_msg(kind, "the wall-time limit has passed".into()))
}
