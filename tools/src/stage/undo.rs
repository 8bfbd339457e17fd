//! A staging that was cut off, ended: undone, or found to be whole.
//!
//! What the journal says may be done in any part; each thing is looked at, and is either as it was, as
//! it was to be, or touched by somebody since. In the last case nothing is changed at all.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use git2::{ObjectType, Oid, Repository};
use portwright_harness::{digest, rundir::write_whole};

use super::{
    Recovery,
    apply::{self, PARTIAL},
    error::StageError,
    journal::{self, Journal},
    plan::Blob,
};

/// End what the journal tells of, if there is one.
pub(super) fn recover(repository: &Repository) -> Result<Recovery, StageError> {
    let Some(journal) = Journal::read(repository)? else {
        // Without a journal nothing was begun; what lies here was being prepared.
        journal::close(repository)?;
        return Ok(Recovery::Nothing);
    };
    let branch = journal.branch.clone();
    if is_whole(repository, &journal)? {
        journal::close(repository)?;
        return Ok(Recovery::Finished { branch });
    }
    undo(repository)?;
    Ok(Recovery::Undone { branch })
}

/// The index comes last but for the commit: where it is in place, all that came before it was.
fn is_whole(repository: &Repository, journal: &Journal) -> Result<bool, StageError> {
    let at = target(repository, &journal.reference())?;
    let (base, commit) = (journal.base()?, journal.commit()?);
    let moved = at.is_some_and(|it| commit.is_none_or(|commit| it != base || commit == base));
    Ok(moved && head(repository)? == journal.reference() && entries(repository, journal)?.all_after)
}

/// Take back whatever of the journal was done.
pub(super) fn undo(repository: &Repository) -> Result<(), StageError> {
    let Some(journal) = Journal::read(repository)? else { return journal::close(repository) };
    let root = repository.workdir().expect("a checkout has a working tree");
    look(repository, &journal, root)?;
    let index_changed = !entries(repository, &journal)?.all_before;
    clear_locks(repository, &journal, index_changed)?;

    if index_changed {
        apply::change_index(repository, |index| {
            for entry in &journal.files {
                match entry.before()? {
                    Some(blob) => apply::add(index, entry.path.as_str(), blob, None)?,
                    None => index
                        .remove_path(entry.path.as_ref())
                        .map_err(StageError::git("change the index"))?,
                }
            }
            Ok(())
        })?;
    }
    if head(repository)? != journal.head {
        repository.set_head(&journal.head).map_err(StageError::git("move HEAD back"))?;
    }
    for (n, entry) in journal.files.iter().enumerate() {
        let at = entry.path.below(root);
        journal::remove(&partial(&at))?;
        if entry.before()?.is_some() {
            put_back(&journal::backup(repository, n), &at)?;
        } else {
            journal::remove(&at)?;
        }
    }
    for folder in journal.folders.iter().rev() {
        // Somebody may have put something into it meanwhile; then it stays.
        let _ = fs::remove_dir(root.join(folder));
    }
    journal::remove(&partial(&journal.patch))?;
    journal::remove(&journal.patch)?;
    if target(repository, &journal.reference())?.is_some() {
        repository
            .find_reference(&journal.reference())
            .and_then(|mut it| it.delete())
            .map_err(StageError::git("remove the branch"))?;
    }
    journal::close(repository)
}

/// Everything is as it was, or as it was to be; else nothing may be undone.
fn look(repository: &Repository, journal: &Journal, root: &Path) -> Result<(), StageError> {
    let touched = |what: String| Err(StageError::Touched { what });
    let head = head(repository)?;
    if head != journal.head && head != journal.reference() {
        return touched(format!("HEAD was moved to `{head}`"));
    }
    let (base, commit) = (journal.base()?, journal.commit()?);
    let at = target(repository, &journal.reference())?;
    if at.is_some_and(|it| it != base && Some(it) != commit) {
        return touched(format!("the branch `{}` was moved", journal.branch));
    }
    if let Some(path) = entries(repository, journal)?.other {
        return touched(format!("`{path}` was staged otherwise"));
    }
    for (n, entry) in journal.files.iter().enumerate() {
        let at = entry.path.below(root);
        let was = match entry.before()? {
            Some(_) => {
                let backup = journal::backup(repository, n);
                Some(fs::read(&backup).map_err(StageError::read(backup))?)
            }
            None => None,
        };
        let now = bytes(&at)?;
        let as_planned = match &now {
            Some(now) => {
                let id = Oid::hash_object(ObjectType::Blob, now);
                id.map_err(StageError::git("hash a file"))? == entry.after()?.id
            }
            None => false,
        };
        if now != was && !as_planned {
            return touched(format!("`{}` was changed", entry.path));
        }
    }
    let patch = bytes(&journal.patch)?;
    if patch.is_some_and(|it| digest::of_bytes(&it) != journal.patch_sha256) {
        return touched(format!("`{}` was changed", journal.patch.display()));
    }
    Ok(())
}

