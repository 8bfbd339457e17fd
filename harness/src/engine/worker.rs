//! A worker process: started, spoken to with deadlines, and always brought to its end.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    About, EngineError, EngineKind, Failure, Forward, Forwarded, Generate, Generated, Host, Launch,
    Sources, native, patience::Patience,
};
use crate::{cancel::Cancel, kept::Files};

/// How many lines of a worker's stderr are kept for the error that may need them.
const STDERR_LINES: usize = 12;
/// What a worker says while it is at work.
const ALIVE: &str = "alive";
/// The op that forks a session.
const SESSION: &str = "session";
/// How often a waiting harness looks at the cancel flag.
const TICK: Duration = Duration::from_millis(50);
/// Importing torch from a cold disk is the slowest start there is.
const START_DEADLINE: Duration = Duration::from_mins(3);
/// How long a child may take to exit after `end` before it is killed.
const END_DEADLINE: Duration = Duration::from_secs(5);

/// The answer to `imported`.
#[derive(Deserialize)]
struct Imported {
    files: Vec<String>,
}

/// A worker process with its libraries imported, ready to fork sessions.
pub struct Worker {
    engine: EngineKind,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Arc<Mutex<VecDeque<String>>>,
    about: Option<About>,
    next_id: u64,
    deadline: Duration,
    cancel: Cancel,
}

impl Worker {
    /// Start the process and return at once; [`Worker::ready`] waits for its imports. So two engines
    /// import side by side.
    pub fn spawn(
        engine: EngineKind,
        launch: &Launch,
        sources: &Sources,
        deadline: Duration,
        cancel: Cancel,
    ) -> Result<Self, EngineError> {
        let command = match engine.row().host {
            Host::Native => native::command(engine, launch, sources)?,
            #[cfg(feature = "candle")]
            Host::Embedded => super::candle::command(engine, launch, sources, deadline)?,
            #[cfg(not(feature = "candle"))]
            Host::Embedded => return Err(EngineError::NotBuilt { engine }),
        };
        Self::start(engine, command, deadline, cancel)
    }

