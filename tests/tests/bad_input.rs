//! What goes wrong on a user's machine: each case ends with its exit code, says what happened and what
//! to do next, and leaves no worker behind.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};
use portwright_harness::{
    cancel::Cancel,
    case::{Precision, Spelling},
    engine::{Catalogue, EngineError, Holds, Pair, Sources, Synthesis, Synthesised},
    gather::Lane,
    hint::Hint,
    rundir::{EVIDENCE, RunDir},
};
use portwright_tests::{
    checkout,
    command::{Ended, start, start_as},
    program::{engines, launch, portwright},
    right,
};
use safetensors::{Dtype, serialize, tensor::TensorView};
use serde_json::json;

/// The program failed before it had a verdict.
const COULD_NOT_RUN: i32 = 2;
const FAIL: i32 = 1;
const INTERRUPTED: i32 = 130;

/// `portwright verify ARGUMENTS --out run`, in `folder`.
fn verify(folder: &Path, arguments: &[&str]) -> Ended {
    engines();
    let words = ["verify", "--native"].iter().chain(arguments).chain(&["--out", "run"]);
    start(folder, words).ended()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_model_type_that_is_none_names_its_neighbours() {
    let folder = folder();
    verify(folder.path(), &["lama"])
        .expect(COULD_NOT_RUN, &["`lama` is not a model", "hint: nearest: llama"]);
    assert!(!folder.path().join("run").join(EVIDENCE).exists());
}

#[test]
fn a_field_that_the_config_does_not_have_is_refused() {
    verify(folder().path(), &["llama", "--set", "bogus=1"])
        .expect(COULD_NOT_RUN, &["LlamaConfig has no field `bogus`", "configuration_llama.py"]);
}

#[test]
fn a_spelling_that_the_model_does_not_have_is_refused_and_never_replaced() {
    let refused = "config.json cannot be written as `rope_theta` here: no published config.json";
    verify(folder().path(), &["ministral3", "--spelling", "rope_theta"])
        .expect(COULD_NOT_RUN, &[refused]);
    verify(folder().path(), &["gpt2", "--spelling", "rope_parameters"])
        .expect(COULD_NOT_RUN, &["there is one spelling only"]);
}

#[test]
fn a_checkout_that_is_not_there_is_named_before_anything_starts() {
    verify(folder().path(), &["llama", "--port", "no/such/checkout"])
        .expect(COULD_NOT_RUN, &["--port: `no/such/checkout` does not exist"]);
}

#[test]
fn a_model_without_a_port_is_told_at_once_and_one_that_cannot_be_imported_says_where() {
    let folder = folder();
    let models = checkout::mlx_lm(&folder.path().join("checkout"));
    fs::remove_file(models.join("llama.py")).unwrap();
    for words in [&["llama", "--port", "checkout"][..], &["bert"]] {
        let started = Instant::now();
        let text =
            format!("mlx-lm has no port of `{0}`: there is no mlx_lm/models/{0}.py", words[0]);
        let next = "hint: name the checkout that has the port, or begin one";
        verify(folder.path(), words).expect(COULD_NOT_RUN, &[&text, next]);
        assert!(started.elapsed() < Duration::from_secs(20), "an engine was started for nothing");
        assert!(!folder.path().join("run").exists(), "a run folder was left");
    }
    let port = models.join("olmo3.py");
    let text = fs::read_to_string(&port).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(19, "    def broken(:");
    fs::write(&port, lines.join("\n")).unwrap();
    verify(folder.path(), &["olmo3", "--mlx-lm", "checkout"]).expect(
        FAIL,
        &[
            "the port of `olmo3` cannot be imported: SyntaxError",
            "at mlx_lm/models/olmo3.py:20",
            "next:   `portwright explain run`",
        ],
    );
}

/// A tiny llama's config.json beside these bytes as its weights.
fn checkpoint(folder: &Path, weights: &[u8]) {
    let path = folder.join("checkpoint");
    fs::create_dir(&path).unwrap();
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 16,
        "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
        "num_hidden_layers": 1, "vocab_size": 32, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "max_position_embeddings": 128, "tie_word_embeddings": false,
    });
    fs::write(path.join("config.json"), config.to_string()).unwrap();
    fs::write(path.join("model.safetensors"), weights).unwrap();
}

