//! What a calibration counts and promises, on rounds made by hand.

mod synthetic;

use reports::{
    Analysis, Calibration, Machines, Record,
    calibration::{Arm, Row, SliceRow, SliceTable, Spread, Tally},
};
use synthetic::Synthetic;

/// A run of `gmp` at 100 ns and another contender at `ns_per_op`.
fn record(candidate: &str, rounds: u64, ns_per_op: f64) -> Synthetic {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", rounds, 100.0).ping_pong(1, candidate, rounds, ns_per_op).end();
    record
}

fn analysis(record: Record) -> Analysis {
    Analysis::new(&[record], Machines::MustMatch).unwrap()
}

fn tally(records: &[Synthetic], candidate: &str) -> Tally {
    let mut tally = Tally::default();
    for record in records {
        tally.add(&analysis(record.record_named("record.jsonl")), "gmp", candidate);
    }
    tally
}

#[test]
fn a_comparison_counts_as_what_compare_says_of_it() {
    let runs = [record("again", 8, 100.0), record("again", 8, 110.0), record("again", 8, 90.0)];
    let tally = tally(&runs, "again");
    assert_eq!((tally.comparisons, tally.slower, tally.faster, tally.without_verdict), (3, 1, 1, 0));
    assert!((tally.median_ratio().unwrap() - 1.0).abs() < 0.02);
    assert!(tally.median_half_width().is_some_and(|width| width > 0.0 && width < 0.05));
    assert_eq!((tally.found(0), tally.found(10)), (2, 1), "A/A counts both directions, a slowdown only the right one");
}

#[test]
fn a_run_without_a_verdict_is_no_comparison() {
    let too_few = record("again", 5, 200.0);
    let mut unsound = record("again", 12, 200.0);
    unsound.discard(|round| round.round < 4);
    let tally = tally(&[too_few, unsound, record("other", 8, 200.0)], "again");
    assert_eq!((tally.comparisons, tally.without_verdict), (0, 3));
}

#[test]
fn rounds_of_several_passes_are_pooled() {
    let passes: Vec<Record> = (0..3)
        .map(|pass| {
            let mut record = record("again", 8, 100.0);
            record.run(|run| run.id = format!("pass-{pass}"));
            record.record_named(&format!("pass-{pass}.jsonl"))
        })
        .collect();
    let one = Spread::of(&analysis(passes[0].clone()), "gmp", "again");
    let all = Spread::of(&Analysis::new(&passes, Machines::MustMatch).unwrap(), "gmp", "again");
    assert_eq!((one.rounds, all.rounds), (8, 24));
    // The same deviations three times: sqrt(7 / 8 * 24 / 23) of the sample's.
    let expected = one.sd.unwrap() * (7.0_f64 / 8.0 * 24.0 / 23.0).sqrt();
    assert!((all.sd.unwrap() - expected).abs() < 1e-9);
    assert_eq!(Spread::of(&analysis(passes[0].clone()), "gmp", "nobody"), Spread { rounds: 0, sd: None });
}

fn calibration(false_alarms: u64, found: u64) -> Calibration {
    let row = |tally| Row { cell: "gmp ping_pong{workers=1}".to_owned(), promised: true, tally };
    let arm = |slower_percent, slower| Arm {
        slower_percent,
        rows: vec![
            row(Tally { comparisons: 100, slower, ..Tally::default() }),
            Row { promised: false, ..row(Tally { comparisons: 20, slower: 0, ..Tally::default() }) },
        ],
    };
    let record = record("again", 8, 100.0).record_named("record.jsonl");
    let spreads = vec![Spread { rounds: 24, sd: Some(0.0123) }, Spread { rounds: 23, sd: None }];
    Calibration {
        run: Some(record.run),
        machine: record.machine,
        rounds: 8,
        time_ns: 200_000_000,
        arms: vec![arm(0, false_alarms), arm(10, found)],
        slices: Some(SliceTable {
            time_ns: 400_000_000,
            lengths_ns: vec![400_000_000, 10_000_000],
            rows: vec![SliceRow { cell: "gmp ping_pong{workers=1}".to_owned(), spreads }],
        }),
        complete: true,
    }
}

#[test]
fn the_text_is_markdown_that_says_what_was_found_and_what_may_be() {
    let text = calibration(4, 97).to_string();
    // 120 comparisons without a difference; 10 of 120 have a probability of 7.6 % or more to be reached, 11 one of 3.6 %.
    assert!(text.contains("At most 10 of 120 may show a difference"), "{text}");
    assert!(text.contains("a level of 3.9 %, so about 4.7 are to be expected"), "{text}");
    assert!(text.contains("| **all that is promised** "), "{text}");
    assert!(text.contains("97.0 %") && text.contains("91.5 to 99.4 %"), "{text}");
    assert!(
        text.contains("| 1 x 400 ms | 40 x 10 ms |   rounds |")
            && text.contains("|      0.012 |          - | 23 to 24 |"),
        "{text}"
    );
    assert!(text.contains("**Holds**") && !text.contains("Does not hold"), "{text}");
    let widths = |line: &str| line.chars().count();
    let table: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).take(4).collect();
    assert!(table.windows(2).all(|lines| widths(lines[0]) == widths(lines[1])), "{text}");
}

#[test]
fn a_promise_that_does_not_hold_is_named_in_text_and_json() {
    let broken = calibration(11, 90);
    let text = broken.to_string();
    assert!(text.contains("A/A: 11 of 120") && text.contains("10 % slower: found in 90 of 100"), "{text}");
    let json = broken.json();
    assert_eq!((json["holds"].as_bool(), json["objections"].as_array().map(Vec::len)), (Some(false), Some(2)));
    assert_eq!(json["arms"][0]["total"]["comparisons"], 120);
    assert_eq!(json["arms"][1]["total"]["comparisons"], 100, "only cells that are promised");
    assert_eq!(json["slices"]["cells"][0]["spreads"][1]["slice_ns"], 10_000_000);
    assert_eq!(calibration(10, 95).json()["holds"], true);
}
