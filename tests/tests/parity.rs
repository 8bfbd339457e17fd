//! What the published tables say, real engines still say: a few types and planted bugs, made again.

#![allow(clippy::unwrap_used, reason = "a failing step is a failing test")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use portwright_harness::{cancel::Cancel, environment::Home};
use portwright_tests::program::portwright;
use portwright_tools::{
    definitions, mutants,
    sweep::{self, SweepInput},
};

/// A port that passes, one with two faults, and one that does not load as it is.
const TYPES: [&str; 3] = ["olmo3", "gemma2", "gemma3"];
/// Definitions on the embedded runtime: attention, a recurrence, experts with a choice among them.
const DEFINITIONS: [&str; 3] = ["llama", "mamba", "qwen3_moe"];
/// One that the plain forward shows, one that only batches show, one that no logit shows.
const PLANTED: [&str; 3] =
    ["olmo3-swapped-ropes", "llama-one-offset", "granite-float32-multiplier"];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/coverage")
}

#[test]
fn the_sweep_gives_what_its_table_says() {
    let out = tempfile::tempdir().unwrap();
    let input = SweepInput {
        model_types: TYPES.map(str::to_owned).into(),
        out: Some(out.path().to_owned()),
        ..SweepInput::default()
    };
    let home = Home::locate().unwrap();
    let found = sweep::sweep(&input, &home, &(), &Cancel::default()).unwrap().coverage;
    let published = sweep::load(&docs()).unwrap();
    assert!(TYPES.len() <= found.rows.len());
    for row in &found.rows {
        let same = |it: &&_| {
            let it: &portwright_harness::sweep::Row = it;
            it.model_type == row.model_type && it.spelling == row.spelling
        };
        let expected = published.rows.iter().find(same).unwrap();
        let name = format!("{} ({})", row.model_type, row.spelling.id());
        assert_eq!(row.verdict, expected.verdict, "{name}");
        assert_eq!(row.failed, expected.failed, "{name}");
        assert_eq!(row.not_run, expected.not_run, "{name}");
        let proofs = |row: &portwright_harness::sweep::Row| {
            row.proofs.iter().map(|it| (it.change.clone(), it.proved)).collect::<Vec<_>>()
        };
        assert_eq!(proofs(row), proofs(expected), "{name}");
    }
}

#[test]
fn planted_bugs_are_caught_again() {
    let home = Home::locate().unwrap();
    let ids = PLANTED.map(str::to_owned);
    let catches = mutants::mutants(&ids, None, &home, &(), &Cancel::default()).unwrap();
    assert_eq!(catches.catches.len(), PLANTED.len());
    assert_eq!(catches.caught(), PLANTED.len(), "{catches:?}");
    assert_eq!(catches.false_alarms(), 0, "{catches:?}");
}

#[test]
fn definitions_give_what_their_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let (out, docs_again) = (folder.path().join("out"), folder.path().join("docs"));
    let only = DEFINITIONS.join(",");
    let arguments = ["verify", "--definitions", "--head", "causal-lm", "--only", &only];
    let mut command = Command::new(portwright());
    command.args(arguments).arg("--out").arg(&out).arg("--docs").arg(&docs_again);
    let ran = command.output().unwrap();
    let again = definitions::load(&docs_again)
        .unwrap_or_else(|err| panic!("{err}: {}", String::from_utf8_lossy(&ran.stderr)));
    let published = definitions::load(&docs()).unwrap();
    assert_eq!(again.rows.len(), DEFINITIONS.len());
    for row in again.rows {
        let same = |it: &&portwright_harness::definitions::Row| {
            it.head == row.head && it.model_type == row.model_type
        };
        let expected = published.rows.iter().find(same).unwrap();
        for (mode, cell) in &row.modes {
            let name = format!("{}, {}", row.model_type, mode.name());
            assert_eq!(cell.verdict, expected.modes[mode].verdict, "{name}: {:?}", cell.reason);
            assert_eq!(cell.greedy, expected.modes[mode].greedy, "{name}");
        }
    }
}
