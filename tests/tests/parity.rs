//! What the published tables say, real engines still say: a few fixed types and planted bugs, and others
//! of each table that change with the day (`sample`), made again. `SAMPLE_SEED` draws a day's sample again.

#![allow(clippy::unwrap_used, reason = "a failing step is a failing test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use portwright_harness::{
    cancel::Cancel,
    case::Spelling,
    engine::Pair,
    environment::{self, Home},
    head::Head,
    outcome::Verdict,
    sweep as sweep_row,
};
use portwright_tests::{command::start, program::portwright, right, sample};
use portwright_tools::{
    agreement,
    catches::Catches,
    definitions, mutants,
    releases::{self, ReleasesInput},
    sweep::{self, SweepInput},
};
use serde_json::Value;

/// A port that passes, one with two faults, and one that does not load as it is.
const TYPES: [&str; 3] = ["olmo3", "gemma2", "gemma3"];
/// Definitions on the embedded runtime: attention, a recurrence, experts with a choice among them.
const DEFINITIONS: [&str; 3] = ["llama", "mamba", "qwen3_moe"];
/// One that the plain forward shows, one that only batches show, one that no logit shows.
const PLANTED: [&str; 3] =
    ["olmo3-swapped-ropes", "llama-one-offset", "granite-float32-multiplier"];

/// Figures of a table and of today lie this close, in bounds, where both are held to one: another
/// processor adds up in another order, but its noise is noise.
const SAME_NOISE: f64 = 1.0;
/// Where a port is wrong by far more than noise, it is wrong by as much again.
const SAME_ERROR: f64 = 1e-2;
/// Figures of definitions are in the table with two digits, and one of the two may be rounded away.
const TWO_DIGITS: f64 = 0.11;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/coverage")
}

#[test]
fn the_sweep_gives_what_its_table_says() {
    let published = sweep::Coverage::load(&docs()).unwrap();
    same_again(&published, &TYPES, 2, Pair::native());
}

/// The same of the embedded engines, beside their own table.
#[test]
fn the_embedded_sweep_gives_what_its_table_says() {
    let published = fs::read_to_string(docs().join(agreement::TYPES_JSON)).unwrap();
    same_again(&serde_json::from_str(&published).unwrap(), &TYPES[1..2], 1, Pair::default());
}

fn here(input: &SweepInput) -> sweep::Coverage {
    let home = Home::locate().unwrap();
    sweep::sweep(input, &home, &(), &Cancel::default()).unwrap().coverage
}

