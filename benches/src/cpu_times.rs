//! Where the machine's CPU time went: to processes, and to other virtual machines.
//!
//! `/proc/stat` counts by CPU, in ticks: what a tick of the timer found, so a figure is a sample, exact to some ticks. Only the CPUs count that
//! this process may be on: in a container with a cpuset, others are somebody else's. A quota alone does not tell which CPUs are ours; then all of
//! them count. Time in interrupts is left out: they serve the measured contenders' own sockets, and nothing tells whose they are.

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};

use crate::kernel_files::KernelFiles;

/// The kernel counts in ticks of `USER_HZ`, which is 100 on every architecture that Linux tells user space about.
pub const TICK_NS: u64 = 10_000_000;

/// CPU time since boot of the CPUs that this process may be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuTimes {
    /// How many CPUs these are.
    pub cpus: u64,
    /// Time of processes, user and system, in nanoseconds.
    pub busy_ns: u64,
    /// Time in which a CPU had something to do and the hypervisor ran something else, in nanoseconds.
    pub steal_ns: u64,
}

impl CpuTimes {
    /// Reads them.
    ///
    /// # Errors
    /// The kernel does not tell, and why.
    pub fn read(files: &KernelFiles) -> Result<CpuTimes, String> {
        let stat = files.read("/proc/stat")?;
        let allowed = allowed_cpus(files);
        parse(&stat, allowed.as_deref().ok()).ok_or("/proc/stat has no times of the CPUs".to_owned())
    }
}

/// The numbers of the CPUs that this process may be on.
///
/// # Errors
/// The kernel does not tell, and why.
pub fn allowed_cpus(files: &KernelFiles) -> Result<Vec<u64>, String> {
    let list = files.field("/proc/self/status", "Cpus_allowed_list")?;
    parse_list(&list).ok_or(format!("/proc/self/status has the CPUs '{list}', which is not known"))
}

/// CPU time of this process and of all children that have ended, user and system, in nanoseconds.
///
/// # Errors
/// The operating system does not tell.
pub fn own_cpu_ns() -> Result<u64, String> {
    let of = |who| {
        let usage = getrusage(who).map_err(|error| format!("getrusage: {error}"))?;
        Ok::<u64, String>(u64::try_from((usage.user_time() + usage.system_time()).num_nanoseconds()).unwrap_or(0))
    };
    Ok(of(UsageWho::RUSAGE_SELF)? + of(UsageWho::RUSAGE_CHILDREN)?)
}

/// `cpu0 user nice system idle iowait irq softirq steal ..`, for each CPU; without a list, all of them.
fn parse(stat: &str, allowed: Option<&[u64]>) -> Option<CpuTimes> {
    let mut times = CpuTimes { cpus: 0, busy_ns: 0, steal_ns: 0 };
    for line in stat.lines() {
        let mut words = line.split_whitespace();
        let Some(number) = words.next().and_then(|name| name.strip_prefix("cpu")?.parse().ok()) else { continue };
        if allowed.is_some_and(|allowed| !allowed.contains(&number)) {
            continue;
        }
        let ticks: Vec<u64> = words.map(str::parse).collect::<Result<_, _>>().ok()?;
        times.cpus += 1;
        times.busy_ns += ticks.get(..3)?.iter().sum::<u64>() * TICK_NS;
        times.steal_ns += ticks.get(7)? * TICK_NS;
    }
    (times.cpus > 0).then_some(times)
}

/// `0-3,8`: numbers and ranges with both ends.
fn parse_list(list: &str) -> Option<Vec<u64>> {
    let mut numbers = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        numbers.extend(first..=last);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_files::made_of;

    const STAT: &str =
        "cpu  30 6 12 900 8 4 6 9 0 0\ncpu0 10 1 5 300 3 1 2 4 0 0\ncpu1 20 5 7 600 5 3 4 5 0 0\nintr 1 2 3\nctxt 5\n";

    #[test]
    fn time_of_processes_and_stolen_time_are_those_of_our_cpus() {
        let one = CpuTimes { cpus: 1, busy_ns: 32 * TICK_NS, steal_ns: 5 * TICK_NS };
        let both = CpuTimes { cpus: 2, busy_ns: 48 * TICK_NS, steal_ns: 9 * TICK_NS };
        assert_eq!(parse(STAT, Some(&[1, 7])), Some(one));
        assert_eq!(parse(STAT, None), Some(both));
        assert_eq!(parse("intr 1\n", None), None);
        let (_root, files) = made_of(&[("/proc/stat", STAT), ("/proc/self/status", "Cpus_allowed_list:\t1-1\n")]);
        assert_eq!(CpuTimes::read(&files), Ok(one));
        let (_root, files) = made_of(&[("/proc/stat", STAT)]);
        assert_eq!(CpuTimes::read(&files), Ok(both));
        let (_root, files) = made_of(&[]);
        assert_eq!(CpuTimes::read(&files), Err("there is no /proc/stat here".to_owned()));
    }

    #[test]
    fn lists_of_cpus_have_ranges() {
        assert_eq!(parse_list("0-2,8"), Some(vec![0, 1, 2, 8]));
        assert_eq!(parse_list(""), None);
        assert_eq!(parse_list("0-x"), None);
    }

    #[test]
    fn own_time_grows_with_work() {
        let before = own_cpu_ns().unwrap();
        let mut x = 1u64;
        while own_cpu_ns().unwrap() < before + 1_000_000 {
            x = std::hint::black_box(x.wrapping_mul(3));
        }
    }
}
