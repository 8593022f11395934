//! What the kernel says of a process: CPU time, context switches, memory, threads. What it does not say is `None`.

use nix::{
    sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit},
    time::{ClockId, clock_gettime},
    unistd::Pid,
};

/// What a process has used up to a moment, or between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// CPU time of all threads, user and system.
    pub cpu_ns: u64,
    /// Voluntary context switches of all threads, those that have ended included.
    pub ctx_voluntary: Option<u64>,
    /// Involuntary context switches of all threads.
    pub ctx_involuntary: Option<u64>,
}

impl Usage {
    /// Of the calling process, since it began.
    pub fn of_this_process() -> Usage {
        let rusage = getrusage(UsageWho::RUSAGE_SELF).ok();
        let count = |value: i64| u64::try_from(value).unwrap_or(0);
        Usage {
            cpu_ns: read_clock(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap_or(0),
            ctx_voluntary: rusage.map(|usage| count(usage.voluntary_context_switches())),
            ctx_involuntary: rusage.map(|usage| count(usage.involuntary_context_switches())),
        }
    }

    /// What was used from `before` to `self`.
    pub fn since(&self, before: &Usage) -> Usage {
        let delta = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        Usage {
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            ctx_voluntary: delta(self.ctx_voluntary, before.ctx_voluntary),
            ctx_involuntary: delta(self.ctx_involuntary, before.ctx_involuntary),
        }
    }
}

/// CPU time of another process, in nanoseconds and by the kernel's own count.
#[cfg(target_os = "linux")]
pub fn cpu_ns_of(pid: Pid) -> Option<u64> {
    read_clock(nix::time::clock_getcpuclockid(pid).ok()?)
}

/// CPU time of another process: not known here.
#[cfg(not(target_os = "linux"))]
pub fn cpu_ns_of(_pid: Pid) -> Option<u64> {
    None
}

fn read_clock(clock: ClockId) -> Option<u64> {
    let time = clock_gettime(clock).ok()?;
    Some(u64::try_from(time.tv_sec()).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec()).ok()?)
}

/// Highest resident set of the calling process.
///
/// `VmHWM` and not `ru_maxrss`: Linux carries the latter over from before `exec`, so a child that was spawned by `vfork`
/// would report its parent's memory.
#[cfg(target_os = "linux")]
pub fn peak_rss_bytes() -> Option<u64> {
    status_field(None, "VmHWM:").map(|kib| kib * 1024)
}

/// Highest resident set of the calling process. `ru_maxrss` is in bytes on Apple's systems and in KiB elsewhere.
#[cfg(not(target_os = "linux"))]
pub fn peak_rss_bytes() -> Option<u64> {
    let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
    getrusage(UsageWho::RUSAGE_SELF).ok().and_then(|usage| u64::try_from(usage.max_rss()).ok()).map(|rss| rss * unit)
}

/// Threads of a process now; `None` is the calling one. Only Linux says.
pub fn threads(pid: Option<Pid>) -> Option<u64> {
    status_field(pid, "Threads:")
}

fn status_field(pid: Option<Pid>, field: &str) -> Option<u64> {
    let path = pid.map_or_else(|| "/proc/self/status".to_owned(), |pid| format!("/proc/{pid}/status"));
    let status = std::fs::read_to_string(path).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    value.split_whitespace().next()?.parse().ok()
}

/// Asks the kernel to end this process with its parent, even in the middle of a slice. Elsewhere than on Linux the end of
/// stdin does it, at the next request.
pub fn die_with_parent() {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
}

/// Lets this process have as many files open as it may at all: a thousand connections with both ends in one process are more than the
/// usual 1024. Go's runtime does the same.
pub fn open_many_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // If it is refused, the workload that needs them says so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_files_as_may_be_are_allowed() {
        open_many_files();
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(soft, hard);
    }

    #[test]
    fn the_kernel_counts_what_this_process_uses() {
        let before = Usage::of_this_process();
        let mut x = 1u64;
        while Usage::of_this_process().since(&before).cpu_ns < 1_000_000 {
            x = std::hint::black_box(x.wrapping_mul(3));
        }
        if cfg!(target_os = "linux") {
            assert!(cpu_ns_of(Pid::this()).unwrap() >= before.cpu_ns + 1_000_000);
            assert!(threads(None).unwrap() >= 1);
            assert!(peak_rss_bytes().unwrap() > 100_000);
        }
    }

    #[test]
    fn a_process_that_is_not_there_has_no_figures() {
        // Linux limits process ids to 2^22.
        assert_eq!(threads(Some(Pid::from_raw(5_000_000))), None);
        assert_eq!(cpu_ns_of(Pid::from_raw(5_000_000)), None);
    }
}
