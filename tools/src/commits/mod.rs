//! `commits`: every commit of a range once, as a ledger that release notes can be held to.
//!
//! # Where to start
//!
//! [`commits`] is the capability. `walk` reads commits, `kind` says what each is and which models it is
//! about, `check` holds notes to the ledger.

mod check;
mod error;
mod kind;
#[cfg(test)]
mod tests;
mod walk;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use git2::Repository;
use portwright_harness::{cancel::Cancel, progress::Progress};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use check::{NotesCheck, Stranger};
pub use error::CommitsError;
pub use kind::{Kind, title};

use crate::error::ToolError;

/// Which commits.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommitsInput {
    /// `FROM..TO`, as git writes it.
    pub range: String,
    /// The repository.
    pub repository: PathBuf,
    /// Notes that should account for every commit.
    #[serde(default)]
    pub notes: Option<PathBuf>,
}

/// Every commit of a range, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ledger {
    pub range: String,
    /// The two ends, as ids.
    pub from: String,
    pub to: String,
    /// How many commits there are.
    pub total: usize,
    pub groups: Vec<Group>,
    /// What the notes do with them, where notes were given.
    pub check: Option<NotesCheck>,
}

/// The commits about one model, or about several, or about none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    pub about: About,
    pub kinds: Vec<OfKind>,
}

/// What commits are about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "is", content = "name")]
pub enum About {
    Model(String),
    SeveralModels,
    NoModel,
}

/// The commits of one kind in a group, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OfKind {
    pub kind: Kind,
    pub commits: Vec<LedgerCommit>,
}

/// One commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerCommit {
    pub id: String,
    /// As short as this repository can tell it apart.
    pub short: String,
    /// When it was written, by its author's clock.
    pub date: String,
    pub subject: String,
    /// The pull request, where the subject names it.
    pub pull_request: Option<u64>,
    pub kind: Kind,
    pub models: Vec<String>,
    /// How many files it touches.
    pub files: usize,
}

/// The ledger of a range, and what notes do with it.
///
/// # Errors
///
/// Fails where there is no repository, an end of the range is not in it, or the notes cannot be read.
pub fn commits(
    input: &CommitsInput,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Ledger, ToolError> {
    let notes = input.notes.as_deref().map(read).transpose()?;
    let repository =
        Repository::discover(&input.repository).map_err(|err| CommitsError::NoRepository {
            path: input.repository.clone(),
            detail: err.message().to_owned(),
        })?;
    let (from, to) = walk::ends(&repository, &input.range)?;
    let commits = walk::commits(&repository, from, to, progress, cancel)?;
    let check = notes.map(|it| check::check(&repository, &commits, &it));
    Ok(Ledger {
        range: input.range.clone(),
        from: from.to_string(),
        to: to.to_string(),
        total: commits.len(),
        groups: groups(commits),
        check,
    })
}

fn read(notes: &Path) -> Result<String, CommitsError> {
    let failed = |source| CommitsError::Notes { path: notes.to_owned(), source };
    fs::read_to_string(notes).map_err(failed)
}

/// Models by name, then what concerns several, then the rest; in each the kinds in their own order.
fn groups(commits: Vec<LedgerCommit>) -> Vec<Group> {
    let mut groups: BTreeMap<About, BTreeMap<Kind, Vec<LedgerCommit>>> = BTreeMap::new();
    for commit in commits {
        let about = match &commit.models[..] {
            [] => About::NoModel,
            [one] => About::Model(one.clone()),
            _ => About::SeveralModels,
        };
        groups.entry(about).or_default().entry(commit.kind).or_default().push(commit);
    }
    groups
        .into_iter()
        .map(|(about, kinds)| Group {
            about,
            kinds: kinds.into_iter().map(|(kind, commits)| OfKind { kind, commits }).collect(),
        })
        .collect()
}
