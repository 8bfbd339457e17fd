//! What is said of single layers, and what of them has no power.

use serde_json::json;

use super::{
    WRONG,
    builder::{logits, reference, right, step, tap},
    opened, record,
};
use crate::{
    answers::{Reference, Reordered, Taps},
    noise::Noise,
    outcome::{Absence, Outcome},
};

#[test]
fn a_layer_whose_bound_a_layer_that_does_nothing_would_meet_is_not_judged() {
    let mut answers = right();
    let bound = step(1.0, 0.5).steps[0].figure.bound;
    answers.put_alone(Ok(step(1.0, bound / 2.0)));
    let found = record("layers-alone", &answers);
    assert_eq!(found.outcome, Outcome::NotRun);
    let reason = found.absence.unwrap().to_string();
    assert!(reason.contains("no power: `model.layers.0` would pass"), "{reason}");
}

#[test]
fn parts_of_the_wrong_layer_that_are_called_in_another_order_are_named() {
    let mut answers = right();
    answers.put_logits(Ok(logits(WRONG)));
    let mut pairs = vec![tap("model.layers.0.attn:query", 9.0), tap("model.layers.0", 9.0)];
    pairs[0].factor = Some(0.5);
    let (layer, first, second) = ("model.layers.0".into(), "attn".into(), "norm".into());
    let reordered = vec![Reordered { layer, first, second }];
    answers.put_taps(Ok(Taps { pairs, reordered, ..Taps::default() }));
    let found = record("taps-agree", &answers);
    assert_eq!(found.place.unwrap().module, "model.layers.0.attn:query");
    let said = found.findings.join("; ");
    assert!(said.contains("calls `attn` after `norm`") && said.contains("0.500 times"), "{said}");
}

#[test]
fn where_logits_have_no_power_each_layer_by_itself_decides() {
    let mut answers = right();
    let wide = || Noise::new("nudged", logits(0.0), logits(4.0));
    let noisy = || Reference { noise: vec![wide()], ..reference(opened(json!({}))) };
    answers.put_reference(Ok(noisy()));
    assert_eq!(record("logits-differences", &answers).outcome, Outcome::NotApplicable);
    answers.put_alone(Err(Absence::Blocked { reason: "it was not fed".into() }));
    assert_eq!(record("logits-differences", &answers).outcome, Outcome::NotRun);
}
