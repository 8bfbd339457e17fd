//! The same answers from this machine: from the Hub's cache, or from a folder of checkpoints.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    cache::{Cache, failed},
    config,
    error::HubError,
    file::{Digest, RepoFile, safe},
    header::Header,
    listing::{Listing, Query},
    model::Model,
};

const CONFIG: &str = "config.json";

/// How far below the folder a checkpoint may lie: `org/name`.
const DEEPEST: usize = 2;

#[derive(Debug)]
pub(crate) enum Local {
    Cache(Cache),
    Folder(PathBuf),
}

impl Local {
    pub(crate) fn list(&self, query: &Query) -> Result<Listing, HubError> {
        let mut listing = Listing::default();
        for id in self.ids()? {
            let Ok(model) = self.model(&id, None) else { continue };
            if !model.files.iter().any(|it| it == CONFIG) || !query.suits_local(&model)? {
                continue;
            }
            if listing.models.len() < query.limit {
                listing.models.push(model);
            } else {
                listing.more = true;
            }
        }
        Ok(listing)
    }

    pub(crate) fn model(&self, id: &str, revision: Option<&str>) -> Result<Model, HubError> {
        let sha = match self {
            Self::Cache(cache) => {
                let revision = revision.unwrap_or("main");
                let sha = cache.commit(id, revision).filter(|it| cache.snapshot(id, it).is_dir());
                Some(sha.ok_or_else(|| self.missing(format!("`{id}` at `{revision}`"), id))?)
            }
            Self::Folder(_) => None,
        };
        let folder = self.home(id, sha.as_deref());
        if !folder.is_dir() {
            return Err(self.missing(format!("`{id}`"), id));
        }
        let files = walk(&folder)?;
        let config = fs::read(folder.join(CONFIG)).ok();
        let config = config.and_then(|it| config::parse(&String::from_utf8_lossy(&it)).ok());
        let config = config.map(Value::Object);
        let names = files.into_iter().map(|it| it.path).collect();
        let revision = revision.or(Some("main")).filter(|_| sha.is_some()).map(str::to_owned);
        Ok(Model { sha, revision, ..Model::local(id, config.as_ref(), names) })
    }

    pub(crate) fn files(&self, model: &Model) -> Result<Vec<RepoFile>, HubError> {
        walk(&self.home(&model.id, model.sha.as_deref()))
    }

    pub(crate) fn read(&self, model: &Model, path: &str) -> Result<Vec<u8>, HubError> {
        let path = self.path(model, path)?;
        fs::read(&path).map_err(failed(&path))
    }

    pub(crate) fn header(&self, model: &Model, file: &RepoFile) -> Result<Header, HubError> {
        let path = self.path(model, &file.path)?;
        Header::read(&path).map_err(|source| HubError::Header {
            id: model.id.clone(),
            file: file.path.clone(),
            source: Box::new(source),
        })
    }

    /// The model's folder, if all `files` are there.
    pub(crate) fn present(&self, model: &Model, files: &[RepoFile]) -> Result<PathBuf, HubError> {
        for file in files {
            self.path(model, &file.path)?;
        }
        Ok(self.home(&model.id, model.sha.as_deref()))
    }

    fn path(&self, model: &Model, path: &str) -> Result<PathBuf, HubError> {
        safe(&model.id, path)?;
        let found = self.home(&model.id, model.sha.as_deref()).join(path);
        if found.is_file() {
            Ok(found)
        } else {
            Err(self.missing(format!("`{path}` of `{}`", model.id), &model.id))
        }
    }

    /// Where the model's files lie by their names.
    fn home(&self, id: &str, sha: Option<&str>) -> PathBuf {
        match self {
            Self::Cache(cache) => cache.snapshot(id, sha.unwrap_or_default()),
            Self::Folder(folder) if is_itself(folder, id) => folder.clone(),
            Self::Folder(folder) => folder.join(id),
        }
    }

    fn missing(&self, what: String, id: &str) -> HubError {
        match self {
            Self::Cache(cache) => HubError::NotCached { what, cache: cache.folder().to_owned() },
            Self::Folder(folder) => {
                HubError::NotInFolder { id: id.to_owned(), folder: folder.clone() }
            }
        }
    }

    fn ids(&self) -> Result<Vec<String>, HubError> {
        let mut ids = Vec::new();
        match self {
            Self::Cache(cache) => {
                for name in names(cache.folder())? {
                    ids.extend(name.strip_prefix("models--").map(|it| it.replacen("--", "/", 1)));
                }
            }
            Self::Folder(folder) => {
                if folder.join(CONFIG).is_file() {
                    ids.extend(own_name(folder));
                }
                checkpoints(folder, "", DEEPEST, &mut ids)?;
            }
        }
        ids.sort();
        Ok(ids)
    }
}

/// A folder that is a checkpoint is one by its own name.
fn is_itself(folder: &Path, id: &str) -> bool {
    own_name(folder).as_deref() == Some(id) && folder.join(CONFIG).is_file()
}

fn own_name(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    Some(folder.file_name()?.to_str()?.to_owned())
}

fn checkpoints(
    folder: &Path,
    prefix: &str,
    depth: usize,
    ids: &mut Vec<String>,
) -> Result<(), HubError> {
    for name in names(folder)? {
        let path = folder.join(&name);
        if path.join(CONFIG).is_file() {
            ids.push(format!("{prefix}{name}"));
        } else if 1 < depth && path.is_dir() {
            checkpoints(&path, &format!("{prefix}{name}/"), depth - 1, ids)?;
        }
    }
    Ok(())
}

/// What lies in `folder`, without what is hidden; nothing where there is no folder.
fn names(folder: &Path) -> Result<Vec<String>, HubError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        names.extend(entry.file_name().into_string().ok().filter(|it| !it.starts_with('.')));
    }
    names.sort();
    Ok(names)
}

/// All files below `folder`; a pointer of the cache tells the hash by the name of its blob.
pub(crate) fn walk(folder: &Path) -> Result<Vec<RepoFile>, HubError> {
    let mut files = Vec::new();
    let mut open = vec![String::new()];
    while let Some(prefix) = open.pop() {
        for name in names(&folder.join(&prefix))? {
            let name = format!("{prefix}{name}");
            let path = folder.join(&name);
            // A pointer whose blob is gone is a file that is not there.
            let Ok(found) = fs::metadata(&path) else { continue };
            if found.is_dir() {
                open.push(format!("{name}/"));
            } else {
                let blob = fs::read_link(&path).ok();
                let blob = blob.as_deref().and_then(Path::file_name);
                let digest = blob.and_then(|it| Digest::from_name(it.to_str()?));
                files.push(RepoFile { path: name, size: found.len(), digest });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
