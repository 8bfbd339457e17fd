//! The transports: opened, served until the client or the user ends them, and closed in order.

use std::{
    borrow::Cow,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::middleware;
use portwright_harness::{
    environment::Home,
    hint::Hint,
    progress::{Event, Progress},
};
use rmcp::{
    ServerHandler, ServiceExt,
    transport::{
        stdio,
        streamable_http_server::{
            StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
        },
    },
};
use tokio::{
    net::TcpListener,
    runtime::Builder,
    select,
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    guard::{self, GuardError, Http, Origin, TOKEN_VARIABLE},
    jobs::Jobs,
    roots::{Roots, RootsError},
    tools::PortServer,
    toolset::{Offer, UnknownToolset},
};

/// The path of the endpoint over HTTP.
const ENDPOINT: &str = "/mcp";
/// How long open connections may take to end.
const CONNECTIONS_END: Duration = Duration::from_secs(3);
/// How long runs may take to end: a worker gets five seconds before it is killed.
const RUNS_END: Duration = Duration::from_secs(15);

/// How clients reach the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One client, on stdin and stdout.
    Stdio,
    /// Streamable HTTP.
    Http(Http),
}

#[derive(Clone, Debug)]
pub struct Options {
    pub transport: Transport,
    /// Where runs are kept.
    pub runs: PathBuf,
    pub home: Home,
    pub offer: Offer,
    /// The folders in which tools may read and write, beside that of runs; the current one when empty.
    pub roots: Vec<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    #[error(transparent)]
    Guard(#[from] GuardError),

    #[error("`{TOKEN_VARIABLE}` is not a usable bearer token")]
    NoToken,

    #[error(transparent)]
    Roots(#[from] RootsError),

    #[error(transparent)]
    Toolset(#[from] UnknownToolset),

    #[error("failed to listen on `{address}`")]
    Listen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },

    #[error("failed to find the folder of runs `{path}`", path = path.display())]
    Runs {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("failed to start the server")]
    Start(#[source] io::Error),

    #[error("the server failed")]
    Serve(#[source] io::Error),

    #[error("the client did not speak MCP: {detail}")]
    Handshake { detail: String },
}

impl Hint for ServeError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Guard(err) => return err.hint(),
            Self::NoToken => {
                "it takes 16 visible ASCII characters or more; unset it, and a token is made".into()
            }
            Self::Roots(_) => "name folders that exist with `--root DIR`".into(),
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                "another program listens there; choose another port, or 0 for any free one".into()
            }
            Self::Runs { .. } => "name another folder with `--runs DIR`".into(),
            Self::Handshake { .. } => {
                "`portwright mcp` is started by an MCP client; `--http 127.0.0.1:8000` serves over HTTP"
                    .into()
            }
            Self::Toolset(_) | Self::Listen { .. } | Self::Start(_) | Self::Serve(_) => return None,
        })
    }
}

/// Serve until the client goes, Ctrl-C or a request to terminate; then stop every run and return.
///
/// Notes on where it listens go to `progress`; stdout belongs to the protocol.
///
/// # Errors
///
/// Fails when it cannot listen, or when the client's first message is no MCP.
pub fn serve(options: &Options, progress: &dyn Progress) -> Result<(), ServeError> {
    let router = options.offer.router()?;
    let runs = absolute(&options.runs)?;
    let roots = Arc::new(Roots::new(&options.roots, &runs, options.home.path())?);
    let jobs = Arc::new(Jobs::new(runs, options.home.clone()));
    let server = PortServer::new(Arc::clone(&jobs), roots, router);
    serve_until_end(server, &options.transport, progress, async || jobs.close(RUNS_END).await)
}

/// Serve any handler just as [`serve`] serves Portwright's own.
///
/// # Errors
///
/// As [`serve`].
pub fn serve_handler<S: ServerHandler + Clone>(
    handler: S,
    transport: &Transport,
    progress: &dyn Progress,
) -> Result<(), ServeError> {
    serve_until_end(handler, transport, progress, async || ())
}

