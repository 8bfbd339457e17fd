//! Tiny checkpoints are made by rule, for definitions that nobody looked at before: every kind of layer is
//! built, parts of the depth fit together, and what is set is set in the way that published files have it.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{fs, path::Path, process::Command, time::Duration};

use portwright_harness::{
    cancel::Cancel,
    engine::{EngineKind, Session, Sources, Synthesised, Worker},
    tensors::{Tensor, TensorFile},
};
use portwright_tests::program::{launch, portwright};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_mins(2);

/// Asks PyTorch, with a folder for what it writes.
fn asking<T>(ask: impl Fn(&mut Session<'_>, &Path) -> T) -> T {
    let cancel = Cancel::default();
    let torch = EngineKind::Torch;
    let mut worker =
        Worker::spawn(torch, &launch(), &Sources::default(), DEADLINE, cancel).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut session = worker.session().unwrap();
    ask(&mut session, folder.path())
}

/// A checkpoint of a type with these fields set, and its config.json.
fn made(
    session: &mut Session<'_>,
    folder: &Path,
    model_type: &str,
    overrides: &Value,
) -> (Synthesised, Value) {
    let out = folder.join(model_type);
    let request = json!({
        "model_type": model_type, "spelling": "rope_theta", "tie": null, "overrides": overrides,
        "base_config": null, "dtype": "float32", "seed": 0, "out": out,
    });
    let made = session.call("synthesize", request).unwrap();
    let config = fs::read_to_string(out.join("config.json")).unwrap();
    (made, serde_json::from_str(&config).unwrap())
}

/// Logits of twelve tokens of the checkpoint in `folder`, in float64.
fn logits(session: &mut Session<'_>, folder: &Path, model_type: &str, chunks: &Value) -> Tensor {
    let open = json!({"handle": "a", "checkpoint": folder.join(model_type), "dtype": "float64"});
    session.call::<Value>("open", open).unwrap();
    let out = folder.join("logits.safetensors");
    let tokens: [Vec<u32>; 1] = [(10..22).collect()];
    let request = json!({"handle": "a", "tokens": tokens, "chunks": chunks, "out": out});
    session.call::<Value>("forward", request).unwrap();
    TensorFile::open(&out).unwrap().tensor("logits").unwrap()
}

fn most(a: &Tensor, b: &Tensor) -> f64 {
    a.values.iter().zip(&b.values).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn a_kind_of_layer_that_the_class_default_lacks_is_built() {
    asking(|session, folder| {
        for (model_type, field) in [("bamba", "attn_layer_indices"), ("mellum", "mlp_layer_types")]
        {
            let (made, config) = made(session, folder, model_type, &json!({}));
            assert!(made.unbuilt.is_empty(), "{model_type}: {:?}", made.unbuilt);
            assert!(made.notes.iter().any(|it| it.contains(field)), "{:?}", made.notes);
            assert!(config[field].is_array(), "{config}");
        }
        // What only another model of the type has is said not to be there.
        let (dense, _) = made(session, folder, "gemma4_text", &json!({}));
        assert!(dense.unbuilt.contains_key("Gemma4TextRouter"), "{:?}", dense.unbuilt);
    });
}

/// Loops over a stretch of the layers, heads that leave rows of the embedding out, towers whose layers are
/// told apart by number, scales that are measured in `initializer_range`.
#[test]
fn sizes_that_depend_on_each_other_fit_and_the_model_decodes_as_it_reads() {
    let decode = json!([8, 1, 1, 1, 1]);
    asking(|session, folder| {
        for model_type in ["dory", "dots3_note", "bamba"] {
            made(session, folder, model_type, &json!({}));
            let full = logits(session, folder, model_type, &Value::Null);
            let decoded = logits(session, folder, model_type, &decode);
            assert!(most(&full, &decoded) < 1e-4, "{model_type}: {}", most(&full, &decoded));
            let largest = full.values.iter().fold(0.0, |top: f64, it| top.max(it.abs()));
            assert!((0.5..50.0).contains(&largest), "{model_type}: {largest}");
        }
        let (made, config) = made(session, folder, "inkling2_text", &json!({}));
        let head = config["unpadded_vocab_size"].as_u64().unwrap();
        assert!(head < u64::from(made.vocab_size), "{config}");
    });
}

#[test]
fn a_field_that_only_the_definition_asks_for_can_be_set_and_wins_over_published_values() {
    asking(|session, folder| {
        for model_type in ["mixtral", "qwen3_moe"] {
            let (_, config) = made(session, folder, model_type, &json!({"head_dim": 24}));
            assert_eq!(config["head_dim"], 24, "{model_type}");
            let q = folder.join(model_type).join("model.safetensors");
            let q = TensorFile::open(&q).unwrap();
            let q = q.tensor("model.layers.0.self_attn.q_proj.weight").unwrap();
            assert_eq!(q.shape[0], 4 * 24, "{model_type}");
        }
    });
}

#[test]
fn scaling_that_is_set_is_that_of_full_attention_and_keeps_the_older_spelling() {
    asking(|session, folder| {
        let scaling = json!({"rope_scaling": {"rope_type": "linear", "factor": 4.0}});
        for model_type in ["gemma3_text", "olmo3"] {
            let (made, config) = made(session, folder, model_type, &scaling);
            assert_eq!(made.spelling.as_deref(), Some("rope_theta"), "{:?}", made.spelling_note);
            assert_eq!(config["rope_scaling"]["factor"], 4.0, "{config}");
            assert!(config["rope_parameters"].is_null(), "{config}");
        }
    });
}

/// What the library tells its own user to do is not what ours can: each way of packing weights that needs a
/// library of its own.
#[test]
fn weights_that_need_a_library_of_their_own_are_refused_with_what_to_do() {
    asking(|session, folder| {
        made(session, folder, "llama", &json!({}));
        let path = folder.join("llama/config.json");
        let plain: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for method in ["gptq", "awq", "bitsandbytes", "mxfp4", "compressed-tensors"] {
            let mut config = plain.clone();
            config["quantization_config"] =
                json!({"quant_method": method, "bits": 4, "load_in_4bit": true});
            fs::write(&path, config.to_string()).unwrap();
            let open =
                json!({"handle": "a", "checkpoint": folder.join("llama"), "dtype": "float32"});
            let refused = session.call::<Value>("open", open).unwrap_err();
            assert!(refused.to_string().contains(&format!("packed (`{method}`)")), "{refused}");
            let hint = refused.failure().unwrap().hint.clone().unwrap();
            assert!(hint.contains("plain floats") && !hint.contains("pip"), "{hint}");
        }
    });
}

/// A definition that left the scales out would be another model, and no measure for a port.
#[test]
fn a_checkpoint_in_fp8_is_the_same_model_but_for_what_eight_bits_cost() {
    asking(|session, folder| {
        let wide = json!({"hidden_size": 256, "intermediate_size": 256});
        made(session, folder, "llama", &wide);
        let whole = logits(session, folder, "llama", &Value::Null);
        let zeros = Tensor { values: vec![0.0; whole.values.len()], ..whole.clone() };
        let scale = most(&whole, &zeros);
        for holds in ["fp8-blocks", "fp8-tensors"] {
            let out = folder.join(holds);
            let request = json!({
                "model_type": "llama", "spelling": "rope_theta", "overrides": {}, "seed": 0,
                "dtype": "float32", "holds": holds, "out": out,
            });
            let made: Synthesised = session.call("synthesize", request).unwrap();
            assert_eq!(made.otherwise.len(), 4 * 7, "{:?}", made.notes);
            assert!(made.otherwise.iter().all(|it| it.ends_with(".weight_scale_inv")));
            let rounded = most(&whole, &logits(session, folder, holds, &Value::Null)) / scale;
            assert!(0.0 < rounded && rounded < 0.2, "{holds}: {rounded}");
        }
    });
}

/// One port that is right, one that multiplies bytes, one without code for scales, and engines that read none.
#[test]
fn a_port_is_held_to_the_definition_on_weights_in_fp8() {
    let check = |model_type: &str, more: &[&str]| {
        let out = tempfile::tempdir().unwrap();
        let mut command = Command::new(portwright());
        command.args(["verify", model_type, "--checks", "weights-fp8", "--json"]).args(more);
        let ran = command.arg("--out").arg(out.path().join("run")).output().unwrap();
        let evidence = fs::read_to_string(out.path().join("run/evidence.json"));
        let said = String::from_utf8_lossy(&ran.stderr);
        let evidence: Value = serde_json::from_str(&evidence.expect(&said)).unwrap();
        evidence["checks"][0].clone()
    };
    let right = check("minimax_m2", &["--native"]);
    assert_eq!(right["outcome"], "pass", "{right}");
    assert_eq!(right["figures"][0]["id"], "max-abs-blocks", "{right}");
    let wrong = check("ministral3", &["--native"]);
    assert_eq!(
        (&wrong["outcome"], &wrong["figures"][0]["id"]),
        (&json!("fail"), &json!("max-abs-tensors"))
    );
    let without = check("llama", &["--native"]);
    assert_eq!(without["outcome"], "not-applicable", "{without}");
    assert!(without["absence"]["reason"].as_str().unwrap().contains("no code for fp8 weights"));
    let embedded = check("minimax_m2", &["--engines", "embedded,embedded-mlx"]);
    assert_eq!(embedded["outcome"], "not-applicable", "{embedded}");
}

/// A field may be left out if transformers reads the same config without it, alone and with the others.
#[test]
fn config_json_can_leave_out_what_has_the_definitions_default() {
    asking(|session, folder| {
        let set = json!({"rms_norm_eps": 1e-6, "rope_theta": 500.0});
        made(session, folder, "llama", &set);
        let request = json!({"checkpoint": folder.join("llama"), "kept": ["mlp_bias"]});
        let spare = session.call::<Value>("spare_fields", request).unwrap();
        let spare: Vec<&str> = spare["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["path"][0].as_str().unwrap())
            .collect();
        for name in ["rms_norm_eps", "tie_word_embeddings", "hidden_act", "attention_bias"] {
            assert!(spare.contains(&name), "{name} is not in {spare:?}");
        }
        for name in ["hidden_size", "rope_theta", "model_type", "mlp_bias", "num_key_value_heads"] {
            assert!(!spare.contains(&name), "{name} is in {spare:?}");
        }
    });
}
