//! What a contributor runs before a pull request: policy, staging, the ledger behind release notes.
//!
//! The capabilities have their own tests; here is the program, with real git as the judge, and a
//! staging that is killed for real.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use portwright_tests::{command::start, git::git, program::portwright};
use serde_json::Value;

/// As many as a staging takes, so that it can be killed among them.
const FILES: usize = 300;
const PATIENCE: Duration = Duration::from_mins(2);

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A clone of a target, and a port of many files beside it.
fn targets() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("clean");
    write(&root.join("mlx_lm/models/llama.py"), "x = 1\n");
    write(&root.join("mlx_vlm/models/base.py"), "x = 1\n");
    write(&root.join("mlx_vlm/tests/test_models.py"), "x = 1\n");
    git(&root, &["init", "-q", "-b", "main"]);
    git(&root, &["add", "."]);
    git(&root, &["commit", "-q", "-m", "All there is"]);
    for n in 0..FILES {
        write(&dir.path().join(format!("port/mlx_vlm/models/olmo3/part{n}.py")), "x = 2\n");
    }
    write(&dir.path().join("port/mlx_vlm/tests/test_models.py"), "x = 2\n");
    dir
}

const STAGE: [&str; 8] =
    ["stage", "mlx-vlm", "--checkout", "clean", "--model", "olmo3", "--port", "port"];

fn seen(dir: &Path) -> [String; 5] {
    let root = dir.join("clean");
    [
        git(&root, &["symbolic-ref", "HEAD"]),
        git(&root, &["for-each-ref"]),
        git(&root, &["status", "--porcelain", "--untracked-files=all"]),
        git(&root, &["ls-files", "--stage"]),
        dir.join("add-olmo3.patch").exists().to_string(),
    ]
}

#[test]
fn a_staging_that_is_killed_leaves_no_half_state() {
    let dir = targets();
    let path = dir.path();
    let root = path.join("clean");
    let before = seen(path);
    let plan = start(path, STAGE).ended();
    plan.expect(0, &["nothing is changed yet", "part0.py"]);
    assert_eq!(seen(path), before);

    let part = |n: usize| root.join(format!("mlx_vlm/models/olmo3/part{n}.py"));
    let on_branch = root.join(".git/logs/refs/heads/add-olmo3");
    let triggers: [PathBuf; 5] = [
        root.join(".git/portwright-stage/journal.json"),
        on_branch,
        part(0),
        part(199),
        path.join("add-olmo3.patch"),
    ];
    let mut undone = 0;
    for trigger in &triggers {
        let mut child = Command::new(portwright())
            .args(STAGE)
            .arg("--apply")
            .current_dir(path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while !trigger.exists() && child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < PATIENCE, "no {}", trigger.display());
            thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let half = seen(path) != before;
        let recovery = start(path, ["stage", "--recover", "--checkout", "clean", "--json"]).ended();
        recovery.expect(0, &[]);
        let recovery: Value = serde_json::from_str(&recovery.stdout).unwrap();
        git(&root, &["fsck", "--strict"]);
        match recovery["is"].as_str().unwrap() {
            "undone" => undone += usize::from(half),
            "nothing" if !half => {}
            is => {
                // It was quicker than the signal: then it is whole.
                assert!(["nothing", "finished"].contains(&is));
                assert_eq!(
                    git(&root, &["diff", "--cached", "--name-only"]).lines().count(),
                    FILES + 1
                );
                git(&root, &["switch", "-q", "--discard-changes", "main"]);
                git(&root, &["branch", "-q", "-D", "add-olmo3"]);
                fs::remove_file(path.join("add-olmo3.patch")).unwrap();
            }
        }
        assert_eq!(seen(path), before, "{}", trigger.display());
        assert!(!root.join("mlx_vlm/models/olmo3").exists());
    }
    assert!(0 < undone, "no signal came in the middle");

    let done = start(path, STAGE.into_iter().chain(["--apply"])).ended();
    done.expect(0, &["staged on `add-olmo3`, not committed"]);
    let staged = git(&root, &["diff", "--cached", "--full-index", "--binary"]);
    assert_eq!(fs::read_to_string(path.join("add-olmo3.patch")).unwrap(), staged);
}

