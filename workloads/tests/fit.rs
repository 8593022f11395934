//! Which cells exist, and what is said of those that do not.

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

/// What a fork-join pool cannot do: its tasks wait for nothing but their forks.
const NOT_FORK_JOIN: &[&str] = &["ping_pong", "wake_latency", "timers", "timer_churn", "tcp_echo"];

#[test]
fn the_default_plan_fits_all_but_fork_join_pools_where_tasks_wait() {
    for info in ALL {
        for contender in schedulers::contender::ALL {
            let fits = check_fit(info.name, contender.name, &Params::new()).is_ok();
            let should = contender.name != "rayon" || !NOT_FORK_JOIN.contains(&info.name);
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
fn unknown_names_are_named_with_what_is_near() {
    assert!(reason("ping_pnog", "rayon", &[]).starts_with("unknown workload 'ping_pnog', expected ping_pong"));
    assert!(reason("ping_pnog", "rayon", &[]).ends_with("; did you mean 'ping_pong'?"));
    assert!(reason("ping_pong", "tokio", &[]).starts_with("unknown contender 'tokio', expected "));
    assert!(reason("ping_pong", "tokio", &[]).ends_with("; did you mean 'tokio-mt'?"));
    assert!(
        reason("ping_pong", "tokio-mt", &[("workers", 0)]).ends_with("workers=0 is out of range, expected 1 to 256")
    );
}
