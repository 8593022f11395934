//! The golden records: one that the gate must pass and one that it must fail, with four rows and only 8 rounds.
//!
//! They are files, so that the command line can be tested with them too. `GOLDEN=write cargo test -p reports --test golden`
//! makes them anew from the code below; without it the test checks that they are what this code makes.

mod synthetic;

use std::{env, fs, path::Path};

use reports::{
    Analysis, Machines,
    gate::{self, Config, Outcome, Status},
};
use synthetic::Synthetic;

fn data(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// A run of two contenders; with two workers, gmp takes this share of tokio's time.
fn golden(share: f64) -> Synthetic {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 8, 100.0).ping_pong(1, "tokio-mt", 8, 250.0);
    record.ping_pong(2, "gmp", 8, 800.0 * share).ping_pong(2, "tokio-mt", 8, 800.0);
    record.tight_loop("gmp", 8, 1_000, 90).tight_loop("tokio-mt", 8, 1_000, 20_000).end();
    record
}

fn check(name: &str) -> Outcome {
    let loaded = reports::read(&data(name)).unwrap();
    assert_eq!(loaded.faults, []);
    let analysis = Analysis::new(&[loaded.record], Machines::MustMatch).unwrap();
    gate::check(&Config::read(&data("gate.toml")).unwrap(), &analysis).unwrap()
}

#[test]
fn the_files_are_what_this_code_makes() {
    for (name, share) in [("golden_pass.jsonl", 0.45), ("golden_fail.jsonl", 0.58)] {
        let folder = tempfile::tempdir().unwrap();
        let made = fs::read_to_string(golden(share).save(folder.path(), name)).unwrap();
        if env::var_os("GOLDEN").is_some_and(|value| value == "write") {
            fs::write(data(name), &made).unwrap();
        }
        assert!(fs::read_to_string(data(name)).unwrap() == made, "{name} is stale: run with GOLDEN=write");
    }
}

#[test]
fn the_gate_passes_the_one() {
    let outcome = check("golden_pass.jsonl");
    assert_eq!(
        (outcome.status(), outcome.exit_code(false), outcome.exit_code(true)),
        (Status::Pass, 0, 0),
        "{outcome}"
    );
    insta::assert_snapshot!(outcome);
}

#[test]
fn the_gate_fails_the_other() {
    let outcome = check("golden_fail.jsonl");
    assert_eq!(
        (outcome.status(), outcome.exit_code(false), outcome.exit_code(true)),
        (Status::Fail, 1, 1),
        "{outcome}"
    );
    insta::assert_snapshot!(outcome);
}
