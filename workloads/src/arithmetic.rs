//! Call-free work for hogs: a linear congruential generator that is stepped, and its closed form, which checks the
//! result without doing the work again.
//!
//! Each step needs the one before it, so neither vector units nor the compiler shorten the loop: a step is a
//! multiplication and an addition in sequence, about 4 cycles. There is no clock, no call and no memory access in it.

use std::{
    hint::black_box,
    sync::LazyLock,
    time::{Duration, Instant},
};

/// Knuth's MMIX constants (TAOCP 2, 3.3.4): full period, so that every state has exactly one predecessor at any
/// distance.
const FACTOR: u64 = 6_364_136_223_846_793_005;
const INCREMENT: u64 = 1_442_695_040_888_963_407;

/// The state `steps` after `state`, by taking every step.
#[inline(never)]
pub(crate) fn walk(mut state: u64, steps: u64) -> u64 {
    for _ in 0..steps {
        state = state.wrapping_mul(FACTOR).wrapping_add(INCREMENT);
    }
    black_box(state)
}

/// The state `steps` after `state` in at most 64 squarings: `n` steps are one multiplication and one addition with
/// other constants (F. Brown, "Random Number Generation with Arbitrary Strides", 1994).
pub(crate) fn leap(state: u64, mut steps: u64) -> u64 {
    let (mut factor, mut increment) = (FACTOR, INCREMENT);
    let (mut whole_factor, mut whole_increment) = (1u64, 0u64);
    while steps > 0 {
        if steps & 1 == 1 {
            whole_factor = whole_factor.wrapping_mul(factor);
            whole_increment = whole_increment.wrapping_mul(factor).wrapping_add(increment);
        }
        increment = factor.wrapping_add(1).wrapping_mul(increment);
        factor = factor.wrapping_mul(factor);
        steps >>= 1;
    }
    whole_factor.wrapping_mul(state).wrapping_add(whole_increment)
}

/// The state `steps` before `state`: the period is 2^64, so going back is going on.
pub(crate) fn leap_back(state: u64, steps: u64) -> u64 {
    leap(state, steps.wrapping_neg())
}

/// How many steps take about `time` on an otherwise idle core; measured once a process.
pub(crate) fn steps_in(time: Duration) -> u64 {
    const PROBE: u64 = 2_000_000;
    static PROBE_TIME: LazyLock<Duration> = LazyLock::new(|| {
        let probe = |seed| {
            let begin = Instant::now();
            walk(seed, PROBE);
            begin.elapsed()
        };
        // The least, since whatever disturbs a probe makes it longer.
        (0..8).map(probe).min().unwrap_or_default()
    });
    let steps = u128::from(PROBE) * time.as_nanos() / PROBE_TIME.as_nanos().max(1);
    u64::try_from(steps).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaping_is_walking() {
        for (state, steps) in [(0, 0), (0, 1), (7, 2), (u64::MAX, 1_000), (42, 123_457)] {
            assert_eq!(leap(state, steps), walk(state, steps), "{steps} steps from {state}");
            assert_eq!(leap_back(walk(state, steps), steps), state, "{steps} steps back to {state}");
        }
    }

    #[test]
    fn one_step_too_few_is_noticed() {
        assert_ne!(leap_back(walk(42, 999), 1_000), 42);
    }

    #[test]
    fn twice_the_time_is_twice_the_steps() {
        let (once, twice) = (steps_in(Duration::from_millis(5)), steps_in(Duration::from_millis(10)));
        assert!(once > 0 && twice.abs_diff(2 * once) <= 1, "{once}, {twice}");
    }
}
