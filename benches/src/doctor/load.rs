//! Who else wants the machine, by what the kernel keeps anyway: the load average and pressure. `load`, `pressure_cpu`,
//! `pressure_memory`, `pressure_io`.

use super::finding::{Finding, percent};
use crate::{
    kernel_files::KernelFiles,
    machine,
    pressure::{Pressure, Resource},
};

/// A load average, by core, from which a run is called noisy; the same as in `reports`.
const LOAD_PER_CORE: f64 = 0.5;
/// The share of the last 10 s in which somebody may wait for something, before it is worth a word.
const PRESSURE: f64 = 0.05;

/// What is known of the load.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Cores that this process may use.
    pub cores: u64,
    /// Over one minute.
    pub load_1m: Result<f64, String>,
    /// For CPU, memory and disk.
    pub pressure: [(Resource, Result<Pressure, String>); 3],
}

impl Facts {
    /// This machine's.
    pub fn read(files: &KernelFiles) -> Facts {
        let resources = [Resource::Cpu, Resource::Memory, Resource::Io];
        let pressure = resources.map(|resource| (resource, Pressure::on(resource, files)));
        Facts { cores: machine::cores(), load_1m: machine::load_1m(), pressure }
    }
}

/// What they mean.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let pressure = facts.pressure.iter().map(|(resource, pressure)| pressure_on(*resource, pressure));
    [load(facts)].into_iter().chain(pressure).collect()
}

fn load(facts: &Facts) -> Finding {
    let load = match &facts.load_1m {
        Ok(load) => *load,
        Err(reason) => return Finding::unknown("load", reason),
    };
    let text = format!("load average {load:.2} over a minute, on {} cores", facts.cores);
    let finding = if load > facts.cores as f64 * LOAD_PER_CORE {
        let advice = "a run that begins now is noisy: wait a minute or two after a build, and end what else runs";
        Finding::warn("load", text, advice)
    } else {
        Finding::ok("load", text)
    };
    finding.with("load_1m", load)
}

fn pressure_on(resource: Resource, pressure: &Result<Pressure, String>) -> Finding {
    let (id, what) = match resource {
        Resource::Cpu => ("pressure_cpu", "a CPU"),
        Resource::Memory => ("pressure_memory", "memory"),
        Resource::Io => ("pressure_io", "a disk"),
    };
    let share = match pressure {
        Ok(pressure) => pressure.share_10s,
        Err(reason) => {
            return Finding::unknown(id, reason).advise("nothing is lost but this sensor; boot with psi=1 to have it");
        }
    };
    let text = format!("somebody waited for {what} in {} of the last 10 s", percent(share));
    let finding = if share > PRESSURE {
        let advice = match resource {
            Resource::Cpu => "more wants to run than there are cores: end it, or wait until it has ended",
            Resource::Memory => "memory is short: end what takes it, or measure on a machine with more",
            Resource::Io => "disks are busy: workloads that write files will show it",
        };
        Finding::warn(id, text, advice)
    } else {
        Finding::ok(id, text)
    };
    finding.with("share_10s", share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{doctor::finding::Severity, kernel_files::made_of};

    #[test]
    fn load_counts_by_core() {
        let severity = |load_1m, cores| {
            let pressure = [Resource::Cpu, Resource::Memory, Resource::Io].map(|one| (one, Err("none".to_owned())));
            load(&Facts { cores, load_1m, pressure }).severity
        };
        assert_eq!(severity(Ok(1.5), 2), Severity::Warn);
        assert_eq!(severity(Ok(1.5), 16), Severity::Ok);
        assert_eq!(severity(Err("none".to_owned()), 2), Severity::Note);
    }

    #[test]
    fn pressure_is_a_warning_and_its_absence_a_note_with_the_reason() {
        let text = "some avg10=40.00 avg60=0.00 avg300=0.00 total=1\n";
        let (_root, files) = made_of(&[("/proc/pressure/cpu", text)]);
        let found = findings(&Facts::read(&files));
        let of = |id: &str| found.iter().find(|finding| finding.id == id).unwrap();
        assert_eq!(of("pressure_cpu").severity, Severity::Warn);
        assert!(of("pressure_cpu").found.contains("40.0 %"));
        assert_eq!(of("pressure_io").severity, Severity::Note);
        assert_eq!(of("pressure_io").found, "unknown: there is no /proc/pressure/io here");
    }
}
