//! A report states what its evidence backs, digit by digit.
//!
//! The fixture is the evidence of `portwright verify gemma2` on the pinned releases.

#![allow(clippy::unwrap_used, reason = "a failing step is a failing test")]

use std::{fs, path::Path};

use portwright_harness::evidence::Verdict;
use portwright_tools::{report, runs};
use tempfile::TempDir;

fn run() -> (TempDir, String) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gemma2/evidence.json");
    let dir = tempfile::tempdir().unwrap();
    fs::copy(fixture, dir.path().join("evidence.json")).unwrap();
    let text = report::render(&runs::load(dir.path()).unwrap()).unwrap();
    fs::write(dir.path().join(report::REPORT), &text).unwrap();
    (dir, text)
}

#[test]
fn an_honest_report_holds() {
    let (dir, _) = run();
    let check = report::check(dir.path()).unwrap();
    assert!(check.holds(), "{check:?}");
    assert_eq!(check.verdict, Verdict::Fail);
}

#[test]
fn a_changed_digit_is_always_found() {
    let (dir, text) = run();
    let machine_part = &text[..text.find("## For a person").unwrap()];
    let digits: Vec<usize> = machine_part
        .char_indices()
        .filter(|(_, it)| it.is_ascii_digit())
        .map(|(at, _)| at)
        .collect();
    assert!(1000 < digits.len());
    // A stride that is coprime to ten, so that every column of every kind of number is met.
    for &at in digits.iter().step_by(17) {
        let mut forged = text.clone().into_bytes();
        forged[at] = b'0' + (forged[at] - b'0' + 1) % 10;
        fs::write(dir.path().join(report::REPORT), &forged).unwrap();
        let check = report::check(dir.path()).unwrap();
        assert!(!check.report.is_empty(), "byte {at}");
    }
}

#[test]
fn what_a_person_fills_in_is_theirs() {
    let (dir, text) = run();
    let filled = text.replace("Why this port, and for whom: ____", "Why this port: 12 users asked");
    assert_ne!(filled, text);
    fs::write(dir.path().join(report::REPORT), filled).unwrap();
    assert!(report::check(dir.path()).unwrap().holds());
}

#[test]
fn a_forged_verdict_or_figure_is_found_in_the_evidence() {
    let (dir, _) = run();
    let path = dir.path().join("evidence.json");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to) in [
        ("\"verdict\": \"fail\"", "\"verdict\": \"pass\""),
        ("\"outcome\": \"fail\"", "\"outcome\": \"pass\""),
        ("\"factor\": 4.0", "\"factor\": 32000000000.0"),
    ] {
        let forged = text.replacen(from, to, 1);
        assert_ne!(forged, text, "{from}");
        fs::write(&path, forged).unwrap();
        assert!(!report::check(dir.path()).unwrap().evidence.is_empty(), "{from}");
    }
}

#[test]
fn a_folder_without_evidence_is_no_run() {
    let dir = tempfile::tempdir().unwrap();
    assert!(report::check(dir.path()).unwrap_err().to_string().contains("no finished run"));
    fs::write(dir.path().join("evidence.json"), "{").unwrap();
    assert!(report::check(dir.path()).is_err());
}
