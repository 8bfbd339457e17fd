//! Ledgers of real histories, counted by git itself.

use std::collections::BTreeSet;

use super::*;
use crate::real_git::{git, write};

/// A history with models, merges, a root of its own and subjects that strangers write.
fn history() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    git(root, &["init", "-q", "-b", "main"]);
    let commit = |path: &str, text: &str, subject: &str| {
        write(&root.join(path), text);
        git(root, &["add", "."]);
        git(root, &["commit", "-q", "-m", subject]);
    };
    commit("mlx_lm/models/llama.py", "1", "All there is");
    git(root, &["tag", "v1"]);
    commit("mlx_lm/models/olmo3.py", "1", "Add OLMo 3 (#12)");
    commit("mlx_lm/models/olmo3.py", "2", "Fix the window (#13)");
    commit("tests/test_models.py", "1", "More tests");
    commit("README.md", "1", "More tests");
    git(root, &["switch", "-q", "-c", "side", "v1"]);
    commit("mlx_lm/models/qwen9.py", "1", "Add qwen9");
    commit("mlx_lm/models/qwen9.py", "2", "Mend \u{1b}[31mqwen9");
    git(root, &["switch", "-q", "main"]);
    git(root, &["merge", "-q", "--no-ff", "-m", "Merge pull request #14 from me/side", "side"]);
    write(&root.join("mlx_lm/models/llama.py"), "3");
    commit("mlx_lm/models/olmo3.py", "3", "Faster attention (#15)");
    git(root, &["checkout", "-q", "--orphan", "alone"]);
    git(root, &["commit", "-q", "-m", "Another root"]);
    git(root, &["switch", "-q", "main"]);
    git(root, &["merge", "-q", "--allow-unrelated-histories", "-s", "ours", "-m", "Join", "alone"]);
    git(root, &["commit", "-q", "--allow-empty", "-m", "v2"]);
    git(root, &["tag", "v2", "-m", "An annotated tag"]);
    dir
}

fn ledger(root: &Path, range: &str, notes: Option<PathBuf>) -> Ledger {
    let input = CommitsInput { range: range.to_owned(), repository: root.to_owned(), notes };
    commits(&input, &(), &Cancel::default()).unwrap()
}

fn all(ledger: &Ledger) -> Vec<&LedgerCommit> {
    ledger.groups.iter().flat_map(|it| &it.kinds).flat_map(|it| &it.commits).collect()
}

#[test]
fn every_commit_is_there_once_as_git_counts_them() {
    let dir = history();
    let root = dir.path();
    for range in
        ["v1..v2", "v1..main", "v1..side", "side..main", "main..side", "v2..v2", "v2~2..v2"]
    {
        let ledger = ledger(root, range, None);
        let found = all(&ledger);
        let counted: usize = git(root, &["rev-list", "--count", range]).trim().parse().unwrap();
        assert_eq!((ledger.total, found.len()), (counted, counted), "{range}");
        let ids: BTreeSet<&str> = found.iter().map(|it| it.id.as_str()).collect();
        let listed = git(root, &["rev-list", range]);
        assert_eq!(ids, listed.lines().collect(), "{range}");
        for commit in found {
            let shown =
                git(root, &["log", "-1", "--format=%h%n%ad%n%s", "--date=iso-strict", &commit.id]);
            let mut shown = shown.lines();
            assert_eq!(Some(commit.short.as_str()), shown.next());
            // Newer gits write `Z` where older ones write `+00:00`.
            let date = shown.next().unwrap().replace('Z', "+00:00");
            assert_eq!(commit.date, date);
            assert_eq!(commit.subject, shown.next().unwrap().replace('\u{1b}', "\u{fffd}"));
        }
    }
}

