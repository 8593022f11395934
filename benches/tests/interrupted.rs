//! Ctrl-C in the middle of a run: no child is left, the record is valid and says so, and the exit code is 130.

mod program;

use std::{fs, process::Stdio};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use program::{alive, contenders_of, record, schedbench, wait_for};

#[test]
fn ctrl_c_ends_a_run_cleanly() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let dir = tempfile::tempdir().unwrap();
        let args = ["run", "ping_pong{workers=1}", "--rounds=9999", "--time=50ms", "-c", "os-threads,tokio-mt"];
        let mut run =
            schedbench(args).arg("--out").arg(dir.path()).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let path = dir.path().join("results.jsonl");
        let has_a_round = || fs::read_to_string(&path).ok().filter(|text| text.contains(r#""t":"round""#));
        wait_for("the first round", has_a_round);
        let children = wait_for("children", || Some(contenders_of(&run)).filter(|children| !children.is_empty()));
        kill(Pid::from_raw(i32::try_from(run.id()).unwrap()), signal).unwrap();

        assert_eq!(run.wait().unwrap().code(), Some(130));
        assert_eq!(children.iter().filter(|(pid, _)| alive(*pid)).count(), 0);
        let record = record(dir.path());
        assert!(!record.rounds.is_empty());
        assert_eq!(record.end.map(|end| end.status), Some("interrupted".to_owned()));
    }
}
