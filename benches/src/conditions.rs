//! Was the machine fit for a round? A spin probe before it and the time stolen by the hypervisor during it decide, by rules that
//! are fixed here and beforehand.
//!
//! A round is discarded whole, for all of its contenders, if
//! 1. more than [`STEAL_MAX`] of the machine's time was stolen while it ran, or
//! 2. the probe before it took more than [`PROBE_MAX`] longer than the median of the run's probes so far.
//!
//! The probe is the *best* of several short spins, so it sees a clock that was lowered or a core that is shared, and not the
//! timer tick. A slow probe is first taken as a reason to wait: most disturbances pass within a second, and waiting costs less
//! than a round.

use std::{
    fs,
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use crate::stop;

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
/// The kernel counts steal in ticks of `USER_HZ`, which is 100 on every architecture that Linux tells user space about.
const TICK_NS: u64 = 10_000_000;
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

/// What was stolen from all cores while a round ran.
#[derive(Debug)]
pub struct Steal {
    began: Instant,
    before_ns: Option<u64>,
}

impl Steal {
    /// Begins to count.
    pub fn begin() -> Steal {
        Steal { began: Instant::now(), before_ns: stolen_ns() }
    }

    /// What was stolen since, in nanoseconds of CPU time; `None` where the kernel does not say.
    pub fn so_far_ns(&self) -> Option<u64> {
        Some(stolen_ns()?.saturating_sub(self.before_ns?))
    }

    /// The reason to discard the round for, if there is one.
    pub fn objection(&self, stolen_ns: Option<u64>, cores: u64) -> Option<String> {
        let stolen_ns = stolen_ns.filter(|&stolen| stolen >= STEAL_MIN_NS)?;
        let share = stolen_ns as f64 / (self.began.elapsed().as_nanos() as f64 * cores.max(1) as f64);
        (share > STEAL_MAX).then(|| {
            format!(
                "{:.1} % of the machine's time was stolen, at most {:.0} % may be",
                share * 100.0,
                STEAL_MAX * 100.0
            )
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

fn spin_probe_ns() -> u64 {
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

/// Steal of all cores since boot. `/proc/stat`: user nice system idle iowait irq softirq steal ..
fn stolen_ns() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    steal_ticks(&stat).map(|ticks| ticks * TICK_NS)
}

fn steal_ticks(stat: &str) -> Option<u64> {
    let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    all.split_whitespace().nth(7)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_judged_by_the_median_of_the_run() {
        let mut probes = Probes { sorted_ns: Vec::new() };
        for probe_ns in [100, 104, 96, 300, 100] {
            probes.add(probe_ns);
        }
        assert_eq!(probe_objection(probes.slowness(104)), None);
        assert!(probe_objection(probes.slowness(112)).unwrap().contains("12.0 %"));
    }

    #[test]
    fn steal_is_the_eighth_figure_of_all_cores() {
        assert_eq!(steal_ticks("cpu  5909 7516 4017 179858 405 0 72 84 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"), Some(84));
        assert_eq!(steal_ticks("intr 1"), None);
    }

    #[test]
    fn much_steal_discards_and_little_does_not() {
        let steal = Steal { began: Instant::now() - Duration::from_secs(1), before_ns: Some(0) };
        assert_eq!(steal.objection(None, 2), None);
        assert_eq!(steal.objection(Some(50_000_000), 2), None);
        assert!(steal.objection(Some(500_000_000), 2).is_some());
    }
}
