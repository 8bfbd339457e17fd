//! Narrow formats, ranks, and what is asked by name alone.

use super::{
    super::{CHECKS, deciding_at_one_config, select},
    builder::{fp8, logits, refused, right},
    record,
};
use crate::{
    answers::{Loaded, Narrow, Sharded},
    outcome::{Absence, Outcome},
};

#[test]
fn where_the_definition_itself_overflows_in_float16_a_port_is_not_blamed() {
    let mut answers = right();
    let mut overflown = logits(0.0);
    overflown.values[5] = f64::NAN;
    answers.put_float16(Ok(Narrow { reference: overflown.clone(), port: overflown }));
    assert_eq!(record("logits-float16", &answers).outcome, Outcome::NotApplicable);
}

#[test]
fn each_form_of_fp8_is_held_to_the_definition_on_that_checkpoint() {
    let mut answers = right();
    let passed = record("weights-fp8", &answers);
    assert!(
        passed.figure("max-abs-blocks").is_some() && passed.figure("max-abs-tensors").is_none()
    );
    assert!(
        passed.findings.iter().any(|it| it.contains("does not load: ValueError")),
        "{passed:?}"
    );
    answers.put_fp8(Ok(fp8([Loaded::Logits(logits(0.0)), Loaded::Logits(logits(0.5))])));
    assert_eq!(record("weights-fp8", &answers).outcome, Outcome::Fail);

    // What the definition does not read says nothing, unless the port does not read it either.
    let unread = || Absence::Blocked { reason: "the definition leaves a scale unread".into() };
    let mut forms = fp8([Loaded::Logits(logits(0.0)), refused()]);
    forms[1].reference = Err(unread());
    answers.put_fp8(Ok(forms));
    assert_eq!(record("weights-fp8", &answers).outcome, Outcome::Pass);
    let mut forms = fp8([Loaded::Logits(logits(0.0)), refused()]);
    forms[0].reference = Err(unread());
    answers.put_fp8(Ok(forms));
    assert_eq!(record("weights-fp8", &answers).outcome, Outcome::NotRun);
}

#[test]
fn ranks_that_each_hold_the_whole_model_share_nothing_and_pass_nobody() {
    let mut answers = right();
    answers.put_sharded(Ok(Sharded { logits: logits(0.0), share: 1.0 }));
    assert_eq!(record("state-sharded", &answers).outcome, Outcome::NotRun);
}

#[test]
fn a_dear_check_is_asked_where_it_is_named_and_no_run_is_partial_without_it() {
    let ids = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&it| it.to_owned()).collect();
        select(&names).unwrap().iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert!(!ids(&[]).contains(&"state-sharded"));
    assert!(ids(&["state-sharded"]).contains(&"state-sharded"));
    assert!(ids(&["state"]).contains(&"state-sharded"));
    assert!(!deciding_at_one_config().contains(&"state-sharded"));
}

#[test]
fn a_misspelt_check_names_its_neighbour() {
    let err = select(&["state-decod".into()]).err().unwrap();
    assert_eq!(err.nearest, Some("state-decode"));
    assert_eq!(select(&["logits".into()]).unwrap().len(), 4);
    let by_default = CHECKS.iter().filter(|it| it.by_default).count();
    assert_eq!(select(&[]).unwrap().len(), by_default);
}
