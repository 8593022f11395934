//! `blocking_io`: tasks that make real blocking calls, and a victim beside them that wants to run at each tick.
//!
//! What it shows, what to expect and whose it is: see [`BlockingIo::INFO`](Workload::INFO), which the report prints.
//!
//! A slice is one item: every task makes its calls one after the other, each in the way that its scheduler's users
//! are told to block. Of the calls that block, one in 61 writes, syncs and reads a file; the others are, in turn, a
//! sleep of 1 ms and a pipe that is answered after 200 us. Files are rare because a disk's sync varies tenfold from
//! one to the next and would drown the rest. The calls that do not block (`share_percent` < 100) are arithmetic,
//! spread evenly among the others.
//!
//! The item begins when its first task is started and ends when its last one is done. The answer is the sum of the
//! values of all calls, each of which only a call that was really made can give.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking, ForkJoin, Model, fork_join::ScopeSpawn};

use crate::{
    blocking_calls::{Call, Calls, Kind},
    params::{ParamSpec, Params, WORKERS},
    victim::{self, End, Lateness, Victim},
    workload::{Body, Info, Metric, NotApplicable, Outcome, SampleKind, Takes, Workload},
};

/// One blocking call in so many is a file's. A prime, so that it is not always the same call of a task.
const CALLS_A_FILE: u64 = 61;

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct BlockingIo {
    tasks: usize,
    calls: u64,
    share_percent: u64,
    tick: Duration,
}

