//! One second of the machine as it is now: what is stolen, what other processes take, and how steady a spin is. `steal`, `foreign_cpu`, `spin_probe`.
//!
//! One core spins meanwhile, since steal is only counted while somebody wants to run, and a clock that sinks shows only then.

use std::time::{Duration, Instant};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::finding::{Finding, percent};
use crate::conditions::{PROBE_MAX, Reading, STEAL_MAX, Watch, spin_probe_ns};

/// How long the machine is watched: a hundred of the kernel's ticks.
const TIME: Duration = Duration::from_secs(1);
/// The share of the machine's CPU time that others may have; the same as in `reports`.
const FOREIGN_MAX: f64 = 0.05;
/// The share of probes that may be slow: as many rounds may be discarded before a run is unsound.
const SLOW_MAX: f64 = 0.25;

/// What was seen.
#[derive(Clone, Debug)]
pub struct Facts {
    /// How long it was watched.
    pub time_ns: u64,
    /// The CPUs that the next two are about.
    pub cpus: u64,
    /// CPU time that the hypervisor gave to others.
    pub steal_ns: Reading,
    /// CPU time of other processes.
    pub foreign_cpu_ns: Reading,
    /// Who took most of it: name, process id, share of a core.
    pub busiest: Option<(String, u32, f64)>,
    /// The times of all spin probes.
    pub probes_ns: Vec<u64>,
}

impl Facts {
    /// Watches.
    pub fn watch() -> Facts {
        let mut system = System::new();
        let mut look = || {
            let kinds = ProcessRefreshKind::nothing().with_cpu().without_tasks();
            if let Ok(system) = &mut system {
                system.refresh_processes_specifics(ProcessesToUpdate::All, true, kinds);
            }
            system.as_ref().map(busy_ms).unwrap_or_default()
        };
        let before = look();
        let watch = Watch::begin();
        let began = Instant::now();
        let mut probes_ns = Vec::new();
        while began.elapsed() < TIME {
            probes_ns.push(spin_probe_ns());
        }
        let conditions = watch.end();
        let now = look();
        let seconds = began.elapsed().as_secs_f64();
        let share = |(pid, name, ms): &(Pid, String, u64)| {
            let then = before.iter().find(|(other, _, _)| other == pid).map_or(0, |(_, _, ms)| *ms);
            (name.clone(), pid.as_u32(), ms.saturating_sub(then) as f64 / 1e3 / seconds)
        };
        let others = now.iter().filter(|(pid, _, _)| pid.as_u32() != std::process::id()).map(share);
        Facts {
            time_ns: conditions.round_ns,
            cpus: conditions.cpus,
            steal_ns: conditions.steal_ns,
            foreign_cpu_ns: conditions.foreign_cpu_ns,
            busiest: others.max_by(|(_, _, a), (_, _, b)| a.total_cmp(b)),
            probes_ns,
        }
    }

    fn share(&self, ns: u64) -> f64 {
        ns as f64 / (self.time_ns.max(1) as f64 * self.cpus.max(1) as f64)
    }
}

/// CPU time of every process that can be seen, in milliseconds.
fn busy_ms(system: &System) -> Vec<(Pid, String, u64)> {
    let of = |(pid, process): (&Pid, &sysinfo::Process)| {
        (*pid, process.name().to_string_lossy().into_owned(), process.accumulated_cpu_time())
    };
    system.processes().iter().map(of).collect()
}

/// What it means.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    vec![steal(facts), foreign(facts), probe(&facts.probes_ns)]
}

fn steal(facts: &Facts) -> Finding {
    let share = match &facts.steal_ns {
        Ok(ns) => facts.share(*ns),
        Err(reason) => return Finding::unknown("steal", reason),
    };
    let text = format!("{} of CPU time were stolen in a second", percent(share));
    let finding = if share > STEAL_MAX {
        let advice = "rounds in which more than 5 % is stolen are discarded, so a run now would be UNSOUND: come back later, or take a dedicated host";
        Finding::bad("steal", text, advice)
    } else if share > 0.0 {
        Finding::note("steal", text)
    } else {
        Finding::ok("steal", text)
    };
    finding.with("steal_share", share)
}

