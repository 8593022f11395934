//! `tight_loop`: hogs that only calculate, and a victim beside them that wants to run at each tick.
//!
//! What it shows, what to expect and whose it is: see [`TightLoop::INFO`](Workload::INFO), which the report prints.
//!
//! A slice is one item: each hog takes the same number of arithmetic steps (about `hog_ms` on a core of its own),
//! without a clock, a lock or a call of any kind, while the [victim] lives through `hog_ms / tick_us` ticks. The
//! victim begins first, so that no scheduler can be done with its hogs before it. The operation is the victim's tick.
//!
//! The answer is the number of ticks and what the hogs started from: each result is taken back by as many steps as the
//! hog should have taken, in closed form. A hog that took one step too few does not arrive at where it started.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking, ForkJoin, Model, fork_join::ScopeSpawn};

use crate::{
    arithmetic::{leap_back, steps_in, walk},
    params::{ParamSpec, Params, WORKERS},
    victim::{self, End, Lateness, Victim},
    workload::{Body, Info, Metric, NotApplicable, Outcome, SampleKind, Takes, Workload},
};

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct TightLoop {
    hogs: u64,
    hog: Duration,
    tick: Duration,
    ticks: u32,
}

impl Workload for TightLoop {
    const INFO: Info = Info {
        name: "tight_loop",
        title: "Tight loop",
        op: "tick",
        model: Model::Blocking,
        metric: Metric::MeanOf(SampleKind::Wake),
        shows: "How long a task that should run every millisecond waits while there is, for every worker, another \
                task that only calculates and never calls the scheduler.",
        expect: "Who cannot take a worker from a running task lets the victim wait until a hog ends: 150 ms on \
                 average, 300 ms at worst (tokio, rayon). The kernel preempts a thread within some 100 us. gmp gives \
                 the hog's P to another thread and lets the kernel divide the core, so it should stay near the \
                 threads; Go preempts by signal after 10 ms.",
        origin: "Go's runtime tests TestPreemption and BenchmarkPingPongHog; cyclictest.",
        params: &[
            ParamSpec {
                name: "hogs",
                about: "tasks that only calculate; 0 means one for each worker",
                min: 0,
                max: 1024,
                default: 0,
            },
            ParamSpec {
                name: "hog_ms",
                about: "how long each of them would take on a core of its own",
                min: 1,
                max: 60_000,
                default: 300,
            },
            ParamSpec {
                name: "tick_us",
                about: "the time between two ticks of the victim",
                min: 10,
                max: 1_000_000,
                default: 1_000,
            },
            WORKERS,
        ],
        variants: &[&[]],
        full: &[],
        floor: false,
        item_ms: 300,
        // 5 items of 300 ticks in each of 8 rounds are 12,000 samples: enough for a p99.
        round_factor: 3,
        takes: &[Takes { of: &[], timed_ms: 310, untimed_ms: 2 }],
    };

    fn new(params: &Params) -> Self {
        let hogs = match params["hogs"] {
            0 => params["workers"],
            hogs => hogs,
        };
        let ticks = u32::try_from(params["hog_ms"] * 1_000 / params["tick_us"]).expect("the ranges allow 6,000,000");
        TightLoop {
            hogs,
            hog: Duration::from_millis(params["hog_ms"]),
            tick: Duration::from_micros(params["tick_us"]),
            ticks: ticks.max(1),
        }
    }

    fn expected(&self, _ops: u64) -> String {
        answer(self.ticks as usize, 1..=self.hogs)
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        Ok(Box::new(move |contender, _time| {
            let steps = steps_in(this.hog);
            contender.run(move || {
                let victim = victim::start_blocking::<R>(this.victim());
                let hogs: Vec<_> = (1..=this.hogs).map(|seed| R::spawn(move || walk(seed, steps))).collect();
                let results = hogs.into_iter().map(R::join).collect();
                let lateness_ns = R::join(victim.task);
                outcome(victim.begin.elapsed(), lateness_ns, results, steps)
            })
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        Ok(Box::new(move |contender, _time| {
            let steps = steps_in(this.hog);
            contender.run(async move {
                let victim = victim::start_async::<R>(this.victim()).await;
                let hogs: Vec<_> = (1..=this.hogs).map(|seed| R::spawn(async move { walk(seed, steps) })).collect();
                let mut results = Vec::with_capacity(hogs.len());
                for hog in hogs {
                    results.push(R::join(hog).await);
                }
                let lateness_ns = R::join(victim.task).await;
                outcome(victim.begin.elapsed(), lateness_ns, results, steps)
            })
        }))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        Ok(Box::new(move |contender, _time| {
            let steps = steps_in(this.hog);
            let lateness = Lateness::default();
            let results: Vec<_> = (1..=this.hogs).map(AtomicU64::new).collect();
            let begin = Instant::now();
            contender.scope_in_place(|scope| {
                victim::tick_into(scope, this.victim(), &lateness, |scope| {
                    for state in &results {
                        scope.spawn(move || state.store(walk(state.load(Relaxed), steps), Relaxed));
                    }
                });
            });
            let wall = begin.elapsed();
            outcome(wall, lateness.into_ns(), results.into_iter().map(AtomicU64::into_inner).collect(), steps)
        }))
    }
}

impl TightLoop {
    fn victim(&self) -> Victim {
        Victim { tick: self.tick, ticks: Some(self.ticks), end: End::default() }
    }
}

/// `results` are those of the hogs, in the order in which they were started.
fn outcome(wall: Duration, lateness_ns: Vec<u64>, results: Vec<u64>, steps: u64) -> Outcome {
    Outcome {
        ops: lateness_ns.len() as u64,
        wall,
        answer: answer(lateness_ns.len(), results.into_iter().map(|state| leap_back(state, steps))),
        samples: vec![(SampleKind::Wake, lateness_ns)],
        bytes: None,
    }
}

fn answer(ticks: usize, seeds: impl Iterator<Item = u64>) -> String {
    let seeds: Vec<_> = seeds.map(|seed| seed.to_string()).collect();
    format!("{ticks} ticks beside hogs from {}", seeds.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::resolve;

    fn workload() -> TightLoop {
        TightLoop::new(&resolve(&TightLoop::INFO, &[("workers".to_owned(), 2)].into()).unwrap())
    }

    #[test]
    fn there_is_a_hog_for_each_worker_and_a_tick_for_each_millisecond() {
        assert_eq!(workload().expected(300), "300 ticks beside hogs from 1 2");
    }

    #[test]
    fn a_hog_that_stopped_early_and_a_tick_that_was_lost_are_noticed() {
        let answer = |ticks, steps_taken| {
            outcome(Duration::from_secs(1), vec![1; ticks], vec![walk(1, 1_000), walk(2, steps_taken)], 1_000).answer
        };
        assert_eq!(answer(300, 1_000), workload().expected(300));
        assert_ne!(answer(300, 999), workload().expected(300));
        assert_ne!(answer(299, 1_000), workload().expected(299));
    }
}
