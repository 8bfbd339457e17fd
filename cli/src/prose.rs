//! Every command that the repository's prose names is one that this program takes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{CommandFactory, error::ErrorKind};

use crate::args::Args;

#[path = "../../tests/src/prose.rs"]
#[expect(unreachable_pub, reason = "the tests' crate uses it too")]
mod markdown;

/// How prose calls the program.
const PREFIXES: [&str; 2] = ["portwright ", "cargo run --release -- "];

fn prose() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|it| it == "md" || it == "j2") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = vec![root.join("README.md"), root.join("AGENTS.md")];
    walk(&root.join("skills"), &mut found);
    walk(&root.join("prompts/mcp"), &mut found);
    found
}

/// What the program's own parser says to a command line, if it refuses it.
fn refusal(line: &str) -> Option<clap::Error> {
    let line = PREFIXES.iter().find_map(|it| line.strip_prefix(it))?;
    let words = shell_words::split(line).unwrap_or_else(|_| panic!("`{line}` is not quoted well"));
    let err =
        Args::command().try_get_matches_from([&["portwright".to_owned()], &words[..]].concat());
    err.err().filter(|it| it.kind() != ErrorKind::DisplayHelp)
}

/// What is shown in a block is run as it stands.
#[test]
fn every_command_in_a_block_is_complete() {
    let mut checked = 0;
    for path in prose() {
        let text = fs::read_to_string(&path).unwrap();
        for line in markdown::blocks(&text, "sh").iter().flat_map(|it| markdown::commands(it)) {
            if needs_the_runtime(&line) {
                continue;
            }
            let refused = refusal(&line);
            assert!(refused.is_none(), "{}: `{line}`\n{}", path.display(), refused.unwrap());
            checked += usize::from(PREFIXES.iter().any(|it| line.starts_with(it)));
        }
    }
    assert!(50 < checked, "{checked} commands");
}

/// In a sentence a command may stand without its arguments, but none of its words may be wrong.
#[test]
fn every_command_in_a_sentence_exists() {
    let mut checked = 0;
    for path in prose() {
        let text = fs::read_to_string(&path).unwrap();
        for line in markdown::spans(&text) {
            if !PREFIXES.iter().any(|it| line.starts_with(it)) || needs_the_runtime(line) {
                continue;
            }
            let incomplete = [
                ErrorKind::MissingRequiredArgument,
                ErrorKind::MissingSubcommand,
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
            ];
            let refused = refusal(line).filter(|it| !incomplete.contains(&it.kind()));
            assert!(refused.is_none(), "{}: `{line}`\n{}", path.display(), refused.unwrap());
            checked += 1;
        }
    }
    assert!(20 < checked, "{checked} commands");
}

#[test]
fn a_flag_that_does_not_exist_is_found() {
    for wrong in
        ["portwright verify olmo3 --tolerance 1", "portwright prove olmo3", "portwright explain"]
    {
        assert!(refusal(wrong).is_some(), "{wrong}");
    }
}

/// A build without the embedded runtime lacks the sweep over definitions; the whole build has it.
fn needs_the_runtime(line: &str) -> bool {
    !cfg!(feature = "candle") && line.contains("inspect --all")
}
