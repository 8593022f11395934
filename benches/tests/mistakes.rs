//! A mistake on the command line is one line that names it, and exit code 2.

mod program;

use program::{finish, schedbench, stderr};

#[track_caller]
fn is_one_line_that_names(args: &[&str], named: &[&str]) {
    let output = finish(&mut schedbench(args.iter().copied()));
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
    for name in named {
        assert!(said.contains(name), "{args:?} should name {name}: {said}");
    }
}

#[test]
fn an_unknown_workload() {
    is_one_line_that_names(&["run", "pingpong"], &["'pingpong'", "'ping_pong'"]);
    is_one_line_that_names(&["verify", "no_such_work"], &["'no_such_work'", "ping_pong"]);
    is_one_line_that_names(&["list", "pong", "--exact"], &["'pong'"]);
}

#[test]
fn an_unknown_contender() {
    is_one_line_that_names(&["run", "-c", "tokio-m"], &["'tokio-m'", "'tokio-mt'"]);
}

#[test]
fn a_parameter_that_cannot_be() {
    is_one_line_that_names(&["run", "-p", "workers=0"], &["workers=0", "1 to"]);
    is_one_line_that_names(&["run", "-p", "workers=many"], &["many", "--param"]);
    is_one_line_that_names(&["run", "-p", "wrkers=1"], &["'wrkers'", "'workers'"]);
    is_one_line_that_names(&["run", "tight_loop", "-p", "pairs=1"], &["pairs=1"]);
}

#[test]
fn a_sweep_that_cannot_be() {
    is_one_line_that_names(&["run", "--sweep", "workers"], &["--sweep", "workers=1..4"]);
    is_one_line_that_names(&["run", "--sweep", "workers=4..1"], &["4..1"]);
    is_one_line_that_names(&["run", "--sweep", "workers=0..2"], &["workers=0", "1 to"]);
    is_one_line_that_names(&["run", "--sweep", "wrkers=1..2"], &["'wrkers'", "'workers'"]);
    is_one_line_that_names(&["run", "--sweep", "pairs=1..99999999"], &["--sweep", "1000"]);
}

#[test]
fn a_share_that_cannot_be() {
    for share in ["3/2", "0/2", "2", "a/b"] {
        is_one_line_that_names(&["run", "--partition", share], &["--partition", "2/8"]);
    }
}

#[test]
fn a_variant_that_is_not_planned() {
    is_one_line_that_names(&["run", "ping_pong{workers=77}"], &["ping_pong{workers=77}", "-p"]);
    is_one_line_that_names(&["run", "ping_pong{workers"], &["ping_pong{workers"]);
}

#[test]
fn amounts_that_cannot_be() {
    is_one_line_that_names(&["run", "--time", "soon"], &["'soon'", "--time", "500ms"]);
    is_one_line_that_names(&["run", "--rounds", "0"], &["0", "--rounds"]);
    is_one_line_that_names(&["run", "--quick", "--full"], &["--quick", "--full"]);
    is_one_line_that_names(&["run", "--precision", "2.5"], &["'2.5'", "--precision", "2.5%"]);
    is_one_line_that_names(&["run", "--precision", "2%", "--rounds", "8"], &["--precision", "--rounds"]);
    is_one_line_that_names(&["run", "--precision", "2%", "--quick"], &["--precision", "--quick"]);
    is_one_line_that_names(&["run", "--budget", "soon"], &["'soon'", "--budget", "5m"]);
}

#[test]
fn cpus_that_cannot_be() {
    is_one_line_that_names(&["run", "--pin", "first"], &["'first'", "--pin", "0-3"]);
    is_one_line_that_names(&["run", "--pin", "1000"], &["--pin", "CPU 1000"]);
}

#[test]
fn a_run_that_goes_on_takes_nothing_else() {
    is_one_line_that_names(&["run", "--resume", "x", "--rounds", "8"], &["--resume"]);
    is_one_line_that_names(&["run", "--resume", "/no/such/folder"], &["/no/such/folder"]);
}

#[test]
fn a_calibration_that_cannot_be() {
    is_one_line_that_names(&["calibrate", "--comparisons", "0"], &["0", "--comparisons"]);
    is_one_line_that_names(&["calibrate", "--rounds", "5"], &["5", "--rounds", "6"]);
    is_one_line_that_names(&["calibrate", "--slice-rounds", "1"], &["1", "--slice-rounds"]);
    is_one_line_that_names(&["calibrate", "--slowdowns", "3,much"], &["much", "--slowdowns"]);
    is_one_line_that_names(&["calibrate", "--slowdowns", "0"], &["0", "--slowdowns"]);
    is_one_line_that_names(&["calibrate", "--only", "aaa"], &["aaa", "--only", "slowdowns"]);
    is_one_line_that_names(&["calibrate", "--only", "aa", "--slowdowns", "3"], &["--slowdowns", "--only"]);
    is_one_line_that_names(&["calibrate", "--out", "/dev/null/here"], &["/dev/null/here"]);
    let used = env!("CARGO_MANIFEST_DIR");
    is_one_line_that_names(&["calibrate", "--out", used], &["--out", used, "new folder"]);
}

#[test]
fn an_option_that_does_not_exist() {
    is_one_line_that_names(&["run", "--speed"], &["--speed"]);
}

#[test]
fn a_folder_that_cannot_be_made() {
    is_one_line_that_names(&["run", "--out", "/dev/null/here"], &["/dev/null/here"]);
}
