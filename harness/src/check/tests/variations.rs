//! Other configs: what counts, what is told, and what shows nothing.

use serde_json::json;

use super::{
    WRONG,
    builder::{right, variations},
    deviate, leave_out, record,
};
use crate::{
    answers::Answers,
    outcome::{Outcome, Verdict},
    varied::{Defaults, Deviation, Setting, Variations},
};

#[test]
fn what_a_port_refuses_is_told_and_does_not_count_and_nothing_compared_never_passes() {
    let mut answers = right();
    deviate(&mut answers, Deviation::Refuses { message: "ValueError: no gelu".into() });
    let record = record("variations-fields", &answers);
    assert_eq!(record.outcome, Outcome::Pass);
    assert!(record.findings.iter().any(|it| it.contains("refuses `hidden_act` is \"gelu\"")));
    answers.put_variations(Ok(crate::varied::Variations::default()));
    assert_eq!(self::record("variations-fields", &answers).outcome, Outcome::NotRun);
}

#[test]
fn what_a_port_insists_on_is_told_and_without_a_field_to_leave_out_nothing_passes() {
    let mut answers = right();
    leave_out(&mut answers, Deviation::Refuses { message: "TypeError: missing 1".into() });
    let record = record("variations-defaults", &answers);
    assert_eq!(record.outcome, Outcome::Pass);
    assert!(record.findings[0].contains("insists on `tie_word_embeddings` is false"));
    let mut varied = variations(Vec::new());
    varied.defaults = Some(Defaults::default());
    answers.put_variations(Ok(varied.clone()));
    assert_eq!(self::record("variations-defaults", &answers).outcome, Outcome::NotApplicable);
    varied.defaults = None;
    answers.put_variations(Ok(varied));
    assert_eq!(self::record("variations-defaults", &answers).outcome, Outcome::NotRun);
}

/// Where a port with the base's values written in would give the definition's logits for every other
/// value, agreeing at those shows nothing.
#[test]
fn other_values_that_change_no_logits_do_not_pass() {
    let mut answers = right();
    let varied = variations(Vec::new());
    let hidden = vec![Setting { field: "hidden_act".into(), value: json!("gelu") }];
    answers.put_variations(Ok(Variations { shown: Vec::new(), hidden, ..varied.clone() }));
    let record = record("variations-fields", &answers);
    assert_eq!(record.outcome, Outcome::NotRun);
    assert!(format!("{:?}", record.absence).contains("no power"));
}

#[test]
fn other_configs_decide_unless_the_config_was_named() {
    let mut answers = right();
    deviate(&mut answers, Deviation::Differs { max_abs: WRONG, bound: 1e-4 });
    let of = |answers: &Answers| Verdict::of(&[record("variations-fields", answers)]);
    assert_eq!(of(&answers), Verdict::Fail);
    answers.config_is_named = true;
    let both = ["logits-top-k", "variations-fields"].map(|it| record(it, &answers));
    assert_eq!(Verdict::of(&both), Verdict::Pass);
    assert_eq!(both[1].word(), "note");
}
