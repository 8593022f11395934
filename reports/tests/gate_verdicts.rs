//! Every verdict of the gate, and the exit code that goes with it.

mod synthetic;

use std::path::Path;

use reports::{
    Analysis, Machines,
    gate::{self, Config, GateError, Outcome, Status, Verdict},
    record::{ErrorKind, Line},
};
use synthetic::Synthetic;

/// gmp takes this share of tokio's 250 ns.
fn run(rounds: u64, share: f64) -> Synthetic {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", rounds, 250.0 * share).ping_pong(1, "tokio-mt", rounds, 250.0).end();
    record
}

const ROW: &str = "[[row]]\nworkload = \"ping_pong\"\ncontender = \"gmp\"\nvs = \"ratio:tokio-mt\"\nlimit = 0.5\n";

fn check(record: &Synthetic, gate: &str) -> Result<Outcome, GateError> {
    let analysis = Analysis::new(&[record.record()], Machines::MustMatch).unwrap();
    gate::check(&Config::parse(Path::new("gate.toml"), gate).unwrap(), &analysis)
}

fn verdict(record: &Synthetic, gate: &str) -> (Status, u8, u8) {
    let outcome = check(record, gate).unwrap();
    (outcome.status(), outcome.exit_code(false), outcome.exit_code(true))
}

const PASS: (Status, u8, u8) = (Status::Pass, 0, 0);
const FAIL: (Status, u8, u8) = (Status::Fail, 1, 1);
const BROKEN: (Status, u8, u8) = (Status::Broken, 3, 3);
const UNSOUND: (Status, u8, u8) = (Status::Unsound, 4, 4);
const INCONCLUSIVE: (Status, u8, u8) = (Status::Inconclusive, 0, 5);

fn reason(outcome: &Outcome) -> &str {
    match &outcome.judgements[0].verdict {
        Verdict::Inconclusive(reason) | Verdict::Broken(reason) => reason,
        verdict => panic!("{verdict:?}"),
    }
}

#[test]
fn the_edge_is_the_limit_and_its_tolerance() {
    assert_eq!(verdict(&run(8, 0.40), ROW), PASS);
    assert_eq!(verdict(&run(8, 0.50), ROW), PASS, "at the limit");
    assert_eq!(verdict(&run(8, 0.525), ROW), INCONCLUSIVE, "at the edge");
    assert_eq!(verdict(&run(8, 0.56), ROW), FAIL);
    assert_eq!(verdict(&run(8, 0.56), &format!("tolerance = \"20%\"\n{ROW}")), PASS);
    assert_eq!(verdict(&run(8, 0.525), &format!("tolerance = \"0%\"\n{ROW}")), FAIL);
}

#[test]
fn the_fewest_rounds_are_asked_for() {
    let outcome = check(&run(7, 0.1), ROW).unwrap();
    assert_eq!(outcome.status(), Status::Inconclusive);
    assert_eq!(reason(&outcome), "7 valid rounds in common, needs 8");
    assert_eq!(verdict(&run(7, 0.1), &format!("rounds = 7\n{ROW}")), PASS);

    let outcome = check(&run(6, 0.1), &format!("rounds = 2\n{ROW}")).unwrap();
    assert_eq!(reason(&outcome), "6 valid rounds in common, needs 7", "2^-6 is over 1 %");
    let outcome = check(&run(8, 0.1), &format!("alpha = 0.001\n{ROW}")).unwrap();
    assert_eq!(reason(&outcome), "8 valid rounds in common, needs 10", "2^-9 is over 0.1 %");
}

/// Eight variants, of which one may be slow.
fn eight_variants(rounds: u64, share: f64, share_of_one: f64) -> Synthetic {
    let mut record = Synthetic::new();
    for workers in 1..=8 {
        let share = if workers == 3 { share_of_one } else { share };
        record.ping_pong(workers, "gmp", rounds, 250.0 * share).ping_pong(workers, "tokio-mt", rounds, 250.0);
    }
    record.end();
    record
}

#[test]
fn a_large_family_can_fail_at_8_rounds_and_says_how_sure_it_is() {
    let outcome = check(&eight_variants(8, 0.4, 0.8), ROW).unwrap();
    assert_eq!(outcome.status(), Status::Fail);
    let failed = outcome.judgements.iter().filter(|judgement| judgement.verdict == Verdict::Fail);
    assert_eq!(failed.map(|judgement| judgement.variant.as_str()).collect::<Vec<_>>(), ["ping_pong{workers=3}"]);
    assert_eq!((outcome.family_level, outcome.rounds_for_alpha), (8.0 / 256.0, Some(10)));
    let text = outcome.to_string();
    let note = "8 rows at so few rounds: the chance of a false alarm is at most 3.1 %, not 1.0 %; 10 rounds keep that";
    assert!(text.contains(note), "{text}");

    let outcome = check(&eight_variants(10, 0.4, 0.8), ROW).unwrap();
    assert_eq!((outcome.status(), outcome.family_level, outcome.rounds_for_alpha), (Status::Fail, 0.01, None));
    assert_eq!(verdict(&eight_variants(8, 0.4, 0.4), ROW), PASS);
}

