//! A made-up analysis of the size and shape of a real one, for the tests of this module.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::analysis::{
    Analysis, Cell, Measured, PERCENTILES, Percentile, Ratio, RoundValue, Soundness, State, Summary, Variant,
};
use crate::record::{self, ErrorKind, Git, Machine, Metric, Params, Run, Workload};

pub(super) const CONTENDERS: [&str; 4] = ["gmp", "os-threads", "tokio-mt", "rayon"];
const ROUNDS: u64 = 8;

/// Four workloads, each with one and two workers; one cell is n/a, one crashed.
pub(super) fn analysis() -> Analysis {
    let no_channel = "a fork-join pool has no channel that a task could wait on";
    let na = |reason: &str| Err((Some(ErrorKind::NotApplicable), reason.to_owned()));
    let crash = Err((Some(ErrorKind::Crash), "the child was ended by signal 11 (SIGSEGV)".to_owned()));
    let variants = vec![
        variant(&ping_pong(), 1, [Ok(184.0), Ok(5_120.0), Ok(421.0), na(no_channel)], Some(1.0)),
        variant(&ping_pong(), 2, [Ok(236.0), Ok(44_800.0), Ok(198.0), na(no_channel)], Some(1.0)),
        variant(&tight_loop(), 1, [Ok(9.8e6), Ok(61e3), Ok(302e6), Ok(298e6)], Some(1.0)),
        variant(&tight_loop(), 2, [Ok(10.1e6), Ok(58e3), Ok(304e6), Ok(301e6)], Some(1.0)),
        variant(&blocking_io(), 1, [Ok(4.21e6), Ok(4.16e6), Ok(4.9e6), Ok(262e6)], Some(0.2)),
        variant(&blocking_io(), 2, [Ok(4.05e6), Ok(4.07e6), Ok(4.6e6), crash], Some(0.2)),
        variant(&map_reduce(), 1, [Ok(21.4), Ok(29.1), Ok(22.5), Ok(20.6)], None),
        variant(&map_reduce(), 2, [Ok(11.9), Ok(16.0), Ok(12.8), Ok(11.1)], None),
    ];
    let common: Vec<&Variant> =
        variants.iter().filter(|it| it.cells.iter().all(|cell| cell.measured().is_some())).collect();
    let summary = CONTENDERS.iter().map(|contender| {
        let logs = common.iter().filter_map(|variant| variant.ratio_to_best(contender)).map(f64::ln);
        Summary {
            contender: (*contender).to_owned(),
            geometric_mean: Some((logs.sum::<f64>() / common.len() as f64).exp()),
            common: common.len(),
            covered: variants.iter().filter(|variant| variant.measured(contender).is_some()).count(),
            of: variants.len(),
        }
    });
    let summary = summary.collect();
    Analysis {
        run: run(),
        other_runs: Vec::new(),
        machine: Some(machine()),
        contenders: contenders(),
        summary,
        variants,
        verdict: Soundness::Noisy(vec!["3.1 % of CPU time was stolen by the hypervisor in 2 rounds".to_owned()]),
        warnings: vec!["blocking_io{share=50,tasks=64,workers=2}: rayon crashed in every round".to_owned()],
    }
}

fn run() -> Run {
    Run {
        schema: record::SCHEMA.to_owned(),
        id: "2026-11-23T17-04-05Z-7".to_owned(),
        started: "2026-11-23T17:04:05Z".to_owned(),
        git: Some(Git { rev: "dd8e596a41c0b8f2f5f6f1b7d4a09f34b5078173".to_owned(), dirty: false }),
        seed: 7,
        command: ["schedbench", "run", "--rounds", "8", "--seed", "7"].map(str::to_owned).to_vec(),
        mode: "default".to_owned(),
        version: "0.1.0".to_owned(),
        plan: None,
        rounds: Some(8),
        time_ns: Some(100_000_000),
        precision: None,
        budget_ns: None,
        pin: None,
    }
}

