//! `mutex`: tasks that lock one mutex, add one to the counter in it, and unlock it, on and on.
//!
//! What it shows, what to expect and whose it is: see [`Mutex::INFO`](Workload::INFO), which the report prints.
//!
//! They look at the clock after a batch of locks (see [`Watch`](crate::watch::Watch)), and calculate for about `hold_ns`
//! while they have the lock; there is no work between two locks. How long they wait is not measured: a task that waits
//! long takes few locks, so of their locks hardly one is a long wait, however much of the time goes into such waits.
//!
//! That is measured by one task more, the *visitor*, who wants the lock once in 100 us, sleeps in between, and takes the
//! time from asking to having. A wait that is longer than that counts also for each visit that would have been due
//! meanwhile, with what was left of it (no coordinated omission). That a timer wakes it late does not count, and only
//! means that it comes more rarely.
//!
//! The timed part begins with the first task over the [line](crate::start_line) and ends when the last of them stops,
//! the visitor left aside. Each task counts its own locks; the answer is the counter that the mutex guards, which loses
//! some if two tasks are ever in it at once.

use std::{
    iter,
    sync::Arc,
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    arithmetic::{steps_in, walk},
    fit,
    params::{ParamSpec, Params, WORKERS},
    start_line::{cross_async, cross_blocking, draw_async, draw_blocking, start_async, start_blocking},
    workload::{Body, Info, Metric, NotApplicable, Outcome, SampleKind, Workload, nanoseconds},
};

/// How long the visitor sleeps between two visits.
const VISIT_EVERY: Duration = Duration::from_micros(100);

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct Mutex {
    workers: usize,
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
        shows: "What a lock costs that all tasks want all the time, and how long somebody waits for it who comes by now \
                and then.",
        expect: "On one worker a task keeps its worker for many locks, so it meets the others only where it is \
                 preempted, or made to give way, while it has the lock: a few nanoseconds are the two atomic \
                 operations, more is the mutex's own (tokio's is a queue of waiters, fair, and many times as dear; \
                 its users are told to take std's). On two workers a mutex that lets a task in passing take the lock \
                 is fast and lets the visitor wait, for milliseconds if tasks that never give way run before it; one \
                 that hands the lock over pays a switch for each, and the visitor waits for microseconds.",
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
        takes: &[],
    };

    fn new(params: &Params) -> Self {
        Mutex {
            workers: usize::try_from(params["workers"]).expect("the range allows 256"),
            tasks: usize::try_from(params["tasks"]).expect("the range allows 1,000"),
            hold: Duration::from_nanos(params["hold_ns"]),
        }
    }

    fn expected(&self, ops: u64) -> String {
        ops.to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        fit::mutex(R::LIMITS, this.workers)?;
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
}

/// What the visitor did.
#[derive(Default)]
struct Visits {
    locks: u64,
    waits_ns: Vec<u64>,
}

impl Visits {
    /// It asked for the lock and got it, later by what one visit waits and by what others would have waited meanwhile.
    fn waited(&mut self, asked: Instant, has_it: Instant) {
        self.locks += 1;
        let due = iter::successors(Some(asked), |visit| Some(*visit + VISIT_EVERY));
        self.waits_ns.extend(due.take_while(|visit| *visit <= has_it).map(|visit| nanoseconds(has_it - visit)));
    }
}

impl Mutex {
    /// What a task calculates while it has the lock.
    fn steps(self) -> u64 {
        if self.hold.is_zero() { 0 } else { steps_in(self.hold) }
    }

    fn blocking_slice<R: Blocking>(self, steps: u64, time: Duration) -> Outcome {
        let starter = draw_blocking::<R>(self.tasks + 1, self.tasks, time);
        let counter = Arc::new(R::mutex(0));
        let task = |_| {
            let (line, counter) = (starter.line.clone(), Arc::clone(&counter));
            R::spawn(move || {
                let mut watch = cross_blocking::<R>(line);
                let mut locks = 0;
                loop {
                    let batch = watch.batch();
                    for _ in 0..batch {
                        R::with_lock(&counter, |count| count_one(count, steps));
                    }
                    locks += batch;
                    if watch.look() {
                        return Tally { locks, end: watch.last() };
                    }
                }
            })
        };
        let tasks: Vec<_> = (0..self.tasks).map(task).collect();
        let visitor = {
            let (line, counter) = (starter.line.clone(), Arc::clone(&counter));
            R::spawn(move || {
                let watch = cross_blocking::<R>(line);
                let mut visits = Visits::default();
                loop {
                    R::sleep(VISIT_EVERY);
                    let asked = Instant::now();
                    let has_it = R::with_lock(&counter, visit);
                    visits.waited(asked, has_it);
                    if watch.is_over_at(has_it) {
                        return visits;
                    }
                }
            })
        };
        let clock = start_blocking::<R>(starter);
        let tallies: Vec<_> = tasks.into_iter().map(R::join).collect();
        let wall = clock.wall(tallies.iter().map(|tally| tally.end));
        let visits = R::join(visitor);
        outcome(R::with_lock(&counter, |count| *count), wall, &tallies, visits)
    }

