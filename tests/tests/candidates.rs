//! Checkpoints of a family, found in a folder and in the Hub's cache: what differs, which are chosen, and
//! that a chosen config is verified under the digest of its set.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use portwright_tests::{
    checkout::mlx_lm,
    client::{Client, Generation, Settings},
    command::{Ended, start_as},
    git::git,
    github::{FakeGithub, Item},
    hub::{FakeHub, Fault, Repository, safetensors},
    program::{engines, portwright},
};
use safetensors::{Dtype, serialize, tensor::TensorView};
use serde_json::{Value, json};

/// A GitHub that is not there: nothing here asks the network.
const NOBODY: &str = "http://127.0.0.1:9";

#[expect(clippy::needless_pass_by_value, reason = "its callers write the value in place")]
fn llama(more: Value) -> Value {
    let mut config = json!({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64,
        "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2,
        "num_hidden_layers": 2, "vocab_size": 128, "rms_norm_eps": 1e-5, "torch_dtype": "bfloat16",
        // mlx-lm takes a llama that does not say it for tied, transformers for untied.
        "tie_word_embeddings": false,
    });
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

/// A checkpoint with these bytes of weights, and an output matrix of its own unless it is tied.
fn checkpoint(root: &Path, name: &str, config: &Value, elements: usize) -> PathBuf {
    let folder = root.join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    fs::write(folder.join("tokenizer.json"), "{}").unwrap();
    let bytes = vec![0; elements * 2];
    let view = || TensorView::new(Dtype::BF16, vec![elements], &bytes).unwrap();
    let mut tensors = BTreeMap::from([("model.embed_tokens.weight", view())]);
    if config["tie_word_embeddings"] != true {
        tensors.insert("lm_head.weight", view());
    }
    fs::write(folder.join("model.safetensors"), serialize(tensors, None).unwrap()).unwrap();
    folder
}

/// Four checkpoints that differ in three ways; two of them show everything.
fn family(root: &Path) {
    let llama3 = json!({
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    });
    checkpoint(root, "small", &llama(json!({"rope_theta": 10000.0})), 100);
    checkpoint(
        root,
        "small-Instruct",
        &llama(json!({"eos_token_id": [1, 2], "rope_scaling": null})),
        110,
    );
    let tied =
        json!({"rope_theta": 500_000.0, "rope_scaling": llama3, "tie_word_embeddings": true});
    checkpoint(root, "tied", &llama(tied), 150);
    let wide = json!({"rope_theta": 500_000.0, "rope_scaling": llama3, "attention_bias": true, "head_dim": 32});
    checkpoint(root, "wide", &llama(wide), 9000);
    let awq = json!({"quantization_config": {"quant_method": "awq", "bits": 4}});
    checkpoint(root, "small-AWQ", &llama(awq), 10);
    checkpoint(root, "other", &json!({"model_type": "qwen2"}), 10);
}

fn candidates(folder: &Path, arguments: &[&str]) -> Ended {
    candidates_with(folder, arguments, &[("GITHUB_API_URL", NOBODY)])
}

fn candidates_with(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    engines();
    let mut command = Command::new(portwright());
    command
        .arg("candidates")
        .args(arguments)
        .envs(variables.iter().copied())
        .env("HF_HOME", folder.join("hf"));
    command.env_remove("HF_HUB_CACHE");
    start_as(folder, command).ended()
}

/// `portwright candidates llama ARGUMENTS`, asked of this Hub.
fn on_hub(hub: &FakeHub, folder: &Path, arguments: &[&str]) -> Ended {
    engines();
    let mut command = Command::new(portwright());
    command.args(["candidates", "llama"]).args(arguments).env("HF_ENDPOINT", &hub.url);
    command.env("GITHUB_API_URL", NOBODY).env("HF_HOME", folder.join("hf"));
    for name in ["HF_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE"] {
        command.env_remove(name);
    }
    start_as(folder, command).ended()
}

fn found(folder: &Path, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    let ended = candidates(folder, &arguments);
    ended.expect(0, &[]);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn chosen(found: &Value) -> Vec<&str> {
    let all = found["choice"]["chosen"].as_array().unwrap();
    let mut ids: Vec<&str> = all.iter().map(|it| it["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn the_fewest_checkpoints_of_a_folder_show_every_difference() {
    let folder = tempfile::tempdir().unwrap();
    family(&folder.path().join("family"));
    let all = found(folder.path(), &["llama", "--folder", "family"]);
    assert_eq!(all["model_type"], "llama");
    assert_eq!(all["candidates"].as_array().unwrap().len(), 5);
    let differences: Vec<&str> = all["matrix"]["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["field"].as_str().unwrap())
        .collect();
    // The end of a text and the way its weights are stored change nothing that is computed.
    for absent in ["eos_token_id", "quantization_config", "num_key_value_heads", "torch_dtype"] {
        assert!(!differences.contains(&absent), "{differences:?}");
    }
    assert!(differences.contains(&"rope_parameters.rope_type"), "{differences:?}");
    assert_eq!(chosen(&all), ["small", "tied", "wide"]);
    assert_eq!(all["choice"]["proved_minimal"], true);
    assert_eq!(all["existing"]["port"]["file"], "mlx_lm/models/llama.py");
    let kinds: BTreeMap<&str, &str> = all["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["id"].as_str().unwrap(), it["kind"].as_str().unwrap()))
        .collect();
    assert_eq!((kinds["small-AWQ"], kinds["small-Instruct"]), ("quantised", "instruct"));

    let by_class = found(folder.path(), &["LlamaForCausalLM", "--folder", "family"]);
    assert_eq!(by_class["digest"], all["digest"]);
    let sibling = found(folder.path(), &["family/wide", "--folder", "family"]);
    assert_eq!(sibling["digest"], all["digest"]);

    // What only the large one shows is named, and adding it takes nobody away.
    let bounded = found(folder.path(), &["llama", "--folder", "family", "--max-bytes", "10kB"]);
    assert_eq!(chosen(&bounded), ["small", "tied"]);
    let out = bounded["choice"]["out_of_reach"].to_string();
    assert!(out.contains("wide") && out.contains("more than 10000"), "{out}");
    let added = found(
        folder.path(),
        &["llama", "--folder", "family", "--max-bytes", "10kB", "--add", "wide"],
    );
    assert_eq!(chosen(&added), ["small", "tied", "wide"]);
}

#[test]
fn the_table_names_the_set_and_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    family(&folder.path().join("family"));
    candidates(folder.path(), &["llama", "--folder", "family", "--out", "cover.json"]).expect(
        0,
        &[
            "rope_parameters.rope_type",
            "no smaller set shows as much",
            "the target loads `llama`",
            "pull requests were not looked for",
            "next: portwright verify llama --cover cover.json",
        ],
    );
    assert!(folder.path().join("cover.json").is_file());
}

#[test]
fn open_pull_requests_for_the_same_model_are_found() {
    let folder = tempfile::tempdir().unwrap();
    family(&folder.path().join("family"));
    let clone = folder.path().join("clone");
    mlx_lm(&clone);
    git(&clone, &["init", "--quiet"]);
    git(&clone, &["remote", "add", "origin", "git@github.com:somebody/mlx-lm.git"]);
    git(&clone, &["remote", "add", "upstream", "https://github.com/them/mlx-lm.git"]);
    let item = |repository, number, title, is_pull_request, is_open| Item {
        repository,
        number,
        title,
        is_pull_request,
        is_open,
    };
    let items = [
        item("them/mlx-lm", 7, "Add Llama in another way", true, true),
        item("them/mlx-lm", 8, "llama: an old attempt", true, false),
        item("them/mlx-lm", 9, "llama is slow", false, true),
        item("them/mlx-lm", 10, "Add qwen9", true, true),
        item("somebody/mlx-lm", 11, "llama in the fork", true, true),
    ];
    let github = FakeGithub::start(&items, 1);
    let ask = |arguments: &[&str]| {
        let all = [&["llama", "--folder", "family", "--port", "clone"], arguments].concat();
        let variables = [("GITHUB_API_URL", github.url.as_str()), ("GITHUB_TOKEN", "s3cret")];
        candidates_with(folder.path(), &all, &variables)
    };
    let first = ask(&["--json"]);
    first.expect(0, &[]);
    let found: Value = serde_json::from_str(&first.stdout).unwrap();
    let requests = found["existing"]["pull_requests"].as_array().unwrap();
    let numbers: Vec<_> = requests.iter().map(|it| it["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [7], "{requests:?}");
    assert_eq!(requests[0]["url"], "https://github.com/them/mlx-lm/pull/7");

    // The quota is used up: everything else is answered, and that is said.
    let second = ask(&[]);
    second.expect(0, &["pull requests were not looked for", "try again in 60 s"]);
    assert_eq!(github.tokens(), ["Bearer s3cret", "Bearer s3cret"]);
    for ended in [first, second] {
        assert!(!(ended.stdout.contains("s3cret") || ended.stderr.contains("s3cret")));
    }
}

#[test]
fn what_is_not_there_is_said_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    family(&folder.path().join("family"));
    let says = |arguments: &[&str], texts: &[&str]| {
        candidates(folder.path(), arguments).expect(2, texts);
    };
    says(&["lama", "--folder", "family"], &["no model type `lama`", "did you mean `llama`?"]);
    says(&["olmo3", "--folder", "family"], &["no checkpoint of `olmo3`"]);
    says(&["LamaForCausalLM", "--folder", "family"], &["did you mean `LlamaForCausalLM`?"]);
    says(&["llama", "--offline"], &["the Hub's cache", "hint:"]);
    says(&["llama", "--folder", "nowhere"], &["nowhere"]);
    says(&["llama", "--folder", "family", "--limit", "0"], &["from 1 to"]);
    says(&["llama", "--folder", "family", "--add", "other"], &["cannot be added", "qwen2"]);
    says(
        &["llama", "--folder", "family", "--max-bytes", "1B", "--out", "cover.json"],
        &["was not written"],
    );
    assert!(!folder.path().join("cover.json").exists());
}

#[test]
fn each_config_of_a_set_is_verified_under_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    family(&folder.path().join("family"));
    let bounded = ["llama", "--folder", "family", "--max-bytes", "10kB", "--out", "cover.json"];
    let set = found(folder.path(), &bounded);
    let mut command = Command::new(portwright());
    command.args([
        "verify",
        "llama",
        "--cover",
        "cover.json",
        "--checks",
        "config-loads,logits",
        "--out",
        "runs",
    ]);
    let ended = start_as(folder.path(), command).ended();
    ended.expect(0, &["0 of 2 configs pass, 0 fail, 0 not run, 2 pass the checks that were asked"]);
    for member in ["small", "tied"] {
        let text =
            fs::read_to_string(folder.path().join("runs").join(member).join("evidence.json"))
                .unwrap();
        let evidence: Value = serde_json::from_str(&text).unwrap();
        let cover = &evidence["subject"]["cover"];
        assert_eq!((&cover["digest"], &cover["candidate"]), (&set["digest"], &json!(member)));
        assert_eq!(evidence["subject"]["synthetic"]["tied"], member == "tied");
    }
    let mut command = Command::new(portwright());
    command.args(["report", "--check", "runs/tied"]);
    start_as(folder.path(), command).ended().expect(0, &["PARTIAL"]);

    let mut command = Command::new(portwright());
    command.args(["verify", "qwen2", "--cover", "cover.json", "--out", "others"]);
    start_as(folder.path(), command)
        .ended()
        .expect(2, &["the cover is of `llama`, not of `qwen2`"]);
    let text = fs::read_to_string(folder.path().join("cover.json")).unwrap();
    fs::write(
        folder.path().join("cover.json"),
        text.replace("\"hidden_size\": 64", "\"hidden_size\": 32"),
    )
    .unwrap();
    let mut command = Command::new(portwright());
    command.args(["verify", "--cover", "cover.json"]);
    start_as(folder.path(), command).ended().expect(2, &["changed by hand"]);
}

#[test]
fn an_agent_finds_them_page_by_page() {
    engines();
    let folder = tempfile::tempdir().unwrap();
    let family_folder = folder.path().join("family");
    family(&family_folder);
    let cover = folder.path().join("cover.json");
    let arguments = vec![OsStr::new("--root"), folder.path().as_os_str()];
    let settings = Settings { arguments, ..Generation::Stateless.into() };
    let mut client = Client::stdio(settings, &folder.path().join("runs"));
    let first = client.call(
        "find_candidates",
        json!({"model": "llama", "from": family_folder, "limit": 3, "out": cover}),
    );
    let data = &first["data"];
    assert_eq!((&data["total_candidates"], &data["next_offset"]), (&json!(5), &json!(3)));
    assert_eq!(data["candidates"].as_array().unwrap().len(), 3);
    assert_eq!(data["findings"]["set"].as_array().unwrap().len(), 3);
    assert!(first["text"].as_str().unwrap().contains("run_parity"), "{first:#}");
    assert!(cover.is_file());
    let rest = client
        .call("find_candidates", json!({"model": "llama", "from": family_folder, "offset": 3}));
    assert_eq!(rest["data"]["candidates"].as_array().unwrap().len(), 2);
    assert!(rest["data"]["findings"].is_null() && rest["data"]["next_offset"].is_null());
    let refused =
        client.refused("find_candidates", json!({"model": "lama", "from": family_folder}));
    assert!(refused.contains("did you mean `llama`?"), "{refused}");
    client.leave();
}

#[test]
fn the_hub_is_asked_for_the_heads_of_files_and_the_cache_answers_offline() {
    let weights =
        safetensors(&[("model.embed_tokens.weight", &[100, 40]), ("lm_head.weight", &[100, 40])]);
    let repository = |id: &str, config: String| {
        Repository::llama(id).file("config.json", config).file("model.safetensors", weights.clone())
    };
    let endless = llama(json!({"rope_theta": 1e6})).to_string().replace("1000000.0", "Infinity");
    let mut closed = repository("org/closed", llama(json!({})).to_string());
    closed.gated = Some("manual");
    let hub = FakeHub::start(vec![
        repository("org/plain", llama(json!({})).to_string()),
        repository("org/biased", llama(json!({"attention_bias": true})).to_string()),
        repository("org/endless", endless),
        closed,
        Repository::new("org/none").tag("llama"),
    ]);
    hub.fail("/api/models", [Fault::Broken]);
    let folder = tempfile::tempdir().unwrap();
    let ended = on_hub(&hub, folder.path(), &["--json"]);
    ended.expect(0, &[]);
    let all: Value = serde_json::from_str(&ended.stdout).unwrap();
    let ids: Vec<&str> =
        all["candidates"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["org/biased", "org/endless", "org/plain"], "{all:#}");
    assert!(chosen(&all).contains(&"org/biased"));
    let plain = &all["candidates"][2];
    assert_eq!((&plain["parameters"], &plain["license"]), (&json!(8000), &json!("apache-2.0")));
    assert_eq!(plain["chat_template"], true);
    assert_eq!(plain["revision"].as_str().unwrap().len(), 40);
    let left_out = all["left_out"].to_string();
    assert!(left_out.contains("org/closed") && left_out.contains("gated"), "{left_out}");
    assert!(left_out.contains("org/none"), "{left_out}");
    let whole = hub.log().into_iter().filter(|it| it.at_store && it.range.is_none()).count();
    assert_eq!(whole, 0, "weights were downloaded");

    // What was read lies in the cache, where it is found without a network.
    let asked = hub.log().len();
    let ended = on_hub(&hub, folder.path(), &["--offline", "--json"]);
    ended.expect(0, &[]);
    let cached: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(hub.log().len(), asked, "offline is offline");
    assert!(cached["shelf"].as_str().unwrap().contains("cache"), "{cached:#}");
    let ids = cached["candidates"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap());
    assert_eq!(ids.collect::<Vec<_>>(), ["org/biased", "org/endless", "org/plain"], "{cached:#}");
}
