//! Was the machine fit for a round? A spin probe before it and the time stolen by the hypervisor during it decide, by rules that
//! are fixed here and beforehand. What other processes used, and pressure, are written down and discard nothing: `reports` calls a run
//! noisy for them, as a whole.
//!
//! A round is discarded whole, for all of its contenders, if
//! 1. more than [`STEAL_MAX`] of the machine's time was stolen while it ran, or
//! 2. the probe before it took more than [`PROBE_MAX`] longer than the median of the run's probes so far.
//!
//! The probe is the *best* of several short spins, so it sees a clock that was lowered or a core that is shared, and not the
//! timer tick. A slow probe is first taken as a reason to wait: most disturbances pass within a second, and waiting costs less
//! than a round.

use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use crate::{
    cpu_times::{CpuTimes, TICK_NS, own_cpu_ns},
    kernel_files::KernelFiles,
    machine,
    pressure::{Pressure, Resource},
    stop,
};

/// The share of the machine's time that may be stolen in a round.
pub const STEAL_MAX: f64 = 0.05;
/// How much longer than the median a probe may take.
pub const PROBE_MAX: f64 = 0.05;

/// Spins of one probe, of which the best counts.
const SPINS: usize = 9;
/// Steps of one spin: about 0.3 ms, far above the clock's resolution and far below a scheduler's tick of 1 to 4 ms.
const STEPS: u32 = 200_000;
/// Probes before the first round, so that it has a median to be compared with.
const FIRST_PROBES: usize = 7;
/// How often a slow probe is repeated, and how long apart.
const REPEATS: usize = 10;
const REPEAT_AFTER: Duration = Duration::from_millis(100);
/// Fewer ticks than this are within the resolution of a short round.
const STEAL_MIN_NS: u64 = 3 * TICK_NS;

/// The spin probes of a run.
#[derive(Debug)]
pub struct Probes {
    sorted_ns: Vec<u64>,
}

impl Probes {
    /// Takes the first ones.
    pub fn begin() -> Probes {
        let mut probes = Probes { sorted_ns: Vec::new() };
        for _ in 0..FIRST_PROBES {
            probes.add(spin_probe_ns());
        }
        probes
    }

    /// Probes, and waits for a while if the machine is slow at the moment. Nanoseconds.
    pub fn before_round(&mut self) -> u64 {
        let mut probe_ns = spin_probe_ns();
        for _ in 0..REPEATS {
            if self.slowness(probe_ns) <= PROBE_MAX || stop::requested() {
                break;
            }
            thread::sleep(REPEAT_AFTER);
            probe_ns = spin_probe_ns();
        }
        self.add(probe_ns);
        probe_ns
    }

    /// By which share of the median this probe took longer.
    pub fn slowness(&self, probe_ns: u64) -> f64 {
        let median_ns = self.sorted_ns.get(self.sorted_ns.len() / 2).copied().unwrap_or(probe_ns);
        probe_ns as f64 / median_ns.max(1) as f64 - 1.0
    }

    /// Counts a probe for the median.
    pub fn add(&mut self, probe_ns: u64) {
        let at = self.sorted_ns.partition_point(|&other| other < probe_ns);
        self.sorted_ns.insert(at, probe_ns);
    }
}

/// What was read before a round, so that what is read after it makes a difference.
#[derive(Debug)]
pub struct Watch {
    files: KernelFiles,
    began: Instant,
    before: Totals,
}

/// Totals since boot. What the kernel does not tell is a reason.
#[derive(Debug)]
struct Totals {
    cpu: Result<CpuTimes, String>,
    own_cpu_ns: Result<u64, String>,
    pressure: [Result<Pressure, String>; 3],
}

impl Totals {
    fn read(files: &KernelFiles) -> Totals {
        let pressure = [Resource::Cpu, Resource::Memory, Resource::Io].map(|resource| Pressure::on(resource, files));
        Totals { cpu: CpuTimes::read(files), own_cpu_ns: own_cpu_ns(), pressure }
    }
}

/// A figure, or the reason why there is none.
pub type Reading = Result<u64, String>;

/// What the machine was like during a round, all contenders together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// How long it took, from its first child's start to its last one's end.
    pub round_ns: u64,
    /// The CPUs that the next two are about.
    pub cpus: u64,
    /// CPU time that the hypervisor gave to others while we wanted it.
    pub steal_ns: Reading,
    /// CPU time of other processes than this one and its children.
    pub foreign_cpu_ns: Reading,
    /// For how long somebody waited for a CPU.
    pub pressure_cpu_ns: Reading,
    /// For how long somebody waited for memory.
    pub pressure_memory_ns: Reading,
    /// For how long somebody waited for a disk.
    pub pressure_io_ns: Reading,
}

impl Watch {
    /// Begins, before any child of the round is started.
    pub fn begin() -> Watch {
        Watch::of(KernelFiles::here())
    }

    fn of(files: KernelFiles) -> Watch {
        Watch { began: Instant::now(), before: Totals::read(&files), files }
    }

