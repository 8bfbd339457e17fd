//! The program, built with the features of the tests: `cargo test` makes it once and does not compile the
//! libraries a second time for the program alone.

use std::process::ExitCode;

fn main() -> ExitCode {
    portwright_cli::main()
}