fn safetensors(name: &str, shape: Vec<usize>) -> Vec<u8> {
    let bytes = vec![0; shape.iter().product::<usize>() * 4];
    let view = TensorView::new(Dtype::F32, shape, &bytes).unwrap();
    serialize([(name, view)], None).unwrap()
}

#[test]
fn a_truncated_checkpoint_is_told_from_a_wrong_port() {
    let folder = folder();
    let whole = safetensors("model.embed_tokens.weight", vec![32, 16]);
    checkpoint(folder.path(), &whole[..whole.len() / 2]);
    verify(folder.path(), &["llama", "--checkpoint", "checkpoint"])
        .expect(COULD_NOT_RUN, &["model.safetensors is truncated: the header promises"]);
}

#[test]
fn a_checkpoint_of_something_else_names_what_does_not_fit() {
    let folder = folder();
    checkpoint(folder.path(), &safetensors("unet.conv_in.weight", vec![4, 4]));
    verify(folder.path(), &["llama", "--checkpoint", "checkpoint"])
        .expect(COULD_NOT_RUN, &["the definition finds no fitting", "`model.embed_tokens.weight`"]);
}

/// A verdict about one model must not carry the name of another.
#[test]
fn a_checkpoint_is_judged_as_the_model_that_it_says_it_is() {
    let folder = folder();
    checkpoint(folder.path(), &safetensors("unet.conv_in.weight", vec![4, 4]));
    for other in ["gemma2", "nonexist"] {
        verify(folder.path(), &[other, "--checkpoint", "checkpoint"]).expect(
            COULD_NOT_RUN,
            &[
                &format!("is a `llama`, not a `{other}`"),
                "hint: leave the model type out, or verify `llama`",
            ],
        );
        assert!(!folder.path().join("run").join(EVIDENCE).exists());
    }
    // Alone it says itself what it is.
    verify(folder.path(), &["--checkpoint", "checkpoint"])
        .expect(COULD_NOT_RUN, &["the definition finds no fitting", "`model.embed_tokens.weight`"]);
}

#[test]
fn two_runs_do_not_write_to_one_folder() {
    let folder = folder();
    let _held = RunDir::open(&folder.path().join("run")).unwrap();
    verify(folder.path(), &["llama"])
        .expect(COULD_NOT_RUN, &["another run is writing to", "hint: wait for it", "--out"]);
}

#[test]
fn a_folder_of_other_things_is_left_alone() {
    let folder = folder();
    fs::create_dir(folder.path().join("run")).unwrap();
    fs::write(folder.path().join("run/thesis.tex"), "years of work").unwrap();
    verify(folder.path(), &["llama"])
        .expect(COULD_NOT_RUN, &["holds files that are not a run's", "hint: choose an empty"]);
}

#[test]
fn a_deadline_that_passes_says_how_to_give_more_time() {
    verify(folder().path(), &["llama", "--deadline", "0.001"]).expect(
        COULD_NOT_RUN,
        &["did not answer", "within 0.001 s", "hint: give it longer with `--deadline"],
    );
}

#[test]
fn a_full_disk_leaves_no_half_written_evidence() {
    let folder = folder();
    let run = folder.path().join("run");
    drop(RunDir::open(&run).unwrap());
    // Answers every write as a full disk does.
    symlink("/dev/full", run.join(format!("{EVIDENCE}.partial"))).unwrap();
    verify(folder.path(), &["llama"])
        .expect(COULD_NOT_RUN, &["failed to write `run/evidence.json`", "hint: the disk is full"]);
    assert!(!run.join(EVIDENCE).exists());
    assert!(fs::symlink_metadata(run.join(format!("{EVIDENCE}.partial"))).is_err());
}

