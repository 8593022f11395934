//! `doctor` says what it finds on this machine, whatever machine that is.

mod program;

use program::{finish, schedbench, stderr};
use serde_json::Value;

/// Every check there is: a promise to whoever reads the JSON.
const IDS: [&str; 24] = [
    "build",
    "virtualisation",
    "cores",
    "quota",
    "load",
    "pressure_cpu",
    "pressure_memory",
    "pressure_io",
    "governor",
    "boost",
    "smt",
    "clock_source",
    "timer_slack",
    "memory",
    "swap",
    "open_files",
    "threads",
    "max_map_count",
    "steal",
    "foreign_cpu",
    "spin_probe",
    "clock_cost",
    "sleep",
    "idle_children",
];

#[test]
fn json_has_every_check_with_its_severity_and_advice_for_what_is_wrong() {
    let output = finish(&mut schedbench(["doctor", "--json"]));
    let all: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(all["schema"], "schedbench-doctor/1");
    let findings = all["findings"].as_array().unwrap();
    let ids: Vec<&str> = findings.iter().map(|finding| finding["id"].as_str().unwrap()).collect();
    assert_eq!(ids, IDS);
    let order = ["ok", "note", "warn", "bad"];
    let severity = |of: &Value| order.iter().position(|word| of == word).expect("a severity");
    assert_eq!(severity(&all["verdict"]), findings.iter().map(|one| severity(&one["severity"])).max().unwrap());
    for finding in findings {
        assert!(finding["found"].as_str().is_some_and(|found| !found.is_empty()), "{finding}");
        assert!(finding["values"].is_object(), "{finding}");
        assert!(finding["advice"].is_string() || severity(&finding["severity"]) < 2, "{finding}");
    }
    // Whether this machine is fit is not for a test to say.
    let expected = if all["verdict"] == "bad" { 4 } else { 0 };
    assert_eq!(output.status.code(), Some(expected), "{}", stderr(&output));
}

#[test]
fn text_has_a_line_for_each_check() {
    let output = finish(&mut schedbench(["doctor"]));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for id in IDS {
        assert!(text.lines().any(|line| line.split_whitespace().nth(1) == Some(id)), "{id}: {text}");
    }
    assert!(matches!(output.status.code(), Some(0 | 4)));
}

#[test]
fn a_run_says_at_once_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let output = finish(schedbench(program::TINY).args(["-c", "os-threads", "--rounds=1", "--out"]).arg(dir.path()));
    let said = stderr(&output);
    assert_eq!(said.contains("warn: build: this is a debug build"), cfg!(debug_assertions), "{said}");
}
