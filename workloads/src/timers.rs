//! `timers`: a thousand tasks that sleep for 1 to 10 ms, again and again, and write down how late they woke.
//!
//! What it shows, what to expect and whose it is: see [`Timers::INFO`](Workload::INFO), which the report prints.
//!
//! A slice is one item. Every sleeper begins within the first 10 ms and takes eight naps of 1 to 10 ms that follow each
//! other without a pause: a nap ends when the schedule says, not so long after the last one really ended. A sleeper that
//! wakes after the end of its next nap is late for that as well (no coordinated omission). All lengths are drawn with
//! fixed seeds, to the nanosecond, so that every contender has the same timers, about 180 a millisecond.
//!
//! Sleepers are started first, and wait at a latch. The schedule begins [`LEAD`] for each sleeper after it is opened;
//! each sleeps until its first nap begins, which does not count, and so has had a timer before it is measured. The wall
//! time is that of the schedule, from its beginning to the last one awake; joins are outside.
//!
//! The answer is the number of naps that did not end early.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    fit,
    open_loop::Random,
    params::{ParamSpec, Params, WORKERS},
    workload::{Body, Info, Metric, NotApplicable, Outcome, SampleKind, Takes, Workload, nanoseconds},
};

/// Naps of a sleeper.
const NAPS: usize = 8;
/// The shortest nap.
const SHORTEST: Duration = Duration::from_millis(1);
/// The longest, and the time within which all begin.
const LONGEST: Duration = Duration::from_millis(10);
/// How long after the latch was opened the schedule begins, for each sleeper: time to wake them all. A thread takes about 5 us.
const LEAD: Duration = Duration::from_micros(10);

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct Timers {
    sleepers: u32,
}

impl Workload for Timers {
    const INFO: Info = Info {
        name: "timers",
        title: "Timers",
        op: "timer",
        model: Model::Blocking,
        metric: Metric::MeanOf(SampleKind::Wake),
        shows: "How late a timer wakes its task while a thousand tasks sleep for 1 to 10 ms and hardly anything else \
                happens: the resolution of the timers, and what it costs to wake from idle every few microseconds.",
        expect: "Threads wake 50 us late by the kernel's timer slack, and later where they wake in crowds. Schedulers \
                 whose idle worker sleeps until the next timer add its wake-up (tens of microseconds) and what stands \
                 in the queue. tokio's wheel counts milliseconds and rounds up: 1 ms on average.",
        origin: "cyclictest; Go's timer benchmarks.",
        params: &[
            ParamSpec { name: "sleepers", about: "tasks that sleep", min: 1, max: 1_000_000, default: 1_000 },
            WORKERS,
        ],
        variants: &[&[("workers", 2)]],
        full: &[&[("sleepers", 100)], &[("sleepers", 10_000)]],
        floor: false,
        // 75 ms of naps and the start of a thousand threads. Two items have enough samples, 8000 each, for a p99.
        item_ms: 90,
        round_factor: 1,
        takes: &[
            Takes { of: &[("sleepers", 10_000)], timed_ms: 153, untimed_ms: 292 },
            Takes { of: &[("sleepers", 100)], timed_ms: 71, untimed_ms: 3 },
            Takes { of: &[], timed_ms: 73, untimed_ms: 25 },
        ],
    };

    fn new(params: &Params) -> Self {
        Timers { sleepers: u32::try_from(params["sleepers"]).expect("the range allows 1,000,000") }
    }

