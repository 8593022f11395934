//! The contender `go` is built where there is a Go toolchain, and is skipped with a reason where there is none.
//!
//! The tests that need a toolchain use the one on the PATH, and say so if there is none: `.ci/run` installs one.

mod program;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use program::{finish, record, schedbench, stderr};
use reports::record::{ErrorKind, HIST_ENCODING};

/// Where there is nothing to run but what the program itself needs.
fn without_go(command: &mut Command) -> &mut Command {
    command.env("PATH", "/no/such/folder")
}

fn has_go() -> bool {
    let has = Command::new("go").arg("version").output().is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("there is no go on the PATH, so that this test shows nothing");
    }
    has
}

/// A program that says that it is a toolchain and then does `build`.
fn toolchain(dir: &Path, build: &str) -> PathBuf {
    let path = dir.join("go");
    fs::write(&path, format!("#!/bin/sh\ncase \"$1\" in env) echo go1.0.0-{} ;; *) {build} ;; esac\n", dir.display()))
        .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn without_a_toolchain_it_is_skipped_and_the_rest_runs() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = schedbench(program::TINY);
    let output = finish(without_go(&mut command).args(["-c", "tokio-mt,go", "--rounds=1", "--out"]).arg(dir.path()));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let record = record(dir.path());
    assert!(record.rounds.iter().any(|round| round.contender == "tokio-mt"));
    let [error] = &record.errors[..] else { panic!("{:?}", record.errors) };
    assert_eq!((error.kind, error.contender.as_str(), error.round), (ErrorKind::Skipped, "go", None));
    assert!(error.reason.starts_with("no go toolchain on the PATH"), "{}", error.reason);
}

#[test]
fn without_a_toolchain_requiring_it_is_a_mistake() {
    for args in [&["--require", "go"][..], &["-c", "go", "--go", "/no/such/go"]] {
        let mut command = schedbench(["verify", "ping_pong{workers=1}"]);
        let output = finish(without_go(&mut command).args(args));
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(
            stderr(&output).contains("no go toolchain") && stderr(&output).lines().count() == 1,
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn a_build_that_fails_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let go = toolchain(dir.path(), "echo '# schedbench' >&2; echo './main.go:7:1: syntax error' >&2; exit 1");
    let output = finish(schedbench(["list", "-c", "go", "--go"]).arg(go));
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(
        said.lines().last().unwrap().ends_with("cannot build the Go program: ./main.go:7:1: syntax error"),
        "{said}"
    );
}

#[test]
fn it_runs_and_says_what_it_is_and_its_histograms_can_be_read() {
    if !has_go() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let output = finish(schedbench(program::TINY).args(["-c", "go,go-nogc", "--rounds=1", "--out"]).arg(dir.path()));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let record = record(dir.path());
    assert_eq!(record.errors, []);
    for (name, gc) in [("go", 1), ("go-nogc", 0)] {
        let contender = record.contenders.iter().find(|one| one.contender == name).expect("it started");
        assert_eq!((contender.config["workers"], contender.config["gc"]), (1, gc));
        assert!(contender.version.starts_with("1."), "{}", contender.version);
        let round = record.rounds.iter().find(|round| round.contender == name).expect("it ran");
        assert!(round.ops > 0 && round.peak_rss_bytes > Some(0) && round.ctx_voluntary.is_some());
        let hist = record.hists.iter().find(|hist| hist.contender == name).expect("it has a histogram");
        assert_eq!(hist.enc, HIST_ENCODING);
        let decoded = reports::histogram::decode(hist).expect("HdrHistogram's own library reads it");
        assert!(!decoded.is_empty() && decoded.len() <= round.ops);
        // Samples are trips that were timed alone: their mean is that of the round, give or take what a clock and a bad neighbour cost.
        let mean = round.wall_ns as f64 / round.ops as f64;
        assert!(decoded.min() as f64 <= 2.0 * mean && decoded.max() <= round.wall_ns, "{mean} {decoded:?}");
    }
}

#[test]
fn every_cell_that_it_refuses_is_known_before_anything_runs() {
    if !has_go() {
        return;
    }
    let output = finish(&mut schedbench(["list", "-c", "go", "--format", "json"]));
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    for workload in list["workloads"].as_array().unwrap() {
        for variant in workload["variants"].as_array().unwrap() {
            let cell = &variant["cells"][0];
            assert!(cell["runs"] == true || cell["kind"] == "n/a", "{variant}");
            let reason = cell["reason"].as_str().unwrap_or_default();
            assert!(!reason.contains("has no workload"), "{reason}: write {} in schedulers/go", workload["name"]);
        }
    }
}