impl Workload for BlockingIo {
    const INFO: Info = Info {
        name: "blocking_io",
        title: "Blocking calls",
        op: "call",
        model: Model::Blocking,
        metric: Metric::TimePerOp,
        shows: "Whether a thread that is blocked in the kernel (a sleep, a pipe, a file that is synced) holds up the \
                other tasks: 64 tasks block on and on, and beside them one wants to run every millisecond.",
        expect: "Threads overlap all calls and pay memory and a kernel switch for each. Who hands a blocked thread's \
                 worker on (gmp) or moves the call to a pool of threads (tokio) overlaps them too, for the price of \
                 a hand-off. A fork-join pool has no means for it: its workers block, calls wait for each other, and \
                 the victim waits for all.",
        origin: "Go's hand-off of P in system calls (BenchmarkSyscallExcessWork); tokio's spawn_blocking.",
        params: &[
            ParamSpec { name: "tasks", about: "tasks that make calls", min: 1, max: 256, default: 64 },
            ParamSpec { name: "calls", about: "calls of each task", min: 1, max: 1_000, default: 16 },
            ParamSpec {
                name: "share_percent",
                about: "how many of a hundred calls block; the others calculate for about 150 us",
                min: 0,
                max: 100,
                default: 100,
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
        full: &[&[("share_percent", 0)], &[("share_percent", 50)]],
        floor: false,
        item_ms: 20,
        // 1000 ticks in each of 8 rounds: enough for a p98, and 40 s less of everybody's time than a p99 takes.
        round_factor: 2,
        takes: &[
            Takes { of: &[("share_percent", 0)], timed_ms: 25, untimed_ms: 2 },
            Takes { of: &[("share_percent", 50)], timed_ms: 93, untimed_ms: 2 },
            Takes { of: &[], timed_ms: 155, untimed_ms: 2 },
        ],
    };

    fn new(params: &Params) -> Self {
        BlockingIo {
            tasks: usize::try_from(params["tasks"]).expect("the range allows 256"),
            calls: params["calls"],
            share_percent: params["share_percent"],
            tick: Duration::from_micros(params["tick_us"]),
        }
    }

    fn expected(&self, _ops: u64) -> String {
        let values = (0..self.tasks).flat_map(|task| self.calls_of(task)).map(Call::value);
        answer(self.tasks as u64 * self.calls, values)
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        let mut opened = None;
        Ok(Box::new(move |contender, _time| {
            let calls = Arc::clone(opened.get_or_insert_with(|| Arc::new(Calls::open(this.tasks))));
            contender.run(move || {
                let end = End::default();
                let victim = victim::start_blocking::<R>(this.victim(&end));
                let begin = Instant::now();
                let task = |task| {
                    let calls = Arc::clone(&calls);
                    R::spawn(move || {
                        let make = |call: Call| match call.kind {
                            Kind::Calculate => calls.make(task, call),
                            _ => R::block_in_place(|| calls.make(task, call)),
                        };
                        this.calls_of(task).map(make).fold(0, u64::wrapping_add)
                    })
                };
                let tasks: Vec<_> = (0..this.tasks).map(task).collect();
                let sums: Vec<_> = tasks.into_iter().map(R::join).collect();
                let finish = Instant::now();
                end.set(finish);
                this.outcome(finish - begin, sums, R::join(victim.task))
            })
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        let mut opened = None;
        Ok(Box::new(move |contender, _time| {
            let calls = Arc::clone(opened.get_or_insert_with(|| Arc::new(Calls::open(this.tasks))));
            contender.run(async move {
                let end = End::default();
                let victim = victim::start_async::<R>(this.victim(&end)).await;
                let begin = Instant::now();
                let task = |task| {
                    let calls = Arc::clone(&calls);
                    R::spawn(async move {
                        let mut sum = 0u64;
                        for call in this.calls_of(task) {
                            let calls = Arc::clone(&calls);
                            sum = sum.wrapping_add(match call.kind {
                                Kind::Calculate => calls.make(task, call),
                                _ => R::block(move || calls.make(task, call)).await,
                            });
                        }
                        sum
                    })
                };
                let tasks: Vec<_> = (0..this.tasks).map(task).collect();
                let mut sums = Vec::with_capacity(tasks.len());
                for task in tasks {
                    sums.push(R::join(task).await);
                }
                let finish = Instant::now();
                end.set(finish);
                this.outcome(finish - begin, sums, R::join(victim.task).await)
            })
        }))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        let mut opened = None;
        Ok(Box::new(move |contender, _time| {
            let calls: &Calls = opened.get_or_insert_with(|| Calls::open(this.tasks));
            let lateness = Lateness::default();
            let sums: Vec<_> = (0..this.tasks).map(|_| AtomicU64::new(0)).collect();
            let last = Last { unfinished: AtomicUsize::new(this.tasks), end: End::default() };
            let begin = Instant::now();
            contender.scope_in_place(|scope| {
                victim::tick_into(scope, this.victim(&last.end), &lateness, |scope| {
                    for (task, sum) in sums.iter().enumerate() {
                        let last = &last;
                        scope.spawn(move || {
                            let _finished = Finished(last);
                            let made = this.calls_of(task).map(|call| calls.make(task, call));
                            sum.store(made.fold(0, u64::wrapping_add), Ordering::Relaxed);
                        });
                    }
                });
            });
            let finish = last.end.get().expect("the last task has set it");
            let sums = sums.into_iter().map(AtomicU64::into_inner).collect();
            this.outcome(finish - begin, sums, lateness.into_ns())
        }))
    }
}

impl BlockingIo {
    fn victim(&self, end: &End) -> Victim {
        Victim { tick: self.tick, ticks: None, end: end.clone() }
    }

    /// The calls of one task, in order.
    fn calls_of(self, task: usize) -> impl Iterator<Item = Call> + Send {
        let first = task as u64 * self.calls;
        (first..first + self.calls).map(move |number| Call { kind: self.kind_of(number), number })
    }

    /// Of every hundred calls `share_percent` block, as evenly spread as whole numbers allow.
    fn kind_of(self, number: u64) -> Kind {
        let blocking_before = |number| number * self.share_percent / 100;
        let nth = blocking_before(number);
        if blocking_before(number + 1) == nth {
            Kind::Calculate
        } else if nth % CALLS_A_FILE == 0 {
            Kind::File
        } else if nth % 2 == 0 {
            Kind::Sleep
        } else {
            Kind::Pipe
        }
    }

    /// `sums` are those of the tasks.
    fn outcome(self, wall: Duration, sums: Vec<u64>, lateness_ns: Vec<u64>) -> Outcome {
        let ops = self.tasks as u64 * self.calls;
        Outcome {
            ops,
            wall,
            answer: answer(ops, sums.into_iter()),
            samples: vec![(SampleKind::Wake, lateness_ns)],
            bytes: None,
        }
    }
}

fn answer(calls: u64, values: impl Iterator<Item = u64>) -> String {
    format!("{calls} calls, sum {:016x}", values.fold(0, u64::wrapping_add))
}

/// Knows which of the fork-join tasks is the last.
struct Last {
    unfinished: AtomicUsize,
    end: End,
}

/// Held by a task while it runs. Counts also when a call panics: the clock waits for the end, and the panic for the
/// clock.
struct Finished<'a>(&'a Last);

impl Drop for Finished<'_> {
    fn drop(&mut self) {
        if self.0.unfinished.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.end.set(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::resolve;

    fn workload(given: &[(&str, u64)]) -> BlockingIo {
        let given = given.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
        BlockingIo::new(&resolve(&BlockingIo::INFO, &given).unwrap())
    }

    fn count(workload: BlockingIo, kind: Kind) -> usize {
        (0..workload.tasks).flat_map(|task| workload.calls_of(task)).filter(|call| call.kind == kind).count()
    }

    #[test]
    fn by_default_sleeps_and_pipes_are_even_and_files_rare() {
        let default = workload(&[]);
        let counts = [Kind::Sleep, Kind::Pipe, Kind::File, Kind::Calculate].map(|kind| count(default, kind));
        assert_eq!(counts, [503, 504, 17, 0]);
    }

    #[test]
    fn the_share_decides_how_many_calls_block() {
        for share in [0, 1, 33, 80, 99] {
            let some = workload(&[("tasks", 10), ("calls", 10), ("share_percent", share)]);
            assert_eq!(count(some, Kind::Calculate), 100 - share as usize);
        }
    }

    #[test]
    fn a_call_that_was_not_made_is_noticed() {
        let one = workload(&[("tasks", 1), ("calls", 3)]);
        let values: Vec<_> = one.calls_of(0).map(Call::value).collect();
        let answer = |sum| one.outcome(Duration::from_millis(1), vec![sum], Vec::new()).answer;
        assert_eq!(answer(values.iter().fold(0, |sum, value| sum.wrapping_add(*value))), one.expected(3));
        assert_ne!(answer(values[0].wrapping_add(values[1])), one.expected(3));
    }
}
