//! A record that ends in the middle of a row: the fault is one line, what is whole is reported, and the exit code is 2.

mod program;

use std::{
    fs,
    path::{Path, PathBuf},
};

use program::{TINY, finish, schedbench, stderr};

#[test]
fn what_is_whole_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let output = finish(schedbench(TINY).args(["-c", "tokio-mt", "--out"]).arg(dir.path()));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let path = dir.path().join("results.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let last_row = text.trim_end().rfind('\n').unwrap() + 1;
    fs::write(&path, &text[..last_row + 20]).unwrap();

    let out = dir.path().join("again");
    let output = finish(schedbench(["report"]).arg(&path).arg("--out").arg(&out));
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let fault: Vec<_> = said.lines().filter(|line| line.contains("results.jsonl:")).collect();
    assert!(matches!(fault[..], [line] if line.contains("truncated")), "{said}");
    assert!(out.join("report.html").is_file());
}

/// The golden record that every verb can read, with what `damage` does to it.
fn damaged(dir: &Path, damage: impl FnOnce(String) -> String) -> PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/tests/data/golden_pass.jsonl");
    let path = dir.join("results.jsonl");
    fs::write(&path, damage(fs::read_to_string(golden).unwrap())).unwrap();
    path
}

#[test]
fn every_verb_uses_what_is_whole_and_ends_with_2() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("gate.toml");
    fs::write(
        &config,
        "[[row]]\nworkload = \"ping_pong{workers=1}\"\ncontender = \"gmp\"\nvs = \"ratio:tokio-mt\"\nlimit = 0.5\n",
    )
    .unwrap();
    let cut = damaged(dir.path(), |whole| whole[..whole.len() - 30].to_owned());
    let gate = ["gate", "--config", config.to_str().unwrap()];
    for (args, expected) in [
        (&["compare", "--contenders", "tokio-mt,gmp"][..], "ping_pong{workers=1}"),
        (&gate[..], "PASS"),
        (&["export", "--format", "gobench"][..], "BenchmarkPingPong/"),
    ] {
        let output = finish(schedbench(args.iter().copied()).arg(&cut));
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert_eq!(said.matches("results.jsonl:71: truncated").count(), 1, "{args:?}: {said}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(expected), "{args:?}");
    }
}

#[test]
fn of_very_many_faults_the_first_are_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = damaged(dir.path(), |whole| whole + &"rubbish\n".repeat(1_000));
    let output = finish(schedbench(["compare", "--contenders", "tokio-mt,gmp"]).arg(&path));
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 21, "{said}");
    assert!(said.lines().last().unwrap().ends_with("results.jsonl: 980 more lines cannot be used"), "{said}");
}

#[test]
fn a_folder_without_a_record_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let output = finish(schedbench(["report"]).arg(dir.path()));
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2));
    assert!(said.lines().count() == 1 && said.contains("results.jsonl: No such file"), "{said}");
}

#[test]
fn a_device_without_an_end_is_refused() {
    for device in ["/dev/zero", "/dev/null"] {
        let output = finish(&mut schedbench(["report", device]));
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2));
        assert!(said.lines().count() == 1 && said.contains(device), "{said}");
    }
}

#[test]
fn what_is_no_record_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("empty.jsonl", ""), ("other.jsonl", "{\"t\":\"other\"}\n")] {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        let output = finish(schedbench(["report"]).arg(&path));
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2));
        assert!(said.lines().count() == 1 && said.contains(name), "{said}");
    }
    let output = finish(&mut schedbench(["report", "/no/such/record.jsonl"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("/no/such/record.jsonl"));
}