    /// What has been since. All children must have ended, and been waited for: their CPU time counts only then.
    pub fn end(&self) -> Conditions {
        let (before, now) = (&self.before, Totals::read(&self.files));
        let round_ns = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let cpu = |value: fn(&CpuTimes) -> u64| since(&before.cpu, &now.cpu, value);
        let own = since(&before.own_cpu_ns, &now.own_cpu_ns, |&own| own);
        let foreign = cpu(|cpu| cpu.busy_ns).and_then(|busy_ns| Ok(busy_ns.saturating_sub(own?)));
        let pressure = |place: usize| since(&before.pressure[place], &now.pressure[place], |some| some.total_ns);
        Conditions {
            round_ns,
            cpus: now.cpu.as_ref().map_or_else(|_| machine::cores(), |cpu| cpu.cpus),
            steal_ns: cpu(|cpu| cpu.steal_ns),
            foreign_cpu_ns: foreign,
            pressure_cpu_ns: pressure(0),
            pressure_memory_ns: pressure(1),
            pressure_io_ns: pressure(2),
        }
    }
}

fn since<T>(before: &Result<T, String>, now: &Result<T, String>, value: impl Fn(&T) -> u64) -> Reading {
    let (before, now) = (before.as_ref().map_err(Clone::clone)?, now.as_ref().map_err(Clone::clone)?);
    Ok(value(now).saturating_sub(value(before)))
}

impl Conditions {
    /// The reason to discard the round for, if there is one.
    pub fn objection(&self) -> Option<String> {
        let stolen_ns = self.steal_ns.as_ref().ok().filter(|&&stolen| stolen >= STEAL_MIN_NS)?;
        let share = *stolen_ns as f64 / (self.round_ns.max(1) as f64 * self.cpus.max(1) as f64);
        (share > STEAL_MAX).then(|| {
            let (was, may) = (share * 100.0, STEAL_MAX * 100.0);
            format!("{was:.1} % of the machine's time was stolen, at most {may:.0} % may be")
        })
    }
}

/// The reason to discard a round for, given its probe's [slowness](Probes::slowness).
pub fn probe_objection(slowness: f64) -> Option<String> {
    (slowness > PROBE_MAX).then(|| {
        let (was, may) = (slowness * 100.0, PROBE_MAX * 100.0);
        format!("the spin probe was {was:.1} % slower than the run's median, at most {may:.0} % may be")
    })
}

/// The best of several short spins, in nanoseconds.
pub fn spin_probe_ns() -> u64 {
    let spin = || {
        let began = Instant::now();
        let mut x = black_box(0x9e37_79b9_7f4a_7c15_u64);
        for _ in 0..STEPS {
            // xorshift64: each step needs the one before, so nothing but the clock frequency decides.
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
        }
        black_box(x);
        u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    };
    (0..SPINS).map(|_| spin()).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_files::made_of;

    #[test]
    fn a_probe_is_judged_by_the_median_of_the_run() {
        let mut probes = Probes { sorted_ns: Vec::new() };
        for probe_ns in [100, 104, 96, 300, 100] {
            probes.add(probe_ns);
        }
        assert_eq!(probe_objection(probes.slowness(104)), None);
        assert!(probe_objection(probes.slowness(112)).unwrap().contains("12.0 %"));
    }

    fn stat(user: u64, steal: u64) -> String {
        format!("cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 {user} 0 0 0 0 0 0 {steal} 0 0\n")
    }

    #[test]
    fn a_watch_tells_what_came_since() {
        let pressure = |total| format!("some avg10=0.00 avg60=0.00 avg300=0.00 total={total}");
        let (root, files) = made_of(&[("/proc/stat", &stat(100, 5)), ("/proc/pressure/memory", &pressure(70))]);
        let watch = Watch::of(files);
        std::fs::write(root.path().join("proc/stat"), stat(1_100, 8)).unwrap();
        std::fs::write(root.path().join("proc/pressure/memory"), pressure(100)).unwrap();
        let conditions = watch.end();
        assert_eq!((conditions.cpus, &conditions.steal_ns), (1, &Ok(3 * TICK_NS)));
        // Ten seconds, but for what this test process itself used.
        assert!(conditions.foreign_cpu_ns.as_ref().is_ok_and(|&ns| ns > 1_000_000_000 && ns <= 10_000_000_000));
        assert_eq!(conditions.pressure_memory_ns, Ok(30_000));
        assert_eq!(conditions.pressure_io_ns, Err("there is no /proc/pressure/io here".to_owned()));
    }

    #[test]
    fn a_machine_that_tells_nothing_gives_reasons_and_no_objection() {
        let (_root, files) = made_of(&[]);
        let conditions = Watch::of(files).end();
        assert_eq!(conditions.objection(), None);
        let no_stat = Err("there is no /proc/stat here".to_owned());
        assert_eq!((&conditions.steal_ns, &conditions.foreign_cpu_ns), (&no_stat, &no_stat));
        assert!(conditions.cpus > 0);
    }

    #[test]
    fn much_steal_discards_and_little_does_not() {
        let of = |steal_ns: Reading| Conditions {
            round_ns: 1_000_000_000,
            cpus: 2,
            foreign_cpu_ns: Ok(2_000_000_000),
            pressure_cpu_ns: Ok(0),
            pressure_memory_ns: Ok(0),
            pressure_io_ns: Ok(0),
            steal_ns,
        };
        assert_eq!(of(Err("untold".to_owned())).objection(), None);
        assert_eq!(of(Ok(50_000_000)).objection(), None);
        assert!(of(Ok(500_000_000)).objection().unwrap().contains("25.0 %"));
    }
}