fn machine() -> Machine {
    Machine {
        key: "5f0c2b81".to_owned(),
        cpu: "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz".to_owned(),
        cores: 2,
        os: "Debian GNU/Linux 12".to_owned(),
        kernel: "6.1.0-28-cloud-amd64".to_owned(),
        virt: Some("kvm".to_owned()),
        memory_bytes: 24 << 30,
        governor: None,
        load_1m: Some(0.12),
        rustc: Some("rustc 1.95.0".to_owned()),
        missing: BTreeMap::from([("governor".to_owned(), "no cpufreq in this guest".to_owned())]),
    }
}

fn contenders() -> Vec<record::Contender> {
    let summaries = [
        ("0.1.0", "Go's G/M/P scheduler in Rust: stackful tasks, work stealing, hand-off of Ps"),
        ("std 1.95.0", "one kernel thread a task, std channels"),
        ("1.54.1", "tokio's multi-thread runtime, defaults"),
        ("1.12.0", "work-stealing fork-join pool"),
    ];
    let each = CONTENDERS.iter().zip(summaries).flat_map(|(contender, (version, summary))| {
        [1, 2].map(|workers| record::Contender {
            contender: (*contender).to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            config: BTreeMap::from([("workers".to_owned(), workers)]),
            role: record::Role::Default,
        })
    });
    each.collect()
}

type Wanted = Result<f64, (Option<ErrorKind>, String)>;

fn variant(shape: &(Workload, &[(&str, u64)]), workers: u64, wanted: [Wanted; 4], tail: Option<f64>) -> Variant {
    let (workload, fixed) = shape;
    let mut params: Params = fixed.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    params.insert("workers".to_owned(), workers);
    let best = wanted.iter().filter_map(|cell| cell.as_ref().ok()).copied().fold(f64::INFINITY, f64::min);
    let cells = wanted.into_iter().zip(CONTENDERS).map(|(wanted, contender)| Cell {
        contender: contender.to_owned(),
        state: match wanted {
            Ok(ns) => State::Measured(Box::new(measured(ns, best, tail))),
            Err((kind, reason)) => State::Missing { kind, reason },
        },
    });
    Variant { workload: workload.clone(), params, cells: cells.collect(), floors: Vec::new() }
}

fn measured(ns: f64, best: f64, tail: Option<f64>) -> Measured {
    let wobble = |round: u64| 1.0 + 0.04 * ((round as f64 * 2.4 + ns).sin());
    let rounds: Vec<RoundValue> = (0..ROUNDS)
        .map(|round| RoundValue { record: 0, round, value: ns * wobble(round), cpu_ns_per_op: ns * 1.02 })
        .collect();
    let histogram = tail.map(|tail| histogram(ns, tail));
    let percentiles = histogram.as_ref().map(|histogram| {
        PERCENTILES
            .map(|percent| Percentile {
                percent,
                value_ns: (histogram.len() as f64 * (1.0 - percent / 100.0) >= 100.0 * ROUNDS as f64)
                    .then(|| histogram.value_at_percentile(percent) as f64),
            })
            .to_vec()
    });
    let to_best = (ns > best).then(|| Ratio {
        estimate: ns / best,
        interval: Some((ns / best * 0.98, ns / best * 1.025)),
        level: 0.95,
        p: Some(0.0078),
        rounds: ROUNDS as usize,
    });
    Measured {
        best_seen: rounds.iter().map(|round| round.value).fold(f64::INFINITY, f64::min),
        rounds,
        discarded: 0,
        errors: Vec::new(),
        median: ns,
        to_best,
        cpu_ns_per_op: ns * 1.02,
        ops: 1_204_000,
        peak_rss_bytes: Some(6 << 20),
        peak_threads: Some(4),
        ctx_per_op: Some(if ns > 4e3 { 2.01 } else { 0.0004 }),
        latency: histogram.map(|histogram| ("wake".to_owned(), histogram)).into_iter().collect(),
        percentiles: percentiles.map(|percentiles| ("wake".to_owned(), percentiles)).into_iter().collect(),
        counters: if ns < 200.0 {
            BTreeMap::from([("steals".to_owned(), 12), ("parks".to_owned(), 40_211)])
        } else {
            BTreeMap::new()
        },
    }
}

