//! What is written is read back, and an existing record is never overwritten.

mod synthetic;

use std::{fs, io::ErrorKind};

use reports::{Writer, record};
use synthetic::Synthetic;

#[test]
fn what_was_written_is_read_back() {
    let mut written = Synthetic::new();
    written
        .ping_pong(1, "gmp", 2, 100.0)
        .tight_loop("gmp", 1, 10, 5)
        .error("rayon", None, record::ErrorKind::NotApplicable, "no channels")
        .end();
    let record = written.record();
    let lines = [
        vec![record::Line::Run(record.run), record::Line::Machine(record.machine.unwrap())],
        record.workloads.into_iter().map(record::Line::Workload).collect(),
        record.contenders.into_iter().map(record::Line::Contender).collect(),
        record.rounds.into_iter().map(record::Line::Round).collect(),
        record.hists.into_iter().map(record::Line::Hist).collect(),
        record.errors.into_iter().map(record::Line::Error).collect(),
        record.end.into_iter().map(record::Line::End).collect(),
    ];
    let lines: Vec<_> = lines.into_iter().flatten().collect();
    assert_eq!(lines, written.lines);
}

#[test]
fn every_row_is_in_the_file_as_soon_as_it_is_appended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.jsonl");
    let mut writer = Writer::create(&path).unwrap();
    for (index, line) in Synthetic::new().lines.iter().enumerate() {
        writer.append(line).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with('\n') && text.lines().count() == index + 1);
    }
}

#[test]
fn an_existing_record_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = Synthetic::new().save(folder.path(), "results.jsonl");
    let before = fs::read(&path).unwrap();
    assert_eq!(Writer::create(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), before);
}
