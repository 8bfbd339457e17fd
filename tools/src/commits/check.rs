//! Notes held to a ledger: which commits they do not account for, and what they name besides.

use std::collections::{BTreeMap, BTreeSet};

use git2::{Oid, Repository};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LedgerCommit;

/// Git's own shortest.
const SHORTEST_ID: usize = 7;
const LONGEST_ID: usize = 40;

/// What notes do with a range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotesCheck {
    /// Whether every commit is accounted for, and every id is one of the range.
    pub complete: bool,
    /// How many commits are accounted for.
    pub accounted: usize,
    /// Commits that are not, newest first.
    pub missing: Vec<LedgerCommit>,
    /// Ids that are none of the range.
    pub strangers: Vec<Stranger>,
    /// Ids and subjects that stand for several commits of the range, and so for none.
    pub ambiguous: Vec<String>,
    /// Numbers like `#12` that no commit of the range has: issues, or other pull requests.
    pub other_numbers: Vec<u64>,
}

/// An id in notes that is none of the range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Stranger {
    pub id: String,
    /// The commit's subject, where the repository has it outside of the range.
    pub subject: Option<String>,
}

pub(super) fn check(repository: &Repository, commits: &[LedgerCommit], notes: &str) -> NotesCheck {
    let mut accounted = BTreeSet::new();
    let mut ambiguous = BTreeSet::new();
    let mut strangers = Vec::new();
    for id in ids(notes) {
        let meant: Vec<&LedgerCommit> =
            commits.iter().filter(|it| it.id.starts_with(&id)).collect();
        match meant[..] {
            [one] => {
                accounted.insert(one.id.as_str());
            }
            [] => strangers.extend(stranger(repository, &id)),
            _ => {
                ambiguous.insert(id);
            }
        }
    }
    let numbers = numbers(notes);
    let has = |it: &LedgerCommit| it.pull_request.is_some_and(|it| numbers.contains(&it));
    accounted.extend(commits.iter().filter(|it| has(it)).map(|it| it.id.as_str()));
    let mut subjects: BTreeMap<&str, Vec<&LedgerCommit>> = BTreeMap::new();
    for commit in commits {
        subjects.entry(&commit.subject).or_default().push(commit);
        if let Some((short, _)) = commit.subject.rsplit_once(" (#") {
            subjects.entry(short).or_default().push(commit);
        }
    }
    for line in notes.lines().map(bare) {
        match subjects.get(line).map(Vec::as_slice) {
            Some([one]) => {
                accounted.insert(one.id.as_str());
            }
            Some(_) => {
                ambiguous.insert(line.to_owned());
            }
            None => {}
        }
    }
    let missing: Vec<LedgerCommit> =
        commits.iter().filter(|it| !accounted.contains(it.id.as_str())).cloned().collect();
    let known: BTreeSet<u64> = commits.iter().filter_map(|it| it.pull_request).collect();
    NotesCheck {
        complete: missing.is_empty() && strangers.is_empty(),
        accounted: accounted.len(),
        missing,
        strangers,
        ambiguous: ambiguous.into_iter().collect(),
        other_numbers: numbers.difference(&known).copied().collect(),
    }
}

/// Words that are written like the id of a commit, each once.
fn ids(notes: &str) -> BTreeSet<String> {
    // A hyphen joins what is no id: dates, names of files, parts of other identifiers.
    let joins = |it: char| it.is_alphanumeric() || it == '_' || it == '-';
    notes
        .split(|it: char| !joins(it))
        .filter(|it| (SHORTEST_ID..=LONGEST_ID).contains(&it.len()))
        .filter(|it| it.chars().all(|it| it.is_ascii_hexdigit()))
        .map(str::to_lowercase)
        .collect()
}

/// A word that could be an id and names nothing; a plain number or an English word is none.
fn stranger(repository: &Repository, id: &str) -> Option<Stranger> {
    let subject = Oid::from_str(id)
        .ok()
        .filter(|_| id.len() == LONGEST_ID)
        .map_or_else(|| repository.find_commit_by_prefix(id), |it| repository.find_commit(it))
        .ok()
        .map(|it| String::from_utf8_lossy(it.summary_bytes().unwrap_or_default()).into_owned())
        .map(|it| it.replace(|it: char| it.is_control(), "\u{fffd}"));
    let digits = id.chars().filter(char::is_ascii_digit).count();
    let mixed = 0 < digits && digits < id.len();
    (subject.is_some() || mixed || id.len() == LONGEST_ID)
        .then(|| Stranger { id: id.to_owned(), subject })
}

/// `#12`, and addresses that end in `/pull/12`.
fn numbers(notes: &str) -> BTreeSet<u64> {
    let number = |text: &str| -> Option<u64> {
        let end = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
        let ends = !text[end..].starts_with(|it: char| it.is_alphanumeric() || it == '_');
        text[..end].parse().ok().filter(|_| ends)
    };
    let after = |mark: &'static str| {
        notes.match_indices(mark).filter_map(move |(at, _)| {
            let joined = mark == "#"
                && notes[..at].ends_with(|it: char| it.is_alphanumeric() || "&/".contains(it));
            if joined { None } else { number(&notes[at + mark.len()..]) }
        })
    };
    after("#").chain(after("/pull/")).collect()
}

/// A line without the mark of a list, and without what emphasises it. A heading accounts for nothing:
/// it often says no more than the release's name, and so may a commit.
fn bare(line: &str) -> &str {
    let line = line.trim().trim_start_matches(['-', '*', '+', '>']).trim();
    line.trim_matches(['*', '`']).trim().trim_end_matches('.').trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_written_like_an_id_is_one() {
        let found = ids("`1a2b3c4` and (DEADBEEF12), not 2026-11-28, abcdef, 1a2b3c4x, \
                         file-1a2b3c5, 1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d1");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["1a2b3c4", "deadbeef12"]);
    }

    #[test]
    fn numbers_stand_apart() {
        let found = numbers("#12, (#13) [#14](https://x/pull/15) &#16; a#17 #18x x/#19");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [12, 13, 14, 15]);
    }

    #[test]
    fn a_line_is_bared() {
        assert_eq!(bare("  - **Fix the cache.**"), "Fix the cache");
        assert_eq!(bare("## Fix it"), "## Fix it");
    }
}
