//! What an agent pays for the server in tokens: the list of tools, and the largest answers there are.
//!
//! Counted in the vocabulary `o200k_base`, which `js-tiktoken` carries in itself.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]
#![allow(clippy::print_stdout, reason = "the counts are a result")]

use std::{fs, time::Duration};

use portwright_tests::{
    checkout::{library, models},
    client::{Client, Generation, Settings},
    hub::{FakeHub, Repository, safetensors},
    node::tokens,
    program::engines,
};
use serde_json::{Value, json};

const TOOL_LIST: usize = 4000;
const ANSWER: usize = 20_000;

/// What a host gives a model of a tool.
fn shown(tool: &Value) -> String {
    json!({
        "name": tool["name"], "description": tool["description"],
        "input_schema": tool["inputSchema"],
    })
    .to_string()
}

#[test]
fn the_tool_list_leaves_room_for_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::stdio(Generation::Stateless, &folder.path().join("runs"));
    let tools = client.ask("tools", json!({}));
    client.leave();
    let tools = tools.as_array().unwrap();
    let counts = tokens(&tools.iter().map(shown).collect::<Vec<_>>());
    for (tool, count) in tools.iter().zip(&counts) {
        println!("{:5} {}", count, tool["name"].as_str().unwrap());
    }
    let all: usize = counts.iter().sum();
    println!("{all:5} in all");
    assert!(all < TOOL_LIST, "{all} tokens");
}

/// Models with many kinds of modules and long plans.
const LARGE: [&str; 2] = ["deepseek_v3", "qwen3_next"];
/// Models with long modular files, none of which begins from another of them.
const LONG: [&str; 4] = ["gemma3n", "glm4_moe", "qwen3_next", "qwen3_omni_moe"];

#[test]
fn no_answer_takes_too_much() {
    engines();
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let hub = FakeHub::with(varied(), Duration::ZERO, 100);
    let variables = vec![
        ("HF_ENDPOINT", hub.url.clone()),
        ("HF_HOME", folder.path().join("hub").display().to_string()),
        ("GITHUB_API_URL", "http://127.0.0.1:9".into()),
    ];
    let checkout = folder.path().join("checkout");
    let package = checkout.join("src/transformers");
    library(&package, &models());
    let modeling = |it: &str| package.join(format!("models/{it}/modeling_{it}.py"));
    for model in LONG {
        fs::write(modeling(model), "# Nothing is as it was.\n").unwrap();
    }
    let arguments = vec!["--root".as_ref(), checkout.as_os_str()];
    let settings = Settings { arguments, variables, ..Generation::Stateless.into() };
    let mut client = Client::stdio(settings, &runs);
    let mut answers: Vec<(String, Value)> = Vec::new();
    let call = json!({
        "files": LONG, "transformers": checkout, "diff": true, "formatter": "embedded",
    });
    answers
        .push(("convert 4 files, all differ".into(), called(&mut client, "convert_modular", call)));
    let call = json!({"files": [modeling("gemma4")], "transformers": checkout});
    answers.push(("scaffold gemma4".into(), called(&mut client, "scaffold_modular", call)));
    for model in LARGE {
        let call = json!({"model": model, "limit": 400});
        answers
            .push((format!("inspect {model}"), called(&mut client, "inspect_architecture", call)));
    }
    let call = json!({"model": "llama", "most": 150, "limit": 100});
    answers.push(("find 120 candidates".into(), called(&mut client, "find_candidates", call)));
    let call = json!({"engines": "torch,mlx", "model_type": "gemma2", "checks": ["logits", "taps"], "wait": true});
    let run = client.call("run_parity", call)["data"]["run"].as_str().unwrap().to_owned();
    for (tool, call) in [
        ("parity_result", json!({"run": run, "limit": 100})),
        ("explain_divergence", json!({"run": run, "limit": 100})),
        ("draft_report", json!({"run": run, "target": "mlx-lm"})),
    ] {
        answers.push((tool.into(), called(&mut client, tool, call)));
    }
    for name in ["evidence", "report", "page"] {
        let uri = format!("portwright://runs/{run}/{name}");
        answers.push((uri.clone(), client.ask("read", json!({"uri": uri}))));
    }
    client.leave();
    let texts: Vec<String> = answers.iter().map(|it| it.1.to_string()).collect();
    let counts = tokens(&texts);
    for ((name, _), count) in answers.iter().zip(&counts) {
        println!("{count:6} {name}");
    }
    for ((name, _), count) in answers.iter().zip(&counts) {
        assert!(*count < ANSWER, "{name}: {count} tokens");
    }
}

/// An answer as the protocol has it: the data and the text.
fn called(client: &mut Client, tool: &str, arguments: Value) -> Value {
    let answer = client.call(tool, arguments);
    json!({"structuredContent": answer["data"], "content": answer["text"]})
}

/// Checkpoints of which no two have the same config.
fn varied() -> Vec<Repository> {
    let one = |idx: usize| {
        let config = json!({
            "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 8 + idx,
            "rope_theta": 10000.0 + idx as f64, "rms_norm_eps": 1e-6 * (1 + idx) as f64,
            "attention_bias": idx.is_multiple_of(2), "mlp_bias": idx.is_multiple_of(3), "head_dim": 8 + idx,
            "tie_word_embeddings": idx.is_multiple_of(5), "hidden_act": if idx.is_multiple_of(7) { "gelu" } else { "silu" },
            "max_position_embeddings": 1024 * (1 + idx), "initializer_range": 0.001 * idx as f64,
            "an_unknown_field_of_the_config": format!("value {idx}"),
        });
        Repository::new(&format!("organisation-{idx}/a-checkpoint-with-a-long-name-{idx}"))
            .tag("llama")
            .file("config.json", config.to_string())
            .file("model.safetensors", safetensors(&[("model.embed_tokens.weight", &[16, 8])]))
    };
    (0..120).map(one).collect()
}
