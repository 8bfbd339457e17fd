//! Every reason against staging, and that nothing is done then.

use std::os::unix::fs::symlink;

use super::*;

/// With what was done to the checkout or the port, the apply is refused for `id` and changes nothing.
#[track_caller]
fn refused(id: &str, fixture: &Fixture, input: &StageInput) {
    let before = fixture.snapshot();
    let done = stage(input, &Wish::Apply { plan: None }).unwrap();
    assert!(ids(&done).contains(&id), "{id}: {:?}", done.refusals);
    assert_eq!(done.state, State::Refused);
    assert!(done.refusals.iter().all(|it| !it.instead.is_empty()));
    let after = fixture.snapshot();
    assert_eq!(before, after, "{id}");
}

#[test]
fn a_tree_that_is_not_clean_is_refused() {
    let fixture = Fixture::new();
    fixture.write("mlx_lm/generate.py", "x = 1\n");
    refused("dirty-tree", &fixture, &fixture.input());
    fixture.git(&["add", "."]);
    refused("dirty-tree", &fixture, &fixture.input());
    fixture.git(&["reset", "-q", "--hard"]);
    fixture.write("new.txt", "");
    refused("dirty-tree", &fixture, &fixture.input());
    fixture.git(&["clean", "-q", "-f"]);
    fixture.write("ignored.log", "");
    assert_eq!(fixture.plan().refusals, [], "what is ignored is not dirty");
}

#[test]
fn a_detached_head_is_refused() {
    let fixture = Fixture::new();
    fixture.git(&["checkout", "-q", "--detach"]);
    refused("detached-head", &fixture, &fixture.input());
}

#[test]
fn what_git_is_in_the_middle_of_is_refused() {
    let fixture = Fixture::new();
    fixture.git(&["switch", "-q", "-c", "other"]);
    fixture.write("mlx_lm/generate.py", "x = 1\n");
    fixture.git(&["commit", "-q", "-a", "-m", "One"]);
    fixture.git(&["switch", "-q", "main"]);
    fixture.write("mlx_lm/generate.py", "x = 2\n");
    fixture.git(&["commit", "-q", "-a", "-m", "Two"]);
    assert!(!try_git(&fixture.root(), &["merge", "other"]).status.success());
    refused("in-progress", &fixture, &fixture.input());
    fixture.git(&["merge", "--abort"]);
    // Also where it left the tree clean.
    fixture.git(&["merge", "-q", "--no-commit", "--no-ff", "-s", "ours", "other"]);
    assert_eq!(fixture.git(&["status", "--porcelain"]), "");
    refused("in-progress", &fixture, &fixture.input());
    fixture.git(&["merge", "--abort"]);
    assert!(!try_git(&fixture.root(), &["rebase", "other"]).status.success());
    refused("in-progress", &fixture, &fixture.input());
    fixture.git(&["rebase", "--abort"]);
    assert_eq!(fixture.plan().refusals, []);
}

#[test]
fn another_git_at_work_is_refused() {
    let fixture = Fixture::new();
    let lock = fixture.root().join(".git/index.lock");
    fs::write(&lock, "").unwrap();
    let done = fixture.apply();
    assert_eq!(ids(&done), ["locked"]);
    assert!(lock.exists(), "it is not ours to remove");
}

#[test]
fn a_branch_that_is_there_or_cannot_be_is_refused() {
    let fixture = Fixture::new();
    fixture.git(&["branch", "add-olmo3"]);
    fixture.git(&["branch", "deep/er"]);
    for name in ["add-olmo3", "add-olmo3/x", "deep", "a..b", "-x", "a b", "", "a\0b", "HEAD"] {
        let input = StageInput { branch: Some(name.to_owned()), ..fixture.input() };
        refused("branch", &fixture, &input);
    }
    let input = StageInput { branch: Some("deep/olmo3".to_owned()), ..fixture.input() };
    let plan = stage(&input, &Wish::Plan).unwrap();
    assert_eq!(plan.refusals, []);
    assert!(plan.patch.ends_with("deep-olmo3.patch"), "{}", plan.patch.display());
}

#[test]
fn a_path_that_is_none_of_a_ports_is_refused() {
    let fixture = Fixture::new();
    fixture.write(".gitattributes", "mlx_lm/models/big.py filter=lfs\n");
    fixture.git(&["add", "."]);
    fixture.git(&["commit", "-q", "-m", "Attributes"]);
    let file = fixture.folder().join("mlx_lm/models/olmo3.py");
    for (id, path) in [
        ("outside", "setup.py"),
        ("outside", "mlx_lm/generate.py"),
        ("outside", "mlx_lm/models/deep/olmo3.py"),
        ("file", "/etc/passwd"),
        ("file", "../olmo3.py"),
        ("file", "mlx_lm/models/../../../olmo3.py"),
        ("file", ".git/hooks/pre-commit"),
        ("file", "mlx_lm/models/.GIT/x.py"),
        ("file", ""),
        ("ignored", "mlx_lm/models/secret.py"),
        ("filtered", "mlx_lm/models/big.py"),
        ("path", "mlx_lm/models/llama.py/x.py"),
        ("link", "mlx_lm/models"),
    ] {
        let files = [(path.to_owned(), file.clone())].into();
        refused(id, &fixture, &StageInput { files, ..fixture.input() });
    }
}

