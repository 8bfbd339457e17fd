//! A staging that ends anywhere leaves the checkout as it was, or as it should be.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    apply::{self, Step},
    *,
};

/// A port with a new folder, a new file and a modified one.
fn port(fixture: &Fixture) -> StageInput {
    let folder = fixture.dir.path().join("vlm");
    write(&folder.join("mlx_vlm/models/olmo3/deep/part.py"), OLMO3);
    write(&folder.join("mlx_vlm/models/olmo3/olmo3.py"), OLMO3);
    write(&folder.join("mlx_vlm/tests/test_models.py"), MORE_TESTS);
    StageInput { target: "mlx-vlm".to_owned(), port: Some(folder), ..fixture.input() }
}

/// Begins the staging and stops for good after so many steps; says whether it came to that.
fn begin(input: &StageInput, steps: usize) -> bool {
    let repository = open(&input.checkout).unwrap();
    let lock = journal::lock(&repository).unwrap();
    let plan = plan::plan(input, &repository).unwrap();
    assert_eq!(plan.staging.refusals, []);
    let mut left = steps;
    let mut stop = |_: Step| {
        if left == 0 {
            std::panic::resume_unwind(Box::new("cut off"));
        }
        left -= 1;
    };
    let ended = catch_unwind(AssertUnwindSafe(|| apply::apply(&repository, &plan, &mut stop)));
    drop(lock);
    if let Ok(done) = &ended {
        done.as_ref().unwrap();
    }
    ended.is_err()
}

/// Whatever was begun, one call later the checkout is whole; returns what that call said.
#[track_caller]
fn whole(fixture: &Fixture, before: &Snapshot, after: &Snapshot) -> Recovery {
    let recovery = recover(&fixture.root()).unwrap();
    let now = fixture.snapshot();
    match &recovery {
        Recovery::Nothing => assert!(now == *before || now == *after, "{now:#?}"),
        Recovery::Undone { .. } => assert_eq!(now, *before),
        Recovery::Finished { .. } => assert_eq!(now, *after),
    }
    assert_eq!(recover(&fixture.root()).unwrap(), Recovery::Nothing);
    fixture.git(&["fsck", "--strict"]);
    recovery
}

/// What the two ends look like, in a fixture of its own, with paths of `other`.
fn ends(other: &Fixture, prepare: impl Fn(&Fixture)) -> (Snapshot, Snapshot) {
    prepare(other);
    let before = other.snapshot();
    let input = port(other);
    assert!(!begin(&input, usize::MAX));
    let after = other.snapshot();
    other.git(&["switch", "-q", "--discard-changes", "main"]);
    other.git(&["branch", "-q", "-D", "add-olmo3"]);
    fs::remove_file(other.patch()).unwrap();
    assert_eq!(before, other.snapshot());
    (before, after)
}

#[test]
fn wherever_it_is_cut_off_the_next_call_makes_it_whole() {
    let fixture = Fixture::new();
    let input = port(&fixture);
    let (before, after) = ends(&fixture, |_| ());
    let mut outcomes = Vec::new();
    for steps in 0.. {
        if !begin(&input, steps) {
            break;
        }
        let recovery = whole(&fixture, &before, &after);
        if fixture.snapshot() == after {
            fixture.git(&["switch", "-q", "--discard-changes", "main"]);
            fixture.git(&["branch", "-q", "-D", "add-olmo3"]);
            fs::remove_file(fixture.patch()).unwrap();
        }
        outcomes.push(recovery);
    }
    let count = |is: fn(&Recovery) -> bool| outcomes.iter().filter(|it| is(it)).count();
    // Prepared and closed; journal, branch, three files, patch, HEAD; index and checked.
    assert_eq!(count(|it| *it == Recovery::Nothing), 2, "{outcomes:?}");
    assert_eq!(count(|it| matches!(it, Recovery::Undone { .. })), 7, "{outcomes:?}");
    assert_eq!(count(|it| matches!(it, Recovery::Finished { .. })), 2, "{outcomes:?}");
}

#[test]
fn the_next_staging_recovers_first_and_then_goes_through() {
    let fixture = Fixture::new();
    let input = port(&fixture);
    let digest = stage(&input, &Wish::Plan).unwrap().digest;
    // After the HEAD was moved: the worst place, as git sees half of it.
    assert!(begin(&input, 7));
    assert_ne!(fixture.git(&["status", "--porcelain"]), "");
    let done = stage(&input, &Wish::Apply { plan: Some(digest) }).unwrap();
    assert_eq!(done.state, State::Staged, "{:?}", done.refusals);
    assert_eq!(done.recovered, Some(Recovery::Undone { branch: "add-olmo3".to_owned() }));
    // A plan does so too.
    let fixture = Fixture::new();
    let (input, before) = (port(&fixture), fixture.snapshot());
    assert!(begin(&input, 4));
    let plan = stage(&input, &Wish::Plan).unwrap();
    assert_eq!((plan.refusals.len(), plan.state), (0, State::Planned));
    assert_eq!(fixture.snapshot(), before);
}