#[test]
fn a_file_limit_that_stops_a_worker_is_an_error_of_the_run() {
    engines();
    let folder = folder();
    let mut shell = Command::new("sh");
    // Past the limit a write fails, as on a full disk; without the trap it would kill instead.
    shell.args(["-c", r#"trap '' XFSZ; ulimit -f 64; exec "$0" verify llama --out run"#]);
    shell.arg(portwright());
    start_as(folder.path(), shell).ended().expect(COULD_NOT_RUN, &["File too large"]);
    assert!(!folder.path().join("run").join(EVIDENCE).exists());
}

#[test]
fn a_killed_worker_costs_the_run_and_nothing_else() {
    engines();
    let folder = folder();
    let mut run = start(folder.path(), ["verify", "llama", "--native", "--out", "run"]);
    // The worker that was started first, whatever it is doing just now.
    run.until_workers(2)[0].kill();
    let ended = run.ended();
    ended.expect(COULD_NOT_RUN, &["the torch worker"]);
    assert!(
        ended.said().contains("SIGKILL") || ended.said().contains("signal 9"),
        "{}",
        ended.said()
    );
    assert!(!folder.path().join("run").join(EVIDENCE).exists());
}

/// The same from within, where the moment can be chosen: in the middle of a request.
#[test]
fn a_killed_session_ends_as_an_error_with_the_next_step() {
    let folder = folder();
    let deadline = Duration::from_mins(2);
    let mut lane =
        Lane::start(&launch(), Pair::native(), &Sources::default(), deadline, &Cancel::default())
            .unwrap();
    let [torch, _] = lane.workers();
    let mut session = torch.session().unwrap();
    // Reading it waits for a writer, so the request is under way for as long as we like.
    let config = folder.path().join("config.json");
    mkfifo(&config, Mode::S_IRWXU).unwrap();
    let synthesis = Synthesis {
        model_type: "llama".into(),
        spelling: Spelling::RopeTheta,
        tie: None,
        overrides: BTreeMap::new(),
        base_config: Some(config.clone()),
        dtype: Precision::Float32,
        seed: 0,
        holds: Holds::Published,
        head: None,
        out: folder.path().join("checkpoint"),
    };
    let pid = Pid::from_raw(session.pid());
    let killer = thread::spawn(move || {
        // Returns once the session has opened the other end.
        let _writer = File::options().write(true).open(config).unwrap();
        kill(pid, Signal::SIGKILL).unwrap();
    });
    let request = serde_json::to_value(&synthesis).unwrap();
    let err = session.call::<Synthesised>("synthesize", request).unwrap_err();
    killer.join().unwrap();
    assert!(matches!(err, EngineError::Died { .. }), "{err}");
    assert!(err.to_string().contains("the torch worker was ended by signal 9"), "{err}");
    assert!(err.hint().unwrap().contains("run it again"));
    drop(session);
    // The worker itself lives, and the next session is as good as new.
    torch.session().unwrap().call::<Catalogue>("catalogue", json!({})).unwrap();
    assert!(torch.is_alive());
}

#[test]
fn ctrl_c_leaves_a_folder_that_can_be_used_again() {
    engines();
    let folder = folder();
    let run = folder.path().join("run");
    let mut first = start(folder.path(), ["verify", "llama", "--native", "--out", "run"]);
    first.until_workers(2);
    first.interrupt();
    first.ended().expect(INTERRUPTED, &["cancelled"]);
    assert!(!run.join(EVIDENCE).exists());
    let flags = right::flags("llama");
    let again: Vec<&str> = ["llama"].into_iter().chain(flags.iter().map(String::as_str)).collect();
    verify(folder.path(), &again).expect(0, &["PASS llama"]);
    assert!(run.join(EVIDENCE).exists());
}
