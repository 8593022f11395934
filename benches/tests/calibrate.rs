//! `calibrate` makes its small runs, keeps their records, and says what it promises; its test contenders are seen nowhere else.

mod program;

use std::{fs, path::Path, process::Stdio};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use program::{alive, contenders_of, finish, schedbench, stderr, wait_for};
use serde_json::Value;

/// As little as there can be: of each comparison six rounds, of each slice length two. A machine that is short of memory and disk may stop
/// a child for longer than users would wait.
const TINY: [&str; 7] =
    ["calibrate", "--comparisons=2", "--rounds=6", "--time=5ms", "--slice-rounds=2", "--seed=7", "--timeout=120s"];

fn record(path: &Path) -> reports::Record {
    let loaded = reports::read(path).expect("there is a record");
    assert_eq!(loaded.faults, [], "the record is whole");
    loaded.record
}

#[test]
fn a_tiny_calibration_runs_to_its_end_and_its_output_parses() {
    let dir = tempfile::tempdir().unwrap();
    let output = finish(schedbench(TINY).args(["--slowdowns=100", "--json", "--out"]).arg(dir.path()));
    // On a busy machine nothing is promised.
    assert!([Some(0), Some(4)].contains(&output.status.code()), "{}", stderr(&output));
    let json: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(json["holds"].as_bool(), Some(output.status.code() == Some(0)));
    assert_eq!((&json["complete"], &json["rounds"]), (&Value::from(true), &Value::from(6)));

    let arms = json["arms"].as_array().unwrap();
    let percents: Vec<_> = arms.iter().map(|arm| arm["slower_percent"].as_u64().unwrap()).collect();
    assert_eq!(percents, [0, 10, 100]);
    for arm in arms {
        let count = |name: &str| arm["total"][name].as_u64().unwrap();
        assert_eq!(count("comparisons") + count("without_verdict"), 2, "{arm}");
        assert!(count("slower") + count("faster") <= count("comparisons"), "{arm}");
    }
    let cells = json["slices"]["cells"].as_array().unwrap();
    // 20 ms in 1, 4 and 10 turns, and in as many as the protocol's millisecond allows.
    let lengths = |cell: &Value| -> Vec<u64> {
        let spreads = cell["spreads"].as_array().unwrap().iter();
        spreads.map(|spread| spread["slice_ns"].as_u64().unwrap() / 1_000_000).collect()
    };
    assert!(cells.len() == 5 && cells.iter().all(|cell| lengths(cell) == [20, 5, 2, 1]), "{json}");

    let kept = fs::read_to_string(dir.path().join("calibration.json")).unwrap();
    assert_eq!(kept.as_bytes(), output.stdout);
    let text = fs::read_to_string(dir.path().join("calibration.md")).unwrap();
    assert!(text.contains("### A/A") && text.contains("100 % slower") && text.contains("1 x 20 ms"), "{text}");
}

#[test]
fn records_keep_every_round_and_can_be_compared() {
    let dir = tempfile::tempdir().unwrap();
    let output = finish(schedbench(TINY).args(["--slowdowns=100", "--only=slowdowns,aa", "--out"]).arg(dir.path()));
    assert!([Some(0), Some(4)].contains(&output.status.code()), "{}", stderr(&output));
    let (first, second) = (dir.path().join("comparison-001.jsonl"), dir.path().join("comparison-002.jsonl"));
    assert_ne!(record(&first).run.seed, record(&second).run.seed, "orders are drawn anew");

    let record = record(&first);
    let names = ["gmp", "gmp-again", "gmp+10%", "gmp+100%"];
    assert_eq!(record.contenders.iter().map(|row| row.contender.as_str()).collect::<Vec<_>>(), names);
    assert_eq!(record.run.slice_ns, Some(10_000_000));
    for (name, percent) in names.into_iter().zip([0, 0, 10, 100]) {
        let rounds: Vec<_> = record.rounds.iter().filter(|round| round.contender == name).collect();
        assert!(rounds.len() >= 6, "{name}");
        for round in rounds {
            let spun_ns = round.counters.get("injected_spin_ns").copied();
            // What is spun is part of the time, k of 100 + k, and never less: it is spun by the clock. Each slice is rounded down.
            let least_ns = |percent: u64| (round.wall_ns * percent / (100 + percent)).saturating_sub(round.slices);
            assert_eq!(spun_ns.is_some(), percent > 0, "{name}");
            assert!(spun_ns.is_none_or(|spun_ns| spun_ns >= least_ns(percent) && spun_ns < round.wall_ns), "{round:?}");
        }
    }
    let compared = finish(schedbench(["compare"]).arg(&first).args(["-c", "gmp,gmp+100%"]));
    assert_eq!(compared.status.code(), Some(0), "{}", stderr(&compared));
}

#[test]
fn ctrl_c_prints_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["calibrate", "--comparisons=9999", "--rounds=6", "--time=5ms", "--only=aa", "--timeout=120s"];
    let mut command = schedbench(args);
    command.arg("--out").arg(dir.path()).stderr(Stdio::null()).stdout(Stdio::piped());
    let calibration = command.spawn().unwrap();
    let second = dir.path().join("comparison-002.jsonl");
    wait_for("the second comparison", || second.exists().then_some(()));
    let children = wait_for("children", || Some(contenders_of(&calibration)).filter(|all| !all.is_empty()));
    kill(Pid::from_raw(i32::try_from(calibration.id()).unwrap()), Signal::SIGINT).unwrap();

    let output = calibration.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(children.iter().filter(|(pid, _)| alive(*pid)).count(), 0);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("### A/A") && text.contains("**Not complete**"), "{text}");
    assert_eq!(record(&dir.path().join("comparison-001.jsonl")).end.map(|end| end.status), Some("complete".to_owned()));
}

#[test]
fn the_test_contenders_cannot_be_seen_or_chosen() {
    for args in [&["list"][..], &["list", "--format", "json"], &["list", "--full"], &["run", "--dry-run", "-c", "all"]]
    {
        let output = finish(&mut schedbench(args.iter().copied()));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.is_empty() && !text.contains("gmp-again") && !text.contains("gmp+"), "{args:?}: {text}");
    }
    for name in ["gmp-again", "gmp+10%"] {
        let output = finish(&mut schedbench(["run", "-c", name]));
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("unknown contender"), "{}", stderr(&output));
    }
    let help = finish(&mut schedbench(["--help"]));
    assert!(!String::from_utf8(help.stdout).unwrap().contains("slower-percent"));
}