    fn expected(&self, _ops: u64) -> String {
        (u64::from(self.sleepers) * NAPS as u64).to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let sleepers = self.sleepers;
        fit::tasks(R::LIMITS, sleepers as usize)?;
        Ok(Box::new(move |contender, _time| {
            contender.run(move || {
                let (latch, begin) = (R::latch(), Arc::new(OnceLock::new()));
                let sleeper = |sleeper| {
                    let (latch, begin) = (latch.clone(), Arc::clone(&begin));
                    R::spawn(move || {
                        R::pass(&latch);
                        let begin: Instant = *begin.get().expect(SET_BEFORE_OPEN);
                        let (first, naps) = naps(sleeper);
                        R::sleep_until(begin + first);
                        let mut slept = Slept::new(begin);
                        for nap_end in naps {
                            R::sleep_until(begin + nap_end);
                            slept.until(begin + nap_end, Instant::now());
                        }
                        slept
                    })
                };
                let tasks: Vec<_> = (0..sleepers).map(sleeper).collect();
                let begin = *begin.get_or_init(|| Instant::now() + LEAD * sleepers);
                R::open(&latch);
                outcome(begin, tasks.into_iter().map(R::join).collect())
            })
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let sleepers = self.sleepers;
        fit::tasks(R::LIMITS, sleepers as usize)?;
        Ok(Box::new(move |contender, _time| {
            contender.run(async move {
                let (latch, begin) = (R::latch(), Arc::new(OnceLock::new()));
                let sleeper = |sleeper| {
                    let (latch, begin) = (latch.clone(), Arc::clone(&begin));
                    R::spawn(async move {
                        R::pass(&latch).await;
                        let begin: Instant = *begin.get().expect(SET_BEFORE_OPEN);
                        let (first, naps) = naps(sleeper);
                        R::sleep_until(begin + first).await;
                        let mut slept = Slept::new(begin);
                        for nap_end in naps {
                            R::sleep_until(begin + nap_end).await;
                            slept.until(begin + nap_end, Instant::now());
                        }
                        slept
                    })
                };
                let tasks: Vec<_> = (0..sleepers).map(sleeper).collect();
                let begin = *begin.get_or_init(|| Instant::now() + LEAD * sleepers);
                R::open(&latch);
                let mut slept = Vec::with_capacity(tasks.len());
                for task in tasks {
                    slept.push(R::join(task).await);
                }
                outcome(begin, slept)
            })
        }))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        Err(NotApplicable("a fork-join pool has no timers".to_owned()))
    }
}

const SET_BEFORE_OPEN: &str = "the beginning is set before the latch is opened";

/// From the beginning of the schedule: when `sleeper` begins its first nap, and then the end of each.
fn naps(sleeper: u32) -> (Duration, impl Iterator<Item = Duration>) {
    let mut random = Random::with_seed(u64::from(sleeper));
    let first = LONGEST.mul_f64(random.unit());
    let mut end = first;
    let next = move |_| {
        end += SHORTEST + (LONGEST - SHORTEST).mul_f64(random.unit());
        end
    };
    (first, (0..NAPS).map(next))
}

/// The naps of one sleeper.
struct Slept {
    lateness_ns: Vec<u64>,
    early: u64,
    end: Instant,
}

impl Slept {
    fn new(begin: Instant) -> Self {
        Slept { lateness_ns: Vec::with_capacity(NAPS), early: 0, end: begin }
    }

    /// A nap that was meant to end at `intended` ended.
    fn until(&mut self, intended: Instant, now: Instant) {
        self.early += u64::from(now < intended);
        self.lateness_ns.push(nanoseconds(now.saturating_duration_since(intended)));
        self.end = now;
    }
}

fn outcome(begin: Instant, slept: Vec<Slept>) -> Outcome {
    let end = slept.iter().map(|slept| slept.end).max().unwrap_or(begin);
    let early: u64 = slept.iter().map(|slept| slept.early).sum();
    let lateness_ns: Vec<_> = slept.into_iter().flat_map(|slept| slept.lateness_ns).collect();
    let ops = lateness_ns.len() as u64;
    let answer = (ops - early).to_string();
    Outcome { ops, wall: end - begin, answer, samples: vec![(SampleKind::Wake, lateness_ns)], bytes: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sleeper_takes_its_naps_one_after_the_other_each_of_1_to_10_ms() {
        for sleeper in 0..1_000 {
            let (first, ends) = naps(sleeper);
            let ends: Vec<_> = ends.collect();
            assert!(first <= LONGEST && ends.len() == NAPS);
            let begins = [first].into_iter().chain(ends.iter().copied());
            assert!(ends.iter().zip(begins).all(|(&end, begin)| (SHORTEST..=LONGEST).contains(&(end - begin))));
        }
    }

    #[test]
    fn timers_come_evenly() {
        let mut in_each_ms = [0; 100];
        for end in (0..1_000).flat_map(|sleeper| naps(sleeper).1) {
            in_each_ms[end.as_millis() as usize] += 1;
        }
        // From 10 ms on all have begun; after 35 ms the first have ended.
        assert!(in_each_ms[10..35].iter().all(|timers| (130..=240).contains(timers)), "{in_each_ms:?}");
    }

    #[test]
    fn a_nap_that_was_lost_or_ended_early_is_noticed() {
        let begin = Instant::now();
        let answer = |naps: usize, woke: Duration| {
            let mut slept = Slept::new(begin);
            (0..naps).for_each(|_| slept.until(begin + SHORTEST, begin + woke));
            outcome(begin, vec![slept]).answer
        };
        let expected = Timers { sleepers: 1 }.expected(8);
        assert_eq!(answer(8, SHORTEST), expected);
        assert_ne!(answer(7, SHORTEST), expected);
        assert_ne!(answer(8, SHORTEST - Duration::from_nanos(1)), expected);
    }
}
