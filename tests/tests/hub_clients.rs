//! The tests' Hub against the official Python client, each client against the other's cache, and the
//! program against the tests' Hub.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{fs, path::Path, process::Command, time::Duration};

use portwright_hub::{Hub, Overrides, Query, Watch};
use portwright_tests::{
    command::{Ended, start_as},
    hub::{FakeHub, Fault, Repository},
    program::{engines, portwright},
};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

const SILENT: Watch<'static> = Watch::SILENT;

/// Our client, with the cache that the official one has at `home`.
fn hub(fake: &FakeHub, home: &TempDir, offline: Option<bool>) -> Hub {
    let (endpoint, cache) = (Some(fake.url.clone()), Some(home.path().join("hub")));
    let overrides = Overrides { endpoint, cache, offline, ..Overrides::default() };
    Hub::from_environment(overrides).unwrap()
}

/// Ask the official client; its cache is `home/hub`.
fn python(fake: &FakeHub, home: &Path, op: &str, args: &Value, offline: bool) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/hub.py");
    let output = Command::new(&engines().python)
        .arg(script)
        .args([op, &args.to_string()])
        .env_clear()
        .env("HF_ENDPOINT", &fake.url)
        .env("HF_HOME", home)
        .env("HF_HUB_OFFLINE", if offline { "1" } else { "0" })
        .env("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        .env("HF_HUB_DISABLE_TELEMETRY", "1")
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{op}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{op}: {stderr}"))
}

#[test]
fn the_official_client_takes_the_fake_for_the_hub() {
    let mut repositories: Vec<Repository> =
        (0..5).map(|idx| Repository::llama(&format!("org/llama-{idx}"))).collect();
    repositories.push(Repository::sharded());
    repositories.push(Repository { gated: Some("manual"), ..Repository::llama("org/gated") });
    repositories.push(Repository::new("org/other"));
    let commit = repositories[0].commit();
    let fake = FakeHub::with(repositories, Duration::ZERO, 3);
    let home = tempdir().unwrap();
    let ask = |op: &str, args: Value| python(&fake, home.path(), op, &args, false);

    let all = ask("list_models", json!({"filter": ["llama", "safetensors"], "expand": ["sha"]}));
    assert_eq!(all["ok"].as_array().unwrap().len(), 7, "{all}");
    assert_eq!(all["ok"][0]["sha"], commit.as_str());
    assert_eq!(fake.count("cursor"), 2, "it did not turn two pages");
    let found = ask("list_models", json!({"search": "LLAMA-3", "limit": 10}));
    assert_eq!(found["ok"][0]["id"], "org/llama-3");

    let info = json!({"repo_id": "org/llama-0", "revision": "main", "expand": ["sha", "siblings", "gated"]});
    let info = ask("model_info", info);
    assert_eq!(info["ok"]["sha"], commit.as_str(), "{info}");
    assert!(info["ok"]["files"].as_array().unwrap().contains(&json!("config.json")));

    let flat = ask("tree", json!({"repo_id": "org/sharded"}));
    let deep = ask("tree", json!({"repo_id": "org/sharded", "recursive": true}));
    let paths = |tree: &Value| -> Vec<String> {
        let rows = tree["ok"].as_array().unwrap_or_else(|| panic!("{tree}"));
        rows.iter().map(|it| it["path"].as_str().unwrap().to_owned()).collect()
    };
    assert!(!paths(&flat).contains(&"original/params.json".into()), "{flat}");
    assert!(paths(&deep).contains(&"original/params.json".into()), "{deep}");
    assert!(paths(&flat).contains(&"original".into()), "{flat}");

    let path =
        ask("download", json!({"repo_id": "org/sharded", "filename": "model-1.safetensors"}));
    assert!(Path::new(path["ok"].as_str().unwrap()).is_file(), "{path}");
    let folder = ask("snapshot", json!({"repo_id": "org/llama-1"}));
    assert!(Path::new(folder["ok"].as_str().unwrap()).join("config.json").is_file(), "{folder}");
    let tensors = ask("tensors", json!({"repo_id": "org/sharded"}));
    assert_eq!(tensors["ok"]["a"]["shape"], json!([500, 100]), "{tensors}");

    for (args, expected) in [
        (json!({"repo_id": "org/none", "filename": "a"}), "RepositoryNotFoundError"),
        (json!({"repo_id": "org/other", "filename": "a"}), "RemoteEntryNotFoundError"),
        (
            json!({"repo_id": "org/llama-0", "filename": "a", "revision": "b"}),
            "RevisionNotFoundError",
        ),
        (json!({"repo_id": "org/gated", "filename": "config.json"}), "GatedRepoError"),
        (
            json!({"repo_id": "org/gated", "filename": "config.json", "token": "hf_stranger"}),
            "GatedRepoError",
        ),
    ] {
        let refused = ask("download", args);
        assert_eq!(refused["error"], expected, "{refused}");
    }
    // A cut body is asked for again: the client sees the cut as one of a connection.
    let rows = deep["ok"].as_array().unwrap();
    let row = rows.iter().find(|it| it["path"] == "model-2.safetensors").unwrap();
    fake.fail(row["sha256"].as_str().unwrap(), [Fault::Cut { after: 50 }]);
    let before = fake.log().len();
    let path =
        ask("download", json!({"repo_id": "org/sharded", "filename": "model-2.safetensors"}));
    let content = fs::read(path["ok"].as_str().unwrap()).unwrap();
    assert_eq!(content, Repository::sharded().files["model-2.safetensors"]);
    assert_eq!(fake.log()[before..].iter().filter(|it| it.at_store).count(), 2);
}

