//! `--dry-run` says what would be run and how long it would take, and runs nothing.

mod program;

use program::{finish, schedbench, stderr};

/// What a dry run prints; nothing may be left of it.
#[track_caller]
fn plan_of(args: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let output = finish(schedbench(["run", "--dry-run"]).args(args).arg("--out").arg(&out));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!out.exists());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn it_names_cells_rounds_and_times() {
    let plan = plan_of(&["ping_pong{workers=1}", "-c", "gmp,tokio-mt", "--rounds", "9", "--time", "100ms"]);
    let lines: Vec<&str> = plan.lines().collect();
    let [workload, variant, total] = lines[..] else { panic!("{plan}") };
    // 2 x 9 x (10 + 3) x 10 ms are 2.3 s; processes and rounds come on top.
    assert_eq!(workload, "ping_pong: 2 cells x 9 rounds x (10 slices of 10 ms, 3 to warm up) = 3 s");
    assert!(variant.starts_with("  ping_pong{") && variant.ends_with("}: gmp, tokio-mt"), "{variant}");
    assert_eq!(total, "1 variants, 2 cells, 9 rounds of 100 ms for each: about 3 s");
}

#[test]
fn tuned_contenders_are_in_the_full_plan_only() {
    let tuned = schedulers::contender::ALL.iter().find(|entry| entry.role == schedulers::model::Role::Tuned).unwrap();
    let names_it = |args: &[&str]| plan_of(args).contains(&format!(", {}", tuned.name));
    assert!(!names_it(&[]));
    assert!(!names_it(&["--quick"]));
    assert!(names_it(&["--full"]));
    assert!(names_it(&["-c", "all"]));
}

#[test]
fn shares_are_of_the_same_plan() {
    let variants = |plan: &str| -> Vec<String> {
        plan.lines().filter(|line| line.starts_with("  ")).map(|line| line.trim().to_owned()).collect()
    };
    let all = variants(&plan_of(&["--full"]));
    let mut together: Vec<String> = Vec::new();
    for share in ["1/3", "2/3", "3/3"] {
        together.extend(variants(&plan_of(&["--full", "--partition", share])));
    }
    assert_eq!(together.len(), all.len());
    assert!(all.iter().all(|variant| together.contains(variant)));
}
