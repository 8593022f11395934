//! Whether children that are not on turn are quiet: the lockstep of a round rests on it. `idle_children`.
//!
//! A child of every built-in contender is started, all alive at once as in a round, has a slice each, and then nobody is on turn. A scheduler that
//! spins when it has nothing to do takes its CPU time from whoever is being measured.

use std::{
    thread,
    time::{Duration, Instant},
};

use schedulers::model::Role;
use workloads::{Oracle, Params};

use super::finding::{Finding, percent};
use crate::{
    child::{Child, Failure, Program},
    contenders,
};

/// The share of a core that a waiting child may take.
const BUSY_MAX: f64 = 0.01;
/// A slice, so that all threads are there and something was done.
const SLICE: Duration = Duration::from_millis(20);
/// Schedulers may look around for a while before they park.
const SETTLE: Duration = Duration::from_millis(100);
/// How long nobody is on turn. The kernel counts CPU time of a process in nanoseconds.
const TIME: Duration = Duration::from_millis(200);
/// A child that does not answer for so long is no longer waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// The first of these that a contender can run.
const WORKLOADS: [&str; 2] = ["ping_pong", "map_reduce"];

/// What a child did while it was not on turn.
#[derive(Clone, Debug)]
pub struct Idle {
    /// The contender.
    pub contender: String,
    /// The share of a core that it took.
    pub share: Result<f64, String>,
}

/// Starts the children and looks. About half a second.
pub fn look() -> Vec<Idle> {
    // Tuned configurations are the same schedulers, and floors have no threads of their own.
    let default = contenders::all().filter(|entry| entry.role == Role::Default);
    look_at(default.map(|entry| (entry.name, start(entry.name, &Program::BuiltIn))).collect())
}

/// Looks at children that have had their slice.
fn look_at(children: Vec<(&str, Result<Child, String>)>) -> Vec<Idle> {
    thread::sleep(SETTLE);
    let cpu_ns = |child: &Result<Child, String>| child.as_ref().ok().and_then(Child::cpu_ns);
    let before: Vec<Option<u64>> = children.iter().map(|(_, child)| cpu_ns(child)).collect();
    let began = Instant::now();
    thread::sleep(TIME);
    let idle = |((contender, child), before): ((&str, Result<Child, String>), Option<u64>)| {
        let share = child.and_then(|child| {
            let used = child.cpu_ns().zip(before).map(|(now, before)| now.saturating_sub(before));
            let used = used.ok_or("the operating system does not tell a process's CPU time")?;
            Ok(used as f64 / began.elapsed().as_nanos() as f64)
        });
        Idle { contender: contender.to_owned(), share }
    };
    children.into_iter().zip(before).map(idle).collect()
}

/// A child that has had its slice.
fn start(contender: &str, program: &Program) -> Result<Child, String> {
    let (workload, params, oracle) = small_cell(contender)?;
    let said = |failure| match failure {
        Failure::Cell { reason, .. } => reason,
        Failure::Interrupted => "interrupted".to_owned(),
    };
    let (mut child, _) = Child::start(program, contender, workload, &params, PATIENCE, None).map_err(said)?;
    child.slice(SLICE, true, &oracle).map_err(said)?;
    Ok(child)
}

