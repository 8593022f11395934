//! The open loop: requests come when they are meant to come, however slow the answers are.
//!
//! [`Arrivals`] says when: a Poisson process with a fixed seed, so that every contender meets the same crowd. [`Latencies`]
//! keeps what became of the requests. A response counts from the moment at which its request was *meant* to start: a
//! request that had to wait for the one before it has waited (no coordinated omission). Service counts from the actual
//! start; the difference is what the queue cost.
//!
//! Poisson processes have no memory, so one that is stopped at the end of a slice simply begins anew in the next, and
//! several together are one with the sum of their rates.

use std::time::{Duration, Instant};

use crate::workload::{SampleKind, nanoseconds};

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): a few lines in every
/// language, so that a contender in another one can draw the same crowd.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Seeds that are neighbours give sequences that have nothing in common.
    pub(crate) fn with_seed(seed: u64) -> Self {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly distributed in (0, 1].
    pub(crate) fn unit(&mut self) -> f64 {
        // A float holds 53 bits exactly; the 1 keeps 0 out, which has no logarithm.
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// A generator whose numbers have nothing in common with what comes next here.
    pub(crate) fn split(&mut self) -> Random {
        Random(self.next())
    }

    /// True `permille` times in 1000, on average.
    pub(crate) fn chance(&mut self, permille: u64) -> bool {
        self.unit() * 1000.0 <= permille as f64
    }
}

/// When requests are meant to start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrivals {
    random: Random,
    mean_gap: Duration,
}

impl Arrivals {
    /// `per_second` requests on average.
    pub(crate) fn new(random: Random, per_second: f64) -> Self {
        Arrivals { random, mean_gap: Duration::from_secs_f64(1.0 / per_second) }
    }

    /// The time from one arrival to the next, exponentially distributed.
    pub(crate) fn gap(&mut self) -> Duration {
        self.mean_gap.mul_f64(-self.random.unit().ln())
    }
}

/// What became of the requests of an open loop, in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    response_ns: Vec<u64>,
    service_ns: Vec<u64>,
}

impl Latencies {
    /// A request is done.
    pub(crate) fn add(&mut self, intended: Instant, started: Instant, completed: Instant) {
        self.response_ns.push(nanoseconds(completed - intended));
        self.service_ns.push(nanoseconds(completed - started));
    }

    /// Takes over those of another client.
    pub(crate) fn append(&mut self, mut other: Latencies) {
        self.response_ns.append(&mut other.response_ns);
        self.service_ns.append(&mut other.service_ns);
    }

    /// How many requests there were.
    pub(crate) fn len(&self) -> usize {
        self.response_ns.len()
    }

    /// The samples of an [`Outcome`](crate::Outcome).
    pub(crate) fn into_samples(self) -> Vec<(SampleKind, Vec<u64>)> {
        vec![(SampleKind::Response, self.response_ns), (SampleKind::Service, self.service_ns)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs for seed 1234567 that the authors' C version gives.
    #[test]
    fn random_numbers_are_those_of_splitmix64() {
        let mut random = Random::with_seed(1_234_567);
        let first: Vec<_> = (0..3).map(|_| random.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn chances_are_kept_and_the_extremes_are_certain() {
        let count = |permille| {
            let mut random = Random::with_seed(1);
            (0..100_000).filter(|_| random.chance(permille)).count()
        };
        assert_eq!((count(0), count(1000)), (0, 100_000));
        assert!((400..600).contains(&count(5)), "{}", count(5));
    }

    #[test]
    fn gaps_are_exponential_with_the_mean_that_was_asked_for() {
        let mut arrivals = Arrivals::new(Random::with_seed(1), 1_000.0);
        let gaps: Vec<_> = (0..100_000).map(|_| arrivals.gap().as_secs_f64() * 1_000.0).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        assert!((0.98..1.02).contains(&mean), "{mean}");
        // 1 - 1/e of the gaps are shorter than the mean, 1/e^3 are longer than three of it.
        let share = |under: f64| gaps.iter().filter(|gap| **gap < under).count() as f64 / gaps.len() as f64;
        assert!((0.62..0.645).contains(&share(1.0)), "{}", share(1.0));
        assert!((0.945..0.955).contains(&share(3.0)), "{}", share(3.0));
    }

    #[test]
    fn the_same_seed_is_the_same_crowd_and_another_is_another() {
        let gaps = |seed| {
            let mut arrivals = Arrivals::new(Random::with_seed(seed), 1_000.0);
            (0..10).map(|_| arrivals.gap()).collect::<Vec<_>>()
        };
        assert_eq!(gaps(1), gaps(1));
        assert!(gaps(1).iter().zip(gaps(2)).all(|(one, other)| *one != other));
    }

    #[test]
    fn a_request_that_started_late_has_waited_in_its_response_and_not_in_its_service() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut latencies = Latencies::default();
        // The first takes 10 ms, so the second, meant for 1 ms, starts when it is done.
        latencies.add(at(0), at(0), at(10));
        latencies.add(at(1), at(10), at(12));
        assert_eq!(latencies.response_ns, [10_000_000, 11_000_000]);
        assert_eq!(latencies.service_ns, [10_000_000, 2_000_000]);
    }
}
