//! Requests: made again where that may help, limited in number and size, and read as what they are.

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use reqwest::{
    Client, Response, StatusCode, Url,
    header::{ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, RANGE},
    redirect,
};
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    error::HubError,
    retry::{Again, Failed, Tries, asked_wait},
    settings::{Limits, Settings, Token},
    watch::Watch,
};

/// The longest answer that is read whole: far above any list or config.
pub(crate) const MOST: u64 = 64 << 20;

/// Redirects of one request.
const REDIRECTS: usize = 10;

/// The longest message of the Hub that is repeated.
const MESSAGE: usize = 300;

#[derive(Debug)]
pub(crate) struct Http {
    client: Client,
    endpoint: Url,
    token: Option<Token>,
    limits: Limits,
    gate: Semaphore,
    /// When the Hub asked one request to wait, the others wait as well.
    quiet_until: Mutex<Option<Instant>>,
}

/// What a request is about, for its errors.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct About<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) revision: Option<&'a str>,
    pub(crate) path: Option<&'a str>,
}

/// Which part of a body is wanted.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Whole,
    Bytes(Range<u64>),
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// An answer whose body still comes, and its place among the requests under way.
pub(crate) struct Open<'a> {
    pub(crate) response: Response,
    _permit: SemaphorePermit<'a>,
}

impl Http {
    pub(crate) fn new(settings: &Settings) -> Result<Self, HubError> {
        let wrong = || HubError::Endpoint { endpoint: without_secrets(&settings.endpoint) };
        let endpoint = Url::parse(&settings.endpoint).map_err(|_| wrong())?;
        if !["http", "https"].contains(&endpoint.scheme()) || !endpoint.has_host() {
            return Err(wrong());
        }
        let limits = settings.limits;
        // The token is set on each request, never here; reqwest takes it off where a redirect leaves
        // the host.
        let client = Client::builder()
            .user_agent(concat!("portwright/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.connect)
            .read_timeout(limits.silence)
            .redirect(redirect::Policy::limited(REDIRECTS))
            .referer(false)
            .build()
            .map_err(|err| HubError::Client { detail: err.to_string() })?;
        Ok(Self {
            client,
            endpoint,
            token: settings.token.clone(),
            limits,
            gate: Semaphore::new(limits.concurrency.max(1)),
            quiet_until: Mutex::new(None),
        })
    }

    pub(crate) fn endpoint(&self) -> &str {
        self.endpoint.as_str().trim_end_matches('/')
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn signed_in(&self) -> bool {
        self.token.is_some()
    }

    /// `parts` below the endpoint, each one segment of the path.
    pub(crate) fn url<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.endpoint.clone();
        url.path_segments_mut().expect("the endpoint has a host").pop_if_empty().extend(parts);
        url
    }

    /// The whole answer, or the wanted bytes of it.
    pub(crate) async fn get(
        &self,
        url: &Url,
        part: Part,
        about: About<'_>,
        watch: Watch<'_>,
    ) -> Result<Answer, HubError> {
        let mut tries = Tries::new(&self.limits);
        loop {
            match self.once(url, &part, about).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => self.pause(tries.wait(failed)?, about, watch).await,
            }
        }
    }

    /// A JSON answer.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        url: &Url,
        about: About<'_>,
        watch: Watch<'_>,
    ) -> Result<(T, HeaderMap), HubError> {
        let answer = self.get(url, Part::Whole, about, watch).await?;
        let value = serde_json::from_slice(&answer.body).map_err(|err| HubError::Answer {
            what: about.what(),
            detail: format!("it is not the JSON that was expected ({err})"),
        })?;
        Ok((value, answer.headers))
    }

    /// Wait, and say so where it is long.
    pub(crate) async fn pause(&self, wait: Duration, about: About<'_>, watch: Watch<'_>) {
        if Duration::from_secs(2) <= wait {
            let seconds = wait.as_secs();
            watch.note(&format!("{}: trying again in {seconds} s", about.what()));
        }
        tokio::time::sleep(wait).await;
    }

    async fn once(&self, url: &Url, part: &Part, about: About<'_>) -> Result<Answer, Failed> {
        let mut open = self.open(url, part, about).await?;
        let headers = open.response.headers().clone();
        let most = match part {
            Part::Whole => MOST,
            Part::Bytes(range) => range.end - range.start,
        };
        let mut body = Vec::new();
        while let Some(chunk) = open.chunk(about).await? {
            body.extend_from_slice(&chunk);
            match part {
                Part::Whole if most < body.len() as u64 => {
                    let detail = format!("it is longer than {} MiB", MOST >> 20);
                    return Err(HubError::Answer { what: about.what(), detail }.into());
                }
                // A server that ignores the range sends everything; what was wanted is here.
                Part::Bytes(_) if most <= body.len() as u64 => break,
                _ => (),
            }
        }
        if let Part::Bytes(range) = part {
            body.truncate(usize::try_from(range.end - range.start).unwrap_or(usize::MAX));
        }
        Ok(Answer { headers, body })
    }

