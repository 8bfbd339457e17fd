//! The repository keeps the promises it makes about itself: arrows, module docs, paths in prose.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

#[path = "tidy/modules.rs"]
mod modules;
#[path = "tidy/names.rs"]
mod names;
#[path = "tidy/python.rs"]
mod python;

/// Which crate may use which, besides this one. A new arrow is an edit here, so it shows in review.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "portwright",
        &["portwright-harness", "portwright-prompts", "portwright-server", "portwright-tools"],
    ),
    ("portwright-server", &["portwright-harness", "portwright-prompts", "portwright-tools"]),
    (
        "portwright-tools",
        &[
            "portwright-harness",
            "portwright-hub",
            "portwright-prompts",
            "portwright-source",
            "portwright-targets",
        ],
    ),
    ("portwright-hub", &[]),
    ("portwright-harness", &["portwright-runtime", "portwright-targets"]),
    ("portwright-prompts", &[]),
    ("portwright-kernels", &[]),
    ("portwright-runtime", &["portwright-kernels"]),
    ("portwright-source", &[]),
    ("portwright-targets", &[]),
];

/// Prose whose paths must exist.
const PROSE: [&str; 2] = ["README.md", "AGENTS.md"];

/// Longer than this, tests apart, needs a seam.
const LONGEST_FILE: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file that git knows, by extension.
fn files(extension: &str) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let files: Vec<PathBuf> = listed
        .lines()
        .filter(|it| Path::new(it).extension().is_some_and(|it| it == extension))
        .map(|it| root().join(it))
        .filter(|it| it.exists())
        .collect();
    assert!(!files.is_empty(), "no .{extension} files");
    files
}

#[test]
fn arrows_point_down_only() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if name == "portwright-tests" {
            continue;
        }
        let (_, allowed) =
            ARROWS.iter().find(|(it, _)| *it == name).unwrap_or_else(|| panic!("{name} is new"));
        let found: BTreeSet<&str> = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|it| it["name"].as_str())
            .filter(|it| it.starts_with("portwright"))
            .collect();
        for dependency in found {
            assert!(allowed.contains(&dependency), "{name} must not use {dependency}");
        }
    }
}

#[test]
fn every_long_suite_is_run_by_name() {
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    let map = fs::read_to_string(root().join("AGENTS.md")).unwrap();
    let manifest = fs::read_to_string(root().join("tests/Cargo.toml")).unwrap();
    let sections = manifest.split("[[test]]").skip(1);
    let long: Vec<&str> = sections
        .filter(|it| it.contains("test = false"))
        .map(|it| it.split('"').nth(1).unwrap())
        .collect();
    assert!(!long.is_empty(), "no long suite in tests/Cargo.toml");
    for name in long {
        let command = format!("--test {name}");
        assert!(ci.contains(&command), ".ci/run does not run the long suite `{name}`");
        assert!(map.contains(&command), "AGENTS.md does not say how to run `{name}`");
    }
}

#[test]
fn every_source_file_says_what_it_is() {
    for path in files("rs") {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} has no module doc", path.display());
    }
    for path in files("py") {
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.is_empty() || text.starts_with("\"\"\""),
            "{} has no docstring",
            path.display()
        );
    }
}

#[test]
fn no_file_grows_past_its_seam() {
    for path in files("rs").into_iter().chain(files("py")) {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().take_while(|it| !it.starts_with("#[cfg(test)]")).count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines", path.display());
    }
}

/// A path in prose is a word in backticks with a slash and no space, placeholder or wildcard.
#[test]
fn paths_named_in_prose_exist() {
    let mut checked = 0;
    let mut prose: Vec<PathBuf> = PROSE.iter().map(|it| root().join(it)).collect();
    prose.extend(files("md").into_iter().filter(|it| it.starts_with(root().join("skills"))));
    for path in prose {
        let text = fs::read_to_string(&path).unwrap();
        for word in text.split('`').skip(1).step_by(2) {
            let is_path = word.contains('/')
                && !word.starts_with(['/', '~', '-', '.', '$'])
                && !word.contains([' ', '<', '*', '\n', '{', '@', ':', '|'])
                && root().join(word.split('/').next().unwrap()).exists();
            if is_path {
                assert!(root().join(word).exists(), "{}: `{word}` does not exist", path.display());
                checked += 1;
            }
        }
    }
    assert!(0 < checked);
}

/// What belongs to one machine or one registry has no place in a repository.
#[test]
fn nothing_names_a_machine_or_a_package_index() {
    let forbidden = ["/root/", "/home/runner", "pypi.org", "pythonhosted.org", "/tmp/bash"];
    for extension in ["md", "toml", "lock", "in", "py", "patch", "json"] {
        for path in files(extension) {
            if path.ends_with("Cargo.lock") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for word in forbidden {
                assert!(!text.contains(word), "{} names {word}", path.display());
            }
        }
    }
}
