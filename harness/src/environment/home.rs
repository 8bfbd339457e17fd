//! Where Portwright keeps what is not the user's: one folder, safe to delete at any time.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use etcetera::BaseStrategy;

use super::error::SetupError;
use crate::{
    cancel::Cancel,
    held::Held,
    progress::{Event, Progress},
};

/// Portwright's cache directory: `$PORTWRIGHT_HOME`, else `portwright` in the user's cache.
///
/// Invariant: the path is absolute, since child processes run in other directories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// The home that the process's environment names. Creates nothing.
    pub fn locate() -> Result<Self, SetupError> {
        if let Some(path) = std::env::var_os("PORTWRIGHT_HOME").filter(|it| !it.is_empty()) {
            return Self::at(path);
        }
        let base = etcetera::choose_base_strategy().map_err(|_| SetupError::NoHome)?;
        Self::at(base.cache_dir().join("portwright"))
    }

    /// A home at `path`, which need not exist yet.
    pub fn at(path: impl AsRef<Path>) -> Result<Self, SetupError> {
        let path = path.as_ref();
        let path = std::path::absolute(path).map_err(SetupError::io("resolve", path))?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The nearest folder above (or at) this home that exists: its file system holds the home.
    pub fn existing(&self) -> &Path {
        self.0.ancestors().find(|it| it.exists()).unwrap_or(Path::new("/"))
    }

    /// Creates the home with the mark by which backup programs leave caches out.
    pub(super) fn create(&self) -> Result<(), SetupError> {
        let locks = self.0.join("locks");
        fs::create_dir_all(&locks).map_err(SetupError::io("create", &locks))?;
        let tag = self.0.join("CACHEDIR.TAG");
        if !tag.exists() {
            let text = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by portwright.\n";
            fs::write(&tag, text).map_err(SetupError::io("write", &tag))?;
        }
        Ok(())
    }

    /// Takes the lock `name`, waiting for other processes.
    pub(super) fn lock(
        &self,
        name: &str,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Held, SetupError> {
        let path = self.0.join("locks").join(format!("{name}.lock"));
        let mut waited = false;
        loop {
            if let Some(held) = Held::take(&path).map_err(SetupError::io("lock", &path))? {
                return Ok(held);
            }
            if !waited {
                let text = format!("another Portwright is setting up `{name}`; waiting for it");
                progress.on(Event::Note { text: &text });
                waited = true;
            }
            if cancel.is_cancelled() {
                return Err(SetupError::Cancelled);
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_home_becomes_absolute() {
        assert!(Home::at("somewhere").unwrap().path().is_absolute());
    }

    #[test]
    fn a_wait_for_the_lock_can_be_cancelled() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("deep/home")).unwrap();
        assert_eq!(home.existing(), dir.path());
        home.create().unwrap();
        let cancel = Cancel::default();
        let _held = home.lock("engines", &(), &cancel).unwrap();
        cancel.cancel();
        let err = home.lock("engines", &(), &cancel).unwrap_err();
        assert!(matches!(err, SetupError::Cancelled));
    }
}
