//! A whole journey, as an agent makes it: each official client, both transports, both generations of
//! the protocol, on real engines and with a real bug.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{ffi::OsStr, path::Path, time::Duration};

use portwright_harness::mutants;
use portwright_tests::{
    checkout,
    client::{Client, Generation, Sdk, Settings},
    git::git,
    hub::{FakeHub, Repository, safetensors},
    program::engines,
    right,
    server::Server,
};
use serde_json::{Value, json};

const MODEL: &str = "olmo3";
/// A bug that was merged once: each kind of layer gets the other's RoPE.
const BUG: &str = "olmo3-swapped-ropes";
/// Enough to see it, and quick.
const EMBEDDED: &str = "embedded,embedded-mlx";
const NATIVE: &str = "torch,mlx";
const CHECKS: [&str; 3] = ["logits", "taps", "positions"];

/// A Hub with two checkpoints that differ in one field, and a folder with a checkout of mlx-lm.
struct Desk {
    folder: tempfile::TempDir,
    hub: FakeHub,
}

impl Desk {
    fn new() -> Self {
        engines();
        let checkpoint = |id: &str, theta: f64| {
            let config = json!({
                "model_type": MODEL, "architectures": ["Olmo3ForCausalLM"], "hidden_size": 8,
                "rope_theta": theta,
            });
            let weights = safetensors(&[("model.embed_tokens.weight", &[16, 8])]);
            Repository::new(id)
                .tag(MODEL)
                .file("config.json", config.to_string())
                .file("model.safetensors", weights)
        };
        let repositories = vec![checkpoint("org/one", 10000.0), checkpoint("org/two", 500_000.0)];
        let folder = tempfile::tempdir().unwrap();
        checkout::mlx_lm(&folder.path().join("mlx-lm"));
        Self { folder, hub: FakeHub::with(repositories, Duration::ZERO, 10) }
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// What the server is told by its environment: where the Hub is, and that there is no GitHub.
    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("HF_ENDPOINT", self.hub.url.clone()),
            ("HF_HOME", self.at("hub").display().to_string()),
            ("GITHUB_API_URL", "http://127.0.0.1:9".into()),
        ]
    }

    /// Change the checkout as the patch of the bug says, or back.
    fn patch(&self, direction: &[&str]) {
        let file = self.at("bug.patch");
        std::fs::write(&file, mutants::patch(BUG).unwrap()).unwrap();
        let arguments = [&["apply"], direction, &[file.to_str().unwrap()]].concat();
        git(&self.at("mlx-lm"), &arguments);
    }

    fn over_stdio(&self, sdk: Sdk, generation: Generation) {
        let root = self.folder.path().as_os_str();
        let arguments = vec![OsStr::new("--root"), root];
        let variables = self.variables();
        let person = person(sdk);
        let settings = Settings { sdk, person, arguments, variables, ..generation.into() };
        let mut client = Client::stdio(settings, &self.at("runs"));
        self.journey(&mut client, sdk);
        client.leave();
    }

    fn over_http(&self, sdk: Sdk, generation: Generation) {
        let server = Server::start_with(&self.at("runs"), "127.0.0.1:0", |it| {
            it.arg("--root").arg(self.folder.path()).envs(self.variables());
        });
        let settings = Settings { sdk, person: person(sdk), ..generation.into() };
        let mut client = Client::http(settings, &server.url);
        self.journey(&mut client, sdk);
        client.leave();
        server.interrupt();
    }

    fn journey(&self, client: &mut Client, sdk: Sdk) {
        let cover = self.at("cover.json");
        find(client, &cover);
        inspect(client);
        self.scaffold(client);

        self.patch(&[]);
        let (bad, verdict) = self.verify(client, &CHECKS, EMBEDDED);
        assert_eq!(verdict, "fail");
        explain(client, &bad);
        self.patch(&["--reverse"]);

        // Some checks are no verdict on the model, and nothing that could be staged; a contribution rests on
        // the libraries themselves.
        let (good, verdict) = self.verify(client, &[], NATIVE);
        assert_eq!(verdict, "pass");
        report(client, &good);
        self.stage(client, &good, sdk);
    }

    /// A model that has no port yet begins from the nearest one, and stops where it differs.
    fn scaffold(&self, client: &mut Client) {
        let call = json!({"model_type": "arcee", "port": self.at("mlx-lm"), "dry_run": true});
        let begun = client.call("scaffold_port", call);
        let data = &begun["data"];
        // Arcee is a llama with another MLP, and so is EXAONE's definition since transformers 5.24.
        let nearest = data["nearest"]["model_type"].as_str().unwrap();
        assert!(["exaone", "llama"].contains(&nearest), "{begun:#}");
        assert_eq!(
            (&data["complete"], &data["wrote"]),
            (&json!(false), &json!(false)),
            "{begun:#}"
        );
    }

    /// The verified port goes on a branch of a clean checkout, if a person agrees; else the person gets
    /// the command.
    fn stage(&self, client: &mut Client, run: &str, sdk: Sdk) {
        let rules = client.call("contribution_policy", json!({"target": "mlx-lm"}));
        assert!(rules["text"].as_str().unwrap().contains("forbidden"), "{rules:#}");
        let clean = tempfile::tempdir_in(self.folder.path()).unwrap();
        let root = clean.path().join("mlx-lm");
        let models = root.join("mlx_lm/models");
        std::fs::create_dir_all(&models).unwrap();
        std::fs::write(models.join("llama.py"), "").unwrap();
        git(&root, &["init", "-q", "-b", "main"]);
        git(&root, &["add", "."]);
        git(&root, &["commit", "-q", "-m", "All there is"]);
        let port = "mlx_lm/models/olmo3.py";
        let patch = clean.path().join("add-olmo3.patch");
        let mut call = json!({
            "target": "mlx-lm", "checkout": root, "model_type": MODEL, "run": run, "patch": patch,
            "files": {port: self.at("mlx-lm").join(port)},
        });
        let plan = client.call("stage_contribution", call.clone());
        assert_eq!(plan["data"]["refusals"], json!([]), "{plan:#}");
        assert!(!patch.exists());
        call["apply"] = plan["data"]["digest"].clone();
        if sdk == Sdk::Python {
            let told = client.refused("stage_contribution", call);
            assert!(told.contains("portwright stage mlx-lm"), "{told}");
            assert!(!patch.exists());
            return;
        }
        let staged = client.call("stage_contribution", call);
        assert!(staged["asked"][0].as_str().unwrap().contains(port), "{staged:#}");
        assert!(patch.is_file(), "{staged:#}");
    }

    /// Verify the port in the checkout; returns the run and its verdict.
    fn verify(&self, client: &mut Client, checks: &[&str], engines: &str) -> (String, String) {
        let call = json!({
            "model_type": MODEL, "port": self.at("mlx-lm"), "checks": checks, "wait": true, "engines": engines,
            "overrides": right::settings(MODEL),
        });
        let run = client.call("run_parity", call);
        assert_eq!(run["data"]["state"], "done", "{run:#}");
        assert!(!run["progress"].as_array().unwrap().is_empty(), "{run:#}");
        let run = run["data"]["run"].as_str().unwrap().to_owned();
        let result = client.call("parity_result", json!({"run": run}));
        let verdict = result["data"]["verdict"].as_str().unwrap().to_owned();
        assert_ne!(verdict, "not-run", "{result:#}");
        (run, verdict)
    }
}

