//! A file that one process at a time holds.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

/// A locked file. The lock is given back when this is dropped, and by the system when the process ends,
/// however it ends.
///
/// Given back explicitly: a process that another thread is just starting has copies of all open files
/// for a moment, and closing ours would leave the lock with them.
#[derive(Debug)]
pub struct Held(File);

impl Held {
    /// Make the file if it is not there, and hold it; `None` when somebody else does.
    ///
    /// # Errors
    ///
    /// When the file cannot be made or this file system has no locks.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = File::create(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(err)) => Err(err),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Fails only where the file has no lock any more.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// As in a process that another thread is starting, a second handle to the same open file lives on.
    #[test]
    fn a_copy_of_the_handle_does_not_keep_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = Held::take(&path).unwrap().unwrap();
        assert!(Held::take(&path).unwrap().is_none());
        let copy = held.0.try_clone().unwrap();
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(copy).spawn().unwrap();
        drop(held);
        assert!(Held::take(&path).unwrap().is_some());
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
