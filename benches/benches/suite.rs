//! `cargo bench`: the comparison of all contenders on all workloads. `cargo test --benches` only verifies.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::suite()
}
