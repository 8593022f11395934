//! A contender that only one of two records has: it is named, and the others are compared.

mod synthetic;

use reports::{Analysis, Machines, compare};
use synthetic::Synthetic;

fn analysis(id: &str, workers: u64, alone: &str) -> Analysis {
    let mut record = Synthetic::new();
    record.run(|run| run.id = id.to_owned());
    record.ping_pong(1, "gmp", 8, 100.0).ping_pong(2, "gmp", 8, 400.0).ping_pong(workers, alone, 8, 300.0).end();
    Analysis::new(&[record.record()], Machines::MustMatch).unwrap()
}

#[test]
fn compare_lists_what_one_run_lacks() {
    let (before, after) = (analysis("a", 1, "smol"), analysis("b", 2, "may"));
    let comparison = compare::runs(&before, &after, Machines::MustMatch).unwrap();
    assert_eq!(comparison.rows.len(), 2, "{comparison}");
    assert_eq!(
        comparison.not_compared,
        ["ping_pong{workers=1} smol: not measured for b", "ping_pong{workers=2} may: not measured for a"]
    );
}
