//! Comparisons of contenders and of runs.

mod synthetic;

use reports::{
    Analysis, Machines,
    compare::{self, Verdict},
    record::{Line, Metric},
};
use synthetic::Synthetic;

fn run(id: &str, rounds: u64, gmp_ns: f64) -> Synthetic {
    let mut record = Synthetic::new();
    record.run(|run| run.id = id.to_owned());
    record.ping_pong(1, "gmp", rounds, gmp_ns).ping_pong(1, "tokio-mt", rounds, 250.0);
    record.ping_pong(2, "gmp", rounds, 400.0).ping_pong(2, "tokio-mt", rounds, 400.0).end();
    record
}

fn analyse(record: &Synthetic) -> Analysis {
    Analysis::new(&[record.record()], Machines::MustMatch).unwrap()
}

#[test]
fn contenders_are_paired_by_round() {
    let comparison = compare::contenders(&analyse(&run("a", 8, 100.0)), "tokio-mt", "gmp").unwrap();
    assert!(comparison.paired);
    let [first, second] = &comparison.rows[..] else { panic!("{comparison}") };
    let (low, high) = first.metric.ratio.interval.unwrap();
    assert!(0.38 < low && low < 0.4 && 0.4 < high && high < 0.42, "{comparison}");
    assert_eq!(first.metric.ratio.p, Some(2.0 / 256.0));
    assert_eq!((first.metric.verdict(), first.cpu.unwrap().verdict()), (Verdict::Better, Verdict::Better));
    assert_eq!((second.metric.verdict(), second.cpu.unwrap().verdict()), (Verdict::Same, Verdict::Same));
    let mean = comparison.geometric_mean().unwrap();
    assert!((mean - 0.4_f64.sqrt()).abs() < 0.01, "{mean}");
    insta::assert_snapshot!(comparison);
}

#[test]
fn the_other_way_round_says_the_same() {
    let analysis = analyse(&run("a", 8, 100.0));
    let there = compare::contenders(&analysis, "tokio-mt", "gmp").unwrap();
    let back = compare::contenders(&analysis, "gmp", "tokio-mt").unwrap();
    for (there, back) in there.rows.iter().zip(&back.rows) {
        assert!((there.metric.ratio.estimate * back.metric.ratio.estimate - 1.0).abs() < 1e-12);
        assert_eq!(there.metric.ratio.p, back.metric.ratio.p);
    }
    assert_eq!(back.rows[0].metric.verdict(), Verdict::Worse);
}

#[test]
fn runs_are_not_paired() {
    let (mut before, mut after) = (run("a", 8, 100.0), run("b", 10, 110.0));
    before.ping_pong(4, "gmp", 8, 100.0);
    after.ping_pong(8, "gmp", 8, 100.0);
    let comparison = compare::runs(&analyse(&before), &analyse(&after), Machines::MustMatch).unwrap();
    assert!(!comparison.paired);
    let verdicts: Vec<_> = comparison.rows.iter().map(|row| (row.name.as_str(), row.metric.verdict())).collect();
    assert_eq!(
        verdicts,
        [
            ("ping_pong{workers=1} gmp", Verdict::Worse),
            ("ping_pong{workers=1} tokio-mt", Verdict::Same),
            ("ping_pong{workers=2} gmp", Verdict::Same),
            ("ping_pong{workers=2} tokio-mt", Verdict::Same),
        ]
    );
    // All 8 and all 10 apart: the smallest p, 2 / C(18, 8).
    assert!((comparison.rows[0].metric.ratio.p.unwrap() - 2.0 / 43758.0).abs() < 1e-12);
    assert_eq!(comparison.not_compared, ["ping_pong{workers=4}: only in a", "ping_pong{workers=8}: only in b"]);
    insta::assert_snapshot!(comparison);
}

#[test]
fn too_few_rounds_are_said_to_be_so() {
    let comparison = compare::contenders(&analyse(&run("a", 5, 100.0)), "tokio-mt", "gmp").unwrap();
    assert_eq!(comparison.rows[0].metric.verdict(), Verdict::TooFewRounds);
    assert_eq!(comparison.rows[0].metric.ratio.interval, None);
    let runs =
        compare::runs(&analyse(&run("a", 3, 100.0)), &analyse(&run("b", 3, 200.0)), Machines::MustMatch).unwrap();
    assert_eq!(runs.rows[0].metric.verdict(), Verdict::TooFewRounds);
}

#[test]
fn other_machines_are_refused_unless_forced() {
    let (a, mut b) = (run("a", 8, 100.0), run("b", 8, 100.0));
    b.machine(|machine| machine.key = "b".to_owned());
    let (a, b) = (analyse(&a), analyse(&b));
    let error = compare::runs(&a, &b, Machines::MustMatch).unwrap_err().to_string();
    assert!(error.contains("are of different machines: their timings do not compare"), "{error}");
    let forced = compare::runs(&a, &b, Machines::MayDiffer).unwrap();
    assert!(forced.to_string().contains("warning: a (Testium 9000"), "{forced}");
}

#[test]
fn another_metric_is_not_compared() {
    let (a, mut b) = (run("a", 8, 100.0), run("b", 8, 100.0));
    for line in &mut b.lines {
        if let Line::Workload(workload) = line {
            workload.metric = Metric::MeanOf("service".to_owned());
        }
    }
    let error = compare::runs(&analyse(&a), &analyse(&b), Machines::MustMatch).unwrap_err().to_string();
    assert_eq!(error, "a and b have no variant in common that both measured");
}

#[test]
fn unknown_contenders_are_named() {
    let analysis = analyse(&run("a", 8, 100.0));
    let error = compare::contenders(&analysis, "tokio", "gmp").unwrap_err().to_string();
    assert_eq!(error, "unknown contender 'tokio', expected one of gmp, tokio-mt");
    let error = compare::contenders(&analysis, "gmp", "gmp").unwrap_err().to_string();
    assert_eq!(error, "'gmp' is on both sides, expected two contenders");
}

#[test]
fn what_one_side_lacks_is_listed() {
    let mut record = run("a", 8, 100.0);
    record.ping_pong(4, "gmp", 8, 100.0);
    let comparison = compare::contenders(&analyse(&record), "tokio-mt", "gmp").unwrap();
    assert_eq!(comparison.not_compared, ["ping_pong{workers=4}: not measured for tokio-mt"]);
}
