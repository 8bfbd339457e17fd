//! Many clients at once, for as long as is asked for: no run is lost, and memory does not grow.
//!
//! `LOAD_SECONDS=600 cargo test --workspace --test load -- --ignored --nocapture`

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]
#![allow(clippy::print_stdout, reason = "the figures are the result")]

use std::{
    collections::BTreeSet,
    env, fs,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::{join, join_all};
use portwright_tests::{program::engines, server::Server};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::sleep;

const CLIENTS: usize = 64;
/// One turn in so many leaves a session open.
const LEAVES_EVERY: usize = 40;
/// How long the server keeps a session that says nothing.
const SESSION_KEPT: Duration = Duration::from_mins(5);
/// How long the rest of the queue may take, once no client asks for more.
const LEFT_OVER: Duration = Duration::from_mins(8);

/// What all clients have seen together.
#[derive(Default)]
struct Seen {
    calls: AtomicU64,
    /// Refused because the queue was full: that is an answer, not a loss.
    put_off: AtomicU64,
    accepted: Mutex<BTreeSet<String>>,
    /// Sessions of the older protocol that were opened and left.
    left: AtomicU64,
    took: Mutex<Vec<Duration>>,
}

impl Seen {
    /// How long calls took: the median, the slowest of a hundred, the slowest of all.
    fn latencies(&self) -> [Duration; 3] {
        let mut took = self.took.lock().unwrap().clone();
        took.sort();
        let last = took.len() - 1;
        [took[last / 2], took[last * 99 / 100], took[last]]
    }
}

/// One request of 2026-07-28, which needs nothing before it.
async fn ask(client: &Client, url: &str, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "load", "version": "1"},
    });
    let name = params["name"].as_str().or_else(|| params["uri"].as_str()).map(str::to_owned);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let mut request = client
        .post(url)
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", method)
        .json(&body);
    if let Some(name) = name {
        request = request.header("Mcp-Name", name);
    }
    let text = request.send().await.unwrap().text().await.unwrap();
    let events = text.lines().filter_map(|it| it.strip_prefix("data:"));
    let answers = events.chain([text.as_str()]).filter_map(|it| serde_json::from_str(it).ok());
    answers
        .into_iter()
        .find(|it: &Value| !it["result"].is_null() || !it["error"].is_null())
        .unwrap_or_else(|| panic!("{method}: {text}"))
}

async fn call(client: &Client, url: &str, tool: &str, arguments: Value) -> Value {
    let mut params = json!({"name": tool});
    params["arguments"] = arguments;
    let answer = ask(client, url, "tools/call", params).await;
    assert!(answer["error"].is_null(), "{tool}: {answer}");
    answer["result"].clone()
}

/// Open a session of 2025-11-25 and go with no goodbye, as an agent does that is killed.
async fn leave_a_session(client: &Client, url: &str) {
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "load", "version": "1"},
    });
    let reply = client
        .post(url)
        .header("Accept", "application/json, text/event-stream")
        .json(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}))
        .send()
        .await
        .unwrap();
    assert!(reply.status().is_success(), "{}", reply.status());
    assert!(reply.headers().contains_key("Mcp-Session-Id"));
    assert!(reply.text().await.unwrap().contains("protocolVersion"));
}

