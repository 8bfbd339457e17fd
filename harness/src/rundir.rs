//! A run's folder: locked while it is written, every file whole or absent.

use std::{
    borrow::Cow,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{held::Held, hint::Hint};

/// The evidence of a finished run; a folder without it holds an unfinished one.
pub const EVIDENCE: &str = "evidence.json";
const LOCK: &str = ".lock";
const WORK: &str = "work";

#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    #[error("another run is writing to `{path}`", path = path.display())]
    Busy { path: PathBuf },

    #[error("failed to write `{path}`", path = path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("`{path}` holds files that are not a run's", path = path.display())]
    Foreign { path: PathBuf },
}

impl Hint for RunDirError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Busy { .. } => "wait for it, or give this run its own folder with `--out`".into(),
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "the disk is full: free some space, or put the run elsewhere with `--out`; \
                 nothing of this run was left half-written"
                    .into()
            }
            Self::Write { .. } => {
                "check that the folder can be written, or choose another with `--out`".into()
            }
            Self::Foreign { .. } => "choose an empty or new folder with `--out`".into(),
        })
    }
}

/// A run's folder, held exclusively until dropped.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    _lock: Held,
}

impl RunDir {
    /// Create or reopen the folder and take its lock. What an unfinished run left is cleared; a
    /// finished run is replaced file by file.
    pub fn open(path: &Path) -> Result<Self, RunDirError> {
        let write = |source| RunDirError::Write { path: path.to_owned(), source };
        if path.is_dir() && !path.join(LOCK).exists() {
            let mut entries = fs::read_dir(path).map_err(write)?;
            if entries.next().is_some() {
                return Err(RunDirError::Foreign { path: path.to_owned() });
            }
        }
        fs::create_dir_all(path).map_err(write)?;
        let Some(lock) = Held::take(&path.join(LOCK)).map_err(write)? else {
            return Err(RunDirError::Busy { path: path.to_owned() });
        };
        let dir = Self { path: path.to_owned(), _lock: lock };
        dir.clear_work()?;
        Ok(dir)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder for files that only this run needs.
    pub fn work(&self) -> PathBuf {
        self.path.join(WORK)
    }

    pub fn clear_work(&self) -> Result<(), RunDirError> {
        match fs::remove_dir_all(self.work()) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(RunDirError::Write { path: self.work(), source })
            }
            _ => Ok(()),
        }
    }

    /// Remove the folder of a run that came to nothing.
    pub fn discard(self) {
        // Best effort: an empty folder does no harm.
        let _ = fs::remove_dir_all(&self.path);
    }

    /// Write a file of the run, whole or not at all.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, RunDirError> {
        let path = self.path.join(name);
        write_whole(&path, bytes)
            .map_err(|source| RunDirError::Write { path: path.clone(), source })?;
        Ok(path)
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        // Best effort: the next run on the folder clears it before it starts.
        let _ = self.clear_work();
    }
}

/// Write beside the target, flush to disk, then rename over it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    let written = (|| {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_do_not_share_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let first = RunDir::open(&dir.path().join("run")).unwrap();
        let second = RunDir::open(&dir.path().join("run"));
        assert!(matches!(second, Err(RunDirError::Busy { .. })));
        drop(first);
        assert!(RunDir::open(&dir.path().join("run")).is_ok());
    }

    #[test]
    fn a_folder_of_other_things_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.tex"), "years of work").unwrap();
        assert!(matches!(RunDir::open(dir.path()), Err(RunDirError::Foreign { .. })));
    }

    #[test]
    fn a_write_that_fails_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::open(dir.path()).unwrap();
        fs::create_dir(dir.path().join("evidence.json")).unwrap();
        assert!(run.write("evidence.json", b"{}").is_err());
        assert!(!dir.path().join("evidence.json.partial").exists());
    }

    /// `/dev/full` answers every write as a full disk does.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_with_the_next_step() {
        let err = File::options()
            .write(true)
            .open("/dev/full")
            .and_then(|mut it| it.write_all(b"x"))
            .unwrap_err();
        let err = RunDirError::Write { path: "run/evidence.json".into(), source: err };
        assert!(err.hint().unwrap().contains("the disk is full"));
    }
}
