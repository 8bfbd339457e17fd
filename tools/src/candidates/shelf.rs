//! Where checkpoints are: on the Hub, in its cache on this machine, or in a plain folder.

use std::{collections::BTreeMap, fmt, path::Path};

use portwright_harness::{cancel::Cancel, progress::Progress};
use portwright_hub::{
    Details, Gated, Github, Hub, HubError, Listing, Model, Overrides, Place, Query, Wanted, Watch,
};
use serde_json::{Map, Value};

use super::{
    CandidatesError, CandidatesInput, describe::Found, normal, port::PullRequest, weights::Tensor,
};
use crate::{checkpoint, error::ToolError, hub::watched};

const CONFIG: &str = "config.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// Checkpoints, wherever they are.
pub(super) struct Shelf {
    hub: Hub,
}

/// The shelf that the input names.
///
/// # Errors
///
/// Where the folder is none, or the Hub's address is none.
pub(super) fn open(input: &CandidatesInput) -> Result<Shelf, ToolError> {
    let hub = if let Some(folder) = &input.folder {
        let path = folder.canonicalize().ok().filter(|it| it.is_dir());
        let missing = || ToolError::NoSuchPath { flag: "--folder", path: folder.clone() };
        Hub::folder(&path.ok_or_else(missing)?)
    } else {
        let offline = input.offline.then_some(true);
        Hub::from_environment(Overrides { offline, ..Overrides::default() })?
    };
    Ok(Shelf { hub })
}

impl fmt::Display for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hub.place() {
            Place::Online { endpoint } => write!(f, "the Hub at {endpoint}"),
            Place::Cache { folder } => write!(f, "the Hub's cache at {}", folder.display()),
            Place::Folder { folder } => write!(f, "the folder {}", folder.display()),
        }
    }
}

