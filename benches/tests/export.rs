//! `export` writes every format, to stdout or to what `--out` names, and nothing over anything.

mod program;

use std::{
    fs,
    path::{Path, PathBuf},
};

use program::{finish, schedbench, stderr};

/// A record of two contenders, some of whose rounds have histograms.
fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/tests/data/golden_pass.jsonl")
}

/// Runs `export` on `record`; gives exit code, stdout and stderr.
fn export(record: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = finish(schedbench(["export"]).args(args).arg(record));
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), stderr(&output))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary folder has a plain name")
}

#[test]
fn text_goes_to_stdout_or_into_a_new_file() {
    let dir = tempfile::tempdir().unwrap();
    for (format, begin) in [("csv", "run,machine,variant,"), ("gobench", "pkg: schedbench\n"), ("bmf", "{\n")] {
        let (code, data, said) = export(&golden(), &["--format", format]);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{format}");
        assert!(data.starts_with(begin), "{format}: {data}");

        let path = dir.path().join(format);
        let (code, nothing, said) = export(&golden(), &["--format", format, "--out", text(&path)]);
        assert_eq!((code, nothing.as_str()), (Some(0), ""), "{said}");
        assert_eq!(fs::read_to_string(&path).unwrap(), data);
    }
}

#[test]
fn a_folder_is_made_and_may_be_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a/b");
    for format in ["hlog", "criterion", "hlog"] {
        let (code, data, said) = export(&golden(), &["--format", format, "--out", text(&out)]);
        assert_eq!((code, data.as_str()), (Some(0), ""), "{said}");
        assert!(said.contains(" files in "), "{said}");
    }
    assert!(out.join("criterion/ping_pong/gmp/workers=1").is_dir());
    assert!(out.join("2026-11-23T17-04-05Z-7/tight_loop-workers=1-gmp-wake.hlog").is_file());
}

#[test]
fn a_mistake_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine");
    fs::write(&file, "mine").unwrap();
    let record = dir.path().join("results.jsonl");
    fs::copy(golden(), &record).unwrap();
    let nowhere = dir.path().join("no/such/file");
    for (args, named) in [
        (vec!["--format", "xml"], vec!["'xml'", "csv, gobench, bmf, hlog, criterion"]),
        (vec![], vec!["--format"]),
        (vec!["--format", "hlog"], vec!["--out DIR"]),
        (vec!["--format", "criterion"], vec!["--out DIR"]),
        (vec!["--format", "hlog", "--out", text(&file)], vec!["mine"]),
        (vec!["--format", "criterion", "--out", text(&file)], vec!["mine"]),
        (vec!["--format", "csv", "--out", text(&file)], vec!["mine", "exists"]),
        (vec!["--format", "csv", "--out", text(&record)], vec!["results.jsonl", "exists"]),
        (vec!["--format", "bmf", "--out", text(dir.path())], vec![text(dir.path()), "exists"]),
        (vec!["--format", "gobench", "--out", text(&nowhere)], vec!["no/such/file", "No such file"]),
    ] {
        let (code, data, said) = export(&record, &args);
        assert_eq!((code, data.as_str()), (Some(2), ""), "{args:?}: {said}");
        assert!(said.lines().count() == 1 && named.iter().all(|name| said.contains(name)), "{args:?}: {said}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(fs::read(&record).unwrap(), fs::read(golden()).unwrap());
}

#[test]
fn a_full_disk_is_one_line() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = finish(schedbench(["export", "--format", "csv"]).arg(golden()).stdout(full));
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.lines().count() == 1 && said.contains("No space left"), "{said}");
}

#[test]
fn a_record_without_a_valid_round_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let record = dir.path().join("results.jsonl");
    fs::write(&record, fs::read_to_string(golden()).unwrap().replace("\"valid\":true", "\"valid\":false")).unwrap();
    let out = dir.path().join("out");
    for format in ["gobench", "bmf", "hlog", "criterion"] {
        let (code, _, said) = export(&record, &["--format", format, "--out", text(&out)]);
        assert_eq!(code, Some(2), "{format}: {said}");
        assert!(
            said.lines().count() == 1 && said.contains("no valid round in ") && said.contains("results.jsonl"),
            "{said}"
        );
        assert!(!out.exists(), "{format}");
    }
}

#[test]
fn what_is_whole_of_a_damaged_record_is_exported() {
    let dir = tempfile::tempdir().unwrap();
    let record = dir.path().join("results.jsonl");
    let whole = fs::read_to_string(golden()).unwrap();
    fs::write(&record, &whole[..whole.len() / 2]).unwrap();
    let (code, data, said) = export(&record, &["--format", "csv"]);
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(said.lines().filter(|line| line.contains("truncated")).count(), 1, "{said}");
    assert!(data.lines().count() > 10, "{data}");
}