/// Only the TypeScript client has somebody to ask here.
fn person(sdk: Sdk) -> Option<Value> {
    let agreed = json!({"action": "accept", "content": {"confirm": true}});
    (sdk == Sdk::TypeScript).then_some(agreed)
}

fn find(client: &mut Client, cover: &Path) {
    let found = client.call("find_candidates", json!({"model": MODEL, "out": cover}));
    let data = &found["data"];
    assert_eq!(data["total_candidates"], 2, "{found:#}");
    let set: Vec<&Value> =
        data["findings"]["set"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(set, ["org/one", "org/two"], "{found:#}");
    assert!(cover.is_file());
}

fn inspect(client: &mut Client) {
    let shown = client.call("inspect_architecture", json!({"model": MODEL, "depth": 1}));
    assert_eq!(shown["data"]["class"], "Olmo3ForCausalLM", "{shown:#}");
    let ancestors = shown["data"]["ancestors"].to_string();
    assert!(ancestors.contains("olmo2"), "{ancestors}");
}

/// The bug is found where it is.
fn explain(client: &mut Client, run: &str) {
    let why = client.call("explain_divergence", json!({"run": run}));
    let text = why["text"].as_str().unwrap();
    assert!(text.contains("self_attn"), "{text}");
    assert!(text.contains("mlx_lm/models/olmo3.py:"), "{text}");
    assert!(text.contains("modeling_olmo3.py:"), "{text}");
}

/// Facts are filled in, and what a person has to say is left to them.
fn report(client: &mut Client, run: &str) {
    let drafted = client.call("draft_report", json!({"run": run, "target": "mlx-lm"}));
    let blanks = drafted["data"]["blanks"].as_array().unwrap();
    assert!(!blanks.is_empty(), "{drafted:#}");
    let uri = format!("portwright://runs/{run}/report");
    let report = client.ask("read", json!({"uri": uri}));
    assert!(report[0]["text"].as_str().unwrap().contains("PASS"), "{report:#}");
}

#[test]
fn with_the_typescript_client() {
    let desk = Desk::new();
    desk.over_stdio(Sdk::TypeScript, Generation::Handshake);
    desk.over_http(Sdk::TypeScript, Generation::Stateless);
}

#[test]
fn with_the_python_client() {
    let desk = Desk::new();
    desk.over_stdio(Sdk::Python, Generation::Stateless);
    desk.over_http(Sdk::Python, Generation::Handshake);
}
