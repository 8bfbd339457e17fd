//! The official Python client, in an environment of its own that is built once.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::LazyLock,
};

use serde_json::{Value, json};

use crate::{
    processes::{survivors, workers_below},
    program::portwright,
    python,
};

const LOCK: &str = include_str!("../clients/clients.lock");

/// The Python that has the client, installed on the first call on a machine.
fn python() -> &'static Path {
    static READY: LazyLock<PathBuf> =
        LazyLock::new(|| python::environment("clients", LOCK).join("bin/python"));
    &READY
}

/// Which generation of the protocol the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// 2025-11-25 and before: `initialize`, sessions.
    Handshake,
    /// 2026-07-28: every request stands alone.
    Stateless,
}

impl Generation {
    /// As the client's `mode` names it.
    fn mode(self) -> &'static str {
        match self {
            Self::Handshake => "legacy",
            // Asks the server what it speaks, and takes the newest; the tests see which that is.
            Self::Stateless => "auto",
        }
    }
}

/// A client that is connected to a server.
pub struct Client {
    bridge: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Client {
    /// Starts `portwright mcp` itself, as a coding agent does.
    pub fn stdio(generation: Generation, runs: &Path) -> Self {
        Self::start(generation, |it| {
            it.arg("stdio").arg(portwright()).args(["mcp", "--runs"]).arg(runs);
        })
    }

    pub fn http(generation: Generation, url: &str) -> Self {
        Self::start(generation, |it| {
            it.args(["http", url]);
        })
    }

    fn start(generation: Generation, arguments: impl FnOnce(&mut Command)) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/bridge.py");
        let mut command = Command::new(python());
        command.arg(script).arg(generation.mode());
        arguments(&mut command);
        let mut bridge = command
            .env("NO_PROXY", "127.0.0.1")
            .env("no_proxy", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the client starts");
        let stdin = bridge.stdin.take();
        let stdout = BufReader::new(bridge.stdout.take().expect("stdout was piped"));
        Self { bridge, stdin, stdout }
    }

    /// Ask the client for one thing and wait for its answer.
    pub fn ask(&mut self, op: &str, mut command: Value) -> Value {
        command["op"] = op.into();
        let stdin = self.stdin.as_mut().expect("open until the end");
        writeln!(stdin, "{command}").expect("the client listens");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the client answers");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{op}: the client ended: {line:?}"))
    }

    /// Call a tool that answers.
    #[track_caller]
    pub fn call(&mut self, name: &str, arguments: Value) -> Value {
        let answer = self.answer_of(name, arguments);
        assert_eq!(answer["is_error"], false, "{name}: {answer:#}");
        answer
    }

    /// Call a tool that refuses, and return what it says.
    #[track_caller]
    pub fn refused(&mut self, name: &str, arguments: Value) -> String {
        let answer = self.answer_of(name, arguments);
        assert_eq!(answer["is_error"], true, "{name}: {answer:#}");
        answer["text"].as_str().expect("a text").to_owned()
    }

    fn answer_of(&mut self, name: &str, arguments: Value) -> Value {
        let mut command = json!({"name": name});
        command["arguments"] = arguments;
        self.ask("call", command)
    }

    /// Whether engine workers are there of a server that this client started.
    pub fn has_workers(&self) -> bool {
        !workers_below(self.bridge.id()).is_empty()
    }

    /// Disconnect, and see that no worker of a server that this client started survives.
    pub fn leave(mut self) {
        let workers = workers_below(self.bridge.id());
        self.stdin = None;
        let status = self.bridge.wait().expect("the client can be waited for");
        assert!(status.success(), "the client ended with {status}");
        assert_eq!(survivors(&workers), []);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if matches!(self.bridge.try_wait(), Ok(None)) {
            let _ = self.bridge.kill();
            let _ = self.bridge.wait();
        }
    }
}
