//! The parent process: announces the engine, then starts one child a session.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use serde_json::{Value, json};

use super::{COMMAND, about, channel::Channel, channel::complain, settings::Settings};

/// How many of a child's last lines are looked through for the reason of its end.
const LINES: usize = 40;

/// Serves until stdin closes.
pub(super) fn serve(settings: &Settings) -> u8 {
    match run(settings) {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("the worker's pipes failed: {error}"));
            1
        }
    }
}

fn run(settings: &Settings) -> io::Result<u8> {
    let mut channel = Channel::open()?;
    match about::ready(settings) {
        Ok(message) => channel.send(&message)?,
        Err(reason) => {
            let error = json!({"kind": "unsupported", "message": reason});
            channel.send(&json!({"event": "failed", "error": error}))?;
            return Ok(1);
        }
    }
    while let Some(request) = channel.receive()? {
        if request["op"] != "session" {
            let message = format!("`{}` outside a session", request["op"]);
            let error = json!({"kind": "exception", "message": message});
            channel.send(&json!({"id": request["id"], "ok": false, "error": error}))?;
            continue;
        }
        match start(settings) {
            Ok(child) => {
                let pid = child.id();
                channel.send(&json!({"id": request["id"], "ok": true, "result": {"pid": pid}}))?;
                channel.send(&ended(child)?)?;
            }
            Err(error) => {
                let message = format!("the session's process did not start: {error}");
                let error = json!({"kind": "exception", "message": message});
                channel.send(&json!({"id": request["id"], "ok": false, "error": error}))?;
            }
        }
    }
    Ok(0)
}

/// The child reads from our stdin, which we leave alone until it has ended.
fn start(settings: &Settings) -> io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .args([COMMAND, &settings.to_argument(), "--session"])
        .stderr(Stdio::piped())
        .spawn()
}

/// Waits, passing on what the child complains of.
fn ended(mut child: Child) -> io::Result<Value> {
    let stderr = child.stderr.take();
    let tail = thread::spawn(move || {
        let mut tail = VecDeque::new();
        let Some(stderr) = stderr else { return tail };
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            // The child's own words; nobody is left to tell when stderr is closed.
            let _ = writeln!(io::stderr(), "{line}");
            if tail.len() == LINES {
                tail.pop_front();
            }
            tail.push_back(line);
        }
        tail
    });
    let status = child.wait()?;
    let tail = tail.join().unwrap_or_default();
    let lines: Vec<&str> = tail.iter().map(String::as_str).collect();
    Ok(json!({
        "event": "ended", "exit": status.code(), "signal": status.signal(),
        "why": why(status, &lines),
    }))
}

/// Which limit an end probably was.
fn why(status: ExitStatus, stderr: &[&str]) -> Option<&'static str> {
    let said = |words: &str| stderr.iter().any(|it| it.contains(words));
    if said("memory allocation of") || said("failed to allocate") {
        Some("it passed its memory limit")
    } else if said("has overflowed its stack") {
        Some("its stack overflowed: code that is nested too deeply, or recursion in native code")
    } else {
        match status.signal()? {
            libc_signal::SEGV | libc_signal::BUS => {
                Some("probably its stack overflowed, or it passed its memory limit")
            }
            libc_signal::ABRT => Some("it gave itself up; probably it passed its memory limit"),
            libc_signal::KILL => Some("killed: by a person, or by the system when memory ran out"),
            _ => None,
        }
    }
}

/// The numbers that [`ExitStatusExt::signal`] gives.
mod libc_signal {
    use nix::sys::signal::Signal;

    pub(super) const SEGV: i32 = Signal::SIGSEGV as i32;
    pub(super) const BUS: i32 = Signal::SIGBUS as i32;
    pub(super) const ABRT: i32 = Signal::SIGABRT as i32;
    pub(super) const KILL: i32 = Signal::SIGKILL as i32;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_says_which_limit_it_was() {
        let aborted = ExitStatus::from_raw(6);
        let heap = why(aborted, &["memory allocation of 800000000000 bytes failed"]).unwrap();
        assert!(heap.contains("memory limit"));
        let stack = why(aborted, &["thread 'portwright-python' has overflowed its stack"]).unwrap();
        assert!(stack.contains("stack overflowed"));
        assert!(why(ExitStatus::from_raw(9), &[]).unwrap().contains("killed"));
        assert_eq!(why(ExitStatus::from_raw(0), &[]), None);
    }
}
