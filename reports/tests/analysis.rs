//! The figures of an analysis, from records whose figures are known.

mod synthetic;

use reports::{
    Analysis, Machines, MergeError,
    analysis::{Share, Soundness, State},
    record::{ErrorKind, Line, Resume, Round},
};
use synthetic::{OPS, Synthetic};

fn analyse(record: &Synthetic) -> Analysis {
    Analysis::new(&[record.record()], Machines::MustMatch).unwrap()
}

fn near(a: f64, b: f64, relative: f64) -> bool {
    (a / b - 1.0).abs() < relative
}

#[test]
fn a_cell_holds_what_its_rounds_say() {
    let analysis = analyse(Synthetic::new().ping_pong(1, "gmp", 8, 100.0).ping_pong(1, "tokio-mt", 8, 250.0).end());
    let [variant] = &analysis.variants[..] else { panic!("{:?}", analysis.variants) };
    assert_eq!(variant.label(), "ping_pong{workers=1}");
    assert_eq!(variant.best().unwrap().contender, "gmp");
    assert_eq!(analysis.contender_names().collect::<Vec<_>>(), ["gmp", "tokio-mt"]);

    let gmp = variant.measured("gmp").unwrap();
    assert_eq!((gmp.rounds.len(), gmp.discarded, gmp.ops), (8, 0, 8 * OPS));
    assert!(near(gmp.median, 100.0, 0.02) && gmp.best_seen <= gmp.median);
    assert!(near(gmp.cpu_ns_per_op, 50.0, 0.02));
    assert_eq!(gmp.to_best, None);
    assert_eq!((gmp.peak_rss_bytes, gmp.peak_threads, gmp.ctx_per_op), (Some(1 << 20), Some(10), Some(1.5)));
    assert_eq!(gmp.counters["steals"], 16);

    let ratio = variant.measured("tokio-mt").unwrap().to_best.unwrap();
    let (low, high) = ratio.interval.unwrap();
    assert!(near(ratio.estimate, 2.5, 0.02) && low < ratio.estimate && ratio.estimate < high, "{ratio:?}");
    assert!(near(low, 2.5, 0.05) && near(high, 2.5, 0.05), "{ratio:?}");
    assert_eq!((ratio.rounds, ratio.level, ratio.p), (8, 0.95, Some(2.0 / 256.0)));
    assert!(ratio.is_significant());

    assert_eq!(analysis.verdict, Soundness::Clean);
    assert_eq!(analysis.warnings, [""; 0]);
}

#[test]
fn below_six_rounds_there_is_no_interval() {
    let five = analyse(Synthetic::new().ping_pong(1, "gmp", 5, 100.0).ping_pong(1, "tokio-mt", 5, 250.0));
    let ratio = five.variants[0].measured("tokio-mt").unwrap().to_best.unwrap();
    assert_eq!((ratio.interval, ratio.p, ratio.rounds, ratio.is_significant()), (None, None, 5, false));
    let six = analyse(Synthetic::new().ping_pong(1, "gmp", 6, 100.0).ping_pong(1, "tokio-mt", 6, 250.0));
    assert!(six.variants[0].measured("tokio-mt").unwrap().to_best.unwrap().interval.is_some());
}

#[test]
fn the_metric_of_a_workload_decides() {
    let analysis = analyse(Synthetic::new().tight_loop("gmp", 6, 20_000, 10).tight_loop("tokio-mt", 6, 20_000, 1_000));
    let variant = &analysis.variants[0];
    let tokio = variant.measured("tokio-mt").unwrap();
    assert!(near(tokio.median, 10_000_500.0, 0.002), "{}", tokio.median);
    assert!(near(tokio.to_best.unwrap().estimate, 100.0, 0.002));
    assert_eq!(tokio.latency["wake"].len(), 6 * 20_000, "pooled to draw");

    let percentiles = &tokio.percentiles["wake"];
    assert_eq!(percentiles.iter().map(|p| p.percent).collect::<Vec<_>>(), [50.0, 90.0, 99.0, 99.9]);
    assert!(near(percentiles[2].value_ns.unwrap(), 19_800_000.0, 0.002));
    assert_eq!(
        percentiles[3].value_ns, None,
        "20 samples of a round lie beyond, 120 of all rounds: still insufficient"
    );
}

#[test]
fn a_round_is_discarded_whole() {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 8, 100.0).ping_pong(1, "tokio-mt", 8, 250.0).end();
    record.discard(|round| round.contender == "gmp" && round.round == 3);
    let analysis = analyse(&record);
    for cell in &analysis.variants[0].cells {
        let measured = cell.measured().unwrap();
        assert_eq!((measured.rounds.len(), measured.discarded), (7, 1), "{}", cell.contender);
        assert!(measured.rounds.iter().all(|round| round.round != 3));
    }
    assert_eq!(analysis.verdict, Soundness::Noisy(vec!["1 of 8 rounds were discarded: steal over 5 %".to_owned()]));
}

