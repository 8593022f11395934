//! An injected slowdown: what `schedbench calibrate` makes the suite find, to see whether it would.
//!
//! After each slice the child spins for a share of the time that the slice took, and counts that as part of it. Wall time and the CPU
//! time of one thread carry it, whatever the contender and the workload are; the operations and their answer are untouched. It spins by
//! the clock and not by a number of steps, so that the share is right on every machine, and a thread that is preempted meanwhile counts
//! as any other work would. What was really spun is in the record, as the counter [`INJECTED_SPIN`].

use std::{
    hint,
    time::{Duration, Instant},
};

/// The counter: nanoseconds spun in the slices that count.
pub const INJECTED_SPIN: &str = "injected_spin_ns";

/// How much slower a child is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slowdown {
    percent: u32,
}

impl Slowdown {
    /// By so many percent of the wall time; with 0 there is none.
    pub fn of(percent: u32) -> Slowdown {
        Slowdown { percent }
    }

    /// Whether there is one.
    pub fn is_some(self) -> bool {
        self.percent > 0
    }

    /// Spins, after something that took `wall`. Gives how long, which is never less than the share.
    pub fn spin_after(self, wall: Duration) -> Duration {
        if !self.is_some() {
            return Duration::ZERO;
        }
        let due = wall * self.percent / 100;
        let began = Instant::now();
        loop {
            let spun = began.elapsed();
            if spun >= due {
                return spun;
            }
            hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_spun_and_what_was_spun_is_told() {
        let wall = Duration::from_millis(10);
        for percent in [3, 10, 100] {
            let began = Instant::now();
            let spun = Slowdown::of(percent).spin_after(wall);
            assert!(spun >= wall * percent / 100 && spun <= began.elapsed(), "{percent} %: {spun:?}");
        }
    }

    #[test]
    fn no_slowdown_costs_nothing() {
        assert_eq!(Slowdown::of(0).spin_after(Duration::from_secs(3600)), Duration::ZERO);
    }
}