#[test]
fn each_client_finds_offline_what_the_other_fetched() {
    let fake = FakeHub::start(vec![Repository::sharded(), Repository::llama("org/llama")]);
    let home = tempdir().unwrap();
    let hub = hub(&fake, &home, Some(false));
    let model = hub.model("org/sharded", None, SILENT).unwrap();
    let files = hub.files(&model, SILENT).unwrap();
    let ours = hub.fetch(&model, &files, SILENT).unwrap();
    let args = json!({"repo_id": "org/sharded"});
    let theirs = python(&fake, home.path(), "snapshot", &args, true);
    assert_eq!(theirs["ok"], ours.to_str().unwrap(), "{theirs}");
    for file in ["original/params.json", "model-1.safetensors"] {
        let args = json!({"repo_id": "org/sharded", "filename": file});
        let found = python(&fake, home.path(), "download", &args, true);
        assert_eq!(found["ok"], ours.join(file).to_str().unwrap(), "{found}");
    }

    let args = json!({"repo_id": "org/llama"});
    let theirs = python(&fake, home.path(), "snapshot", &args, false);
    let before = fake.log().len();
    let offline = self::hub(&fake, &home, Some(true));
    let model = offline.model("org/llama", Some("main"), SILENT).unwrap();
    let files = offline.files(&model, SILENT).unwrap();
    assert!(files.iter().all(|it| it.digest.is_some()), "{files:?}");
    assert_eq!(offline.fetch(&model, &files, SILENT).unwrap().to_str(), theirs["ok"].as_str());
    assert_eq!(offline.tensors(&model, SILENT).unwrap().bytes(), 4 * (16 * 8 + 8));
    let llama = Query { model_type: Some("llama".into()), limit: 9, ..Query::default() };
    let listed = offline.list(&llama, SILENT).unwrap();
    assert_eq!(listed.models.len(), 2);
    assert_eq!(fake.log().len(), before, "it was not offline");
    let missing = offline.model("org/none", None, SILENT).unwrap_err();
    assert!(missing.to_string().contains("not in the Hub's cache"), "{missing}");
    assert!(missing.hint().unwrap().contains("HF_HUB_OFFLINE"));
}

/// `portwright inspect MODEL`, asking the fake.
fn inspect(fake: &FakeHub, home: &TempDir, model: &str) -> Ended {
    let mut command = Command::new(portwright());
    command
        .args(["inspect", model, "--transformers"])
        .arg(&engines().site_packages)
        .env("HF_ENDPOINT", &fake.url)
        .env("HF_HOME", home.path())
        .env("NO_PROXY", "127.0.0.1")
        .env_remove("HF_HUB_CACHE")
        .env_remove("HF_HUB_OFFLINE")
        .env_remove("HF_TOKEN");
    start_as(home.path(), command).ended()
}

#[test]
fn the_program_fetches_a_checkpoint_by_its_id() {
    let config = json!({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 16,
        "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 1, "tie_word_embeddings": true,
    });
    let tiny = Repository::llama("org/tiny")
        .file("config.json", config.to_string())
        .file("flax_model.msgpack", "not asked for");
    let gated = Repository { gated: Some("auto"), ..Repository::llama("org/gated") };
    let fake = FakeHub::start(vec![tiny.clone(), gated]);
    let home = tempdir().unwrap();
    inspect(&fake, &home, "org/tiny@main").expect(0, &["llama", "embed_tokens"]);
    let snapshot = home.path().join("hub/models--org--tiny/snapshots").join(tiny.commit());
    for file in ["config.json", "tokenizer_config.json", "model.safetensors"] {
        assert_eq!(fs::read(snapshot.join(file)).unwrap(), tiny.files[file], "{file}");
    }
    assert_eq!(fake.count("msgpack"), 0);
    let texts =
        ["failed to fetch `org/none`", "there is no model `org/none`", "hint: check the spelling"];
    inspect(&fake, &home, "org/none").expect(2, &texts);
    let texts = ["`org/gated` is gated", "hint: accept its terms at", "set HF_TOKEN"];
    inspect(&fake, &home, "org/gated").expect(2, &texts);
}
