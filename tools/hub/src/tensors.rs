//! The tensors of a whole checkpoint: which files hold its weights, and what their headers say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde::Deserialize;

use crate::{
    cache::failed,
    error::HubError,
    file::{RepoFile, safe},
    header::{Header, Tensor},
    local::walk,
};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// The headers of all files with weights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tensors {
    /// By the file's name.
    pub files: BTreeMap<String, Header>,
    /// Where the index and the files part: names that only one of them has.
    pub disagreements: Vec<String>,
}

impl Tensors {
    /// Every tensor with its name and file, file by file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor, &str)> {
        self.files.iter().flat_map(|(file, header)| {
            header.tensors.iter().map(move |(name, tensor)| (name.as_str(), tensor, file.as_str()))
        })
    }

    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.files.values().find_map(|it| it.tensors.get(name))
    }

    /// Parameters by dtype.
    pub fn parameters(&self) -> BTreeMap<String, u64> {
        let mut parameters = BTreeMap::new();
        for (_, tensor, _) in self.iter() {
            *parameters.entry(tensor.dtype.clone()).or_default() += tensor.parameters();
        }
        parameters
    }

    /// Bytes of all tensors.
    pub fn bytes(&self) -> u64 {
        self.iter().map(|(_, tensor, _)| tensor.bytes).sum()
    }

    /// The tensors of a checkpoint's folder on this machine, and where its index says otherwise; nothing where
    /// no file holds weights.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, an index that is none, or one that leads out of the folder.
    pub fn in_folder(folder: &Path) -> Result<Option<Self>, HubError> {
        let id = folder.display().to_string();
        let files = walk(folder)?;
        let (names, index) = match Weights::among(&id, &files) {
            Ok(Weights::Files(names)) => (names, None),
            Ok(Weights::Sharded { index }) => {
                let path = folder.join(&index);
                let bytes = fs::read(&path).map_err(failed(&path))?;
                let index = Index::parse(&id, &index, &bytes)?;
                (index.files(), Some(index))
            }
            Err(HubError::NoWeights { .. }) => return Ok(None),
            Err(err) => return Err(err),
        };
        let (there, absent): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| folder.join(name).is_file());
        let header = |file: String| {
            let read = Header::read(&folder.join(&file)).map_err(|source| HubError::Header {
                id: id.clone(),
                file: file.clone(),
                source: Box::new(source),
            })?;
            Ok((file, read))
        };
        let headers = there.into_iter().map(header).collect::<Result<_, HubError>>()?;
        // A file that is not there is said once, and not for each tensor of it.
        let index = index.map(|it| it.without(&absent));
        let mut tensors = Self::new(headers, index.as_ref());
        let lost = absent.iter().map(|it| format!("the index names `{it}`, which is not there"));
        tensors.disagreements.splice(0..0, lost);
        Ok(Some(tensors))
    }

    pub(crate) fn new(files: BTreeMap<String, Header>, index: Option<&Index>) -> Self {
        let mut tensors = Self { files, disagreements: Vec::new() };
        if let Some(index) = index {
            tensors.disagreements = tensors.unlike(index);
        }
        tensors
    }

    fn unlike(&self, index: &Index) -> Vec<String> {
        let held: BTreeSet<(&str, &str)> =
            self.iter().map(|(name, _, file)| (name, file)).collect();
        let named: BTreeSet<(&str, &str)> =
            index.weight_map.iter().map(|(name, file)| (name.as_str(), file.as_str())).collect();
        let only_named = named
            .difference(&held)
            .map(|(name, file)| format!("the index puts `{name}` into `{file}`, which lacks it"));
        let only_held = held.difference(&named).map(|(name, file)| {
            format!("`{file}` holds `{name}`, which the index does not place there")
        });
        only_named.chain(only_held).collect()
    }
}

/// Which files hold the weights.
pub(crate) enum Weights {
    /// The index says it.
    Sharded {
        index: String,
    },
    Files(Vec<String>),
}

impl Weights {
    /// In the order of transformers: the one file, else the index; else all safetensors files beside the
    /// config.
    pub(crate) fn among(id: &str, files: &[RepoFile]) -> Result<Self, HubError> {
        let has = |name: &str| files.iter().any(|it| it.path == name);
        if has(SINGLE) {
            return Ok(Self::Files(vec![SINGLE.to_owned()]));
        }
        if has(INDEX) {
            return Ok(Self::Sharded { index: INDEX.to_owned() });
        }
        let names = files.iter().map(|it| &it.path);
        let found: Vec<String> =
            names.filter(|it| it.ends_with(".safetensors") && !it.contains('/')).cloned().collect();
        if found.is_empty() {
            Err(HubError::NoWeights { id: id.to_owned() })
        } else {
            Ok(Self::Files(found))
        }
    }
}

/// `model.safetensors.index.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Index {
    /// From a tensor's name to its file's.
    weight_map: BTreeMap<String, String>,
}

impl Index {
    pub(crate) fn parse(id: &str, path: &str, bytes: &[u8]) -> Result<Self, HubError> {
        let index: Self = serde_json::from_slice(bytes).map_err(|err| HubError::Answer {
            what: format!("`{path}` of `{id}`"),
            detail: err.to_string(),
        })?;
        index.weight_map.values().try_for_each(|file| safe(id, file))?;
        Ok(index)
    }

    fn without(mut self, files: &[String]) -> Self {
        self.weight_map.retain(|_, file| !files.contains(file));
        self
    }

    pub(crate) fn files(&self) -> Vec<String> {
        self.weight_map.values().collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<RepoFile> {
        let file = |path: &&str| RepoFile { path: (*path).to_owned(), size: 1, digest: None };
        names.iter().map(file).collect()
    }

    #[test]
    fn weights_are_where_loaders_look() {
        let sharded = files(&["model-1.safetensors", INDEX]);
        assert!(matches!(Weights::among("m", &sharded), Ok(Weights::Sharded { .. })));
        let both = files(&["model-1.safetensors", INDEX, SINGLE]);
        let Ok(Weights::Files(found)) = Weights::among("m", &both) else { panic!("the index won") };
        assert_eq!(found, [SINGLE]);
        let Ok(Weights::Files(found)) =
            Weights::among("m", &files(&["weights.safetensors", "x/y.safetensors", "a.bin"]))
        else {
            panic!("no files");
        };
        assert_eq!(found, ["weights.safetensors"]);
        assert!(Weights::among("m", &files(&["a.bin"])).is_err());
    }

    #[test]
    fn an_index_that_leads_out_of_the_folder_is_refused() {
        let text = br#"{"weight_map": {"a": "../../secret.safetensors"}}"#;
        assert!(matches!(Index::parse("m", INDEX, text), Err(HubError::Unsafe { .. })));
        assert!(matches!(Index::parse("m", INDEX, b"<html>"), Err(HubError::Answer { .. })));
    }

    #[test]
    fn an_index_that_disagrees_with_the_files_is_told() {
        let tensor = Tensor { dtype: "F32".into(), shape: vec![2, 3], bytes: 24 };
        let header = Header { tensors: [("a".to_owned(), tensor)].into(), ..Header::default() };
        let index = Index::parse("m", INDEX, br#"{"weight_map": {"b": "x"}}"#).unwrap();
        let tensors = Tensors::new([("x".to_owned(), header)].into(), Some(&index));
        assert_eq!(tensors.disagreements.len(), 2);
        assert_eq!(tensors.parameters(), BTreeMap::from([("F32".to_owned(), 6)]));
        assert_eq!(tensors.bytes(), 24);
    }
}