#[test]
fn more_than_a_quarter_discarded_is_unsound() {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 8, 100.0).ping_pong(1, "tokio-mt", 8, 250.0).end();
    let two = analyse(record.discard(|round| round.round < 2));
    assert!(matches!(two.verdict, Soundness::Noisy(_)), "{:?}", two.verdict);
    let three = analyse(record.discard(|round| round.round < 3));
    assert_eq!(three.verdict, Soundness::Unsound(vec!["3 of 8 rounds were discarded: steal over 5 %".to_owned()]));
    let all = analyse(record.discard(|_| true));
    let State::Missing { kind: None, reason } = &all.variants[0].cells[0].state else { panic!() };
    assert_eq!(reason, "all of its rounds, 8, were discarded");
}

#[test]
fn a_busy_machine_is_noisy() {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 8, 100.0).end().machine(|machine| machine.load_1m = Some(1.5));
    let verdict = analyse(&record).verdict;
    let expected = "the machine was busy when the run began: load average 1.50 on 2 cores";
    assert_eq!(verdict, Soundness::Noisy(vec![expected.to_owned()]));
}

/// A record whose rounds take a second each, on two CPUs.
fn seconds(each: impl Fn(&mut Round)) -> Synthetic {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 8, 100.0).ping_pong(1, "tokio-mt", 8, 250.0).end();
    for line in &mut record.lines {
        if let Line::Round(round) = line {
            round.round_ns = Some(1_000_000_000);
            each(round);
        }
    }
    record
}

#[test]
fn other_processes_make_a_run_noisy_by_the_median_round() {
    let foreign = |busy_rounds: u64| {
        let record = seconds(|round| {
            round.foreign_cpu_ns = Some(if round.round < busy_rounds { 400_000_000 } else { 10_000_000 })
        });
        analyse(&record)
    };
    let few = foreign(3);
    assert_eq!(few.verdict, Soundness::Clean);
    // Of both contenders' rows, one counts.
    assert_eq!(few.conditions.foreign_cpu, Some(Share { median: 0.005, most: 0.2, rounds: 8 }));
    let expected = "other processes had 20.0 % of the machine's CPU time in the median round, 5 % count as quiet";
    assert_eq!(foreign(5).verdict, Soundness::Noisy(vec![expected.to_owned()]));
}

#[test]
fn waiting_for_memory_makes_a_run_noisy_and_other_waiting_does_not() {
    let memory = seconds(|round| round.pressure_memory_ns = Some(80_000_000));
    let expected = "somebody waited for memory in 8.0 % of the time in the median round, 5 % count as quiet";
    assert_eq!(analyse(&memory).verdict, Soundness::Noisy(vec![expected.to_owned()]));
    let others = seconds(|round| {
        round.pressure_cpu_ns = Some(900_000_000);
        round.pressure_io_ns = Some(500_000_000);
    });
    let others = analyse(&others);
    assert_eq!(others.verdict, Soundness::Clean);
    assert_eq!(others.conditions.pressure_cpu.map(|share| share.median), Some(0.9));
    assert_eq!(others.conditions.pressure_memory, None, "what no round tells is not zero");
}

#[test]
fn migrations_are_by_operation_over_the_rounds_that_tell() {
    let record = seconds(|round| round.migrations = (round.round < 4).then_some(round.ops / 10));
    let gmp = &analyse(&record).variants[0].cells[0];
    assert_eq!(gmp.measured().unwrap().migrations_per_op, Some(0.1));
    let untold = &analyse(&seconds(|_| ())).variants[0].cells[0];
    assert_eq!(untold.measured().unwrap().migrations_per_op, None);
}

#[test]
fn what_is_missing_says_why() {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 8, 100.0).ping_pong(1, "smol", 7, 300.0);
    record.error("rayon", None, ErrorKind::NotApplicable, "fork-join has no channels");
    record.error("go", Some(0), ErrorKind::Crash, "killed by signal 9");
    record.error("smol", Some(7), ErrorKind::Hang, "no answer in 10 s");
    let analysis = analyse(&record);
    let state = |contender| &analysis.variants[0].cell(contender).unwrap().state;
    let missing = |contender| match state(contender) {
        State::Missing { kind, reason } => (*kind, reason.as_str()),
        State::Measured(_) => panic!("{contender} was measured"),
    };
    assert_eq!(missing("rayon"), (Some(ErrorKind::NotApplicable), "fork-join has no channels"));
    assert_eq!(missing("go"), (Some(ErrorKind::Crash), "killed by signal 9"));
    assert_eq!(missing("tokio-mt"), (None, "not run"));
    let smol = analysis.variants[0].measured("smol").unwrap();
    assert_eq!((smol.rounds.len(), smol.errors.len()), (7, 1));
    assert_eq!(smol.to_best.unwrap().rounds, 7);
    assert_eq!(
        analysis.warnings,
        [
            "run 2026-11-23T17-04-05Z-7 was not completed: its record has no end",
            "a child hung once, first smol on ping_pong{workers=1}",
            "a child crashed once, first go on ping_pong{workers=1}",
        ]
    );
}

