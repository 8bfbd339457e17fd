//! The server, driven end to end by the official Python client: both transports, both generations of
//! the protocol.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use portwright_harness::{case::Regime, check::CHECKS};
use portwright_tests::{
    client::{Client, Generation},
    program::{engines, portwright},
    right,
    server::Server,
};
use serde_json::{Value, json};

const MODEL: &str = "llama";
const PATIENCE: Duration = Duration::from_mins(4);

#[test]
fn a_verification_over_stdio() {
    engines();
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let mut client = Client::stdio(Generation::Handshake, &runs);
    let run = whole(&mut client, "2025-11-25");
    a_call_that_waits(&mut client);
    // The server goes with its client, and takes the run that goes on with it.
    client.call("run_parity", json!({"model_type": MODEL}));
    until(|| client.has_workers());
    client.leave();
    let mut later = Client::stdio(Generation::Stateless, &runs);
    a_run_of_an_earlier_server(&mut later, &run, "2026-07-28");
    later.leave();
}

#[test]
fn a_verification_over_http() {
    engines();
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let server = Server::start(&runs);
    let mut client = Client::http(Generation::Stateless, &server.url);
    let run = whole(&mut client, "2026-07-28");
    a_call_that_waits(&mut client);
    client.leave();
    let mut later = Client::http(Generation::Handshake, &server.url);
    a_run_of_an_earlier_server(&mut later, &run, "2025-11-25");
    // A session has gone; its run goes on, and ends with the server.
    later.call("run_parity", json!({"model_type": MODEL}));
    later.leave();
    until(|| server.has_workers());
    server.interrupt();
}

/// A question that the port passes in every config.
fn question() -> Value {
    json!({"model_type": MODEL, "overrides": right::settings(MODEL)})
}

fn until(holds: impl Fn() -> bool) {
    let latest = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < latest, "it did not happen");
        thread::sleep(Duration::from_millis(50));
    }
}

/// List the tools, verify, read everything about it. Returns the run's id.
fn whole(client: &mut Client, protocol: &str) -> String {
    let about = client.ask("about", json!({}));
    assert_eq!((&about["protocol"], &about["server"]), (&json!(protocol), &json!("portwright")));
    let tools = client.ask("tools", json!({}));
    let names: Vec<&str> =
        tools.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "cancel_parity",
            "contribution_policy",
            "convert_modular",
            "draft_report",
            "explain_divergence",
            "find_candidates",
            "inspect_architecture",
            "parity_result",
            "parity_status",
            "run_parity",
            "scaffold_modular",
            "scaffold_port",
            "stage_contribution"
        ]
    );

    let started = client.call("run_parity", question());
    assert!(["queued", "running"].contains(&started["data"]["state"].as_str().unwrap()));
    assert!(started["data"]["next_step"].as_str().unwrap().contains("parity_status"));
    let run = started["data"]["run"].as_str().unwrap().to_owned();
    assert!(run.starts_with("llama-"));

    // One at a time: the second waits, and is cancelled at once.
    let second = client.call("run_parity", json!({"model_type": MODEL}));
    let second = &second["data"]["run"];
    assert_eq!(client.call("parity_status", json!({"run": second}))["data"]["state"], "queued");
    assert_eq!(client.call("cancel_parity", json!({"run": second}))["data"]["state"], "cancelled");
    assert!(client.refused("parity_result", json!({"run": second})).contains("cancelled"));

    let told = client.refused("parity_result", json!({"run": run}));
    assert!(told.contains("is still") && told.contains("call parity_status"), "{told}");
    assert_eq!(poll(client, &run), "done");
    result(client, &run);

    let explained = client.call("explain_divergence", json!({"run": run}));
    assert_eq!(explained["data"]["summary"], "nothing diverged");
    resources(client, &run);
    mistakes(client, &run);
    run
}

/// Ask for the state until it is final.
fn poll(client: &mut Client, run: &str) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        let status = client.call("parity_status", json!({"run": run}));
        let state = status["data"]["state"].as_str().unwrap().to_owned();
        if !["queued", "running"].contains(&state.as_str()) {
            return state;
        }
        assert!(Instant::now() < until, "{status:#}");
        thread::sleep(Duration::from_millis(200));
    }
}

/// The verdict, and all checks by following `next_offset`.
fn result(client: &mut Client, run: &str) {
    let (mut ids, mut offset) = (Vec::new(), json!(0));
    let asked = CHECKS.iter().filter(|it| it.by_default && it.is_asked_in(Regime::Exact));
    let known: Vec<&str> = asked.map(|it| it.id).collect();
    while !offset.is_null() {
        let page = client.call("parity_result", json!({"run": run, "offset": offset, "limit": 7}));
        let data = &page["data"];
        assert_eq!(data["verdict"], "pass");
        assert!(page["text"].as_str().unwrap().starts_with("PASS llama"));
        let rows = data["checks"].as_array().unwrap();
        assert!(rows.len() <= 7);
        ids.extend(rows.iter().map(|it| it["id"].as_str().unwrap().to_owned()));
        assert_eq!(data["total_checks"], known.len());
        offset = data["next_offset"].clone();
    }
    assert_eq!(ids, known);
}

