//! A child that is killed from outside costs its own cell of that round, and nothing else.

mod program;

use std::process::Stdio;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use program::{contenders_of, record, schedbench, wait_for};
use reports::record::ErrorKind;

#[test]
fn a_killed_child_is_a_row_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["run", "ping_pong{workers=1}", "--quick", "--rounds=1", "--time=1s", "-c", "os-threads,tokio-mt"];
    let mut run =
        schedbench(args).arg("--out").arg(dir.path()).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let victim = wait_for("the child", || contenders_of(&run).into_iter().find(|(_, name)| name == "tokio-mt"));
    kill(Pid::from_raw(victim.0), Signal::SIGKILL).unwrap();

    assert_eq!(run.wait().unwrap().code(), Some(3));
    let record = record(dir.path());
    let errors: Vec<_> =
        record.errors.iter().map(|error| (error.contender.as_str(), error.kind, error.round)).collect();
    assert_eq!(errors, [("tokio-mt", ErrorKind::Crash, Some(0))]);
    assert!(record.errors[0].reason.contains("SIGKILL"), "{}", record.errors[0].reason);
    assert_eq!(record.rounds.iter().map(|round| round.contender.as_str()).collect::<Vec<_>>(), ["os-threads"]);
    assert_eq!(record.end.map(|end| end.status), Some("complete".to_owned()));
}
