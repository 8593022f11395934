//! How often the kernel moved a child's threads from one CPU to another.
//!
//! `/proc/PID/task/TID/sched` has the count of each thread. The parent reads it while the child waits: before the first slice that counts, and
//! after the last. So it costs the measurement nothing, and works for a child that is anybody's program. (perf's software counter would
//! follow threads that end too, but it makes every switch of the child dearer, needs a privilege to see moves that happen in the kernel, and containers
//! mostly forbid it.)
//!
//! A thread that ends takes its count along. That this happened shows in the context switches: the child tells those of the whole process, and if
//! the threads that are left did not make as many, some are gone. Then there is no figure, rather than one that is too small.

use std::{collections::BTreeMap, fs, io, path::Path};

use nix::unistd::Pid;

use crate::kernel_files::reason;

/// With more threads than this, reading all of their files, about 20 us each, would take longer than a slice.
const THREADS_MAX: usize = 256;

/// The counts of a process's threads at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threads(BTreeMap<u64, Counts>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    switches: u64,
    migrations: u64,
}

impl Threads {
    /// Of a process, now.
    ///
    /// # Errors
    /// The kernel does not tell, and why.
    pub fn of(pid: Pid) -> Result<Threads, String> {
        Threads::read(Path::new(&format!("/proc/{pid}/task")))
    }

    fn read(tasks: &Path) -> Result<Threads, String> {
        let untold = |error: io::Error| reason("/proc/PID/task", &error);
        let names = fs::read_dir(tasks).map_err(untold)?.collect::<Result<Vec<_>, _>>().map_err(untold)?;
        if names.len() > THREADS_MAX {
            return Err(format!("not counted for more than {THREADS_MAX} threads"));
        }
        let mut threads = BTreeMap::new();
        for task in names {
            let Some(tid) = task.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let text = match fs::read_to_string(task.path().join("sched")) {
                Ok(text) => text,
                // The thread ended since its name was read.
                Err(_) if !task.path().exists() => continue,
                Err(error) => return Err(reason("/proc/PID/task/TID/sched", &error)),
            };
            let counts = parse(&text).ok_or("/proc/PID/task/TID/sched does not tell the migrations")?;
            threads.insert(tid, counts);
        }
        Ok(Threads(threads))
    }

    /// Migrations from `before` to `self`, in which the process made `switches` context switches.
    ///
    /// # Errors
    /// Threads ended meanwhile, or nothing tells whether any did.
    pub fn since(&self, before: &Threads, switches: Option<u64>) -> Result<u64, String> {
        let switches =
            switches.ok_or("the child does not say its context switches, so threads that ended would go unnoticed")?;
        let (mut seen, mut migrations) = (0u64, 0u64);
        for (tid, now) in &self.0 {
            let then = before.0.get(tid).copied().unwrap_or(Counts { switches: 0, migrations: 0 });
            seen += now.switches.saturating_sub(then.switches);
            migrations += now.migrations.saturating_sub(then.migrations);
        }
        if seen < switches {
            return Err("threads ended in the slices and took their counts along".to_owned());
        }
        Ok(migrations)
    }
}

/// Lines `nr_switches : 17`, among many others.
fn parse(sched: &str) -> Option<Counts> {
    let count = |name: &str| {
        let value = sched.lines().find_map(|line| line.split_once(':').filter(|(key, _)| key.trim() == name));
        value?.1.trim().parse().ok()
    };
    Some(Counts { switches: count("nr_switches")?, migrations: count("se.nr_migrations")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threads(of: &[(u64, u64, u64)]) -> Threads {
        Threads(of.iter().map(|&(tid, switches, migrations)| (tid, Counts { switches, migrations })).collect())
    }

    #[test]
    fn the_kernels_lines_are_read() {
        let text = "x (7, #threads: 1)\n-----\nse.nr_migrations    :      3\nnr_switches      :     12\nnr_voluntary_switches : 1\n";
        assert_eq!(parse(text), Some(Counts { switches: 12, migrations: 3 }));
        assert_eq!(parse("nr_switches : 12\n"), None);
    }

    #[test]
    fn migrations_of_all_threads_are_added_up() {
        let (before, now) = (threads(&[(1, 10, 1), (2, 5, 0)]), threads(&[(1, 20, 2), (2, 9, 3), (3, 4, 1)]));
        assert_eq!(now.since(&before, Some(18)), Ok(5));
    }

    #[test]
    fn threads_that_ended_leave_no_figure() {
        let (before, now) = (threads(&[(1, 10, 1), (2, 5, 4)]), threads(&[(1, 20, 2)]));
        assert!(now.since(&before, Some(300)).unwrap_err().contains("threads ended"));
        assert!(now.since(&before, None).unwrap_err().contains("does not say"));
    }

    #[test]
    fn this_process_has_counts_or_a_reason() {
        match Threads::of(Pid::this()) {
            Ok(threads) => assert!(!threads.0.is_empty()),
            Err(reason) => assert!(reason.contains("/proc/PID/task"), "{reason}"),
        }
        let gone = Threads::of(Pid::from_raw(5_000_000)).unwrap_err();
        assert_eq!(gone, "there is no /proc/PID/task here");
    }
}
