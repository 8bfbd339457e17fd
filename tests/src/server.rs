//! `portwright mcp --http` as a process of its own.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    processes::{survivors, workers_below},
    program::portwright,
};

/// A server on a free port of this machine.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    /// Return when it listens.
    pub fn start(runs: &Path) -> Self {
        let mut child = Command::new(portwright())
            .args(["mcp", "--http", "127.0.0.1:0", "--runs"])
            .arg(runs)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let mut stderr = BufReader::new(child.stderr.take().expect("stderr was piped"));
        stderr.read_line(&mut line).expect("stderr can be read");
        // Whatever else it says must not stop it for want of a reader.
        std::thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
        let url = line.trim().strip_prefix("listening on ").expect("it says where it listens");
        Self { child, url: url.to_owned() }
    }

    /// Send one HTTP request with these header lines, and return the status code.
    pub fn status_for(&self, headers: &str) -> u16 {
        let address = self.url.strip_prefix("http://").and_then(|it| it.split('/').next());
        let mut stream = TcpStream::connect(address.expect("an address")).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
        write!(
            stream,
            "POST /mcp HTTP/1.1\r\n{headers}Accept: application/json, text/event-stream\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .expect("it reads");
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).expect("it answers");
        line.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("{line:?}"))
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
