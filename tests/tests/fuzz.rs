//! Mutated definitions: whatever a file says, it ends in a Python error or a limit, never in a panic, a
//! dead process without a reason, or a touched world.
//!
//! `FUZZ_SECONDS=600 FUZZ_SEED=1 cargo test --workspace --test fuzz -- --ignored --nocapture`

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]
#![allow(clippy::print_stdout, reason = "the counts are the result")]

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    time::{Duration, Instant},
};

use portwright_harness::{
    cancel::Cancel,
    engine::{EngineError, EngineKind, Sources, Worker},
};
use portwright_tests::{checkout::library, program::launch};
use serde_json::{Value, json};

const MODELS: [&str; 10] = [
    "llama",
    "gemma2",
    "phi3",
    "gpt_oss",
    "deepseek_v3",
    "mamba2",
    "qwen3_moe",
    "olmo3",
    "gpt2",
    "falcon",
];
const DEADLINE: Duration = Duration::from_secs(15);

/// What takes the place of an expression, or stands as a line of its own.
const SPLICES: [&str; 24] = [
    "None",
    "-1",
    "0",
    "10**30",
    "float('nan')",
    "float('inf')",
    "[]",
    "()",
    "{}",
    "''",
    "'x' * 10**9",
    "torch.zeros(0)",
    "torch.zeros(3, 0, 2)",
    "torch.tensor(True)",
    "torch.ones(2, 3)[::2]",
    "torch.arange(10**7)",
    "torch.zeros(1).expand(10**6, 10**6)",
    "torch.tensor([[1, 2], [3, 4]])",
    "hidden_states",
    "self",
    "lambda *a: a",
    "hidden_states.transpose(0, -1)",
    "open(CANARY, 'w')",
    "__import__('os').environ",
];

/// A small generator, the same everywhere for the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end.max(1) as u64).unwrap()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// A text with one to four of its lines or words changed.
fn mutated(text: &str, dice: &mut Dice, canary: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // The body of the file; its head is the licence and the imports.
    let start = lines.len() / 10;
    for _ in 0..=dice.below(4) {
        let at = start + dice.below(lines.len() - start);
        let other = start + dice.below(lines.len() - start);
        let splice = dice.one(&SPLICES).replace("CANARY", canary);
        match dice.below(7) {
            0 => lines.swap(at, other),
            1 => {
                let copy = lines[other].clone();
                lines[at] = copy;
            }
            2 => {
                let line = lines[at].clone();
                lines.insert(at, line);
            }
            3 => {
                lines.remove(at);
            }
            4 => {
                let line = &lines[at];
                let indentation = &line[..line.len() - line.trim_start().len()];
                let line = format!("{indentation}{splice}");
                lines.insert(at, line);
            }
            _ => lines[at] = with_word_replaced(&lines[at], &splice, dice),
        }
    }
    lines.join("\n")
}

/// A number or a name of a line, replaced.
fn with_word_replaced(line: &str, splice: &str, dice: &mut Dice) -> String {
    let is_word = |it: char| it.is_alphanumeric() || "_.".contains(it);
    let words: Vec<&str> = line.split(|it| !is_word(it)).filter(|it| !it.is_empty()).collect();
    if words.is_empty() {
        return splice.to_owned();
    }
    let word = *dice.one(&words);
    line.replacen(word, splice, 1)
}

/// A config with one of its values changed.
fn with_value_replaced(config: &mut Value, dice: &mut Dice) {
    let values = [
        json!(-1),
        json!(0),
        json!(1e30),
        json!(null),
        json!("x"),
        json!([]),
        json!({}),
        json!(3),
        json!(1u64 << 40),
        json!(true),
    ];
    let Some(fields) = config.as_object_mut() else { return };
    let names: Vec<String> = fields.keys().filter(|it| *it != "model_type").cloned().collect();
    fields.insert(dice.one(&names).clone(), dice.one(&values).clone());
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(default)
}

