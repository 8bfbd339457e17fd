//! The official conformance suite, both revisions, on the product's own serving code.
//!
//! The fixture tools that it calls are `src/bin/mcp-fixture`; the transport, the guards and the rest of
//! what serves them are `portwright_server`'s. What is expected to fail, and why, stands in
//! `clients/typescript/expected-failures.yml`; a failure that is not listed fails the test, and so does
//! one that is listed and does not happen.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use portwright_tests::{
    node::{conformance, node},
    server::Server,
};

fn fixture() -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-fixture"));
    command.args(["http", "127.0.0.1:0"]);
    Server::of(command)
}

/// Run what `revision` requires, and say what the suite said.
fn run(revision: &str) -> String {
    let server = fixture();
    let expected: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/typescript/expected-failures.yml");
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(node())
        .arg(conformance())
        .args(["server", "--url", &server.url, "--requirements", revision, "--expected-failures"])
        .arg(expected)
        .current_dir(folder.path())
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    server.interrupt();
    said
}

#[test]
fn what_2025_11_25_requires() {
    let said = run("2025-11-25");
    assert!(said.contains("server-initialize"), "{said}");
}

#[test]
fn what_2026_07_28_requires() {
    let said = run("2026-07-28");
    assert!(said.contains("server-stateless"), "{said}");
}
