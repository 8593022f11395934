//! A record that was damaged costs the damaged lines and nothing else, and each fault is one clear line.

mod synthetic;

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use proptest::prelude::*;
use reports::{
    Analysis, Loaded, Machines, ReadError,
    record::{ErrorKind, Line},
};
use synthetic::{Synthetic, round_row};

/// Three rounds of two contenders: lines 7 to 12.
fn text() -> String {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 3, 100.0).ping_pong(1, "tokio-mt", 3, 200.0).end();
    record.lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect()
}

fn read(text: impl AsRef<[u8]>) -> Result<Loaded, ReadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.jsonl");
    fs::write(&path, text).unwrap();
    reports::read(&path)
}

/// What the faults say, without the folder.
fn faults(loaded: &Loaded) -> Vec<String> {
    let strip = |text: String| text[text.find("results.jsonl").expect("the file is named")..].to_owned();
    loaded.faults.iter().map(|fault| strip(fault.to_string())).collect()
}

fn with_line(number: usize, new: &str) -> String {
    let mut lines: Vec<String> = text().lines().map(str::to_owned).collect();
    lines[number - 1] = new.to_owned();
    lines.join("\n") + "\n"
}

fn line(number: usize) -> String {
    text().lines().nth(number - 1).unwrap().to_owned()
}

#[test]
fn a_whole_record_has_no_faults() {
    let loaded = read(text()).unwrap();
    assert_eq!(faults(&loaded), [""; 0]);
    let record = loaded.record;
    assert_eq!((record.rounds.len(), record.contenders.len(), record.workloads.len()), (6, 2, 2));
    assert_eq!(record.end.unwrap().status, "complete");
    assert_eq!(record.machine.unwrap().key, "a");
}

#[test]
fn a_truncated_last_line_is_one_fault_and_the_rest_is_kept() {
    let whole = text();
    let cut = &whole[..whole.find(&line(12)).unwrap() + 40];
    let loaded = read(cut).unwrap();
    assert_eq!(faults(&loaded), ["results.jsonl:12: truncated: the file ends within this row"]);
    assert_eq!(loaded.record.rounds.len(), 5);
    assert_eq!(loaded.record.end, None);
}

#[test]
fn a_record_cut_anywhere_is_read_or_refused_in_one_line() {
    let whole = text();
    let first_line = line(1).len();
    for end in (0..whole.len()).step_by(7) {
        match read(&whole[..end]) {
            Ok(loaded) => assert!(loaded.faults.len() <= 1 && end >= first_line, "{end}"),
            Err(error) => assert!(!error.to_string().contains('\n') && end < first_line, "{end}: {error}"),
        }
    }
}

#[test]
fn a_last_line_without_its_line_end_is_whole() {
    let loaded = read(text().trim_end()).unwrap();
    assert_eq!(faults(&loaded), [""; 0]);
    assert!(loaded.record.end.is_some());
}

#[test]
fn a_corrupt_line_in_the_middle_is_one_fault_and_the_rest_is_kept() {
    for (bad, problem) in [
        (line(8).replace("\"ops\":", "\"ops\":x"), "corrupt: no JSON object"),
        ("\u{0}\u{0}\u{0}".to_owned(), "corrupt: no JSON object"),
        ("[1,2]".to_owned(), "corrupt: a row without its kind 't'"),
        (line(8).replace("\"round\":1,", ""), "corrupt 'round' row: missing field `round`"),
        (line(8).replace("\"round\":1,", "\"round\":-1,"), "corrupt 'round' row: invalid value: integer `-1`"),
        (line(8).replace("\"contender\":\"gmp\"", "\"contender\":7"), "corrupt 'round' row: invalid type: integer `7`"),
    ] {
        let loaded = read(with_line(8, &bad)).unwrap();
        let faults = faults(&loaded);
        assert!(faults.len() == 1 && faults[0].starts_with(&format!("results.jsonl:8: {problem}")), "{faults:?}");
        assert_eq!(loaded.record.rounds.len(), 5);
    }
    let mut bytes = text().into_bytes();
    let at = bytes.len() / 2;
    bytes[at] = 0xff;
    assert_eq!(read(bytes).unwrap().faults.len(), 1, "bytes that are no UTF-8");
}

#[test]
fn an_empty_file_says_so() {
    for empty in ["", "\n\n"] {
        let error = read(empty).unwrap_err().to_string();
        assert!(
            error.ends_with("results.jsonl: empty, expected a record that begins with a 'run' row of schedbench/1"),
            "{error}"
        );
    }
}

