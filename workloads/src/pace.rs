//! How often a loop of tiny operations looks at the clock: rarely enough that the clock costs under 1 % of the time,
//! often enough that the loop ends near its deadline.

use std::{
    hint::black_box,
    sync::LazyLock,
    time::{Duration, Instant},
};

/// What reading the clock costs here: the least of a few means, since noise only adds.
static CLOCK_COST: LazyLock<Duration> = LazyLock::new(|| {
    const READS: u32 = 200;
    let mean = |_| {
        let begin = Instant::now();
        for _ in 1..READS {
            black_box(Instant::now());
        }
        begin.elapsed() / READS
    };
    (0..5).map(mean).min().unwrap_or_default()
});

/// The number of operations between two looks at the clock; it follows the speed that is seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    batch: u64,
    target: Duration,
}

impl Pace {
    /// Starts with one operation a look, for loops that look twice each time.
    pub(crate) fn new() -> Self {
        // 2 reads in 250 are 0.8 %; 8 us keeps the samples of a fast loop to about a thousand in 10 ms.
        let target = (*CLOCK_COST * 250).max(Duration::from_micros(8));
        Pace { batch: 1, target }
    }

    /// How many operations to do before looking again.
    pub(crate) fn batch(&self) -> u64 {
        self.batch
    }

    /// Learns how long the last batch took. The batch shrinks at once but grows by doubling only: one lucky batch
    /// must not make the next overrun the deadline.
    pub(crate) fn took(&mut self, elapsed: Duration) {
        let fits = u128::from(self.batch) * self.target.as_nanos() / elapsed.as_nanos().max(1);
        self.batch = u64::try_from(fits).unwrap_or(u64::MAX).clamp(1, self.batch * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(ns_per_operation: u64) -> Pace {
        let mut pace = Pace { batch: 1, target: Duration::from_micros(8) };
        for _ in 0..32 {
            pace.took(Duration::from_nanos(pace.batch() * ns_per_operation));
        }
        pace
    }

    #[test]
    fn fast_operations_get_long_batches_and_slow_ones_none() {
        assert_eq!(settle(40).batch(), 200);
        assert_eq!(settle(50_000).batch(), 1);
    }

    #[test]
    fn a_stall_shrinks_the_batch_at_once_and_it_recovers() {
        let mut pace = settle(40);
        pace.took(Duration::from_millis(10));
        assert_eq!(pace.batch(), 1);
        for _ in 0..8 {
            pace.took(Duration::from_nanos(pace.batch() * 40));
        }
        assert_eq!(pace.batch(), 200);
    }

    #[test]
    fn a_clock_that_stands_still_does_not_divide_by_zero() {
        let mut pace = Pace::new();
        pace.took(Duration::ZERO);
        assert_eq!(pace.batch(), 2);
    }
}
