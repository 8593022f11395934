//! `cargo bench`: the comparison of all contenders on all workloads. `cargo test --benches` only verifies.
//!
//! It becomes the `schedbench` program, with the hidden verb `suite`.

use std::{
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

fn main() -> ExitCode {
    let program = env!("CARGO_BIN_EXE_schedbench");
    let error = Command::new(program).arg("suite").args(std::env::args_os().skip(1)).exec();
    eprintln!("suite: cannot start {program}: {error}");
    ExitCode::from(2)
}
