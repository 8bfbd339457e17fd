//! `portwright mcp --http` as a process of its own.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    processes::{survivors, workers_below},
    program::portwright,
};

/// How long a worker may take to notice that nobody listens to it any more.
const LAST_WORDS: Duration = Duration::from_mins(2);

/// A server on a free port of this machine.
pub struct Server {
    child: Child,
    pub url: String,
    /// What it said on stderr before it listened.
    pub said: Vec<String>,
}

/// What came back for one HTTP request.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// The `WWW-Authenticate` header.
    pub challenge: Option<String>,
}

impl Server {
    /// Return when it listens.
    pub fn start(runs: &Path) -> Self {
        Self::start_with(runs, "127.0.0.1:0", |_| ())
    }

    /// As [`Server::start`], on another address, and with what `set` adds to its command line.
    pub fn start_with(runs: &Path, address: &str, set: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(portwright());
        command.args(["mcp", "--http", address, "--runs"]).arg(runs).env_remove("PORTWRIGHT_TOKEN");
        set(&mut command);
        Self::of(command)
    }

    /// A server that `command` starts, once it says where it listens.
    pub fn of(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("stderr was piped"));
        let mut said = Vec::new();
        let url = loop {
            let mut line = String::new();
            let length = stderr.read_line(&mut line).expect("stderr can be read");
            assert!(0 < length, "it ended before it listened: {said:#?}");
            match line.trim().strip_prefix("listening on ") {
                Some(url) => break url.to_owned(),
                None => said.push(line.trim().to_owned()),
            }
        };
        // Whatever else it says must not stop it for want of a reader.
        std::thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
        Self { child, url, said }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens, e.g. `127.0.0.1:8000`.
    pub fn authority(&self) -> &str {
        let authority = self.url.strip_prefix("http://").and_then(|it| it.split('/').next());
        authority.expect("an address")
    }

    /// Send one HTTP request with these header lines.
    pub fn reply_to(&self, headers: &str) -> Reply {
        let mut stream = TcpStream::connect(self.authority()).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
        write!(
            stream,
            "POST /mcp HTTP/1.1\r\n{headers}Accept: application/json, text/event-stream\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .expect("it reads");
        let head: Vec<String> = BufReader::new(stream)
            .lines()
            .map(|it| it.expect("it answers"))
            .take_while(|it| !it.is_empty())
            .collect();
        let status =
            head.first().and_then(|it| it.split(' ').nth(1)).and_then(|it| it.parse().ok());
        let challenge = head.iter().find_map(|it| {
            let (name, value) = it.split_once(": ")?;
            name.eq_ignore_ascii_case("www-authenticate").then(|| value.to_owned())
        });
        Reply { status: status.unwrap_or_else(|| panic!("{head:?}")), challenge }
    }

    /// End it as an out-of-memory killer does: at once. Its workers end by themselves, when they next
    /// listen; one that is importing a library does that first.
    pub fn kill(mut self) {
        let workers = workers_below(self.child.id());
        self.child.kill().expect("it still runs");
        self.child.wait().expect("a child can be waited for");
        let until = Instant::now() + LAST_WORDS;
        while !survivors(&workers).is_empty() {
            assert!(Instant::now() < until, "{:?}", survivors(&workers));
        }
    }

    /// Press Ctrl-C: it ends well, and with it every worker.
    pub fn interrupt(mut self) {
        let workers = workers_below(self.child.id());
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), Signal::SIGINT).expect("it still runs");
        let status = self.child.wait().expect("a child can be waited for");
        assert!(status.success(), "the server ended with {status}");
        assert_eq!(survivors(&workers), []);
    }

    /// Whether engine workers of it are there.
    pub fn has_workers(&self) -> bool {
        !workers_below(self.child.id()).is_empty()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
