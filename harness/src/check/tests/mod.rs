//! Every check with answers that pass it, that fail it, and with which it cannot run.

mod builder;
mod formats;
mod layers;
mod variations;

use std::collections::BTreeSet;

use builder::{
    dtypes, fp8, logits, narrow, noise, packed_cache, reference, refused, rewritten, right, step,
    table, tap, variations,
};
use serde_json::json;

use super::{CHECKS, Check};
use crate::{
    answers::{
        Answers, Fields, Generation, Itself, Loaded, Long, LongPrompt, OtherSpelling, Quantised,
        Retied, Rotations, Sharded, State, Taps,
    },
    case::{QUANTISATIONS, STATE_CASES, StateWay},
    engine::{Experiment, Failure, Opened, Roundtrip},
    need::Need,
    outcome::{Absence, CheckRecord, Outcome},
    varied::{Deviation, Setting, Varied},
};

fn check(id: &str) -> &'static Check {
    CHECKS.iter().find(|it| it.id == id).unwrap_or_else(|| panic!("no check `{id}`"))
}

fn record(id: &str, answers: &Answers) -> CheckRecord {
    check(id).record(answers)
}

/// An answer that is as far from the reference as a wrong model is.
const WRONG: f64 = 0.5;

fn opened(fields: serde_json::Value) -> Opened {
    serde_json::from_value(fields).unwrap()
}

fn state(answers: &mut Answers, way: StateWay) {
    let right_and_wrong = vec![(logits(0.0), logits(0.0)), (logits(0.0), logits(WRONG))];
    answers.put_state(way, Ok(State { rows: right_and_wrong }));
}

fn deviate(answers: &mut Answers, deviation: Deviation) {
    let settings = vec![Setting { field: "hidden_act".into(), value: json!("gelu") }];
    answers.put_variations(Ok(variations(vec![Varied { settings, deviation }])));
}

fn leave_out(answers: &mut Answers, deviation: Deviation) {
    let settings = vec![Setting { field: "tie_word_embeddings".into(), value: json!(false) }];
    let mut varied = variations(Vec::new());
    varied.defaults.as_mut().unwrap().deviations.push(Varied { settings, deviation });
    answers.put_variations(Ok(varied));
}

/// A field that moves the reference's logits, and that the port drops.
fn dropped(field: &str) -> Fields {
    let (value_before, value_after) = (json!(1e-5), json!(1e-2));
    let max_diff = Some(0.3);
    let experiment = Experiment { value_before, value_after, max_diff, ..Experiment::default() };
    let ignored = [(field.to_owned(), experiment)].into();
    Fields { read: vec![field.to_owned()], ignored, ..Fields::default() }
}

type Spoil = fn(&mut Answers);

