//! How a command prints what it returned, as every command takes it.

use clap::Args;

#[derive(Debug, Default, Args)]
pub(crate) struct Output {
    /// Print one JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}
