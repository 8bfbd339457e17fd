//! The commits of a range, each read once.

use git2::{Commit, Delta, DiffOptions, ErrorClass, Oid, Repository, Revwalk, Sort};
use jiff::{Timestamp, tz::Offset};
use portwright_harness::{
    cancel::Cancel,
    progress::{Progress, Step},
};
use portwright_targets::places::{Owner, owner};

use super::{
    LedgerCommit,
    error::CommitsError,
    kind::{self, Facts},
};
use crate::error::ToolError;

/// The two ends of `FROM..TO`.
pub(super) fn ends(repository: &Repository, range: &str) -> Result<(Oid, Oid), CommitsError> {
    let (from, to) = range.split_once("..").ok_or_else(|| CommitsError::Range(range.to_owned()))?;
    if from.is_empty() || to.is_empty() || to.contains("..") || to.starts_with('.') {
        return Err(CommitsError::Range(range.to_owned()));
    }
    Ok((commit(repository, from)?, commit(repository, to)?))
}

fn commit(repository: &Repository, revision: &str) -> Result<Oid, CommitsError> {
    repository
        .revparse_single(revision)
        .and_then(|it| it.peel_to_commit())
        .map(|it| it.id())
        .map_err(|err| CommitsError::Revision {
            revision: revision.to_owned(),
            detail: err.message().to_owned(),
        })
}

/// Every commit that `to` reaches and `from` does not, children before their parents.
pub(super) fn commits(
    repository: &Repository,
    from: Oid,
    to: Oid,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<LedgerCommit>, ToolError> {
    let walk = || -> Result<Revwalk<'_>, git2::Error> {
        let mut walk = repository.revwalk()?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
        walk.push(to)?;
        walk.hide(from)?;
        Ok(walk)
    };
    let ids: Vec<Oid> =
        walk().and_then(Iterator::collect).map_err(CommitsError::git("walk the range"))?;
    let step = Step::start(progress, "commits", ids.len() as u64);
    let mut commits = Vec::with_capacity(ids.len());
    for id in ids {
        if cancel.is_cancelled() {
            return Err(ToolError::Cancelled);
        }
        let found = repository.find_commit(id).map_err(CommitsError::git("read a commit"))?;
        commits.push(describe(repository, &found)?);
        step.advance(1);
    }
    Ok(commits)
}

fn describe(repository: &Repository, commit: &Commit<'_>) -> Result<LedgerCommit, CommitsError> {
    let subject = subject(commit);
    let Touched { paths, definitions_added, definitions_kept } =
        touched(repository, commit).map_err(CommitsError::git("read what a commit changes"))?;
    let mut models: Vec<String> =
        paths.iter().filter_map(|it| owner(it)).map(|it| it.model.to_owned()).collect();
    models.sort();
    models.dedup();
    let begins_model = definitions_added.iter().any(|it| !definitions_kept.contains(it));
    let parents = commit.parent_count();
    let facts = Facts { subject: &subject, parents, paths: &paths, begins_model };
    let short = commit.as_object().short_id().map_err(CommitsError::git("shorten an id"))?;
    Ok(LedgerCommit {
        id: commit.id().to_string(),
        short: String::from_utf8_lossy(&short).into_owned(),
        date: date(commit.author().when()),
        pull_request: pull_request(&subject),
        kind: kind::kind(&facts),
        models,
        files: paths.len(),
        subject,
    })
}

/// Without what would steer a terminal: strangers write subjects.
fn subject(commit: &Commit<'_>) -> String {
    let text = String::from_utf8_lossy(commit.summary_bytes().unwrap_or_default()).into_owned();
    let text = text.replace(|it: char| it.is_control(), "\u{fffd}");
    if text.trim().is_empty() { "(no subject)".to_owned() } else { text }
}

struct Touched {
    paths: Vec<String>,
    /// Models that get a file of their definition.
    definitions_added: Vec<String>,
    /// Models whose definition was there in part.
    definitions_kept: Vec<String>,
}

