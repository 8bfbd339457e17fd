//! A Hub of the tests' own, over real HTTP: it answers as the real one does, and fails on demand.
//!
//! `tests/hub.rs` holds it to the real Python client, so that what passes against it means something.

mod api;
mod fault;
mod repository;
mod resolve;

use std::{
    collections::HashMap,
    net::TcpListener,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use tokio::runtime::Runtime;

pub use fault::Fault;
pub use repository::{Repository, safetensors};

/// The token of an account that has accepted every gate's terms.
pub const GRANTED: &str = "hf_granted";

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Logged {
    pub method: Method,
    /// With its query.
    pub path: String,
    pub range: Option<String>,
    /// What the client sent as its token.
    pub token: Option<String>,
    /// Whether it came to the host of the large files.
    pub at_store: bool,
}

/// A running Hub; dropping it ends it.
pub struct FakeHub {
    pub url: String,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

struct Shared {
    repositories: Vec<Repository>,
    /// The host that large files are redirected to.
    store: String,
    url: String,
    latency: Duration,
    page: usize,
    faults: Mutex<HashMap<String, Vec<Fault>>>,
    log: Mutex<Vec<Logged>>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

/// The state of one of the two hosts.
#[derive(Clone)]
struct Host {
    shared: Arc<Shared>,
    is_store: bool,
}

impl FakeHub {
    pub fn start(repositories: Vec<Repository>) -> Self {
        Self::with(repositories, Duration::ZERO, 100)
    }

    /// With a wait before every answer, and so many rows of a list on one page.
    pub fn with(repositories: Vec<Repository>, latency: Duration, page: usize) -> Self {
        let runtime = Runtime::new().expect("a runtime starts");
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let [url, store] = [0, 1].map(|idx: usize| {
            format!("http://{}", listeners[idx].local_addr().expect("it is bound"))
        });
        let shared = Arc::new(Shared {
            repositories,
            store,
            url: url.clone(),
            latency,
            page,
            faults: Mutex::default(),
            log: Mutex::default(),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
        });
        for (listener, is_store) in listeners.into_iter().zip([false, true]) {
            let host = Host { shared: Arc::clone(&shared), is_store };
            listener.set_nonblocking(true).expect("a socket can be set");
            runtime.spawn(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("it listens");
                axum::serve(listener, router(host)).await.expect("it serves");
            });
        }
        Self { url, shared, runtime: Some(runtime) }
    }

    /// The next requests for a path that ends with `path` fail in this way, one after the other.
    pub fn fail(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.shared.faults).entry(path.to_owned()).or_default().extend(faults);
    }

    pub fn log(&self) -> Vec<Logged> {
        lock(&self.shared.log).clone()
    }

    /// Requests so far whose path contains `text`.
    pub fn count(&self, text: &str) -> usize {
        lock(&self.shared.log).iter().filter(|it| it.path.contains(text)).count()
    }

    /// The most requests that were under way at once.
    pub fn most_under_way(&self) -> usize {
        self.shared.most_under_way.load(Ordering::SeqCst)
    }
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn router(host: Host) -> Router {
    let routes = if host.is_store {
        Router::new().route("/store/{sha256}", get(resolve::stored))
    } else {
        Router::new()
            .route("/api/models", get(api::list))
            .route("/api/models/{org}/{name}", get(api::info))
            .route("/api/models/{org}/{name}/revision/{revision}", get(api::info_at))
            .route("/api/models/{org}/{name}/tree/{revision}", get(api::tree))
            .route("/api/models/{org}/{name}/tree/{revision}/{*path}", get(api::tree_below))
            .route("/{org}/{name}/resolve/{revision}/{*path}", get(resolve::resolve))
    };
    routes.layer(middleware::from_fn_with_state(host.clone(), around)).with_state(host)
}

/// What every request goes through: the log, the wait, and the fault that was ordered for it.
async fn around(State(host): State<Host>, request: Request, next: Next) -> Response {
    let shared = Arc::clone(&host.shared);
    let text = |headers: &HeaderMap, name: &str| {
        headers.get(name).and_then(|it| it.to_str().ok()).map(str::to_owned)
    };
    let headers = request.headers();
    lock(&shared.log).push(Logged {
        method: request.method().clone(),
        path: request.uri().to_string(),
        range: text(headers, "range"),
        token: token(headers),
        at_store: host.is_store,
    });
    let now = shared.under_way.fetch_add(1, Ordering::SeqCst) + 1;
    shared.most_under_way.fetch_max(now, Ordering::SeqCst);
    tokio::time::sleep(shared.latency).await;
    let path = request.uri().path().to_owned();
    let fault = {
        let mut faults = lock(&shared.faults);
        let ordered =
            faults.iter_mut().find(|(end, queue)| path.ends_with(*end) && !queue.is_empty());
        ordered.map(|(_, queue)| queue.remove(0))
    };
    let response = match fault {
        Some(fault) => fault.instead_of(request, next).await,
        None => next.run(request).await,
    };
    shared.under_way.fetch_sub(1, Ordering::SeqCst);
    response
}

fn token(headers: &HeaderMap) -> Option<String> {
    Some(headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?.to_owned())
}

/// An error as the Hub words it: a code and a message in headers, the message in the body again.
fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    Response::builder()
        .status(status)
        .header("x-error-code", code)
        .header("x-error-message", message)
        .header("content-type", "application/json")
        .body(serde_json::json!({"error": message}).to_string().into())
        .expect("plain headers")
}
