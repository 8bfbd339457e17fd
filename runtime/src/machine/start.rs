//! How an interpreter is built: frozen standard library, the native modules, the importer.

use std::sync::mpsc::{Receiver, Sender};

use portwright_kernels as kernels;
use rustpython_vm::{
    Interpreter, PyResult, Settings, VirtualMachine, compiler::Mode, signal::user_signal_channel,
};

use super::{Job, Options, failure};
use crate::{binding, error::RuntimeError, limits::Watchdog};

/// Puts our importer in place of every importer that reads files.
const BOOTSTRAP: &str = include_str!("bootstrap.py");

/// Builds the interpreter on this thread and serves calls until nobody can send any.
pub(super) fn serve(
    options: Options,
    watchdog: &Watchdog,
    inbox: Receiver<Job>,
    ready: &Sender<Result<(), RuntimeError>>,
) {
    let settings = kernels::Settings {
        precision: options.precision,
        memory_limit: options.limits.tensor_bytes,
        device: options.device,
        ..kernels::Settings::default()
    };
    let _scope = kernels::enter(settings);
    let sources = options.sources.clone();
    binding::install(options.sources, options.cache);
    let interpreter = build(watchdog);
    let interpreter = match interpreter {
        Ok(it) => it,
        Err(error) => {
            // Whoever started the machine waits for this.
            let _ = ready.send(Err(error));
            return;
        }
    };
    interpreter.enter(|vm| {
        vm.recursion_limit.set(options.limits.recursion);
        let started = bootstrap(vm).map_err(|it| failure::describe(&it, &sources, vm));
        let failed = started.is_err();
        if ready.send(started).is_err() || failed {
            return;
        }
        for job in inbox {
            job(vm);
        }
    });
    binding::forget();
}

fn build(watchdog: &Watchdog) -> Result<Interpreter, RuntimeError> {
    let mut settings = Settings::default();
    settings.isolated = true;
    settings.ignore_environment = true;
    settings.import_site = false;
    settings.user_site_directory = false;
    settings.install_signal_handlers = false;
    settings.allow_external_library = false;
    settings.hash_seed = Some(0);
    let builder = Interpreter::builder(settings);
    let natives = rustpython_stdlib::stdlib_module_defs(&builder.ctx);
    let ours = binding::module_def(&builder.ctx);
    let (sender, receiver) = user_signal_channel();
    watchdog.watch(sender).map_err(RuntimeError::Thread)?;
    Ok(builder
        .add_native_modules(&natives)
        .add_native_module(ours)
        .add_frozen_modules(rustpython_pylib::FROZEN_STDLIB)
        .init_hook(move |vm| vm.set_user_signal_channel(receiver))
        .build())
}

fn bootstrap(vm: &VirtualMachine) -> PyResult<()> {
    let scope = vm.new_scope_with_builtins();
    let code = vm
        .compile(BOOTSTRAP, Mode::Exec, "<portwright>/bootstrap.py".to_owned())
        .map_err(|it| vm.new_syntax_error(&it, Some(BOOTSTRAP)))?;
    vm.run_code_obj(code, scope)?;
    Ok(())
}
