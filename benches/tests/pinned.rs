//! `--pin`: children run on the CPUs that were asked for and nowhere else, and the record says so.

#![cfg(target_os = "linux")]

mod program;

use std::{fs, process::Stdio};

use nix::{
    sched::{CpuSet, sched_getaffinity},
    unistd::Pid,
};
use program::{contenders_of, finish, record, schedbench, stderr, wait_for};

/// The CPUs of this process.
fn allowed() -> Vec<usize> {
    let set = sched_getaffinity(Pid::from_raw(0)).unwrap();
    (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap()).collect()
}

#[test]
fn children_are_where_they_were_put() {
    let last = *allowed().last().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let args =
        ["run", "ping_pong{workers=1}", "--quick", "--rounds=1", "--time=2s", "-c", "tokio-mt,os-threads-pinned"];
    let mut command = schedbench(args);
    command.args(["--pin", &last.to_string(), "--out"]).arg(dir.path()).stderr(Stdio::null()).stdout(Stdio::null());
    let mut run = command.spawn().unwrap();
    let children = wait_for("both children", || Some(contenders_of(&run)).filter(|children| children.len() == 2));
    for (pid, name) in children {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let cpus = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
        assert_eq!(cpus, last.to_string(), "{name}");
    }
    let parent = sched_getaffinity(Pid::from_raw(i32::try_from(run.id()).unwrap())).unwrap();
    assert_eq!(parent, sched_getaffinity(Pid::from_raw(0)).unwrap(), "the parent stays where it was");
    assert_eq!(run.wait().unwrap().code(), Some(0));
    let record = record(dir.path());
    assert_eq!((record.run.pin, record.errors.len()), (Some(vec![last as u64]), 0));
    assert!(fs::read_to_string(dir.path().join("report.html")).unwrap().contains("pinned to CPUs"));
}

#[test]
fn more_workers_than_cpus_are_a_warning() {
    let first = allowed()[0].to_string();
    let args = ["run", "ping_pong", "-c", "tokio-mt", "--dry-run", "--pin", &first];
    let output = finish(&mut schedbench(args));
    assert_eq!(output.status.code(), Some(0));
    let said = stderr(&output);
    assert!(said.starts_with("warning: 1 variants have up to 2 workers, and 1 CPU is given to --pin"), "{said}");
}