#[test]
fn a_link_is_followed_nowhere() {
    let fixture = Fixture::new();
    let outside = fixture.dir.path().join("outside");
    fs::create_dir_all(&outside).unwrap();
    let root = fixture.root();
    fs::remove_dir_all(root.join("tests")).unwrap();
    symlink(&outside, root.join("tests")).unwrap();
    symlink(outside.join("x.py"), root.join("mlx_lm/models/olmo3.py")).unwrap();
    fixture.git(&["add", "."]);
    fixture.git(&["commit", "-q", "-m", "Links"]);
    let done = fixture.apply();
    assert_eq!(done.state, State::Refused);
    assert!(ids(&done).contains(&"link"), "{:?}", done.refusals);
    assert!(fs::read_dir(&outside).unwrap().next().is_none(), "something was written through it");

    let fixture = Fixture::new();
    symlink("/etc/hostname", fixture.folder().join("mlx_lm/models/x.py")).unwrap();
    refused("file", &fixture, &fixture.input());
}

#[test]
fn a_submodule_is_not_written_into() {
    let fixture = Fixture::new();
    let inner = Fixture::new();
    let from = inner.root();
    fixture.git(&["rm", "-q", "-r", "tests"]);
    fixture.git(&["submodule", "--quiet", "add", from.to_str().unwrap(), "tests"]);
    fixture.git(&["commit", "-q", "-m", "A submodule"]);
    refused("submodule", &fixture, &fixture.input());
}

#[test]
fn a_file_that_git_would_rewrite_or_that_is_none_is_refused() {
    let fixture = Fixture::new();
    fixture.port("mlx_lm/models/olmo3.py", "a = 1\r\nb = 2\r\n");
    refused("file", &fixture, &fixture.input());
    let fixture = Fixture::new();
    let files = [("mlx_lm/models/x.py".to_owned(), fixture.folder())].into();
    refused("file", &fixture, &StageInput { files, ..fixture.input() });
    let files = [("mlx_lm/models/olmo3.py".to_owned(), fixture.root().join("mlx_lm/generate.py"))];
    refused("twice", &fixture, &StageInput { files: files.into(), ..fixture.input() });
    refused(
        "same-checkout",
        &fixture,
        &StageInput { port: Some(fixture.root()), ..fixture.input() },
    );
}

#[test]
fn a_patch_file_replaces_nothing_and_stays_outside() {
    let fixture = Fixture::new();
    let input = StageInput { patch: Some(fixture.root().join("x.patch")), ..fixture.input() };
    refused("patch", &fixture, &input);
    let nowhere = fixture.dir.path().join("nowhere/x.patch");
    refused("patch", &fixture, &StageInput { patch: Some(nowhere), ..fixture.input() });
    fs::write(fixture.patch(), "mine").unwrap();
    refused("patch", &fixture, &fixture.input());
    assert_eq!(fs::read_to_string(fixture.patch()).unwrap(), "mine");
}

#[test]
fn what_the_target_has_already_is_nothing_new() {
    let fixture = Fixture::new();
    fixture.port("mlx_lm/models/olmo3.py", "");
    fs::remove_file(fixture.folder().join("mlx_lm/models/olmo3.py")).unwrap();
    fixture.port("mlx_lm/models/llama.py", LLAMA);
    fixture.port("tests/test_models.py", TESTS);
    let plan = fixture.plan();
    assert_eq!(ids(&plan), ["nothing-new"]);
    assert_eq!(plan.unchanged.len(), 2);
}

#[test]
fn what_cannot_even_be_planned_is_an_error() {
    let fixture = Fixture::new();
    let said = |input: &StageInput| stage(input, &Wish::Plan).unwrap_err().to_string();
    let input = fixture.input();
    let folder = StageInput { checkout: fixture.root().join("tests"), ..input.clone() };
    assert!(said(&folder).contains("not a git checkout"), "{}", said(&folder));
    let nothing = StageInput { port: None, ..input.clone() };
    assert_eq!(said(&nothing), "no file to stage");
    for model_type in ["", "../x", "a b", "-x", "{a,b}", "*"] {
        let input = StageInput { model_type: model_type.to_owned(), ..input.clone() };
        assert!(said(&input).contains("not a model type"), "{model_type}: {}", said(&input));
    }
    let unknown = StageInput { target: "mlx".to_owned(), ..input.clone() };
    assert!(said(&unknown).contains("no target `mlx`"), "{}", said(&unknown));
    let empty = fixture.dir.path().join("empty");
    fs::create_dir_all(empty.join("mlx_lm/models")).unwrap();
    git(&empty, &["init", "-q"]);
    let empty = StageInput { checkout: empty, ..input };
    assert!(said(&empty).contains("no commit"), "{}", said(&empty));
}