    async fn async_slice<R: Async>(self, steps: u64, time: Duration) -> Outcome {
        let starter = draw_async::<R>(self.tasks + 1, self.tasks, time);
        let counter = Arc::new(R::mutex(0));
        let task = |_| {
            let (line, counter) = (starter.line.clone(), Arc::clone(&counter));
            R::spawn(async move {
                let mut watch = cross_async::<R>(line).await;
                let mut locks = 0;
                loop {
                    let batch = watch.batch();
                    for _ in 0..batch {
                        R::with_lock(&counter, |count| count_one(count, steps)).await;
                    }
                    locks += batch;
                    if watch.look() {
                        return Tally { locks, end: watch.last() };
                    }
                }
            })
        };
        let tasks: Vec<_> = (0..self.tasks).map(task).collect();
        let visitor = {
            let (line, counter) = (starter.line.clone(), Arc::clone(&counter));
            R::spawn(async move {
                let watch = cross_async::<R>(line).await;
                let mut visits = Visits::default();
                loop {
                    R::sleep(VISIT_EVERY).await;
                    let asked = Instant::now();
                    let has_it = R::with_lock(&counter, visit).await;
                    visits.waited(asked, has_it);
                    if watch.is_over_at(has_it) {
                        return visits;
                    }
                }
            })
        };
        let clock = start_async::<R>(starter).await;
        let mut tallies = Vec::with_capacity(self.tasks);
        for task in tasks {
            tallies.push(R::join(task).await);
        }
        let wall = clock.wall(tallies.iter().map(|tally| tally.end));
        let visits = R::join(visitor).await;
        outcome(R::with_lock(&counter, |count| *count).await, wall, &tallies, visits)
    }
}

/// What the visitor does under the lock; since when it has it.
fn visit(count: &mut u64) -> Instant {
    let has_it = Instant::now();
    count_one(count, 0);
    has_it
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

fn outcome(count: u64, wall: Duration, tallies: &[Tally], visits: Visits) -> Outcome {
    Outcome {
        ops: tallies.iter().map(|tally| tally.locks).sum::<u64>() + visits.locks,
        wall,
        answer: count.to_string(),
        samples: vec![(SampleKind::Response, visits.waits_ns)],
        bytes: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::resolve;

    fn visits(waits: &[Duration]) -> Visits {
        let (mut visits, asked) = (Visits::default(), Instant::now());
        waits.iter().for_each(|wait| visits.waited(asked, asked + *wait));
        visits
    }

    #[test]
    fn a_count_that_two_tasks_made_at_once_is_noticed() {
        let workload = Mutex::new(&resolve(&Mutex::INFO, &Params::new()).unwrap());
        let did = |locks| Tally { locks, end: Instant::now() };
        let told =
            |count| outcome(count, Duration::from_millis(1), &[did(3), did(4)], visits(&[Duration::from_nanos(5)]));
        assert_eq!(told(8).answer, workload.expected(told(8).ops));
        assert_ne!(told(7).answer, workload.expected(told(7).ops));
        assert_eq!(told(8).samples, [(SampleKind::Response, vec![5])]);
    }

    #[test]
    fn a_long_wait_counts_for_each_visit_that_was_due_meanwhile() {
        let two_and_a_half = visits(&[Duration::from_micros(250)]);
        assert_eq!((two_and_a_half.locks, two_and_a_half.waits_ns), (1, vec![250_000, 150_000, 50_000]));
    }

    #[test]
    fn holding_the_lock_longer_counts_the_same() {
        let mut count = 0;
        count_one(&mut count, 0);
        count_one(&mut count, 1_000);
        assert_eq!(count, 2);
    }
}
