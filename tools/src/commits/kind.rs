//! What a commit is: a table over its subject and the paths that it touches.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a commit is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    NewModel,
    Fix,
    Change,
    Revert,
    Tests,
    Docs,
    Build,
    Merge,
    Empty,
}

/// What is known of a commit before its kind.
pub(super) struct Facts<'a> {
    pub(super) subject: &'a str,
    pub(super) parents: usize,
    pub(super) paths: &'a [String],
    /// Whether a model has its first definition here.
    pub(super) begins_model: bool,
}

/// A kind, how it is called, and what makes a commit one.
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) title: &'static str,
    is: fn(&Facts<'_>) -> bool,
}

/// Every kind; the first that fits is taken, and the last fits all.
pub(super) const KINDS: &[Row] = &[
    Row { kind: Kind::Merge, title: "merges", is: |it| 1 < it.parents },
    Row { kind: Kind::Empty, title: "without a change", is: |it| it.paths.is_empty() },
    Row { kind: Kind::Revert, title: "reverts", is: |it| it.subject.starts_with("Revert ") },
    Row { kind: Kind::NewModel, title: "new models", is: |it| it.begins_model },
    Row { kind: Kind::Docs, title: "documentation", is: |it| all(it, is_docs) },
    Row {
        kind: Kind::Tests,
        title: "tests",
        is: |it| all(it, |path| is_test(path) || is_docs(path)),
    },
    Row {
        kind: Kind::Build,
        title: "build and releases",
        is: |it| all(it, |path| is_build(path) || is_docs(path)),
    },
    Row { kind: Kind::Fix, title: "fixes", is: |it| says_fix(it.subject) },
    Row { kind: Kind::Change, title: "changes", is: |_| true },
];

pub(super) fn kind(facts: &Facts<'_>) -> Kind {
    KINDS.iter().find(|it| (it.is)(facts)).expect("the last fits all").kind
}

/// How a kind is called in a heading.
pub fn title(kind: Kind) -> &'static str {
    KINDS.iter().find(|it| it.kind == kind).expect("every kind has a row").title
}

fn all(facts: &Facts<'_>, is: impl Fn(&str) -> bool) -> bool {
    facts.paths.iter().all(|it| is(it))
}

fn is_docs(path: &str) -> bool {
    let lower = path.to_lowercase();
    let ends = [".md", ".rst", ".mdx"].iter().any(|it| lower.ends_with(it));
    ends && !lower.starts_with(".github/") || in_folder(&lower, &["docs", "doc"])
}

fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    in_folder(path, &["tests", "test"]) || name.starts_with("test_")
}

fn is_build(path: &str) -> bool {
    const FILES: [&str; 16] = [
        "cargo.toml",
        "cargo.lock",
        "cmakelists.txt",
        "dockerfile",
        "makefile",
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "manifest.in",
        "uv.lock",
        "_version.py",
        ".pre-commit-config.yaml",
        ".gitignore",
        ".gitattributes",
        "rustfmt.toml",
        "build.rs",
    ];
    let lower = path.to_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    FILES.contains(&name)
        || name.starts_with("requirements")
        || in_folder(
            &lower,
            &[".github", ".circleci", ".buildkite", "ci", ".ci", "docker", "cmake"],
        )
}

fn in_folder(path: &str, names: &[&str]) -> bool {
    path.rsplit_once('/')
        .is_some_and(|(folders, _)| folders.split('/').any(|it| names.contains(&it)))
}

fn says_fix(subject: &str) -> bool {
    const WORDS: [&str; 8] =
        ["fix", "fixes", "fixed", "fixing", "bugfix", "hotfix", "bug", "regression"];
    subject
        .split(|it: char| !it.is_alphanumeric())
        .any(|word| WORDS.contains(&word.to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_that_fits_is_the_kind() {
        let check = |subject: &str, paths: &[&str], expected: Kind| {
            let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
            let facts = Facts { subject, parents: 1, paths: &paths, begins_model: false };
            assert_eq!(kind(&facts), expected, "{subject} {paths:?}");
        };
        check("Fix cache", &["mlx_lm/models/cache.py"], Kind::Fix);
        check("Fix typo", &["README.md"], Kind::Docs);
        check("Fix flaky test", &["tests/test_models.py"], Kind::Tests);
        check("Bump", &["mlx_lm/_version.py", "CHANGELOG.md"], Kind::Build);
        check("Prefix caching", &["mlx_lm/server.py"], Kind::Change);
        check("Revert \"Fix cache\"", &["mlx_lm/models/cache.py"], Kind::Revert);
        check("Nothing", &[], Kind::Empty);
        check("Template", &[".github/pull_request_template.md"], Kind::Build);
        let facts = Facts { subject: "Merge", parents: 2, paths: &[], begins_model: true };
        assert_eq!(kind(&facts), Kind::Merge);
    }

    #[test]
    fn every_kind_is_a_row_once() {
        for (at, row) in KINDS.iter().enumerate() {
            assert!(KINDS[..at].iter().all(|it| it.kind != row.kind));
            assert_eq!(title(row.kind), row.title);
        }
    }
}
