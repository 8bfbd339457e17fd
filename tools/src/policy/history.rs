//! What a checkout's own history says of a file.

use std::path::Path;

use git2::{Commit, Oid, Repository, Sort};
use jiff::{civil::Date, tz::TimeZone};

use crate::target_path::TargetPath;

/// Whether the history changed the file after the day `read`. `false` also where that cannot be told:
/// without a repository, in a shallow one, or when the day is no day.
pub(super) fn changed_after(root: &Path, file: &TargetPath, read: &str) -> bool {
    let last = read.parse::<Date>().ok().and_then(|it| it.tomorrow().ok());
    let last = last.and_then(|it| it.to_zoned(TimeZone::UTC).ok());
    last.is_some_and(|it| look(root, file, it.timestamp().as_second()).unwrap_or(false))
}

fn look(root: &Path, file: &TargetPath, after: i64) -> Result<bool, git2::Error> {
    let repository = Repository::open(root)?;
    // What lies before the first commit of a shallow one looks as if that had made it.
    if repository.is_shallow() {
        return Ok(false);
    }
    let path = Path::new(file.as_str());
    let mut walk = repository.revwalk()?;
    walk.set_sorting(Sort::TIME)?;
    walk.push_head()?;
    for id in walk {
        let commit = repository.find_commit(id?)?;
        if commit.time().seconds() < after {
            return Ok(false);
        }
        let now = at(&commit, path);
        // A merge that takes one side's file changes nothing.
        if commit.parents().all(|it| at(&it, path) != now) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn at(commit: &Commit<'_>, path: &Path) -> Option<Oid> {
    commit.tree().ok()?.get_path(path).ok().map(|it| it.id())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use git2::{Signature, Time};

    use super::*;

    fn commit(repository: &Repository, text: &str, second: i64) {
        let root = repository.workdir().unwrap();
        fs::write(root.join("AGENTS.md"), text).unwrap();
        fs::write(root.join("other.md"), second.to_string()).unwrap();
        let mut index = repository.index().unwrap();
        index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let me = Signature::new("Me", "me@example.org", &Time::new(second, 0)).unwrap();
        let parent = repository.head().ok().map(|it| it.peel_to_commit().unwrap());
        let parents: Vec<&Commit<'_>> = parent.iter().collect();
        repository.commit(Some("HEAD"), &me, &me, "a commit", &tree, &parents).unwrap();
    }

    #[test]
    fn only_a_later_commit_to_that_file_counts() {
        let dir = tempfile::tempdir().unwrap();
        let agents = TargetPath::new("AGENTS.md").unwrap();
        let changed = |read: &str| changed_after(dir.path(), &agents, read);
        assert!(!changed("2026-01-01"), "there is no repository");

        // 2026-01-01, 2026-01-10 and 2026-02-01, at noon.
        let repository = Repository::init(dir.path()).unwrap();
        commit(&repository, "rules", 1_767_268_800);
        commit(&repository, "other rules", 1_768_046_400);
        commit(&repository, "other rules", 1_769_947_200);
        assert!(changed("2025-12-31"));
        assert!(changed("2026-01-09"));
        assert!(!changed("2026-01-10"), "on the day itself nobody can tell");
        assert!(!changed("2026-01-20"), "what came later changed another file");
        assert!(!changed("no day"));

        fs::write(
            repository.path().join("shallow"),
            repository.head().unwrap().target().unwrap().to_string(),
        )
        .unwrap();
        assert!(!changed("2025-12-31"));
    }
}