    fn start(
        engine: EngineKind,
        mut command: Command,
        deadline: Duration,
        cancel: Cancel,
    ) -> Result<Self, EngineError> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| EngineError::Spawn { engine, source })?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("stdout was piped");
        let errors = child.stderr.take().expect("stderr was piped");
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let stderr = Arc::new(Mutex::new(VecDeque::new()));
        let tail = Arc::clone(&stderr);
        thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
                if tail.len() == STDERR_LINES {
                    tail.pop_front();
                }
                tail.push_back(line);
            }
        });
        Ok(Self { engine, child, stdin, lines, stderr, about: None, next_id: 0, deadline, cancel })
    }

    /// Wait until the libraries are imported, and say which they are.
    pub fn ready(&mut self) -> Result<&About, EngineError> {
        if self.about.is_none() {
            let message = self.receive("start", START_DEADLINE)?;
            match message["event"].as_str() {
                Some("ready") => self.about = Some(self.parse("start", message)?),
                Some("failed") => {
                    let failure: Failure = self.parse("start", message["error"].clone())?;
                    let (engine, failure) = (self.engine, Box::new(failure));
                    return Err(EngineError::NotReady { engine, failure });
                }
                _ => return Err(self.nonsense("start", message.to_string())),
            }
        }
        Ok(self.about.as_ref().expect("set just above"))
    }

    /// Fork a session: a fresh child with the libraries imported and no model open.
    pub fn session(&mut self) -> Result<Session<'_>, EngineError> {
        let pid = self.fork()?;
        Ok(Session { worker: self, pid, alive: true })
    }

    fn fork(&mut self) -> Result<Pid, EngineError> {
        self.ready()?;
        let answer: Value = match self.call(SESSION, json!({})) {
            Ok(answer) => answer,
            Err(err) => {
                // Parent and child share a pipe. Which of them reads it now is not known, so that a
                // later request could end up with the wrong one.
                self.end();
                return Err(err);
            }
        };
        let pid = answer["pid"].as_i64().and_then(|it| i32::try_from(it).ok()).map(Pid::from_raw);
        pid.ok_or_else(|| self.nonsense(SESSION, answer.to_string()))
    }

    /// The process id, for tests that kill it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn call<T: DeserializeOwned>(
        &mut self,
        op: &str,
        mut request: Value,
    ) -> Result<T, EngineError> {
        self.next_id += 1;
        let id = self.next_id;
        request["id"] = id.into();
        request["op"] = op.into();
        self.send(op, &request)?;
        let mut message = self.receive(op, self.deadline)?;
        // The answer to a request that was given up, or the end of a session that was: a child that
        // frees gigabytes ends later than anybody waits for it.
        let late = |it: &Value| {
            it["id"].as_u64().is_some_and(|it| it < id) || (op == SESSION && it["event"] == "ended")
        };
        while late(&message) {
            message = self.receive(op, self.deadline)?;
        }
        if message["event"] == "ended" {
            return Err(self.died(op, &how_it_ended(&message)));
        }
        if message["id"] != id {
            return Err(self.nonsense(op, message.to_string()));
        }
        if message["ok"] == true {
            return self.parse(op, message["result"].take());
        }
        let failure = Box::new(self.parse(op, message["error"].take())?);
        Err(EngineError::Refused { engine: self.engine, op: op.to_owned(), failure })
    }

    fn send(&mut self, op: &str, request: &Value) -> Result<(), EngineError> {
        // One write: a line that is cut between two of them would be read by whoever comes next.
        let line = format!("{request}\n");
        let written = match &mut self.stdin {
            Some(stdin) => stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush()),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        };
        written.map_err(|_| self.died_for_good(op))
    }

    /// The next message, looking at the cancel flag while waiting.
    fn receive(&mut self, op: &str, deadline: Duration) -> Result<Value, EngineError> {
        let mut patience = Patience::begin();
        loop {
            if self.cancel.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            match self.lines.recv_timeout(TICK.min(deadline)) {
                Ok(line) => {
                    let message: Value =
                        serde_json::from_str(&line).map_err(|_| self.nonsense(op, line))?;
                    match message["computed"].as_f64() {
                        Some(computed) if message["event"] == ALIVE => patience.heard(computed),
                        _ => return Ok(message),
                    }
                }
                Err(RecvTimeoutError::Timeout) if patience.spent() < deadline => {}
                Err(RecvTimeoutError::Timeout) => {
                    let (engine, stderr) = (self.engine, self.stderr_tail());
                    return Err(EngineError::Late { engine, op: op.to_owned(), deadline, stderr });
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.died_for_good(op)),
            }
        }
    }

    fn parse<T: DeserializeOwned>(&self, op: &str, value: Value) -> Result<T, EngineError> {
        serde_json::from_value(value).map_err(|err| self.nonsense(op, err.to_string()))
    }

    fn nonsense(&self, op: &str, detail: String) -> EngineError {
        EngineError::Nonsense { engine: self.engine, op: op.to_owned(), detail }
    }

    fn died(&self, op: &str, how: &str) -> EngineError {
        let stderr = self.stderr_tail();
        EngineError::Died { engine: self.engine, op: op.to_owned(), how: how.to_owned(), stderr }
    }

    /// The pipes are closed: the process itself is gone or will be.
    fn died_for_good(&mut self, op: &str) -> EngineError {
        let how = match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(err) => err.to_string(),
        };
        self.died(op, &format!("ended ({how})"))
    }

    fn stderr_tail(&self) -> Vec<String> {
        let tail = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        tail.iter().cloned().collect()
    }
}

impl Worker {
    /// Ends the process with all its children.
    fn end(&mut self) {
        self.stdin = None;
        if let Ok(group) = i32::try_from(self.child.id()) {
            // Fails only when the group is gone already, which is what we want.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
    }
}

/// A child of a worker; models are opened in it under handle names.
pub struct Session<'a> {
    worker: &'a mut Worker,
    pid: Pid,
    alive: bool,
}