fn resources(client: &mut Client, run: &str) {
    let report = format!("portwright://runs/{run}/report");
    let evidence = format!("portwright://runs/{run}/evidence");
    let listed = client.ask("resources", json!({}));
    for uri in ["portwright://runs", &report, &evidence] {
        assert!(listed.as_array().unwrap().iter().any(|it| it["uri"] == uri), "{uri}: {listed:#}");
    }
    let templates = client.ask("templates", json!({}));
    assert_eq!(templates[0]["uriTemplate"], "portwright://runs/{run}/evidence{?offset}");

    let all = client.ask("read", json!({"uri": "portwright://runs"}));
    let all: Value = serde_json::from_str(all[0]["text"].as_str().unwrap()).unwrap();
    let row = all["runs"].as_array().unwrap().iter().find(|it| it["run"] == run).unwrap();
    assert_eq!((&row["state"], &row["verdict"]), (&json!("done"), &json!("PASS")));
    assert!(read(client, &report).contains(MODEL));
    let facts: Value = serde_json::from_str(&read(client, &evidence)).unwrap();
    assert_eq!(facts["verdict"], "pass");
    assert_eq!(facts["digest"], row["digest"]);

    let missing = client.ask("read", json!({"uri": "portwright://runs/../evidence"}));
    assert!(missing["protocol_error"]["message"].as_str().unwrap().contains("no resource"));
}

/// A resource to its end, however many reads that takes.
fn read(client: &mut Client, uri: &str) -> String {
    let (mut uri, mut text) = (uri.to_owned(), String::new());
    loop {
        let contents = client.ask("read", json!({"uri": uri}));
        text.push_str(contents[0]["text"].as_str().unwrap());
        match contents[1]["uri"].as_str() {
            Some(rest) => rest.clone_into(&mut uri),
            None => return text,
        }
    }
}

/// What an agent gets wrong comes back with the next step.
fn mistakes(client: &mut Client, run: &str) {
    for name in ["parity_status", "parity_result", "cancel_parity", "explain_divergence"] {
        for wrong in ["llama-1", "../../etc", ""] {
            let told = client.refused(name, json!({"run": wrong}));
            assert!(told.contains("no run") && told.contains(run), "{name}: {told}");
        }
    }
    let told = client.refused("run_parity", json!({"model_type": MODEL, "tolerance": 1}));
    assert!(told.contains("tolerance") && told.contains("expected one of"), "{told}");
    let told =
        client.refused("run_parity", json!({"model_type": MODEL, "checks": ["state-decod"]}));
    assert!(told.contains("did you mean `state-decode`"), "{told}");
    let told = client.refused("run_parity", json!({"model_type": "../x"}));
    assert!(told.contains("is not a model type"), "{told}");
    let misuse = client.ask("call", json!({"name": "no_such_tool", "arguments": {}}));
    assert!(misuse["protocol_error"]["code"].is_number(), "{misuse:#}");
}

/// `wait`: progress while it lasts, a refusal at its end, and a cancelled call cancels the run.
fn a_call_that_waits(client: &mut Client) {
    let call = json!({"name": "run_parity", "arguments": {"model_type": "lama", "wait": true}});
    let answer = client.ask("call", call);
    assert_eq!(answer["is_error"], true, "{answer:#}");
    let told = answer["text"].as_str().unwrap();
    assert!(told.contains("`lama` is not a model") && told.contains("llama"), "{told}");
    let heard = answer["progress"].as_array().unwrap();
    let seconds: Vec<f64> = heard.iter().map(|it| it["progress"].as_f64().unwrap()).collect();
    assert!(seconds.is_sorted_by(|a, b| a < b), "{heard:?}");
    assert!(heard.iter().any(|it| it["message"] == "asking both engines"), "{heard:?}");

    let call = json!({"name": "run_parity", "arguments": {"model_type": MODEL, "wait": true}, "cancel_after": 1.0});
    assert_eq!(client.ask("call", call)["cancelled"], true);
    let runs = client.ask("read", json!({"uri": "portwright://runs"}));
    let runs: Value = serde_json::from_str(runs[0]["text"].as_str().unwrap()).unwrap();
    let newest = runs["runs"][0]["run"].as_str().unwrap().to_owned();
    assert_eq!(poll(client, &newest), "cancelled");
}

fn a_run_of_an_earlier_server(client: &mut Client, run: &str, protocol: &str) {
    assert_eq!(client.ask("about", json!({}))["protocol"], protocol);
    assert_eq!(client.call("parity_status", json!({"run": run}))["data"]["state"], "done");
    assert_eq!(client.call("cancel_parity", json!({"run": run}))["data"]["state"], "done");
    assert_eq!(client.call("parity_result", json!({"run": run}))["data"]["verdict"], "pass");
}

#[test]
fn stdout_carries_the_protocol_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let lines = raw(
        folder.path(),
        &[
            json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
                "protocolVersion": "2024-11-05", "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"}}}),
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
            json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
                "name": "parity_status", "arguments": {"run": "none"}}}),
        ],
    );
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert_eq!(lines[0]["result"]["protocolVersion"], "2024-11-05");
    assert_eq!(lines[1]["result"]["isError"], true);
}

/// What the server writes on stdout for these messages, until stdin ends.
fn raw(folder: &Path, messages: &[Value]) -> Vec<Value> {
    let mut server = Command::new(portwright())
        .arg("mcp")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = server.stdin.take().unwrap();
    for message in messages {
        writeln!(stdin, "{message}").unwrap();
    }
    drop(stdin);
    let output = server.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let stdout = String::from_utf8(output.stdout).unwrap();
    stdout.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}