    /// One attempt, up to the headers of its answer.
    pub(crate) async fn open(
        &self,
        url: &Url,
        part: &Part,
        about: About<'_>,
    ) -> Result<Open<'_>, Failed> {
        let permit = self.gate.acquire().await.expect("the gate is never closed");
        self.quiet().await;
        // Compressed bytes cannot be continued, and are not what the hash is of.
        let mut request = self.client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        if let Some(token) = &self.token
            && url.origin() == self.endpoint.origin()
        {
            request = request.bearer_auth(token.reveal());
        }
        if let Part::Bytes(range) = part {
            let last =
                if range.end == u64::MAX { String::new() } else { (range.end - 1).to_string() };
            request = request.header(RANGE, format!("bytes={}-{last}", range.start));
        }
        let response = request.send().await.map_err(|err| unreachable(err, about))?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refusal(response, about).await);
        }
        if let Part::Bytes(range) = part
            && 0 < range.start
            && status == StatusCode::PARTIAL_CONTENT
            && first_byte(response.headers()) != Some(range.start)
        {
            let detail = "it is another part of the file than was asked for".to_owned();
            return Err(HubError::Answer { what: about.what(), detail }.into());
        }
        Ok(Open { response, _permit: permit })
    }

    async fn quiet(&self) {
        let until = *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until {
            tokio::time::sleep_until(until.into()).await;
        }
    }

    /// What an answer that is none means, and whether to ask again.
    async fn refusal(&self, response: Response, about: About<'_>) -> Failed {
        let status = response.status();
        let headers = response.headers().clone();
        let again = match status.as_u16() {
            408 | 500 | 502 | 503 | 504 => match asked_wait(&headers) {
                Some(wait) => Again::After(wait),
                None => Again::Later,
            },
            429 => {
                let wait = asked_wait(&headers);
                if let Some(wait) = wait.filter(|it| *it <= self.limits.longest_wait) {
                    let mut until = self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
                    *until = (*until).max(Some(Instant::now() + wait));
                }
                wait.map_or(Again::Later, Again::After)
            }
            _ => Again::Never,
        };
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
        let code = text("x-error-code").unwrap_or_default();
        let message = match text("x-error-message") {
            Some(message) => message,
            None => message_of(response).await,
        };
        let message = self.tidy(&message);
        let id = about.id.unwrap_or_default().to_owned();
        let no_model = || HubError::NoModel { id: id.clone(), signed_in: self.signed_in() };
        let no_revision = || HubError::NoRevision {
            id: id.clone(),
            revision: about.revision.unwrap_or("main").to_owned(),
        };
        let no_file = |path: &str| HubError::NoFile { id: id.clone(), path: path.to_owned() };
        let error = match (code.as_str(), status.as_u16()) {
            ("GatedRepo", _) => HubError::Gated {
                page: format!("{}/{id}", self.endpoint()),
                id: id.clone(),
                signed_in: self.signed_in(),
            },
            ("RevisionNotFound", _) => no_revision(),
            ("EntryNotFound", _) => no_file(about.path.unwrap_or_default()),
            ("RepoNotFound", _) => no_model(),
            (_, 401) if message.contains("Invalid credentials") => HubError::Token,
            // The Hub does not tell strangers whether a private model exists.
            (_, 401) if about.id.is_some() => no_model(),
            (_, 401 | 403) => HubError::Forbidden { what: about.what(), message },
            (_, 404) if about.path.is_some() => no_file(about.path.unwrap_or_default()),
            (_, 404) if about.revision.is_some() => no_revision(),
            (_, 404) if about.id.is_some() => no_model(),
            (_, status) => HubError::Status { what: about.what(), status, message },
        };
        Failed { error, again }
    }

    /// One short line without the token, whoever sent it back.
    fn tidy(&self, message: &str) -> String {
        let mut message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(token) = &self.token {
            message = message.replace(token.reveal(), "…");
        }
        match message.char_indices().nth(MESSAGE) {
            Some((end, _)) => format!("{}…", &message[..end]),
            None => message,
        }
    }
}

impl Open<'_> {
    pub(crate) async fn chunk(
        &mut self,
        about: About<'_>,
    ) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]>>, Failed> {
        self.response.chunk().await.map_err(|err| unreachable(err, about))
    }
}

impl About<'_> {
    pub(crate) fn what(&self) -> String {
        match (self.id, self.path) {
            (Some(id), Some(path)) => format!("`{path}` of `{id}`"),
            (Some(id), None) => format!("`{id}`"),
            _ => "the list of models".to_owned(),
        }
    }
}

/// The request did not come to an answer: that may be the moment's fault.
fn unreachable(err: reqwest::Error, about: About<'_>) -> Failed {
    let again = if err.is_builder() || err.is_redirect() { Again::Never } else { Again::Later };
    // An address may be signed, and then it is a secret.
    let err = err.without_url();
    let mut detail = err.to_string();
    let mut source = std::error::Error::source(&err);
    while let Some(cause) = source {
        detail = format!("{detail}: {cause}");
        source = cause.source();
    }
    Failed { error: HubError::Unreachable { what: about.what(), detail }, again }
}

/// The first byte of `Content-Range: bytes 8-15/16`.
pub(crate) fn first_byte(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split('-').next()?.parse().ok()
}

/// `{"error": "…"}`, as the Hub says it in the body.
async fn message_of(mut response: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if 1 << 16 < body.len() {
            break;
        }
    }
    let value: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    value["error"].as_str().unwrap_or_default().to_owned()
}

/// An address as it may be shown: what stands before an `@` may be a password.
fn without_secrets(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => url.to_owned(),
    }
}
