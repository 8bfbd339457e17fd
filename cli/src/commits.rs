//! `portwright commits`: the ledger of a range, and notes held to it.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use portwright_tools::{
    commits::{self, About, CommitsInput, Ledger, LedgerCommit, NotesCheck},
    count::counted,
};

use crate::{output::Output, show, surroundings::interruptible};

#[derive(Debug, ClapArgs)]
pub(crate) struct CommitsArgs {
    /// The range as git writes it, e.g. `v0.31.0..v0.32.0`; its first end is not in it
    #[arg(value_name = "FROM..TO")]
    range: String,
    /// The repository, or a folder in it
    #[arg(long, value_name = "PATH", default_value = ".")]
    repo: PathBuf,
    /// Say which commits these notes do not account for, by id, pull request or subject
    #[arg(long, value_name = "NOTES.md")]
    check: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: CommitsArgs) -> anyhow::Result<u8> {
    let (bars, cancel) = interruptible()?;
    let input = CommitsInput { range: args.range, repository: args.repo, notes: args.check };
    let ledger = commits::commits(&input, &bars, &cancel)?;
    if args.output.json {
        show::json(&ledger)?;
    } else if let Some(check) = &ledger.check {
        show_check(&ledger, check);
    } else {
        show_ledger(&ledger);
    }
    Ok(u8::from(ledger.check.as_ref().is_some_and(|it| !it.complete)))
}

fn show_ledger(ledger: &Ledger) {
    for group in &ledger.groups {
        show::line(match &group.about {
            About::Model(name) => format!("{name}:"),
            About::SeveralModels => "several models:".to_owned(),
            About::NoModel => "no one model:".to_owned(),
        });
        for of_kind in &group.kinds {
            show::line(format!("  {} ({})", commits::title(of_kind.kind), of_kind.commits.len()));
            for commit in &of_kind.commits {
                show::line(format!("    {}", line(commit)));
            }
        }
    }
    let commits = counted(ledger.total, "commit", "commits");
    show::line(format!("{}: {commits}, each once", ledger.range));
}

fn show_check(ledger: &Ledger, check: &NotesCheck) {
    for commit in &check.missing {
        show::line(format!("not accounted for: {}", line(commit)));
    }
    for it in &check.strangers {
        let subject = it.subject.as_deref().unwrap_or("no commit of this repository");
        show::line(format!("not in the range: {} ({subject})", it.id));
    }
    for it in &check.ambiguous {
        show::line(format!("stands for several commits, and so for none: {it}"));
    }
    if !check.other_numbers.is_empty() {
        let numbers: Vec<String> = check.other_numbers.iter().map(|it| format!("#{it}")).collect();
        show::line(format!("no commit of the range has {}", numbers.join(", ")));
    }
    show::line(format!(
        "{}: {} of {} accounted for",
        ledger.range,
        check.accounted,
        counted(ledger.total, "commit is", "commits are")
    ));
}

fn line(commit: &LedgerCommit) -> String {
    let day = commit.date.split('T').next().unwrap_or_default();
    format!("{} {day} {}", commit.short, commit.subject)
}
