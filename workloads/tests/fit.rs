//! Which cells exist, and what is said of those that do not.

use schedulers::model::Role;
use workloads::{ALL, OpenError, Params, check_fit};

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
        "tokio-mt's bounded channel has no rendezvous: its smallest capacity is 1"
    );
}

/// Whether a workload does not fit a contender with its default parameters. Floors are for those that say so.
fn is_misfit(workload: &str, contender: &str) -> bool {
    let family = |name| contender.starts_with(name);
    match workload {
        "ping_pong" | "yield_storm" | "parked_tasks" | "mutex" | "fan_out_in" | "ring" | "big" | "philosophers"
        | "wake_latency" | "timers" | "timer_churn" | "tcp_echo" => family("rayon"),
        "channel" => family("rayon") || family("may"),
        "skynet" => family("rayon") || family("os-threads"),
        "fork_join" => family("os-threads"),
        "stop_the_world" => !family("gmp"),
        _ => false,
    }
}

#[test]
fn the_default_plan_fits_all_but_what_is_listed() {
    for info in ALL {
        for contender in schedulers::contender::ALL {
            let fits = check_fit(info.name, contender.name, &Params::new()).is_ok();
            let should = match contender.role {
                Role::Floor => info.floor,
                _ => !is_misfit(info.name, contender.name),
            };
            assert_eq!(fits, should, "{} on {}", info.name, contender.name);
        }
    }
}

#[test]
fn more_threads_than_a_machine_has_by_default_are_not_started() {
    for (workload, given) in [("timers", ("sleepers", 20_000)), ("tcp_echo", ("connections", 6_000))] {
        assert!(reason(workload, "os-threads", &[given]).contains("tasks at once are more than os-threads can have"));
    }
}

#[test]
fn what_no_workload_needs_to_ask_for_says_why_too() {
    assert_eq!(reason("map_reduce", "tokio-ct", &[("workers", 2)]), "tokio-ct has no more workers than 1");
    assert!(check_fit("map_reduce", "tokio-ct", &[("workers".to_owned(), 1)].into()).is_ok());
    assert_eq!(reason("tight_loop", "serial", &[]), "serial is plain sequential code, which has no tasks to schedule");
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
