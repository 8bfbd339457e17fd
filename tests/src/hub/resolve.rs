//! Files: small ones straight away, large ones from another host.

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, response::Builder},
    response::Response,
};

use super::{
    GRANTED, Host, refusal,
    repository::{etag, is_large, sha256},
    token,
};

pub(super) async fn resolve(
    State(host): State<Host>,
    Path((org, name, revision, path)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let repository = match host.find(&org, &name, &revision, &headers) {
        Ok(repository) => repository,
        Err(refusal) => return *refusal,
    };
    let commit = repository.commit();
    if repository.gated.is_some() {
        let message = format!("Access to model {} is restricted.", repository.id);
        match token(&headers).as_deref() {
            Some(GRANTED) => (),
            Some(_) => return refusal(StatusCode::FORBIDDEN, "GatedRepo", &message),
            None => return refusal(StatusCode::UNAUTHORIZED, "GatedRepo", &message),
        }
    }
    let Some(content) = repository.files.get(&path) else {
        let mut response = refusal(StatusCode::NOT_FOUND, "EntryNotFound", "Entry not found");
        response.headers_mut().insert("x-repo-commit", commit.parse().expect("digits"));
        return response;
    };
    let etag = etag(&path, content);
    let response = Response::builder().header("x-repo-commit", commit);
    if is_large(&path) {
        return response
            .status(StatusCode::FOUND)
            .header("location", format!("{}/store/{etag}?signature=secret", host.shared.store))
            .header("x-linked-etag", format!("\"{etag}\""))
            .header("x-linked-size", content.len())
            .header("accept-ranges", "bytes")
            .body(Body::empty())
            .expect("plain headers");
    }
    body(response, content, &etag, &headers)
}

/// The host of the large files: it knows no token, only the address.
pub(super) async fn stored(
    State(host): State<Host>,
    Path(wanted): Path<String>,
    headers: HeaderMap,
) -> Response {
    let files = host.shared.repositories.iter().flat_map(|it| it.files.values());
    match files.into_iter().find(|it| sha256(it) == wanted) {
        Some(content) => body(Response::builder(), content, "another-etag", &headers),
        None => refusal(StatusCode::NOT_FOUND, "", "no such object"),
    }
}

/// The whole content, or the range that was asked for.
fn body(response: Builder, content: &[u8], etag: &str, headers: &HeaderMap) -> Response {
    let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    let quoted = format!("\"{etag}\"");
    let response = response.header("etag", &quoted).header("accept-ranges", "bytes");
    let total = content.len();
    let range = text("range")
        .filter(|_| text("if-range").is_none_or(|it| it == quoted))
        .and_then(|it| it.strip_prefix("bytes=")?.split_once('-'));
    let built = match range {
        None => response.body(content.to_vec().into()),
        Some((first, last)) => {
            let first: usize = first.parse().unwrap_or(usize::MAX);
            let end = last.parse().map_or(total, |it: usize| total.min(it.saturating_add(1)));
            if total <= first || end <= first {
                response
                    .status(StatusCode::RANGE_NOT_SATISFIABLE)
                    .header("content-range", format!("bytes */{total}"))
                    .body(Body::empty())
            } else {
                response
                    .status(StatusCode::PARTIAL_CONTENT)
                    .header("content-range", format!("bytes {first}-{}/{total}", end - 1))
                    .body(content[first..end].to_vec().into())
            }
        }
    };
    built.expect("plain headers")
}
