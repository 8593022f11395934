//! Whether the clock of the cores stays the same: governor, boost, SMT. `governor`, `boost`, `smt`.

use super::finding::Finding;
use crate::{kernel_files::KernelFiles, machine};

/// What is known of it.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What decides the frequency.
    pub governor: Result<String, String>,
    /// Whether cores may run faster than their nominal frequency.
    pub boost: Result<bool, String>,
    /// Whether hardware threads share cores.
    pub smt: Result<bool, String>,
    /// The hypervisor: its guest sees none of this, and cannot change it.
    pub virt: Result<String, String>,
}

impl Facts {
    /// This machine's.
    pub fn read(files: &KernelFiles) -> Facts {
        Facts {
            governor: machine::governor(files),
            boost: machine::boost(files),
            smt: machine::smt(files),
            virt: machine::virtualisation(files),
        }
    }

    fn untold(&self, id: &'static str, reason: &str) -> Finding {
        match &self.virt {
            Ok(virt) if virt != "none" => {
                Finding::note(id, format!("the host decides it, a guest does not see it ({reason})"))
            }
            _ => Finding::unknown(id, reason),
        }
    }
}

/// What they mean.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    vec![governor(facts), boost(facts), smt(facts)]
}

fn governor(facts: &Facts) -> Finding {
    let advice = "the clock follows the load, and a contender that sleeps much pays for it: cpupower frequency-set -g performance";
    match &facts.governor {
        Ok(governor) if governor == "performance" => {
            Finding::ok("governor", "performance").with("governor", "performance")
        }
        Ok(governor) => Finding::warn("governor", governor.clone(), advice).with("governor", governor.clone()),
        Err(reason) => facts.untold("governor", reason),
    }
}

fn boost(facts: &Facts) -> Finding {
    let advice = "a core runs faster while others are idle, so one worker looks better than two: \
                  echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo, or echo 0 > /sys/devices/system/cpu/cpufreq/boost";
    match &facts.boost {
        Ok(true) => Finding::warn("boost", "on", advice).with("boost", true),
        Ok(false) => Finding::ok("boost", "off").with("boost", false),
        Err(reason) => facts.untold("boost", reason),
    }
}

fn smt(facts: &Facts) -> Finding {
    let advice = "two workers may share a core: set the affinity to one hardware thread a core (taskset -c 0,2,..), or switch it off \
                  (echo off > /sys/devices/system/cpu/smt/control)";
    match (&facts.smt, &facts.virt) {
        (Ok(true), _) => Finding::warn("smt", "hardware threads share cores", advice).with("smt", true),
        (Ok(false), Ok(virt)) if virt != "none" => {
            Finding::note("smt", "this guest sees none; its CPUs may share cores of the host all the same")
                .with("smt", false)
        }
        (Ok(false), _) => Finding::ok("smt", "no hardware threads share a core").with("smt", false),
        (Err(reason), _) => facts.untold("smt", reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    fn severities(facts: &Facts) -> Vec<Severity> {
        findings(facts).iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn a_laptop_as_it_comes_has_three_warnings() {
        let facts =
            Facts { governor: Ok("powersave".to_owned()), boost: Ok(true), smt: Ok(true), virt: Ok("none".to_owned()) };
        assert_eq!(severities(&facts), [Severity::Warn; 3]);
        assert!(findings(&facts).iter().all(|finding| finding.advice.is_some()));
    }

    #[test]
    fn a_machine_that_was_prepared_is_fine() {
        let facts = Facts {
            governor: Ok("performance".to_owned()),
            boost: Ok(false),
            smt: Ok(false),
            virt: Ok("none".to_owned()),
        };
        assert_eq!(severities(&facts), [Severity::Ok; 3]);
    }

    #[test]
    fn a_guest_cannot_help_it() {
        let none = || Err("there is no such file here".to_owned());
        let facts =
            Facts { governor: none(), boost: Err("no switch".to_owned()), smt: Ok(false), virt: Ok("kvm".to_owned()) };
        assert_eq!(severities(&facts), [Severity::Note; 3]);
        assert!(findings(&facts)[0].found.contains("the host decides it"));
    }
}
