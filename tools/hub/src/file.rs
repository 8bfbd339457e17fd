//! A file of a model: where it lies, how large it is, and what its content must hash to.

use std::{
    fs::File,
    io::{self, Read},
    path::{Component, Path},
};

use git2::{ObjectType, Oid};
use sha2::Digest as _;

use crate::error::HubError;

/// A file at one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoFile {
    /// Relative to the model, with `/`. Invariant: it stays below the model's folder.
    pub path: String,
    pub size: u64,
    /// `None` for a file of a plain folder, which nothing vouches for.
    pub digest: Option<Digest>,
}

/// What a file's content is known by; also its name among the cache's blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digest {
    /// Of a large file: SHA-256 in hexadecimal.
    Sha256(String),
    /// Of a small one: the id that git gives the blob.
    Git(String),
}

impl Digest {
    /// From a name among the blobs: 64 digits or 40.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        if !name.bytes().all(|it| it.is_ascii_hexdigit()) {
            return None;
        }
        match name.len() {
            64 => Some(Self::Sha256(name.to_lowercase())),
            40 => Some(Self::Git(name.to_lowercase())),
            _ => None,
        }
    }

    pub fn as_str(&self) -> &str {
        let (Self::Sha256(text) | Self::Git(text)) = self;
        text
    }

    /// What the content of `path` hashes to, in the same way.
    pub(crate) fn of(&self, path: &Path) -> io::Result<String> {
        match self {
            Self::Git(_) => {
                Ok(Oid::hash_file(ObjectType::Blob, path).map_err(io::Error::other)?.to_string())
            }
            Self::Sha256(_) => {
                let mut hash = Sha256::default();
                hash.read(path)?;
                Ok(hash.finish())
            }
        }
    }
}

/// A SHA-256 that grows with the file it is of.
#[derive(Clone, Default)]
pub(crate) struct Sha256(sha2::Sha256);

impl Sha256 {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// What is there already.
    pub(crate) fn read(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        let mut chunk = vec![0; 1 << 20];
        loop {
            match file.read(&mut chunk)? {
                0 => return Ok(()),
                count => self.update(&chunk[..count]),
            }
        }
    }

    pub(crate) fn finish(self) -> String {
        use std::fmt::Write as _;
        self.0.finalize().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// Refuse a name that does not stay below its folder.
pub(crate) fn safe(id: &str, path: &str) -> Result<(), HubError> {
    let stays = !path.is_empty()
        && !path.contains(['\\', '\0'])
        && path.split('/').all(|it| !matches!(it, "" | "." | ".."))
        && Path::new(path).components().all(|it| matches!(it, Component::Normal(_)));
    if stays { Ok(()) } else { Err(HubError::Unsafe { id: id.to_owned(), path: path.to_owned() }) }
}

/// `org/name`, or the bare name of an old model.
pub(crate) fn check_id(id: &str) -> Result<(), HubError> {
    let part = |it: &str| {
        !it.is_empty()
            && it.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it))
            && !it.starts_with(['.', '-'])
            && !it.contains("..")
            && !it.contains("--")
    };
    let parts = id.split('/').count();
    if (1..=2).contains(&parts) && id.split('/').all(part) {
        Ok(())
    } else {
        Err(HubError::NotAnId(id.to_owned()))
    }
}

/// A branch, a tag, a commit, or `refs/pr/1`.
pub(crate) fn check_revision(revision: &str) -> Result<(), HubError> {
    let plain = revision.bytes().all(|it| it.is_ascii_graphic() && !b"\\?*[~^:".contains(&it));
    if plain && safe("", revision).is_ok() {
        Ok(())
    } else {
        Err(HubError::NotARevision(revision.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn names_stay_below_their_folder() {
        for good in ["config.json", "a/b.safetensors", ".gitattributes", "a..b"] {
            assert!(safe("m", good).is_ok(), "{good}");
        }
        for bad in ["", "../x", "a/../x", "/etc/passwd", "a//b", "./a", "a\\..\\b", "a/..", "a\0"] {
            assert!(safe("m", bad).is_err(), "{bad}");
        }
        assert!(check_id("Qwen/Qwen3-0.6B").is_ok() && check_id("gpt2").is_ok());
        for bad in ["", "a/b/c", "../x", "a/..", "a b/c", "a/", "a/b@c"] {
            assert!(check_id(bad).is_err(), "{bad}");
        }
        assert!(check_revision("refs/pr/1").is_ok() && check_revision("v1.0").is_ok());
        for bad in ["", "../../x", "a b", "/x", "x:y"] {
            assert!(check_revision(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_hashes_as_git_and_sha256sum_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "hello\n").unwrap();
        // `git hash-object` and `sha256sum` of the same file.
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        let sha = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        for name in [git, sha] {
            let digest = Digest::from_name(name).unwrap();
            assert_eq!(digest.of(&path).unwrap(), name);
        }
        assert_eq!(Digest::from_name("main"), None);
    }
}
