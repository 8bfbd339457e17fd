//! The Hub's own answers.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use hf_hub::repository::ModelInfo;
use reqwest::{
    Url,
    header::{HeaderMap, LINK},
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    cache::{Cache, failed},
    error::HubError,
    file::{Digest, RepoFile, check_id, safe},
    header::{self, Header, HeaderError, PREFIX},
    http::{About, Http, Part},
    listing::{Listing, Query},
    model::Model,
    settings::Settings,
    watch::Watch,
};

/// What the Hub is asked to tell of each model.
const EXPAND: &[&str] = &[
    "config",
    "downloads",
    "gated",
    "lastModified",
    "library_name",
    "likes",
    "pipeline_tag",
    "private",
    "safetensors",
    "sha",
    "siblings",
    "tags",
];

/// Models of one page.
const PAGE: usize = 100;

/// Most headers are shorter, so one request is enough.
const FIRST_READ: u64 = 128 << 10;

#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) http: Http,
    pub(crate) cache: Cache,
    /// A commit's files never change.
    trees: Mutex<HashMap<Commit, Arc<[RepoFile]>>>,
}

/// A model's id and its commit.
type Commit = (String, String);

/// A row of a tree. hf-hub's own type has no place for the SHA-256, which the tree calls `oid`.
#[derive(Deserialize)]
struct Row {
    r#type: String,
    path: String,
    #[serde(default)]
    size: u64,
    oid: String,
    lfs: Option<Large>,
}

#[derive(Deserialize)]
struct Large {
    oid: String,
    size: u64,
}

impl Remote {
    pub(crate) fn new(settings: Settings) -> Result<Self, HubError> {
        let http = Http::new(&settings)?;
        Ok(Self { http, cache: settings.cache.into(), trees: Mutex::default() })
    }

    pub(crate) fn endpoint(&self) -> &str {
        self.http.endpoint()
    }

    pub(crate) async fn list(&self, query: &Query, watch: Watch<'_>) -> Result<Listing, HubError> {
        let mut url = self.http.url(["api", "models"]);
        {
            let mut pairs = url.query_pairs_mut();
            for filter in query.filters() {
                pairs.append_pair("filter", &filter);
            }
            for (name, value) in [("search", &query.search), ("author", &query.author)] {
                if let Some(value) = value {
                    pairs.append_pair(name, value);
                }
            }
            pairs.extend_pairs([("sort", "downloads"), ("direction", "-1")]);
            pairs.append_pair("limit", &query.limit.clamp(1, PAGE).to_string());
            pairs.extend_pairs(EXPAND.iter().map(|it| ("expand", *it)));
        }
        let mut listing = Listing::default();
        let mut pages = Pages::new(url);
        while let Some(page) = pages.next::<ModelInfo>(&self.http, About::default(), watch).await? {
            for info in page {
                check_id(&info.id)?;
                let model = Model::new(info, Some("main"))?;
                if !query.suits(&model) {
                    listing.passed_over.push(model.id);
                } else if listing.models.len() < query.limit {
                    listing.models.push(model);
                } else {
                    listing.more = true;
                    return Ok(listing);
                }
            }
        }
        Ok(listing)
    }

    pub(crate) async fn model(
        &self,
        id: &str,
        revision: Option<&str>,
        watch: Watch<'_>,
    ) -> Result<Model, HubError> {
        let parts = ["api", "models"].into_iter().chain(id.split('/'));
        let mut url = match revision {
            Some(revision) => self.http.url(parts.chain(["revision", revision])),
            None => self.http.url(parts),
        };
        url.query_pairs_mut().extend_pairs(EXPAND.iter().map(|it| ("expand", *it)));
        let about = About { id: Some(id), revision, path: None };
        let (info, _) = self.http.json::<ModelInfo>(&url, about, watch).await?;
        check_id(&info.id)?;
        Model::new(info, Some(revision.unwrap_or("main")))
    }

    pub(crate) async fn files(
        &self,
        model: &Model,
        watch: Watch<'_>,
    ) -> Result<Arc<[RepoFile]>, HubError> {
        let sha = commit(model)?;
        let key = (model.id.clone(), sha.to_owned());
        let known = self.trees.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(files) = known {
            return Ok(files);
        }
        let parts = ["api", "models"].into_iter().chain(model.id.split('/'));
        let mut url = self.http.url(parts.chain(["tree", sha]));
        url.query_pairs_mut().append_pair("recursive", "true");
        let about = About { id: Some(&model.id), revision: Some(sha), path: None };
        let mut files = Vec::new();
        let mut pages = Pages::new(url);
        while let Some(page) = pages.next::<Row>(&self.http, about, watch).await? {
            for row in page.into_iter().filter(|it| it.r#type == "file") {
                files.push(row.file(&model.id)?);
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let files: Arc<[RepoFile]> = files.into();
        self.trees.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&files));
        Ok(files)
    }

    pub(crate) async fn file(
        &self,
        model: &Model,
        path: &str,
        watch: Watch<'_>,
    ) -> Result<RepoFile, HubError> {
        let files = self.files(model, watch).await?;
        let missing = || HubError::NoFile { id: model.id.clone(), path: path.to_owned() };
        files.iter().find(|it| it.path == path).cloned().ok_or_else(missing)
    }

