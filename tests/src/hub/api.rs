//! `/api/models`: lists, records and trees, in pages.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use reqwest::Url;
use serde_json::{Map, Value, json};

use super::{
    GRANTED, Host, refusal,
    repository::{Repository, git, is_large, sha256},
    token,
};

pub(super) async fn list(State(host): State<Host>, RawQuery(query): RawQuery) -> Response {
    let query = Query::new(query);
    let search = query.first("search").map(str::to_lowercase);
    let mut found: Vec<&Repository> = host
        .shared
        .repositories
        .iter()
        .filter(|it| query.all("filter").all(|tag| it.tags.iter().any(|own| own == tag)))
        .filter(|it| search.as_ref().is_none_or(|text| it.id.to_lowercase().contains(text)))
        .filter(|it| query.first("author").is_none_or(|org| it.id.starts_with(&format!("{org}/"))))
        .collect();
    if query.first("sort") == Some("downloads") {
        found.sort_by_key(|it| std::cmp::Reverse(it.downloads));
    }
    let rows = found.into_iter().map(|it| record(it, &query)).collect();
    page(&host, "/api/models", &query, rows)
}

pub(super) async fn info(
    State(host): State<Host>,
    Path((org, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let found = host.find(&org, &name, "main", &headers);
    found.map_or_else(|refusal| *refusal, |it| answer(&record(it, &Query::new(query))))
}

pub(super) async fn info_at(
    State(host): State<Host>,
    Path((org, name, revision)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let found = host.find(&org, &name, &revision, &headers);
    found.map_or_else(|refusal| *refusal, |it| answer(&record(it, &Query::new(query))))
}

pub(super) async fn tree(
    host: State<Host>,
    Path((org, name, revision)): Path<(String, String, String)>,
    query: RawQuery,
    headers: HeaderMap,
) -> Response {
    tree_below(host, Path((org, name, revision, String::new())), query, headers).await
}

pub(super) async fn tree_below(
    State(host): State<Host>,
    Path((org, name, revision, below)): Path<(String, String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = Query::new(query);
    let repository = match host.find(&org, &name, &revision, &headers) {
        Ok(repository) => repository,
        Err(refusal) => return *refusal,
    };
    let prefix = if below.is_empty() { String::new() } else { format!("{below}/") };
    let recursive = query.first("recursive").is_some_and(|it| it.eq_ignore_ascii_case("true"));
    let mut folders = BTreeSet::new();
    let mut rows = Vec::new();
    for (path, content) in &repository.files {
        let Some(rest) = path.strip_prefix(&prefix) else { continue };
        let inner: Vec<usize> = rest.match_indices('/').map(|it| it.0).collect();
        for end in &inner[..if recursive { inner.len() } else { inner.len().min(1) }] {
            folders.insert(format!("{prefix}{}", &rest[..*end]));
        }
        if !recursive && !inner.is_empty() {
            continue;
        }
        let mut row =
            json!({"type": "file", "path": path, "size": content.len(), "oid": git(content)});
        if is_large(path) {
            let pointer = pointer(content);
            row["oid"] = git(pointer.as_bytes()).into();
            row["lfs"] = json!({"oid": sha256(content), "size": content.len(), "pointerSize": pointer.len()});
        }
        rows.push(row);
    }
    if rows.is_empty() && folders.is_empty() && !below.is_empty() {
        return refusal(StatusCode::NOT_FOUND, "EntryNotFound", "path does not exist");
    }
    rows.extend(folders.iter().map(
        |path| json!({"type": "directory", "path": path, "size": 0, "oid": git(path.as_bytes())}),
    ));
    let path = format!("/api/models/{org}/{name}/tree/{revision}/{below}");
    page(&host, path.trim_end_matches('/'), &query, rows)
}

/// What git holds in place of a large file.
fn pointer(content: &[u8]) -> String {
    let (oid, size) = (sha256(content), content.len());
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n")
}

impl Host {
    /// The repository, or the Hub's way to say that there is none.
    pub(super) fn find(
        &self,
        org: &str,
        name: &str,
        revision: &str,
        headers: &HeaderMap,
    ) -> Result<&Repository, Box<Response>> {
        let id = format!("{org}/{name}");
        if token(headers).is_some_and(|it| it != GRANTED && it != "hf_stranger") {
            let message = "Invalid credentials in Authorization header";
            return Err(Box::new(refusal(StatusCode::UNAUTHORIZED, "", message)));
        }
        let Some(found) = self.shared.repositories.iter().find(|it| it.id == id) else {
            // Whoever is not signed in is not told whether it exists.
            let status = match token(headers) {
                None => StatusCode::UNAUTHORIZED,
                Some(_) => StatusCode::NOT_FOUND,
            };
            return Err(Box::new(refusal(status, "RepoNotFound", "Repository not found")));
        };
        if revision == "main" || revision == found.commit() {
            Ok(found)
        } else {
            let message = format!("Invalid rev id: {revision}");
            Err(Box::new(refusal(StatusCode::NOT_FOUND, "RevisionNotFound", &message)))
        }
    }
}

fn record(repository: &Repository, query: &Query) -> Value {
    let config = repository.config();
    let siblings: Vec<Value> =
        repository.files.keys().map(|path| json!({"rfilename": path})).collect();
    let all = json!({
        "author": repository.id.split('/').next(),
        "config": {"model_type": config["model_type"], "architectures": config["architectures"]},
        "createdAt": "2025-01-02T03:04:05.000Z",
        "disabled": false,
        "downloads": repository.downloads,
        "gated": repository.gated.map_or(json!(false), Value::from),
        "lastModified": "2025-02-03T04:05:06.000Z",
        "library_name": "transformers",
        "likes": 7,
        "pipeline_tag": "text-generation",
        "private": false,
        "safetensors": {"parameters": {"F32": 136}, "total": 136},
        "sha": repository.commit(),
        "siblings": siblings,
        "tags": repository.tags,
    });
    let expand: Vec<&str> = query.all("expand").collect();
    let mut record = Map::new();
    record.insert("_id".into(), json!("621ffdc036468d709f174338"));
    record.insert("id".into(), json!(repository.id));
    for (name, value) in all.as_object().expect("written as one") {
        if expand.is_empty() || expand.contains(&name.as_str()) {
            record.insert(name.clone(), value.clone());
        }
    }
    Value::Object(record)
}

/// One page of `rows`, with `Link` to the next.
fn page(host: &Host, path: &str, query: &Query, rows: Vec<Value>) -> Response {
    let limit = query.first("limit").and_then(|it| it.parse().ok()).unwrap_or(host.shared.page);
    let size = limit.min(host.shared.page).max(1);
    let start: usize = query.first("cursor").and_then(|it| it.parse().ok()).unwrap_or(0);
    let more = start + size < rows.len();
    let rows: Vec<Value> = rows.into_iter().skip(start).take(size).collect();
    let mut response = answer(&Value::Array(rows));
    if more {
        let mut url = Url::parse(&format!("{}{path}", host.shared.url)).expect("our own address");
        let kept = query.0.iter().filter(|(name, _)| name != "cursor");
        url.query_pairs_mut().extend_pairs(kept).append_pair("cursor", &(start + size).to_string());
        let link = format!("<{url}>; rel=\"next\"").parse().expect("an address is ASCII");
        response.headers_mut().insert("link", link);
    }
    response
}

fn answer(value: &Value) -> Response {
    Response::builder()
        .header("content-type", "application/json; charset=utf-8")
        .body(Body::from(value.to_string()))
        .expect("plain headers")
}

/// A query, in which a name may come more than once.
struct Query(Vec<(String, String)>);

impl Query {
    fn new(raw: Option<String>) -> Self {
        let url = Url::parse(&format!("http://a/?{}", raw.unwrap_or_default())).expect("a query");
        Self(url.query_pairs().into_owned().collect())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |it| it.0 == name).map(|it| it.1.as_str())
    }

    fn first<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }
}
