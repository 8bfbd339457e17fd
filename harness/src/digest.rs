//! SHA-256 of bytes and files, in lower-case hexadecimal.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
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

#[cfg(test)]
mod tests {
    use super::*;

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