#[test]
#[ignore = "runs as long as it is told"]
fn mutated_definitions_end_in_errors() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("transformers");
    library(&package, &MODELS);
    let mut launch = launch();
    launch.embedded.limits.memory_bytes = 2 << 30;
    let transformers = Some(folder.path().to_owned());
    let sources = Sources { definition: transformers, ..Sources::default() };
    let spawn = || {
        Worker::spawn(EngineKind::Embedded, &launch, &sources, DEADLINE, Cancel::default()).unwrap()
    };
    let mut worker = spawn();
    let place = folder.path().join("place");
    fs::create_dir(&place).unwrap();
    let canary = place.join("canary");
    let originals: Vec<(&str, String, String)> = MODELS
        .iter()
        .map(|&model| {
            let out = folder.path().join("checkpoints").join(model);
            let request = json!({
                "model_type": model, "spelling": "rope_theta", "tie": null, "overrides": {},
                "base_config": null, "dtype": "float32", "seed": 0, "out": out,
            });
            worker.session().unwrap().call::<Value>("synthesize", request).unwrap();
            let file = package.join(format!("models/{model}/modeling_{model}.py"));
            let config = fs::read_to_string(out.join("config.json")).unwrap();
            (model, fs::read_to_string(file).unwrap(), config)
        })
        .collect();

    let (seed, seconds) = (number("FUZZ_SEED", 0), number("FUZZ_SECONDS", 20));
    let mut dice = Dice(seed);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut bad = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) {
        let (model, text, config) = dice.one(&originals);
        let file = package.join(format!("models/{model}/modeling_{model}.py"));
        let checkpoint = folder.path().join("checkpoints").join(model);
        let changed = mutated(text, &mut dice, &canary.to_string_lossy());
        fs::write(&file, &changed).unwrap();
        if dice.below(4) == 0 {
            let mut fields: Value = serde_json::from_str(config).unwrap();
            with_value_replaced(&mut fields, &mut dice);
            fs::write(checkpoint.join("config.json"), fields.to_string()).unwrap();
        }
        let outcome = asked(&mut worker, &checkpoint, &folder.path().join("out.safetensors"));
        let kind = kind(&outcome);
        if kind.starts_with("bad") || canary.exists() {
            let kept = folder.path().join(format!("bad-{}.py", bad.len()));
            fs::write(&kept, &changed).unwrap();
            bad.push(format!("{kind}: {model}: {outcome:?}"));
            println!("{}", bad[bad.len() - 1]);
        }
        *counts.entry(kind).or_default() += 1;
        fs::write(&file, text).unwrap();
        fs::write(checkpoint.join("config.json"), config).unwrap();
        if !worker.is_alive() {
            worker = spawn();
        }
    }
    println!("seed {seed}, {seconds} s: {counts:#?}");
    assert!(bad.is_empty(), "{} of them are bad:\n{}", bad.len(), bad.join("\n"));
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
}

fn asked(worker: &mut Worker, checkpoint: &Path, out: &Path) -> Result<Value, EngineError> {
    let mut session = worker.session()?;
    let open = json!({"handle": "a", "checkpoint": checkpoint, "dtype": "float32"});
    session.call::<Value>("open", open)?;
    session.call("forward", json!({"handle": "a", "tokens": [[1, 2, 3, 4]], "out": out}))
}

fn kind(outcome: &Result<Value, EngineError>) -> String {
    match outcome {
        Ok(_) => "answers".to_owned(),
        // The program was replaced, or the machine is full: no definition has run.
        Err(EngineError::Refused { op, .. }) if op == "session" => "bad: no session".to_owned(),
        Err(EngineError::Refused { failure, .. }) => match &*failure.kind {
            "panic" => "bad: panic".to_owned(),
            "exception" => "Python error".to_owned(),
            kind => kind.to_owned(),
        },
        Err(EngineError::Late { .. }) => "late".to_owned(),
        Err(EngineError::Died { how, .. }) if how.contains("limit") || how.contains("stack") => {
            "died of a limit".to_owned()
        }
        Err(EngineError::Died { .. }) => "bad: died".to_owned(),
        Err(_) => "bad: protocol".to_owned(),
    }
}
