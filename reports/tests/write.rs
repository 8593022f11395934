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

#[test]
fn a_record_that_goes_on_is_cut_after_its_last_checkpoint_or_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = Synthetic::new().lines;
    let checkpoint = |wall_ns| record::Line::Checkpoint(record::Checkpoint { wall_ns });
    lines.push(checkpoint(1));
    let whole = lines.len();
    lines.extend(Synthetic::new().ping_pong(1, "gmp", 2, 100.0).lines.split_off(whole - 1));
    let path = Synthetic { lines: lines.clone() }.save(folder.path(), "results.jsonl");
    let torn = fs::read_to_string(&path).unwrap();
    fs::write(&path, &torn[..torn.len() - 30]).unwrap();

    let mut writer = Writer::reopen(&path).unwrap();
    let found = writer.whole().unwrap();
    assert_eq!(found.lines, whole);
    writer.cut(found).unwrap();
    writer.append(&record::Line::Resume(record::Resume { started: "now".to_owned() })).unwrap();
    writer.append(&checkpoint(5)).unwrap();
    let loaded = reports::read(&path).unwrap();
    assert_eq!((loaded.faults.len(), loaded.record.rounds.len(), loaded.record.resumes.len()), (0, 0, 1));
    assert_eq!(loaded.record.checkpoint, Some(record::Checkpoint { wall_ns: 5 }));
    assert_eq!(writer.whole().unwrap().lines, whole + 2);
}

#[test]
fn a_record_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.jsonl");
    let first = Writer::create(&path).unwrap();
    assert_eq!(Writer::reopen(&path).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(first);
    Writer::reopen(&path).unwrap();
}