fn by_program(input: &SweepInput) -> sweep::Coverage {
    let mut command = Command::new(portwright());
    command.args(["verify", "--all", "--json", "--only", &input.model_types.join(",")]);
    let ran = command.arg("--out").arg(input.out.as_ref().unwrap()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let output: sweep::SweepOutput = serde_json::from_slice(&ran.stdout).expect(&said);
    output.coverage
}

/// These types and some of the day, asked again.
fn same_again(published: &sweep::Coverage, fixed: &[&str], of_day: usize, pair: Pair) {
    let mut types: Vec<String> = published.rows.iter().map(|it| it.model_type.clone()).collect();
    types.dedup();
    let mut asked: Vec<String> = fixed.iter().map(|it| (*it).to_owned()).collect();
    asked.extend(sample::of_day(types, of_day, sample::seed()));
    let out = tempfile::tempdir().unwrap();
    let input = SweepInput {
        model_types: asked.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
        engines: Some(pair.to_string()),
        out: Some(out.path().to_owned()),
        ..SweepInput::default()
    };
    // The embedded engines are this program's own processes, and a test's is another.
    let found = if pair.is_embedded() { by_program(&input) } else { here(&input) };
    assert!(input.model_types.len() <= found.rows.len());
    for row in &found.rows {
        let same = |it: &&_| {
            let it: &sweep_row::Row = it;
            it.model_type == row.model_type && it.spelling == row.spelling
        };
        let expected = published.rows.iter().find(same).unwrap();
        let name = format!(
            "{} ({}), {}={}",
            row.model_type,
            row.spelling.id(),
            sample::SEED,
            sample::seed()
        );
        assert_eq!(row.verdict, expected.verdict, "{name}: {:?}", row.reason);
        assert_eq!(row.failed, expected.failed, "{name}");
        assert_eq!(row.not_run, expected.not_run, "{name}");
        let proofs = |row: &sweep_row::Row| {
            row.proofs.iter().map(|it| (it.change.clone(), it.proved)).collect::<Vec<_>>()
        };
        assert_eq!(proofs(row), proofs(expected), "{name}");
        let figures = |row: &sweep_row::Row| Some((row.max_abs?.0, row.bound?.0));
        let (now, then) = (figures(row), figures(expected));
        assert_eq!(now.is_some(), then.is_some(), "{name}: {now:?}, the table has {then:?}");
        if let (Some((now, _)), Some((then, bound))) = (now, then) {
            let close = (now - then).abs() <= (SAME_NOISE * bound).max(SAME_ERROR * then);
            assert!(close, "{name}: max |Δ| is {now:e}, the table has {then:e}, held to {bound:e}");
        }
    }
}

/// Which layers a quantised port packs: all whose rows divide into groups, of 32 in 8 bits and of 64 in 4. What
/// seed_oss's four heads give is together 96 wide.
#[test]
fn every_layer_whose_rows_divide_into_groups_is_packed() {
    for (model_type, in_8, in_4) in [("llama", 30.0, 30.0), ("seed_oss", 30.0, 26.0)] {
        let folder = tempfile::tempdir().unwrap();
        let words = ["verify", model_type, "--checks", "quantised", "--out", "run"];
        start(folder.path(), words).ended().expect(0, &["PARTIAL"]);
        let evidence = fs::read_to_string(folder.path().join("run/evidence.json")).unwrap();
        let evidence: Value = serde_json::from_str(&evidence).unwrap();
        let figures = evidence["checks"][0]["figures"].as_array().unwrap();
        let of = |id: &str| figures.iter().find(|it| it["id"] == id).unwrap()["measured"].as_f64();
        assert_eq!((of("packed-8"), of("packed-4")), (Some(in_8), Some(in_4)), "{model_type}");
    }
}

/// A right port passes against the definition of an earlier release, in the packages that this release
/// needs; which release changes with the day.
#[test]
fn a_right_port_passes_on_an_earlier_release() {
    let mut earlier: Vec<String> = environment::tried().into_iter().map(str::to_owned).collect();
    earlier.pop();
    let out = tempfile::tempdir().unwrap();
    let input = ReleasesInput {
        releases: sample::of_day(earlier, 1, sample::seed()),
        model_types: vec!["llama".to_owned()],
        out: Some(out.path().to_owned()),
        ..ReleasesInput::default()
    };
    let home = Home::locate().unwrap();
    let found = releases::releases(&input, &home, &(), &Cancel::default()).unwrap().matrix;
    assert_eq!(found.releases, input.releases);
    let verdicts: Vec<_> =
        found.entries.iter().map(|it| (it.spelling, it.verdict, it.explained)).collect();
    // mlx-lm's llama does not read the newer spelling, on any release.
    let expected = [
        (Spelling::RopeTheta, Verdict::Pass, true),
        (Spelling::RopeParameters, Verdict::Fail, true),
    ];
    assert_eq!(verdicts, expected, "{:?}", found.entries);
    assert!(found.render().unwrap().contains(&input.releases[0]));
}

#[test]
fn planted_bugs_are_caught_again() {
    let home = Home::locate().unwrap();
    let published = fs::read_to_string(docs().join(mutants::TABLE_JSON)).unwrap();
    let published: Catches = serde_json::from_str(&published).unwrap();
    let others = published.catches.iter().map(|it| it.id.clone()).collect();
    let mut ids: BTreeSet<String> = PLANTED.map(str::to_owned).into();
    ids.extend(sample::of_day(others, 1, sample::seed()));
    let ids: Vec<String> = ids.into_iter().collect();
    let catches =
        mutants::mutants(&ids, Some(Pair::native()), None, &home, &(), &Cancel::default()).unwrap();
    assert_eq!(catches.catches.len(), ids.len());
    assert_eq!(catches.caught(), ids.len(), "{catches:?}");
    assert_eq!(catches.false_alarms(), 0, "{catches:?}");
    for found in &catches.catches {
        let expected = published.catches.iter().find(|it| it.id == found.id).unwrap();
        assert_eq!(found.failed, expected.failed, "{}", found.id);
    }
}

#[test]
fn definitions_give_what_their_table_says() {
    let published = definitions::load(&docs()).unwrap();
    let causal: Vec<String> = published
        .rows
        .iter()
        .filter(|it| it.head == Head::CausalLm)
        .map(|it| it.model_type.clone())
        .collect();
    let mut asked: BTreeSet<String> = DEFINITIONS.map(str::to_owned).into();
    asked.extend(sample::of_day(causal, 2, sample::seed()));
    let folder = tempfile::tempdir().unwrap();
    let (out, docs_again) = (folder.path().join("out"), folder.path().join("docs"));
    let only = asked.iter().cloned().collect::<Vec<_>>().join(",");
    let arguments = ["verify", "--definitions", "--head", "causal-lm", "--only", &only];
    let mut command = Command::new(portwright());
    command.args(arguments).arg("--out").arg(&out).arg("--docs").arg(&docs_again);
    let ran = command.output().unwrap();
    let again = definitions::load(&docs_again)
        .unwrap_or_else(|err| panic!("{err}: {}", String::from_utf8_lossy(&ran.stderr)));
    assert_eq!(again.rows.len(), asked.len());
    for row in again.rows {
        let same = |it: &&portwright_harness::definitions::Row| {
            it.head == row.head && it.model_type == row.model_type
        };
        let expected = published.rows.iter().find(same).unwrap();
        for (mode, cell) in &row.modes {
            let name = format!("{}, {}", row.model_type, mode.name());
            let expected = &expected.modes[mode];
            assert_eq!(cell.verdict, expected.verdict, "{name}: {:?}", cell.reason);
            assert_eq!(cell.greedy, expected.greedy, "{name}");
            let (now, then) = (cell.worst, expected.worst);
            assert_eq!(now.is_some(), then.is_some(), "{name}: {now:?}, the table has {then:?}");
            if let (Some(now), Some(then), Some(bound)) = (now, then, expected.bound) {
                let close = (now - then).abs() <= (SAME_NOISE * bound).max(TWO_DIGITS * then);
                assert!(close, "{name}: {now:e}, the table has {then:e}, held to {bound:e}");
            }
        }
    }
}

/// Nothing that the embedded engines are asked may end in an error of ours: that would be `not run`.
#[test]
fn a_port_is_verified_by_the_embedded_pair_alone() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut command = Command::new(portwright());
    command.args(["verify", "llama", "--json"]).args(right::flags("llama"));
    let ran = command.arg("--out").arg(&out).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(0), "{said}");
    let evidence = fs::read_to_string(out.join("evidence.json")).unwrap();
    let evidence: Value = serde_json::from_str(&evidence).unwrap();
    assert_eq!(evidence["verdict"], "pass", "{said}");
    assert_eq!(evidence["roles"]["judged"], "embedded-mlx");
}
