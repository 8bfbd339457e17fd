//! A GitHub with a handful of pull requests, over HTTP: it searches as the real one documents.
//!
//! Only `GET /search/issues` is here, with the qualifiers `repo:`, `is:` and words in double quotes. A
//! query without a qualifier that it knows is refused, so that a misspelt one is noticed.

use std::{
    collections::HashMap,
    net::TcpListener,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    response::Response,
    routing::get,
};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// What somebody wrote there.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    pub repository: &'static str,
    pub number: u64,
    pub title: &'static str,
    pub is_pull_request: bool,
    pub is_open: bool,
}

/// Serves until it is dropped.
pub struct FakeGithub {
    pub url: String,
    seen: Arc<Seen>,
    runtime: Option<Runtime>,
}

struct Seen {
    items: Vec<Item>,
    /// Questions that are answered before there are no more.
    quota: Mutex<usize>,
    tokens: Mutex<Vec<String>>,
}

impl FakeGithub {
    /// That answers so many questions.
    ///
    /// # Panics
    ///
    /// When this machine lets no server start.
    pub fn start(items: &[Item], quota: usize) -> Self {
        let runtime = Runtime::new().expect("a runtime starts");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket can be set");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let seen = Arc::new(Seen {
            items: items.to_vec(),
            quota: Mutex::new(quota),
            tokens: Mutex::default(),
        });
        let router =
            Router::new().route("/search/issues", get(search)).with_state(Arc::clone(&seen));
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("it listens");
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { url, seen, runtime: Some(runtime) }
    }

    /// The `Authorization` header of every question so far.
    pub fn tokens(&self) -> Vec<String> {
        self.seen.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FakeGithub {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn search(
    State(seen): State<Arc<Seen>>,
    RawQuery(asked): RawQuery,
    headers: HeaderMap,
) -> Response {
    let token = headers.get("authorization").and_then(|it| it.to_str().ok()).unwrap_or_default();
    seen.tokens.lock().unwrap_or_else(PoisonError::into_inner).push(token.to_owned());
    {
        let mut quota = seen.quota.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left) = quota.checked_sub(1) else {
            let mut reply =
                answer(StatusCode::FORBIDDEN, &json!({"message": "API rate limit exceeded"}));
            for (name, value) in [("x-ratelimit-remaining", "0"), ("retry-after", "60")] {
                reply.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            return reply;
        };
        *quota = left;
    }
    let url = format!("http://a/?{}", asked.unwrap_or_default());
    let asked: HashMap<String, String> =
        Url::parse(&url).expect("a query").query_pairs().into_owned().collect();
    let Some(wanted) = asked.get("q").and_then(|it| Wanted::parse(it)) else {
        return answer(StatusCode::UNPROCESSABLE_ENTITY, &json!({"message": "Validation Failed"}));
    };
    let items: Vec<Value> = seen.items.iter().filter(|it| wanted.fits(it)).map(row).collect();
    let found = json!({"total_count": items.len(), "incomplete_results": false, "items": items});
    answer(StatusCode::OK, &found)
}

fn answer(status: StatusCode, value: &Value) -> Response {
    Response::builder()
        .status(status)
        .header("content-type", "application/json; charset=utf-8")
        .body(Body::from(value.to_string()))
        .expect("plain headers")
}

/// What a query asks for.
#[derive(Default)]
struct Wanted {
    repository: Option<String>,
    is: Vec<String>,
    words: Vec<String>,
}

impl Wanted {
    fn parse(query: &str) -> Option<Self> {
        let mut wanted = Self::default();
        for term in query.split_whitespace() {
            if let Some(repository) = term.strip_prefix("repo:") {
                wanted.repository = Some(repository.to_owned());
            } else if let Some(is) = term.strip_prefix("is:") {
                wanted.is.push(
                    ["pr", "issue", "open", "closed"].iter().find(|it| **it == is)?.to_string(),
                );
            } else {
                let word = term.strip_prefix('"')?.strip_suffix('"')?;
                wanted.words.push(word.to_lowercase());
            }
        }
        Some(wanted)
    }

    fn fits(&self, item: &Item) -> bool {
        let is = |wanted: &String| match wanted.as_str() {
            "pr" => item.is_pull_request,
            "issue" => !item.is_pull_request,
            "open" => item.is_open,
            _ => !item.is_open,
        };
        let title = item.title.to_lowercase();
        self.repository.as_ref().is_none_or(|it| it == item.repository)
            && self.is.iter().all(is)
            && self.words.iter().all(|it| title.contains(it))
    }
}

fn row(item: &Item) -> Value {
    let kind = if item.is_pull_request { "pull" } else { "issues" };
    json!({
        "number": item.number,
        "title": item.title,
        "state": if item.is_open { "open" } else { "closed" },
        "draft": false,
        "html_url": format!("https://github.com/{}/{kind}/{}", item.repository, item.number),
        "updated_at": "2026-01-31T12:00:00Z",
        "user": {"login": "somebody"},
    })
}
