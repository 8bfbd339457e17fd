//! What a definition is told reaches it under the names by which it takes it, or the question is refused.
//!
//! Releases of transformers rename arguments: what was read before was `past_key_values` and is `cache`
//! since 5.24. Here llama's forward is given such names, with a decorator that takes the older one.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{fs, path::Path, time::Duration};

use portwright_harness::{
    cancel::Cancel,
    engine::{EngineError, EngineKind, Session, Sources, Worker},
    tensors::{Tensor, TensorFile},
};
use portwright_tests::{checkout::library, program::launch};
use serde_json::{Value, json};

/// Both run definitions, and by the same code.
const ENGINES: [EngineKind; 2] = [EngineKind::Torch, EngineKind::Embedded];
/// The definition that is changed, and what transformers imports natively whatever one asks of it.
const MODELS: [&str; 6] = ["llama", "gemma", "gpt2", "qwen2", "qwen3_5", "t5"];
const DEADLINE: Duration = Duration::from_mins(2);
/// Decoding differs from one forward by rounding only.
const ROUNDING: f64 = 1e-4;

/// The names under which llama takes its mask and its past, and returns the latter.
struct Names {
    mask: &'static str,
    past: &'static str,
    returned: &'static str,
}

impl Names {
    const fn of_the_past(past: &'static str, returned: &'static str) -> Self {
        Self { mask: "attention_mask", past, returned }
    }

    /// A copy of transformers whose llama has these names.
    fn library(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("transformers");
        library(&package, &MODELS);
        let path = package.join("models/llama/modeling_llama.py");
        let added = include_str!("../references/renamed_arguments.py")
            .replace("MASK", self.mask)
            .replace("PAST", self.past)
            .replace("RETURNED", self.returned);
        fs::write(&path, fs::read_to_string(&path).unwrap() + "\n\n" + &added).unwrap();
        folder
    }

    /// Opens a llama of this library in each engine, and asks it something.
    fn ask<T>(&self, ask: impl Fn(&mut Session<'_>, &Path) -> T) -> [T; 2] {
        let folder = self.library();
        ENGINES.map(|engine| asked(engine, folder.path(), &ask))
    }
}

fn asked<T>(engine: EngineKind, folder: &Path, ask: impl Fn(&mut Session<'_>, &Path) -> T) -> T {
    let sources = Sources { definition: Some(folder.to_owned()), ..Sources::default() };
    let cancel = Cancel::default();
    let mut worker = Worker::spawn(engine, &launch(), &sources, DEADLINE, cancel).unwrap();
    let mut session = worker.session().unwrap();
    let checkpoint = folder.join("checkpoint");
    let synthesis = json!({
        "model_type": "llama", "spelling": "rope_theta", "tie": null, "overrides": {},
        "base_config": null, "dtype": "float32", "seed": 0, "out": checkpoint,
    });
    session.call::<Value>("synthesize", synthesis).unwrap();
    let open = json!({"handle": "a", "checkpoint": checkpoint, "dtype": "float32"});
    session.call::<Value>("open", open).unwrap();
    ask(&mut session, folder)
}

/// The logits of two rows of tokens, asked with `more`.
#[expect(clippy::needless_pass_by_value, reason = "its callers write the value in place")]
fn logits(session: &mut Session<'_>, folder: &Path, more: Value) -> Result<Tensor, EngineError> {
    let out = folder.join("logits.safetensors");
    let rows: [Vec<u32>; 2] = [(10..22).collect(), (30..42).rev().collect()];
    let mut request = json!({"handle": "a", "tokens": rows, "out": out});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    session.call::<Value>("forward", request)?;
    Ok(TensorFile::open(&out).unwrap().tensor("logits").unwrap())
}

#[test]
fn a_past_that_a_release_renamed_is_not_forgotten() {
    let names = [
        Names::of_the_past("past_key_values", "past_key_values"),
        Names::of_the_past("cache", "cache"),
        Names::of_the_past("cache", "past_key_values"),
        Names::of_the_past("past_key_values", "cache"),
    ];
    for names in &names {
        let answers = names.ask(|session, folder| {
            let full = logits(session, folder, json!({})).unwrap();
            (full, logits(session, folder, json!({"chunks": [8, 1, 1, 2]})).unwrap())
        });
        for (engine, (full, decoded)) in ENGINES.iter().zip(answers) {
            assert_eq!(full.shape, decoded.shape);
            let differences = full.values.iter().zip(&decoded.values).map(|(a, b)| (a - b).abs());
            let most = differences.fold(0.0, f64::max);
            assert!(most < ROUNDING, "{}, {}: {most}", names.past, engine.id());
        }
    }
}

/// Appended to llama's definition: code that came with a checkpoint, and asks for a cache that is there.
const NEEDS_A_CACHE: &str = "

import functools as _functools

_plain = LlamaForCausalLM.forward


@_functools.wraps(_plain)
def _forward(self, *args, use_cache=None, cache=None, **kwargs):
    if use_cache and cache is None:
        raise TypeError('no cache was handed over')
    return _plain(self, *args, use_cache=use_cache, cache=cache, **kwargs)


LlamaForCausalLM.forward = _forward
";

#[test]
fn the_first_call_is_handed_a_cache_as_generate_hands_it() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("transformers");
    library(&package, &MODELS);
    let path = package.join("models/llama/modeling_llama.py");
    fs::write(&path, fs::read_to_string(&path).unwrap() + NEEDS_A_CACHE).unwrap();
    for engine in ENGINES {
        asked(engine, folder.path(), |session, folder| {
            logits(session, folder, json!({"chunks": [8, 1, 1, 2]})).unwrap()
        });
    }
}

/// What nobody takes would be lost silently: it is named, with what the definition does take.
#[test]
fn an_argument_that_the_definition_takes_under_no_name_is_refused() {
    let chunks = json!({"chunks": [8, 4]});
    let padded = json!({"padding": "left", "lengths": [12, 8]});
    let mask = Names { mask: "mask", past: "cache", returned: "cache" };
    let cases = [
        (mask, padded, "takes no `attention_mask`"),
        (Names::of_the_past("memory", "cache"), chunks.clone(), "returns its cache as `cache`"),
        (Names::of_the_past("memory", "memory"), chunks, "returns no cache and takes none"),
    ];
    for (names, more, words) in &cases {
        let answers = names.ask(|session, folder| logits(session, folder, more.clone()));
        for (engine, answer) in ENGINES.iter().zip(answers) {
            let error = answer.unwrap_err();
            let EngineError::Refused { failure, .. } = &error else { panic!("{error:?}") };
            assert_eq!(failure.kind, "unsupported", "{error}");
            assert!(error.to_string().contains(words), "{}: {error}", engine.id());
        }
    }
}

/// Rows of one length have nothing to mask, so nothing is lost where no mask is taken.
#[test]
fn a_mask_that_masks_nothing_may_be_left_out() {
    let names = Names { mask: "mask", past: "cache", returned: "cache" };
    let answers = names.ask(|session, folder| {
        let even = json!({"padding": "right", "lengths": [12, 12]});
        (logits(session, folder, json!({})).unwrap(), logits(session, folder, even).unwrap())
    });
    for (engine, (plain, even)) in ENGINES.iter().zip(answers) {
        assert_eq!(plain.values, even.values, "{}", engine.id());
    }
}
