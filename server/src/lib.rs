//! The capabilities over the Model Context Protocol: on stdin and stdout, or over HTTP.
//!
//! # Where to start
//!
//! [`serve`] is all that others call. `tools` has the tools, one method each; `input` and `answer`
//! are what they take and return; `jobs` keeps the runs that go on in the background, `job` is one of
//! them; `resources` are runs to read, `prompts` what an agent can be asked to do, `skills` how it is
//! done. `guard` and `roots` say who may call and what may be touched.
//!
//! # Invariants
//!
//! - No logic: a tool opens one capability of `portwright_tools` and shapes what it returns.
//! - Nothing but protocol goes to stdout.
//! - No answer is without bounds: rows come in pages, texts in slices, each says where the rest is.
//! - What an agent can mend is an `isError` result with the next step; only misuse of the protocol is
//!   a protocol error.
//! - When [`serve`] returns, no run goes on and no engine worker is left.
//! - HTTP is served to this machine alone, or to those who show a bearer token; never to a website.
//! - A tool reads and writes below the roots it was given, and nowhere else.

mod answer;
mod background;
mod candidates;
mod completion;
pub mod confirm;
mod contribution;
mod guard;
mod handler;
mod input;
mod inspect;
mod job;
mod jobs;
mod modular;
mod page;
mod port;
mod prompts;
mod refusal;
mod report;
mod resources;
mod roots;
mod run_id;
mod serve;
mod skills;
mod terse;
mod tools;
mod toolset;

pub use guard::{GuardError, Http, TOKEN_VARIABLE, Token};
pub use serve::{Options, ServeError, Transport, serve, serve_handler};
pub use toolset::{Offer, UnknownToolset};
