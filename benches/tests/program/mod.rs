//! The program under test, and other programs for it to start.

#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A small run: ping-pong on one worker. `--quick`, since a busy machine is no mistake of the test.
pub const TINY: [&str; 5] = ["run", "ping_pong{workers=1}", "--quick", "--time=30ms", "--seed=7"];

/// `schedbench`, with these arguments.
pub fn schedbench<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_schedbench"));
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Output {
    command.output().expect("the program under test starts")
}

/// What it said on stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The record of a run into `dir`, which must be sound.
pub fn record(dir: &Path) -> reports::Record {
    let loaded = reports::read(&dir.join("results.jsonl")).expect("there is a record");
    assert_eq!(loaded.faults, [], "the record is whole");
    loaded.record
}

/// A shell script that speaks the protocol as `slice`, `start` and `finish` say: shell code that runs when the request is in.
pub fn script(dir: &Path, start: &str, slice: &str, finish: &str) -> PathBuf {
    let path = dir.join("contender.sh");
    let text = format!(
        "#!/bin/sh\nwhile read -r request; do case \"$request\" in\n*start*) {start} ;;\n*slice*) {slice} ;;\n*finish*) {finish}; exit 0 ;;\nesac; done\n"
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Right answers for [`script`], on one worker.
pub const START: &str = r#"echo '{"ok":true,"contender":"script","version":"1","config":{"workers":1}}'"#;
/// One round trip, which is a right answer for `ping_pong`.
pub const SLICE: &str = r#"echo '{"ops":1,"wall_ns":1000,"cpu_ns":0,"answer":"1"}'"#;
/// Round trips that take the same time in every slice of every round.
pub const STEADY: &str = r#"echo '{"ops":1000,"wall_ns":1000,"cpu_ns":0,"answer":"1000"}'"#;
/// Nothing to add.
pub const FINISH: &str = "echo '{}'";

/// Waits until `condition` gives something; the test fails if that takes a minute.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "waited a minute for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The children of a process that are contenders, by `ps`: process id and name.
pub fn contenders_of(parent: &Child) -> Vec<(i32, String)> {
    let output = Command::new("ps").args(["-e", "-o", "pid=,ppid=,args="]).output().expect("there is a ps");
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        let (pid, ppid) = (words.next()?.parse().ok()?, words.next()?.parse::<u32>().ok()?);
        let rest: Vec<&str> = words.collect();
        let name = rest.iter().skip_while(|word| **word != "child").nth(1)?;
        (ppid == parent.id()).then(|| (pid, (*name).to_owned()))
    };
    String::from_utf8_lossy(&output.stdout).lines().filter_map(parse).collect()
}

/// Whether a process is still there, and not just waiting to be reaped.
pub fn alive(pid: i32) -> bool {
    let output = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().expect("there is a ps");
    let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}
