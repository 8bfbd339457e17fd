//! A report states what its evidence backs, digit by digit, in every file.
//!
//! The fixture is the evidence of `portwright verify gemma2` on the pinned releases.

#![allow(clippy::unwrap_used, reason = "a failing step is a failing test")]

use std::{fs, path::Path};

use portwright_harness::outcome::Verdict;
use portwright_tools::{
    report::{self, DraftInput},
    runs,
};
use tempfile::TempDir;

/// Everything that a check reads; the template of the draft is no statement.
const FILES: [&str; 4] = [report::REPORT, report::PAGE, report::REPRODUCE, report::DRAFT];
const PERSON: &str = "<!-- person:";
const PERSON_END: &str = "<!-- end person -->";

/// A run with a report and a draft, made from the fixture.
fn run() -> TempDir {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gemma2/evidence.json");
    let dir = tempfile::tempdir().unwrap();
    fs::copy(fixture, dir.path().join("evidence.json")).unwrap();
    let target = Some("mlx-lm".to_owned());
    report::draft(&DraftInput { run: dir.path().to_owned(), target, port: None }).unwrap();
    dir
}

fn text(dir: &TempDir, name: &str) -> String {
    fs::read_to_string(dir.path().join(name)).unwrap()
}

/// Whether a byte stands outside every mark for a person.
fn is_machines(text: &str, at: usize) -> bool {
    let begun = text[..at].rfind(PERSON);
    begun.is_none_or(|it| text[it..at].contains(PERSON_END))
}

#[test]
fn an_honest_report_holds() {
    let check = report::check(run().path()).unwrap();
    assert!(check.holds(), "{check:?}");
    assert_eq!(check.verdict, Verdict::Fail);
    assert_eq!(check.files.len(), FILES.len());
}

#[test]
fn a_changed_digit_is_always_found() {
    let dir = run();
    let mut tried = 0;
    for name in FILES {
        let text = text(&dir, name);
        let digits: Vec<usize> = text
            .char_indices()
            .filter(|(at, it)| it.is_ascii_digit() && is_machines(&text, *at))
            .map(|(at, _)| at)
            .collect();
        assert!(60 < digits.len(), "{name}");
        // About thirty of each file, at an odd stride, so that every kind of number is met.
        for &at in digits.iter().step_by((digits.len() / 30) | 1) {
            let mut forged = text.clone().into_bytes();
            forged[at] = b'0' + (forged[at] - b'0' + 1) % 10;
            fs::write(dir.path().join(name), &forged).unwrap();
            let check = report::check(dir.path()).unwrap();
            assert!(check.report.iter().any(|it| it.file == name), "{name}, byte {at}");
            tried += 1;
        }
        fs::write(dir.path().join(name), &text).unwrap();
    }
    assert!(80 < tried, "{tried}");
    assert!(report::check(dir.path()).unwrap().holds());
}

#[test]
fn lines_that_are_taken_out_or_put_in_are_found() {
    let dir = run();
    for name in FILES {
        let text = text(&dir, name);
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for at in (0..lines.len()).step_by(lines.len() / 4 + 1) {
            let without = lines[..at].concat() + &lines[at + 1..].concat();
            let with = lines[..at].concat() + "It is faster, too.\n" + &lines[at..].concat();
            for forged in [without, with] {
                fs::write(dir.path().join(name), forged).unwrap();
                assert!(!report::check(dir.path()).unwrap().holds(), "{name}, line {at}");
            }
        }
        fs::remove_file(dir.path().join(name)).unwrap();
        assert_eq!(report::check(dir.path()).unwrap().holds(), name == report::DRAFT, "{name}");
        fs::write(dir.path().join(name), &text).unwrap();
    }
}

#[test]
fn what_a_person_fills_in_is_theirs() {
    let dir = run();
    for name in [report::REPORT, report::PAGE, report::DRAFT] {
        let text = text(&dir, name);
        let filled = text.replace(" ____ ", " 12 users asked,\non 3 machines ");
        assert_ne!(filled, text);
        fs::write(dir.path().join(name), filled).unwrap();
        assert!(report::check(dir.path()).unwrap().holds(), "{name}");
    }
    let input =
        DraftInput { run: dir.path().to_owned(), target: Some("mlx-lm".into()), port: None };
    let err = report::draft(&input).unwrap_err().to_string();
    assert!(err.contains("filled in by a person"), "{err}");
    fs::remove_file(dir.path().join(report::DRAFT)).unwrap();
    report::draft(&input).unwrap();
    assert!(text(&dir, report::REPORT).contains("12 users asked"));
}

