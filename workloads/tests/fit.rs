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

/// The contenders that a workload does not fit with its default parameters. Floors are for those that say so.
fn misfits(workload: &str) -> &'static [&'static str] {
    match workload {
        "ping_pong" => &["rayon"],
        "yield_storm" => &["rayon"],
        "parked_tasks" => &["rayon"],
        "skynet" => &["os-threads", "rayon"],
        "fork_join" => &["os-threads"],
        _ => &[],
    }
}

#[test]
fn the_default_plan_fits_all_but_what_is_listed() {
    for info in ALL {
        for contender in schedulers::contender::ALL {
            let fits = check_fit(info.name, contender.name, &Params::new()).is_ok();
            let should = match contender.role {
                Role::Floor => info.floor,
                _ => !misfits(info.name).contains(&contender.name),
            };
            assert_eq!(fits, should, "{} on {}", info.name, contender.name);
        }
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
