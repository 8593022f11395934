//! Several records together: partitions of one run, and several runs of one machine.

mod synthetic;

use reports::{
    Analysis, Machines, Record,
    analysis::{Soundness, State},
    record::{ErrorKind, Line, Role},
};
use synthetic::Synthetic;

fn merged(records: &[Record]) -> Analysis {
    Analysis::new(records, Machines::MustMatch).unwrap()
}

#[test]
fn partitions_are_unioned_row_by_row() {
    let (mut a, mut b) = (Synthetic::new(), Synthetic::new());
    a.ping_pong(1, "gmp", 6, 100.0).ping_pong(1, "tokio-mt", 6, 200.0);
    a.error("rayon", None, ErrorKind::NotApplicable, "no channels").end();
    b.tight_loop("gmp", 6, 20_000, 10).tight_loop("tokio-mt", 5, 20_000, 20);
    b.lines.push(Synthetic::contender_row("serial", Role::Floor));
    b.end();
    let analysis = merged(&[a.record_named("a.jsonl"), b.record_named("b.jsonl")]);

    assert_eq!(
        analysis.variants.iter().map(reports::analysis::Variant::label).collect::<Vec<_>>(),
        ["ping_pong{workers=1}", "tight_loop{workers=1}"]
    );
    assert_eq!(analysis.contender_names().collect::<Vec<_>>(), ["gmp", "tokio-mt", "rayon"]);
    assert_eq!(analysis.floor_names().collect::<Vec<_>>(), ["serial"]);
    assert_eq!(analysis.other_runs.len(), 1);
    let State::Missing { kind: Some(ErrorKind::NotApplicable), reason } =
        &analysis.variants[0].cell("rayon").unwrap().state
    else {
        panic!()
    };
    assert_eq!(reason, "no channels");
    assert_eq!(analysis.variants[1].measured("gmp").unwrap().latency["wake"].len(), 6 * 20_000);
    assert_eq!(analysis.verdict, Soundness::Clean);
}

#[test]
fn the_order_of_workloads_is_that_of_the_first_record_that_has_them() {
    let (mut a, mut b) = (Synthetic::new(), Synthetic::new());
    a.tight_loop("gmp", 6, 20_000, 10).end();
    b.ping_pong(1, "gmp", 6, 100.0).end();
    for records in [[a.record_named("a"), b.record_named("b")], [b.record_named("b"), a.record_named("a")]] {
        let analysis = merged(&records);
        let names: Vec<&str> = analysis.variants.iter().map(|variant| variant.workload.workload.as_str()).collect();
        assert_eq!(names, ["ping_pong", "tight_loop"], "each record begins with the whole plan");
    }
}

#[test]
fn the_worst_record_decides_how_sound_it_is() {
    let (mut good, mut bad, mut doubtful) = (Synthetic::new(), Synthetic::new(), Synthetic::new());
    good.run(|run| run.id = "good".to_owned());
    for workers in 1..=9 {
        good.ping_pong(workers, "gmp", 8, 100.0);
    }
    bad.ping_pong(10, "gmp", 8, 100.0).end().discard(|round| round.round < 3);
    doubtful.ping_pong(11, "gmp", 8, 100.0).end().machine(|machine| machine.load_1m = Some(1.5));
    let records = [good.end().record_named("good"), doubtful.record_named("doubtful"), bad.record_named("bad")];
    let analysis = merged(&records);
    let expected = [
        "bad: 3 of 8 rounds were discarded: steal over 5 %",
        "doubtful: the machine was busy when the run began: load average 1.50 on 2 cores",
    ];
    assert_eq!(analysis.verdict, Soundness::Unsound(expected.map(str::to_owned).to_vec()));
}

#[test]
fn a_quick_record_makes_all_of_it_a_smoke_run() {
    let (mut a, mut b) = (Synthetic::new(), Synthetic::new());
    a.ping_pong(1, "gmp", 6, 100.0).end();
    b.run(|run| run.mode = "quick".to_owned()).ping_pong(2, "gmp", 6, 100.0).end();
    assert_eq!(merged(&[a.record_named("a"), b.record_named("b")]).run.mode, "quick");
}

#[test]
fn what_one_run_lacked_is_no_failure_where_another_had_it() {
    let (mut without, mut with) = (Synthetic::new(), Synthetic::new());
    without.ping_pong(1, "gmp", 6, 100.0).error("go", None, ErrorKind::Skipped, "no go toolchain").end();
    with.run(|run| run.id = "second".to_owned());
    with.ping_pong(1, "gmp", 6, 100.0).ping_pong(1, "go", 6, 120.0).end();
    let analysis = merged(&[without.record_named("a"), with.record_named("b")]);
    let go = analysis.variants[0].measured("go").unwrap();
    assert_eq!((go.rounds.len(), go.errors.len()), (6, 0));
    assert_eq!(go.to_best.unwrap().rounds, 6, "paired with the rounds of its own record only");
}

#[test]
fn a_failure_that_is_in_two_records_is_refused() {
    let mut record = Synthetic::new();
    record.error("go", Some(3), ErrorKind::Hang, "no answer in 10 s");
    let twice = [record.record_named("a.jsonl"), record.record_named("b.jsonl")];
    let error = Analysis::new(&twice, Machines::MustMatch).unwrap_err().to_string();
    assert_eq!(
        error,
        "a.jsonl and b.jsonl both have round 3 of go on ping_pong{workers=1} of run 2026-11-23T17-04-05Z-7, expected each \
         row in one of them"
    );
}

#[test]
fn a_contender_of_one_record_only_is_not_run_in_the_other() {
    let (mut a, mut b) = (Synthetic::new(), Synthetic::new());
    a.ping_pong(1, "gmp", 6, 100.0).ping_pong(1, "smol", 6, 200.0).end();
    b.ping_pong(2, "gmp", 6, 100.0).end();
    b.lines.retain(|line| !matches!(line, Line::Contender(row) if row.contender == "tokio-mt"));
    let analysis = merged(&[a.record_named("a"), b.record_named("b")]);
    let State::Missing { kind: None, reason } = &analysis.variants[1].cell("smol").unwrap().state else { panic!() };
    assert_eq!(reason, "not run");
}
