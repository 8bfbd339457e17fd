//! The Hub's cache, laid out as every client of it lays it out.
//!
//! ```text
//! models--org--name/blobs/HASH                   the content
//! models--org--name/snapshots/COMMIT/config.json -> ../../blobs/HASH
//! models--org--name/refs/main                    the commit that the branch was at
//! .locks/models--org--name/HASH.lock             held while HASH is fetched
//! ```

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{error::HubError, file::Digest, model::is_commit, watch::Watch};

/// How often a lock that somebody else holds is tried.
const LOCK_PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl From<PathBuf> for Cache {
    fn from(folder: PathBuf) -> Self {
        Self { folder }
    }
}

impl Cache {
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn snapshot(&self, id: &str, sha: &str) -> PathBuf {
        self.repo(id).join("snapshots").join(sha)
    }

    pub(crate) fn blob(&self, id: &str, digest: &Digest) -> PathBuf {
        self.repo(id).join("blobs").join(digest.as_str())
    }

    /// The commit that `revision` was at when it was last asked for.
    pub(crate) fn commit(&self, id: &str, revision: &str) -> Option<String> {
        if is_commit(revision) {
            return Some(revision.to_owned());
        }
        let text = fs::read_to_string(self.repo(id).join("refs").join(revision)).ok()?;
        Some(text.trim().to_owned()).filter(|it| is_commit(it))
    }

    /// Note that `revision` is at `sha`.
    pub(crate) fn note(&self, id: &str, revision: &str, sha: &str) -> Result<(), HubError> {
        if self.commit(id, revision).as_deref() == Some(sha) {
            return Ok(());
        }
        let path = self.repo(id).join("refs").join(revision);
        let beside = beside(&path);
        make_parent(&path)?;
        fs::write(&beside, sha).map_err(failed(&beside))?;
        fs::rename(&beside, &path).map_err(failed(&path))
    }

    /// Let `path` of the commit lead to the blob.
    pub(crate) fn point(
        &self,
        id: &str,
        sha: &str,
        path: &str,
        digest: &Digest,
    ) -> Result<PathBuf, HubError> {
        let pointer = self.snapshot(id, sha).join(path);
        make_parent(&pointer)?;
        // snapshots/COMMIT/a/b -> ../../../blobs/HASH
        let up = "../".repeat(2 + path.matches('/').count());
        let target = format!("{up}blobs/{}", digest.as_str());
        let beside = beside(&pointer);
        let _ = fs::remove_file(&beside);
        symlink(&target, &beside).map_err(failed(&beside))?;
        fs::rename(&beside, &pointer).map_err(failed(&pointer))?;
        Ok(pointer)
    }

    /// Be the only one that fetches a blob, among all clients of the cache.
    pub(crate) async fn lock(
        &self,
        id: &str,
        digest: &Digest,
        watch: Watch<'_>,
    ) -> Result<File, HubError> {
        let path = self
            .folder
            .join(".locks")
            .join(folder_name(id))
            .join(format!("{}.lock", digest.as_str()));
        make_parent(&path)?;
        let mut told = false;
        loop {
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
                .map_err(failed(&path))?;
            match file.try_lock() {
                // A client that let go may have removed the file: a lock on that keeps nobody out.
                Ok(()) if is_at(&file, &path) => return Ok(file),
                Ok(()) => (),
                Err(TryLockError::WouldBlock) => {
                    if !told {
                        watch.note(&format!("waiting for another program that fetches `{id}`"));
                        told = true;
                    }
                    tokio::time::sleep(LOCK_PAUSE).await;
                }
                Err(TryLockError::Error(err)) => return Err(failed(&path)(err)),
            }
        }
    }

    fn repo(&self, id: &str) -> PathBuf {
        self.folder.join(folder_name(id))
    }
}

fn folder_name(id: &str) -> String {
    format!("models--{}", id.replace('/', "--"))
}

/// A name in the same folder that no other process uses.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

pub(crate) fn make_parent(path: &Path) -> Result<(), HubError> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(failed(parent))
}

pub(crate) fn failed(path: &Path) -> impl FnOnce(io::Error) -> HubError {
    let path = path.to_owned();
    move |source| HubError::File { path, source }
}

fn is_at(file: &File, path: &Path) -> bool {
    let held = file.metadata().map(|it| it.ino());
    let there = fs::metadata(path).map(|it| it.ino());
    matches!((held, there), (Ok(held), Ok(there)) if held == there)
}
