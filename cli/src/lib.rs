//! The `portwright` program: reads arguments, opens one capability, prints what it returned.
//!
//! # Invariants
//!
//! - No logic: everything here is arguments, progress bars, tables and exit codes.
//! - stdout is for results, stderr for progress and errors.
//! - Exit codes: 0 pass, 1 fail, 2 could not run (130 when interrupted).

mod args;
mod cache;
mod candidates;
mod commands;
mod commits;
mod compare;
mod definitions;
mod inspect;
mod mistyped;
mod modular;
mod output;
mod policy;
mod port;
mod ports;
mod progress;
#[cfg(test)]
mod prose;
mod releases;
mod report;
#[cfg(feature = "candle")]
mod run;
mod show;
mod stage;
mod surroundings;
mod trials;
mod verify_args;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

/// Reads the command line, carries the command out, and gives the exit code.
pub fn main() -> ExitCode {
    let args = args::Args::try_parse().unwrap_or_else(|err| {
        let words: Vec<String> =
            std::env::args_os().skip(1).map(|it| it.to_string_lossy().into_owned()).collect();
        mistyped::told(err, &args::Args::command(), &words).exit()
    });
    match commands::run(args) {
        Ok(code) => ExitCode::from(code),
        Err(err) => {
            show::error(&err);
            ExitCode::from(commands::exit_code(&err))
        }
    }
}
