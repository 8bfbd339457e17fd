//! Runs a program to its end: its last lines are kept, its deadline and the user's cancel obeyed.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::cancel::Cancel;

/// How many of the last lines are kept for an error message.
const TAIL: usize = 12;

/// How often the running program is looked at.
const TICK: Duration = Duration::from_millis(50);

/// How a program ended.
#[derive(Debug)]
pub(super) enum Ended {
    Exited {
        status: ExitStatus,
        /// The last lines of its standard output.
        said: String,
        /// The last lines of its standard error.
        complained: String,
    },
    Cancelled,
    DeadlinePassed,
}

/// What [`run`] is told about a running program.
pub(super) enum Sign<'a> {
    Line(&'a str),
    /// Sent every [`TICK`] with the process id.
    Tick(u32),
}

#[derive(Clone, Copy)]
enum Pipe {
    Output,
    Error,
}

#[derive(Default)]
struct Tails {
    output: VecDeque<String>,
    error: VecDeque<String>,
}

/// Runs `command` in a process group of its own, so that a Ctrl-C on the terminal reaches us first
/// and nothing that the program started outlives it.
pub(super) fn run(
    command: &mut Command,
    deadline: Option<Duration>,
    cancel: &Cancel,
    on: &mut dyn FnMut(Sign<'_>),
) -> io::Result<Ended> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let started = Instant::now();
    let mut child = command.spawn()?;
    let (sender, lines) = mpsc::channel();
    forward(child.stdout.take(), Pipe::Output, sender.clone());
    forward(child.stderr.take(), Pipe::Error, sender);
    let mut tails = Tails::default();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if cancel.is_cancelled() {
            kill(&mut child);
            return Ok(Ended::Cancelled);
        }
        if deadline.is_some_and(|it| started.elapsed() > it) {
            kill(&mut child);
            return Ok(Ended::DeadlinePassed);
        }
        on(Sign::Tick(child.id()));
        drain(&lines, &mut tails, TICK, on);
    };
    // A grandchild may hold the pipes open for ever; what it says is no longer of interest.
    drain(&lines, &mut tails, Duration::from_millis(500), on);
    let [said, complained] = [tails.output, tails.error].map(|it| Vec::from(it).join("\n"));
    Ok(Ended::Exited { status, said, complained })
}

/// Takes lines until there are none for a while: `patience` bounds the whole wait.
fn drain(
    lines: &Receiver<(Pipe, String)>,
    tails: &mut Tails,
    patience: Duration,
    on: &mut dyn FnMut(Sign<'_>),
) {
    let until = Instant::now() + patience;
    loop {
        match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok((pipe, line)) => {
                on(Sign::Line(&line));
                let tail = match pipe {
                    Pipe::Output => &mut tails.output,
                    Pipe::Error => &mut tails.error,
                };
                tail.push_back(line);
                if tail.len() > TAIL {
                    tail.pop_front();
                }
            }
            Err(RecvTimeoutError::Timeout) => return,
            // Both pipes are closed: the end is near, and there is nothing more to wait for.
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(until.saturating_duration_since(Instant::now()).min(TICK / 10));
                return;
            }
        }
    }
}

fn forward(source: Option<impl Read + Send + 'static>, pipe: Pipe, to: Sender<(Pipe, String)>) {
    let Some(source) = source else { return };
    thread::spawn(move || {
        for line in BufReader::new(source).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if !line.is_empty() && to.send((pipe, line)).is_err() {
                return;
            }
        }
    });
}

fn kill(child: &mut Child) {
    // The group first: what the program started must not go on writing. Errors mean it is gone.
    if let Ok(id) = i32::try_from(child.id()) {
        let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_last_lines_of_both_pipes_are_kept() {
        let mut script = shell("for i in $(seq 30); do echo $i; done; echo last >&2; exit 3");
        let mut seen = 0;
        let ended = run(&mut script, None, &Cancel::default(), &mut |sign| {
            seen += usize::from(matches!(sign, Sign::Line(_)));
        });
        let Ended::Exited { status, said, complained } = ended.unwrap() else {
            panic!("did not exit")
        };
        assert_eq!((status.code(), seen, said.lines().count()), (Some(3), 31, TAIL));
        assert_eq!((said.lines().last(), complained.as_str()), (Some("30"), "last"));
    }

    #[test]
    fn a_cancelled_program_dies_with_what_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("alive");
        let script = format!("(sleep 1; touch {}) & sleep 60", file.display());
        let cancel = Cancel::default();
        cancel.cancel();
        let started = Instant::now();
        let ended = run(&mut shell(&script), None, &cancel, &mut |_| {}).unwrap();
        assert!(matches!(ended, Ended::Cancelled));
        assert!(started.elapsed() < Duration::from_secs(1));
        thread::sleep(Duration::from_millis(1300));
        assert!(!file.exists(), "the grandchild lived on");
    }

    #[test]
    fn a_deadline_ends_a_hanging_program() {
        let limit = Some(Duration::from_millis(100));
        let ended = run(&mut shell("sleep 60"), limit, &Cancel::default(), &mut |_| {}).unwrap();
        assert!(matches!(ended, Ended::DeadlinePassed));
    }

    #[test]
    fn a_grandchild_that_keeps_the_pipe_does_not_hold_us() {
        let started = Instant::now();
        let ended = run(&mut shell("sleep 5 & exit 0"), None, &Cancel::default(), &mut |_| {});
        assert!(matches!(ended.unwrap(), Ended::Exited { status, .. } if status.success()));
        assert!(started.elapsed() < Duration::from_secs(3));
    }
}