#[test]
fn commits_are_grouped_by_model_and_kind() {
    let dir = history();
    let ledger = ledger(dir.path(), "v1..v2", None);
    let found: Vec<_> = ledger
        .groups
        .iter()
        .flat_map(|group| {
            group.kinds.iter().map(move |it| (&group.about, it.kind, it.commits.len()))
        })
        .collect();
    let model = |name: &str| About::Model(name.to_owned());
    assert_eq!(
        found,
        [
            (&model("olmo3"), Kind::NewModel, 1),
            (&model("olmo3"), Kind::Fix, 1),
            (&model("qwen9"), Kind::NewModel, 1),
            (&model("qwen9"), Kind::Change, 1),
            (&model("qwen9"), Kind::Merge, 1),
            (&About::SeveralModels, Kind::NewModel, 1),
            (&About::SeveralModels, Kind::Change, 1),
            (&About::NoModel, Kind::Tests, 1),
            (&About::NoModel, Kind::Docs, 1),
            (&About::NoModel, Kind::Merge, 1),
            (&About::NoModel, Kind::Empty, 1),
        ]
    );
    let numbers: Vec<u64> = all(&ledger).iter().filter_map(|it| it.pull_request).collect();
    assert_eq!(numbers, [12, 13, 14, 15]);
}

#[test]
fn notes_account_by_id_by_number_and_by_subject() {
    let dir = history();
    let root = dir.path();
    let whole = ledger(root, "v1..v2", None);
    let id =
        |subject: &str| all(&whole).iter().find(|it| it.subject == subject).unwrap().id.clone();
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("NOTES.md");
    let check = |text: &str| {
        std::fs::write(&notes, text).unwrap();
        ledger(root, "v1..v2", Some(notes.clone())).check.unwrap()
    };
    let nothing = check("# v2\n");
    assert_eq!(
        (nothing.complete, nothing.accounted, nothing.missing.len()),
        (false, 0, whole.total)
    );

    let by_hand = format!(
        "# v2\n- A new model (#12), see also #999\n- **Fix the window.**\n- qwen9: `{}`\n- More tests\n",
        &id("Add qwen9")[..7]
    );
    let some = check(&by_hand);
    assert_eq!((some.complete, some.accounted), (false, 3));
    assert_eq!(some.ambiguous, ["More tests"], "two commits have this subject");
    assert_eq!(some.other_numbers, [999]);
    assert_eq!(some.strangers, []);

    let ids = |ledger: &Ledger| {
        all(ledger).iter().map(|it| it.short.as_str()).collect::<Vec<_>>().join("\n- ") + "\n"
    };
    let every = check(&ids(&whole));
    assert!(every.complete && every.missing.is_empty(), "{every:?}");
    assert_eq!(every.accounted, whole.total);

    let before = git(root, &["rev-parse", "v1"]);
    let more = check(&format!("{}{before}0123abc4 20261128 defaced\n", ids(&whole)));
    assert!(!more.complete && more.missing.is_empty());
    let expected = [
        Stranger { id: "0123abc4".to_owned(), subject: None },
        Stranger { id: before.trim().to_owned(), subject: Some("All there is".to_owned()) },
    ];
    assert_eq!(more.strangers.iter().collect::<BTreeSet<_>>(), expected.iter().collect());
}

#[test]
fn what_is_no_range_or_no_repository_is_told() {
    let dir = history();
    let said = |range: &str, folder: &Path| {
        let input =
            CommitsInput { range: range.to_owned(), repository: folder.to_owned(), notes: None };
        commits(&input, &(), &Cancel::default()).unwrap_err().to_string()
    };
    for range in ["", "v1", "v1...v2", "..v2", "v1..", "v1..v2..main"] {
        assert!(said(range, dir.path()).contains("not a range"), "{range}");
    }
    assert!(said("v1..nowhere", dir.path()).contains("`nowhere` names no commit"));
    let empty = tempfile::tempdir().unwrap();
    assert!(said("v1..v2", empty.path()).contains("not a git repository"));
    let cancel = Cancel::default();
    cancel.cancel();
    let input =
        CommitsInput { range: "v1..v2".to_owned(), repository: dir.path().into(), notes: None };
    assert!(commits(&input, &(), &cancel).unwrap_err().is_cancelled());
}