/// Serve until the end; `close` ends what goes on behind the handler, and may be called twice.
fn serve_until_end<S: ServerHandler + Clone>(
    server: S,
    transport: &Transport,
    progress: &dyn Progress,
    close: impl AsyncFn(),
) -> Result<(), ServeError> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(ServeError::Start)?;
    let served = runtime.block_on(async {
        let mut end = EndSignals::listen()?;
        let served = match transport {
            Transport::Stdio => serve_stdio(server, &mut end).await,
            Transport::Http(http) => serve_http(server, http, progress, &close, &mut end).await,
        };
        close().await;
        served
    });
    // Dropping the runtime would wait for the thread that reads stdin, which may wait for ever.
    runtime.shutdown_background();
    served
}

async fn serve_stdio<S: ServerHandler>(server: S, end: &mut EndSignals) -> Result<(), ServeError> {
    let running = select! {
        () = end.come() => return Ok(()),
        running = server.serve(stdio()) => running,
    };
    let running = match running {
        Ok(running) => running,
        // A client that goes before it says anything wanted nothing.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(err) => return Err(ServeError::Handshake { detail: err.to_string() }),
    };
    select! {
        () = end.come() => Ok(()),
        ended = running.waiting() => match ended {
            Ok(_) => Ok(()),
            Err(err) => Err(ServeError::Serve(io::Error::other(err))),
        },
    }
}

async fn serve_http<S: ServerHandler + Clone>(
    server: S,
    http: &Http,
    progress: &dyn Progress,
    close: &impl AsyncFn(),
    end: &mut EndSignals,
) -> Result<(), ServeError> {
    let (hosts, token) = (http.allowed_hosts()?, http.token()?);
    let address = http.address;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })?;
    let bound = listener.local_addr().map_err(ServeError::Start)?;
    let stop = CancellationToken::new();
    let config = StreamableHttpServerConfig::default()
        .with_allowed_origins(guard::own_origins(&hosts, bound.port()))
        .with_allowed_hosts(hosts)
        .enforce_origin_validation()
        .with_cancellation_token(stop.child_token());
    let sessions = Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
    let mut router = axum::Router::new().nest_service(ENDPOINT, service);
    if let Some((token, origin)) = token {
        if origin == Origin::Made {
            let text = format!(
                "bearer token of this server ({TOKEN_VARIABLE} sets your own): {}",
                token.as_str()
            );
            progress.on(Event::Note { text: &text });
        }
        router = router.layer(middleware::from_fn_with_state(token, guard::check));
    }
    progress.on(Event::Note { text: &format!("listening on http://{bound}{ENDPOINT}") });
    let connections = axum::serve(listener, router)
        .with_graceful_shutdown(stop.clone().cancelled_owned())
        .into_future();
    let mut connections = std::pin::pin!(connections);
    select! {
        () = end.come() => {}
        served = &mut connections => return served.map_err(ServeError::Serve),
    }
    // Runs first, so that calls which wait for one can still answer.
    close().await;
    stop.cancel();
    match timeout(CONNECTIONS_END, connections).await {
        Ok(served) => served.map_err(ServeError::Serve),
        Err(_) => Ok(()),
    }
}

/// The folder of runs by a path that stays right whatever a run's own folder is.
fn absolute(path: &Path) -> Result<PathBuf, ServeError> {
    std::path::absolute(path).map_err(|source| ServeError::Runs { path: path.to_owned(), source })
}

/// Ctrl-C, and what service managers and MCP clients send.
struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl EndSignals {
    fn listen() -> Result<Self, ServeError> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(ServeError::Start)?,
            terminate: signal(SignalKind::terminate()).map_err(ServeError::Start)?,
        })
    }

    async fn come(&mut self) {
        select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