impl Shelf {
    /// The checkpoints of a model type, those with most downloads first.
    pub(super) fn list(
        &self,
        model_type: &str,
        limit: usize,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Listing, ToolError> {
        let query = Query { model_type: Some(model_type.to_owned()), limit, ..Query::default() };
        Ok(watched(progress, cancel, |watch| self.hub.list(&query, watch))?)
    }

    /// The model type of one checkpoint: a folder, or a Hub id with an optional revision.
    pub(super) fn model_type(
        &self,
        model: &str,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<String, ToolError> {
        let found = self.one(model, progress, cancel)?;
        let unusable =
            |why: String| CandidatesError::Checkpoint { checkpoint: model.to_owned(), why };
        let config = found.config.map_err(unusable)?;
        let named = config.get("model_type").and_then(Value::as_str);
        Ok(named.ok_or_else(|| unusable("it names no model type".into()))?.to_owned())
    }

    /// What is told of each listed checkpoint and of those that are added, and whether it was added.
    pub(super) fn read(
        &self,
        listed: &[Model],
        add: &[String],
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Vec<(Found, bool)>, ToolError> {
        let mut found: Vec<(Found, bool)> = self
            .details(listed, progress, cancel)?
            .into_iter()
            .map(|it| {
                let added = add.contains(&it.id);
                (it, added)
            })
            .collect();
        for id in add {
            if !found.iter().any(|(it, _)| it.id == *id) {
                found.push((self.one(id, progress, cancel)?, true));
            }
        }
        Ok(found)
    }

    fn one(
        &self,
        model: &str,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Found, ToolError> {
        if let Some(folder) = checkpoint::local(model) {
            return in_folder(&folder, model, progress, cancel);
        }
        let (id, revision) = match model.split_once('@') {
            Some((id, revision)) => (id, Some(revision)),
            None => (model, None),
        };
        let model = watched(progress, cancel, |watch| self.hub.model(id, revision, watch))?;
        let mut found = self.details(std::slice::from_ref(&model), progress, cancel)?;
        found.pop().ok_or_else(|| HubError::NotAnId(id.to_owned()).into())
    }

    fn details(
        &self,
        models: &[Model],
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Vec<Found>, ToolError> {
        let wanted = Wanted { documents: &[CONFIG, TOKENIZER_CONFIG], tensors: true };
        let details = watched(progress, cancel, |watch| self.hub.details(models, wanted, watch))?;
        let mut found = Vec::new();
        for (model, details) in models.iter().zip(details) {
            found.push(match details {
                // Python writes NaN and infinities, which JSON has not.
                Err(HubError::Answer { .. }) => self.leniently(model, progress, cancel)?,
                details => told(model, config_among(&details), details),
            });
        }
        Ok(found)
    }

    /// A checkpoint whose config.json, or whose tokenizer's, is no plain JSON.
    fn leniently(
        &self,
        model: &Model,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Found, ToolError> {
        let wanted = Wanted { documents: &[], tensors: true };
        let models = std::slice::from_ref(model);
        let mut details =
            watched(progress, cancel, |watch| self.hub.details(models, wanted, watch))?;
        let details = details.pop().unwrap_or_else(|| Err(HubError::NotAnId(model.id.clone())));
        let config = match watched(progress, cancel, |watch| self.hub.read(model, CONFIG, watch)) {
            Ok(bytes) => normal::parse(&String::from_utf8_lossy(&bytes)),
            Err(err) if err.is_cancelled() => return Err(err.into()),
            Err(err) => Err(err.to_string()),
        };
        Ok(told(model, config, details))
    }

    /// Open pull requests of a repository on GitHub that name the model type.
    ///
    /// # Errors
    ///
    /// Says why they were not looked for.
    pub(super) fn pull_requests(
        &self,
        repository: &str,
        model_type: &str,
        cancel: &Cancel,
    ) -> Result<Vec<PullRequest>, String> {
        let not_looked =
            |why: &dyn fmt::Display| format!("pull requests were not looked for: {why}");
        if matches!(self.hub.place(), Place::Cache { .. }) {
            return Err(not_looked(&"offline"));
        }
        let cancelled = || cancel.is_cancelled();
        let watch = Watch { on: &|_| (), cancelled: &cancelled };
        let found = Github::from_environment()
            .open_pull_requests(repository, model_type, watch)
            .map_err(|err| match err.hint() {
                Some(hint) => not_looked(&format!("{err}; {hint}")),
                None => not_looked(&err),
            })?;
        let row = |it: portwright_hub::PullRequest| PullRequest {
            number: it.number,
            title: it.title,
            author: it.author,
            url: it.url,
            draft: it.draft,
            updated: it.updated,
        };
        Ok(found.into_iter().map(row).collect())
    }
}

/// The config.json that was read with the rest.
fn config_among(details: &Result<Details, HubError>) -> Result<Map<String, Value>, String> {
    match details {
        Ok(details) => match details.documents.get(CONFIG) {
            Some(Value::Object(fields)) => Ok(fields.clone()),
            Some(_) => Err("config.json is not a JSON object".into()),
            None => Err("it has no config.json".into()),
        },
        Err(err) => Err(err.to_string()),
    }
}

/// A checkpoint in a folder of its own, wherever the others are.
fn in_folder(
    folder: &Path,
    name: &str,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Found, ToolError> {
    let parent = folder.parent().unwrap_or(folder);
    let id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let shelf = Shelf { hub: Hub::folder(parent) };
    let model = watched(progress, cancel, |watch| shelf.hub.model(&id, None, watch))?;
    let mut found = shelf.details(&[model], progress, cancel)?;
    let found = found.pop().map(|it| Found { id: name.to_owned(), ..it });
    found.ok_or_else(|| HubError::NotAnId(id).into())
}

fn told(
    model: &Model,
    config: Result<Map<String, Value>, String>,
    details: Result<Details, HubError>,
) -> Found {
    let (files, template, tensors) = match details {
        Ok(details) => {
            let files = details.files.iter().map(|it| (it.path.clone(), Some(it.size))).collect();
            let template =
                details.documents.get(TOKENIZER_CONFIG).and_then(|it| it.get("chat_template"));
            let tensors = match details.tensors {
                Some(Ok(tensors)) => Ok(tensors
                    .iter()
                    .map(|(name, it, _)| {
                        let tensor = Tensor { dtype: it.dtype.clone(), shape: it.shape.clone() };
                        (name.to_owned(), tensor)
                    })
                    .collect::<BTreeMap<_, _>>()),
                Some(Err(err)) => Err(err.to_string()),
                None => Err("its headers were not read".into()),
            };
            (files, template.is_some_and(|it| !it.is_null()), tensors)
        }
        Err(err) => (Vec::new(), false, Err(err.to_string())),
    };
    Found {
        id: model.id.clone(),
        revision: model.sha.clone(),
        downloads: model.downloads,
        license: model.license.clone(),
        gated: match model.gated {
            Gated::No => None,
            Gated::Automatic => Some("auto".into()),
            Gated::Manual => Some("manual".into()),
        },
        tags: model.tags.clone(),
        files,
        config,
        tensors,
        template_in_config: template,
    }
}
