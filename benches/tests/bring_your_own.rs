//! A stranger's scheduler in a program of its own (`schedulers/examples/bring_your_own.rs`): it is listed, verified, and gets a report.

mod program;

use std::{fs, path::Path, process::Command};

use program::{finish, record, stderr};

const EXAMPLE: &str = include_str!("../../schedulers/examples/bring_your_own.rs");

/// The example with these arguments. `cargo test` has built it.
fn bring_your_own<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let path = Path::new(env!("CARGO_BIN_EXE_schedbench")).with_file_name("examples").join("bring_your_own");
    assert!(path.exists(), "build it first: cargo build -p benches --example bring_your_own");
    let mut command = Command::new(path);
    command.args(args);
    command
}

#[test]
fn it_takes_less_than_a_hundred_lines_of_code() {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    assert!(EXAMPLE.lines().filter(is_code).count() < 100);
}

#[test]
fn every_cell_of_it_is_right() {
    let verified = finish(&mut bring_your_own(["verify", "map_reduce", "-c", "toy-pool"]));
    assert_eq!(verified.status.code(), Some(0), "{}", stderr(&verified));
    let cells = String::from_utf8(verified.stdout).unwrap();
    assert!(cells.lines().count() > 0 && cells.lines().all(|line| line.starts_with("ok ")), "{cells}");
}

#[test]
fn it_gets_a_report_beside_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let run = ["run", "map_reduce{workers=1}", "-c", "toy-pool,rayon", "--quick", "--time=20ms", "--out"];
    let measured = finish(bring_your_own(run).arg(dir.path()));
    assert_eq!(measured.status.code(), Some(0), "{}", stderr(&measured));
    let record = record(dir.path());
    for contender in ["toy-pool", "rayon"] {
        assert!(record.rounds.iter().any(|round| round.contender == contender), "{contender}");
    }
    assert!(fs::read_to_string(dir.path().join("report.html")).unwrap().contains("toy-pool"));
    assert!(dir.path().join("map_reduce-bars.png").exists());
}

#[test]
fn without_it_nobody_knows_its_name() {
    let verified = finish(&mut program::schedbench(["verify", "-c", "toy-pool"]));
    assert_eq!(verified.status.code(), Some(2));
    assert!(stderr(&verified).contains("unknown contender 'toy-pool'"), "{}", stderr(&verified));
}
