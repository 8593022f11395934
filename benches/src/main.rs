//! The `schedbench` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::schedbench()
}