/// What makes each check fail, by its id: more than one fault where it looks at more than one thing.
const FAULTS: &[(&str, Spoil)] = &[
    ("weights-loaded", |it| {
        it.put_judged(Ok(opened(json!({"load": {"missing": ["lm_head.weight"]}}))));
    }),
    ("weights-loaded", |it| {
        it.put_judged(Ok(opened(json!({"load": {"unexpected": ["bias"]}}))));
    }),
    ("weights-loaded", |it| {
        let other = json!({"name": "w", "found": [2, 3], "expected": [3, 2]});
        it.put_judged(Ok(opened(json!({"load": {"mismatched": [other]}}))));
    }),
    ("weights-loaded", |it| {
        it.put_judged(Ok(opened(json!({"sanitize": {"dropped": ["model.norm.weight"]}}))));
        it.put_logits(Ok(logits(WRONG)));
    }),
    ("weights-loaded", |it| {
        let read = |names: &[&str]| opened(json!({"weight_files": names}));
        it.put_judged(Ok(read(&["model-00001-of-00001.safetensors", "model.safetensors"])));
        it.put_reference(Ok(reference(read(&["model.safetensors"]))));
        it.put_logits(Ok(logits(WRONG)));
    }),
    ("weights-roundtrip", |it| {
        it.put_roundtrip(Ok(Roundtrip { equal: false, differing: vec!["w".into()] }));
    }),
    ("weights-roundtrip", |it| {
        it.put_roundtrip(Ok(Roundtrip { equal: false, differing: vec![] }));
    }),
    ("weights-tied", |it| {
        it.put_retied(Ok(Retied { tied: true, reference: logits(0.0), port: logits(WRONG) }));
    }),
    ("weights-stray", |it| {
        it.put_rewritten(Need::Stray, Ok(rewritten(Loaded::Logits(logits(WRONG)))));
    }),
    ("weights-stray", |it| {
        let message = "it has no place for `mtp.fc.weight`".into();
        it.put_rewritten(Need::Stray, Ok(rewritten(Loaded::Refused { message })));
    }),
    ("weights-names", |it| {
        let message = "it lacks `model.layers.0.mlp.experts.0.up_proj.weight`".into();
        it.put_rewritten(Need::AsBuilt, Ok(rewritten(Loaded::Refused { message })));
    }),
    ("weights-fp8", |it| it.put_fp8(Ok(fp8([Loaded::Logits(logits(WRONG)), refused()])))),
    ("weights-fp8", |it| it.put_fp8(Ok(fp8([refused(), refused()])))),
    ("weights-cast", |it| it.put_cast(Ok(narrow(logits(WRONG))))),
    ("config-loads", |it| it.put_judged(Ok(opened(json!({"args_used": []}))))),
    ("config-fields", |it| {
        it.put_fields(Ok(dropped("rms_norm_eps")));
        it.put_logits(Ok(logits(WRONG)));
    }),
    ("config-spellings", |it| {
        it.put_other_spelling(Ok(OtherSpelling::Loaded { max_abs: WRONG }));
    }),
    ("config-spellings", |it| {
        it.put_other_spelling(Ok(OtherSpelling::Refused { message: "KeyError".into() }));
    }),
    ("variations-fields", |it| deviate(it, Deviation::Differs { max_abs: WRONG, bound: 1e-4 })),
    ("variations-fields", |it| deviate(it, Deviation::Breaks { message: "TypeError".into() })),
    ("variations-defaults", |it| leave_out(it, Deviation::Differs { max_abs: WRONG, bound: 1e-4 })),
    ("variations-defaults", |it| leave_out(it, Deviation::Breaks { message: "KeyError".into() })),
    ("rope-tables", |it| it.put_rotations(Ok(rotations(table(1.1), &[])))),
    ("rope-tables", |it| {
        let mut fewer = table(1.0);
        fewer.shape[1] = 1;
        fewer.values.truncate(4);
        it.put_rotations(Ok(rotations(fewer, &[])));
    }),
    ("dtype-stream", |it| it.put_dtypes(Ok(vec![dtypes("model.layers.0", "float32")]))),
    ("dtype-stream", |it| it.put_dtypes(Ok(vec![dtypes("logits", "float32")]))),
    ("logits-differences", |it| it.put_logits(Ok(logits(WRONG)))),
    ("logits-differences", |it| it.put_logits(Ok(logits(f64::NAN)))),
    ("logits-differences", |it| {
        let mut longer = logits(0.0);
        longer.shape[0] += 1;
        longer.values.extend([0.0; 12]);
        it.put_logits(Ok(longer));
    }),
    ("logits-distribution", |it| it.put_logits(Ok(logits(WRONG)))),
    ("logits-top-k", |it| it.put_logits(Ok(logits(WRONG)))),
    ("logits-float16", |it| it.put_float16(Ok(narrow(logits(WRONG))))),
    ("logits-float16", |it| {
        let mut overflown = logits(0.01);
        overflown.values[3] = f64::INFINITY;
        it.put_float16(Ok(narrow(overflown)));
    }),
    ("layers-alone", |it| it.put_alone(Ok(step(9.0, 0.5)))),
    ("taps-agree", |it| {
        it.put_logits(Ok(logits(WRONG)));
        let paths = [("model.layers.0", 1.0), ("model.layers.1", 1e5), ("model.norm", 1e5)];
        let pairs = paths.iter().map(|it| tap(it.0, it.1)).collect();
        it.put_taps(Ok(Taps { pairs, ..Taps::default() }));
    }),
    ("state-decode", |it| state(it, StateWay::Decode)),
    ("state-chunked", |it| state(it, StateWay::Chunked)),
    ("state-window", |it| state(it, StateWay::Window)),
    ("state-left-padded", |it| state(it, StateWay::LeftPadded)),
    ("state-right-padded", |it| state(it, StateWay::RightPadded)),
    ("state-trim", |it| state(it, StateWay::Trim)),
    ("state-kept", |it| state(it, StateWay::Kept)),
    ("state-joined", |it| state(it, StateWay::Joined)),
    ("state-short", |it| state(it, StateWay::Short)),
    ("state-embeddings", |it| state(it, StateWay::Embedded)),
    ("state-sharded", |it| {
        it.put_sharded(Ok(Sharded { logits: logits(WRONG), share: 0.6 }));
    }),
    ("state-prompt", |it| {
        let noise = noise("along the prompt");
        let fed = vec![("in one call", logits(0.0)), ("in chunks of 100", logits(WRONG))];
        it.put_prompt(Ok(LongPrompt { noise, fed }));
    }),
    ("greedy-ids", |it| it.put_generation(Ok(generation(&[5, 11, 7, 8])))),
    ("greedy-ids", |it| it.put_generation(Ok(generation(&[5, 6, 7])))),
    ("generation-long", |it| {
        it.put_long(Ok(Long { port: logits(WRONG), ..long() }));
    }),
    ("quantised-logits", |it| {
        let worse = |by| Quantised { by, layers: 3, reference: logits(0.01), port: logits(WRONG) };
        it.put_quantised(Ok(QUANTISATIONS.map(worse).into()));
    }),
    ("quantised-cache", |it| it.put_packed_cache(Ok(packed_cache(logits(WRONG))))),
];