/// Locks that were left behind, as far as they are ours. Another git's lock of an index that need not
/// be changed is its own affair.
fn clear_locks(
    repository: &Repository,
    journal: &Journal,
    index_changed: bool,
) -> Result<(), StageError> {
    let touched = |path: &Path| {
        Err(StageError::Touched { what: format!("another git locked `{}`", path.display()) })
    };
    let (_, lock) = apply::index_files(repository);
    if let Some(found) = metadata(&lock)? {
        let ours = metadata(&journal::next_index(repository))?;
        let same = ours.is_some_and(|it| (it.dev(), it.ino()) == (found.dev(), found.ino()));
        if same {
            journal::remove(&lock)?;
        } else if index_changed {
            return touched(&lock);
        }
    }
    // Nobody else knows of the branch.
    journal::remove(&repository.commondir().join(format!("{}.lock", journal.reference())))?;
    let lock = repository.path().join("HEAD.lock");
    if let Some(text) = bytes(&lock)? {
        let ours = [journal.reference(), journal.head.clone()]
            .iter()
            .any(|it| format!("ref: {it}\n").as_bytes().starts_with(&text));
        if !ours {
            return touched(&lock);
        }
        journal::remove(&lock)?;
    }
    Ok(())
}

/// What the index has of the journal's files.
struct Entries {
    all_before: bool,
    all_after: bool,
    /// The first that is neither.
    other: Option<String>,
}

fn entries(repository: &Repository, journal: &Journal) -> Result<Entries, StageError> {
    let failed = || StageError::git("read the index");
    let mut index = repository.index().map_err(failed())?;
    index.read(true).map_err(failed())?;
    let mut found = Entries { all_before: true, all_after: true, other: None };
    for entry in &journal.files {
        let now =
            index.get_path(entry.path.as_ref(), 0).map(|it| Blob { id: it.id, mode: it.mode });
        let (before, after) = (now == entry.before()?, now == Some(entry.after()?));
        found.all_before &= before;
        found.all_after &= after;
        if !before && !after && found.other.is_none() {
            found.other = Some(entry.path.to_string());
        }
    }
    Ok(found)
}

/// What HEAD names, e.g. `refs/heads/main`.
fn head(repository: &Repository) -> Result<String, StageError> {
    let failed = || StageError::git("read HEAD");
    let head = repository.find_reference("HEAD").map_err(failed())?;
    let name = head.symbolic_target().map_err(failed())?.map(str::to_owned);
    Ok(name.or_else(|| head.target().map(|it| it.to_string())).unwrap_or_default())
}

/// The commit that a branch is at; none where there is no branch.
fn target(repository: &Repository, reference: &str) -> Result<Option<Oid>, StageError> {
    match repository.find_reference(reference) {
        Ok(found) => Ok(found.target()),
        Err(err) if err.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(err) => Err(StageError::git("read the branch")(err)),
    }
}

/// The copy stays until the journal goes, as this may be cut off too.
fn put_back(backup: &Path, at: &Path) -> Result<(), StageError> {
    let was = fs::read(backup).map_err(StageError::read(backup))?;
    if bytes(at)?.as_ref() != Some(&was) {
        write_whole(at, &was).map_err(StageError::write(at))?;
    }
    let permissions = fs::metadata(backup).map_err(StageError::read(backup))?.permissions();
    fs::set_permissions(at, permissions).map_err(StageError::write(at))
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PARTIAL);
    name.into()
}

/// Of a plain file; nothing where there is none. A folder in its place is an error.
fn bytes(path: &Path) -> Result<Option<Vec<u8>>, StageError> {
    match metadata(path)? {
        None => Ok(None),
        Some(_) => fs::read(path).map(Some).map_err(StageError::read(path)),
    }
}

fn metadata(path: &Path) -> Result<Option<fs::Metadata>, StageError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(err)
            if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(err) => Err(StageError::read(path)(err)),
    }
}