/// A distribution with a body around `ns` and a tail that is heavier the larger `tail` is.
fn histogram(ns: f64, tail: f64) -> Histogram<u64> {
    let mut histogram = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).expect("bounds are valid");
    let samples: u64 = if ns < 1e5 { 2_000_000 } else { 16_000 };
    let distinct = 4_000;
    for n in 0..distinct {
        // Evenly spaced in nines, so that the far tail has its samples too.
        let nines = f64::from(n) / f64::from(distinct) * (samples as f64).log10();
        let share = 10f64.powf(-nines) * samples as f64 * (samples as f64).log10() / f64::from(distinct) * 2.3;
        let value =
            ns * (0.8 + 0.25 * nines * tail) * 10f64.powf(0.5 * tail * (nines - 2.2 + (ns % 7.0) / 5.0).max(0.0));
        histogram.record_n((value as u64).clamp(1, 50_000_000_000), share.round() as u64).expect("in bounds");
    }
    histogram
}

fn workload(name: &str, title: &str, op: &str, metric: Metric, texts: [&str; 3]) -> Workload {
    let [shows, expect, origin] = texts.map(str::to_owned);
    Workload { workload: name.to_owned(), title: title.to_owned(), op: op.to_owned(), metric, shows, expect, origin }
}

fn ping_pong() -> (Workload, &'static [(&'static str, u64)]) {
    let texts = [
        "What it costs to hand a value to another task and to wait for its answer: a round trip is two channel operations and two switches on each side, and nothing else.",
        "On one worker a user-space switch takes 10 to 200 ns and a thread switch microseconds, since the kernel has to be entered and run its scheduler. On two workers what decides is whether the pair stays together (Go's runnext, tokio's LIFO slot) or each trip wakes an idle core, which costs tens of microseconds.",
        "Go's BenchmarkChanSync and BenchmarkPingPongHog; perf bench sched pipe.",
    ];
    (workload("ping_pong", "Ping-pong", "round trip", Metric::TimePerOp, texts), &[("capacity", 0), ("pairs", 1)])
}

fn tight_loop() -> (Workload, &'static [(&'static str, u64)]) {
    let texts = [
        "Whether a task that wants to run every millisecond gets to, while every worker computes without ever calling the scheduler.",
        "The kernel preempts threads, so os-threads lets the victim run within a time slice. Cooperative runtimes cannot: their victim waits until a hog ends, 300 ms. gmp asks hogs to yield after 10 ms, as Go does.",
        "Go's preemption tests; cyclictest.",
    ];
    (workload("tight_loop", "Tight loop", "hog", Metric::MeanOf("wake".to_owned()), texts), &[("hog_ms", 300)])
}

fn blocking_io() -> (Workload, &'static [(&'static str, u64)]) {
    let texts = [
        "What happens to the other tasks when some of them block in the kernel: on sleeps, pipes and files.",
        "os-threads is at home here. gmp hands the P of a blocked M to another one, tokio moves blocking calls to its own pool; rayon has no such thing, and its workers stand still.",
        "tokio's spawn_blocking.",
    ];
    (workload("blocking_io", "Blocking I/O", "batch", Metric::TimePerOp, texts), &[("share", 50), ("tasks", 64)])
}

fn map_reduce() -> (Workload, &'static [(&'static str, u64)]) {
    let texts = [
        "How well real work is spread: counting the words of a generated text whose words are distributed as in a language.",
        "The grain is coarse, so that all contenders with W workers should be near W times the serial speed; rayon, which does nothing else, should be best by a little.",
        "PBBS.",
    ];
    (workload("map_reduce", "Map-reduce", "word", Metric::TimePerOp, texts), &[("grain", 4096), ("items", 262_144)])
}
