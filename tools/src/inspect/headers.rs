//! The tensors of a checkpoint by the headers of its files: names, shapes, dtypes; no weight is read.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use portwright_harness::hint::Hint;
use portwright_hub::{HubError, Tensors};
use serde_json::{Value, json};

use crate::error::Failure;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    #[error("the tensors of `{folder}` cannot be read", folder = folder.display())]
    Read { folder: PathBuf, source: HubError },
}

impl Failure for HeaderError {}

impl Hint for HeaderError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some("the files may be cut short; fetch or make them again".into())
    }
}

/// The tensors of a checkpoint.
#[derive(Debug, PartialEq)]
pub(super) struct Held {
    /// `{name: {"shape": [...], "dtype": "F32"}}`
    pub(super) tensors: Value,
    /// What its index promises and the files lack, or hold besides.
    pub(super) index: Vec<String>,
}

/// Every tensor of the files that transformers would load; nothing where there are none.
///
/// # Errors
///
/// The file that cannot be read.
pub(super) fn tensors(folder: &Path) -> Result<Option<Held>, HeaderError> {
    let failed = |source| HeaderError::Read { folder: folder.to_owned(), source };
    let Some(found) = Tensors::in_folder(folder).map_err(failed)? else { return Ok(None) };
    let rows = found.iter().map(|(name, tensor, _)| {
        (name.to_owned(), json!({"shape": tensor.shape, "dtype": tensor.dtype}))
    });
    let tensors = Value::Object(rows.collect());
    Ok(Some(Held { tensors, index: found.disagreements }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(folder: &Path, name: &str) {
        let text = format!(r#"{{"{name}":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}}}"#);
        let length = (text.len() as u64).to_le_bytes();
        let bytes = [&length[..], text.as_bytes(), &[0; 8]].concat();
        fs::write(folder.join(format!("{name}.safetensors")), bytes).unwrap();
    }

    #[test]
    fn every_file_of_the_folder_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(tensors(folder.path()).unwrap(), None);
        write(folder.path(), "a");
        write(folder.path(), "b");
        let row = json!({"shape": [2], "dtype": "F32"});
        let held = tensors(folder.path()).unwrap().unwrap();
        assert_eq!((held.tensors, held.index), (json!({"a": row, "b": row}), vec![]));
        fs::write(folder.path().join("c.safetensors"), "abc").unwrap();
        let err = tensors(folder.path()).unwrap_err();
        let Some(source) = std::error::Error::source(&err) else { panic!("{err}") };
        assert!(source.to_string().contains("c.safetensors"), "{source}");
    }

    #[test]
    fn an_index_that_promises_shards_and_tensors_that_are_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a");
        write(folder.path(), "stray");
        let map = json!({"a": "a.safetensors", "b": "a.safetensors", "c": "c.safetensors"});
        let index = json!({"weight_map": map}).to_string();
        fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
        let held = tensors(folder.path()).unwrap().unwrap();
        assert!(held.tensors.as_object().unwrap().keys().eq(["a"]), "{:?}", held.tensors);
        let told = held.index.join("\n");
        assert_eq!(held.index.len(), 2, "{told}");
        assert!(told.contains("names `c.safetensors`, which is not there"), "{told}");
        assert!(told.contains("puts `b` into `a.safetensors`, which lacks it"), "{told}");
    }
}
