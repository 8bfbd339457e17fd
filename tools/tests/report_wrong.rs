//! What is wrong, on one screen, of a port that ignores the window of its layers.
//!
//! The fixture is the evidence of `portwright verify gemma2` on the pinned releases.

#![allow(clippy::unwrap_used, reason = "a failing step is a failing test")]

use std::path::Path;

use portwright_harness::{evidence::Evidence, outcome::Verdict};
use portwright_tools::{report, runs};

fn evidence() -> Evidence {
    runs::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gemma2")).unwrap()
}

#[test]
fn groups_place_first_wrong_position_and_fields_stand_together() {
    let mut evidence = evidence();
    evidence.known_causes = vec!["one mask for all layers".to_owned()];
    let lines = report::in_short(&evidence);
    let of = |about: &str| &lines.iter().find(|it| it.about == about).unwrap().text;
    assert_eq!(of("fails"), "config, logits, taps, state, generation");
    assert!(of("holds").contains("positions") && !of("holds").contains("state"));
    assert!(of("first at").contains("o_proj") && of("first at").contains("gemma2.py:108"));
    assert_eq!(of("from"), "position 8, which is the size of the window");
    assert!(of("fields").contains("`sliding_window`"), "{}", of("fields"));
    assert_eq!(of("known"), "one mask for all layers");
    for text in [report::render(&evidence).unwrap(), report::html(&evidence).unwrap()] {
        assert!(text.contains("which is the size of the window"));
    }
}

#[test]
fn a_run_that_passes_has_nothing_wrong() {
    let mut evidence = evidence();
    evidence.verdict = Verdict::Pass;
    assert_eq!(report::in_short(&evidence), []);
}
