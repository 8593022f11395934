//! `compare` takes one record and two contenders, or two records.

mod program;

use program::{TINY, finish, schedbench, stderr};

#[test]
fn contenders_and_runs_are_compared() {
    let dir = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
    for out in [&a, &b] {
        let output = finish(schedbench(TINY).args(["-c", "os-threads,tokio-mt", "--out"]).arg(out));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }

    let output = finish(schedbench(["compare"]).arg(&a).args(["--contenders", "os-threads,tokio-mt"]));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("ping_pong{"));
    let output = finish(schedbench(["compare"]).arg(&a).arg(b.join("results.jsonl")));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("ping_pong{"));

    let output =
        finish(schedbench(["compare"]).arg(&a).args(["-c", "os-threads,tokio-mt", "--by", "wall,rss", "--json"]));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["families"].as_array().unwrap().len(), 2, "{json}");
    assert_eq!(json["rows"][0]["lines"][0]["by"], "metric", "{json}");

    for (args, named) in [
        (vec!["-c", "gpm,tokio-mt"], "gpm"),
        (vec!["-c", "tokio-mt"], "two names"),
        (vec![], "--contenders"),
        (vec!["-c", "os-threads,tokio-mt", "--by", "mem"], "expected metric, cpu, p99, rss, growth"),
    ] {
        let output = finish(schedbench(["compare"]).arg(&a).args(&args));
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.lines().count() == 1 && said.contains(named), "{args:?}: {said}");
    }
}
