//! The kernels, modes and cut-offs of the workloads that fork: each gives the known answer on every contender that it fits.

use std::{io, time::Duration};

use schedulers::contender;
use workloads::{OpenError, check_fit, open};

/// Runs two slices of a variant on every contender, with 1 and 2 workers; tells on which it does not fit.
fn not_applicable(workload: &str, given: &[(&str, u64)]) -> Vec<&'static str> {
    let mut misfits = Vec::new();
    for (contender, workers) in contender::ALL.iter().flat_map(|entry| [(entry.name, 1), (entry.name, 2)]) {
        let given = [given, &[("workers", workers)]].concat();
        let params = given.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
        let mut cell = match open(workload, contender, &params) {
            Ok(cell) => cell,
            Err(OpenError::NotApplicable(_)) => {
                misfits.push(contender);
                continue;
            }
            // A machine with one CPU cannot hold threads to two.
            Err(OpenError::Start(error)) if error.kind() == io::ErrorKind::InvalidInput => continue,
            Err(error) => panic!("{workload} {given:?} on {contender}: {error}"),
        };
        for _ in 0..2 {
            let outcome = cell.slice(Duration::from_millis(2));
            assert!(outcome.ops > 0 && !outcome.wall.is_zero(), "{workload} {given:?} on {contender}: {outcome:?}");
            assert_eq!(outcome.answer, cell.expected(outcome.ops), "{workload} {given:?} on {contender}");
        }
    }
    misfits.dedup();
    misfits
}

#[test]
fn tasks_are_born_in_batches_in_chains_and_from_outside() {
    for batch in [1, 100] {
        assert!(not_applicable("spawn_join", &[("mode", 1), ("batch", batch)]).is_empty());
        assert_eq!(not_applicable("spawn_join", &[("mode", 2), ("batch", batch)]), ["rayon"]);
        assert!(not_applicable("spawn_join", &[("mode", 3), ("batch", batch)]).is_empty());
    }
}

#[test]
fn skynet_adds_up_with_channels_and_without() {
    assert_eq!(not_applicable("skynet", &[("leaves", 123)]), ["rayon"]);
    assert!(not_applicable("skynet", &[("leaves", 123), ("channels", 0)]).is_empty());
    assert!(not_applicable("skynet", &[("leaves", 2), ("channels", 0)]).is_empty());
}

#[test]
fn a_task_can_yield_alone_and_in_a_crowd() {
    assert_eq!(not_applicable("yield_storm", &[("tasks", 1)]), ["rayon"]);
    assert_eq!(not_applicable("yield_storm", &[("tasks", 200)]), ["rayon"]);
}

#[test]
fn queens_and_the_unbalanced_tree_are_searched_to_the_end() {
    assert!(not_applicable("fork_join", &[("kernel", 1), ("n", 6)]).is_empty());
    assert!(not_applicable("fork_join", &[("kernel", 1), ("n", 8), ("cutoff", 6)]).is_empty());
    assert!(not_applicable("fork_join", &[("kernel", 2), ("n", 3)]).is_empty());
    assert!(not_applicable("fork_join", &[("kernel", 2), ("n", 6), ("cutoff", 3)]).is_empty());
}

#[test]
fn pieces_of_one_row_and_parts_of_sixteen_elements_are_put_together() {
    assert!(not_applicable("matmul", &[("n", 9), ("grain", 1)]).is_empty());
    assert!(not_applicable("quicksort", &[("n", 1_000), ("grain", 16)]).is_empty());
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
