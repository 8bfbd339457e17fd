//! A person is asked before something that only a person decides: by real clients, both generations.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{ffi::OsStr, path::Path, process::Command};

use portwright_tests::{
    client::{Client, Generation, Sdk, Settings},
    server::Server,
};
use serde_json::{Value, json};

const GENERATIONS: [Generation; 2] = [Generation::Handshake, Generation::Stateless];

/// A client with a person behind it who always says this.
fn with(person: Option<Value>, generation: Generation) -> Settings<'static> {
    let arguments = vec![OsStr::new("stdio")];
    Settings { sdk: Sdk::TypeScript, person, arguments, ..generation.into() }
}

fn over_stdio(person: Option<Value>, generation: Generation) -> Client {
    Client::stdio_of(with(person, generation), Path::new(env!("CARGO_BIN_EXE_mcp-fixture")))
}

fn agreed() -> Value {
    json!({"action": "accept", "content": {"confirm": true}})
}

#[test]
fn what_a_person_agrees_to_is_done() {
    for generation in GENERATIONS {
        let mut client = over_stdio(Some(agreed()), generation);
        let answer = client.call("confirm_something", json!({}));
        assert_eq!(answer["text"], "it was done", "{generation:?}");
        assert_eq!(answer["asked"], json!(["Write 3 files to the branch `port-olmo3`?"]));
        client.leave();
    }
}

#[test]
fn what_a_person_does_not_agree_to_is_not_done() {
    let answers = [
        json!({"action": "decline"}),
        json!({"action": "cancel"}),
        json!({"action": "accept", "content": {"confirm": false}}),
    ];
    for generation in GENERATIONS {
        for answer in &answers {
            let mut client = over_stdio(Some(answer.clone()), generation);
            let told = client.refused("confirm_something", json!({}));
            assert!(told.contains("did not agree, so nothing was done"), "{answer}: {told}");
            client.leave();
        }
    }
}

#[test]
fn where_nobody_can_be_asked_the_person_gets_the_command() {
    for generation in GENERATIONS {
        let mut typescript = over_stdio(None, generation);
        let arguments = vec![OsStr::new("stdio")];
        let settings = Settings { arguments, ..generation.into() };
        let fixture = Path::new(env!("CARGO_BIN_EXE_mcp-fixture"));
        let mut python = Client::stdio_of(settings, fixture);
        for client in [&mut typescript, &mut python] {
            let told = client.refused("confirm_something", json!({}));
            assert!(told.contains("this client cannot ask a person; nothing was done"), "{told}");
            assert!(
                told.contains(
                    "hint: show the person this, for them to run: portwright example --apply"
                ),
                "{told}"
            );
        }
        typescript.leave();
        python.leave();
    }
}

#[test]
fn a_person_is_asked_over_http_as_well() {
    for generation in GENERATIONS {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-fixture"));
        command.args(["http", "127.0.0.1:0"]);
        let server = Server::of(command);
        let mut client = Client::http(with(Some(agreed()), generation), &server.url);
        assert_eq!(client.call("confirm_something", json!({}))["text"], "it was done");
        client.leave();
        server.interrupt();
    }
}
