//! The transports: opened, served until the client or the user ends them, and closed in order.

use std::{
    borrow::Cow,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use portwright_harness::{
    environment::Home,
    hint::Hint,
    progress::{Event, Progress},
};
use rmcp::{
    ServiceExt,
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
    jobs::Jobs,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One client, on stdin and stdout.
    Stdio,
    /// Streamable HTTP on a loopback address; port 0 takes any free one.
    Http(SocketAddr),
}

#[derive(Clone, Debug)]
pub struct Options {
    pub transport: Transport,
    /// Where runs are kept.
    pub runs: PathBuf,
    pub home: Home,
    pub offer: Offer,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    #[error(
        "`{address}` can be reached from other machines, and this release has no authentication"
    )]
    NotLoopback { address: SocketAddr },

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
            Self::NotLoopback { address } => format!(
                "listen on 127.0.0.1:{0}, and let other machines in through a tunnel that \
                 authenticates, such as `ssh -L {0}:127.0.0.1:{0}`",
                address.port()
            )
            .into(),
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
    let root = absolute(&options.runs)?;
    let jobs = Arc::new(Jobs::new(root, options.home.clone()));
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(ServeError::Start)?;
    let served = runtime.block_on(async {
        let mut end = EndSignals::listen()?;
        let server = PortServer::new(Arc::clone(&jobs), router);
        let served = match options.transport {
            Transport::Stdio => serve_stdio(server, &mut end).await,
            Transport::Http(address) => {
                serve_http(server, address, progress, &jobs, &mut end).await
            }
        };
        jobs.close(RUNS_END).await;
        served
    });
    // Dropping the runtime would wait for the thread that reads stdin, which may wait for ever.
    runtime.shutdown_background();
    served
}

async fn serve_stdio(server: PortServer, end: &mut EndSignals) -> Result<(), ServeError> {
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

async fn serve_http(
    server: PortServer,
    address: SocketAddr,
    progress: &dyn Progress,
    jobs: &Jobs,
    end: &mut EndSignals,
) -> Result<(), ServeError> {
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback { address });
    }
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })?;
    let bound = listener.local_addr().map_err(ServeError::Start)?;
    let stop = CancellationToken::new();
    // Only loopback names pass as `Host`, which is rmcp's default, and no page of a browser passes
    // at all: together no website reaches this server through a visitor's machine.
    let config = StreamableHttpServerConfig::default()
        .enforce_origin_validation()
        .with_cancellation_token(stop.child_token());
    let sessions = Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
    let router = axum::Router::new().nest_service(ENDPOINT, service);
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
    jobs.close(RUNS_END).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_can_reach_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for address in ["0.0.0.0:0", "192.0.2.1:8000", "[::]:0"] {
            let options = Options {
                transport: Transport::Http(address.parse().unwrap()),
                runs: dir.path().join("runs"),
                home: Home::at(dir.path().join("home")).unwrap(),
                offer: Offer::default(),
            };
            let err = serve(&options, &()).unwrap_err();
            assert!(matches!(err, ServeError::NotLoopback { .. }), "{err}");
            assert!(err.to_string().contains("no authentication"));
            assert!(err.hint().unwrap().contains("127.0.0.1"));
        }
    }
}
