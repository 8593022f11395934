//! How many cores there are to measure on: affinity and cgroup quota. `cores`, `quota`.

use super::finding::Finding;
use crate::{cgroup, cpu_times::allowed_cpus, kernel_files::KernelFiles, machine};

/// What is known of the cores.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What the standard library says that may run at once.
    pub usable: u64,
    /// By affinity.
    pub allowed: Result<u64, String>,
    /// Of the machine.
    pub online: Result<u64, String>,
    /// By the cgroup, if it has a limit.
    pub quota_cores: Result<Option<f64>, String>,
}

impl Facts {
    /// This machine's.
    pub fn read(files: &KernelFiles) -> Facts {
        Facts {
            usable: machine::cores(),
            allowed: allowed_cpus(files).map(|cpus| cpus.len() as u64),
            online: files.read("/proc/stat").map(|stat| {
                let of_one = |line: &&str| {
                    line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
                };
                stat.lines().filter(of_one).count() as u64
            }),
            quota_cores: cgroup::quota_cores(files),
        }
    }
}

/// What they mean.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    vec![cores(facts), quota(facts)]
}

fn cores(facts: &Facts) -> Finding {
    let Facts { usable, allowed, online, .. } = facts;
    let text = match (allowed, online) {
        (Ok(allowed), Ok(online)) if allowed < online => format!("{usable} usable, {allowed} of {online} by affinity"),
        _ => format!("{usable} usable"),
    };
    let finding = match usable {
        0 | 1 => Finding::warn(
            "cores",
            text,
            "with one core the harness and the contender share it, and rows with two workers show nothing: give it two or more",
        ),
        _ => Finding::ok("cores", text),
    };
    let known = [("allowed", allowed), ("online", online)]
        .into_iter()
        .filter_map(|(name, count)| Some((name, *count.as_ref().ok()?)));
    known.fold(finding.with("usable", *usable), |finding, (name, count)| finding.with(name, count))
}

fn quota(facts: &Facts) -> Finding {
    let cpus = facts.allowed.as_ref().copied().unwrap_or(facts.usable) as f64;
    let quota = match &facts.quota_cores {
        Ok(Some(quota)) => *quota,
        Ok(None) => return Finding::ok("quota", "no cgroup limits the CPU time"),
        Err(reason) => return Finding::unknown("quota", reason),
    };
    let text = format!("the cgroup allows the time of {quota:.2} cores, on {cpus} CPUs");
    let advice = "who has used up a quota is stopped for the rest of the period, mostly 100 ms, in the middle of a slice: \
                  take the limit off, or give whole cores with a cpuset instead (docker: --cpuset-cpus in the place of --cpus)";
    let finding = match quota {
        quota if quota < 1.0 => Finding::bad("quota", text, advice),
        quota if quota < cpus => Finding::warn("quota", text, advice),
        _ => Finding::ok("quota", text),
    };
    finding.with("quota_cores", quota)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{doctor::finding::Severity, kernel_files::made_of};

    fn facts(quota_cores: Result<Option<f64>, String>) -> Facts {
        Facts { usable: 2, allowed: Ok(2), online: Ok(8), quota_cores }
    }

    #[test]
    fn a_quota_below_the_cpus_is_a_warning_and_below_one_core_bad() {
        let severity = |quota_cores| quota(&facts(quota_cores)).severity;
        assert_eq!(severity(Ok(None)), Severity::Ok);
        assert_eq!(severity(Ok(Some(2.0))), Severity::Ok);
        assert_eq!(severity(Ok(Some(1.5))), Severity::Warn);
        assert_eq!(severity(Ok(Some(0.5))), Severity::Bad);
        assert_eq!(severity(Err("there is no /proc/self/cgroup here".to_owned())), Severity::Note);
    }

    #[test]
    fn affinity_is_told_apart_from_the_machine() {
        let finding = cores(&facts(Ok(None)));
        assert_eq!((finding.severity, finding.found.as_str()), (Severity::Ok, "2 usable, 2 of 8 by affinity"));
        let one = cores(&Facts { usable: 1, ..facts(Ok(None)) });
        assert_eq!(one.severity, Severity::Warn);
    }

    #[test]
    fn cgroups_of_version_1_and_machines_without_any_are_read() {
        let (_root, files) = made_of(&[
            ("/proc/self/cgroup", "4:cpu:/a\n"),
            ("/proc/self/mountinfo", "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"),
            ("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "50000\n"),
            ("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"),
            ("/proc/stat", "cpu 1\ncpu0 1\ncpu1 1\nintr 1\n"),
        ]);
        let read = Facts::read(&files);
        assert_eq!((read.quota_cores.clone(), read.online.clone()), (Ok(Some(0.5)), Ok(2)));
        assert!(read.allowed.is_err());
        let (_root, files) = made_of(&[]);
        assert!(findings(&Facts::read(&files)).iter().all(|finding| finding.severity <= Severity::Warn));
    }
}
