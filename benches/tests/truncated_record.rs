//! A record that ends in the middle of a row: the fault is one line, what is whole is reported, and the exit code is 2.

mod program;

use std::fs;

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
