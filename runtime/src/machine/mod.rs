//! One virtual machine on a thread of its own, and how the rest of the program asks it.

mod failure;
mod start;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
};

use portwright_kernels::{Device, Precision, Tensor, open_safetensors};
use rustpython_vm::{PyResult, VirtualMachine};
use serde_json::Value;

use crate::{
    binding,
    error::RuntimeError,
    limits::{GRACE, Limits, Watchdog},
    sources::Sources,
};

/// Room for the deepest Python code that the recursion limit allows.
const STACK_BYTES: usize = 256 << 20;

/// What a machine is made of.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub sources: Sources,
    pub limits: Limits,
    pub precision: Precision,
    /// Where tensors lie that are made from no other tensor, weights included.
    pub device: Device,
    /// A folder for compiled modules, kept between processes; it may not exist yet.
    pub cache: Option<PathBuf>,
}

/// What a call gave.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// What the function returned.
    pub value: Value,
    /// The tensors that it handed over, by name, in order.
    pub tensors: Vec<(String, Tensor)>,
    /// What it printed.
    pub printed: String,
}

type Job = Box<dyn FnOnce(&VirtualMachine) + Send>;

/// A virtual machine. Dropping it ends its thread once the running call is over.
///
/// The interpreter gives about 40 MB of its own classes and modules back only with the process: they
/// refer to one another in circles, and a last collection, which would run code that Python code has
/// registered for it, frees a quarter. A process that asks many models starts one for each.
pub struct Machine {
    jobs: Sender<Job>,
    watchdog: Watchdog,
    limits: Limits,
    sources: Sources,
    /// Why it takes no more calls.
    given_up: Mutex<Option<String>>,
}

impl Machine {
    /// Starts the thread; the interpreter is built there.
    pub fn start(options: Options) -> Result<Self, RuntimeError> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (ready, started) = mpsc::channel();
        let watchdog = Watchdog::default();
        let (limits, sources) = (options.limits, options.sources.clone());
        let signals = watchdog.clone();
        thread::Builder::new()
            .name("portwright-python".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    start::serve(options, &signals, inbox, &ready);
                }));
                if let Err(panic) = outcome {
                    // The receiver is gone when the panic came after the start.
                    let _ = ready.send(Err(RuntimeError::Panic(said(&*panic))));
                }
            })
            .map_err(RuntimeError::Thread)?;
        let lost = |_| RuntimeError::Panic("its thread ended while it started".to_owned());
        started.recv().map_err(lost)??;
        Ok(Self { jobs, watchdog, limits, sources, given_up: Mutex::new(None) })
    }

    /// Calls a function of a module with one JSON value.
    pub fn call(
        &self,
        module: &str,
        function: &str,
        request: &Value,
    ) -> Result<Answer, RuntimeError> {
        let (module, function) = (module.to_owned(), function.to_owned());
        let request = request.to_string();
        let sources = self.sources.clone();
        self.run(move |vm| {
            binding::begin();
            let outcome = ask(&module, &function, &request, vm);
            let (tensors, printed) = binding::collect();
            match outcome {
                Ok(text) => {
                    let value = serde_json::from_str(&text)
                        .map_err(|it| RuntimeError::Answer(it.to_string()))?;
                    Ok(Answer { value, tensors, printed })
                }
                Err(exception) => Err(failure::describe(&exception, &sources, vm)),
            }
        })
    }

    /// Opens safetensors files: Python code sees their tensors in place of those opened before.
    pub fn open_weights(&self, paths: Vec<PathBuf>) -> Result<(), RuntimeError> {
        self.run(move |_| {
            let files = paths.iter().map(|it| open_safetensors(it)).collect::<Result<Vec<_>, _>>();
            binding::set_weights(files.map_err(RuntimeError::Weights)?);
            Ok(())
        })
    }

    fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&VirtualMachine) -> Result<T, RuntimeError> + Send + 'static,
    ) -> Result<T, RuntimeError> {
        if let Some(why) = &*self.given_up.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(RuntimeError::Abandoned(why.clone()));
        }
        let (reply, answer) = mpsc::channel();
        let watchdog = self.watchdog.clone();
        let limit = self.limits.wall;
        let job: Job = Box::new(move |vm| {
            watchdog.start(limit);
            let outcome = catch_unwind(AssertUnwindSafe(|| job(vm)));
            let late = watchdog.stop();
            let outcome = match outcome {
                Ok(Err(RuntimeError::Raised(raised))) if late => {
                    Err(RuntimeError::Timeout { limit, place: raised.place })
                }
                Ok(outcome) => outcome,
                Err(panic) => Err(RuntimeError::Panic(said(&*panic))),
            };
            // Nobody waits any more when the call was given up.
            let _ = reply.send(outcome);
        });
        if self.jobs.send(job).is_err() {
            return Err(self.give_up("its thread has ended".to_owned()));
        }
        match answer.recv_timeout(limit.saturating_add(GRACE)) {
            Ok(Err(RuntimeError::Panic(said))) => {
                self.give_up(said.clone());
                Err(RuntimeError::Panic(said))
            }
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => {
                self.give_up(format!("it ran for more than {limit:?} and did not stop"));
                Err(RuntimeError::Timeout { limit, place: None })
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(self.give_up("its thread has ended".to_owned()))
            }
        }
    }

    fn give_up(&self, why: String) -> RuntimeError {
        *self.given_up.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
        RuntimeError::Abandoned(why)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.watchdog.close();
    }
}

/// `module.function(json)`, both sides as text.
fn ask(module: &str, function: &str, request: &str, vm: &VirtualMachine) -> PyResult<String> {
    let json = vm.import("json", 0)?;
    let loads = json.get_attr("loads", vm)?;
    let dumps = json.get_attr("dumps", vm)?;
    vm.import(vm.ctx.intern_str(module), 0)?;
    let modules = vm.sys_module.get_attr("modules", vm)?;
    let target = modules.get_item(module, vm)?;
    let function = target.get_attr(vm.ctx.intern_str(function), vm)?;
    let request = loads.call((vm.ctx.new_str(request),), vm)?;
    let result = function.call((request,), vm)?;
    let text = dumps.call((result,), vm)?;
    Ok(text.str(vm)?.to_string_lossy().into_owned())
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|it| (*it).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}
