//! `mutex`: tasks that lock one mutex, add one to the counter in it, and unlock it, on and on.
//!
//! What it shows, what to expect and whose it is: see [`Mutex::INFO`](Workload::INFO), which the report prints.
//!
//! After a batch of locks (see [`Watch`](crate::watch::Watch)) a task times one alone, from the moment that it asks
//! until it has the lock; with `hold_ns` it calculates for about so long while it has it. There is no work between two
//! locks. Samples are one lock in so many, so the longest of them is the longest that was seen, not the longest that
//! was.
//!
//! The timed part begins with the first task over the [line](crate::start_line) and ends when the last one stops. Each
//! task counts its own locks; the answer is the counter that the mutex guards, which loses some if two tasks are ever
//! in it at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    arithmetic::{steps_in, walk},
    params::{ParamSpec, Params, WORKERS},
    start_line::{cross_async, cross_blocking, draw_async, draw_blocking, start_async, start_blocking},
    workload::{Body, Info, Metric, NotApplicable, Outcome, SampleKind, Workload, nanoseconds},
};

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct Mutex {
    tasks: usize,
    hold: Duration,
}

impl Workload for Mutex {
    const INFO: Info = Info {
        name: "mutex",
        title: "Mutex",
        op: "lock",
        model: Model::Blocking,
        metric: Metric::TimePerOp,
        shows: "What a lock costs that all tasks want all the time, and how long one of them waits for it.",
        expect: "On one worker a task keeps its worker for many locks, so it meets the others only where it is \
                 preempted, or made to give way, while it has the lock: a few nanoseconds are the two atomic \
                 operations, more is the mutex's own (tokio's is a queue of waiters, fair, and many times as dear; \
                 its users are told to take std's). On two workers a mutex that lets a task in passing take the lock \
                 is fast and lets a waiter wait; one that hands the lock over pays a switch for each.",
        origin: "Go's BenchmarkMutex and BenchmarkMutexWork; its starvation mode (1.9) for the waits.",
        params: &[
            ParamSpec { name: "tasks", about: "tasks that want the lock", min: 1, max: 1_000, default: 8 },
            ParamSpec {
                name: "hold_ns",
                about: "how long a task calculates while it has the lock",
                min: 0,
                max: 1_000_000,
                default: 0,
            },
            WORKERS,
        ],
        variants: &[&[("workers", 2)]],
        full: &[&[("hold_ns", 1_000)]],
        floor: false,
        item_ms: 0,
        round_factor: 1,
    };

    fn new(params: &Params) -> Self {
        Mutex {
            tasks: usize::try_from(params["tasks"]).expect("the range allows 1,000"),
            hold: Duration::from_nanos(params["hold_ns"]),
        }
    }