fn foreign(facts: &Facts) -> Finding {
    let share = match &facts.foreign_cpu_ns {
        Ok(ns) => facts.share(*ns),
        Err(reason) => return Finding::unknown("foreign_cpu", reason),
    };
    let mut text = format!("other processes had {} of CPU time in a second", percent(share));
    let busiest = facts.busiest.as_ref().filter(|(_, _, of_core)| *of_core > 0.01);
    if let Some((name, pid, of_core)) = busiest {
        text += &format!(", most of all {name} ({pid}) with {} of a core", percent(*of_core));
    }
    let finding = if share > FOREIGN_MAX {
        Finding::warn("foreign_cpu", text, "a run now would be noisy: end them, or wait")
    } else {
        Finding::ok("foreign_cpu", text)
    };
    let finding = finding.with("foreign_share", share);
    match busiest {
        Some((name, pid, of_core)) => {
            finding.with("busiest", name.clone()).with("busiest_pid", *pid).with("busiest_share_of_core", *of_core)
        }
        None => finding,
    }
}

fn probe(probes_ns: &[u64]) -> Finding {
    let mut sorted = probes_ns.to_vec();
    sorted.sort_unstable();
    let Some(&median) = sorted.get(sorted.len() / 2) else {
        return Finding::unknown("spin_probe", "no probe was taken");
    };
    let slow = sorted.iter().filter(|&&ns| ns as f64 > median as f64 * (1.0 + PROBE_MAX)).count();
    let slow = slow as f64 / sorted.len() as f64;
    // The spread in which nine of ten lie says more than the extremes, which are one timer tick.
    let (low, high) = (sorted[sorted.len() / 20], sorted[sorted.len() - 1 - sorted.len() / 20]);
    let spread = (high - low) as f64 / median.max(1) as f64;
    let text = format!(
        "nine of ten probes lie within {} of the median, {} of them are over 5 % slow",
        percent(spread),
        percent(slow)
    );
    let advice =
        "the speed of a core changes from moment to moment: other load, a boost that comes and goes, a shared core";
    let finding = if slow > SLOW_MAX {
        Finding::bad(
            "spin_probe",
            text,
            &format!("{advice}; a run now would discard more than a quarter of its rounds and be UNSOUND"),
        )
    } else if spread > PROBE_MAX {
        Finding::warn("spin_probe", text, advice)
    } else {
        Finding::ok("spin_probe", text)
    };
    finding.with("probe_ns", median).with("spread_share", spread).with("slow_share", slow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    fn facts() -> Facts {
        Facts {
            time_ns: 1_000_000_000,
            cpus: 2,
            steal_ns: Ok(0),
            foreign_cpu_ns: Ok(20_000_000),
            busiest: None,
            probes_ns: vec![1000; 100],
        }
    }

    fn severities(facts: &Facts) -> Vec<Severity> {
        findings(facts).iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn a_quiet_second_is_fine() {
        assert_eq!(severities(&facts()), [Severity::Ok; 3]);
    }

    #[test]
    fn what_would_make_a_run_unsound_is_bad() {
        let mut probes_ns = vec![1000; 70];
        probes_ns.extend([1100; 30]);
        let worst = Facts { steal_ns: Ok(300_000_000), probes_ns, ..facts() };
        assert_eq!(severities(&worst), [Severity::Bad, Severity::Ok, Severity::Bad]);
    }

    #[test]
    fn who_takes_the_cpu_is_named() {
        let busiest = Some(("rustc".to_owned(), 4711, 0.97));
        let busy = foreign(&Facts { foreign_cpu_ns: Ok(980_000_000), busiest, ..facts() });
        assert_eq!(busy.severity, Severity::Warn);
        assert!(busy.found.ends_with("rustc (4711) with 97.0 % of a core"), "{}", busy.found);
    }

    #[test]
    fn what_is_not_told_is_a_note() {
        let none = || Err("there is no /proc/stat here".to_owned());
        let untold = Facts { steal_ns: none(), foreign_cpu_ns: none(), probes_ns: Vec::new(), ..facts() };
        assert_eq!(severities(&untold), [Severity::Note; 3]);
    }
}
