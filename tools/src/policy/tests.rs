//! The rules of real targets, and checkouts that changed since they were read.

use std::{fs, path::Path};

use super::*;

fn of(target: &str, checkout: Option<&Path>) -> Policy {
    let input = PolicyInput { target: target.to_owned(), port: checkout.map(Into::into) };
    policy(&input).unwrap()
}

#[test]
fn mlx_lm_keeps_every_word_to_a_person() {
    let policy = of("mlx-lm", None);
    for action in [
        Action::WriteDescription,
        Action::WriteCommitMessage,
        Action::AnswerReviewers,
        Action::Push,
        Action::OpenPullRequest,
    ] {
        let said = policy.may(action);
        assert_eq!(said.answer, Answer::Forbidden, "{action:?}");
        assert!(said.why.contains("AGENTS.md, read 20"), "{}", said.why);
        assert!(said.instead.contains("your"), "{}", said.instead);
    }
    assert_eq!(policy.may(Action::WriteCode).answer, Answer::Allowed);
    let rule = |id: &str| policy.rule(id).unwrap();
    assert!(rule("template").values.iter().any(|it| it.ends_with("new_model.md")));
    assert_eq!(rule("disclosure").verdict, Verdict::Required);
    assert!(rule("reference-output").values[0].contains("-p \"The secret"));
    assert!(policy.allowed_paths("olmo3").is_match("mlx_lm/models/olmo3.py"));
    assert!(!policy.allowed_paths("olmo3").is_match("mlx_lm/generate.py"));
    assert!(!policy.allowed_paths("olmo3").is_match("setup.py"));
}

#[test]
fn what_no_rule_speaks_of_is_not_allowed() {
    let policy = of("candle", None);
    assert_eq!(policy.may(Action::Push).answer, Answer::Unstated);
    assert!(policy.unstated.contains(&"push".to_owned()));
    assert!(policy.note.is_some());
}

#[test]
fn an_unknown_target_is_told_with_the_nearest() {
    let input = PolicyInput { target: "mlx_lm".to_owned(), port: None };
    let err = policy(&input).unwrap_err();
    assert!(err.to_string().contains("there are mlx-lm, transformers"), "{err}");
    let hint = portwright_harness::hint::Hint::hint(&err).unwrap();
    assert_eq!(hint, "did you mean `mlx-lm`?");
}

#[test]
fn a_field_that_is_not_known_is_refused() {
    let json = r#"{"target": "mlx-lm", "checkuot": "x"}"#;
    assert!(serde_json::from_str::<PolicyInput>(json).is_err());
}

/// A checkout with a file for each source of mlx-lm.
fn checkout() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("mlx_lm/models")).unwrap();
    fs::create_dir_all(dir.path().join(".github/PULL_REQUEST_TEMPLATE")).unwrap();
    for source in table::load("mlx-lm").unwrap().source {
        fs::write(source.file.below(dir.path()), format!("text of {}\r\n", source.file)).unwrap();
    }
    dir
}

/// Where the table holds no digest, the file's own stands in for it.
fn as_read(dir: &Path) -> table::Table {
    let mut table = table::load("mlx-lm").unwrap();
    for source in &mut table.source {
        let text = fs::read_to_string(source.file.below(dir)).unwrap().replace("\r\n", "\n");
        source.sha256 = Some(portwright_harness::digest::of_bytes(text.as_bytes()));
    }
    table
}

fn standings(table: &table::Table, dir: &Path) -> Vec<(String, Standing)> {
    let files = files::compare(table, Some(dir)).unwrap();
    files.into_iter().map(|it| (it.file, it.standing)).collect()
}

#[test]
fn what_changed_since_it_was_read_is_said() {
    let dir = checkout();
    let root = dir.path();
    let mut table = as_read(root);
    assert!(standings(&table, root).iter().all(|it| it.1 == Standing::Unchanged));

    fs::copy(root.join("AGENTS.md"), root.join("CLAUDE.md")).unwrap();
    assert_eq!(standings(&table, root).len(), 3, "the same text under another name is read");

    fs::write(root.join("AGENTS.md"), "other rules\n").unwrap();
    fs::write(root.join("CLAUDE.md"), "rules for one agent\n").unwrap();
    fs::write(root.join(".github/PULL_REQUEST_TEMPLATE/bug.md"), "## Bug\n").unwrap();
    fs::remove_file(root.join("CONTRIBUTING.md")).unwrap();
    table.source[2].sha256 = None;
    let expected = [
        ("AGENTS.md", Standing::Changed),
        ("CONTRIBUTING.md", Standing::Vanished),
        (".github/PULL_REQUEST_TEMPLATE/new_model.md", Standing::NotCompared),
        (".github/PULL_REQUEST_TEMPLATE/bug.md", Standing::Unread),
        ("CLAUDE.md", Standing::Unread),
    ];
    let found = standings(&table, root);
    assert_eq!(found, expected.map(|(file, it)| (file.to_owned(), it)));
    let files = files::compare(&table, Some(root)).unwrap();
    assert!(files.iter().all(|it| it.warning(true).is_some()), "each of them is worth a word");
}

#[test]
fn a_file_is_never_called_unchanged_unread() {
    for target in portwright_targets::all() {
        let files = of(&target.id, None).files;
        assert!(files.iter().all(|it| it.standing == Standing::NotCompared), "{}", target.id);
    }
    let dir = checkout();
    let policy = of("mlx-lm", Some(dir.path()));
    assert!(policy.files.iter().all(|it| it.standing != Standing::Unchanged));
    assert_eq!(policy.warnings.len(), policy.files.len());
}

#[test]
fn another_projects_checkout_is_refused() {
    let dir = checkout();
    let input = PolicyInput { target: "vllm".to_owned(), port: Some(dir.path().into()) };
    let err = policy(&input).unwrap_err().to_string();
    assert!(err.contains("not a checkout of vllm"), "{err}");
}