/// Against the first parent, as a merge's other side has its own commits.
fn touched(repository: &Repository, commit: &Commit<'_>) -> Result<Touched, git2::Error> {
    let parent = if commit.parent_count() == 0 { None } else { Some(commit.parent(0)) };
    let before = match parent {
        None => None,
        Some(Ok(parent)) => Some(parent.tree()?),
        // A shallow clone ends here: against nothing, every file would be new.
        Some(Err(err)) if err.class() == ErrorClass::Odb && repository.is_shallow() => {
            return Ok(Touched {
                paths: Vec::new(),
                definitions_added: vec![],
                definitions_kept: vec![],
            });
        }
        Some(Err(err)) => return Err(err),
    };
    let mut options = DiffOptions::new();
    options.skip_binary_check(true).ignore_submodules(false);
    let diff =
        repository.diff_tree_to_tree(before.as_ref(), Some(&commit.tree()?), Some(&mut options))?;
    let mut found =
        Touched { paths: Vec::new(), definitions_added: Vec::new(), definitions_kept: Vec::new() };
    for delta in diff.deltas() {
        let file =
            if delta.status() == Delta::Deleted { delta.old_file() } else { delta.new_file() };
        let path = String::from_utf8_lossy(file.path_bytes().unwrap_or_default()).into_owned();
        if let Some(Owner { model, defines: true }) = owner(&path) {
            let list = match delta.status() {
                Delta::Added => &mut found.definitions_added,
                _ => &mut found.definitions_kept,
            };
            list.push(model.to_owned());
            let folder = path.rsplit_once('/').map(|it| it.0).filter(|it| it.ends_with(model));
            let was = folder.and_then(|it| before.as_ref()?.get_path(it.as_ref()).ok());
            found.definitions_kept.extend(was.map(|_| model.to_owned()));
        }
        found.paths.push(path);
    }
    Ok(found)
}

/// With the author's own offset, as git's `%aI`.
fn date(time: git2::Time) -> String {
    let seconds = time.offset_minutes().saturating_mul(60);
    let known = Timestamp::from_second(time.seconds()).ok().zip(Offset::from_seconds(seconds).ok());
    let Some((stamp, offset)) = known else { return format!("@{}", time.seconds()) };
    let local = offset.to_datetime(stamp);
    let (sign, minutes) = (time.sign(), time.offset_minutes().abs());
    format!("{}{sign}{:02}:{:02}", local.strftime("%Y-%m-%dT%H:%M:%S"), minutes / 60, minutes % 60)
}

/// `Add a model (#12)`, or `Merge pull request #12 from me/add`.
pub(super) fn pull_request(subject: &str) -> Option<u64> {
    let squashed = subject.trim_end().strip_suffix(')').and_then(|it| it.rsplit_once("(#"));
    let merged = subject.strip_prefix("Merge pull request #").and_then(|it| it.split(' ').next());
    squashed.map(|it| it.1).or(merged).and_then(|it| it.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_names_its_pull_request() {
        for (subject, expected) in [
            ("Add OLMo 3 (#512)", Some(512)),
            ("Revert \"Add OLMo 3 (#512)\" (#513)", Some(513)),
            ("Merge pull request #7 from me/add-x", Some(7)),
            ("Fix #12", None),
            ("Add (#x)", None),
            ("", None),
        ] {
            assert_eq!(pull_request(subject), expected, "{subject}");
        }
    }

    #[test]
    fn a_date_has_its_authors_offset() {
        assert_eq!(date(git2::Time::new(1_767_225_600, 90)), "2026-01-01T01:30:00+01:30");
        assert_eq!(date(git2::Time::new(1_767_225_600, -480)), "2025-12-31T16:00:00-08:00");
        assert_eq!(date(git2::Time::new(i64::MAX, 0)), format!("@{}", i64::MAX));
    }
}