#[test]
fn a_family_shares_alpha() {
    // One of 10 rounds is under the edge: p = 2 / 1024 is enough alone, and not among eight.
    let with_one_good_round = |mut record: Synthetic| {
        for line in &mut record.lines {
            if let Line::Round(round) = line
                && (round.round, round.contender.as_str(), round.params["workers"]) == (4, "gmp", 3)
            {
                round.wall_ns = 128_000_000;
            }
        }
        record
    };
    let family = with_one_good_round(eight_variants(10, 0.4, 0.57));
    assert_eq!(verdict(&family, &ROW.replace("ping_pong", "ping_pong{workers=3}")), FAIL);
    assert_eq!(verdict(&family, ROW), INCONCLUSIVE);
}

#[test]
fn an_unsound_record_gives_no_verdict() {
    for share in [0.4, 0.8] {
        let mut record = run(12, share);
        record.discard(|round| round.round % 3 == 0);
        assert_eq!(verdict(&record, ROW), UNSOUND);
        let text = check(&record, ROW).unwrap().to_string();
        assert!(text.ends_with("gate: UNSOUND, no verdict: 4 of 12 rounds were discarded: steal over 5 %\n"), "{text}");
    }
    let mut record = run(12, 0.4);
    record.discard(|round| round.round % 4 == 0);
    assert_eq!(verdict(&record, ROW), PASS, "a quarter is not more than a quarter");
}

#[test]
fn a_contender_that_did_not_do_its_work_is_broken() {
    let mut record = run(10, 0.4);
    record.error("gmp", Some(10), ErrorKind::WrongAnswer, "answered 41, expected 42");
    assert_eq!(verdict(&record, ROW), BROKEN);
    assert_eq!(reason(&check(&record, ROW).unwrap()), "gmp: answered 41, expected 42");

    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 8, 100.0).error("tokio-mt", Some(0), ErrorKind::Hang, "no answer in 10 s").end();
    assert_eq!(verdict(&record, ROW), BROKEN);

    let mut record = run(10, 0.4);
    record.error("tokio-mt", Some(10), ErrorKind::Crash, "killed");
    assert_eq!(verdict(&record, ROW), PASS, "a peer may lose a round");
}

#[test]
fn cpu_time_is_a_metric_too() {
    let gate = format!("{ROW}metric = \"cpu\"\n");
    assert_eq!(verdict(&run(8, 0.4), &gate), PASS);
    let mut record = run(8, 0.4);
    for line in &mut record.lines {
        if let Line::Round(round) = line
            && round.contender == "gmp"
        {
            round.cpu_ns *= 2;
        }
    }
    assert_eq!(verdict(&record, &gate), FAIL);
    for line in &mut record.lines {
        if let Line::Round(round) = line {
            round.cpu_ns = 0;
        }
    }
    assert_eq!(verdict(&record, &gate), INCONCLUSIVE);
    assert_eq!(reason(&check(&record, &gate).unwrap()), "a round has no cpu figure over zero");
}

#[test]
fn a_quick_record_is_refused_unless_allowed() {
    let mut record = run(8, 0.4);
    record.run(|run| run.mode = "quick".to_owned());
    let error = check(&record, ROW).unwrap_err().to_string();
    let expected = "gate.toml: run 2026-11-23T17-04-05Z-7 is a quick one, which never gives a verdict: \
                    expected a default or full run, or allow_quick = true";
    assert_eq!(error, expected);
    assert_eq!(verdict(&record, &format!("allow_quick = true\n{ROW}")), PASS);
}

#[test]
fn rows_that_match_nothing_are_errors() {
    let error = |from: &str, to: &str| check(&run(8, 0.4), &ROW.replace(from, to)).unwrap_err().to_string();
    assert_eq!(
        error("\"ping_pong", "\"ping_pnog"),
        "gate.toml:1: the record has no workload 'ping_pnog', expected one of ping_pong (did you mean 'ping_pong'?)"
    );
    assert_eq!(
        error("ping_pong", "ping_pong{workers=9}"),
        "gate.toml:1: workload 'ping_pong{workers=9}' matches no variant, the record has ping_pong{workers=1}"
    );
    assert_eq!(
        error("\"gmp\"", "\"go\""),
        "gate.toml:1: the record has no contender 'go', expected one of gmp, tokio-mt"
    );
    assert_eq!(
        error("ratio:tokio-mt", "ratio:tokio"),
        "gate.toml:1: the record has no contender 'tokio', expected one of gmp, tokio-mt (did you mean 'tokio-mt'?)"
    );
}

#[test]
fn a_contender_that_was_not_measured_is_an_error() {
    let mut record = Synthetic::new();
    record
        .ping_pong(1, "gmp", 8, 100.0)
        .error("rayon", None, ErrorKind::NotApplicable, "fork-join has no channels")
        .end();
    let error = |peer: &str| check(&record, &ROW.replace("tokio-mt", peer)).unwrap_err().to_string();
    let expected = "gate.toml:1: rayon was not measured on ping_pong{workers=1}: fork-join has no channels";
    assert_eq!(error("rayon"), expected);
    assert_eq!(error("tokio-mt"), "gate.toml:1: tokio-mt was not measured on ping_pong{workers=1}: not run");
}
