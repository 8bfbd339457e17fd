//! A plan carried out, in an order in which every prefix can be undone.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use git2::{
    Commit, DiffFormat, DiffOptions, Index, IndexEntry, IndexTime, Oid, Repository, Status,
    StatusOptions, Tree, build::TreeUpdateBuilder, message_prettify,
};
use portwright_harness::{digest, rundir::write_whole};

use super::{
    error::StageError,
    journal::{self, Entry, Journal},
    plan::{Blob, Plan, Planned},
    undo,
};
use crate::count::counted;

/// What a file is called while it is written.
pub(super) const PARTIAL: &str = ".partial";

/// What was just done. The tests stop here and there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Objects that nothing names yet, and copies of the files that change.
    Prepared,
    Journal,
    Branch,
    /// Each of the files.
    File,
    Patch,
    Head,
    Index,
    Commit,
    Checked,
    Closed,
}

/// Do it; returns the commit, where one was planned. Whatever fails is undone before it is told.
pub(super) fn apply(
    repository: &Repository,
    plan: &Plan,
    done: &mut dyn FnMut(Step),
) -> Result<Option<Oid>, StageError> {
    match carry_out(repository, plan, done) {
        Ok(commit) => Ok(commit),
        Err(first) => match undo::undo(repository) {
            Ok(()) => Err(first),
            Err(err) => {
                Err(StageError::NotUndone { first: Box::new(first), source: Box::new(err) })
            }
        },
    }
}

fn carry_out(
    repository: &Repository,
    plan: &Plan,
    done: &mut dyn FnMut(Step),
) -> Result<Option<Oid>, StageError> {
    let root = &plan.staging.checkout;
    let base = repository.find_commit(plan.base).map_err(StageError::git("find the base"))?;
    let mut journal = Journal::new(
        plan.staging.branch.clone(),
        plan.head.clone(),
        plan.base,
        plan.staging.patch.clone(),
    );
    let (patch, commit) = prepare(repository, plan, &base)?;
    journal.commits(commit);
    journal.patch_sha256 = digest::of_bytes(&patch);
    for (n, file) in plan.files.iter().enumerate() {
        if file.before.is_some() {
            let (from, to) = (file.path.below(root), journal::backup(repository, n));
            fs::copy(&from, &to).map_err(StageError::write(to))?;
        }
        for folder in file.path.folders() {
            let new = !root.join(folder).exists() && !journal.folders.iter().any(|it| it == folder);
            journal.folders.extend(new.then(|| folder.to_owned()));
        }
        let after = Blob { id: file.after, mode: file.mode };
        journal.files.push(Entry::new(file.path.clone(), file.before, after));
    }
    done(Step::Prepared);
    journal.write(repository)?;
    done(Step::Journal);
    repository.branch(&journal.branch, &base, false).map_err(StageError::git("make the branch"))?;
    done(Step::Branch);
    for file in &plan.files {
        write(root, file)?;
        done(Step::File);
    }
    write_whole(&journal.patch, &patch).map_err(StageError::write(&journal.patch))?;
    done(Step::Patch);
    repository.set_head(&journal.reference()).map_err(StageError::git("move HEAD"))?;
    done(Step::Head);
    change_index(repository, |index| {
        plan.files.iter().try_for_each(|file| {
            let at = file.path.below(root);
            let found = fs::metadata(&at).map_err(StageError::read(at))?;
            let blob = Blob { id: file.after, mode: file.mode };
            add(index, file.path.as_str(), blob, Some(&found))
        })
    })?;
    done(Step::Index);
    if let Some(commit) = commit {
        let message = "portwright stage";
        repository
            .reference_matching(&journal.reference(), commit, true, plan.base, message)
            .map_err(StageError::git("move the branch to the commit"))?;
        done(Step::Commit);
    }
    check(repository, plan, commit)?;
    done(Step::Checked);
    journal::close(repository)?;
    done(Step::Closed);
    Ok(commit)
}

/// Objects in the store that no name leads to: the patch's text, and the commit.
fn prepare(
    repository: &Repository,
    plan: &Plan,
    base: &Commit<'_>,
) -> Result<(Vec<u8>, Option<Oid>), StageError> {
    let before = base.tree().map_err(StageError::git("read the base"))?;
    let mut update = TreeUpdateBuilder::new();
    for file in &plan.files {
        let id = repository.blob(&file.bytes).map_err(StageError::git("store a file"))?;
        if id != file.after {
            let detail = format!("`{}` is stored as {id}", file.path);
            return Err(StageError::NotAsPlanned { detail });
        }
        let mode = if file.mode == 0o100_755 {
            git2::FileMode::BlobExecutable
        } else {
            git2::FileMode::Blob
        };
        update.upsert(file.path.as_str(), id, mode);
    }
    let tree = update
        .create_updated(repository, &before)
        .and_then(|it| repository.find_tree(it))
        .map_err(StageError::git("store the tree"))?;
    let patch = patch(repository, &before, &tree).map_err(StageError::git("make the patch"))?;
    let Some(message) = &plan.staging.message else { return Ok((patch, None)) };
    let commit = || {
        let person = repository.signature()?;
        let message = message_prettify(message.as_str(), None)?;
        repository.commit(None, &person, &person, &message, &tree, &[base])
    };
    Ok((patch, Some(commit().map_err(StageError::git("make the commit"))?)))
}

