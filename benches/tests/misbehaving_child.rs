//! A contender that hangs, dies or lies gets an error row of the right kind; the run goes on and ends with exit code 3.

mod program;

use program::{FINISH, SLICE, START, TINY, finish, record, schedbench, script, stderr};
use reports::record::ErrorKind;

/// Runs the script beside tokio-mt, which must not notice, and gives the script's error rows.
#[track_caller]
fn errors_of(start: &str, slice: &str, finish_with: &str) -> Vec<(ErrorKind, String)> {
    let dir = tempfile::tempdir().unwrap();
    let path = script(dir.path(), start, slice, finish_with);
    let mut command = schedbench(TINY);
    command.args(["--rounds=1", "--timeout=3s", "-c", "tokio-mt,script", "--contender-program"]);
    let output = finish(command.arg(format!("script={}", path.display())).arg("--out").arg(dir.path()));
    let record = record(dir.path());
    assert_eq!(record.end.as_ref().map(|end| end.status.as_str()), Some("complete"));
    assert!(record.rounds.iter().any(|round| round.contender == "tokio-mt"), "{:?}", record.errors);
    let errors: Vec<_> = record.errors.into_iter().map(|error| (error.kind, error.reason)).collect();
    let failed = errors.iter().any(|(kind, _)| !matches!(kind, ErrorKind::Skipped | ErrorKind::NotApplicable));
    assert_eq!(output.status.code(), Some(if failed { 3 } else { 0 }), "{}", stderr(&output));
    errors
}

#[track_caller]
fn gives(errors: &[(ErrorKind, String)], kind: ErrorKind, reason: &str) {
    assert!(matches!(errors, [(k, r)] if *k == kind && r.contains(reason)), "{errors:?}");
}

#[test]
fn an_honest_program_is_a_contender() {
    assert_eq!(errors_of(START, SLICE, FINISH), []);
}

#[test]
fn one_that_sleeps_for_ever_hangs() {
    gives(&errors_of(START, "sleep 1000", FINISH), ErrorKind::Hang, "did not answer within");
}

#[test]
fn one_that_does_not_exit_hangs() {
    gives(&errors_of(START, SLICE, "echo '{}'; sleep 1000"), ErrorKind::Hang, "did not exit within");
}

#[test]
fn one_that_dies_has_its_last_words_kept() {
    let errors = errors_of(START, "echo 'out of ideas' >&2; exit 9", FINISH);
    gives(&errors, ErrorKind::Crash, "exited with status 9 before it answered; it said: out of ideas");
}

#[test]
fn one_that_fails_after_all_crashes() {
    gives(
        &errors_of(START, SLICE, "echo '{}'; exit 4"),
        ErrorKind::Crash,
        "exited with status 4 after it had finished",
    );
}

#[test]
fn a_wrong_sum_is_a_wrong_answer() {
    let errors = errors_of(START, r#"echo '{"ops":2,"wall_ns":1000,"cpu_ns":0,"answer":"3"}'"#, FINISH);
    gives(&errors, ErrorKind::WrongAnswer, "2 operations gave '3', expected '2'");
}

#[test]
fn a_clock_that_runs_ahead_is_a_wrong_answer() {
    let errors = errors_of(START, r#"echo '{"ops":1,"wall_ns":3600000000000,"cpu_ns":0,"answer":"1"}'"#, FINISH);
    gives(&errors, ErrorKind::WrongAnswer, "its clock cannot be right");
}

#[cfg(target_os = "linux")]
#[test]
fn cpu_time_that_was_not_used_is_a_wrong_answer() {
    let errors = errors_of(START, r#"echo '{"ops":1,"wall_ns":1000,"cpu_ns":3600000000000,"answer":"1"}'"#, FINISH);
    gives(&errors, ErrorKind::WrongAnswer, "the kernel counted");
}

#[test]
fn something_else_than_the_protocol_is_a_wrong_answer() {
    gives(&errors_of(START, "echo hello", FINISH), ErrorKind::WrongAnswer, "'hello', which is not the protocol");
}

#[test]
fn another_number_of_workers_is_a_mismatch() {
    let start = r#"echo '{"ok":true,"contender":"script","version":"1","config":{"workers":8}}'"#;
    gives(&errors_of(start, SLICE, FINISH), ErrorKind::ConfigMismatch, "asked for workers=1, runs with 8");
}

#[test]
fn a_program_may_say_that_it_does_not_fit() {
    let start = r#"echo '{"ok":false,"kind":"n/a","reason":"it has no channels"}'; exit 0"#;
    gives(&errors_of(start, SLICE, FINISH), ErrorKind::NotApplicable, "it has no channels");
}

#[test]
fn a_program_that_is_not_there_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = schedbench(TINY);
    command.args(["-c", "tokio-mt,absent", "--contender-program=absent=/no/such/program", "--out"]);
    let output = finish(command.arg(dir.path()));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let errors: Vec<_> = record(dir.path()).errors.into_iter().map(|error| (error.kind, error.reason)).collect();
    gives(&errors, ErrorKind::Skipped, "/no/such/program");
}
