//! The shares of a run are measured apart and reported together; records of another machine are refused.

mod program;

use std::{fs, path::Path};

use program::{finish, schedbench, stderr};

/// Measures a share of two tiny variants.
#[track_caller]
fn measure(share: &str, out: &Path) {
    let args = ["run", "ping_pong", "-c", "os-threads,rayon,tokio-mt", "--quick", "--time=20ms", "--partition", share];
    let output = finish(schedbench(args).arg("--out").arg(out));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains(&format!("share {share} of the plan")));
}

fn report(folders: &[&Path], out: &Path) -> std::process::Output {
    finish(schedbench(["report"]).args(folders).arg("--out").arg(out))
}

#[test]
fn shares_of_a_run_are_reported_together() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second, empty, together] = ["1", "2", "3", "together"].map(|name| dir.path().join(name));
    for (share, out) in [("1/3", &first), ("2/3", &second), ("3/3", &empty)] {
        measure(share, out);
    }
    let labels = |out: &Path| {
        let mut labels: Vec<u64> = program::record(out).rounds.iter().map(|round| round.params["workers"]).collect();
        labels.dedup();
        labels
    };
    // Two variants that take the same time: by name, and the third share has nothing to do.
    assert_eq!([labels(&first), labels(&second), labels(&empty)], [vec![1], vec![2], vec![]]);
    assert!([&first, &second, &empty].iter().all(|out| program::record(out).workloads.len() == 1));

    let output = report(&[&first, &second, &empty], &together);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("workers=1") && table.contains("workers=2"), "{table}");
    assert!(together.join("report.html").is_file());

    // The same share once more, by another run on the same machine: its rounds are pooled.
    let again = dir.path().join("again");
    measure("1/3", &again);
    assert_eq!(report(&[&first, &again], &together).status.code(), Some(0));

    // The same record twice would count each round twice.
    let copy = dir.path().join("copy.jsonl");
    fs::copy(first.join("results.jsonl"), &copy).unwrap();
    let output = report(&[&first, &copy], &together);
    assert_eq!((output.status.code(), stderr(&output).lines().count()), (Some(2), 1), "{}", stderr(&output));

    let record = second.join("results.jsonl");
    let key = program::record(&second).machine.unwrap().key;
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace(&key, "another-machine")).unwrap();
    let output = report(&[&first, &second], &together);
    let said = stderr(&output);
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains("different machines") && said.contains("another-machine") && said.contains(&key), "{said}");
}
