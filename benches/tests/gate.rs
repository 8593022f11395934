//! The gate can fail: the same limits, one record that keeps them and one that does not.

mod program;

use std::{fs, path::Path};

use program::{finish, schedbench, stderr};
use reports::{
    Writer,
    record::{self, Line, Metric, Params},
};

/// A record of ten rounds in which `gmp` takes `gmp_ns` an operation and `tokio-mt` about 100 ns.
fn golden(path: &Path, gmp_ns: u64) {
    let mut writer = Writer::create(path).unwrap();
    let text = str::to_owned;
    let params = Params::from([(text("workers"), 1)]);
    let mut append = |line| writer.append(&line).unwrap();
    append(Line::Run(record::Run {
        schema: text(record::SCHEMA),
        id: text("golden"),
        started: text("2026-11-23T17:04:05Z"),
        git: None,
        seed: 7,
        command: vec![text("schedbench"), text("run")],
        mode: text("default"),
        version: text("0.1.0"),
        plan: None,
        rounds: None,
        time_ns: None,
        precision: None,
        budget_ns: None,
        pin: None,
    }));
    append(Line::Workload(record::Workload {
        workload: text("ping_pong"),
        title: text("Ping-pong"),
        op: text("round trip"),
        metric: Metric::TimePerOp,
        shows: text("switches"),
        expect: text("gmp ahead"),
        origin: text("a golden record"),
    }));
    for round in 0..10 {
        for (position, (contender, ns)) in [("gmp", gmp_ns), ("tokio-mt", 100)].into_iter().enumerate() {
            append(Line::Round(record::Round {
                workload: text("ping_pong"),
                params: params.clone(),
                contender: text(contender),
                round,
                position: position as u64,
                ops: 1_000_000,
                // A little noise, other for each round and contender, so that no two ratios are the same.
                wall_ns: ns * (1_000_000 + 1_000 * (round * 7 % 10) + 300 * position as u64 * round),
                cpu_ns: ns * 1_000_000,
                slices: 40,
                turns_ns: None,
                check: text("ok"),
                peak_rss_bytes: Some(1 << 20),
                peak_threads: Some(2),
                ctx_voluntary: Some(1),
                ctx_involuntary: Some(1),
                steal_ns: Some(0),
                probe_ns: Some(1),
                bytes: None,
                valid: true,
                invalid_reason: None,
                counters: record::Params::new(),
                missing: [].into(),
            }));
        }
    }
    append(Line::End(record::End { status: text("complete"), wall_ns: 1, stopped: None }));
}

/// Runs the gate on a golden record; gives exit code, stdout and stderr.
fn gate(limits: &str, gmp_ns: u64) -> (Option<i32>, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let (config, path) = (dir.path().join("gate.toml"), dir.path().join("results.jsonl"));
    fs::write(&config, limits).unwrap();
    golden(&path, gmp_ns);
    let output = finish(schedbench(["gate", "--config"]).arg(&config).arg(&path));
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), stderr(&output))
}

const HALF_OF_TOKIO: &str = r#"
[[row]]
workload = "ping_pong{workers=1}"
contender = "gmp"
vs = "ratio:tokio-mt"
limit = 0.5
"#;

#[test]
fn a_record_within_its_limits_passes() {
    let (code, said, errors) = gate(HALF_OF_TOKIO, 40);
    assert_eq!(code, Some(0), "{said}{errors}");
    assert!(said.contains("PASS"), "{said}");
}

#[test]
fn a_record_over_its_limits_fails() {
    let (code, said, errors) = gate(HALF_OF_TOKIO, 60);
    assert_eq!(code, Some(1), "{said}{errors}");
    assert!(said.contains("FAIL") && said.contains("ping_pong{workers=1}"), "{said}");
}

#[test]
fn an_unknown_key_is_one_line() {
    let (code, _, errors) = gate(&HALF_OF_TOKIO.replace("limit", "limt"), 40);
    assert_eq!(code, Some(2));
    assert!(errors.lines().count() == 1 && errors.contains("gate.toml") && errors.contains("limt"), "{errors}");
}

#[test]
fn a_row_that_matches_nothing_is_one_line() {
    let (code, _, errors) = gate(&HALF_OF_TOKIO.replace("ping_pong{", "pong{"), 40);
    assert_eq!(code, Some(2));
    assert!(errors.lines().count() == 1 && errors.contains("gate.toml"), "{errors}");
}
