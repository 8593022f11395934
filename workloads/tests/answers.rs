//! Every cell of every workload gives the answer that is known beforehand, slice after slice.
//!
//! Not here: contenders that a process can start with one configuration only (may). `schedbench verify` has a process for each
//! cell, and runs them too. Many of may's cells in one process do not always come to an end: tasks that yield in a loop starve others.

use std::{io, thread, time::Duration};

use schedulers::contender;
use workloads::{ALL, Cell, OpenError, Params, SampleKind};

const SLICE: Duration = Duration::from_millis(5);

fn params(given: &[(&str, u64)]) -> Params {
    given.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
}

/// Small enough that all cells of a workload take a second or two.
fn small(workload: &str, workers: u64) -> Params {
    let mut small = params(match workload {
        "ping_pong" => &[("pairs", 3)],
        "tight_loop" => &[("hog_ms", 30)],
        "blocking_io" => &[("tasks", 8), ("calls", 5), ("share_percent", 80)],
        "map_reduce" => &[("kib", 64), ("grain_kib", 4), ("skew_percent", 30)],
        "yield_storm" => &[("tasks", 5)],
        "spawn_join" => &[("batch", 20)],
        "parked_tasks" => &[("tasks", 100)],
        "skynet" => &[("leaves", 100)],
        "fork_join" => &[("n", 12)],
        "matmul" => &[("n", 40), ("grain", 8)],
        "quicksort" => &[("n", 5_000), ("grain", 100)],
        "channel" => &[("capacity", 8)],
        "mutex" => &[("hold_ns", 100)],
        "fan_out_in" => &[("width", 10)],
        "ring" => &[("tasks", 20), ("tokens", 3)],
        "big" => &[("tasks", 8)],
        "philosophers" => &[("tasks", 3)],
        "stop_the_world" => &[("blocked", 5)],
        "wake_latency" => &[("busy", 1)],
        "timers" => &[("sleepers", 50)],
        "timer_churn" => &[("waiting", 5)],
        "tcp_echo" => &[("connections", 5)],
        "bimodal_service" => &[("load_percent", 20)],
        other => panic!("give {other} small parameters here"),
    });
    small.insert("workers".to_owned(), workers);
    small
}

/// `None` where the cell does not exist, needs more CPUs than there are, or is for another process.
fn open(workload: &str, contender: &str, params: &Params) -> Option<Box<dyn Cell>> {
    if contender::ALL.iter().any(|entry| entry.name == contender && entry.one_config) {
        return None;
    }
    match workloads::open(workload, contender, params) {
        Ok(cell) => Some(cell),
        Err(OpenError::NotApplicable(_)) => None,
        Err(OpenError::Start(error)) if error.kind() == io::ErrorKind::InvalidInput => {
            let cpus = thread::available_parallelism().map_or(1, usize::from) as u64;
            assert!(params["workers"] > cpus, "{workload} on {contender}: {error}");
            None
        }
        Err(error) => panic!("{workload} on {contender}: {error}"),
    }
}

#[test]
fn every_cell_gives_the_known_answer_and_echoes_its_workers() {
    let mut cells = 0;
    for (workload, contender) in ALL.iter().flat_map(|info| contender::ALL.iter().map(move |entry| (info, entry))) {
        for workers in [1, 2] {
            let params = small(workload.name, workers);
            let Some(mut cell) = open(workload.name, contender.name, &params) else { continue };
            let oracle = workloads::oracle(workload.name, &params).unwrap();
            let at = format!("{} on {} with {workers} workers", workload.name, contender.name);
            assert_eq!(cell.echo()["workers"], workers, "{at}");
            cells += 1;
            for _ in 0..2 {
                let outcome = cell.slice(SLICE);
                assert!(outcome.ops > 0 && !outcome.wall.is_zero(), "{at}: {outcome:?}");
                assert_eq!(outcome.answer, cell.expected(outcome.ops), "{at}");
                assert_eq!(outcome.answer, oracle(outcome.ops), "{at}");
                for (kind, samples) in &outcome.samples {
                    assert!(!samples.is_empty(), "{at}: no {} samples", kind.name());
                }
            }
        }
    }
    assert_ne!(cells, 0);
}