#[test]
fn the_program_says_what_it_refuses_and_what_the_person_does_instead() {
    let dir = targets();
    let file = "mlx_lm/models/olmo3.py=port/mlx_vlm/tests/test_models.py";
    let stage = ["stage", "mlx-lm", "--checkout", "clean", "--model", "olmo3", file];
    write(&dir.path().join("clean/new.txt"), "");
    start(dir.path(), stage)
        .ended()
        .expect(1, &["refused:", "dirty-tree", "`new.txt`", "Instead: ", "nothing was changed"]);
    fs::remove_file(dir.path().join("clean/new.txt")).unwrap();
    start(dir.path(), stage.into_iter().chain(["--apply", "--message", "Add olmo3"]))
        .ended()
        .expect(
            1,
            &["says nothing of whether a tool may commit", "Commit what is staged yourself"],
        );
    start(dir.path(), stage.into_iter().chain(["--apply=0123"]))
        .ended()
        .expect(1, &["not the plan `0123` any more"]);
    start(dir.path(), ["stage", "mlx-lm", "--checkout", "port", "--model", "olmo3", file])
        .ended()
        .expect(2, &["not a git checkout", "hint: "]);
}

#[test]
fn the_policy_of_a_target_is_told_with_its_source() {
    let dir = targets();
    start(dir.path(), ["policy", "mlx-lm"])
        .ended()
        .expect(0, &["forbidden", "AGENTS.md", "not compared", "new_model.md", "Instead: "]);
    start(dir.path(), ["policy", "mlx-lm", "--port", "clean"])
        .ended()
        .expect(0, &["mind: `AGENTS.md`", "is not in the checkout"]);
    start(dir.path(), ["policy", "mlx"]).ended().expect(2, &["no target `mlx`", "hint: "]);
    let json = start(dir.path(), ["policy", "vllm", "--json"]).ended();
    let policy: Value = serde_json::from_str(&json.expect(0, &[]).stdout).unwrap();
    let rules = policy["rules"].as_array().unwrap();
    assert!(rules.iter().all(|it| it["file"].is_string() && it["read"].is_string()));
}

#[test]
fn release_notes_are_held_to_every_commit() {
    let dir = targets();
    let root = dir.path().join("clean");
    git(&root, &["tag", "v1"]);
    for (n, subject) in ["Add olmo3 (#12)", "Fix the cache", "Tidy"].into_iter().enumerate() {
        write(&root.join(format!("mlx_lm/models/olmo{n}.py")), "x = 1\n");
        git(&root, &["add", "."]);
        git(&root, &["commit", "-q", "-m", subject]);
    }
    let commits = ["commits", "v1..main"];
    start(&root, commits).ended().expect(0, &["olmo0:", "new models (1)", "3 commits, each once"]);
    let json = start(&root, commits.into_iter().chain(["--json"])).ended();
    let ledger: Value = serde_json::from_str(&json.expect(0, &[]).stdout).unwrap();
    assert_eq!(ledger["total"], 3);

    let notes = dir.path().join("NOTES.md");
    let check = || {
        let check = ["--check", notes.to_str().unwrap()];
        start(&root, commits.into_iter().chain(check)).ended()
    };
    fs::write(&notes, "- OLMo 3 (#12)\n- Fix the cache\n").unwrap();
    check().expect(1, &["not accounted for:", "Tidy", "2 of 3 commits"]);
    let last = git(&root, &["rev-parse", "--short", "HEAD"]);
    fs::write(&notes, format!("- OLMo 3 (#12)\n- Fix the cache\n- {last}")).unwrap();
    check().expect(0, &["3 of 3 commits are accounted for"]);
    let first = git(&root, &["rev-parse", "v1"]);
    fs::write(&notes, format!("#12\n- Fix the cache\n{last}{first}")).unwrap();
    check().expect(1, &["not in the range:", "All there is"]);
    start(&root, ["commits", "v1"]).ended().expect(2, &["not a range of commits", "hint: "]);
}