#[test]
fn locks_that_a_killed_staging_left_are_removed_and_no_others() {
    for lock in ["refs/heads/add-olmo3.lock", "HEAD.lock"] {
        let fixture = Fixture::new();
        let (input, before) = (port(&fixture), fixture.snapshot());
        assert!(begin(&input, 6));
        let lock = fixture.root().join(".git").join(lock);
        fs::write(&lock, "").unwrap();
        assert!(matches!(recover(&fixture.root()).unwrap(), Recovery::Undone { .. }));
        assert!(!lock.exists());
        assert_eq!(fixture.snapshot(), before);
    }
    let fixture = Fixture::new();
    let (input, before) = (port(&fixture), fixture.snapshot());
    // As if it ended between the lock of the index and the index.
    assert!(begin(&input, 7));
    let lock = fixture.root().join(".git/index.lock");
    let next = fixture.root().join(".git/portwright-stage/index");
    fs::copy(fixture.root().join(".git/index"), &next).unwrap();
    fs::hard_link(&next, &lock).unwrap();
    assert!(matches!(recover(&fixture.root()).unwrap(), Recovery::Undone { .. }));
    assert!(!lock.exists());
    assert_eq!(fixture.snapshot(), before);
}

#[test]
fn what_somebody_changed_since_is_left_as_it_is() {
    type Change = fn(&Fixture);
    let change: [(&str, Change); 5] = [
        ("olmo3.py` was changed", |it| it.write("mlx_vlm/models/olmo3/olmo3.py", "mine\n")),
        ("test_models.py` was changed", |it| it.write("mlx_vlm/tests/test_models.py", "mine\n")),
        ("add-olmo3.patch` was changed", |it| fs::write(it.patch(), "mine").unwrap()),
        ("HEAD was moved", |it| {
            it.git(&["symbolic-ref", "HEAD", "refs/heads/elsewhere"]);
        }),
        ("the branch `add-olmo3` was moved", |it| {
            let tree = it.git(&["rev-parse", "main^{tree}"]);
            let commit = it.git(&["commit-tree", "-m", "mine", tree.trim()]);
            it.git(&["update-ref", "refs/heads/add-olmo3", commit.trim()]);
        }),
    ];
    for (said, change) in change {
        let fixture = Fixture::new();
        let input = port(&fixture);
        assert!(begin(&input, 6));
        change(&fixture);
        let before = fixture.snapshot();
        let err = recover(&fixture.root()).unwrap_err();
        assert!(err.to_string().contains(said), "{said}: {err}");
        assert_eq!(fixture.snapshot(), before, "{said}");
        let again = stage(&input, &Wish::Plan).unwrap_err();
        assert!(again.to_string().contains(said), "a plan says so too: {again}");
    }
}

#[test]
fn what_fails_on_the_way_is_undone_at_once() {
    let fixture = Fixture::new();
    let (input, before) = (port(&fixture), fixture.snapshot());
    let lock = fixture.root().join(".git/index.lock");
    let repository = open(&input.checkout).unwrap();
    let held = journal::lock(&repository).unwrap();
    let plan = plan::plan(&input, &repository).unwrap();
    let mut meddle = |step: Step| {
        if step == Step::Head {
            fs::write(&lock, "another git").unwrap();
        }
    };
    let err = apply::apply(&repository, &plan, &mut meddle).unwrap_err();
    assert!(matches!(err, StageError::Write { .. }), "{err}");
    drop(held);
    assert_eq!(fs::read_to_string(&lock).unwrap(), "another git");
    fs::remove_file(&lock).unwrap();
    assert_eq!(fixture.snapshot(), before);
    assert_eq!(recover(&fixture.root()).unwrap(), Recovery::Nothing);
}

#[test]
fn two_stagings_do_not_meet() {
    let fixture = Fixture::new();
    let repository = open(&fixture.root()).unwrap();
    let held = journal::lock(&repository).unwrap();
    for wish in [Wish::Plan, Wish::Apply { plan: None }] {
        let err = stage(&fixture.input(), &wish).unwrap_err();
        assert!(matches!(err.of(), Some(StageError::Busy { .. })), "{err}");
    }
    drop(held);
    assert_eq!(fixture.apply().state, State::Staged);
}

#[test]
fn a_journal_that_cannot_be_read_is_told() {
    let fixture = Fixture::new();
    drop(journal::lock(&open(&fixture.root()).unwrap()).unwrap());
    let journal = fixture.root().join(".git/portwright-stage/journal.json");
    for text in ["", "{}", "{\"version\": 99}"] {
        fs::write(&journal, text).unwrap();
        let err = recover(&fixture.root()).unwrap_err();
        assert!(err.to_string().contains("as the journal of a staging"), "{err}");
    }
}
