//! Rounds that end when ratios are known well enough, when there is no more time, or when all have been run: the record says which.

mod program;

use std::{collections::BTreeMap, path::Path};

use program::{FINISH, START, STEADY, finish, record, schedbench, script, stderr};
use reports::record::{Round, Stopped};

/// One whose rounds differ by up to a factor of two, at random.
const NOISY: &str =
    r#"echo "{\"ops\":1000,\"wall_ns\":$((1000 + $$ * 7919 % 1000)),\"cpu_ns\":0,\"answer\":\"1000\"}""#;

/// Runs two contenders, `steady` and another that answers slices so; gives the record and what was said.
#[track_caller]
fn run(slice: &str, options: &[&str]) -> (reports::Record, String) {
    let dir = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let folder = dir.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    };
    let steady = script(&folder("steady"), START, STEADY, FINISH);
    let other = script(&folder("other"), START, slice, FINISH);
    let out = dir.path().join("out");
    let mut command = schedbench(["run", "ping_pong{workers=1}", "--time=1ms", "-c", "steady,other"]);
    for (name, path) in [("steady", &steady), ("other", &other)] {
        command.arg("--contender-program").arg(format!("{name}={}", path.display()));
    }
    let output = finish(command.args(options).arg("--out").arg(&out));
    // 4: a busy machine may have made it unsound.
    assert!(matches!(output.status.code(), Some(0 | 4)), "{}", stderr(&output));
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("Rounds and precision"));
    (record(&out), stderr(&output))
}

/// Valid rounds by contender.
fn valid(rounds: &[Round]) -> BTreeMap<&str, usize> {
    let mut valid = BTreeMap::new();
    for round in rounds.iter().filter(|round| round.valid) {
        *valid.entry(round.contender.as_str()).or_default() += 1;
    }
    valid
}

#[test]
fn steady_contenders_are_finished_at_the_second_look() {
    let (record, said) = run(STEADY, &["--precision", "2.5%"]);
    assert_eq!(valid(&record.rounds), BTreeMap::from([("other", 12), ("steady", 12)]));
    assert_eq!((record.run.precision, record.run.budget_ns, record.run.rounds), (Some(0.025), None, Some(64)));
    let end = record.end.unwrap();
    assert_eq!((end.status.as_str(), end.stopped), ("complete", Some(Stopped::Precision)));
    assert!(said.contains("1 of 1 variants are known to ±2.5 %") && said.contains("after 12 rounds"), "{said}");
}

#[test]
fn a_budget_ends_the_rounds_but_not_before_the_sixth() {
    let slow = format!("sleep 0.05; {NOISY}");
    for options in [&["--budget=1s", "--rounds=500"][..], &["--budget=1s", "--precision=0.1%"]] {
        let (record, said) = run(&slow, options);
        let rounds = record.rounds.iter().filter(|round| round.contender == "other").count();
        assert!((6..64).contains(&rounds), "{options:?}: {rounds}");
        assert_eq!(record.run.budget_ns, Some(1_000_000_000));
        let end = record.end.unwrap();
        assert_eq!((end.status.as_str(), end.stopped), ("complete", Some(Stopped::Budget)), "{said}");
        let looked_at = record.run.precision.is_some();
        assert_eq!(said.contains("0 of 1 variants") && said.contains("not ping_pong{"), looked_at, "{said}");
    }
}

#[test]
fn fixed_rounds_end_when_they_have_been_run() {
    let (record, said) = run(NOISY, &["--rounds=6"]);
    assert_eq!((record.run.precision, record.end.unwrap().stopped), (None, Some(Stopped::Rounds)));
    assert!(!said.contains("variants are known"), "{said}");
}

/// What was drawn: the positions of a record, by variant, round and contender.
fn positions(out: &Path) -> Vec<(u64, u64, String, u64)> {
    let rounds = record(out).rounds;
    let position = |row: Round| (row.params["workers"], row.round, row.contender, row.position);
    let mut positions: Vec<_> = rounds.into_iter().map(position).collect();
    positions.sort();
    positions
}

#[test]
fn a_seed_gives_the_same_orders_again_and_another_seed_others() {
    let dir = tempfile::tempdir().unwrap();
    let run = |name: &str, seed: &str| {
        let out = dir.path().join(name);
        let args = ["run", "ping_pong", "--time=1ms", "--quick", "--rounds=6", "-c", "gmp,tokio-mt,smol,os-threads"];
        let output = finish(schedbench(args).args(["--seed", seed]).arg("--out").arg(&out));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        positions(&out)
    };
    let (first, again, other) = (run("first", "7"), run("again", "7"), run("other", "8"));
    assert_eq!(first, again);
    // Twelve rounds of four: 24 to the power of 12 orders.
    assert_ne!(first, other);
}
