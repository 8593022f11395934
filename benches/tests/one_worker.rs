//! One worker is one core's worth of work: a contender that says so and calculates on two would win what it must not.
//!
//! The other bound, that two workers are two cores' worth, cannot be asserted where other programs run.

mod program;

use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use program::schedbench;
use serde_json::{Value, json};

/// Wall time and CPU time of a slice in which four tasks calculate for 50 ms each, on one worker.
fn slice(contender: &str) -> (f64, f64) {
    let mut process = schedbench(["child", contender]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    let mut ask = |request: Value| -> Value {
        writeln!(stdin, "{request}").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).expect("an answer is JSON")
    };
    let params = json!({"hogs": 4, "hog_ms": 50, "workers": 1});
    let started = ask(json!({"cmd": "start", "workload": "tight_loop", "params": params}));
    assert_eq!(started["config"]["workers"], 1, "{started}");
    let slice = ask(json!({"cmd": "slice", "time_ms": 10}));
    ask(json!({"cmd": "finish"}));
    process.wait().unwrap();
    (slice["wall_ns"].as_f64().unwrap(), slice["cpu_ns"].as_f64().unwrap())
}

#[test]
fn one_worker_calculates_on_one_core() {
    let params = workloads::Params::from([("workers".to_owned(), 1)]);
    for entry in schedulers::contender::ALL {
        // gmp's hogs keep their threads when others get their P; docs/BIAS.md says what that means.
        if entry.name != "gmp" && workloads::check_fit("tight_loop", entry.name, &params).is_ok() {
            let (wall_ns, cpu_ns) = slice(entry.name);
            // The victim and what the scheduler does beside the hogs is little; a second core would double it.
            assert!(cpu_ns < wall_ns * 1.5, "{}: {cpu_ns} ns of CPU time in {wall_ns} ns", entry.name);
        }
    }
}
