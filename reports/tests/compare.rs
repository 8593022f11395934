//! Comparisons of contenders and of runs.

mod synthetic;

use reports::{
    Analysis, Machines,
    compare::{self, By, Change, Comparison, Outcome, Verdict},
    record::{Line, Metric, Round},
};
use synthetic::{OPS, Synthetic};

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

/// The changes of this kind of figure, row by row.
fn changes(comparison: &Comparison, by: By) -> Vec<&Change> {
    comparison.lines(by).map(|line| line.change().unwrap_or_else(|| panic!("{comparison}"))).collect()
}

fn verdicts(comparison: &Comparison, by: By) -> Vec<Verdict> {
    changes(comparison, by).iter().map(|change| change.verdict).collect()
}

/// Changes every round.
fn each_round(record: &mut Synthetic, change: impl Fn(&mut Round)) {
    for line in &mut record.lines {
        if let Line::Round(round) = line {
            change(round);
        }
    }
}

#[test]
fn contenders_are_paired_by_round() {
    let comparison = compare::contenders(&analyse(&run("a", 8, 100.0)), "tokio-mt", "gmp").unwrap();
    assert!(comparison.paired);
    let metric = changes(&comparison, By::Metric);
    let (low, high) = metric[0].ratio.interval.unwrap();
    assert!(0.38 < low && low < 0.4 && 0.4 < high && high < 0.42, "{comparison}");
    // Of two lines, the smaller p is doubled.
    assert_eq!((metric[0].ratio.p, metric[0].adjusted_p), (Some(2.0 / 256.0), Some(4.0 / 256.0)));
    for by in [By::Metric, By::Cpu] {
        assert_eq!(verdicts(&comparison, by), [Verdict::Better, Verdict::Same]);
    }
    assert_eq!(verdicts(&comparison, By::Rss), [Verdict::Same, Verdict::Same]);
    let family = &comparison.families[0];
    assert!((family.geometric_mean.unwrap() - 0.4_f64.sqrt()).abs() < 0.01, "{family:?}");
    assert_eq!((family.by, family.compared, family.of, family.one_alone_is_unseen), (By::Metric, 2, 2, false));
    insta::assert_snapshot!(comparison);
}

#[test]
fn the_other_way_round_says_the_same() {
    let analysis = analyse(&run("a", 8, 100.0));
    let there = compare::contenders(&analysis, "tokio-mt", "gmp").unwrap();
    let back = compare::contenders(&analysis, "gmp", "tokio-mt").unwrap();
    for by in By::ALL {
        for (there, back) in changes(&there, by).into_iter().zip(changes(&back, by)) {
            assert!((there.ratio.estimate * back.ratio.estimate - 1.0).abs() < 1e-12);
            assert_eq!((there.ratio.p, there.adjusted_p), (back.ratio.p, back.adjusted_p));
        }
    }
    assert_eq!(verdicts(&back, By::Metric), [Verdict::Worse, Verdict::Same]);
}

#[test]
fn runs_are_not_paired() {
    let (mut before, mut after) = (run("a", 8, 100.0), run("b", 10, 110.0));
    before.ping_pong(4, "gmp", 8, 100.0);
    after.ping_pong(8, "gmp", 8, 100.0);
    let comparison = compare::runs(&analyse(&before), &analyse(&after), Machines::MustMatch).unwrap();
    assert!(!comparison.paired);
    let names: Vec<_> = comparison.rows.iter().map(|row| row.name.as_str()).collect();
    let expected = [
        "ping_pong{workers=1} gmp",
        "ping_pong{workers=1} tokio-mt",
        "ping_pong{workers=2} gmp",
        "ping_pong{workers=2} tokio-mt",
    ];
    assert_eq!(names, expected);
    assert_eq!(verdicts(&comparison, By::Metric), [Verdict::Worse, Verdict::Same, Verdict::Same, Verdict::Same]);
    // All 8 and all 10 apart: the smallest p, 2 / C(18, 8).
    assert!((changes(&comparison, By::Metric)[0].ratio.p.unwrap() - 2.0 / 43758.0).abs() < 1e-12);
    // Two cells that only one run has, gmp's of each, count in the coverage.
    assert_eq!((comparison.families[0].compared, comparison.families[0].of), (4, 6));
    assert_eq!(comparison.not_compared, ["ping_pong{workers=4}: only in a", "ping_pong{workers=8}: only in b"]);
    insta::assert_snapshot!(comparison);
}

#[test]
fn too_few_rounds_are_said_to_be_so() {
    let comparison = compare::contenders(&analyse(&run("a", 5, 100.0)), "tokio-mt", "gmp").unwrap();
    assert_eq!(verdicts(&comparison, By::Metric), [Verdict::TooFewRounds; 2]);
    assert_eq!(changes(&comparison, By::Metric)[0].ratio.interval, None);
    let runs =
        compare::runs(&analyse(&run("a", 3, 100.0)), &analyse(&run("b", 3, 200.0)), Machines::MustMatch).unwrap();
    assert_eq!(verdicts(&runs, By::Metric)[0], Verdict::TooFewRounds);
}

