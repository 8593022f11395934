//! Pressure stall information: for how long somebody on the machine waited for a CPU, for memory or for a disk.
//!
//! `/proc/pressure/{cpu,memory,io}` since Linux 4.20 (Documentation/accounting/psi.rst): the line `some` has shares of the last 10, 60
//! and 300 s in percent, and a total in microseconds. The figures are the machine's, in a container too. A measured contender that has more
//! threads than there are cores is such a waiter itself, so pressure on the CPU is shown and judges nothing.

use crate::kernel_files::KernelFiles;

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A CPU.
    Cpu,
    /// Memory: reclaim, swapping in, refaults.
    Memory,
    /// A disk.
    Io,
}

impl Resource {
    /// The name of its file, and of its findings.
    pub fn name(self) -> &'static str {
        match self {
            Resource::Cpu => "cpu",
            Resource::Memory => "memory",
            Resource::Io => "io",
        }
    }
}

/// The line `some` of a resource.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pressure {
    /// The share of the last 10 s, from 0 to 1.
    pub share_10s: f64,
    /// Time since boot, in nanoseconds.
    pub total_ns: u64,
}

impl Pressure {
    /// The machine's, now.
    ///
    /// # Errors
    /// The kernel does not tell, and why.
    pub fn on(resource: Resource, files: &KernelFiles) -> Result<Pressure, String> {
        let path = format!("/proc/pressure/{}", resource.name());
        let some = files.field(&path, "some ")?;
        parse(&some).ok_or(format!("{path} says '{some}', which is not known"))
    }
}

fn parse(some: &str) -> Option<Pressure> {
    let value = |name: &str| some.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let percent: f64 = value("avg10")?.parse().ok()?;
    let total_us: u64 = value("total")?.parse().ok()?;
    Some(Pressure { share_10s: percent / 100.0, total_ns: total_us.saturating_mul(1000) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_files::made_of;

    #[test]
    fn the_line_some_is_read() {
        let text =
            "some avg10=12.50 avg60=0.00 avg300=0.00 total=1042\nfull avg10=99.00 avg60=0.00 avg300=0.00 total=9\n";
        let (_root, files) = made_of(&[("/proc/pressure/io", text), ("/proc/pressure/cpu", "some total=many")]);
        assert_eq!(Pressure::on(Resource::Io, &files), Ok(Pressure { share_10s: 0.125, total_ns: 1_042_000 }));
        assert!(Pressure::on(Resource::Cpu, &files).unwrap_err().contains("total=many"));
        let absent = Pressure::on(Resource::Memory, &files);
        assert_eq!(absent, Err("there is no /proc/pressure/memory here".to_owned()));
    }
}
