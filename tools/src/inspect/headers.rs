//! The tensors of a checkpoint by the headers of its files: names, shapes, dtypes; no weight is read.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Value, json};

/// The longest header that is read: the format's own bound.
const LONGEST: u64 = 100_000_000;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    #[error("failed to read `{file}`", file = file.display())]
    Read { file: PathBuf, source: io::Error },

    #[error("`{file}` is no safetensors file: {detail}", file = file.display())]
    NotSafetensors { file: PathBuf, detail: String },
}

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<u64>,
}

/// `{name: {"shape": [...], "dtype": "F32"}}` of every tensor; nothing where there are no files.
///
/// # Errors
///
/// The file that cannot be read.
pub(super) fn tensors(folder: &Path) -> Result<Option<Value>, HeaderError> {
    let failed = |file: &Path| {
        let file = file.to_owned();
        move |source| HeaderError::Read { file, source }
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        if path.extension().is_some_and(|it| it == "safetensors") {
            files.push(path);
        }
    }
    files.sort();
    let mut all = serde_json::Map::new();
    for file in &files {
        for (name, tensor) in header(file)? {
            all.insert(name, json!({"shape": tensor.shape, "dtype": tensor.dtype}));
        }
    }
    Ok((!files.is_empty()).then_some(Value::Object(all)))
}

fn header(path: &Path) -> Result<BTreeMap<String, Tensor>, HeaderError> {
    let failed = |source| HeaderError::Read { file: path.to_owned(), source };
    let wrong = |detail: String| HeaderError::NotSafetensors { file: path.to_owned(), detail };
    let mut file = File::open(path).map_err(failed)?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| wrong("it is shorter than 8 bytes".into()))?;
    let length = u64::from_le_bytes(length);
    if LONGEST < length {
        return Err(wrong(format!("its header would be {length} bytes long")));
    }
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text).map_err(failed)?;
    if (text.len() as u64) < length {
        return Err(wrong("it ends inside its header".into()));
    }
    let mut rows: BTreeMap<String, Value> =
        serde_json::from_slice(&text).map_err(|err| wrong(err.to_string()))?;
    rows.remove("__metadata__");
    rows.into_iter()
        .map(|(name, row)| {
            let tensor =
                serde_json::from_value(row).map_err(|err| wrong(format!("`{name}`: {err}")))?;
            Ok((name, tensor))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8]) -> Result<Option<Value>, HeaderError> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
        tensors(folder.path())
    }

    #[test]
    fn a_header_says_what_a_file_holds() {
        let text = br#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(text);
        let found = written(&bytes).unwrap().unwrap();
        assert_eq!(found, json!({"a": {"shape": [2], "dtype": "F32"}}));
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for (bytes, expected) in [
            (b"abc".to_vec(), "shorter than 8 bytes"),
            (u64::MAX.to_le_bytes().to_vec(), "bytes long"),
            (9u64.to_le_bytes().to_vec(), "ends inside"),
            ([2u64.to_le_bytes().to_vec(), b"[]".to_vec()].concat(), "invalid type"),
        ] {
            let err = written(&bytes).unwrap_err();
            assert!(err.to_string().contains(expected), "{err}");
        }
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(tensors(folder.path()).unwrap(), None);
    }
}
