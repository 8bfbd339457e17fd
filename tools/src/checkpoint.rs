//! `PATH` or `HUB_ID@REV`: where a checkpoint's files are.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use portwright_harness::{
    cancel::Cancel,
    hint::Hint,
    progress::{Event, Progress},
};
use portwright_hub::{Hub, HubError, Overrides, RepoFile, Watch};

use crate::{error::Failure, hub::watched};

/// What a checkpoint needs besides its weights: configs, tokenizers, templates, remote code. Each is
/// the end of a name beside config.json.
const BESIDE_WEIGHTS: &[&str] = &[".json", ".jinja", ".model", ".py", ".tiktoken", ".txt"];

#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("`{0}` is neither a folder nor a Hub id such as `org/name@revision`")]
    NotACheckpoint(String),

    #[error("failed to fetch `{id}` from the Hub")]
    Fetch { id: String, source: Box<HubError> },
}

impl Failure for CheckpointError {
    fn is_cancelled(&self) -> bool {
        matches!(self, Self::Fetch { source, .. } if source.is_cancelled())
    }
}

impl Hint for CheckpointError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NotACheckpoint(_) => Some(
                "a folder must hold config.json and *.safetensors; a Hub id has one slash".into(),
            ),
            Self::Fetch { source, .. } if matches!(**source, HubError::NoWeights { .. }) => Some(
                "only checkpoints in safetensors are read; look for a converted revision".into(),
            ),
            Self::Fetch { source, .. } => source.hint(),
        }
    }
}

/// The folder, where `checkpoint` is one.
pub fn local(checkpoint: &str) -> Option<PathBuf> {
    let path = Path::new(checkpoint);
    path.join("config.json").is_file().then(|| path.canonicalize().ok()).flatten()
}

/// The folder of `checkpoint`, fetched into the Hub's cache when it is an id.
///
/// What is there already is not fetched again, and what was cut short is continued; the Hub, its
/// token and its cache are the user's own settings.
pub fn resolve(
    checkpoint: &str,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<PathBuf, CheckpointError> {
    if let Some(folder) = local(checkpoint) {
        return Ok(folder);
    }
    let path = Path::new(checkpoint);
    let (id, revision) = match checkpoint.split_once('@') {
        Some((id, revision)) => (id, Some(revision)),
        None => (checkpoint, None),
    };
    let looks_like_id = id.split('/').count() == 2 && !path.exists() && !id.starts_with(['.', '/']);
    if !looks_like_id {
        return Err(CheckpointError::NotACheckpoint(checkpoint.to_owned()));
    }
    progress.on(Event::Note { text: &format!("fetching {checkpoint} from the Hub") });
    watched(progress, cancel, |watch| fetch(id, revision, watch)).map_err(|source| {
        CheckpointError::Fetch { id: checkpoint.to_owned(), source: Box::new(source) }
    })
}

fn fetch(id: &str, revision: Option<&str>, watch: Watch<'_>) -> Result<PathBuf, HubError> {
    let hub = Hub::from_environment(Overrides::default())?;
    let model = hub.model(id, revision, watch)?;
    let weights = hub.weights(&model, watch)?;
    let mut files = hub.files(&model, watch)?;
    // What the weights name must be there; an index can name a file that is not.
    if let Some(path) = weights.iter().find(|name| files.iter().all(|it| it.path != **name)) {
        return Err(HubError::NoFile { id: id.to_owned(), path: path.clone() });
    }
    files.retain(|it| weights.contains(&it.path) || is_beside_weights(it));
    hub.fetch(&model, &files, watch)
}

fn is_beside_weights(file: &RepoFile) -> bool {
    !file.path.contains('/') && BESIDE_WEIGHTS.iter().any(|it| file.path.ends_with(it))
}
