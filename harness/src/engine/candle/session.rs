//! The child process: one virtual machine, asked until `end`.

use std::io::{self, Write};

use nix::sys::resource::{Resource, setrlimit};
use portwright_runtime::{Machine, RuntimeError};
use serde_json::{Value, json};

use super::{
    channel::{Channel, complain},
    checkpoint, output,
    settings::Settings,
};
use crate::engine::Failure;

/// What a session can be asked, and the Python module whose function of that name answers.
const OPS: &[(&str, &str)] = &[
    ("open_model", "portwright.session"),
    ("forward", "portwright.session"),
    ("generate", "portwright.session"),
    ("inspect", "portwright.session"),
    ("close_model", "portwright.session"),
    ("start_text", "portwright.session"),
    ("continue_text", "portwright.session"),
    ("describe", "portwright.session"),
];

/// Python code may hand over so many times the memory limit in one answer, as files on disk.
const HANDED_OVER: u64 = 4;

pub(super) fn serve(settings: &Settings) -> u8 {
    match run(settings) {
        Ok(()) => 0,
        Err(error) => {
            complain(&format!("the session's pipes failed: {error}"));
            1
        }
    }
}

fn run(settings: &Settings) -> io::Result<()> {
    let mut channel = Channel::open()?;
    limit(settings);
    let machine = Machine::start(settings.machine());
    while let Some(request) = channel.receive()? {
        if request["op"] == "end" {
            break;
        }
        let id = request["id"].clone();
        let answer = match &machine {
            Ok(machine) => answer(machine, settings, request),
            Err(error) => Err(failure(error)),
        };
        channel.send(&match answer {
            Ok(result) => json!({"id": id, "ok": true, "result": result}),
            Err(failure) => {
                let mut error = serde_json::to_value(&failure).unwrap_or_default();
                error["traceback"] = failure.traceback.into();
                json!({"id": id, "ok": false, "error": error})
            }
        })?;
    }
    Ok(())
}

/// What the system holds this process to. Where it cannot, the tensors' own limit still holds.
fn limit(settings: &Settings) {
    let bytes = settings.limits.memory_bytes;
    let limits = [
        #[cfg(target_os = "linux")]
        (Resource::RLIMIT_DATA, bytes),
        (Resource::RLIMIT_FSIZE, bytes.saturating_mul(HANDED_OVER)),
        (Resource::RLIMIT_CORE, 0),
    ];
    for (resource, bytes) in limits {
        if let Err(error) = setrlimit(resource, bytes, bytes) {
            complain(&format!("cannot set {resource:?} to {bytes}: {error}"));
        }
    }
}

fn answer(machine: &Machine, settings: &Settings, mut request: Value) -> Result<Value, Failure> {
    let op = request["op"].as_str().unwrap_or_default().to_owned();
    let Some((_, module)) = OPS.iter().find(|it| it.0 == op) else {
        return Err(Failure {
            kind: "unsupported".to_owned(),
            message: format!("this engine has no op `{op}`"),
            ..Failure::default()
        });
    };
    let out = output::place(&request)?;
    if let Some(weights) = checkpoint::read(&mut request)? {
        machine.open_weights(weights).map_err(|it| failure(&it))?;
    }
    let answer = machine.call(module, &op, &request).map_err(|it| failure(&it))?;
    if !answer.printed.is_empty() {
        // What the model's code prints is for whoever reads the log.
        let _ = io::stderr().write_all(answer.printed.as_bytes());
    }
    if let Some(out) = out {
        let most = settings.limits.memory_bytes.saturating_mul(HANDED_OVER);
        output::write(&out, &answer.tensors, most)?;
    }
    Ok(answer.value)
}

/// What the machine could not do, as the other engines' workers say it.
fn failure(error: &RuntimeError) -> Failure {
    let hint = error.hint().map(str::to_owned);
    let (kind, message) = match error {
        RuntimeError::Raised(raised) => {
            let place = raised.place.as_ref();
            return Failure {
                kind: "exception".to_owned(),
                message: format!("{}: {}", raised.class, raised.message),
                file: place.map(|it| it.file.clone()),
                line: place.and_then(|it| u32::try_from(it.line).ok()),
                source_line: place.map(|it| it.text.clone()).filter(|it| !it.is_empty()),
                module: raised.module.clone(),
                hint,
                traceback: Some(raised.traceback.clone()),
            };
        }
        RuntimeError::Timeout { .. } => ("limit", error.to_string()),
        RuntimeError::Panic(_) | RuntimeError::Abandoned(_) => ("panic", error.to_string()),
        RuntimeError::Weights(source) => ("weights", format!("{error}: {source}")),
        RuntimeError::Thread(source) => ("exception", format!("{error}: {source}")),
        RuntimeError::Answer(_) => ("exception", error.to_string()),
    };
    Failure { kind: kind.to_owned(), message, hint, ..Failure::default() }
}
