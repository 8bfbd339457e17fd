//! Requests to the index: made again where that may help, stopped when the user says so, bounded in
//! size and in silence. Proxies are those of the environment (`HTTPS_PROXY`, `NO_PROXY`), certificates
//! those of the system or of `SSL_CERT_FILE`.

use std::{error::Error, time::Duration};

use reqwest::{
    Client, Response, StatusCode, Url,
    header::{ACCEPT, ACCEPT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, RANGE},
};
use tokio::runtime::Runtime;

use super::super::error::SetupError;
use crate::cancel::Cancel;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long the other side may say nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// How often a request is made before its failure counts.
const ATTEMPTS: u32 = 4;

/// The wait before the second attempt; each later one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(300);

/// How soon a cancel is noticed.
const TICK: Duration = Duration::from_millis(50);

/// The longest list of files that is read: transformers' own has 0.2 MB.
const LONGEST: usize = 64 << 20;

/// JSON before HTML, which indexes had before they had JSON.
const KINDS: &str = "application/vnd.pypi.simple.v1+json, \
                     application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

pub(super) struct Http {
    client: Client,
    runtime: Runtime,
}

/// A list of files as it came.
pub(super) struct Answer {
    /// Where it came from after redirects; its links are relative to this.
    pub(super) url: Url,
    /// `application/vnd.pypi.simple.v1+json`, without what follows a semicolon.
    pub(super) kind: String,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer that can be used.
pub(super) enum Failed {
    Cancelled,
    Status(u16),
    /// No connection, or one that broke.
    Unreachable(String),
    /// An answer that is none.
    Answer(String),
    /// What came could not be kept.
    Disk(Box<SetupError>),
}

impl Failed {
    /// Whether the same request may go better soon.
    fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Status(status) => [408, 429, 500, 502, 503, 504].contains(status),
            Self::Cancelled | Self::Answer(_) | Self::Disk(_) => false,
        }
    }
}

