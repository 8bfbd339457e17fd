//! The tensors of a checkpoint by the headers of its files: names, shapes, dtypes; no weight is read.

use std::{
    borrow::Cow,
    fs, io,
    path::{Path, PathBuf},
};

use portwright_harness::hint::Hint;
use portwright_hub::Header;
use serde_json::{Value, json};

use crate::error::Failure;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    #[error("failed to read `{file}`", file = file.display())]
    Read { file: PathBuf, source: io::Error },

    #[error("`{file}` is not a safetensors file", file = file.display())]
    NotSafetensors { file: PathBuf, source: portwright_hub::HeaderError },
}

impl Failure for HeaderError {}

impl Hint for HeaderError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some("the files may be cut short; fetch or make them again".into())
    }
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
        let header = Header::read(file)
            .map_err(|source| HeaderError::NotSafetensors { file: file.clone(), source })?;
        for (name, tensor) in header.tensors {
            all.insert(name, json!({"shape": tensor.shape, "dtype": tensor.dtype}));
        }
    }
    Ok((!files.is_empty()).then_some(Value::Object(all)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(tensors(folder.path()).unwrap(), None);
        for name in ["a", "b"] {
            let text =
                format!(r#"{{"{name}":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}}}"#);
            let length = (text.len() as u64).to_le_bytes();
            let bytes = [&length[..], text.as_bytes(), &[0; 8]].concat();
            fs::write(folder.path().join(format!("{name}.safetensors")), bytes).unwrap();
        }
        let row = json!({"shape": [2], "dtype": "F32"});
        assert_eq!(tensors(folder.path()).unwrap().unwrap(), json!({"a": row, "b": row}));
        fs::write(folder.path().join("c.safetensors"), "abc").unwrap();
        let err = tensors(folder.path()).unwrap_err();
        assert!(err.to_string().contains("c.safetensors` is not a safetensors file"), "{err}");
    }
}