fn rotations(port: crate::tensors::Tensor, unread: &[u32]) -> Rotations {
    Rotations {
        positions: vec![0, 1],
        layers: vec![(0, table(1.0), table(1.0)), (1, table(1.0), port)],
        unpaired: unread.iter().map(|it| (*it, "no rope module".to_owned())).collect(),
    }
}

fn generation(port: &[u32]) -> Generation {
    Generation {
        no_words: None,
        prompt: vec![4],
        reference: vec![5, 6, 7, 8],
        port: port.to_vec(),
        reference_logits: logits(0.0),
        text: None,
    }
}

fn long() -> Long {
    let noise = || crate::noise::Noise::new("", logits(0.0), logits(1e-6));
    Long { reference_text: vec![5], port_text: vec![5], noise: noise(), port: logits(0.0) }
}

/// The reference, fed in every way but at once, is this far from its own plain forward.
fn reference_off_itself(by: f64) -> Answers {
    let mut answers = right();
    let off = || Ok(State { rows: vec![(logits(0.0), logits(by))] });
    answers.put_itself(Ok(Itself {
        ways: STATE_CASES.iter().map(|it| (it.way, off())).collect(),
        prompts: crate::case::PROMPT_CASES.iter().map(|it| (it.says, off())).collect(),
        text: off(),
    }));
    answers
}

#[test]
fn where_the_reference_disagrees_with_itself_what_it_would_be_measured_by_does_not_run() {
    let answers = reference_off_itself(WRONG);
    for id in ["greedy-ids", "generation-long"] {
        let record = record(id, &answers);
        assert_eq!(record.outcome, Outcome::NotRun, "{record:?}");
        let why = record.absence.unwrap().to_string();
        assert!(why.contains("the reference disagrees with itself"), "{id}: {why}");
    }
    assert_eq!(record("logits-differences", &answers).outcome, Outcome::Pass);
}

