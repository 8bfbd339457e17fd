//! What is asked about many models at once.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{error::HubError, file::RepoFile, tensors::Tensors};

/// What [`Hub::details`](crate::Hub::details) reads of each model, besides its list of files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// JSON files, e.g. `config.json`; one that a model lacks is left out.
    pub documents: &'a [&'a str],
    /// The headers of its weights.
    pub tensors: bool,
}

/// What was read of a model.
#[derive(Debug)]
pub struct Details {
    pub files: Vec<RepoFile>,
    /// By file name.
    pub documents: BTreeMap<String, Value>,
    /// `None` where they were not asked for. Weights that are in another format, or offline not in
    /// the cache, are an error of their own: the rest is still known.
    pub tensors: Option<Result<Tensors, HubError>>,
}

impl Details {
    /// Bytes of the files that `wanted` keeps.
    pub fn size(&self, wanted: impl Fn(&RepoFile) -> bool) -> u64 {
        self.files.iter().filter(|it| wanted(it)).map(|it| it.size).sum()
    }
}
