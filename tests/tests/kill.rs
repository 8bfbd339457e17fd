//! Runs outlive their server: what is on disk says truly how they stand, and any server can go on.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use portwright_tests::{
    client::{Client, Generation},
    program::engines,
    right,
    server::Server,
};
use serde_json::{Value, json};

const MODEL: &str = "llama";
const PATIENCE: Duration = Duration::from_mins(4);

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let latest = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < latest, "not {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn status(client: &mut Client, run: &str) -> Value {
    client.call("parity_status", json!({"run": run}))["data"].clone()
}

fn start(client: &mut Client) -> String {
    let started = client
        .call("run_parity", json!({"model_type": MODEL, "overrides": right::settings(MODEL)}));
    started["data"]["run"].as_str().unwrap().to_owned()
}

#[test]
fn a_killed_server_leaves_runs_that_are_told_truly_and_can_be_resumed() {
    engines();
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let server = Server::start(&runs);
    let mut client = Client::http(Generation::Stateless, &server.url);
    let (running, waiting) = (start(&mut client), start(&mut client));
    until("at work", || server.has_workers());
    until("running", || status(&mut client, &running)["state"] == "running");
    server.kill();
    drop(client);

    let server = Server::start(&runs);
    let mut client = Client::http(Generation::Handshake, &server.url);
    for run in [&running, &waiting] {
        let told = status(&mut client, run);
        assert_eq!(told["state"], "interrupted", "{told:#}");
        assert!(told["next_step"].as_str().unwrap().contains("\"resume\""), "{told:#}");
        let refused = client.refused("parity_result", json!({"run": run}));
        assert!(refused.contains("was interrupted and has no result"), "{refused}");
    }
    let listed = client.ask("read", json!({"uri": "portwright://runs"}));
    let listed: Value = serde_json::from_str(listed[0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(listed["runs"].as_array().unwrap().len(), 2, "{listed:#}");

    let resumed = client.call("run_parity", json!({"resume": running, "wait": true}));
    assert_eq!(
        (&resumed["data"]["run"], &resumed["data"]["state"]),
        (&json!(running), &json!("done"))
    );
    assert_eq!(client.call("parity_result", json!({"run": running}))["data"]["verdict"], "pass");
    let again = client.refused("run_parity", json!({"resume": running}));
    assert!(again.contains("has a verdict"), "{again}");
    // The other is left as it is.
    assert_eq!(status(&mut client, &waiting)["state"], "interrupted");
    client.leave();
    server.interrupt();
}

#[test]
fn two_servers_see_the_same_runs() {
    engines();
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let mut first = Client::stdio(Generation::Stateless, &runs);
    let mut second = Client::stdio(Generation::Handshake, &runs);
    let run = start(&mut first);
    let seen = status(&mut second, &run);
    assert!(["queued", "running"].contains(&seen["state"].as_str().unwrap()), "{seen:#}");
    let refused = second.refused("run_parity", json!({"resume": run}));
    assert!(refused.contains("another process answers for it"), "{refused}");
    second.call("cancel_parity", json!({"run": run}));
    until("cancelled", || status(&mut first, &run)["state"] == "cancelled");
    assert_eq!(status(&mut second, &run)["state"], "cancelled");

    // Who has gone in order has said so, and the other can take it up.
    let run = start(&mut first);
    first.leave();
    assert_eq!(status(&mut second, &run)["state"], "interrupted");
    let resumed = second.call("run_parity", json!({"resume": run, "wait": true}));
    assert_eq!(resumed["data"]["state"], "done");
    second.leave();
}

#[test]
fn a_question_on_disk_is_trusted_no_more_than_a_call() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let mut client = Client::stdio(Generation::Stateless, &runs);
    let run = start(&mut client);
    client.call("cancel_parity", json!({"run": run}));
    until("cancelled", || status(&mut client, &run)["state"] == "cancelled");
    client.leave();
    let path = runs.join(&run).join("standing.json");
    let mut standing: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    standing["question"]["port"] = json!("/etc");
    fs::write(&path, standing.to_string()).unwrap();
    let mut client = Client::stdio(Generation::Stateless, &runs);
    let told = client.refused("run_parity", json!({"resume": run}));
    assert!(told.contains("`/etc` is outside of the folders"), "{told}");
    client.leave();
}
