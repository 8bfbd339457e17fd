//! The process table: which engine workers descend from a process, and which still live.

use std::{
    collections::BTreeSet,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// One process. The start time tells it from a later one with the same number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    started: String,
    pub command: String,
}

impl Process {
    fn is_worker(&self) -> bool {
        self.command.contains("portwright_worker")
    }

    pub fn kill(&self) {
        kill(Pid::from_raw(self.pid), Signal::SIGKILL).expect("the worker can be killed");
    }
}

/// Every process that is no zombie.
fn table() -> Vec<Process> {
    let ps = Command::new("ps")
        .args(["-A", "-o", "pid=,ppid=,stat=,lstart=,args="])
        .env("LC_ALL", "C")
        .output()
        .expect("`ps` is there");
    String::from_utf8_lossy(&ps.stdout).lines().filter_map(parse).collect()
}

/// `  12   1 Ssl Mon Nov 24 19:38:00 2025 python -m portwright_worker`
fn parse(line: &str) -> Option<Process> {
    let mut words = line.split_whitespace();
    let (pid, parent) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    if words.next()?.starts_with('Z') {
        return None;
    }
    let words: Vec<&str> = words.collect();
    let (started, command) = words.split_at_checked(5)?;
    Some(Process { pid, parent, started: started.join(" "), command: command.join(" ") })
}

/// The engine workers among the descendants of `root`, their forked sessions included.
pub fn workers_below(root: u32) -> BTreeSet<Process> {
    let table = table();
    let mut below = BTreeSet::from([i32::try_from(root).expect("a process id")]);
    loop {
        let before = below.len();
        below.extend(
            table
                .iter()
                .filter(|it| below.contains(&it.parent))
                .map(|it| it.pid)
                .collect::<Vec<_>>(),
        );
        if below.len() == before {
            break;
        }
    }
    table.into_iter().filter(|it| below.contains(&it.pid) && it.is_worker()).collect()
}

/// Those of `processes` that still live after a moment of grace.
pub fn survivors(processes: &BTreeSet<Process>) -> Vec<Process> {
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        let table = table();
        let same = |a: &Process, b: &Process| a.pid == b.pid && a.started == b.started;
        let alive: Vec<Process> =
            processes.iter().filter(|it| table.iter().any(|now| same(it, now))).cloned().collect();
        if alive.is_empty() || until < Instant::now() {
            return alive;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_ps_is_a_process() {
        let line = "  12   1 Ssl Mon Nov 24 19:38:00 2025 python -m portwright_worker --engine mlx";
        let process = parse(line).unwrap();
        assert_eq!((process.pid, process.parent), (12, 1));
        assert_eq!(process.started, "Mon Nov 24 19:38:00 2025");
        assert!(process.is_worker());
        assert_eq!(parse("12 1 Z+ Mon Nov 24 19:38:00 2025 [python] <defunct>"), None);
    }
}
