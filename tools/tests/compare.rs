//! Two runs of one port: what got worse is what the checks' own rules call worse.

#![allow(clippy::unwrap_used, reason = "a failing step is a failing test")]

use std::{fs, path::Path};

use portwright_harness::{
    case::Regime,
    evidence::{Evidence, SourceFile},
    figure::Real,
    outcome::Absence,
};
use portwright_tools::{
    compare::{self, Change, Comparison, NotComparable},
    runs,
};
use tempfile::TempDir;

/// The fixture, changed and sealed again, as a run on disk.
fn run(change: impl FnOnce(&mut Evidence)) -> TempDir {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gemma2");
    let mut evidence = runs::load(&fixture).unwrap();
    change(&mut evidence);
    let dir = tempfile::tempdir().unwrap();
    let text = serde_json::to_string(&evidence.seal()).unwrap();
    fs::write(dir.path().join("evidence.json"), text).unwrap();
    dir
}

fn compared(before: &TempDir, after: &TempDir) -> Comparison {
    compare::compare(before.path(), after.path()).unwrap()
}

fn change_of(comparison: &Comparison, id: &str) -> Change {
    comparison.checks.iter().find(|it| it.id == id).unwrap().change
}

#[test]
fn the_same_run_twice_is_the_same_to_the_last_digit() {
    let (before, after) = (run(|_| {}), run(|_| {}));
    let found = compared(&before, &after);
    assert!(!found.worse && found.warnings.is_empty() && found.sources.is_empty());
    assert!(found.checks.iter().all(|it| it.change == Change::Same));
    assert_eq!(found.summary, "the evidence is the same to the last digit");
    assert_eq!(found.divergence.moved, "at the same module");
    assert!(compare::render(&found).unwrap().starts_with("# gemma2: no worse"));
}

#[test]
fn a_mended_port_is_better_and_a_broken_one_worse() {
    let mend = |evidence: &mut Evidence| {
        for check in &mut evidence.checks {
            check.place = None;
            if check.id == "logits-differences" {
                for figure in &mut check.figures {
                    figure.measured = Real(0.0);
                }
            }
        }
        evidence.subject.port =
            Some(SourceFile { path: "mlx_lm/models/gemma2.py".into(), sha256: "0".repeat(64) });
    };
    let (bad, good) = (run(|_| {}), run(mend));
    let better = compared(&bad, &good);
    assert!(!better.worse);
    assert_eq!(change_of(&better, "logits-differences"), Change::Better);
    assert_eq!(better.divergence.moved, "the models no longer diverge");
    assert_eq!(better.sources.len(), 1);
    let worse = compared(&good, &bad);
    assert!(worse.worse);
    assert_eq!(change_of(&worse, "logits-differences"), Change::Worse);
    assert!(compare::render(&worse).unwrap().contains("**worse**"));
}

#[test]
fn a_check_that_is_gone_or_could_not_run_is_worse_than_one_that_passed() {
    let before = run(|_| {});
    let gone = run(|it| it.checks.retain(|it| it.id != "rope-tables"));
    assert_eq!(change_of(&compared(&before, &gone), "rope-tables"), Change::Worse);
    let blocked = run(|it| {
        let check = it.checks.iter_mut().find(|it| it.id == "rope-tables").unwrap();
        check.figures.clear();
        check.absence = Some(Absence::Blocked { reason: "the engine died".into() });
    });
    let found = compared(&before, &blocked);
    assert!(found.worse);
    let inapplicable = run(|it| {
        let check = it.checks.iter_mut().find(|it| it.id == "rope-tables").unwrap();
        check.figures.clear();
        check.absence = Some(Absence::NotApplicable { reason: "no layer rotates".into() });
    });
    let found = compared(&before, &inapplicable);
    assert!(!found.worse && found.warnings[0].contains("does not apply any more"));
}

#[test]
fn runs_that_ask_other_questions_are_refused_or_warned_of() {
    let before = run(|_| {});
    let native = run(|it| it.regime = Regime::Native);
    let err = compare::compare(before.path(), native.path()).unwrap_err();
    assert!(matches!(err.of(), Some(NotComparable { what: "the regime", .. })), "{err}");
    let other = run(|it| it.subject.model_type = "llama".into());
    let err = compare::compare(before.path(), other.path()).unwrap_err();
    assert!(err.to_string().contains("`gemma2` in the one and `llama` in the other"), "{err}");
    let moved = run(|it| {
        it.subject.seed = 7;
        it.subject.config["rms_norm_eps"] = 1.into();
    });
    let warnings = compared(&before, &moved).warnings;
    assert_eq!(warnings[0], "the seed differs: 0 before, 7 after");
    assert_eq!(warnings[1], "the config differs in `rms_norm_eps`");
}

#[test]
fn evidence_that_contradicts_itself_is_not_compared() {
    let (before, after) = (run(|_| {}), run(|_| {}));
    let path = after.path().join("evidence.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"outcome\":\"fail\"", "\"outcome\":\"pass\"", 1)).unwrap();
    let err = compare::compare(before.path(), after.path()).unwrap_err().to_string();
    assert!(err.contains("contradicts itself"), "{err}");
}
