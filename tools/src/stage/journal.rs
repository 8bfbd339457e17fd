//! What a staging is about to do, written down before it does any of it.
//!
//! The journal lies in `portwright-stage` in the checkout's git folder, beside what is needed to go
//! back: a copy of each file that changes. While it is there, a staging is under way or was cut off.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use git2::{Oid, Repository};
use portwright_harness::{held::Held, rundir::write_whole};
use serde::{Deserialize, Serialize};

use super::{error::StageError, plan::Blob};
use crate::target_path::TargetPath;

const FOLDER: &str = "portwright-stage";
const LOCK: &str = "lock";
const JOURNAL: &str = "journal.json";
const VERSION: u32 = 1;
/// Another staging may be about to end.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Journal {
    version: u32,
    pub(super) branch: String,
    /// What HEAD named, e.g. `refs/heads/main`.
    pub(super) head: String,
    base: String,
    /// The commit that the branch is to end at, where one is made.
    commit: Option<String>,
    pub(super) patch: PathBuf,
    pub(super) patch_sha256: String,
    pub(super) files: Vec<Entry>,
    /// Folders that are not there yet, the outermost first.
    pub(super) folders: Vec<String>,
}

/// One file that changes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) path: TargetPath,
    before: Option<(String, u32)>,
    after: (String, u32),
}

impl Entry {
    pub(super) fn new(path: TargetPath, before: Option<Blob>, after: Blob) -> Self {
        let text = |it: Blob| (it.id.to_string(), it.mode);
        Self { path, before: before.map(text), after: text(after) }
    }

    pub(super) fn before(&self) -> Result<Option<Blob>, StageError> {
        self.before.as_ref().map(blob).transpose()
    }

    pub(super) fn after(&self) -> Result<Blob, StageError> {
        blob(&self.after)
    }
}

fn blob((id, mode): &(String, u32)) -> Result<Blob, StageError> {
    Ok(Blob { id: oid(id)?, mode: *mode })
}

fn oid(text: &str) -> Result<Oid, StageError> {
    Oid::from_str(text).map_err(StageError::git("read an id of the journal"))
}

impl Journal {
    pub(super) fn new(branch: String, head: String, base: Oid, patch: PathBuf) -> Self {
        Self {
            version: VERSION,
            branch,
            head,
            base: base.to_string(),
            commit: None,
            patch,
            patch_sha256: String::new(),
            files: Vec::new(),
            folders: Vec::new(),
        }
    }

    pub(super) fn commits(&mut self, commit: Option<Oid>) {
        self.commit = commit.map(|it| it.to_string());
    }

    pub(super) fn base(&self) -> Result<Oid, StageError> {
        oid(&self.base)
    }

    pub(super) fn commit(&self) -> Result<Option<Oid>, StageError> {
        self.commit.as_deref().map(oid).transpose()
    }

    pub(super) fn reference(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }

    /// The journal of a staging that did not come to its end.
    pub(super) fn read(repository: &Repository) -> Result<Option<Self>, StageError> {
        let path = folder(repository).join(JOURNAL);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(StageError::read(path)(err)),
        };
        let wrong = |detail: String| StageError::Journal { path: path.clone(), detail };
        let journal: Self = serde_json::from_str(&text).map_err(|err| wrong(err.to_string()))?;
        if journal.version != VERSION {
            return Err(wrong(format!("it is of version {}", journal.version)));
        }
        Ok(Some(journal))
    }

    /// From here on, whatever happens is undone or finished.
    pub(super) fn write(&self, repository: &Repository) -> Result<(), StageError> {
        let path = folder(repository).join(JOURNAL);
        let text = serde_json::to_vec_pretty(self).expect("a journal is plain data");
        write_whole(&path, &text).map_err(StageError::write(path))
    }
}

/// The staging is over: the journal goes first, what it needed after it.
pub(super) fn close(repository: &Repository) -> Result<(), StageError> {
    let folder = folder(repository);
    remove(&folder.join(JOURNAL))?;
    for entry in fs::read_dir(&folder).map_err(StageError::read(&folder))? {
        let entry = entry.map_err(StageError::read(&folder))?;
        if entry.file_name() != LOCK {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a file; one that is not there is as good.
pub(super) fn remove(path: &Path) -> Result<(), StageError> {
    match fs::remove_file(path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => Err(StageError::write(path)(err)),
        _ => Ok(()),
    }
}

/// What the `n`th file was before.
pub(super) fn backup(repository: &Repository, n: usize) -> PathBuf {
    folder(repository).join(format!("before-{n}"))
}

/// Where the next index is made.
pub(super) fn next_index(repository: &Repository) -> PathBuf {
    folder(repository).join("index")
}

pub(super) fn folder(repository: &Repository) -> PathBuf {
    repository.path().join(FOLDER)
}

/// Held while a staging is at work. Makes the folder where there is none.
pub(super) fn lock(repository: &Repository) -> Result<Held, StageError> {
    let folder = folder(repository);
    fs::create_dir_all(&folder).map_err(StageError::write(&folder))?;
    let path = folder.join(LOCK);
    for _ in 0..TRIES {
        if let Some(held) = Held::take(&path).map_err(StageError::write(&path))? {
            return Ok(held);
        }
        thread::sleep(PAUSE);
    }
    Err(StageError::Busy { path: folder })
}

/// Nothing is made, and nothing locked, where no staging ever was.
pub(super) fn lock_existing(repository: &Repository) -> Result<Option<Held>, StageError> {
    if folder(repository).exists() { lock(repository).map(Some) } else { Ok(None) }
}
