//! Workloads of tasks that wait for each other: every planned variant gives its answer, and slices end.

use std::time::Duration;

use schedulers::contender;
use workloads::{ALL, Cell, Extent, Info, OpenError, Params, SampleKind, open, plan};

const WORKLOADS: [&str; 7] = ["channel", "mutex", "fan_out_in", "ring", "big", "philosophers", "stop_the_world"];

fn info(workload: &str) -> &'static Info {
    ALL.iter().find(|info| info.name == workload).unwrap()
}

/// `None` where the cell does not exist, or needs more CPUs than there are.
fn cell(workload: &str, contender: &str, params: &Params) -> Option<Box<dyn Cell>> {
    match open(workload, contender, params) {
        Ok(cell) => Some(cell),
        Err(OpenError::NotApplicable(_) | OpenError::Start(_)) => None,
        Err(error) => panic!("{workload} on {contender}: {error}"),
    }
}

#[test]
fn every_planned_variant_gives_its_answer() {
    for workload in WORKLOADS {
        for params in plan(info(workload), Extent::Full) {
            for contender in contender::ALL {
                let Some(mut cell) = cell(workload, contender.name, &params) else { continue };
                let outcome = cell.slice(Duration::from_millis(2));
                assert!(outcome.ops > 0, "{workload} on {}: {params:?}", contender.name);
                assert_eq!(outcome.answer, cell.expected(outcome.ops), "{workload} on {}: {params:?}", contender.name);
            }
        }
    }
}

#[test]
fn a_slice_is_not_over_before_its_time_and_does_not_go_on_for_long() {
    const SLICE: Duration = Duration::from_millis(20);
    for workload in WORKLOADS {
        for contender in contender::ALL {
            let Some(mut cell) = cell(workload, contender.name, &Params::new()) else { continue };
            let wall = cell.slice(SLICE).wall;
            assert!(SLICE <= wall && wall < Duration::from_secs(10), "{workload} on {}: {wall:?}", contender.name);
        }
    }
}

#[test]
fn each_workload_brings_the_samples_that_it_tells_of() {
    for (workload, kind) in
        [("mutex", SampleKind::Response), ("fan_out_in", SampleKind::Response), ("stop_the_world", SampleKind::Wake)]
    {
        for contender in contender::ALL {
            let Some(mut cell) = cell(workload, contender.name, &Params::new()) else { continue };
            let outcome = cell.slice(Duration::from_millis(10));
            let [(is, samples)] = outcome.samples.as_slice() else { panic!("{workload} has one kind of samples") };
            assert_eq!(*is, kind, "{workload} on {}", contender.name);
            assert!(!samples.is_empty(), "{workload} on {}", contender.name);
        }
    }
}

#[test]
fn one_number_more_or_less_is_another_answer() {
    for workload in WORKLOADS {
        let oracle = workloads::oracle(workload, &Params::new()).unwrap();
        assert_ne!(oracle(1_000), oracle(1_001), "{workload}");
        assert_ne!(oracle(1_000), oracle(999), "{workload}");
    }
}