/// As `git diff --full-index --binary` writes it.
fn patch(
    repository: &Repository,
    before: &Tree<'_>,
    after: &Tree<'_>,
) -> Result<Vec<u8>, git2::Error> {
    let mut options = DiffOptions::new();
    options.show_binary(true).id_abbrev(40);
    let diff = repository.diff_tree_to_tree(Some(before), Some(after), Some(&mut options))?;
    let mut text = Vec::new();
    diff.print(DiffFormat::Patch, |_, _, line| {
        if matches!(line.origin(), '+' | '-' | ' ') {
            text.push(u8::try_from(line.origin()).expect("it is one of these three"));
        }
        text.extend_from_slice(line.content());
        true
    })?;
    Ok(text)
}

fn write(root: &Path, file: &Planned) -> Result<(), StageError> {
    let at = file.path.below(root);
    // A file that is replaced keeps its permissions; a new one has what the system gives.
    let kept = fs::metadata(&at).ok().map(|it| it.permissions());
    write_whole(&at, &file.bytes).map_err(StageError::write(&at))?;
    let mut permissions = fs::metadata(&at).map_err(StageError::read(&at))?.permissions();
    let old = permissions.mode();
    if let Some(kept) = kept {
        permissions = kept;
    } else if file.mode == 0o100_755 {
        permissions.set_mode(old | ((old & 0o444) >> 2));
    }
    fs::set_permissions(&at, permissions).map_err(StageError::write(&at))
}

/// Puts a changed index in place of the checkout's, as git does: by an `index.lock` that becomes it.
///
/// The lock is a second name of a file in our own folder, so that a lock that was left behind can be
/// told from another git's.
pub(super) fn change_index(
    repository: &Repository,
    change: impl FnOnce(&mut Index) -> Result<(), StageError>,
) -> Result<(), StageError> {
    let (current, lock) = index_files(repository);
    let next = journal::next_index(repository);
    journal::remove(&next)?;
    if current.exists() {
        fs::copy(&current, &next).map_err(StageError::write(&next))?;
    }
    let mut index = Index::open(&next).map_err(StageError::git("read the index"))?;
    change(&mut index)?;
    index.write().map_err(StageError::git("write the index"))?;
    fs::hard_link(&next, &lock).map_err(StageError::write(&lock))?;
    fs::rename(&lock, &current).map_err(StageError::write(current))
}

/// The index, and the file that locks it.
pub(super) fn index_files(repository: &Repository) -> (PathBuf, PathBuf) {
    (repository.path().join("index"), repository.path().join("index.lock"))
}

/// An entry; without what the file looks like on disk, git looks itself.
pub(super) fn add(
    index: &mut Index,
    path: &str,
    blob: Blob,
    found: Option<&fs::Metadata>,
) -> Result<(), StageError> {
    // The index keeps the low 32 bits of each.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as git does")]
    let low = |it: i64| it as u32;
    let of = |it: fn(&fs::Metadata) -> i64| found.map_or(0, |found| low(it(found)));
    #[expect(clippy::cast_possible_wrap, reason = "as git does")]
    let time = |seconds: u32, nanoseconds: u32| IndexTime::new(seconds as i32, nanoseconds);
    let entry = IndexEntry {
        ctime: time(of(MetadataExt::ctime), of(MetadataExt::ctime_nsec)),
        mtime: time(of(MetadataExt::mtime), of(MetadataExt::mtime_nsec)),
        dev: of(|it| it.dev().cast_signed()),
        ino: of(|it| it.ino().cast_signed()),
        mode: blob.mode,
        uid: found.map_or(0, MetadataExt::uid),
        gid: found.map_or(0, MetadataExt::gid),
        file_size: of(|it| it.size().cast_signed()),
        id: blob.id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    };
    index.add(&entry).map_err(StageError::git("change the index"))
}

/// What git sees now is what was planned, and nothing else.
fn check(repository: &Repository, plan: &Plan, commit: Option<Oid>) -> Result<(), StageError> {
    let wrong = |detail: String| Err(StageError::NotAsPlanned { detail });
    let mut options = StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true);
    let found =
        repository.statuses(Some(&mut options)).map_err(StageError::git("read the status"))?;
    for entry in found.iter() {
        let path = String::from_utf8_lossy(entry.path_bytes()).into_owned();
        let planned = plan.files.iter().find(|it| it.path.as_str() == path);
        let expected = planned.filter(|_| commit.is_none()).map(|it| match it.before {
            Some(_) => Status::INDEX_MODIFIED,
            None => Status::INDEX_NEW,
        });
        if expected != Some(entry.status()) {
            return wrong(format!("`{}` is {:?}", path.escape_debug(), entry.status()));
        }
    }
    let expected = if commit.is_none() { plan.files.len() } else { 0 };
    if found.len() != expected {
        return wrong(format!(
            "{} staged, not {expected}",
            counted(found.len(), "file is", "files are")
        ));
    }
    Ok(())
}
