//! What the operating system lets a process have. `open_files`, `threads`, `max_map_count`.

use super::finding::Finding;
use crate::{cgroup, kernel_files::KernelFiles};

/// A thousand connections with both ends in one process, and some: `tcp_echo`.
const FILES_WANTED: u64 = 4_096;
/// `parked_tasks` and `timers` on OS threads: ten thousand at once.
const THREADS_WANTED: u64 = 12_000;
/// A thread's stack and its guard are two mappings, so ten thousand threads need this many; gmp's slabs need few.
const MAPS_WANTED: u64 = 24_000;

/// What there is.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Files that a process may have open, by its hard limit: children raise the soft one to it.
    pub open_files: Result<u64, String>,
    /// Each limit of threads that there is, with its name.
    pub threads: Vec<(&'static str, Result<u64, String>)>,
    /// Mappings that a process may have.
    pub max_map_count: Result<u64, String>,
}

impl Facts {
    /// This machine's.
    pub fn read(files: &KernelFiles) -> Facts {
        Facts {
            open_files: limit(files, "Max open files"),
            threads: vec![
                ("RLIMIT_NPROC", limit(files, "Max processes")),
                ("kernel.threads-max", files.number("/proc/sys/kernel/threads-max")),
                ("kernel.pid_max", files.number("/proc/sys/kernel/pid_max")),
                ("pids.max of the cgroup", cgroup::tasks_max(files)),
            ],
            max_map_count: files.number("/proc/sys/vm/max_map_count"),
        }
    }
}

/// A hard limit: `Max open files            1024                 1048576              files`.
fn limit(files: &KernelFiles, name: &str) -> Result<u64, String> {
    let line = files.field("/proc/self/limits", name)?;
    match line.split_whitespace().nth(1) {
        Some("unlimited") => Ok(u64::MAX),
        Some(number) => number.parse().map_err(|_| format!("/proc/self/limits says '{line}' of {name}")),
        None => Err(format!("/proc/self/limits says '{line}' of {name}")),
    }
}

/// What they mean.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    vec![
        at_least(
            "open_files",
            "open_files",
            &facts.open_files,
            FILES_WANTED,
            "the workloads with many connections will fail: raise the hard limit (ulimit -Hn 65536, or LimitNOFILE= of the service)",
        ),
        threads(&facts.threads),
        at_least(
            "max_map_count",
            "max_map_count",
            &facts.max_map_count,
            MAPS_WANTED,
            "ten thousand threads do not get their stacks: sysctl -w vm.max_map_count=65530",
        ),
    ]
}

fn at_least(id: &'static str, name: &'static str, limit: &Result<u64, String>, wanted: u64, advice: &str) -> Finding {
    match limit {
        Err(reason) => Finding::unknown(id, reason),
        Ok(limit) if *limit < wanted => {
            Finding::warn(id, format!("{limit}, {wanted} are wanted"), advice).with(name, *limit)
        }
        Ok(u64::MAX) => Finding::ok(id, "unlimited"),
        Ok(limit) => Finding::ok(id, limit.to_string()).with(name, *limit),
    }
}

/// The smallest of the limits that there are counts.
fn threads(limits: &[(&'static str, Result<u64, String>)]) -> Finding {
    let known = limits.iter().filter_map(|(name, limit)| Some((name, *limit.as_ref().ok()?)));
    let Some((name, limit)) = known.min_by_key(|(_, limit)| *limit) else {
        let reason = limits.iter().find_map(|(_, limit)| limit.as_ref().err());
        return Finding::unknown("threads", reason.map_or("no limit is known", String::as_str));
    };
    let text = format!("at most {limit}, by {name}");
    let finding = if limit < THREADS_WANTED {
        let advice = "the rows of os-threads with thousands of tasks will fail: raise that limit";
        Finding::warn("threads", text, advice)
    } else {
        Finding::ok("threads", text)
    };
    finding.with("threads_max", limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{doctor::finding::Severity, kernel_files::made_of};

    const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units     \n\
                          Max processes             unlimited            unlimited            processes \n\
                          Max open files            256                  1024                 files     \n";

    #[test]
    fn small_limits_are_warnings_with_their_names() {
        let (_root, files) = made_of(&[
            ("/proc/self/limits", LIMITS),
            ("/proc/sys/kernel/threads-max", "190000\n"),
            ("/proc/sys/vm/max_map_count", "65530\n"),
            ("/proc/self/cgroup", "0::/\n"),
            ("/proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
            ("/sys/fs/cgroup/pids.max", "512\n"),
        ]);
        let [open, threads, maps] = &findings(&Facts::read(&files))[..] else { panic!() };
        assert_eq!((open.severity, open.found.as_str()), (Severity::Warn, "1024, 4096 are wanted"));
        assert_eq!(
            (threads.severity, threads.found.as_str()),
            (Severity::Warn, "at most 512, by pids.max of the cgroup")
        );
        assert_eq!(maps.severity, Severity::Ok);
    }

    #[test]
    fn limits_that_are_not_told_are_notes() {
        let (_root, files) = made_of(&[]);
        assert!(findings(&Facts::read(&files)).iter().all(|finding| finding.severity == Severity::Note));
    }
}
