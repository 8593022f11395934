//! Which cells exist, and what is said of those that do not.

use schedulers::{
    contender::Entry,
    model::{Model, Role},
};
use workloads::{ALL, Info, OpenError, Params, check_fit};

fn reason(workload: &str, contender: &str, given: &[(&str, u64)]) -> String {
    let params: Params = given.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
    check_fit(workload, contender, &params).unwrap_err().to_string()
}

#[test]
fn what_is_not_applicable_says_why() {
    assert!(matches!(check_fit("ping_pong", "rayon", &Params::new()), Err(OpenError::NotApplicable(_))));
    assert_eq!(
        reason("ping_pong", "rayon", &[]),
        "a task of a fork-join pool cannot wait for another without blocking its worker"
    );
    assert_eq!(
        reason("ping_pong", "tokio-mt", &[("capacity", 0)]),
        "its bounded channel has no rendezvous: the smallest capacity is 1"
    );
}

/// Whether a workload cannot be written for a contender, with the defaults of its parameters.
fn is_hole(workload: &Info, contender: &Entry) -> bool {
    let only_forks = contender.models == [Model::ForkJoin];
    // No rendezvous, no bound; and so many tasks at most.
    let is_may = contender.name.starts_with("may");
    let is_threads = contender.name.starts_with("os-threads");
    match workload.name {
        _ if contender.role == Role::Floor => !workload.floor,
        "ping_pong" | "yield_storm" | "parked_tasks" | "mutex" | "fan_out_in" | "ring" | "big" | "philosophers"
        | "wake_latency" | "timers" | "timer_churn" | "tcp_echo" => only_forks,
        "channel" => only_forks || is_may,
        "skynet" => only_forks || is_may || is_threads,
        "fork_join" => is_may || is_threads,
        "stop_the_world" => contender.name != "gmp",
        _ => false,
    }
}

#[test]
fn by_default_all_cells_exist_but_those_that_are_known_not_to() {
    for info in ALL {
        for contender in schedulers::contender::ALL {
            let exists = check_fit(info.name, contender.name, &Params::new()).is_ok();
            assert_eq!(exists, !is_hole(info, contender), "{} on {}", info.name, contender.name);
        }
    }
}

#[test]
fn what_no_workload_needs_to_ask_for_says_why_too() {
    assert_eq!(reason("map_reduce", "tokio-ct", &[("workers", 2)]), "it has no more workers than 1");
    assert!(check_fit("map_reduce", "tokio-ct", &[("workers".to_owned(), 1)].into()).is_ok());
    assert_eq!(reason("tight_loop", "serial", &[]), "plain sequential code has no tasks to schedule");
}

#[test]
fn more_threads_than_a_machine_has_by_default_are_not_started() {
    for (workload, given) in [("timers", ("sleepers", 20_000)), ("tcp_echo", ("connections", 6_000))] {
        assert!(reason(workload, "os-threads", &[given]).contains("tasks at once are more than it can have"));
    }
}

#[test]
fn unknown_names_are_named_with_what_is_near() {
    assert!(reason("ping_pnog", "rayon", &[]).starts_with("unknown workload 'ping_pnog', expected ping_pong"));
    assert!(reason("ping_pnog", "rayon", &[]).ends_with("; did you mean 'ping_pong'?"));
    assert!(reason("ping_pong", "tokyo-mt", &[]).starts_with("unknown contender 'tokyo-mt', expected "));
    assert!(reason("ping_pong", "tokyo-mt", &[]).ends_with("; did you mean 'tokio-mt'?"));
    assert!(
        reason("ping_pong", "tokio-mt", &[("workers", 0)]).ends_with("workers=0 is out of range, expected 1 to 256")
    );
}
