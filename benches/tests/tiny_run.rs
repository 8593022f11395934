//! A run leaves a record that is whole, with every cell in it, and a report.

mod program;

use program::{TINY, finish, record, schedbench, stderr};
use reports::record::ErrorKind;

#[test]
fn a_run_leaves_a_record_and_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let output = finish(schedbench(TINY).args(["-c", "os-threads,tokio-mt,rayon", "--out"]).arg(dir.path()));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

    let record = record(dir.path());
    assert_eq!((record.run.seed, record.run.mode.as_str()), (7, "quick"));
    assert_eq!(record.end.map(|end| end.status), Some("complete".to_owned()));
    for contender in ["os-threads", "tokio-mt"] {
        let rounds: Vec<_> = record.rounds.iter().filter(|round| round.contender == contender).collect();
        assert_eq!(rounds.iter().map(|round| round.round).collect::<Vec<_>>(), [0, 1]);
        assert!(rounds.iter().all(|round| round.ops > 0 && round.slices > 0 && round.wall_ns > 0));
        assert!(rounds.iter().all(|round| round.peak_threads >= Some(2) || !cfg!(target_os = "linux")));
        for round in rounds {
            let values = serde_json::to_value(round).unwrap();
            for (sensor, value) in values.as_object().unwrap() {
                let reason = round.missing.get(sensor);
                assert_eq!(value.is_null(), reason.is_some(), "{sensor} is {value}: {reason:?}");
            }
            assert!(round.round_ns >= Some(round.wall_ns));
        }
        assert_eq!(record.hists.iter().filter(|hist| hist.contender == contender).count(), 2);
        assert!(
            record.contenders.iter().any(|started| started.contender == contender && started.config["workers"] == 1)
        );
    }
    let absent: Vec<_> =
        record.errors.iter().map(|error| (error.contender.as_str(), error.kind, error.round)).collect();
    assert_eq!(absent, [("rayon", ErrorKind::NotApplicable, None)]);

    assert!(dir.path().join("report.html").is_file());
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains(&dir.path().join("report.html").display().to_string()), "{printed}");
}

#[test]
fn a_record_in_the_current_folder_is_reported_beside_itself() {
    let dir = tempfile::tempdir().unwrap();
    let output = finish(schedbench(TINY).args(["-c", "tokio-mt", "--rounds=1", "--out"]).arg(dir.path()));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    std::fs::remove_file(dir.path().join("report.html")).unwrap();
    let output = finish(schedbench(["report", "results.jsonl"]).current_dir(dir.path()));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(dir.path().join("report.html").is_file());
}
