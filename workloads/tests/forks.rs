//! The kernels, modes and cut-offs of the workloads that fork: each gives the known answer on every contender that it fits.

use std::{io, time::Duration};

use schedulers::{
    contender,
    model::{Model, Role},
};
use workloads::{OpenError, check_fit, open};

/// Runs two slices of a variant on every contender that has a rank, with 1 and 2 workers. It must fit them all; those that can only fork and join, if
/// `fork_join` says so.
fn runs_on_all(workload: &str, given: &[(&str, u64)], fork_join: bool) {
    for (entry, workers) in contender::ALL.iter().flat_map(|entry| [(entry, 1), (entry, 2)]) {
        if entry.role == Role::Floor || workers > entry.max_workers as u64 {
            continue;
        }
        let given = [given, &[("workers", workers)]].concat();
        let at = format!("{workload} {given:?} on {}", entry.name);
        let params = given.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
        let mut cell = match open(workload, entry.name, &params) {
            Ok(cell) => cell,
            Err(OpenError::NotApplicable(reason)) => {
                // Where may's tasks yield on several workers, some never run.
                let unfair = workload == "yield_storm" && entry.name.starts_with("may") && workers > 1;
                assert!(!fork_join && (entry.models == [Model::ForkJoin] || unfair), "{at}: {reason}");
                continue;
            }
            // A machine with one CPU cannot hold threads to two; a process cannot have two configurations of all.
            Err(OpenError::Start(error)) if error.kind() == io::ErrorKind::InvalidInput => continue,
            Err(error) => panic!("{at}: {error}"),
        };
        for _ in 0..2 {
            let outcome = cell.slice(Duration::from_millis(2));
            assert!(outcome.ops > 0 && !outcome.wall.is_zero(), "{at}: {outcome:?}");
            assert_eq!(outcome.answer, cell.expected(outcome.ops), "{at}");
        }
    }
}

#[test]
fn tasks_are_born_in_batches_in_chains_and_from_outside() {
    for batch in [1, 100] {
        runs_on_all("spawn_join", &[("mode", 1), ("batch", batch)], true);
        runs_on_all("spawn_join", &[("mode", 2), ("batch", batch)], false);
        runs_on_all("spawn_join", &[("mode", 3), ("batch", batch)], true);
    }
}

#[test]
fn skynet_adds_up_with_channels_and_without() {
    runs_on_all("skynet", &[("leaves", 123)], false);
    runs_on_all("skynet", &[("leaves", 123), ("channels", 0)], true);
    runs_on_all("skynet", &[("leaves", 2), ("channels", 0)], true);
}

#[test]
fn a_task_can_yield_alone_and_in_a_crowd() {
    runs_on_all("yield_storm", &[("tasks", 1)], false);
    runs_on_all("yield_storm", &[("tasks", 200)], false);
}

#[test]
fn tasks_that_do_not_divide_by_the_steps_all_wait_and_wake() {
    runs_on_all("parked_tasks", &[("tasks", 8)], false);
    runs_on_all("parked_tasks", &[("tasks", 251)], false);
}

#[test]
fn queens_and_the_unbalanced_tree_are_searched_to_the_end() {
    runs_on_all("fork_join", &[("kernel", 1), ("n", 6)], true);
    runs_on_all("fork_join", &[("kernel", 1), ("n", 8), ("cutoff", 6)], true);
    runs_on_all("fork_join", &[("kernel", 2), ("n", 3)], true);
    runs_on_all("fork_join", &[("kernel", 2), ("n", 6), ("cutoff", 3)], true);
}

#[test]
fn pieces_of_one_row_and_parts_of_sixteen_elements_are_put_together() {
    runs_on_all("matmul", &[("n", 9), ("grain", 1)], true);
    runs_on_all("quicksort", &[("n", 1_000), ("grain", 16)], true);
}

#[test]
fn a_problem_that_is_too_large_or_too_small_says_so() {
    let reason = |given: &[(&str, u64)]| {
        let params = given.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
        check_fit("fork_join", "rayon", &params).unwrap_err().to_string()
    };
    assert_eq!(reason(&[("n", 5), ("cutoff", 5)]), "n=5 with a cut-off of 5 leaves nothing to fork");
    assert_eq!(reason(&[("kernel", 1), ("n", 15)]), "15 queens take too long: 14 at most");
    assert_eq!(reason(&[("kernel", 2), ("n", 11)]), "T1 has 10 levels, not 11");
}
