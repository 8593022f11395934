//! Contenders that a process can start with one configuration only. A file of tests that opens cells of all contenders asks
//! [`is_here`] first, and has one test that calls [`test_the_others`]: it runs the file again, in a process of its own for each of
//! those contenders and each number of workers. The harness has a process for every cell anyway.

use std::{
    env,
    process::{Command, Stdio},
};

use schedulers::contender;

/// Set in such a process: what is here, as [`cell`] writes it.
const ONLY: &str = "SCHEDBENCH_TEST_ONLY";

fn cell(contender: &str, workers: u64) -> String {
    format!("{contender} with {workers} workers")
}

/// Whether the tests of this process are those of `contender` with so many workers.
pub fn is_here(contender: &str, workers: u64) -> bool {
    match env::var(ONLY) {
        Ok(only) => only == cell(contender, workers),
        Err(_) => !contender::ALL.iter().any(|entry| entry.name == contender && entry.one_config),
    }
}

/// Runs the tests of this file for the contenders that are not here.
pub fn test_the_others() {
    if env::var_os(ONLY).is_some() {
        return;
    }
    for entry in contender::ALL.iter().filter(|entry| entry.one_config) {
        for cell in [1, 2].map(|workers| cell(entry.name, workers)) {
            let program = env::current_exe().unwrap();
            // One test at a time: coroutines that yield in a loop starve those of another test (may 0.3.51).
            let one = ("RUST_TEST_THREADS", "1");
            let tests = Command::new(program).env(ONLY, &cell).env(one.0, one.1).stdin(Stdio::null()).output().unwrap();
            let [out, err] = [&tests.stdout, &tests.stderr].map(|text| String::from_utf8_lossy(text));
            assert!(tests.status.success(), "{cell}: {}\n{out}\n{err}", tests.status);
        }
    }
}