/// What one client does over and over, as agents would.
async fn visit(client: &Client, url: &str, seen: &Seen, turn: usize) {
    let started = Instant::now();
    match turn % 4 {
        3 if turn % LEAVES_EVERY == LEAVES_EVERY - 1 => {
            leave_a_session(client, url).await;
            seen.left.fetch_add(1, Ordering::Relaxed);
        }
        0 => {
            let question = json!({"model_type": "llama", "checks": ["weights"]});
            let call = call(client, url, "run_parity", question).await;
            if call["isError"] == true {
                let text = call["content"][0]["text"].as_str().unwrap();
                assert!(text.contains("runs are waiting already"), "{text}");
                seen.put_off.fetch_add(1, Ordering::Relaxed);
            } else {
                let run = call["structuredContent"]["run"].as_str().unwrap().to_owned();
                assert!(seen.accepted.lock().unwrap().insert(run), "two runs have one name");
            }
        }
        1 => {
            let tools = ask(client, url, "tools/list", json!({})).await;
            assert!(!tools["result"]["tools"].as_array().unwrap().is_empty());
        }
        2 => {
            let run = seen.accepted.lock().unwrap().iter().next_back().cloned();
            if let Some(run) = run {
                let status = call(client, url, "parity_status", json!({"run": run})).await;
                let state = status["structuredContent"]["state"].as_str().unwrap().to_owned();
                assert!(["queued", "running", "done"].contains(&state.as_str()), "{status}");
            }
        }
        _ => {
            let read =
                ask(client, url, "resources/read", json!({"uri": "portwright://runs"})).await;
            assert!(read["result"]["contents"].is_array(), "{read}");
        }
    }
    seen.calls.fetch_add(1, Ordering::Relaxed);
    seen.took.lock().unwrap().push(started.elapsed());
}

/// Resident memory of the server, in MiB.
fn resident(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

#[tokio::test]
#[ignore = "takes as long as LOAD_SECONDS says, ten minutes or more"]
async fn many_clients_lose_no_run() {
    engines();
    let seconds = env::var("LOAD_SECONDS").map_or(600, |it| it.parse().expect("whole seconds"));
    assert!(2 * SESSION_KEPT.as_secs() <= seconds, "too short to see what a session leaves");
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("runs"));
    let (url, seen) = (server.url.as_str(), &Seen::default());
    let until = Instant::now() + Duration::from_secs(seconds);
    let client = || Client::builder().no_proxy().timeout(LEFT_OVER).build().unwrap();
    let clients = (0..CLIENTS).map(async |idx| {
        let client = client();
        let mut turn = idx;
        while Instant::now() < until {
            visit(&client, url, seen, turn).await;
            turn += 1;
        }
    });
    let mut memory = Vec::new();
    let watch = async {
        while Instant::now() < until {
            sleep(Duration::from_secs(seconds) / 10).await;
            memory.push(resident(server.id()));
        }
    };
    join(join_all(clients), watch).await;
    let calls = seen.calls.load(Ordering::Relaxed);
    let [median, hundredth, slowest] = seen.latencies();
    println!(
        "{CLIENTS} clients, {seconds} s: {calls} calls; median {median:.1?}, 99 of 100 within \
         {hundredth:.1?}, all within {slowest:.1?}"
    );
    println!("{} sessions left open", seen.left.load(Ordering::Relaxed));
    println!("resident MiB by tenths of the time: {memory:.1?}");

    let accepted = seen.accepted.lock().unwrap().clone();
    println!("{} runs accepted, {} put off", accepted.len(), seen.put_off.load(Ordering::Relaxed));
    let client = client();
    let latest = Instant::now() + LEFT_OVER;
    for run in &accepted {
        loop {
            let status = call(&client, url, "parity_status", json!({"run": run})).await;
            let state = status["structuredContent"]["state"].as_str().unwrap().to_owned();
            if state == "done" {
                break;
            }
            assert!(["queued", "running"].contains(&state.as_str()), "{status}");
            assert!(Instant::now() < latest, "{run} is still {state}");
            sleep(Duration::from_millis(200)).await;
        }
    }
    for run in &accepted {
        let evidence = folder.path().join("runs").join(run).join("evidence.json");
        assert!(evidence.is_file(), "{run} has no evidence");
    }
    println!("every run is done and has its evidence");
    // The first sessions that were left are forgotten by now, one for each that is left.
    let settled = usize::try_from(SESSION_KEPT.as_secs() * 10 / seconds + 1).unwrap();
    let (settled, end) = (memory[settled], memory[memory.len() - 1]);
    assert!(end < settled * 1.05 + 4.0, "resident memory grew from {settled:.1} to {end:.1} MiB");
    server.interrupt();
}
