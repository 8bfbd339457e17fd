//! The program's entry; everything is in the library beside it, which the end-to-end tests link too.

use std::process::ExitCode;

fn main() -> ExitCode {
    portwright_cli::main()
}
