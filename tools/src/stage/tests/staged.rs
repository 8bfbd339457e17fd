//! What is staged, and what is not done besides.

use portwright_harness::outcome::Verdict;

use super::*;
use crate::runs;

#[test]
fn a_plan_writes_nothing_at_all() {
    let fixture = Fixture::new();
    let all = || {
        let mut files = BTreeMap::new();
        walk(&fixture.root().join(".git"), &mut files);
        files
    };
    let (before, git_before) = (fixture.snapshot(), all());
    let plan = fixture.plan();
    assert_eq!(plan.state, State::Planned);
    assert_eq!(plan.refusals, []);
    // Asking git for the status may itself refresh the index.
    assert_eq!(git_before.keys().collect::<Vec<_>>(), all().keys().collect::<Vec<_>>());
    assert_eq!(before, fixture.snapshot());
    assert_eq!((plan.branch.as_str(), plan.base_branch.as_deref()), ("add-olmo3", Some("main")));
    assert_eq!(plan.base, fixture.git(&["rev-parse", "HEAD"]).trim());
    let files: Vec<_> =
        plan.files.iter().map(|it| (it.path.as_str(), it.change, it.added)).collect();
    let expected =
        [("mlx_lm/models/olmo3.py", Change::New, 2), ("tests/test_models.py", Change::Modified, 4)];
    assert_eq!(files, expected);
    assert_eq!(fixture.plan().digest, plan.digest, "the same question has the same digest");
}

#[test]
fn what_is_staged_is_what_git_shows() {
    let fixture = Fixture::new();
    let digest = fixture.plan().digest;
    let done = stage(&fixture.input(), &Wish::Apply { plan: Some(digest) }).unwrap();
    assert_eq!(done.state, State::Staged);
    assert_eq!(
        fixture.git(&["status", "--porcelain"]),
        "A  mlx_lm/models/olmo3.py\nM  tests/test_models.py\n"
    );
    assert_eq!(fixture.git(&["symbolic-ref", "HEAD"]), "refs/heads/add-olmo3\n");
    assert_eq!(fixture.git(&["rev-parse", "HEAD"]), fixture.git(&["rev-parse", "main"]));
    let patch = fs::read_to_string(fixture.patch()).unwrap();
    assert_eq!(patch, fixture.git(&["diff", "--cached", "--full-index", "--binary"]));
    fixture.git(&["fsck", "--strict"]);

    let other = fixture.dir.path().join("other");
    git(fixture.dir.path(), &["clone", "-q", "-b", "main", "checkout", "other"]);
    git(&other, &["apply", "--check", fixture.patch().to_str().unwrap()]);
    git(&other, &["apply", "--index", fixture.patch().to_str().unwrap()]);
    assert_eq!(git(&other, &["write-tree"]), fixture.git(&["write-tree"]));

    let left: Vec<_> = fs::read_dir(fixture.root().join(".git/portwright-stage"))
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    assert_eq!(left, ["lock"]);
    assert_eq!(recover(&fixture.root()).unwrap(), Recovery::Nothing);
}

#[test]
fn new_folders_modes_and_binary_files_are_kept() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new();
    let folder = fixture.dir.path().join("vlm");
    write(&folder.join("mlx_vlm/models/olmo3/deep/run.sh"), "#!/bin/sh\n");
    write(&folder.join("mlx_vlm/models/olmo3/olmo3.py"), "");
    let script = folder.join("mlx_vlm/models/olmo3/deep/run.sh");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.join("mlx_vlm/models/olmo3/weights.bin"), [0, 159, 146, 13, 10, 0]).unwrap();
    let input = StageInput { target: "mlx-vlm".to_owned(), port: Some(folder), ..fixture.input() };
    let done = stage(&input, &Wish::Apply { plan: None }).unwrap();
    assert_eq!((ids(&done), &done.state), (vec![], &State::Staged));
    let index = fixture.git(&["ls-files", "--stage", "mlx_vlm/models/olmo3"]);
    let modes: Vec<&str> = index.lines().map(|it| &it[..6]).collect();
    assert_eq!(modes, ["100755", "100644", "100644"]);
    let patch = fs::read_to_string(fixture.patch()).unwrap();
    assert!(patch.contains("GIT binary patch"), "{patch}");
    fixture.git(&["switch", "-q", "--discard-changes", "main"]);
    fixture.git(&["apply", "--check", fixture.patch().to_str().unwrap()]);
}

#[test]
fn a_linked_worktree_is_a_checkout_too() {
    let fixture = Fixture::new();
    fixture.git(&["worktree", "add", "-q", "-b", "work", "../linked"]);
    let linked = fixture.dir.path().join("linked");
    let input = StageInput { checkout: linked.clone(), ..fixture.input() };
    let done = stage(&input, &Wish::Apply { plan: None }).unwrap();
    assert_eq!((ids(&done), &done.state), (vec![], &State::Staged));
    assert_eq!(git(&linked, &["symbolic-ref", "HEAD"]), "refs/heads/add-olmo3\n");
    assert_eq!(fixture.git(&["status", "--porcelain"]), "");
}