#[test]
fn the_targets_own_template_is_filled_and_its_boxes_are_a_persons() {
    let dir = run();
    let target = tempfile::tempdir().unwrap();
    let folder = target.path().join(".github/PULL_REQUEST_TEMPLATE");
    fs::create_dir_all(&folder).unwrap();
    let template = "<!-- Model: not asked here -->\n## Description\n\n## Model\n\n- Model type:\n\
                    - Why it matters:\n\n## Testing\n<!-- how\nwas it tested -->\n\n\
                    ## Checklist\n- [ ] I read it\n";
    fs::write(folder.join("new_model.md"), template).unwrap();
    let input = DraftInput {
        run: dir.path().to_owned(),
        target: Some("mlx-lm".into()),
        port: Some(target.path().to_owned()),
    };
    let draft = report::draft(&input).unwrap();
    assert_eq!(draft.blanks, ["Description", "Why it matters", "Checklist"]);
    let text = text(&dir, report::DRAFT);
    assert!(text.contains("- model type: `gemma2`") && text.contains("**FAIL**"), "{text}");
    assert!(report::check(dir.path()).unwrap().holds());
    let ticked = text.replace("- [ ] I read it", "- [x] I read it");
    fs::write(dir.path().join(report::DRAFT), ticked).unwrap();
    assert!(report::check(dir.path()).unwrap().holds());
}

#[test]
fn a_forged_verdict_or_figure_is_found_in_the_evidence() {
    let dir = run();
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
        let input = DraftInput { run: dir.path().to_owned(), ..DraftInput::default() };
        assert!(report::draft(&input).is_err(), "{from}");
    }
}

#[test]
fn a_folder_without_evidence_is_no_run() {
    let dir = tempfile::tempdir().unwrap();
    assert!(report::check(dir.path()).unwrap_err().to_string().contains("not a finished run"));
    fs::write(dir.path().join("evidence.json"), "{").unwrap();
    assert!(report::check(dir.path()).is_err());
}

#[test]
fn rendering_takes_less_than_a_verification_shows() {
    let dir = run();
    let evidence = runs::load(dir.path()).unwrap();
    let started = std::time::Instant::now();
    report::html(&evidence).unwrap();
    report::render(&evidence).unwrap();
    // Unoptimised and beside other tests; the release takes a tenth of it.
    let took = started.elapsed();
    assert!(took.as_secs_f64() < 2.0, "{took:?}");
}

/// The command is no part of the digest, so what it asks is held to the facts one by one.
#[test]
fn facts_that_are_not_about_what_the_command_asks_are_found() {
    let dir = run();
    let evidence = text(&dir, "evidence.json");
    let honest = "\"command\": \"portwright verify gemma2\"";
    assert!(evidence.contains(honest));
    for (asked, words) in [
        ("portwright verify llama", "the model type llama, the facts are of gemma2"),
        ("portwright verify gemma2 --seed 3", "the seed 3, the facts are of 0"),
        ("portwright verify gemma2 --engines embedded,mlx", "the engines embedded,mlx"),
        ("portwright verify gemma2 --precision native", "the precision"),
        ("portwright verify gemma2 --spelling rope_parameters", "the spelling rope_parameters"),
        ("portwright verify gemma2 --checkpoint org/name", "the kind of checkpoint real"),
        ("portwright verify gemma2 --set rms_norm_eps=0.5", "sets `rms_norm_eps` to 0.5"),
        ("portwright inspect gemma2", "is not a command of `verify`"),
    ] {
        let forged = evidence.replace(honest, &format!("\"command\": \"{asked}\""));
        fs::write(dir.path().join("evidence.json"), forged).unwrap();
        let check = report::check(dir.path()).unwrap();
        let found = check.evidence.join("; ");
        assert!(found.contains(words), "{asked}: {found}");
    }
    fs::write(dir.path().join("evidence.json"), &evidence).unwrap();
    assert_eq!(report::check(dir.path()).unwrap().evidence, Vec::<String>::new());
}
