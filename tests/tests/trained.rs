//! A trained checkpoint, verified: tiny random ones have neither outliers nor sentences.

#![allow(clippy::unwrap_used, reason = "a failing step is a failing test")]

use std::{fs, path::Path};

use portwright_harness::{mutants, overlay};
use portwright_tests::{
    command::{Ended, start},
    program::engines,
    trained::{Config, checkpoint},
};
use serde_json::Value;

const PASS: i32 = 0;
const FAIL: i32 = 1;

fn verify(folder: &Path, config: Config, more: &[&str]) -> Ended {
    let checkpoint = checkpoint(config);
    let words =
        ["verify", "--native", "--checkpoint", checkpoint.to_str().unwrap(), "--out", "run"];
    start(folder, words.iter().chain(more).copied()).ended()
}

fn evidence(folder: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join("run/evidence.json")).unwrap()).unwrap()
}

/// All that is asked of a real checkpoint, in either regime.
#[test]
fn a_right_port_of_a_trained_model_passes() {
    engines();
    for (regime, scope) in [("logic", "deciding checks passed"), ("native", "in bfloat16")] {
        let folder = tempfile::tempdir().unwrap();
        let asked = ["--precision", regime];
        verify(folder.path(), Config::Published, &asked).expect(PASS, &["PASS llama", scope]);
        let evidence = evidence(folder.path());
        for check in evidence["checks"].as_array().unwrap() {
            assert_ne!(check["outcome"], "not-run", "{check:#}");
        }
        // It answers a question in its own chat template, so that what it generates is text.
        let text = &evidence["generation"]["text"];
        assert!(text["prompt"].as_str().unwrap().contains("<|im_start|>user"), "{text}");
        assert!(text["reference"].as_str().unwrap().contains("Mercury"), "{text}");
    }
}

/// The same weights beside the config that transformers 5 saves: the port takes 10,000 for 100,000.
#[test]
fn a_setting_that_the_port_drops_fails_it() {
    engines();
    let folder = tempfile::tempdir().unwrap();
    let checks = ["--checks", "weights-loaded,config,positions,logits"];
    verify(folder.path(), Config::Saved, &checks).expect(FAIL, &["rope-tables", "rope_parameters"]);
}

#[test]
fn planted_bugs_show_on_trained_weights() {
    let package = engines().site_packages.join("mlx_lm");
    for (bug, checks) in [
        ("llama-theta-written-in", "positions"),
        ("llama-eps-written-in", "logits"),
        ("llama-one-offset", "state-right-padded"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let port =
            overlay::make(&package, mutants::patch(bug).unwrap(), &folder.path().join("port"));
        let port = port.unwrap();
        let more = ["--port", port.to_str().unwrap(), "--checks", checks];
        verify(folder.path(), Config::Published, &more).expect(FAIL, &["FAIL llama"]);
    }
}