#[test]
fn the_summary_is_over_what_all_have() {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 6, 100.0).ping_pong(1, "tokio-mt", 6, 400.0);
    record.ping_pong(2, "gmp", 6, 100.0).ping_pong(2, "tokio-mt", 6, 100.0 / 4.0);
    record.ping_pong(4, "gmp", 6, 100.0);
    record.error("rayon", None, ErrorKind::NotApplicable, "no channels");
    let summary = analyse(&record).summary;
    let row = |index: usize| {
        (summary[index].contender.as_str(), summary[index].common, summary[index].covered, summary[index].of)
    };
    assert_eq!((row(0), row(1), row(2)), (("gmp", 2, 3, 3), ("tokio-mt", 2, 2, 3), ("rayon", 2, 0, 3)));
    assert!(near(summary[0].geometric_mean.unwrap(), 2.0, 0.02), "{summary:?}");
    assert!(near(summary[1].geometric_mean.unwrap(), 2.0, 0.02), "{summary:?}");
    assert_eq!(summary[2].geometric_mean, None);
}

#[test]
fn rows_of_an_undescribed_workload_are_a_warning() {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 2, 100.0).end();
    let mut record = record.record();
    record.workloads.clear();
    let analysis = Analysis::new(&[record], Machines::MustMatch).unwrap();
    assert!(analysis.variants.is_empty());
    assert_eq!(analysis.warnings, ["2 rows of 'ping_pong' are not used: the record has no 'workload' row for it"]);
}

#[test]
fn a_record_without_rounds_is_an_analysis_without_variants() {
    let analysis = analyse(&Synthetic::new());
    assert!(analysis.variants.is_empty() && analysis.summary.iter().all(|row| row.geometric_mean.is_none()));
}

#[test]
fn partitions_of_a_run_merge_and_pair_within_themselves() {
    let (mut a, mut b) = (Synthetic::new(), Synthetic::new());
    a.ping_pong(1, "gmp", 4, 100.0).ping_pong(1, "tokio-mt", 4, 200.0).end();
    b.ping_pong(1, "gmp", 4, 300.0).ping_pong(1, "tokio-mt", 4, 600.0).end().run(|run| run.id = "second".to_owned());
    let analysis = Analysis::new(&[a.record(), b.record()], Machines::MustMatch).unwrap();
    let ratio = analysis.variants[0].measured("tokio-mt").unwrap().to_best.unwrap();
    assert!(near(ratio.estimate, 2.0, 0.02) && ratio.rounds == 8, "{ratio:?}");
    let (low, high) = ratio.interval.unwrap();
    assert!(high / low < 1.1, "had rounds of different records been paired, the interval would be wide: {ratio:?}");
}

#[test]
fn records_that_do_not_go_together_are_refused() {
    let (mut a, mut b) = (Synthetic::new(), Synthetic::new());
    a.ping_pong(1, "gmp", 2, 100.0);
    b.ping_pong(2, "gmp", 2, 100.0).machine(|machine| machine.key = "b".to_owned());
    let records = [a.record_named("a.jsonl"), b.record_named("b.jsonl")];
    let error = Analysis::new(&records, Machines::MustMatch).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a.jsonl (Testium 9000, 2 cores, kernel 6.12, key a) and b.jsonl (Testium 9000, 2 cores, kernel 6.12, key b) \
         are of different machines: their timings do not compare"
    );
    let forced = Analysis::new(&records, Machines::MayDiffer).unwrap();
    assert_eq!(forced.variants.len(), 2);
    assert!(forced.warnings.iter().any(|warning| warning.contains("different machines")), "{:?}", forced.warnings);

    let unknown = Synthetic { lines: vec![a.lines[0].clone()] }.record_named("c.jsonl");
    let error = Analysis::new(&[a.record_named("a.jsonl"), unknown], Machines::MustMatch).unwrap_err().to_string();
    assert!(error.contains("c.jsonl (machine not recorded)"), "{error}");

    let twice = [a.record_named("a.jsonl"), a.record_named("copy.jsonl")];
    let error = Analysis::new(&twice, Machines::MustMatch).unwrap_err().to_string();
    assert_eq!(
        error,
        "a.jsonl and copy.jsonl both have round 0 of gmp on ping_pong{workers=1} of run 2026-11-23T17-04-05Z-7, \
         expected each row in one of them"
    );
    assert!(matches!(Analysis::new(&[], Machines::MustMatch), Err(MergeError::NoRecord)));
}

#[test]
fn a_run_that_was_resumed_says_so_and_is_complete_when_it_has_ended_since() {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 8, 100.0).end();
    record.lines.push(Line::Resume(Resume { started: "2026-11-24T08:00:00Z".to_owned() }));
    let open = analyse(&record).warnings;
    assert!(
        matches!(&open[..], [end, resumed] if end.contains("has no end") && resumed.contains("resumed")),
        "{open:?}"
    );
    let closed = analyse(record.end()).warnings;
    assert!(matches!(&closed[..], [resumed] if resumed.contains("2026-11-24T08:00:00Z")), "{closed:?}");
}
