//! What is kept and used again is keyed by contents: a row of a sweep is made anew when a file that it
//! rests on was edited in place, and only then.

#![allow(clippy::unwrap_used, reason = "a failing step is a failing test")]

use std::{fs, path::Path, time::SystemTime};

use portwright_tests::{
    checkout,
    command::{Ended, start},
    program::engines,
};

const FAIL: i32 = 1;
/// The port is right at the config in both spellings; at others its activation is another.
const RIGHT_HERE: &[&str] = &["1 pass, 1 fail", "hidden_act"];

fn sweep(folder: &Path) -> Ended {
    let words = ["verify", "--all", "--only", "qwen3", "--port", "checkout", "--out", "kept"];
    start(folder, words).ended()
}

/// When the row was written.
fn made(folder: &Path) -> SystemTime {
    fs::metadata(folder.join("kept/rows/qwen3.json")).unwrap().modified().unwrap()
}

#[test]
fn a_port_that_was_edited_in_place_is_never_answered_from_a_row_of_before() {
    engines();
    let folder = tempfile::tempdir().unwrap();
    let models = checkout::mlx_lm(&folder.path().join("checkout"));
    sweep(folder.path()).expect(FAIL, RIGHT_HERE);
    let first = made(folder.path());

    // A port that qwen3 does not import says nothing about it.
    let other = models.join("mamba2.py");
    fs::write(&other, fs::read_to_string(&other).unwrap() + "\n# edited\n").unwrap();
    sweep(folder.path()).expect(FAIL, RIGHT_HERE);
    assert_eq!(made(folder.path()), first, "the row was made again for nothing");

    let port = models.join("qwen3.py");
    let right = fs::read_to_string(&port).unwrap();
    let wrong = right.replace("eps=args.rms_norm_eps", "eps=0.1");
    assert_ne!(wrong, right);
    fs::write(&port, wrong).unwrap();
    sweep(folder.path()).expect(FAIL, &["FAIL", "logits-differences"]);

    // What it imports counts as well.
    fs::write(&port, right).unwrap();
    sweep(folder.path()).expect(FAIL, RIGHT_HERE);
    let base = models.join("base.py");
    let other =
        "\ndef scaled_dot_product_attention(*args, **kwargs):\n    raise ValueError('edited')\n";
    fs::write(&base, fs::read_to_string(&base).unwrap() + other).unwrap();
    sweep(folder.path()).expect(FAIL, &["edited"]);
}
