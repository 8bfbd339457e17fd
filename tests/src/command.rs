//! A command of the program, run to its end while its worker processes are watched.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    processes::{Process, survivors, workers_below},
    program::portwright,
};

/// No command here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(10);

/// What a command came to.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// Workers that were seen while it ran.
    pub workers: BTreeSet<Process>,
}

impl Ended {
    /// Both streams, for a message.
    pub fn said(&self) -> String {
        format!("code {:?}\n{}\n{}", self.code, self.stdout, self.stderr)
    }

    /// It ended with `code`, said each of `texts`, showed nothing of its inside, and left no worker
    /// behind.
    #[track_caller]
    pub fn expect(&self, code: i32, texts: &[&str]) -> &Self {
        let said = self.said();
        assert_eq!(self.code, Some(code), "{said}");
        for text in texts {
            assert!(said.contains(text), "it does not say {text:?}\n{said}");
        }
        for internal in ["panicked at", "RUST_BACKTRACE", "portwright_worker/"] {
            assert!(!said.contains(internal), "it says {internal:?}\n{said}");
        }
        assert_eq!(survivors(&self.workers), [], "{}", self.said());
        self
    }
}

/// A command under way.
pub struct Running {
    child: Child,
    workers: BTreeSet<Process>,
    started: Instant,
}

/// `portwright ARGUMENTS`, in `folder`.
pub fn start<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> Running {
    let mut command = Command::new(portwright());
    command.args(arguments);
    start_as(folder, command)
}

/// Any command that ends up as the program, in `folder`.
pub fn start_as(folder: &Path, mut command: Command) -> Running {
    let child = command
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    Running { child, workers: BTreeSet::new(), started: Instant::now() }
}

impl Running {
    /// Wait until `wanted` of its workers are there, sessions included.
    pub fn until_workers(&mut self, wanted: usize) -> Vec<Process> {
        loop {
            let now = workers_below(self.child.id());
            self.workers.extend(now.iter().cloned());
            if wanted <= now.len() {
                return now.into_iter().collect();
            }
            self.still_expected(&format!("{wanted} workers"));
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn interrupt(&self) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), Signal::SIGINT).expect("it still runs");
    }

    /// Wait for its end, watching its workers.
    pub fn ended(mut self) -> Ended {
        let mut out = self.child.stdout.take().expect("stdout was piped");
        let mut err = self.child.stderr.take().expect("stderr was piped");
        let read = |stream: &mut dyn Read| {
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).expect("a pipe can be read");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let out = thread::spawn(move || read(&mut out));
        let err = thread::spawn(move || read(&mut err));
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            self.workers.extend(workers_below(self.child.id()));
            if PATIENCE < self.started.elapsed() {
                let _ = self.child.kill();
            }
            thread::sleep(Duration::from_millis(100));
        };
        Ended {
            code: status.code(),
            stdout: out.join().expect("the reader does not panic"),
            stderr: err.join().expect("the reader does not panic"),
            workers: std::mem::take(&mut self.workers),
        }
    }

    fn still_expected(&mut self, what: &str) {
        let ended = self.child.try_wait().expect("a child can be waited for");
        assert!(ended.is_none(), "it ended before {what}: {ended:?}");
        assert!(self.started.elapsed() < PATIENCE, "no {what} in {PATIENCE:?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that fails leaves nothing running.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
