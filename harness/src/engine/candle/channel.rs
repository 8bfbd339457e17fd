//! stdin and stdout as JSON lines, shared by the parent and its one child at a time.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::AsFd,
};

use serde_json::Value;

/// Longer messages are not ours.
const LONGEST: usize = 256 << 20;

/// The pipes of the process. Nothing is read ahead, therefore parent and child can share them.
pub(super) struct Channel {
    input: File,
    output: File,
}

impl Channel {
    pub(super) fn open() -> io::Result<Self> {
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        let output = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self { input: input.into(), output: output.into() })
    }

    /// The next message; `None` at the end of the input. Reads no byte beyond the line.
    pub(super) fn receive(&mut self) -> io::Result<Option<Value>> {
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            match self.input.read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) if byte[0] == b'\n' => match serde_json::from_slice(&line) {
                    Ok(message) => return Ok(Some(message)),
                    // What is left of a request whose reader died half-way.
                    Err(_) => line.clear(),
                },
                Ok(_) if line.len() < LONGEST => line.push(byte[0]),
                Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes one message, whole, as one line.
    pub(super) fn send(&mut self, message: &Value) -> io::Result<()> {
        self.output.write_all(format!("{message}\n").as_bytes())
    }
}

/// A line on stderr, which the harness keeps the last of.
pub(super) fn complain(text: &str) {
    // There is nowhere left to say that stderr is closed.
    let _ = writeln!(io::stderr(), "{text}");
}