    pub(crate) async fn read(
        &self,
        model: &Model,
        path: &str,
        watch: Watch<'_>,
    ) -> Result<Vec<u8>, HubError> {
        let file = self.file(model, path, watch).await?;
        if crate::http::MOST < file.size {
            let detail = format!("it has {} bytes, too many to be read whole", file.size);
            return Err(HubError::Answer { what: format!("`{path}` of `{}`", model.id), detail });
        }
        let path = self.fetch_one(model, &file, &|_| (), watch).await?;
        fs::read(&path).map_err(failed(&path))
    }

    pub(crate) async fn header(
        &self,
        model: &Model,
        file: &RepoFile,
        watch: Watch<'_>,
    ) -> Result<Header, HubError> {
        let wrong = |source| HubError::Header {
            id: model.id.clone(),
            file: file.path.clone(),
            source: Box::new(source),
        };
        if let Some(path) = self.cached(model, file)? {
            return Header::read(&path).map_err(wrong);
        }
        let url = self.resolve(model, file)?;
        let about =
            About { id: Some(&model.id), revision: model.sha.as_deref(), path: Some(&file.path) };
        if file.size == 0 {
            return Err(wrong(HeaderError::Short));
        }
        let first = Part::Bytes(0..FIRST_READ.min(file.size));
        let mut bytes = self.http.get(&url, first, about, watch).await?.body;
        let length = header::length(&bytes, file.size).map_err(wrong)?;
        let end = PREFIX + length;
        let have = bytes.len() as u64;
        if FIRST_READ.min(file.size) <= have && have < end {
            let rest = self.http.get(&url, Part::Bytes(have..end), about, watch).await?;
            bytes.extend_from_slice(&rest.body);
        }
        let prefix = usize::try_from(PREFIX).unwrap_or_default();
        let end = usize::try_from(end).unwrap_or(usize::MAX).min(bytes.len());
        Header::parse(&bytes[prefix..end], length, file.size).map_err(wrong)
    }

    /// Where `file` lies in the cache, if it does.
    pub(crate) fn cached(
        &self,
        model: &Model,
        file: &RepoFile,
    ) -> Result<Option<PathBuf>, HubError> {
        let path = self.cache.snapshot(&model.id, commit(model)?).join(&file.path);
        Ok(path.is_file().then_some(path))
    }

    pub(crate) fn resolve(&self, model: &Model, file: &RepoFile) -> Result<Url, HubError> {
        let parts = model.id.split('/').chain(["resolve", commit(model)?]);
        Ok(self.http.url(parts.chain(file.path.split('/'))))
    }
}

pub(crate) fn commit(model: &Model) -> Result<&str, HubError> {
    let none = || HubError::NotInFolder { id: model.id.clone(), folder: PathBuf::from("the Hub") };
    model.sha.as_deref().ok_or_else(none)
}

impl Row {
    fn file(self, id: &str) -> Result<RepoFile, HubError> {
        safe(id, &self.path)?;
        let (name, size) = match self.lfs {
            Some(large) => (large.oid, large.size),
            None => (self.oid, self.size),
        };
        let digest = Digest::from_name(&name).ok_or_else(|| HubError::Answer {
            what: format!("`{}` of `{id}`", self.path),
            detail: "its hash is malformed".to_owned(),
        })?;
        Ok(RepoFile { path: self.path, size, digest: Some(digest) })
    }
}

/// A list that comes in pages, each naming the next.
struct Pages {
    next: Option<Url>,
    seen: HashSet<Url>,
}

impl Pages {
    fn new(first: Url) -> Self {
        Self { next: Some(first), seen: HashSet::new() }
    }

    async fn next<T: DeserializeOwned>(
        &mut self,
        http: &Http,
        about: About<'_>,
        watch: Watch<'_>,
    ) -> Result<Option<Vec<T>>, HubError> {
        let Some(url) = self.next.take() else { return Ok(None) };
        let endless = |detail: String| Err(HubError::Answer { what: about.what(), detail });
        if http.limits().pages <= self.seen.len() {
            return endless(format!("it has more than {} pages", self.seen.len()));
        }
        if !self.seen.insert(url.clone()) {
            return endless("its pages lead in a circle".to_owned());
        }
        let (page, headers) = http.json(&url, about, watch).await?;
        self.next = following(&headers).and_then(|it| url.join(&it).ok());
        Ok(Some(page))
    }
}

/// The address of `Link: <https://…>; rel="next"`.
fn following(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().filter_map(|it| it.to_str().ok()).find_map(|text| {
        text.split(',').find_map(|link| {
            let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
            let is_next = parameters
                .split(';')
                .any(|it| it.trim().replace('"', "").eq_ignore_ascii_case("rel=next"));
            is_next.then(|| address.to_owned())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_the_one_marked_next() {
        let link = |text: &str| following(&[(LINK, text.parse().unwrap())].into_iter().collect());
        let both = r#"<http://a/?x=0>; rel="prev", <http://a/?x=1>; rel="next""#;
        assert_eq!(link(both).unwrap(), "http://a/?x=1");
        assert_eq!(link("<http://a/>; rel=next").unwrap(), "http://a/");
        assert_eq!(link(r#"<http://a/>; rel="last""#), None);
        assert_eq!(link("nonsense"), None);
    }
}
