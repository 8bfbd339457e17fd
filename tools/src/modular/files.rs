//! Writing files so that each is either the old one or the new one, whatever happens.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use crate::error::ToolError;

/// Replaces `path` by a new file with `text`: written beside it, then renamed over it. Unlike a file of
/// a run, it keeps the permissions that it had, and hundreds of them are not synced one by one.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), ToolError> {
    let failed = |source: io::Error| ToolError::Write { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let mut draft =
        tempfile::Builder::new().prefix(".portwright-").tempfile_in(folder).map_err(failed)?;
    draft.write_all(text.as_bytes()).map_err(failed)?;
    keep_permissions(path, draft.as_file()).map_err(failed)?;
    draft.persist(path).map_err(|err| failed(err.error))?;
    Ok(())
}

/// A new file gets what a program usually gives it, a replaced one what it had.
#[cfg(unix)]
fn keep_permissions(path: &Path, draft: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let permissions = match fs::metadata(path) {
        Ok(found) => found.permissions(),
        Err(_) => fs::Permissions::from_mode(0o644),
    };
    draft.set_permissions(permissions)
}

#[cfg(not(unix))]
fn keep_permissions(_path: &Path, _draft: &fs::File) -> io::Result<()> {
    Ok(())
}

/// Writes all of `files`, or leaves the disk as it was found.
pub(crate) fn replace_all(files: &[(PathBuf, String)]) -> Result<(), ToolError> {
    let mut done: Vec<(&Path, Option<Vec<u8>>)> = Vec::new();
    let mut folders: Vec<PathBuf> = Vec::new();
    for (path, text) in files {
        let missing = path.ancestors().skip(1).take_while(|it| !it.exists()).map(Path::to_owned);
        folders.extend(missing);
        let before = fs::read(path).ok();
        match replace(path, text) {
            Ok(()) => done.push((path, before)),
            Err(err) => {
                restore(done, folders);
                return Err(err);
            }
        }
    }
    Ok(())
}

/// Puts back what was there. The error that brought us here is the one to report.
fn restore(done: Vec<(&Path, Option<Vec<u8>>)>, mut folders: Vec<PathBuf>) {
    for (path, before) in done.into_iter().rev() {
        let _ = match before {
            Some(bytes) => fs::write(path, bytes),
            None => fs::remove_file(path),
        };
    }
    folders.sort();
    folders.dedup();
    for folder in folders.into_iter().rev() {
        // Only what is empty goes.
        let _ = fs::remove_dir(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_one_file_cannot_be_written_none_is() {
        let dir = tempfile::tempdir().unwrap();
        let old = dir.path().join("old.py");
        fs::write(&old, "before").unwrap();
        // A file stands where a folder would have to be.
        let blocked = old.join("x.py");
        let new = dir.path().join("deep/new.py");
        let files = [
            (old.clone(), "after".to_owned()),
            (new.clone(), "x".to_owned()),
            (blocked, String::new()),
        ];
        assert!(matches!(replace_all(&files), Err(ToolError::Write { .. })));
        assert_eq!(fs::read_to_string(&old).unwrap(), "before");
        assert!(!dir.path().join("deep").exists());
        replace_all(&files[..2]).unwrap();
        assert_eq!(fs::read_to_string(&old).unwrap(), "after");
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "no drafts are left: {left:?}");
    }
}