fn small_cell(contender: &str) -> Result<(&'static str, Params, Oracle), String> {
    let mut why = String::new();
    for info in WORKLOADS.iter().filter_map(|name| workloads::ALL.iter().find(|info| info.name == *name)) {
        let params = workloads::resolve(info, &Params::new()).map_err(|error| error.to_string())?;
        match contenders::check_fit(info.name, contender, &params) {
            Ok(()) => {
                let oracle = workloads::oracle(info.name, &params).map_err(|error| error.to_string())?;
                return Ok((info.name, params, oracle));
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

/// What it means.
pub fn finding(idle: &[Idle]) -> Finding {
    let known: Vec<(&str, f64)> =
        idle.iter().filter_map(|one| Some((one.contender.as_str(), *one.share.as_ref().ok()?))).collect();
    let unknown: Vec<String> =
        idle.iter().filter_map(|one| Some(format!("{}: {}", one.contender, one.share.as_ref().err()?))).collect();
    let busy: Vec<String> = known
        .iter()
        .filter(|(_, share)| *share > BUSY_MAX)
        .map(|(contender, share)| format!("{contender} with {}", percent(*share)))
        .collect();
    let finding = if !busy.is_empty() {
        let text = format!("takes CPU time while it is not on turn: {} of a core", busy.join(", "));
        let advice =
            "a scheduler that spins when it is idle makes all others look slower: measure it in a run of its own (-c)";
        Finding::warn("idle_children", text, advice)
    } else if !unknown.is_empty() || known.is_empty() {
        Finding::note("idle_children", format!("{} are quiet; not checked: {}", known.len(), unknown.join("; ")))
    } else {
        Finding::ok("idle_children", format!("{} contenders are quiet while they are not on turn", known.len()))
    };
    known.iter().fold(finding, |finding, (contender, share)| finding.with(format!("share_of_core:{contender}"), *share))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    use super::*;
    use crate::doctor::finding::Severity;

    fn idle(of: &[(&str, Result<f64, &str>)]) -> Finding {
        let one = |(contender, share): &(&str, Result<f64, &str>)| Idle {
            contender: (*contender).to_owned(),
            share: share.map_err(str::to_owned),
        };
        finding(&of.iter().map(one).collect::<Vec<_>>())
    }

    #[test]
    fn a_scheduler_that_spins_when_idle_is_named() {
        let found = idle(&[("gmp", Ok(0.0)), ("spinner", Ok(0.98)), ("may", Err("crashed"))]);
        assert_eq!(found.severity, Severity::Warn);
        assert_eq!(found.found, "takes CPU time while it is not on turn: spinner with 98.0 % of a core");
    }

    #[test]
    fn children_that_do_not_start_are_a_note_and_quiet_ones_fine() {
        assert_eq!(idle(&[("gmp", Ok(0.002))]).severity, Severity::Ok);
        let found = idle(&[("gmp", Ok(0.002)), ("may", Err("exited with status 1"))]);
        assert_eq!(found.severity, Severity::Note);
        assert!(found.found.contains("may: exited with status 1"));
        assert_eq!(idle(&[]).severity, Severity::Note);
    }

    /// A child that answers one slice rightly and then does as `after` says.
    fn script(dir: &Path, after: &str) -> Program {
        let path = dir.join("contender.sh");
        let start = r#"{"ok":true,"contender":"gmp","version":"1","config":{"workers":1}}"#;
        let slice = r#"{"ops":1,"wall_ns":1000,"cpu_ns":0,"answer":"1"}"#;
        let text = format!("#!/bin/sh\nread -r request\necho '{start}'\nread -r request\necho '{slice}'\n{after}\n");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Program::External { path, env: &[] }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_child_that_spins_is_seen_and_one_that_waits_is_not() {
        let share_of = |after: &str| {
            let dir = tempfile::tempdir().unwrap();
            let program = script(dir.path(), after);
            // "Text file busy": another test's child may still hold the script open for writing, until its exec.
            let mut shares =
                (0..50).filter_map(|_| look_at(vec![("gmp", start("gmp", &program))]).remove(0).share.ok());
            shares.next().expect("a script can be started")
        };
        // Where a hundred others want to run, even a loop may not get its turn in a fifth of a second.
        assert!((0..50).any(|_| share_of("while :; do :; done") > BUSY_MAX));
        let waiting = share_of("read -r request");
        assert!(waiting < BUSY_MAX, "{waiting}");
    }

    #[test]
    fn every_contender_has_a_small_cell() {
        for entry in contenders::all().filter(|entry| entry.role == Role::Default) {
            assert!(small_cell(entry.name).is_ok(), "{}", entry.name);
        }
    }
}
