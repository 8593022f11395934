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

#[test]
fn the_default_plan_fits_all_but_fork_join_ping_pong() {
    for info in ALL {
        for contender in schedulers::contender::ALL {
            let fits = check_fit(info.name, contender.name, &Params::new()).is_ok();
            if contender.role == Role::Floor {
                assert_eq!(fits, info.floor, "{}", info.name);
                continue;
            }
            assert_eq!(
                fits,
                (info.name, contender.name) != ("ping_pong", "rayon"),
                "{} on {}",
                info.name,
                contender.name
            );
        }
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
