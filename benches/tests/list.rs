//! `list` says what there is, for people and for programs.

mod program;

use program::{finish, schedbench};
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
    assert_eq!(
        names(&list["contenders"]),
        schedulers::contender::ALL.iter().map(|entry| entry.name).collect::<Vec<_>>()
    );
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
fn text_names_every_workload_and_contender() {
    let output = finish(&mut schedbench(["list"]));
    let text = String::from_utf8(output.stdout).unwrap();
    for info in workloads::ALL {
        assert!(text.contains(&format!("{}{{", info.name)), "{text}");
    }
    for entry in schedulers::contender::ALL {
        assert!(text.contains(entry.summary), "{text}");
    }
}