/// The plain forward is what a port is held to there: one that agrees passes, one that differs as the
/// definition does is not blamed.
#[test]
fn where_the_definition_cannot_be_fed_in_pieces_a_port_is_not_blamed_for_the_same() {
    // What is asked of the port alone is held to the plain forward.
    let alone = ["state-trim", "state-embeddings", "state-sharded"];
    let fed = |it: &&(&str, Spoil)| it.0.starts_with("state-") && !alone.contains(&it.0);
    for (id, spoil) in FAULTS.iter().filter(fed) {
        let mut answers = reference_off_itself(WRONG);
        let good = record(id, &answers);
        assert_eq!(good.outcome, Outcome::Pass, "{id}: {good:?}");
        assert!(good.findings.iter().any(|it| it.contains("disagrees with itself")), "{good:?}");
        spoil(&mut answers);
        assert_eq!(record(id, &answers).outcome, Outcome::NotRun, "{id}");
    }
}

#[test]
fn where_a_definition_differs_from_itself_by_design_a_port_is_held_to_it_fed_the_same_way() {
    let mut answers = reference_off_itself(WRONG);
    answers.config = json!({"rope_parameters": {"rope_type": "dynamic"}});
    let plain = record("state-decode", &answers);
    assert_eq!(plain.outcome, Outcome::Fail, "a port that gives the plain forward's logits");
    assert!(plain.findings[0].contains("by design"), "{:?}", plain.findings);
    answers.put_state(StateWay::Decode, Ok(State { rows: vec![(logits(0.0), logits(WRONG))] }));
    assert_eq!(record("state-decode", &answers).outcome, Outcome::Pass);
    // Greedy tokens and the long text are the definition's own decoding already.
    assert_eq!(record("greedy-ids", &answers).outcome, Outcome::Pass);
}

#[test]
fn a_definition_that_cannot_be_fed_in_a_way_leaves_the_plain_forward_to_count() {
    let mut answers = right();
    let refused = || Err(Absence::Blocked { reason: "it takes no `attention_mask`".into() });
    answers.put_itself(Ok(Itself {
        ways: STATE_CASES.iter().map(|it| (it.way, refused())).collect(),
        prompts: std::collections::BTreeMap::new(),
        text: refused(),
    }));
    let record = record("state-left-padded", &answers);
    assert_eq!(record.outcome, Outcome::Pass);
    assert!(record.findings[0].contains("does not answer"), "{:?}", record.findings);
}

/// One way in which the definition itself is off hides no fault in another.
#[test]
fn a_prompt_that_is_wrong_in_one_call_fails_where_the_definition_cannot_be_fed_in_chunks() {
    let mut answers = right();
    let off = || Ok(State { rows: vec![(logits(0.0), logits(WRONG))] });
    let chunks = "in chunks of 100";
    answers.put_itself(Ok(Itself {
        ways: std::collections::BTreeMap::new(),
        prompts: [(chunks, off())].into(),
        text: off(),
    }));
    let mut fed = |plain: f64, chunked: f64| {
        let fed = vec![("in one call", logits(plain)), (chunks, logits(chunked))];
        answers.put_prompt(Ok(LongPrompt { noise: noise("along the prompt"), fed }));
        record("state-prompt", &answers).outcome
    };
    assert_eq!(fed(0.0, 0.0), Outcome::Pass);
    assert_eq!(fed(0.0, WRONG), Outcome::NotRun);
    assert_eq!(fed(WRONG, WRONG), Outcome::Fail);
}

/// The same answers without what is not among `needs`.
fn only(mut answers: Answers, needs: &[Need]) -> Answers {
    for need in Need::all().into_iter().filter(|it| !needs.contains(it)) {
        answers.forget(need);
    }
    answers
}

#[test]
fn every_check_passes_a_right_port_by_what_it_says_it_needs_alone() {
    for check in CHECKS {
        let record = check.record(&only(right(), check.needs));
        assert_eq!(record.outcome, Outcome::Pass, "{}: {record:?}", check.id);
        assert!(record.figures.iter().any(crate::figure::Figure::is_judged), "{}", check.id);
        let ids: BTreeSet<_> = record.figures.iter().map(|it| &it.id).collect();
        assert_eq!(ids.len(), record.figures.len(), "{}: two figures share an id", check.id);
    }
}

