//! The child process: one virtual machine, asked until `end`.

use std::io::{self, Write};

use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};
use portwright_runtime::{Machine, RuntimeError};
use serde_json::{Value, json};

use super::{
    channel::{Channel, complain},
    checkpoint, output,
    settings::Settings,
};
use crate::engine::Failure;

/// The calls that need nothing of the harness: `runtime/session`.
const SESSION: &str = "portwright.session";

/// Whose function answers an op.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// The runtime's session.
    Session,
    /// The module of the worker package that the engine's row names.
    Worker,
}

/// What a session can be asked, and the Python function that answers.
const OPS: &[(&str, By, &str)] = &[
    ("open_model", By::Session, "open_model"),
    ("inspect", By::Session, "inspect"),
    ("ledgers", By::Worker, "ledgers"),
    ("close_model", By::Session, "close_model"),
    ("start_text", By::Session, "start_text"),
    ("continue_text", By::Session, "continue_text"),
    ("describe", By::Session, "describe"),
    ("config", By::Session, "config"),
    ("synthesize", By::Worker, "synthesize"),
    ("open", By::Worker, "open"),
    ("forward", By::Worker, "forward"),
    ("generate", By::Worker, "generate"),
    ("rope", By::Worker, "rope"),
    ("config_reads", By::Worker, "config_reads"),
    ("config_experiment", By::Worker, "config_experiment"),
    ("variable_fields", By::Worker, "variable_fields"),
    ("spare_fields", By::Worker, "spare_fields"),
    ("catalogue", By::Worker, "models"),
    ("imported", By::Worker, "imported"),
    ("close", By::Worker, "close"),
    ("quantised", By::Worker, "quantised"),
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
    let machine = settings
        .machine()
        .map_err(|it| Failure {
            kind: "unsupported".to_owned(),
            message: it.to_string(),
            ..Failure::default()
        })
        .and_then(|it| Machine::start(it).map_err(|it| failure(&it)));
    while let Some(request) = channel.receive()? {
        if request["op"] == "end" {
            break;
        }
        let id = request["id"].clone();
        let answer = match &machine {
            Ok(machine) => answer(machine, settings, request),
            Err(failure) => Err(failure.clone()),
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
    let dialect = settings.dialect();
    let known = OPS.iter().find(|it| it.0 == op && (it.1 == By::Worker || dialect.session));
    let Some((_, by, function)) = known else {
        return Err(Failure {
            kind: "unsupported".to_owned(),
            message: format!("this engine has no op `{op}`"),
            ..Failure::default()
        });
    };
    let out = output::place(&request)?;
    checkpoint::read_base(&mut request)?;
    if let Some(weights) = checkpoint::read(&mut request)? {
        machine.open_weights(weights).map_err(|it| failure(&it))?;
    }
    let module = if *by == By::Session { SESSION } else { dialect.worker };
    let answer = machine.call(module, function, &request).map_err(|it| failure(&it))?;
    if !answer.printed.is_empty() {
        // What the model's code prints is for whoever reads the log.
        let _ = io::stderr().write_all(answer.printed.as_bytes());
    }
    let most = settings.limits.memory_bytes.saturating_mul(HANDED_OVER);
    if *by == By::Session {
        if let Some(out) = out {
            output::write(&out, &answer.tensors, most)?;
        }
        return Ok(answer.value);
    }
    let mut value = answer.value;
    if let Some(refused) = value.get_mut("refused") {
        return Err(serde_json::from_value(refused.take()).unwrap_or_default());
    }
    let mut result = value["result"].take();
    match out {
        Some(out) if op == "synthesize" => {
            output::checkpoint(&out, &value["written"], &answer.tensors, most)?;
        }
        Some(out) => output::write(&out, &answer.tensors, most)?,
        None => {}
    }
    if op == "generate" {
        result["peak_bytes"] = peak_bytes().into();
    }
    Ok(result)
}

/// The most memory that this process has held; Python code in here cannot ask for it.
fn peak_bytes() -> Option<u64> {
    let most = u64::try_from(getrusage(UsageWho::RUSAGE_SELF).ok()?.max_rss()).ok()?;
    // Kilobytes, but on macOS.
    Some(if cfg!(target_os = "macos") { most } else { most * 1024 })
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