impl Http {
    pub(super) fn new() -> Result<Self, String> {
        let client = Client::builder()
            .user_agent(concat!("portwright/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .referer(false)
            .build()
            .map_err(|err| told(&err))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self { client, runtime: runtime.map_err(|err| err.to_string())? })
    }

    /// A list of files, whole.
    pub(super) fn page(&self, url: &Url, cancel: &Cancel) -> Result<Answer, Failed> {
        self.over(cancel, async {
            let mut failed = 0;
            loop {
                match self.page_once(url).await {
                    Ok(answer) => return Ok(answer),
                    Err(err) => again(err, &mut failed).await?,
                }
            }
        })
    }

    async fn page_once(&self, url: &Url) -> Result<Answer, Failed> {
        let request = self.client.get(url.clone()).header(ACCEPT, KINDS);
        let mut response = accepted(request.send().await)?;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let kind = kind.and_then(|it| it.split(';').next()).unwrap_or("nothing that it names");
        let kind = kind.trim().to_lowercase();
        // An answer does not carry the name and the password that it was asked with.
        let mut from = response.url().clone();
        if from.origin() == url.origin() {
            let kept = from.set_username(url.username());
            kept.and_then(|()| from.set_password(url.password())).expect("it has a host");
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|err| unreachable(&err))? {
            body.extend_from_slice(&chunk);
            if LONGEST < body.len() {
                let detail = format!("its list of files is longer than {} MiB", LONGEST >> 20);
                return Err(Failed::Answer(detail));
            }
        }
        Ok(Answer { url: from, kind, body })
    }

    /// A file from byte `sink.length()` on; what comes goes into `sink`, across as many attempts as
    /// something comes in.
    pub(super) fn file(
        &self,
        url: &Url,
        cancel: &Cancel,
        sink: &mut dyn Sink,
    ) -> Result<(), Failed> {
        self.over(cancel, async {
            let mut failed = 0;
            loop {
                let before = sink.length();
                let Err(err) = self.file_once(url, sink).await else { return Ok(()) };
                if before < sink.length() {
                    failed = 0;
                }
                again(err, &mut failed).await?;
            }
        })
    }

    async fn file_once(&self, url: &Url, sink: &mut dyn Sink) -> Result<(), Failed> {
        let have = sink.length();
        // Compressed bytes cannot be continued, and are not what the hash is of.
        let mut request = self.client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        if 0 < have {
            request = request.header(RANGE, format!("bytes={have}-"));
        }
        let sent = request.send().await;
        let is_answer = |it: &Response| {
            it.status().is_success() || it.status() == StatusCode::RANGE_NOT_SATISFIABLE
        };
        if 0 < have
            && let Ok(response) = &sent
            && is_answer(response)
            && !(response.status() == StatusCode::PARTIAL_CONTENT
                && first_byte(response) == Some(have))
        {
            // Either the whole file comes, or what is kept is no beginning of it.
            sink.restart().map_err(|err| Failed::Disk(Box::new(err)))?;
            if [StatusCode::PARTIAL_CONTENT, StatusCode::RANGE_NOT_SATISFIABLE]
                .contains(&response.status())
            {
                let detail = "it sent another part of the file than was asked for";
                return Err(Failed::Unreachable(detail.to_owned()));
            }
        }
        let mut response = accepted(sent)?;
        while let Some(chunk) = response.chunk().await.map_err(|err| unreachable(&err))? {
            sink.append(&chunk)?;
        }
        sink.ended()
    }

    /// Whether somebody answers within `patience`; nothing of the answer is read.
    pub(super) fn answers(&self, url: &Url, patience: Duration) -> Result<(), Failed> {
        self.runtime.block_on(async {
            let request = self.client.get(url.clone()).header(ACCEPT, KINDS).timeout(patience);
            accepted(request.send().await).map(drop)
        })
    }

    fn over<T>(
        &self,
        cancel: &Cancel,
        work: impl Future<Output = Result<T, Failed>>,
    ) -> Result<T, Failed> {
        self.runtime.block_on(async {
            tokio::select! {
                done = work => done,
                () = cancelled(cancel) => Err(Failed::Cancelled),
            }
        })
    }
}

/// Where the bytes of a file go.
pub(super) trait Sink {
    fn length(&self) -> u64;
    /// Forgets what came: the other side begins anew.
    fn restart(&mut self) -> Result<(), SetupError>;
    fn append(&mut self, bytes: &[u8]) -> Result<(), Failed>;
    /// The other side says that this was all.
    fn ended(&self) -> Result<(), Failed>;
}

/// Waits for the next attempt, where there is one.
async fn again(err: Failed, failed: &mut u32) -> Result<(), Failed> {
    *failed += 1;
    if !err.is_passing() || ATTEMPTS <= *failed {
        return Err(err);
    }
    tokio::time::sleep(FIRST_WAIT * 2_u32.pow(*failed - 1)).await;
    Ok(())
}

async fn cancelled(cancel: &Cancel) {
    while !cancel.is_cancelled() {
        tokio::time::sleep(TICK).await;
    }
}

fn accepted(sent: reqwest::Result<Response>) -> Result<Response, Failed> {
    let response = sent.map_err(|err| unreachable(&err))?;
    if response.status().is_success() {
        Ok(response)
    } else {
        Err(Failed::Status(response.status().as_u16()))
    }
}

/// The first byte of `Content-Range: bytes 8-15/16`.
fn first_byte(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

fn unreachable(err: &reqwest::Error) -> Failed {
    Failed::Unreachable(told(err))
}

/// An error with its causes, without the address: that may hold a password or a signature.
fn told(err: &reqwest::Error) -> String {
    let mut text = if err.is_timeout() {
        "it did not answer in time".to_owned()
    } else if err.is_connect() {
        "no connection".to_owned()
    } else {
        "the connection broke".to_owned()
    };
    let mut source = err.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
