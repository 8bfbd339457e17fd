//! The one type that answers, wherever the answer comes from.

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{
    details::{Details, Wanted},
    error::HubError,
    file::{RepoFile, check_id, check_revision},
    listing::{Listing, Query},
    local::Local,
    model::Model,
    remote::Remote,
    settings::{Overrides, Settings},
    tensors::{Tensors, Weights},
    watch::{Step, Watch},
};

/// Connections live longer than one question, so they all run here.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("hub")
        .enable_all()
        .build()
        .expect("a thread can be started")
});

/// Models, from the Hub, its cache or a folder.
#[derive(Debug)]
pub struct Hub {
    source: Source,
    /// How long one question may take, downloads apart.
    total: Duration,
    /// How many models are read at once.
    concurrency: usize,
}

#[derive(Debug)]
enum Source {
    Remote(Box<Remote>),
    Local(Local),
}

/// Where answers come from, for a sentence to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    Online { endpoint: &'a str },
    Cache { folder: &'a Path },
    Folder { folder: &'a Path },
}

impl Hub {
    /// The Hub that the environment names, or its cache where that says offline.
    pub fn from_environment(overrides: Overrides) -> Result<Self, HubError> {
        let settings = Settings::new(overrides);
        let limits = settings.limits;
        let source = if settings.offline {
            Source::Local(Local::Cache(settings.cache.into()))
        } else {
            Source::Remote(Box::new(Remote::new(settings)?))
        };
        Ok(Self { source, total: limits.total, concurrency: limits.concurrency.max(1) })
    }

    /// The checkpoints in `folder`: each is a folder with config.json, at most two levels below it.
    pub fn folder(folder: &Path) -> Self {
        let limits = crate::Limits::default();
        let source = Source::Local(Local::Folder(folder.to_owned()));
        Self { source, total: limits.total, concurrency: limits.concurrency }
    }

    pub fn place(&self) -> Place<'_> {
        match &self.source {
            Source::Remote(remote) => Place::Online { endpoint: remote.endpoint() },
            Source::Local(Local::Cache(cache)) => Place::Cache { folder: cache.folder() },
            Source::Local(Local::Folder(folder)) => Place::Folder { folder },
        }
    }

    /// The models that `query` asks for.
    pub fn list(&self, query: &Query, watch: Watch<'_>) -> Result<Listing, HubError> {
        self.answer(watch, async {
            match &self.source {
                Source::Remote(remote) => remote.list(query, watch).await,
                Source::Local(local) => local.list(query),
            }
        })
    }

    /// The model `id` at `revision`: a branch, a tag or a commit; its default branch when `None`.
    pub fn model(
        &self,
        id: &str,
        revision: Option<&str>,
        watch: Watch<'_>,
    ) -> Result<Model, HubError> {
        check_id(id)?;
        revision.map_or(Ok(()), check_revision)?;
        self.answer(watch, async {
            match &self.source {
                Source::Remote(remote) => remote.model(id, revision, watch).await,
                Source::Local(local) => local.model(id, revision),
            }
        })
    }

    /// All its files with their sizes, in the order of their names.
    ///
    /// Offline these are the files that the cache holds.
    pub fn files(&self, model: &Model, watch: Watch<'_>) -> Result<Vec<RepoFile>, HubError> {
        self.answer(watch, self.files_of(model, watch))
    }

    /// The content of one small file, through the cache.
    pub fn read(&self, model: &Model, path: &str, watch: Watch<'_>) -> Result<Vec<u8>, HubError> {
        self.answer(watch, self.content(model, path, watch))
    }

    /// A JSON file such as `config.json`.
    pub fn json(&self, model: &Model, path: &str, watch: Watch<'_>) -> Result<Value, HubError> {
        self.answer(watch, self.document(model, path, watch))
    }

    /// Its tensors by the headers of its files; no weight is read.
    pub fn tensors(&self, model: &Model, watch: Watch<'_>) -> Result<Tensors, HubError> {
        self.answer(watch, self.headers(model, watch))
    }

    /// The names of the files with its weights: what the index names, with the index itself.
    pub fn weights(&self, model: &Model, watch: Watch<'_>) -> Result<Vec<String>, HubError> {
        self.answer(watch, async {
            let files = self.files_of(model, watch).await?;
            Ok(match Weights::among(&model.id, &files)? {
                Weights::Files(names) => names,
                Weights::Sharded { index } => {
                    let content = self.content(model, &index, watch).await?;
                    let mut names =
                        crate::tensors::Index::parse(&model.id, &index, &content)?.files();
                    names.push(index);
                    names
                }
            })
        })
    }

    /// Many models at once, in the order given; each has its own answer or its own error.
    ///
    /// # Errors
    ///
    /// Only that the caller stopped it or that it took too long.
    pub fn details(
        &self,
        models: &[Model],
        wanted: Wanted<'_>,
        watch: Watch<'_>,
    ) -> Result<Vec<Result<Details, HubError>>, HubError> {
        let step = Step::start(watch, "reading models", models.len() as u64);
        self.answer(watch, async {
            let step = &step;
            let one = async |model| {
                let details = self.details_of(model, wanted, watch).await;
                step.advance(1);
                details
            };
            Ok(stream::iter(models).map(one).buffered(self.concurrency).collect().await)
        })
    }

    /// Put `files` into the cache, where they are not; the folder in which they lie by their names.
    ///
    /// What an earlier call left half done is continued, and every file is checked against its hash.
    /// Offline and in a folder it only looks whether they are there.
    pub fn fetch(
        &self,
        model: &Model,
        files: &[RepoFile],
        watch: Watch<'_>,
    ) -> Result<PathBuf, HubError> {
        match &self.source {
            Source::Remote(remote) => {
                RUNTIME.block_on(watch.over(None, remote.fetch(model, files, watch)))
            }
            Source::Local(local) => local.present(model, files),
        }
    }

    fn answer<T>(
        &self,
        watch: Watch<'_>,
        work: impl Future<Output = Result<T, HubError>>,
    ) -> Result<T, HubError> {
        RUNTIME.block_on(watch.over(Some(self.total), work))
    }

    async fn files_of(&self, model: &Model, watch: Watch<'_>) -> Result<Vec<RepoFile>, HubError> {
        match &self.source {
            Source::Remote(remote) => Ok(remote.files(model, watch).await?.to_vec()),
            Source::Local(local) => local.files(model),
        }
    }

    async fn content(
        &self,
        model: &Model,
        path: &str,
        watch: Watch<'_>,
    ) -> Result<Vec<u8>, HubError> {
        match &self.source {
            Source::Remote(remote) => remote.read(model, path, watch).await,
            Source::Local(local) => local.read(model, path),
        }
    }

    async fn document(
        &self,
        model: &Model,
        path: &str,
        watch: Watch<'_>,
    ) -> Result<Value, HubError> {
        let content = self.content(model, path, watch).await?;
        serde_json::from_slice(&content).map_err(|err| HubError::Answer {
            what: format!("`{path}` of `{}`", model.id),
            detail: err.to_string(),
        })
    }

    async fn headers(&self, model: &Model, watch: Watch<'_>) -> Result<Tensors, HubError> {
        let files = self.files_of(model, watch).await?;
        let (names, index) = match Weights::among(&model.id, &files)? {
            Weights::Files(names) => (names, None),
            Weights::Sharded { index } => {
                let content = self.content(model, &index, watch).await?;
                let index = crate::tensors::Index::parse(&model.id, &index, &content)?;
                (index.files(), Some(index))
            }
        };
        let one = async |name: String| {
            let file = files
                .iter()
                .find(|it| it.path == name)
                .ok_or_else(|| HubError::NoFile { id: model.id.clone(), path: name.clone() })?;
            let header = match &self.source {
                Source::Remote(remote) => remote.header(model, file, watch).await?,
                Source::Local(local) => local.header(model, file)?,
            };
            Ok((name, header))
        };
        let found: Vec<Result<_, HubError>> =
            stream::iter(names).map(one).buffered(self.concurrency).collect().await;
        let headers = found.into_iter().collect::<Result<_, _>>()?;
        Ok(Tensors::new(headers, index.as_ref()))
    }

    async fn details_of(
        &self,
        model: &Model,
        wanted: Wanted<'_>,
        watch: Watch<'_>,
    ) -> Result<Details, HubError> {
        let files = self.files_of(model, watch).await?;
        let present: Vec<&str> = wanted
            .documents
            .iter()
            .copied()
            .filter(|name| files.iter().any(|it| it.path == *name))
            .collect();
        let documents = async {
            let one =
                async |name: &str| Ok((name.to_owned(), self.document(model, name, watch).await?));
            let found: Vec<Result<_, HubError>> =
                stream::iter(present).map(one).buffered(self.concurrency).collect().await;
            found.into_iter().collect::<Result<_, _>>()
        };
        let tensors =
            async { if wanted.tensors { Some(self.headers(model, watch).await) } else { None } };
        let (documents, tensors) = tokio::join!(documents, tensors);
        Ok(Details { files, documents: documents?, tensors })
    }
}