#[test]
fn a_missing_file_and_a_folder_are_named() {
    let error = reports::read(Path::new("no/such/results.jsonl")).unwrap_err().to_string();
    assert!(error.starts_with("no/such/results.jsonl: No such file"), "{error}");
    let error = reports::read(Path::new("tests")).unwrap_err().to_string();
    assert!(error.starts_with("tests: Is a directory"), "{error}");
}

#[test]
fn another_schema_is_refused() {
    let run = line(1);
    for (first, found) in [
        (run.replace("schedbench/1", "schedbench/2"), "the schema 'schedbench/2'"),
        (run.replace("\"schema\":\"schedbench/1\",", ""), "a 'run' row without a schema"),
        (
            run.replace("\"seed\":7", "\"seed\":\"seven\""),
            "an unusable 'run' row (invalid type: string \"seven\", expected u64)",
        ),
        (line(2), "a 'machine' row"),
        ("{}".to_owned(), "no row of a record"),
        ("benchmark results".to_owned(), "no JSON object"),
        (format!("[{run},"), "no JSON object"),
        (format!("[{run}]"), "a JSON array"),
        (run.replace("run", "r\\u000aun"), "a 'r un' row"),
        (run.replace("schedbench/1", &"x".repeat(1_000_000)), "the schema 'xxx"),
    ] {
        let error = read(with_line(1, &first)).unwrap_err().to_string();
        assert!(error.contains(&format!("results.jsonl:1: {found}")), "{error}");
        assert!(error.ends_with(", expected a 'run' row of schedbench/1") && error.len() < 1_000, "{error}");
    }
}

#[test]
fn what_is_no_record_is_refused_by_what_it_is() {
    let utf_16 = |mark: &[u8], unit: fn(u16) -> [u8; 2]| {
        [mark, &text().encode_utf16().flat_map(unit).collect::<Vec<_>>()].concat()
    };
    for (bytes, found) in [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), "no text"),
        (b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), "no text"),
        (utf_16(b"\xff\xfe", u16::to_le_bytes), "UTF-16"),
        (utf_16(b"\xfe\xff", u16::to_be_bytes), "UTF-16"),
        (utf_16(b"", u16::to_le_bytes), "no text"),
        (vec![b'x'; 17 << 20], "a line of more than 16 MiB"),
    ] {
        let error = read(bytes).unwrap_err().to_string();
        let expected = format!("results.jsonl:1: {found}, expected a 'run' row of schedbench/1");
        assert!(error.ends_with(&expected), "{error}");
    }
}

