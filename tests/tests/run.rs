//! `portwright run`, held to transformers itself: the same ids, the same text, the same prompts.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use jiff::{civil::date, tz::TimeZone};
use portwright_tests::{
    command::{Ended, start},
    program::engines,
};
use portwright_tools::run::chat::{ChatError, ChatTemplate};
use serde_json::{Value, json};
use tempfile::TempDir;

const MODELS: [&str; 6] = ["llama", "qwen3", "gemma3_text", "mamba2", "mixtral", "toy"];
const COULD_NOT_RUN: i32 = 2;
const TEMPLATES: usize = 6;

fn references() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("references")
}

/// Runs a script of `references` in the engines' own Python.
fn ask(script: &str, arguments: &[&Path], home: &Path) {
    let mut command = Command::new(&engines().python);
    command.arg(references().join(script)).args(arguments);
    // Code that a checkpoint brings is copied into the Hub's cache before it is imported.
    let output = command.env("HF_HOME", home).env("HF_HUB_OFFLINE", "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A checkpoint of each model, and what transformers generates from it.
fn made() -> &'static Path {
    static MADE: LazyLock<TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        ask("generate.py", &[folder.path()], &folder.path().join("hub"));
        folder
    });
    MADE.path()
}

fn told(model: &str) -> Value {
    let text = fs::read_to_string(made().join(format!("{model}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// `portwright run MODEL`, on the pinned release.
fn run(folder: &Path, model: &Path, more: &[&str]) -> Ended {
    let transformers = engines().site_packages.to_str().unwrap();
    let model = model.to_str().unwrap();
    let words = ["run", model, "--transformers", transformers, "-n", "24"];
    start(folder, words.iter().chain(more)).ended()
}

#[test]
fn ids_and_text_are_those_of_transformers() {
    let folder = tempfile::tempdir().unwrap();
    for model in MODELS {
        let told = told(model);
        let mut words = vec!["--json", "--prompt", told["given"].as_str().unwrap()];
        if let Some(system) = told["system"].as_str() {
            words.extend(["--system", system]);
        }
        let ended = run(folder.path(), &made().join(model), &words);
        ended.expect(0, &["tokens/s", "peak memory"]);
        let found: Value = serde_json::from_str(&ended.stdout).unwrap();
        for field in ["prompt", "prompt_ids", "ids", "text"] {
            assert_eq!(found[field], told[field], "{model}: {field}");
        }
    }
}

#[test]
fn what_is_told_as_it_comes_is_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let told = told("llama");
    let text = told["text"].as_str().unwrap();
    let prompt = told["given"].as_str().unwrap();
    let ended = run(folder.path(), &made().join("llama"), &["--prompt", prompt]);
    assert_eq!(ended.stdout, format!("{text}\n"), "{}", ended.said());
    // A text that comes twice ends the answer where it comes first.
    let stop: String = text.chars().skip(5).take(2).collect();
    let ended = run(folder.path(), &made().join("llama"), &["--prompt", prompt, "--stop", &stop]);
    let before = text.split_once(&stop).unwrap().0;
    assert_eq!(ended.stdout, format!("{before}\n"), "{}", ended.said());
    assert!(ended.stderr.contains("a stop text came"), "{}", ended.said());
}

#[test]
fn draws_follow_their_seed_and_one_choice_is_no_draw() {
    let folder = tempfile::tempdir().unwrap();
    let ids = |more: &[&str]| {
        let words = [&["--json", "--prompt", "the cat"], more].concat();
        let ended = run(folder.path(), &made().join("llama"), &words);
        ended.expect(0, &[]);
        serde_json::from_str::<Value>(&ended.stdout).unwrap()["ids"].clone()
    };
    let drawn = ids(&["--temperature", "3", "--seed", "1"]);
    assert_eq!(ids(&["--temperature", "3", "--seed", "1"]), drawn);
    assert_ne!(ids(&["--temperature", "3", "--seed", "2"]), drawn);
    let best = ids(&[]);
    assert_ne!(best, drawn);
    for one in [["--top-k", "1"], ["--top-p", "0"], ["--min-p", "1"], ["--temperature", "0"]] {
        assert_eq!(ids(&one), best, "{one:?}");
    }
}

#[test]
fn templates_give_what_transformers_makes_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let (templates, out) = (references().join("templates"), folder.path().join("told.json"));
    let conversations = templates.join("conversations.json");
    ask("templates.py", &[&templates, &conversations, &out], folder.path());
    let read = |path: &Path| -> Value {
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let (told, conversations) = (read(&out), read(&conversations));
    let now = date(2026, 1, 31).at(12, 5, 0, 0).to_zoned(TimeZone::UTC).unwrap();
    let tokens = json!({"bos_token": "<s>", "eos_token": "</s>"}).as_object().unwrap().clone();
    let mut seen = 0;
    for (file, rows) in told.as_object().unwrap() {
        let text = fs::read_to_string(templates.join(file)).unwrap();
        let template = ChatTemplate { file: file.clone(), text, tokens: tokens.clone() };
        seen += 1;
        for (name, expected) in rows.as_object().unwrap() {
            let found = template.render(&conversations[name], &now);
            match expected {
                Value::String(text) => {
                    assert_eq!(&found.unwrap(), text, "{file} with {name}");
                }
                refused => match found.unwrap_err() {
                    ChatError::Refused(words) => assert_eq!(refused["refused"], words, "{file}"),
                    ChatError::Template { .. } => {}
                    other => panic!("{file} with {name}: {other}"),
                },
            }
        }
    }
    assert_eq!(seen, TEMPLATES);
}

/// A copy of the tiny llama's checkpoint, to spoil.
fn copy() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(made().join("llama")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

/// What the command says of a checkpoint that was spoiled.
fn spoiled(spoil: impl FnOnce(&Path), said: &[&str]) {
    let (folder, checkpoint) = (tempfile::tempdir().unwrap(), copy());
    spoil(checkpoint.path());
    run(folder.path(), checkpoint.path(), &["--prompt", "a"]).expect(COULD_NOT_RUN, said);
}

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

#[test]
fn what_a_checkpoint_lacks_is_said_with_the_next_step() {
    spoiled(
        |it| {
            fs::rename(it.join("tokenizer.json"), it.join("tokenizer.model")).unwrap();
        },
        &["has no tokenizer.json, only tokenizer.model", "hint: transformers writes one"],
    );
    spoiled(
        |it| {
            fs::write(it.join("chat_template.jinja"), "{{ bos_token }}\n{{ messages | nope }}")
                .unwrap();
        },
        &["`chat_template.jinja` line 2", "nope", "hint: `--no-chat-template`"],
    );
    spoiled(
        |it| edit(&it.join("config.json"), |it| it["model_type"] = "no_such_type".into()),
        &["`no_such_type` is not a model type"],
    );
    spoiled(
        |it| edit(&it.join("config.json"), |it| it["num_hidden_layers"] = 4.into()),
        &[
            "does not fill the model: no tensor for `model.layers.3.",
            "more",
            "hint: `portwright inspect",
        ],
    );
    spoiled(|it| fs::write(it.join("model.safetensors"), "cut").unwrap(), &["checkpoint"]);
    spoiled(
        |it| fs::write(it.join("tokenizer.json"), "{}").unwrap(),
        &["cannot be read as a tokenizer"],
    );
}
