//! The hidden verb `child` speaks the protocol: one JSON object a line, and nothing else on stdout.

mod program;

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use program::schedbench;
use serde_json::{Value, json};

struct Talk {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Talk {
    fn with(contender: &str) -> Talk {
        Talk::with_args(&["child", contender])
    }

    fn with_args(args: &[&str]) -> Talk {
        let mut command = schedbench(args.iter().copied());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = process.stdin.take().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Talk { process, stdin, stdout }
    }

    fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.stdin, "{request}").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).expect("an answer is JSON")
    }

    /// Ends the child's stdin; gives its exit code and what was left on stdout.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.stdin);
        let rest = self.stdout.lines().map(Result::unwrap).collect();
        (self.process.wait().unwrap().code(), rest)
    }
}

fn start(workload: &str) -> Value {
    json!({"cmd": "start", "workload": workload, "params": {"workers": 1}})
}

#[test]
fn start_slice_finish() {
    let mut child = Talk::with("tokio-mt");
    let started = child.ask(&start("ping_pong"));
    assert_eq!((&started["ok"], &started["contender"]), (&json!(true), &json!("tokio-mt")));
    assert_eq!(started["config"]["workers"], 1);
    assert!(started["version"].as_str().unwrap().starts_with("1."));

    for warmup in [true, false] {
        let slice = child.ask(&json!({"cmd": "slice", "time_ms": 5, "warmup": warmup}));
        let ops = slice["ops"].as_u64().unwrap();
        assert!(ops > 0 && slice["wall_ns"].as_u64() > Some(0) && slice["cpu_ns"].as_u64() > Some(0));
        assert_eq!(slice["answer"], json!(ops.to_string()));
    }

    let finished = child.ask(&json!({"cmd": "finish"}));
    assert_eq!(finished["hists"][0]["enc"], "HdrV2Deflate-base64");
    assert!(finished["peak_rss_bytes"].as_u64() > Some(0) || !cfg!(target_os = "linux"));
    assert_eq!(child.end(), (Some(0), String::new()));
}

#[test]
fn an_injected_slowdown_is_part_of_every_slice() {
    let mut child = Talk::with_args(&["child", "tokio-mt", "--slower-percent", "100"]);
    child.ask(&start("ping_pong"));
    let slice = json!({"cmd": "slice", "time_ms": 5});
    let warmup = json!({"cmd": "slice", "time_ms": 5, "warmup": true});
    let wall_ns = |slice: Value| slice["wall_ns"].as_u64().unwrap();
    assert!(wall_ns(child.ask(&warmup)) >= 10_000_000, "as much again as was asked for");
    let walls: Vec<u64> = (0..5).map(|_| wall_ns(child.ask(&slice))).collect();
    let spun_ns = child.ask(&json!({"cmd": "finish"}))["counters"]["injected_spin_ns"].as_u64().unwrap();
    // At least half of the time was spun, of what counts alone; each slice is rounded down.
    let wall_ns: u64 = walls.iter().sum();
    assert!(spun_ns + 5 >= wall_ns / 2 && spun_ns < wall_ns, "{spun_ns} of {wall_ns}");
    assert_eq!(child.end(), (Some(0), String::new()));
}

#[test]
fn warm_up_leaves_no_histogram() {
    let mut child = Talk::with("tokio-mt");
    child.ask(&start("ping_pong"));
    child.ask(&json!({"cmd": "slice", "time_ms": 5, "warmup": true}));
    assert_eq!(child.ask(&json!({"cmd": "finish"}))["hists"], json!([]));
}

#[test]
fn what_cannot_start_says_why() {
    let mut child = Talk::with("rayon");
    let refused = child.ask(&start("ping_pong"));
    assert_eq!((&refused["ok"], &refused["kind"]), (&json!(false), &json!("n/a")));
    assert!(!refused["reason"].as_str().unwrap().is_empty());
    let refused = child.ask(&start("no_such_work"));
    assert!(refused["reason"].as_str().unwrap().contains("no_such_work"));
    assert_eq!(child.end(), (Some(0), String::new()));
}

#[test]
fn a_child_ends_with_its_stdin() {
    let mut child = Talk::with("os-threads");
    child.ask(&start("ping_pong"));
    assert_eq!(child.end(), (Some(0), String::new()));
}
