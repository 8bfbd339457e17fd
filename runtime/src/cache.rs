//! Compiled modules on disk, so that no process compiles a text that an earlier one has compiled.
//!
//! A file is named by a hash of all that decides the code: this crate's version, the interpreter's,
//! the module's file name and its text. It begins with a hash of the rest, so that a damaged file is
//! no code at all. Whoever can write to the folder can already run programs as its owner.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

const HASH_BYTES: usize = 32;

/// The name of a module's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; HASH_BYTES]);

impl Key {
    pub(crate) fn of(file: &str, text: &str) -> Self {
        let mut hash = Sha256::new();
        let versions = [env!("CARGO_PKG_VERSION"), &rustpython_vm::version::get_version_number()];
        for part in versions.into_iter().chain([file, text]) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().into())
    }

    /// Two letters choose a folder, so that none grows long.
    fn path(self, folder: &Path) -> PathBuf {
        let digits = self.0.iter().flat_map(|it| [it >> 4, it & 15]);
        let name: String = digits.filter_map(|it| char::from_digit(it.into(), 16)).collect();
        folder.join(&name[..2]).join(format!("{}.code", &name[2..]))
    }
}

/// The code of a key, when the folder holds it whole.
pub(crate) fn load(folder: &Path, key: Key) -> Option<Vec<u8>> {
    let mut bytes = fs::read(key.path(folder)).ok()?;
    if bytes.len() < HASH_BYTES {
        return None;
    }
    let code = bytes.split_off(HASH_BYTES);
    (bytes[..] == Sha256::digest(&code)[..]).then_some(code)
}

/// Writes the code of a key in one step: a reader sees the whole file or none.
///
/// # Errors
///
/// What the file system says; without the file the next process compiles again.
pub(crate) fn store(folder: &Path, key: Key, code: &[u8]) -> std::io::Result<()> {
    let path = key.path(folder);
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent)?;
    let mut file = tempfile::NamedTempFile::new_in(parent)?;
    file.write_all(&Sha256::digest(code))?;
    file.write_all(code)?;
    file.persist(&path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_comes_back_for_the_same_text_only() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::of("a.py", "x = 1");
        assert_eq!(load(folder.path(), key), None);
        store(folder.path(), key, b"code").unwrap();
        assert_eq!(load(folder.path(), key).as_deref(), Some(&b"code"[..]));
        for other in [Key::of("a.py", "x = 2"), Key::of("b.py", "x = 1"), Key::of("a.pyx", " = 1")]
        {
            assert_eq!(load(folder.path(), other), None);
        }
    }

    #[test]
    fn a_damaged_file_is_no_code() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::of("a.py", "x = 1");
        store(folder.path(), key, b"some code").unwrap();
        let path = key.path(folder.path());
        let whole = fs::read(&path).unwrap();
        for damaged in [&whole[..whole.len() - 1], &whole[..10], b""] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(load(folder.path(), key), None);
        }
        store(folder.path(), key, b"some code").unwrap();
        assert!(load(folder.path(), key).is_some());
    }
}