#[test]
fn other_machines_are_refused_unless_forced() {
    let (a, mut b) = (run("a", 8, 100.0), run("b", 8, 100.0));
    b.machine(|machine| machine.key = "b".to_owned());
    let (a, b) = (analyse(&a), analyse(&b));
    let error = compare::runs(&a, &b, Machines::MustMatch).unwrap_err().to_string();
    assert!(error.contains("are of different machines: their timings do not compare"), "{error}");
    let forced = compare::runs(&a, &b, Machines::MayDiffer).unwrap();
    assert!(forced.two_machines && !compare::runs(&a, &a, Machines::MustMatch).unwrap().two_machines);
    for part in ["of TWO MACHINES", "warning: a (Testium 9000", "and not of two versions"] {
        assert!(forced.to_string().contains(part), "{part}: {forced}");
    }
}

#[test]
fn other_cpus_of_the_same_machine_are_named() {
    let (a, mut b) = (run("a", 8, 100.0), run("b", 8, 100.0));
    b.run(|run| run.pin = Some(vec![0, 2]));
    let compared = compare::runs(&analyse(&a), &analyse(&b), Machines::MustMatch).unwrap();
    assert!(compared.warnings[0].starts_with("a ran on all CPUs, b ran on CPUs 0, 2: "), "{:?}", compared.warnings);
    let alike = compare::runs(&analyse(&b), &analyse(&b), Machines::MustMatch).unwrap();
    assert!(!alike.warnings.iter().any(|warning| warning.contains("CPUs")), "{:?}", alike.warnings);
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

/// `tight_loop` with as many samples a round as given, where gmp is ten times as fast.
fn with_latency(samples: u64) -> Synthetic {
    let mut record = Synthetic::new();
    record.tight_loop("gmp", 8, samples, 100).tight_loop("tokio-mt", 8, samples, 1_000).end();
    record
}

#[test]
fn p99_is_that_of_rounds_and_is_compared_where_samples_carry_it() {
    let comparison = compare::contenders(&analyse(&with_latency(10_000)), "tokio-mt", "gmp").unwrap();
    let [p99] = changes(&comparison, By::P99)[..] else { panic!("{comparison}") };
    assert!((p99.baseline / 9_900_000.0 - 1.0).abs() < 0.002 && (p99.ratio.estimate - 0.1).abs() < 0.001, "{p99:?}");
    let (low, high) = p99.ratio.interval.unwrap();
    assert!(low <= p99.ratio.estimate && p99.ratio.estimate <= high && high < 0.101, "{p99:?}");
    assert_eq!(p99.verdict, Verdict::Better);
    assert!(comparison.to_string().contains("p99 wake-up latency"), "{comparison}");
}

#[test]
fn p99_of_too_few_samples_is_insufficient_and_not_covered() {
    // 99 samples beyond it in each round; pooled there would be plenty.
    let comparison = compare::contenders(&analyse(&with_latency(9_900)), "tokio-mt", "gmp").unwrap();
    let lines: Vec<_> = comparison.lines(By::P99).collect();
    let [line] = lines[..] else { panic!("{comparison}") };
    assert!(matches!(&line.outcome, Outcome::Lacking(reason) if reason == "insufficient"), "{comparison}");
    let family = comparison.families.iter().find(|family| family.by == By::P99).unwrap();
    assert_eq!((family.geometric_mean, family.compared, family.of), (None, 0, 1));
    insta::assert_snapshot!(comparison);
}

#[test]
fn one_round_without_samples_makes_its_percentile_insufficient() {
    // A round that is slow has few samples: without it, the others would flatter.
    let mut record = with_latency(10_000);
    record.lines.retain(|line| !matches!(line, Line::Hist(hist) if hist.contender == "gmp" && hist.round == 3));
    for line in &mut record.lines {
        if let Line::Workload(workload) = line {
            workload.metric = Metric::TimePerOp;
        }
    }
    let comparison = compare::contenders(&analyse(&record), "tokio-mt", "gmp").unwrap();
    assert!(comparison.lines(By::P99).all(|line| line.change().is_none()), "{comparison}");
    assert_eq!(changes(&comparison, By::Metric)[0].ratio.rounds, 8);
}

#[test]
fn peak_memory_is_compared_and_is_not_guessed() {
    let mut record = run("a", 8, 100.0);
    each_round(&mut record, |round| {
        let megabytes = if round.contender == "gmp" { 2 } else { 1 };
        round.peak_rss_bytes = Some((megabytes << 20) + round.round * 4096);
        if round.params["workers"] == 2 && round.round == 5 {
            round.peak_rss_bytes = None;
        }
    });
    let comparison = compare::contenders(&analyse(&record), "tokio-mt", "gmp").unwrap();
    let lines: Vec<_> = comparison.lines(By::Rss).collect();
    let change = lines[0].change().unwrap();
    assert!((change.ratio.estimate - 2.0).abs() < 0.05 && change.verdict == Verdict::Worse, "{comparison}");
    let lacking = Outcome::Lacking("not recorded in every round".to_owned());
    assert_eq!(format!("{:?}", lines[1].outcome), format!("{lacking:?}"));
}

#[test]
fn memory_by_task_is_compared_by_medians_of_rounds() {
    let mut record = run("a", 8, 100.0);
    for line in &mut record.lines {
        match line {
            Line::Workload(workload) => workload.metric = Metric::BytesPerOp,
            Line::Round(round) => {
                // Every third round of a process has a mode of its own.
                let mode = if round.round % 3 == 0 { 1_000 } else { 0 };
                round.bytes = Some((if round.contender == "gmp" { 4_000 + mode } else { 1_000 }) * OPS);
            }
            _ => {}
        }
    }
    let comparison = compare::contenders(&analyse(&record), "tokio-mt", "gmp").unwrap();
    let change = changes(&comparison, By::Metric)[0];
    assert!((change.ratio.estimate - 4.0).abs() < 1e-9, "{comparison}");
    assert_eq!((change.baseline, change.candidate, change.verdict), (1_000.0, 4_000.0, Verdict::Worse));
    let (low, high) = change.ratio.interval.unwrap();
    assert!((low - 4.0).abs() < 1e-9 && 4.0 < high && high <= 5.0 + 1e-9, "{comparison}");
}

/// gmp's time grows by a quarter while workers double, tokio's not at all.
fn sweep() -> Synthetic {
    let mut record = Synthetic::new();
    for (workers, time) in [(1, 100.0), (2, 125.0), (4, 156.25), (8, 195.3125)] {
        record.ping_pong(workers, "gmp", 8, time).ping_pong(workers, "tokio-mt", 8, 250.0);
    }
    record.end();
    record
}

#[test]
fn growth_along_a_sweep_is_compared() {
    let comparison = compare::contenders(&analyse(&sweep()), "tokio-mt", "gmp").unwrap();
    let [growth] = changes(&comparison, By::Growth)[..] else { panic!("{comparison}") };
    assert!((growth.baseline - 1.0).abs() < 0.01 && (growth.candidate - 1.25).abs() < 0.01, "{comparison}");
    assert!((growth.ratio.estimate - 1.25).abs() < 0.015 && growth.verdict == Verdict::Worse, "{comparison}");
    assert_eq!(comparison.rows[4].name, "ping_pong{workers=1|2|4|8}");
    let before = analyse(&sweep());
    let runs = compare::runs(&before, &before, Machines::MustMatch).unwrap();
    assert_eq!(verdicts(&runs, By::Growth), [Verdict::Same; 2]);
}

#[test]
fn a_lone_difference_among_many_lines_is_corrected_away_and_that_is_said() {
    let mut record = Synthetic::new();
    for workers in 1..=8 {
        let gmp = if workers == 1 { 100.0 } else { 250.0 };
        record.ping_pong(workers, "gmp", 8, gmp).ping_pong(workers, "tokio-mt", 8, 250.0);
    }
    let comparison = compare::contenders(&analyse(&record), "tokio-mt", "gmp").unwrap();
    let metric = changes(&comparison, By::Metric);
    assert_eq!((metric[0].ratio.p, metric[0].adjusted_p), (Some(2.0 / 256.0), Some(16.0 / 256.0)));
    assert_eq!(verdicts(&comparison, By::Metric), [Verdict::Same; 8], "8 times 2 / 256 is over 5 %");
    assert!(comparison.families[0].one_alone_is_unseen);
    assert!(comparison.to_string().contains("A difference in one line alone cannot show in metric"), "{comparison}");
}

#[test]
fn only_what_is_asked_for_is_shown_and_it_says_the_same() {
    let all = compare::contenders(&analyse(&sweep()), "tokio-mt", "gmp").unwrap();
    let cpu = all.clone().only(&[By::Cpu]);
    assert_eq!(cpu.rows.len(), 4, "the sweep has no line left");
    assert_eq!(verdicts(&cpu, By::Cpu), verdicts(&all, By::Cpu));
    assert!(!cpu.to_string().contains("time per op"), "{cpu}");
    let none = all.clone().only(&[By::P99]).to_string();
    assert!(none.contains("No such figure was measured on both sides."), "{none}");
    assert_eq!("wall".parse(), Ok(By::Metric));
    assert_eq!("mem".parse::<By>().unwrap_err(), "expected metric, cpu, p99, rss, growth");
}

#[test]
fn json_says_what_the_table_says() {
    let comparison = compare::contenders(&analyse(&with_latency(10_000)), "tokio-mt", "gmp").unwrap();
    let json = serde_json::to_value(&comparison).unwrap();
    let line = &json["rows"][0]["lines"][2];
    assert_eq!((line["figure"].as_str(), line["by"].as_str()), (Some("p99 wake-up latency"), Some("p99")));
    assert_eq!((line["unit"].as_str(), line["change"]["verdict"].as_str()), (Some("nanoseconds"), Some("better")));
    assert_eq!(json["families"][0]["of"], 1);
}

#[test]
fn tables_are_at_most_120_columns_wide() {
    let mut record = with_latency(9_900);
    each_round(&mut record, |round| round.peak_rss_bytes = None);
    let text = compare::contenders(&analyse(&record), "tokio-mt", "gmp").unwrap().to_string();
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
}