#[test]
fn each_workload_brings_the_samples_that_its_metric_needs() {
    for (workload, kind) in [
        ("ping_pong", SampleKind::Response),
        ("tight_loop", SampleKind::Wake),
        ("blocking_io", SampleKind::Wake),
        ("wake_latency", SampleKind::Wake),
        ("timers", SampleKind::Wake),
        ("tcp_echo", SampleKind::Response),
        ("bimodal_service", SampleKind::Response),
    ] {
        for contender in contender::ALL {
            let Some(mut cell) = open(workload, contender.name, &small(workload, 1)) else { continue };
            let outcome = cell.slice(SLICE);
            assert!(outcome.samples.iter().any(|(is, _)| *is == kind), "{workload} on {}", contender.name);
        }
    }
}

#[test]
fn a_slice_of_ping_pong_ends_near_its_time_and_counts_each_trip() {
    let mut cell = workloads::open("ping_pong", "tokio-mt", &params(&[("workers", 1)])).unwrap();
    let outcome = cell.slice(Duration::from_millis(20));
    assert!(outcome.wall < Duration::from_secs(10), "{:?}", outcome.wall);
    assert_ne!(outcome.answer, cell.expected(outcome.ops + 1));
    let (_, alone) = &outcome.samples[0];
    assert!(alone.iter().sum::<u64>() <= outcome.wall.as_nanos() as u64);
}

#[test]
fn ping_pong_works_as_a_rendezvous_beside_a_hog_in_a_crowd_and_over_pipes() {
    for given in [&[("capacity", 0)], &[("hog", 1)], &[("pairs", 100)], &[("pipe", 1)]] {
        for contender in contender::ALL {
            let Some(mut cell) = open("ping_pong", contender.name, &params(&[given[0], ("workers", 1)])) else {
                continue;
            };
            let outcome = cell.slice(SLICE);
            assert_eq!(outcome.answer, cell.expected(outcome.ops), "{given:?} on {}", contender.name);
        }
    }
}

#[test]
fn tcp_echo_and_wake_latency_give_the_known_answer_in_their_other_forms() {
    for (workload, given) in [
        ("tcp_echo", &[("connections", 5), ("load_percent", 50)]),
        ("tcp_echo", &[("connections", 2), ("bytes", 100_000)]),
        ("wake_latency", &[("gap_us", 100), ("busy", 1)]),
        ("wake_latency", &[("gap_us", 10), ("busy", 0)]),
    ] {
        for contender in contender::ALL {
            let params = params(&[given[0], given[1], ("workers", 2)]);
            let Some(mut cell) = open(workload, contender.name, &params) else { continue };
            for _ in 0..2 {
                // Long enough for requests to come even where the machine is busy and the capacity low.
                let outcome = cell.slice(Duration::from_millis(50));
                assert!(outcome.ops > 0, "{given:?} on {}", contender.name);
                assert_eq!(outcome.answer, cell.expected(outcome.ops), "{given:?} on {}", contender.name);
            }
        }
    }
}

#[test]
fn a_response_is_never_shorter_than_its_service() {
    for (workload, load) in [("tcp_echo", ("load_percent", 80)), ("bimodal_service", ("load_percent", 30))] {
        for contender in contender::ALL {
            let Some(mut cell) = open(workload, contender.name, &params(&[load, ("workers", 1)])) else { continue };
            let outcome = cell.slice(Duration::from_millis(20));
            let of = |kind| &outcome.samples.iter().find(|(is, _)| *is == kind).expect("both kinds are there").1;
            let (responses, services) = (of(SampleKind::Response), of(SampleKind::Service));
            assert_eq!(responses.len() as u64, outcome.ops, "{workload} on {}", contender.name);
            assert!(responses.iter().zip(services).all(|(response, service)| response >= service));
        }
    }
}
