//! The Hugging Face Hub: what is there, what a file's head says, and files fetched whole.
//!
//! One type answers from three places: the Hub itself, the Hub's cache on this machine when the user
//! is offline, and a plain folder of checkpoints. Callers ask the same questions and do not care.
//!
//! # Where to start
//!
//! [`Hub::from_environment`] reads what every Hub client reads (`HF_ENDPOINT`, `HF_TOKEN`, `HF_HOME`,
//! `HF_HUB_CACHE`, `HF_HUB_OFFLINE`); [`Hub::list`] finds models, [`Hub::details`] reads many of them
//! at once, [`Hub::fetch`] puts files into the cache where every other client finds them.
//!
//! # What comes from hf-hub, and what does not
//!
//! The shape of a model's record, the scan of the cache and the place of the cache are hf-hub's.
//! Requests are our own, over the same reqwest: hf-hub 1.0 neither resumes a download nor checks what
//! arrived, ignores `Retry-After` and `HF_HUB_OFFLINE`, cannot be cancelled, and leaves out the
//! SHA-256 of large files when it lists a tree.
//!
//! # Invariants
//!
//! - The functions block and own their runtime; they are not called from asynchronous code.
//! - What was resolved stays resolved: every question about a [`Model`] is about its commit.
//! - No answer is trusted: bodies have a limit, names that leave their folder are refused, and a file
//!   enters the cache only when its hash is the one that the Hub lists.
//! - The token goes to the endpoint alone, and is in no error, no log and no `Debug` text.
//! - Nothing here reads weights; of a safetensors file only the header.

mod cache;
mod details;
mod download;
mod error;
mod file;
mod github;
mod header;
mod http;
mod hub;
mod listing;
mod local;
mod model;
mod remote;
mod retry;
mod settings;
mod tensors;
mod watch;

pub use details::{Details, Wanted};
pub use error::HubError;
pub use file::{Digest, RepoFile};
pub use github::{Github, GithubError, PullRequest};
pub use header::{Header, HeaderError, Tensor};
pub use hub::{Hub, Place};
pub use listing::{Listing, Query};
pub use model::{Base, Gated, Model, Relation};
pub use settings::{Limits, Overrides, Token};
pub use tensors::Tensors;
pub use watch::{Event, Watch};
