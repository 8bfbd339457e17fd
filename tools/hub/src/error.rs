//! What the Hub can refuse, and what the user does about it.

use std::{borrow::Cow, io, path::PathBuf, time::Duration};

use crate::header::HeaderError;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    #[error("`{0}` is no Hub id such as `org/name`")]
    NotAnId(String),

    #[error("`{0}` is not a revision: a branch, a tag or a commit")]
    NotARevision(String),

    #[error("`{endpoint}` is not the address of a Hub")]
    Endpoint { endpoint: String },

    #[error("the HTTP client cannot be set up: {detail}")]
    Client { detail: String },

    #[error("`{id}` has a file with the name `{path}`, which leads out of its folder")]
    Unsafe { id: String, path: String },

    #[error("there is no model `{id}` on the Hub, or it is private")]
    NoModel { id: String, signed_in: bool },

    #[error("`{id}` has no revision `{revision}`")]
    NoRevision { id: String, revision: String },

    #[error("`{id}` has no file `{path}` at this revision")]
    NoFile { id: String, path: String },

    #[error("`{id}` has no safetensors file")]
    NoWeights { id: String },

    #[error("`{id}` is gated: its files are open only to those who accepted its terms")]
    Gated { id: String, signed_in: bool, page: String },

    #[error("the Hub refuses the token")]
    Token,

    #[error("the Hub refuses access to {what}{}", said(.message))]
    Forbidden { what: String, message: String },

    #[error("the Hub asks to wait for {} before the next request", seconds(*.wait))]
    RateLimited { wait: Duration },

    #[error("{what}: the Hub answered {status}{}", said(.message))]
    Status { what: String, status: u16, message: String },

    #[error("{what}: the Hub cannot be reached: {detail}")]
    Unreachable { what: String, detail: String },

    #[error("{what}: the Hub's answer cannot be read: {detail}")]
    Answer { what: String, detail: String },

    #[error("`{file}` of `{id}` is corrupt: it is not a readable safetensors file")]
    Header { id: String, file: String, source: Box<HeaderError> },

    #[error(
        "`{file}` of `{id}` arrived damaged twice: its hash is {found}, but the Hub lists {listed}"
    )]
    Damaged { id: String, file: String, found: String, listed: String },

    #[error("{what} is not in the Hub's cache at `{cache}`", cache = cache.display())]
    NotCached { what: String, cache: PathBuf },

    #[error("`{folder}` holds no checkpoint `{id}`", folder = folder.display())]
    NotInFolder { id: String, folder: PathBuf },

    #[error("{what} can only be answered by the Hub itself")]
    OnlyOnline { what: String },

    #[error("failed to read or write `{path}`", path = path.display())]
    File { path: PathBuf, source: io::Error },

    #[error("the Hub took longer than {}", seconds(*.limit))]
    TooLong { limit: Duration },

    #[error("cancelled")]
    Cancelled,
}

impl HubError {
    /// What the user could do next.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::NotAnId(_) => "an id has one slash, as in `Qwen/Qwen3-0.6B`".into(),
            Self::NotARevision(_) | Self::NoRevision { .. } => {
                "the model's page lists its branches under `Files and versions`".into()
            }
            Self::Endpoint { .. } => "set HF_ENDPOINT to an address such as `https://huggingface.co`, or unset it".into(),
            Self::NoModel { signed_in: false, .. } => {
                "check the spelling; for a private model set HF_TOKEN".into()
            }
            Self::NoModel { signed_in: true, .. } => {
                "check the spelling, and that the token of HF_TOKEN may read it".into()
            }
            Self::Gated { signed_in: false, page, .. } => {
                format!("accept its terms at {page}, then set HF_TOKEN to a token of that account").into()
            }
            Self::Gated { signed_in: true, page, .. } => {
                format!("accept its terms at {page} with the account of the token, or wait until its owner grants access").into()
            }
            Self::Token => "make a new token at the Hub's settings and set HF_TOKEN to it".into(),
            Self::Forbidden { .. } => "check what the token of HF_TOKEN may read".into(),
            Self::RateLimited { .. } => {
                "wait that long and try again; with HF_TOKEN set the Hub allows more".into()
            }
            Self::Status { status: 500.., .. } | Self::TooLong { .. } => {
                "the Hub may have trouble; try again later".into()
            }
            Self::Unreachable { .. } => {
                "check the connection and HF_ENDPOINT; HF_HUB_OFFLINE=1 uses only what the cache holds".into()
            }
            Self::Header { .. } => "the file is damaged or no safetensors file; tell its owner".into(),
            Self::Damaged { .. } => {
                "something between here and the Hub changes what it carries: a proxy, or a mirror".into()
            }
            Self::NotCached { .. } => "unset HF_HUB_OFFLINE to fetch it, or fetch it where there is a network".into(),
            Self::NotInFolder { .. } => "a checkpoint is a folder with config.json".into(),
            Self::OnlyOnline { .. } => "unset HF_HUB_OFFLINE".into(),
            Self::File { .. } => "check that the disk has room and the Hub's cache can be written".into(),
            Self::Unsafe { .. }
            | Self::Client { .. }
            | Self::NoFile { .. }
            | Self::NoWeights { .. }
            | Self::Status { .. }
            | Self::Answer { .. }
            | Self::Cancelled => return None,
        })
    }

    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64().ceil())
}
