//! Is this machine fit to measure? One file a family of checks: `Facts` that a thin reader takes from the kernel, or a short measurement, and a
//! pure function from them to [`Finding`]s, so that machines unlike this one can be tested.
//!
//! A finding is *bad* only where a run now would be UNSOUND by the rules of `conditions`, or could not take place; what makes figures wider is a
//! warning, and what cannot be found out is a note with its reason.

mod clock;
mod cores;
mod finding;
mod frequency;
mod limits;
mod load;
mod memory;
mod moment;
mod program;
mod quiet;

pub use finding::{Finding, Severity};

use crate::kernel_files::KernelFiles;

/// What can be read from files, in a few milliseconds: what `run` looks at before it begins.
pub fn glance(files: &KernelFiles) -> Vec<Finding> {
    [
        program::findings(&program::Facts::read(files)),
        cores::findings(&cores::Facts::read(files)),
        load::findings(&load::Facts::read(files)),
        frequency::findings(&frequency::Facts::read(files)),
        clock::findings(&clock::Facts::read(files)),
        memory::findings(&memory::Facts::read(files)),
        limits::findings(&limits::Facts::read(files)),
    ]
    .concat()
}

/// What has to be measured: about two seconds.
pub fn measure() -> Vec<Finding> {
    [
        moment::findings(&moment::Facts::watch()),
        clock::judge(clock::Measured::take()),
        vec![quiet::finding(&quiet::look())],
    ]
    .concat()
}

/// The worst of them.
pub fn verdict(findings: &[Finding]) -> Severity {
    findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ok)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::kernel_files::made_of;

    #[test]
    fn a_machine_without_any_of_the_files_has_the_same_findings() {
        let (_root, files) = made_of(&[]);
        let ids = |findings: Vec<Finding>| findings.iter().map(|finding| finding.id).collect::<Vec<_>>();
        let without = glance(&files);
        assert!(verdict(&without) < Severity::Bad, "{without:?}");
        assert_eq!(ids(without), ids(glance(&KernelFiles::here())));
    }

    #[test]
    fn ids_are_unique_and_what_is_wrong_has_advice() {
        let findings = glance(&KernelFiles::here());
        let ids: BTreeSet<_> = findings.iter().map(|finding| finding.id).collect();
        assert_eq!(ids.len(), findings.len());
        assert!(findings.iter().all(|one| one.severity < Severity::Warn || one.advice.is_some()), "{findings:?}");
    }

    #[test]
    fn files_full_of_nonsense_are_reasons_and_no_panics() {
        let paths = [
            "/proc/stat",
            "/proc/meminfo",
            "/proc/self/limits",
            "/proc/self/cgroup",
            "/proc/self/mountinfo",
            "/proc/self/status",
            "/proc/pressure/cpu",
            "/proc/sys/kernel/threads-max",
            "/proc/sys/vm/max_map_count",
            "/proc/self/timerslack_ns",
            "/sys/devices/system/cpu/smt/active",
            "/proc/cpuinfo",
            "/sys/devices/system/cpu/intel_pstate/no_turbo",
        ];
        for nonsense in ["\u{fffd}: : -", "cpu0 x y z", "Max open files", "9:9:9\n::\n - ", "some avg10= total="] {
            let files: Vec<_> = paths.iter().map(|path| (*path, nonsense)).collect();
            let (_root, files) = made_of(&files);
            assert!(!glance(&files).is_empty());
        }
    }
}