impl Session<'_> {
    /// One request and its answer.
    ///
    /// # Errors
    ///
    /// After anything but [`EngineError::Refused`] the session is over; later calls say so again.
    pub fn call<T: DeserializeOwned>(
        &mut self,
        op: &str,
        request: Value,
    ) -> Result<T, EngineError> {
        if !self.alive {
            return Err(self.worker.died(op, "had already ended"));
        }
        let answer = self.worker.call(op, request);
        match &answer {
            Ok(_) | Err(EngineError::Refused { .. }) => {}
            Err(EngineError::Died { .. }) => self.alive = false,
            Err(_) => self.kill(),
        }
        answer
    }

    /// After the end of its process: another one, with no model open.
    ///
    /// # Errors
    ///
    /// Where the worker itself is gone as well.
    pub(crate) fn renew(&mut self) -> Result<(), EngineError> {
        self.pid = self.worker.fork()?;
        self.alive = true;
        Ok(())
    }

    /// Ask one forward question of the model open as `handle`; tensors go to `out`.
    pub fn forward(
        &mut self,
        handle: &str,
        forward: &Forward,
        out: &Path,
    ) -> Result<Forwarded, EngineError> {
        self.call("forward", about(handle, forward, out))
    }

    /// Ask the model open as `handle` for greedy tokens; the logits that decided them go to `out`.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn generate(
        &mut self,
        handle: &str,
        generate: &Generate,
        out: &Path,
    ) -> Result<Generated, EngineError> {
        self.call("generate", about(handle, generate, out))
    }

    /// An answer whose file is not what the protocol says.
    pub(crate) fn nonsense(&self, op: &str, detail: &impl ToString) -> EngineError {
        let (engine, op) = (self.worker.engine, op.to_owned());
        EngineError::Nonsense { engine, op, detail: detail.to_string() }
    }

    /// What the session imported so far of the package that its engine runs.
    pub fn imported(&mut self) -> Files {
        let package = self.worker.engine.row().package;
        let folder = self.worker.about.as_ref().and_then(|it| it.paths.values().next().cloned());
        let said =
            folder.and_then(|it| self.call::<Imported>("imported", json!({"folder": it})).ok());
        let mut files = Files::default();
        match said {
            // Where no file of the package is known, all of them count.
            Some(said) if !said.files.is_empty() => {
                files.add(said.files.into_iter().map(|it| format!("{package}/{it}")));
            }
            _ => files.add_whole(package),
        }
        files
    }

    /// The process id of the child, for tests that kill it.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    fn kill(&mut self) {
        self.alive = false;
        let _ = kill(self.pid, Signal::SIGKILL);
        self.wait_for_end();
    }

    /// Read on until the parent says that the child ended; late answers are thrown away.
    fn wait_for_end(&mut self) -> bool {
        let until = Instant::now() + END_DEADLINE;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            match self.worker.lines.recv_timeout(left) {
                Ok(line) if is_end(&line) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        false
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if !self.alive {
            return;
        }
        if self.worker.send("end", &json!({"op": "end"})).is_err() {
            return;
        }
        if !self.wait_for_end() {
            self.kill();
        }
    }
}

/// A request about an open model, whose tensors go to `out`.
fn about(handle: &str, request: &impl Serialize, out: &Path) -> Value {
    let mut request = serde_json::to_value(request).expect("plain data");
    request["handle"] = handle.into();
    request["out"] = out.to_string_lossy().into();
    request
}

fn is_end(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|it| it["event"] == "ended")
}

fn how_it_ended(message: &Value) -> String {
    let how = match (&message["signal"], &message["exit"]) {
        (Value::Number(signal), _) => format!("was ended by signal {signal}"),
        (_, Value::Number(code)) => format!("exited with code {code}"),
        _ => "ended".to_owned(),
    };
    match message["why"].as_str() {
        Some(why) => format!("{how} ({why})"),
        None => how,
    }
}

#[cfg(test)]
impl Worker {
    /// A worker that reads a request for each of `answers` and writes that in return.
    pub(crate) fn scripted(answers: &[&str]) -> Self {
        let steps = answers.iter().map(|it| format!("; read line; printf '{it}\\n'"));
        let script: String =
            std::iter::once(r#"echo '{"event":"ready"}'"#.to_owned()).chain(steps).collect();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{script}; read line")]);
        let deadline = Duration::from_mins(1);
        let engine = super::Pair::native().reference();
        Self::start(engine, command, deadline, Cancel::default()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_late_end_of_a_session_is_not_taken_for_the_next_ones() {
        let ended = r#"{"event":"ended","exit":null,"signal":9}"#;
        let started = r#"{"id":1,"ok":true,"result":{"pid":1073741824}}"#;
        let mut worker = Worker::scripted(&[&format!("{ended}\\n{started}"), ended]);
        assert_eq!(worker.session().unwrap().pid(), 1_073_741_824);
        assert!(worker.is_alive());
    }

    #[test]
    fn a_worker_that_starts_no_session_is_ended_so_that_it_is_replaced() {
        let refusal = r#"{"id":1,"ok":false,"error":{"kind":"unsupported","message":"no"}}"#;
        let mut worker = Worker::scripted(&[refusal]);
        assert!(matches!(worker.session().err(), Some(EngineError::Refused { .. })));
        assert!(!worker.is_alive());
    }
}
