//! Files fetched whole: continued where they were cut, checked, and put into the cache at once.

use std::{
    cell::RefCell,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::{StatusCode, Url};

use crate::{
    cache::{failed, make_parent},
    error::HubError,
    file::{Digest, RepoFile, Sha256, safe},
    http::{About, Http, Part},
    model::Model,
    remote::{Remote, commit},
    retry::{Again, Failed, Tries},
    watch::{Step, Watch},
};

/// Files that are fetched at once.
const AT_ONCE: usize = 8;

impl Remote {
    pub(crate) async fn fetch(
        &self,
        model: &Model,
        files: &[RepoFile],
        watch: Watch<'_>,
    ) -> Result<PathBuf, HubError> {
        let total = files.iter().map(|it| it.size).sum();
        let name = format!("fetching {} (bytes)", model.id);
        let step = Step::start(watch, &name, total);
        let step = &step;
        let one = async |file: &RepoFile| {
            self.fetch_one(model, file, &|by| step.advance(by), watch).await.map(drop)
        };
        stream::iter(files).map(one).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        let sha = commit(model)?;
        if let Some(revision) = &model.revision {
            self.cache.note(&model.id, revision, sha)?;
        }
        Ok(self.cache.snapshot(&model.id, sha))
    }

    /// One file into the cache; `advance` hears of its bytes, those that were there included.
    pub(crate) async fn fetch_one(
        &self,
        model: &Model,
        file: &RepoFile,
        advance: &dyn Fn(u64),
        watch: Watch<'_>,
    ) -> Result<PathBuf, HubError> {
        safe(&model.id, &file.path)?;
        if let Some(path) = self.cached(model, file)? {
            advance(file.size);
            return Ok(path);
        }
        let digest = file
            .digest
            .as_ref()
            .ok_or_else(|| HubError::NoFile { id: model.id.clone(), path: file.path.clone() })?;
        let blob = self.cache.blob(&model.id, digest);
        let _lock = self.cache.lock(&model.id, digest, watch).await?;
        if blob.is_file() {
            advance(file.size);
        } else {
            let url = self.resolve(model, file)?;
            let download = Download {
                http: &self.http,
                url,
                about: About {
                    id: Some(&model.id),
                    revision: model.sha.as_deref(),
                    path: Some(&file.path),
                },
                file,
                digest,
                advance,
                watch,
            };
            download.fill(&blob).await?;
        }
        let sha = commit(model)?;
        if let Some(revision) = &model.revision {
            self.cache.note(&model.id, revision, sha)?;
        }
        self.cache.point(&model.id, sha, &file.path, digest)
    }
}

/// One file on its way.
struct Download<'a> {
    http: &'a Http,
    url: Url,
    about: About<'a>,
    file: &'a RepoFile,
    digest: &'a Digest,
    advance: &'a dyn Fn(u64),
    watch: Watch<'a>,
}

impl Download<'_> {
    /// Fetch it, and give it its name only when its hash is right.
    async fn fill(&self, blob: &Path) -> Result<(), HubError> {
        make_parent(blob)?;
        // The name that other clients give it too: what they left half done is continued.
        let mut name = blob.file_name().unwrap_or_default().to_owned();
        name.push(".incomplete");
        let path = blob.with_file_name(name);
        let mut damaged = false;
        loop {
            let partial = RefCell::new(Partial::open(&path, self.file.size)?);
            (self.advance)(partial.borrow().length);
            self.complete(&partial).await?;
            let found = partial.into_inner().finish(self.digest, &path)?;
            if found == self.digest.as_str() {
                return fs::rename(&path, blob).map_err(failed(blob));
            }
            // What was continued may have been another file's beginning; once more from nothing.
            fs::remove_file(&path).map_err(failed(&path))?;
            if damaged {
                return Err(HubError::Damaged {
                    id: self.about.id.unwrap_or_default().to_owned(),
                    file: self.file.path.clone(),
                    found,
                    listed: self.digest.as_str().to_owned(),
                });
            }
            damaged = true;
            self.watch.note(&format!("{} arrived damaged; fetching it again", self.about.what()));
        }
    }

    async fn complete(&self, partial: &RefCell<Partial>) -> Result<(), HubError> {
        let mut tries = Tries::new(self.http.limits());
        while partial.borrow().length < self.file.size {
            let before = partial.borrow().length;
            if let Err(failed) = self.go_on(partial).await {
                if before < partial.borrow().length {
                    tries.progressed();
                }
                let wait = tries.wait(failed)?;
                self.http.pause(wait, self.about, self.watch).await;
            }
        }
        Ok(())
    }

    /// One request for what is missing.
    async fn go_on(&self, partial: &RefCell<Partial>) -> Result<(), Failed> {
        let have = partial.borrow().length;
        let part = if have == 0 { Part::Whole } else { Part::Bytes(have..u64::MAX) };
        let mut open = self.http.open(&self.url, &part, self.about).await?;
        if 0 < have && open.response.status() != StatusCode::PARTIAL_CONTENT {
            partial.borrow_mut().restart()?;
        }
        while let Some(chunk) = open.chunk(self.about).await? {
            let mut partial = partial.borrow_mut();
            let size = partial.length + chunk.len() as u64;
            if self.file.size < size {
                let detail = format!("it is longer than the {} bytes listed", self.file.size);
                return Err(HubError::Answer { what: self.about.what(), detail }.into());
            }
            partial.append(&chunk)?;
            drop(partial);
            (self.advance)(chunk.len() as u64);
        }
        if partial.borrow().length < self.file.size {
            let detail = "it ended before all bytes had come".to_owned();
            let error = HubError::Unreachable { what: self.about.what(), detail };
            return Err(Failed { error, again: Again::Later });
        }
        Ok(())
    }
}

/// The beginning of a file, and its hash so far.
struct Partial {
    file: File,
    path: PathBuf,
    length: u64,
    hash: Sha256,
}

impl Partial {
    /// What an earlier attempt left; nothing, where that cannot be the beginning.
    fn open(path: &Path, size: u64) -> Result<Self, HubError> {
        let file = File::options().create(true).append(true).open(path).map_err(failed(path))?;
        let length = file.metadata().map_err(failed(path))?.len();
        let mut partial = Self { file, path: path.to_owned(), length, hash: Sha256::default() };
        if size < length {
            partial.restart()?;
        } else {
            partial.hash.read(path).map_err(failed(path))?;
        }
        Ok(partial)
    }

    fn restart(&mut self) -> Result<(), HubError> {
        self.file.set_len(0).map_err(failed(&self.path))?;
        self.length = 0;
        self.hash = Sha256::default();
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), HubError> {
        self.file.write_all(bytes).map_err(failed(&self.path))?;
        self.length += bytes.len() as u64;
        self.hash.update(bytes);
        Ok(())
    }

    /// The hash of all that came.
    fn finish(self, digest: &Digest, path: &Path) -> Result<String, HubError> {
        match digest {
            Digest::Sha256(_) => Ok(self.hash.finish()),
            Digest::Git(_) => digest.of(path).map_err(failed(path)),
        }
    }
}
