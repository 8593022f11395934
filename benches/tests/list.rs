//! `list` says what there is, for people and for programs.

mod program;

use program::{finish, schedbench, stderr};
use serde_json::Value;

fn list_json(args: &[&str]) -> Value {
    let output = finish(schedbench(["list", "--format", "json"]).args(args));
    assert_eq!(output.status.code(), Some(0));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

#[test]
fn json_has_workloads_parameters_contenders_and_reasons() {
    let list = list_json(&[]);
    let names = |list: &Value| {
        list.as_array().unwrap().iter().map(|x| x["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&list["workloads"]), workloads::ALL.iter().map(|info| info.name).collect::<Vec<_>>());
    let contenders = names(&list["contenders"]);
    for entry in schedulers::contender::ALL {
        let place = contenders.iter().position(|name| name == entry.name).expect("every contender is listed");
        assert_eq!(list["contenders"][place]["role"], entry.role.name());
    }
    let ping_pong = &list["workloads"][0];
    let workers = ping_pong["params"].as_array().unwrap().iter().find(|param| param["name"] == "workers").unwrap();
    assert_eq!((&workers["min"], &workers["default"]), (&Value::from(1), &Value::from(1)));
    let cells = ping_pong["variants"][0]["cells"].as_array().unwrap();
    let rayon = cells.iter().find(|cell| cell["contender"] == "rayon").unwrap();
    assert_eq!((&rayon["runs"], &rayon["kind"]), (&Value::from(false), &Value::from("n/a")));
    assert!(rayon["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
}

#[test]
fn filters_and_contenders_narrow_the_list() {
    let list = list_json(&["ping_pong{workers=2}", "-c", "tokio-mt"]);
    assert_eq!(list["workloads"].as_array().unwrap().len(), 1);
    let variants = list["workloads"][0]["variants"].as_array().unwrap();
    assert!(variants.iter().all(|variant| variant["params"]["workers"] == 2));
    assert_eq!(list["contenders"].as_array().unwrap().len(), 1);
}

#[test]
fn a_sweep_is_listed_variant_by_variant() {
    let list = list_json(&["ping_pong", "--sweep", "workers=1..8*2", "-p", "pairs=100"]);
    let variants = list["workloads"][0]["variants"].as_array().unwrap();
    let workers: Vec<_> = variants.iter().map(|variant| variant["params"]["workers"].as_u64().unwrap()).collect();
    assert_eq!(workers, [1, 2, 4, 8]);
    assert!(variants.iter().all(|variant| variant["params"]["pairs"] == 100));
}

#[test]
fn the_full_list_has_all_that_the_other_has() {
    let names = |list: Value| -> Vec<String> {
        let workloads = list["workloads"].as_array().unwrap().iter();
        let variants = workloads.flat_map(|workload| workload["variants"].as_array().unwrap().clone());
        variants.map(|variant| variant["name"].as_str().unwrap().to_owned()).collect()
    };
    let (default, full) = (names(list_json(&[])), names(list_json(&["--full"])));
    assert!(default.iter().all(|name| full.contains(name)));
}

#[test]
fn text_names_every_workload_and_contender_and_has_the_matrix() {
    let output = finish(&mut schedbench(["list"]));
    let text = String::from_utf8(output.stdout).unwrap();
    for info in workloads::ALL {
        assert!(text.contains(&format!("\n{}{{", info.name)), "{text}");
    }
    for entry in schedulers::contender::ALL {
        assert!(text.contains(entry.summary), "{text}");
        assert!(text.contains(&format!("|  {}", entry.name)) || entry.name == "gmp", "{text}");
    }
}

#[test]
fn cargos_list_has_a_line_a_variant_on_stdout_and_the_matrix_beside_it() {
    let output = finish(&mut schedbench(["suite", "--bench", "--list"]));
    assert_eq!(output.status.code(), Some(0));
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(lines.lines().count() >= workloads::ALL.len());
    assert!(lines.lines().all(|line| line.ends_with("}: benchmark")), "{lines}");
    assert!(stderr(&output).contains("|  os-threads\n"), "{}", stderr(&output));

    let output = finish(&mut schedbench(["suite", "--list", "--format", "terse"]));
    assert_eq!(String::from_utf8_lossy(&output.stdout), lines);
    assert_eq!(stderr(&output), "");
}
