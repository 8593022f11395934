//! A run that was killed or interrupted goes on from its record, and has each round of each cell once in the end.

#![cfg(unix)]

mod program;

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Output, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use program::{FINISH, START, STEADY, finish, record, schedbench, script, stderr, wait_for};

/// Enough that a signal comes before the end, however late the test gets to run.
const ROUNDS: u64 = 12;

/// A run of two variants, not yet at its end.
fn begin(out: &Path, options: &[&str]) -> Child {
    let args = ["run", "ping_pong", "--quick", "--time=40ms", "--seed=7", "-c", "os-threads,tokio-mt,rayon"];
    let mut command = schedbench(args);
    command.args(options).arg("--out").arg(out).stderr(Stdio::null()).stdout(Stdio::null());
    command.spawn().unwrap()
}

/// Sends a signal when there are rounds in the record, and waits for the end.
fn end(mut run: Child, out: &Path, signal: Signal, rounds: usize) {
    let path = out.join("results.jsonl");
    let has_rounds = || fs::read_to_string(&path).ok().filter(|text| text.matches(r#""t":"round""#).count() >= rounds);
    wait_for("rounds", has_rounds);
    kill(Pid::from_raw(i32::try_from(run.id()).unwrap()), signal).unwrap();
    run.wait().unwrap();
}

fn resume(out: &Path) -> Output {
    finish(schedbench(["run", "--resume"]).arg(out))
}

/// How often each round of each cell is in the record.
fn counts(record: &reports::Record) -> BTreeMap<(u64, String, u64), u64> {
    let mut counts = BTreeMap::new();
    for round in &record.rounds {
        *counts.entry((round.params["workers"], round.contender.clone(), round.round)).or_default() += 1;
    }
    counts
}

#[track_caller]
fn is_whole(out: &Path, resumes: usize) {
    let record = record(out);
    let mut expected = BTreeMap::new();
    for workers in [1, 2] {
        for contender in ["os-threads", "tokio-mt"] {
            expected.extend((0..ROUNDS).map(|round| ((workers, contender.to_owned(), round), 1)));
        }
    }
    assert_eq!(counts(&record), expected);
    // Each child's histogram, once.
    assert_eq!(record.hists.len(), record.rounds.len());
    assert_eq!((record.resumes.len(), record.end.unwrap().status.as_str()), (resumes, "complete"));
    assert!(out.join("report.html").is_file());
}

#[test]
fn a_killed_run_goes_on_and_has_every_round_once() {
    let dir = tempfile::tempdir().unwrap();
    let (out, whole) = (dir.path().join("out"), dir.path().join("whole"));
    end(begin(&out, &["--rounds=12"]), &out, Signal::SIGKILL, 6);
    // As if the kill had come in the middle of the rows of a round.
    let path = out.join("results.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let row =
        text.lines().find(|line| line.contains(r#""t":"round""#)).unwrap().replace(r#""round":0"#, r#""round":11"#);
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    write!(file, "{row}\n{}", &row[..row.len() / 2]).unwrap();

    let output = resume(&out);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    is_whole(&out, 1);

    // The orders are those of a run that nobody killed.
    begin(&whole, &["--rounds=12"]).wait().unwrap();
    let positions = |out: &Path| -> BTreeMap<_, _> {
        let rounds = record(out).rounds.into_iter();
        rounds.map(|row| ((row.params["workers"], row.round, row.contender), row.position)).collect()
    };
    assert_eq!(positions(&out), positions(&whole));
}

#[test]
fn an_interrupted_run_goes_on_as_often_as_need_be() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    end(begin(&out, &["--rounds=12"]), &out, Signal::SIGINT, 2);
    assert_eq!(record(&out).end.unwrap().status, "interrupted");
    let again = schedbench(["run", "--resume"]).arg(&out).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    end(again, &out, Signal::SIGTERM, 8);
    let output = resume(&out);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    is_whole(&out, 2);
}

#[test]
fn a_run_that_looks_at_its_precision_goes_on_looking() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let steady = script(dir.path(), START, &format!("sleep 0.02; {STEADY}"), FINISH);
    let args = ["run", "ping_pong{workers=1}", "--precision=2.5%", "--time=10ms", "-c", "one,other", "--seed=7"];
    let mut command = schedbench(args);
    for name in ["one", "other"] {
        command.arg("--contender-program").arg(format!("{name}={}", steady.display()));
    }
    let run = command.arg("--out").arg(&out).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    end(run, &out, Signal::SIGINT, 20);
    let interrupted = record(&out);
    assert_eq!((interrupted.end.unwrap().status.as_str(), interrupted.run.rounds), ("interrupted", Some(64)));
    let output = resume(&out);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{}", stderr(&output));
    let record = record(&out);
    let valid = record.rounds.iter().filter(|round| round.valid && round.contender == "other").count();
    // The look at 8 rounds was before the interruption, mostly: with it, 12 are enough.
    assert_eq!(valid, 12, "{}", stderr(&output));
    assert!(counts(&record).values().all(|count| *count == 1));
}

/// A record that was interrupted, with another text in the place of one of its own.
fn spoilt(dir: &Path, name: &str, spoil: impl Fn(&str) -> String) -> PathBuf {
    let out = dir.join(name);
    fs::create_dir(&out).unwrap();
    let text = fs::read_to_string(dir.join("out/results.jsonl")).unwrap();
    fs::write(out.join("results.jsonl"), spoil(&text)).unwrap();
    out
}

#[track_caller]
fn is_refused(out: &Path, why: &str) {
    let before = fs::read(out.join("results.jsonl")).ok();
    let output = resume(out);
    let said = stderr(&output);
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains(why) && said.contains(&out.display().to_string()), "expected '{why}': {said}");
    assert_eq!(fs::read(out.join("results.jsonl")).ok(), before, "nothing is changed");
}

#[test]
fn what_cannot_go_on_is_refused_in_one_line_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let run = begin(&out, &["--rounds=500"]);
    wait_for("the record", || out.join("results.jsonl").is_file().then_some(()));
    is_refused_while_it_runs(&out);
    end(run, &out, Signal::SIGINT, 4);

    let whole = record(&out);
    let (key, version) = (whole.machine.unwrap().key, whole.run.version);
    let replaced = |name: &str, from: &str, to: &str| spoilt(dir.path(), name, |text| text.replace(from, to));
    is_refused(&replaced("complete", "interrupted", "complete"), "complete");
    is_refused(&replaced("machine", &key, "0123"), "another machine");
    let quoted = format!(r#""version":"{version}""#);
    is_refused(&replaced("version", &quoted, r#""version":"0.0.1""#), "0.0.1");
    if let Some(git) = whole.run.git {
        is_refused(&replaced("source", &git.rev, "deadbeef"), "deadbeef");
    }
    is_refused(&replaced("plan", r#""plan":""#, r#""plan":"x"#), "the plan is not what it was");
    is_refused(&replaced("command", r#""ping_pong""#, r#""ping_pang""#), "ping_pang");
    is_refused(&replaced("headless", r#""t":"run""#, r#""t":"walk""#), "expected a 'run' row");
    let first = |text: &str| text.lines().next().unwrap().to_owned() + "\n";
    is_refused(&spoilt(dir.path(), "first-line", |text| first(text)), "begin a new run");
    is_refused(&spoilt(dir.path(), "empty", |_| String::new()), "empty");
    let corrupt = |text: &str| text.replacen(r#"{"t":"round""#, r#"{"t":"round""#.trim_end_matches('"'), 1);
    is_refused(&spoilt(dir.path(), "corrupt", corrupt), "only the end of a record may be torn");
    is_refused(&dir.path().join("nothing"), "cannot open the record");
}

/// As [`is_refused`], of a record that grows meanwhile.
fn is_refused_while_it_runs(out: &Path) {
    let output = resume(out);
    assert_eq!((output.status.code(), stderr(&output).lines().count()), (Some(2), 1), "{}", stderr(&output));
    assert!(stderr(&output).contains("that run still goes on"), "{}", stderr(&output));
}