#[test]
fn line_ends_and_a_byte_order_mark_of_other_systems_do_no_harm() {
    let loaded = read(format!("\u{feff}{}", text().replace('\n', "\r\n"))).unwrap();
    assert_eq!(faults(&loaded), [""; 0]);
    assert_eq!(loaded.record.rounds, read(text()).unwrap().record.rounds);
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.jsonl");
    fs::write(&path, text()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read it all the same.
    if let Err(error) = reports::read(&path) {
        let said = error.to_string();
        assert!(said.contains("results.jsonl: Permission denied") && !said.contains('\n'), "{said}");
    }
}

#[test]
fn a_line_of_100_mb_costs_itself() {
    for huge in [format!("{{\"t\":\"round\",\"x\":\"{}\"}}", "x".repeat(100_000_000)), "[1,".repeat(33_000_000)] {
        let loaded = read(with_line(8, &huge)).unwrap();
        assert_eq!(faults(&loaded), ["results.jsonl:8: a line of more than 16 MiB, expected a row"]);
        assert_eq!(loaded.record.rounds.len(), 5);
    }
}

#[test]
fn a_line_with_many_brackets_costs_itself() {
    let loaded = read(with_line(8, &"[".repeat(1_000_000))).unwrap();
    assert_eq!(faults(&loaded).len(), 1);
    assert_eq!(loaded.record.rounds.len(), 5);
}

#[test]
fn rows_behind_the_end_are_used_and_said() {
    let mut lines: Vec<String> = text().lines().map(str::to_owned).collect();
    let end = lines.pop().unwrap();
    lines.insert(9, end);
    let loaded = read(lines.join("\n") + "\n").unwrap();
    let expected =
        "results.jsonl:11: more rows behind the 'end' row of line 10: expected none, or a 'resume' row; they are used";
    assert_eq!(faults(&loaded), [expected]);
    assert_eq!((loaded.record.rounds.len(), loaded.record.end.is_some()), (6, true));

    let loaded = read(text() + &line(13)).unwrap();
    assert_eq!(
        faults(&loaded),
        [
            "results.jsonl:14: more rows behind the 'end' row of line 13: expected none, or a 'resume' row; they are used"
        ]
    );
}

#[test]
fn a_run_that_goes_on_has_rows_behind_its_end() {
    let interrupted = line(13).replace("complete", "interrupted");
    let resume = "{\"t\":\"resume\",\"started\":\"2026-11-24T00:00:00Z\"}";
    let more = serde_json::to_string(&Line::Round(round_row("ping_pong", 1, "gmp", 3, 999))).unwrap();
    let loaded = read(with_line(13, &interrupted) + &[resume, &more, &line(13)].join("\n")).unwrap();
    assert_eq!(faults(&loaded), [""; 0]);
    assert_eq!((loaded.record.rounds.len(), loaded.record.resumes.len()), (7, 1));
    assert_eq!(loaded.record.end.unwrap().status, "complete");
}

#[test]
fn a_workload_without_its_row_is_one_fault() {
    let lines: Vec<String> = text().lines().map(str::to_owned).collect();
    let without = [&lines[..2], &lines[3..]].concat().join("\n");
    let loaded = read(&without[..without.len() - 5]).unwrap();
    assert_eq!(
        faults(&loaded),
        [
            "results.jsonl:6: no 'workload' row for 'ping_pong': expected one, 6 rows from this line on need it",
            "results.jsonl:12: truncated: the file ends within this row",
        ]
    );
    let analysis = Analysis::new(&[loaded.record], Machines::MustMatch).unwrap();
    assert!(analysis.variants.is_empty());
}

#[test]
fn a_duplicate_row_is_a_fault_and_the_first_stays() {
    let again = serde_json::to_string(&Line::Round(round_row("ping_pong", 1, "gmp", 0, 999))).unwrap();
    let loaded = read(with_line(8, &again)).unwrap();
    let duplicate = "results.jsonl:8: duplicate: round 0 of gmp on ping_pong{workers=1} is in line 7 already";
    assert_eq!(faults(&loaded), [format!("{duplicate}, with other values; line 7 is used")]);
    assert_ne!(loaded.record.rounds[0].wall_ns, 999);
    assert_eq!(loaded.record.rounds.len(), 5);

    let loaded = read(with_line(8, &line(7))).unwrap();
    assert_eq!(faults(&loaded), [format!("{duplicate}, the same; line 7 is used")]);
    assert_eq!(loaded.record.rounds.len(), 5);
}

#[test]
fn other_rows_that_are_there_twice_are_faults_too() {
    let mut record = Synthetic::new();
    record.tight_loop("gmp", 1, 300, 1_000).error("rayon", None, ErrorKind::NotApplicable, "no\nchannels");
    record.error("rayon", Some(3), ErrorKind::Hang, "no answer").error("rayon", Some(4), ErrorKind::Hang, "no answer");
    let lines: Vec<String> = record.lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
    let again = |number: usize| lines.concat() + &lines[number - 1];
    for (number, what) in [
        (1, "the 'run' row"),
        (3, "workload ping_pong"),
        (8, "'wake' histogram of round 0 of gmp on tight_loop{workers=1}"),
        (9, "error in all rounds of rayon on ping_pong{workers=1} (no channels)"),
        (10, "error in round 3 of rayon on ping_pong{workers=1} (no answer)"),
    ] {
        let loaded = read(again(number)).unwrap();
        let expected =
            format!("results.jsonl:12: duplicate: {what} is in line {number} already, the same; line {number} is used");
        assert_eq!(faults(&loaded), [expected]);
        assert_eq!(loaded.record.errors.len(), 3);
    }
    for harmless in [2, 5] {
        assert_eq!(faults(&read(again(harmless)).unwrap()), [""; 0], "a machine or a contender that starts again");
    }
}

#[test]
fn times_that_cannot_be_are_faults() {
    let row = line(8);
    let wall = row.split("\"wall_ns\":").nth(1).unwrap().split(',').next().unwrap().to_owned();
    let set = |value: &str| row.replace(&format!("\"wall_ns\":{wall}"), &format!("\"wall_ns\":{value}"));
    for (bad, problem) in [
        (set("0"), "impossible 'round' row: wall_ns is 0, expected a positive number in a valid round"),
        (row.replace("\"ops\":1000000", "\"ops\":0"), "impossible 'round' row: ops is 0"),
        (row.replace("\"check\":\"ok\"", "\"check\":\"bad\""), "impossible 'round' row: check is 'bad', expected 'ok'"),
        (set("NaN"), "corrupt: no JSON object"),
        (set("1e400"), "corrupt: no JSON object"),
        (set("Infinity"), "corrupt: no JSON object"),
        (set("-5"), "corrupt 'round' row: invalid value: integer `-5`"),
        (set("1.5"), "corrupt 'round' row: invalid type: floating point `1.5`"),
        (set("18446744073709551616"), "corrupt 'round' row: invalid type: floating point `1.8446744073709552e+19`"),
        (set("null"), "corrupt 'round' row: invalid type: null"),
    ] {
        let loaded = read(with_line(8, &bad)).unwrap();
        let faults = faults(&loaded);
        assert!(faults.len() == 1 && faults[0].starts_with(&format!("results.jsonl:8: {problem}")), "{faults:?}");
        assert_eq!(loaded.record.rounds.len(), 5);
    }
}

#[test]
fn a_damaged_histogram_is_a_fault() {
    let mut record = Synthetic::new();
    record.tight_loop("gmp", 2, 500, 10);
    for line in &mut record.lines[..8] {
        if let Line::Hist(hist) = line {
            hist.data.replace_range(60..64, "AAAA");
        }
    }
    let text: String = record.lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
    let loaded = read(text).unwrap();
    assert_eq!(
        faults(&loaded),
        ["results.jsonl:8: corrupt 'hist' row: damaged data, expected a deflated V2 histogram"]
    );
    assert_eq!(loaded.record.hists.len(), 1);
}

#[test]
fn times_at_the_edge_of_what_a_number_holds_can_be_analysed() {
    let row = line(8);
    let wall = row.split("\"wall_ns\":").nth(1).unwrap().split(',').next().unwrap().to_owned();
    let most = |row: &str| {
        row.replace(&format!("\"wall_ns\":{wall}"), &format!("\"wall_ns\":{}", u64::MAX))
            .replace("\"ops\":1000000", &format!("\"ops\":{}", u64::MAX))
            .replace("\"ctx_voluntary\":1000000", &format!("\"ctx_voluntary\":{}", u64::MAX))
            .replace("\"round\":1,", &format!("\"round\":{},", u64::MAX))
    };
    for bad in [
        most(&row),
        row.replace(
            &format!("\"cpu_ns\":{}", row.split("\"cpu_ns\":").nth(1).unwrap().split(',').next().unwrap()),
            "\"cpu_ns\":0",
        ),
    ] {
        let loaded = read(with_line(8, &bad)).unwrap();
        assert_eq!(faults(&loaded), [""; 0]);
        let analysis = Analysis::new(&[loaded.record], Machines::MustMatch).unwrap();
        assert_eq!(analysis.variants[0].measured("gmp").unwrap().rounds.len(), 3);
        // CPU time of nothing has no ratio, and that is all.
        reports::compare::contenders(&analysis, "tokio-mt", "gmp").unwrap();
    }
}

#[test]
fn two_runs_in_one_file_are_not_mixed() {
    let other = text().replace("2026-11-23T17-04-05Z-7", "2026-11-24T00-00-00Z-8");
    let loaded = read(text() + &other).unwrap();
    let expected = "results.jsonl:14: a second run, '2026-11-24T00-00-00Z-8', begins: expected one record a file; this line and all after it are not used";
    assert_eq!(faults(&loaded), [expected]);
    assert_eq!(loaded.record.rounds.len(), 6);
}

#[test]
fn unknown_kinds_and_fields_are_ignored() {
    let newer = line(8).replace("{\"t\":\"round\"", "{\"future\":[1],\"t\":\"round\"");
    let loaded = read(with_line(8, &newer) + "{\"t\":\"weather\",\"sun\":true}\n").unwrap();
    assert_eq!(faults(&loaded), [""; 0]);
    assert_eq!(loaded.record.rounds.len(), 6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever one byte becomes, the rest is read and can be analysed.
    #[test]
    fn one_wrong_byte_costs_little_and_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = text().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(loaded) = read(bytes) {
            prop_assert!(loaded.faults.len() <= 3, "{:?}", loaded.faults);
            prop_assert!(loaded.record.rounds.len() >= 4);
            prop_assert!(Analysis::new(&[loaded.record], Machines::MustMatch).is_ok());
        } else {
            prop_assert!(at <= line(1).len(), "only the first line is needed");
        }
    }
}
