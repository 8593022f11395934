//! `docs/PROTOCOL.md` is enough to write a contender: the example beside it is one.

mod program;

use program::{finish, schedbench, stderr};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/example_child.py");

fn example<'a>(args: impl IntoIterator<Item = &'a str>) -> std::process::Output {
    let program = format!("asyncio={EXAMPLE}");
    finish(schedbench(args).args(["-c", "asyncio", "--require", "asyncio", "--contender-program", &program]))
}

#[test]
fn the_example_is_short() {
    assert!(std::fs::read_to_string(EXAMPLE).unwrap().lines().count() <= 60);
}

#[test]
fn the_example_gives_right_answers() {
    let output = example(["verify", "ping_pong{workers=1}", "-p", "pairs=1", "-p", "pairs=10"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("2 cells right, 0 wrong"), "{}", stderr(&output));
}

#[test]
fn the_example_adds_up_a_tree_of_tasks() {
    let output = example(["verify", "skynet", "-p", "workers=1", "-p", "channels=0", "-p", "leaves=1000"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("1 cells right, 0 wrong"), "{}", stderr(&output));
}

#[test]
fn what_the_example_cannot_run_is_known_beforehand() {
    let output = example(["list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let cell = |workload: &str, workers: u64| {
        let workloads = list["workloads"].as_array().unwrap();
        let variants = workloads.iter().find(|one| one["name"] == workload).unwrap()["variants"].as_array().unwrap();
        variants.iter().find(|one| one["params"]["workers"] == workers).unwrap()["cells"][0].clone()
    };
    assert_eq!(cell("ping_pong", 1)["runs"], true);
    assert_eq!(cell("ping_pong", 2)["reason"], "asyncio has one thread, and no rendezvous");
    assert_eq!(cell("tight_loop", 1)["kind"], "n/a");
}

#[test]
fn a_required_program_that_is_not_there_is_a_mistake() {
    let args = ["verify", "-c", "tokio-mt,absent", "--require=absent", "--contender-program=absent=/no/such/program"];
    let output = finish(&mut schedbench(args));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("/no/such/program"), "{}", stderr(&output));
}