    fn expected(&self, ops: u64) -> String {
        ops.to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        Ok(Box::new(move |contender, time| {
            let steps = this.steps();
            contender.run(move || this.blocking_slice::<R>(steps, time))
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        Ok(Box::new(move |contender, time| contender.run(this.async_slice::<R>(this.steps(), time))))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        Err(NotApplicable("a fork-join pool has no mutex of its own: its workers would block in another's".to_owned()))
    }
}

/// What one task did.
struct Tally {
    locks: u64,
    end: Instant,
    /// Nanoseconds from asking to having, of those that were timed alone.
    waits_ns: Vec<u64>,
}

impl Mutex {
    /// What a task calculates while it has the lock.
    fn steps(self) -> u64 {
        if self.hold.is_zero() { 0 } else { steps_in(self.hold) }
    }

    fn blocking_slice<R: Blocking>(self, steps: u64, time: Duration) -> Outcome {
        let starter = draw_blocking::<R>(self.tasks, self.tasks, time);
        let counter = Arc::new(R::mutex(0));
        let task = |_| {
            let (line, counter) = (starter.line.clone(), Arc::clone(&counter));
            R::spawn(move || {
                let mut watch = cross_blocking::<R>(line);
                let (mut locks, mut waits_ns) = (0, Vec::new());
                loop {
                    let batch = watch.batch();
                    for _ in 0..batch {
                        R::with_lock(&counter, |count| count_one(count, steps));
                    }
                    let asked = Instant::now();
                    let has_it = R::with_lock(&counter, |count| {
                        let has_it = Instant::now();
                        count_one(count, steps);
                        has_it
                    });
                    locks += batch + 1;
                    waits_ns.push(nanoseconds(has_it - asked));
                    if watch.look_after(asked, has_it) {
                        return Tally { locks, end: Instant::now(), waits_ns };
                    }
                }
            })
        };
        let tasks: Vec<_> = (0..self.tasks).map(task).collect();
        let clock = start_blocking::<R>(starter);
        let tallies: Vec<_> = tasks.into_iter().map(R::join).collect();
        let wall = clock.wall(last_end(&tallies));
        outcome(R::with_lock(&counter, |count| *count), wall, tallies)
    }

    async fn async_slice<R: Async>(self, steps: u64, time: Duration) -> Outcome {
        let starter = draw_async::<R>(self.tasks, self.tasks, time);
        let counter = Arc::new(R::mutex(0));
        let task = |_| {
            let (line, counter) = (starter.line.clone(), Arc::clone(&counter));
            R::spawn(async move {
                let mut watch = cross_async::<R>(line).await;
                let (mut locks, mut waits_ns) = (0, Vec::new());
                loop {
                    let batch = watch.batch();
                    for _ in 0..batch {
                        R::with_lock(&counter, |count| count_one(count, steps)).await;
                    }
                    let asked = Instant::now();
                    let timed = |count: &mut u64| {
                        let has_it = Instant::now();
                        count_one(count, steps);
                        has_it
                    };
                    let has_it = R::with_lock(&counter, timed).await;
                    locks += batch + 1;
                    waits_ns.push(nanoseconds(has_it - asked));
                    if watch.look_after(asked, has_it) {
                        return Tally { locks, end: Instant::now(), waits_ns };
                    }
                }
            })
        };
        let tasks: Vec<_> = (0..self.tasks).map(task).collect();
        let clock = start_async::<R>(starter).await;
        let mut tallies = Vec::with_capacity(self.tasks);
        for task in tasks {
            tallies.push(R::join(task).await);
        }
        let wall = clock.wall(last_end(&tallies));
        outcome(R::with_lock(&counter, |count| *count).await, wall, tallies)
    }
}

/// What is done under the lock.
#[inline]
fn count_one(count: &mut u64, steps: u64) {
    let before = *count;
    if steps > 0 {
        walk(before, steps);
    }
    *count = before + 1;
}

fn last_end(tallies: &[Tally]) -> Instant {
    tallies.iter().map(|tally| tally.end).max().expect("there is a task")
}

fn outcome(count: u64, wall: Duration, tallies: Vec<Tally>) -> Outcome {
    Outcome {
        ops: tallies.iter().map(|tally| tally.locks).sum(),
        wall,
        answer: count.to_string(),
        samples: vec![(SampleKind::Response, tallies.into_iter().flat_map(|tally| tally.waits_ns).collect())],
        bytes: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::resolve;

    #[test]
    fn a_count_that_two_tasks_made_at_once_is_noticed() {
        let workload = Mutex::new(&resolve(&Mutex::INFO, &Params::new()).unwrap());
        let did = |locks| Tally { locks, end: Instant::now(), waits_ns: vec![locks] };
        let told = |count| outcome(count, Duration::from_millis(1), vec![did(3), did(4)]);
        assert_eq!(told(7).answer, workload.expected(told(7).ops));
        assert_ne!(told(6).answer, workload.expected(told(6).ops));
        assert_eq!(told(7).samples, [(SampleKind::Response, vec![3, 4])]);
    }

    #[test]
    fn holding_the_lock_longer_counts_the_same() {
        let mut count = 0;
        count_one(&mut count, 0);
        count_one(&mut count, 1_000);
        assert_eq!(count, 2);
    }
}