#[test]
fn of_another_clone_only_what_was_changed_is_taken() {
    let fixture = Fixture::new();
    git(fixture.dir.path(), &["clone", "-q", "checkout", "work"]);
    let work = fixture.dir.path().join("work");
    write(&work.join("mlx_lm/models/olmo3.py"), OLMO3);
    write(&work.join("mlx_lm/models/__pycache__/olmo3.pyc"), "");
    write(&work.join("tests/test_models.py"), MORE_TESTS);
    let input = StageInput { port: Some(work.clone()), ..fixture.input() };
    let plan = stage(&input, &Wish::Plan).unwrap();
    assert_eq!(ids(&plan), [""; 0]);
    assert_eq!(plan.files, fixture.plan().files);

    // Meanwhile the target moves on: the file of the clone would take that back.
    fixture.write("tests/test_models.py", "def test_mistral():\n    pass\n");
    fixture.git(&["commit", "-q", "-a", "-m", "More tests"]);
    let plan = stage(&input, &Wish::Plan).unwrap();
    assert_eq!(ids(&plan), ["moved-on"]);

    fs::remove_file(work.join("mlx_lm/generate.py")).unwrap();
    assert!(ids(&stage(&input, &Wish::Plan).unwrap()).contains(&"deleted"));
}

#[test]
fn another_plan_is_not_carried_out() {
    let fixture = Fixture::new();
    let digest = fixture.plan().digest;
    fixture.port("mlx_lm/models/olmo3.py", "class Other:\n    pass\n");
    let before = fixture.snapshot();
    let done = stage(&fixture.input(), &Wish::Apply { plan: Some(digest.clone()) }).unwrap();
    assert_eq!((ids(&done), &done.state), (vec!["other-plan"], &State::Refused));
    fixture.port("mlx_lm/models/olmo3.py", OLMO3);
    assert_eq!(fixture.plan().digest, digest);
    fixture.git(&["commit", "-q", "--allow-empty", "-m", "On the way"]);
    let done = stage(&fixture.input(), &Wish::Apply { plan: Some(digest) }).unwrap();
    assert_eq!(ids(&done), ["other-plan"], "the checkout moved");
    assert_eq!(before.status, fixture.snapshot().status);
    assert_eq!(before.files, fixture.snapshot().files);
}

#[test]
fn a_commit_needs_the_policy_and_a_persons_message() {
    let fixture = Fixture::new();
    let message = Some("Add olmo3".to_owned());
    let input = StageInput { message: message.clone(), ..fixture.input() };
    let before = fixture.snapshot();
    let done = stage(&input, &Wish::Apply { plan: None }).unwrap();
    assert_eq!(done.state, State::Refused);
    let commit = done.refusals.iter().find(|it| it.id == "commit").unwrap();
    assert_eq!(commit.whom, Whom::Agent);
    assert_eq!(commit.instead, "Commit what is staged yourself.");
    assert_eq!(before, fixture.snapshot());

    for (key, value) in [("user.name", "Me"), ("user.email", "me@example.org")] {
        fixture.git(&["config", key, value]);
    }
    let port = fixture.dir.path().join("olmo3.py");
    write(&port, OLMO3);
    let files = [("vllm/model_executor/models/olmo3.py".to_owned(), port)].into();
    let vllm = StageInput { target: "vllm".to_owned(), port: None, files, ..input };
    let done = stage(&vllm, &Wish::Apply { plan: None }).unwrap();
    assert_eq!(ids(&done), ["sign-off"]);
    let signed = "Add olmo3\n\nSigned-off-by: Me <me@example.org>".to_owned();
    let vllm = StageInput { message: Some(signed.clone()), ..vllm };
    let done = stage(&vllm, &Wish::Apply { plan: None }).unwrap();
    let State::Committed { commit } = &done.state else { panic!("{done:?}") };
    assert_eq!(fixture.git(&["rev-parse", "add-olmo3"]).trim(), commit);
    assert_eq!(fixture.git(&["rev-parse", "add-olmo3^"]), fixture.git(&["rev-parse", "main"]));
    assert_eq!(fixture.git(&["log", "-1", "--format=%B"]).trim(), signed);
    assert_eq!(fixture.git(&["status", "--porcelain"]), "");
    fixture.git(&["fsck", "--strict"]);
}

/// The evidence of a real run.
fn run(dir: &Path) -> PathBuf {
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gemma2");
    let copy = dir.join("run");
    fs::create_dir_all(&copy).unwrap();
    fs::copy(run.join("evidence.json"), copy.join("evidence.json")).unwrap();
    copy
}

#[test]
fn a_run_is_shown_and_held_to_the_files() {
    let fixture = Fixture::new();
    let run = run(fixture.dir.path());
    let evidence = runs::load(&run).unwrap();
    let of = |model_type: &str, even_if_failed: bool| {
        let (run, model_type) = (Some(run.clone()), model_type.to_owned());
        let input = StageInput { model_type, run, even_if_failed, ..fixture.input() };
        stage(&input, &Wish::Plan).unwrap()
    };
    let plan = of("olmo3", true);
    assert_eq!(ids(&plan), ["other-model"]);
    let shown = plan.run.unwrap();
    assert_eq!((shown.verdict, shown.digest), (evidence.verdict, evidence.digest.clone()));
    assert!(!shown.same_port);
    assert_eq!(ids(&of(&evidence.subject.model_type, true)), [""; 0]);

    fixture.port(&evidence.subject.port.as_ref().unwrap().path, "class Other:\n    pass\n");
    let without: Vec<String> =
        of(&evidence.subject.model_type, false).refusals.into_iter().map(|it| it.id).collect();
    let verdict = if evidence.verdict == Verdict::Pass { vec![] } else { vec!["verdict"] };
    assert_eq!(without, [verdict, vec!["other-port"]].concat());
}
