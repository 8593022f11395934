//! Children do not outlive a parent that had no chance to end them, even in the middle of a slice.

#![cfg(target_os = "linux")]

mod program;

use std::process::Stdio;

use program::{alive, contenders_of, schedbench, wait_for};

#[test]
fn children_die_with_their_parent() {
    let dir = tempfile::tempdir().unwrap();
    // Hogs that calculate for a minute: nobody looks at stdin meanwhile.
    let args = ["run", "tight_loop{workers=1}", "--rounds=1", "-c", "os-threads", "-p", "hog_ms=60000"];
    let mut run =
        schedbench(args).arg("--out").arg(dir.path()).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let children = wait_for("the child", || Some(contenders_of(&run)).filter(|children| !children.is_empty()));
    run.kill().unwrap();
    run.wait().unwrap();
    wait_for("the end of the children", || children.iter().all(|(pid, _)| !alive(*pid)).then_some(()));
}