#[test]
fn every_check_fails_each_of_its_faults_and_has_one() {
    for (id, spoil) in FAULTS {
        let mut answers = right();
        spoil(&mut answers);
        let record = record(id, &answers);
        assert_eq!(record.outcome, Outcome::Fail, "{id}: {record:?}");
    }
    for check in CHECKS {
        assert!(FAULTS.iter().any(|it| it.0 == check.id), "{} has no failing case", check.id);
    }
}

#[test]
fn a_check_without_what_it_needs_does_not_run() {
    for check in CHECKS {
        let record = check.record(&only(right(), &[]));
        assert_eq!(record.outcome, Outcome::NotRun, "{}: {record:?}", check.id);
    }
}

/// The port's own exception is its fault; a dead engine and a missing thing are nobody's.
#[test]
fn the_reason_why_there_is_no_answer_decides_between_fail_not_run_and_not_applicable() {
    let failure = || Box::new(Failure { message: "TypeError".into(), ..Failure::default() });
    let cases: [(fn() -> Absence, Outcome); 3] = [
        (|| Absence::Blocked { reason: "the mlx worker was killed".into() }, Outcome::NotRun),
        (|| Absence::NotApplicable { reason: "nothing to rotate".into() }, Outcome::NotApplicable),
        (|| Absence::PortFailed { failure: Box::default() }, Outcome::Fail),
    ];
    for (absence, outcome) in cases {
        let mut answers = right();
        answers.put_rotations(Err(absence()));
        assert_eq!(record("rope-tables", &answers).outcome, outcome);
    }
    let mut answers = right();
    answers.put_judged(Err(Absence::PortFailed { failure: failure() }));
    assert_eq!(record("config-loads", &answers).outcome, Outcome::Fail);
}

/// What nobody measured may be what is wrong: it holds a pass back, and never hides a fail.
#[test]
fn a_layer_that_could_not_be_read_or_paired_holds_a_pass_back() {
    let mut answers = right();
    answers.put_rotations(Ok(rotations(table(1.0), &[2])));
    let held = record("rope-tables", &answers);
    assert_eq!(held.outcome, Outcome::NotRun);
    let Some(Absence::Blocked { reason }) = &held.absence else { panic!("{held:?}") };
    assert_eq!(
        reason,
        "the rotation of 1 of 3 layers could not be read, e.g. of layer 2: no rope module"
    );
    assert!(!held.figures.is_empty(), "what was measured is kept");

    answers.put_rotations(Ok(rotations(table(1.1), &[2])));
    assert_eq!(record("rope-tables", &answers).outcome, Outcome::Fail);
    answers.put_rotations(Ok(Rotations { layers: vec![], ..rotations(table(1.0), &[2]) }));
    assert_eq!(record("rope-tables", &answers).outcome, Outcome::NotRun);
    answers.put_rotations(Ok(Rotations { layers: vec![], ..rotations(table(1.0), &[]) }));
    assert_eq!(record("rope-tables", &answers).outcome, Outcome::NotApplicable);

    let taps = |unpaired: &str| {
        let pairs = vec![tap("model.layers.0", 1.0), tap("model.norm", 1.0)];
        let unpaired = vec![(unpaired.to_owned(), "another shape".to_owned())];
        Ok(Taps { pairs, unpaired, ..Taps::default() })
    };
    answers.put_taps(taps("model.layers.1"));
    assert_eq!(record("taps-agree", &answers).outcome, Outcome::NotRun);
    answers.put_taps(taps("model.layers.0.mlp.act_fn"));
    assert_eq!(record("taps-agree", &answers).outcome, Outcome::Pass);
}

