//! SHA-256 of bytes and files, in lower-case hexadecimal.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use sha2::{Digest, Sha256};

pub fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Of data whatever the order of its fields.
pub fn of_json(value: &Value) -> String {
    of_bytes(canonical(value).to_string().as_bytes())
}

/// The same data with object keys in sorted order.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, Value> =
                map.iter().map(|(key, it)| (key, canonical(it))).collect();
            Value::Object(sorted.into_iter().map(|(key, it)| (key.clone(), it)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

/// A file is read in pieces, so a weight file of any size costs a megabyte.
pub fn of_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// Two digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Digests of files that are asked for again and again: each is made once while its file stays as it was.
#[derive(Debug, Default)]
pub struct Digests {
    known: Mutex<HashMap<PathBuf, (Stamp, String)>>,
}

impl Digests {
    /// As [`of_file`].
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn of_file(&self, path: &Path) -> io::Result<String> {
        let stamp = Stamp::of(&fs::metadata(path)?);
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seen, digest)) = known().get(path)
            && *seen == stamp
        {
            return Ok(digest.clone());
        }
        let digest = of_file(path)?;
        if stamp.is_settled(SystemTime::now()) {
            known().insert(path.to_owned(), (stamp, digest.clone()));
        }
        Ok(digest)
    }
}

/// What the system changes when a file is written or another takes its place. The time of change is not
/// for programs to set.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    place: (u64, u64),
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Clocks of file systems tick in steps; within one, two writes look alike.
    const STEP: Duration = Duration::from_secs(2);

    fn of(file: &Metadata) -> Self {
        Self {
            place: (file.dev(), file.ino()),
            bytes: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }

    /// Whether whatever changes the file from now on shows.
    fn is_settled(&self, now: SystemTime) -> bool {
        let changed = UNIX_EPOCH + Duration::from_secs(u64::try_from(self.changed.0).unwrap_or(0));
        now.duration_since(changed).is_ok_and(|it| Self::STEP < it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_used_again_only_while_its_file_stays_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let write = |text: &str| fs::write(&path, text).unwrap();
        write("one");
        let digests = Digests::default();
        assert_eq!(digests.of_file(&path).unwrap(), of_bytes(b"one"));
        assert!(digests.known.lock().unwrap().is_empty(), "it was written just now");

        // Seen long after it was written, it is read once.
        let stamp = Stamp::of(&fs::metadata(&path).unwrap());
        assert!(stamp.is_settled(SystemTime::now() + 2 * Stamp::STEP));
        digests.known.lock().unwrap().insert(path.clone(), (stamp, "seen".to_owned()));
        assert_eq!(digests.of_file(&path).unwrap(), "seen");

        // Another of the same size in its place, dressed up as the old one, is another.
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        write("two");
        File::options().append(true).open(&path).unwrap().set_modified(before).unwrap();
        assert_eq!(digests.of_file(&path).unwrap(), of_bytes(b"two"));
        fs::remove_file(&path).unwrap();
        assert!(digests.of_file(&path).is_err());
    }

    /// The test vector of FIPS 180-2, appendix B.1.
    #[test]
    fn abc_has_the_published_digest() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of_bytes(b"abc"), expected);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), b"abc").unwrap();
        assert_eq!(of_file(&dir.path().join("a")).unwrap(), expected);
    }

    #[test]
    fn the_order_of_fields_is_no_part_of_data() {
        let of = |text: &str| of_json(&serde_json::from_str(text).unwrap());
        assert_eq!(
            of(r#"{"a": 1, "b": {"c": [2], "d": 3}}"#),
            of(r#"{"b": {"d": 3, "c": [2]}, "a": 1}"#)
        );
        assert_ne!(of(r#"{"a": [1, 2]}"#), of(r#"{"a": [2, 1]}"#));
    }
}
