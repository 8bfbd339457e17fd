//! What the end-to-end tests stand on: the real program, the real engines, a real MCP client.
//!
//! # Where to start
//!
//! `tests/mcp.rs` drives the server with the official Python client, `tests/journey.rs` with that of
//! TypeScript too; `tests/bad_input.rs` gives the command line what it must refuse;
//! `tests/packaging.rs` installs the plugin into real agents. [`program`] is the binary under test,
//! [`command`] a command of it whose worker processes are watched, [`client`] either client, [`git`]
//! the judge of what was staged.
//!
//! # Invariants
//!
//! - Whatever a test needs it sets up itself, in the user's cache: engines by the harness, what
//!   clients and validators need from the lock files in `clients`.
//! - Nothing here decides; it carries questions to the program and its answers back.

pub mod agents;
pub mod checkout;
pub mod client;
pub mod command;
pub mod git;
pub mod github;
pub mod hub;
pub mod node;
pub mod processes;
pub mod program;
pub mod prose;
pub mod python;
pub mod repository;
pub mod right;
pub mod sample;
pub mod server;
pub mod trained;