/// A tower's layers have a stream of their own: they are neither judged nor missed as the decoder's.
#[test]
fn layers_of_a_vision_tower_are_none_of_the_decoder() {
    let mut answers = right();
    let pairs = vec![tap("vision_tower.layers.0", 1e5), tap("language_model.layers.0", 1.0)];
    let unpaired = vec![("vision_tower.layers.1".to_owned(), "another shape".to_owned())];
    answers.put_taps(Ok(Taps { pairs, unpaired: unpaired.clone(), ..Taps::default() }));
    assert_eq!(record("taps-agree", &answers).outcome, Outcome::Pass);
    let pairs = vec![tap("vision_tower.layers.0", 1.0)];
    answers.put_taps(Ok(Taps { pairs, unpaired, ..Taps::default() }));
    assert_eq!(record("taps-agree", &answers).outcome, Outcome::NotRun);
    answers.put_dtypes(Ok(vec![dtypes("vision_tower.layers.0", "float32")]));
    assert_ne!(record("dtype-stream", &answers).outcome, Outcome::Fail);
}

#[test]
fn no_rows_of_logits_are_no_agreement() {
    for (id, way) in
        [("state-decode", StateWay::Decode), ("state-left-padded", StateWay::LeftPadded)]
    {
        let mut answers = right();
        answers.put_state(way, Ok(State { rows: Vec::new() }));
        assert_eq!(record(id, &answers).outcome, Outcome::NotRun, "{id}");
    }
    let mut answers = right();
    answers.put_dtypes(Ok(Vec::new()));
    assert_ne!(record("dtype-stream", &answers).outcome, Outcome::Pass);
    answers.put_quantised(Ok(Vec::new()));
    assert_ne!(record("quantised-logits", &answers).outcome, Outcome::Pass);
}

#[test]
fn a_divergence_names_the_first_layer_that_does_not_recover() {
    let mut answers = right();
    answers.put_logits(Ok(logits(WRONG)));
    let paths = [
        ("model.layers.0.self_attn", 9.0),
        ("model.layers.0", 1.0),
        ("model.layers.1.mlp", 1e5),
        ("model.layers.1", 1e5),
        ("model.norm", 1e5),
    ];
    let pairs = paths.iter().map(|it| tap(it.0, it.1)).collect();
    answers.put_taps(Ok(Taps { pairs, ..Taps::default() }));
    let place = record("taps-agree", &answers).place.unwrap();
    assert_eq!(
        (place.module.as_str(), place.stage.as_str()),
        ("model.layers.1.mlp", "model.layers.1")
    );
}

#[test]
fn every_check_has_a_unique_id_and_its_own_page() {
    let ids: BTreeSet<_> = CHECKS.iter().map(|it| it.id).collect();
    assert_eq!(ids.len(), CHECKS.len());
    for check in CHECKS {
        assert!(check.docs.starts_with(&format!("# {}\n", check.id)), "{}", check.id);
        assert!(!check.summary.ends_with('.'), "{}", check.id);
        for section in ["## Why", "## How it decides", "## When it fails"] {
            assert!(check.docs.contains(section), "{} lacks {section}", check.id);
        }
    }
}

#[test]
fn groups_stand_together_and_every_state_case_is_judged() {
    assert!(CHECKS.is_sorted_by_key(|it| it.group));
    for case in STATE_CASES {
        let judged = |it: &Check| it.needs.contains(&Need::State(case.way));
        assert!(CHECKS.iter().any(judged), "{}", case.name);
    }
}

/// After one token for ever every model is alike.
#[test]
fn a_degenerate_text_passes_nobody() {
    let mut answers = right();
    let ids = [5; 20];
    answers.put_generation(Ok(Generation {
        reference: ids.into(),
        port: ids.into(),
        ..generation(&ids)
    }));
    let same = record("greedy-ids", &answers);
    assert_eq!(same.outcome, Outcome::NotRun);
    assert!(format!("{:?}", same.absence).contains("no power"), "{same:?}");
}

#[test]
fn a_dropped_field_without_which_the_port_is_as_wrong_is_named_but_does_not_count() {
    let mut answers = right();
    answers.put_logits(Ok(logits(WRONG)));
    let bystanders = [String::from("rms_norm_eps")].into();
    answers.put_fields(Ok(Fields { bystanders, ..dropped("rms_norm_eps") }));
    let record = record("config-fields", &answers);
    assert_eq!(record.outcome, Outcome::Pass);
    let said = &record.findings[0];
    assert!(said.contains("`rms_norm_eps`") && said.contains("wrong all the same"), "{said}");
}
