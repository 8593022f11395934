//! `spawn_join`: tasks are born, return a number and end, in four patterns.
//!
//! What it shows, what to expect and whose it is: see [`SpawnJoin::INFO`](Workload::INFO), which the report prints.
//!
//! | `mode` | what is timed |
//! | --- | --- |
//! | 0, one at a time | a task starts another and joins it, again and again; how often it looks at the clock is decided by [`Pace`] |
//! | 1, batch | a task starts `batch` others, then joins them all |
//! | 2, chained | each of `batch` tasks starts the next one and ends; the last tells the main task through a channel. From the first start to that message; all are joined after it |
//! | 3, from outside | a thread that is none of the scheduler's starts `batch` tasks, then a task inside joins them all |
//!
//! The last three are repeated until the time of the slice is over. Fork-join pools have no handles: one at a time is a `join` of nothing and the task
//! (the closure that others may take); a batch is a scope that is opened on a worker, and one from outside a scope on the caller's thread; each task
//! stores its number in a place of its own.
//!
//! Task n of a slice returns n. The answer is the sum of what was returned.

use std::{
    hint::black_box,
    ops::Range,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking, ForkJoin, Model, fork_join::ScopeSpawn};

use crate::{
    fit,
    pace::Pace,
    params::{ParamSpec, Params, WORKERS},
    passes::{timed, timed_async},
    workload::{Body, Info, Metric, NotApplicable, Outcome, Takes, Workload},
};

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct SpawnJoin {
    mode: Mode,
    batch: u64,
}

#[derive(Clone, Copy)]
enum Mode {
    OneAtATime,
    Batch,
    Chained,
    FromOutside,
}

impl Workload for SpawnJoin {
    const INFO: Info = Info {
        name: "spawn_join",
        title: "Spawn and join",
        op: "task",
        model: Model::Blocking,
        metric: Metric::TimePerOp,
        shows: "What a task costs that does nothing: to make it, to queue it, to run it, and to wait for it. One at a \
                time everything is warm and the starter waits each time; a batch shows what it costs that many are alive; a chain that \
                the next is always the newest; from outside, the shared queue.",
        expect: "100 to 1000 ns in user space, 10 to 50 us for a thread. Who keeps stacks or task cells of the dead for the \
                 next does best one at a time; in batches the queue and the first touch of memory decide. On two workers a pair that \
                 hands over a task at a time can only lose by sharing: who wakes the other worker for each pays a hundredfold.",
        origin: "Go's BenchmarkCreateGoroutines and its kin; tokio's spawn_many and chained_spawn; async-executor's benches.",
        params: &[
            ParamSpec {
                name: "mode",
                about: "0: one at a time; 1: a batch; 2: each starts the next; 3: a batch from outside",
                min: 0,
                max: 3,
                default: 0,
            },
            ParamSpec {
                name: "batch",
                about: "tasks of a batch or chain; no meaning one at a time",
                min: 1,
                max: 1_000_000,
                default: 1_000,
            },
            WORKERS,
        ],
        variants: &[&[("workers", 1)]],
        full: &[
            &[("mode", 1)],
            &[("mode", 2)],
            &[("mode", 3)],
            &[("mode", 1), ("batch", 100_000)],
            &[("mode", 2), ("batch", 100_000)],
            &[("mode", 3), ("batch", 100_000)],
        ],
        floor: false,
        item_ms: 0,
        round_factor: 1,
        takes: &[
            Takes { of: &[("mode", 0)], timed_ms: 10, untimed_ms: 0 },
            Takes { of: &[], timed_ms: 26, untimed_ms: 2 },
        ],
    };

    fn new(params: &Params) -> Self {
        let mode = match params["mode"] {
            0 => Mode::OneAtATime,
            1 => Mode::Batch,
            2 => Mode::Chained,
            _ => Mode::FromOutside,
        };
        SpawnJoin { mode, batch: params["batch"] }
    }

    fn expected(&self, ops: u64) -> String {
        // One of the two factors is even.
        let (even, odd) = if ops.is_multiple_of(2) { (ops, ops.wrapping_sub(1)) } else { (ops - 1, ops) };
        (even / 2).wrapping_mul(odd).to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        fit::tasks(R::LIMITS, self.alive())?;
        let (mode, batch) = (self.mode, self.batch);
        let mut pace = Pace::new();
        Ok(Box::new(move |contender, time| match mode {
            Mode::OneAtATime => {
                let turn = contender.run(move || one_at_a_time::<R>(Turn::begin(pace), time));
                turn.end(&mut pace)
            }
            Mode::Batch => batch_after_batch(time, batch, |numbers| {
                contender.run(move || {
                    timed(|| {
                        let tasks: Vec<_> = numbers.map(|n| R::spawn(move || n)).collect();
                        sum(tasks.into_iter().map(R::join))
                    })
                })
            }),
            Mode::Chained => batch_after_batch(time, batch, |numbers| contender.run(move || chain::<R>(numbers))),
            Mode::FromOutside => batch_after_batch(time, batch, |numbers| {
                timed(|| {
                    let tasks: Vec<_> = numbers.map(|n| contender.spawn_from_outside(move || n)).collect();
                    contender.run(move || sum(tasks.into_iter().map(R::join)))
                })
            }),
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        fit::tasks(R::LIMITS, self.alive())?;
        let (mode, batch) = (self.mode, self.batch);
        let mut pace = Pace::new();
        Ok(Box::new(move |contender, time| match mode {
            Mode::OneAtATime => {
                let turn = contender.run(one_at_a_time_async::<R>(pace, time));
                turn.end(&mut pace)
            }
            Mode::Batch => batch_after_batch(time, batch, |numbers| {
                contender.run(timed_async(async move {
                    let tasks: Vec<_> = numbers.map(|n| R::spawn(async move { n })).collect();
                    join_all::<R>(tasks).await
                }))
            }),
            Mode::Chained => batch_after_batch(time, batch, |numbers| contender.run(chain_async::<R>(numbers))),
            Mode::FromOutside => batch_after_batch(time, batch, |numbers| {
                timed(|| {
                    let tasks: Vec<_> = numbers.map(|n| contender.spawn_from_outside(async move { n })).collect();
                    contender.run(join_all::<R>(tasks))
                })
            }),
        }))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        let (mode, batch) = (self.mode, self.batch);
        if matches!(mode, Mode::Chained) {
            let reason = "a task of a fork-join pool waits for what it forks: it does not end before its successor";
            return Err(NotApplicable(reason.to_owned()));
        }
        let mut pace = Pace::new();
        Ok(Box::new(move |contender, time| match mode {
            Mode::OneAtATime => {
                let turn = contender.run(|| one_join_at_a_time::<R>(Turn::begin(pace), time));
                turn.end(&mut pace)
            }
            Mode::FromOutside => batch_after_batch(time, batch, |numbers| scope(contender, numbers)),
            Mode::Batch | Mode::Chained => {
                batch_after_batch(time, batch, |numbers| contender.run(|| scope(contender, numbers)))
            }
        }))
    }
}

impl SpawnJoin {
    /// How many tasks may be alive at once.
    fn alive(&self) -> usize {
        match self.mode {
            Mode::OneAtATime => 1,
            Mode::Batch | Mode::Chained | Mode::FromOutside => usize::try_from(self.batch).unwrap_or(usize::MAX),
        }
    }
}

fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::wrapping_add)
}

async fn join_all<R: Async>(tasks: Vec<R::JoinHandle<u64>>) -> u64 {
    let mut sum = 0u64;
    for task in tasks {
        sum = sum.wrapping_add(R::join(task).await);
    }
    sum
}

/// Batches until `time` is up, at least one. `run` gives the sum of what the tasks with these numbers returned, and how long that took.
fn batch_after_batch(time: Duration, batch: u64, mut run: impl FnMut(Range<u64>) -> (Duration, u64)) -> Outcome {
    let (mut wall, mut ops, mut sum) = (Duration::ZERO, 0, 0u64);
    loop {
        let (took, returned) = run(ops..ops + batch);
        wall += took;
        ops += batch;
        sum = sum.wrapping_add(returned);
        if wall >= time {
            return Outcome { ops, wall, answer: sum.to_string(), samples: Vec::new(), bytes: None };
        }
    }
}

/// A slice of tasks one at a time.
struct Turn {
    begin: Instant,
    end: Instant,
    tasks: u64,
    sum: u64,
    pace: Pace,
}

impl Turn {
    fn begin(pace: Pace) -> Self {
        let begin = Instant::now();
        Turn { begin, end: begin, tasks: 0, sum: 0, pace }
    }

    #[inline]
    fn returned(&mut self, number: u64) {
        self.tasks += 1;
        self.sum = self.sum.wrapping_add(number);
    }

    /// A batch has ended. Whether there is `time` for another.
    fn look(&mut self, time: Duration) -> bool {
        let now = Instant::now();
        self.pace.took(now - self.end);
        self.end = now;
        now - self.begin < time
    }

    fn end(self, pace: &mut Pace) -> Outcome {
        *pace = self.pace;
        Outcome {
            ops: self.tasks,
            wall: self.end - self.begin,
            answer: self.sum.to_string(),
            samples: Vec::new(),
            bytes: None,
        }
    }
}

fn one_at_a_time<R: Blocking>(mut turn: Turn, time: Duration) -> Turn {
    loop {
        for _ in 0..turn.pace.batch() {
            let number = turn.tasks;
            turn.returned(R::join(R::spawn(move || number)));
        }
        if !turn.look(time) {
            return turn;
        }
    }
}

async fn one_at_a_time_async<R: Async>(pace: Pace, time: Duration) -> Turn {
    let mut turn = Turn::begin(pace);
    loop {
        for _ in 0..turn.pace.batch() {
            let number = turn.tasks;
            turn.returned(R::join(R::spawn(async move { number })).await);
        }
        if !turn.look(time) {
            return turn;
        }
    }
}

fn one_join_at_a_time<R: ForkJoin>(mut turn: Turn, time: Duration) -> Turn {
    loop {
        for _ in 0..turn.pace.batch() {
            let number = turn.tasks;
            // Not to be known to the compiler, which might have no need to fork otherwise.
            let ((), number) = R::join(|| (), || black_box(number));
            turn.returned(number);
        }
        if !turn.look(time) {
            return turn;
        }
    }
}

/// A scope with a task for each of `numbers`; on the calling thread.
fn scope<R: ForkJoin>(contender: &R, numbers: Range<u64>) -> (Duration, u64) {
    let returned: Vec<_> = numbers.clone().map(|_| AtomicU64::new(0)).collect();
    let (wall, ()) = timed(|| {
        contender.scope_in_place(|scope| {
            for (number, place) in numbers.zip(&returned) {
                // Relaxed: the end of the scope orders it before the sum.
                scope.spawn(move || place.store(number, Relaxed));
            }
        });
    });
    (wall, sum(returned.into_iter().map(AtomicU64::into_inner)))
}

/// What a task of a chain returns: its number, and its successor to be joined.
struct Link<R: Blocking> {
    number: u64,
    next: Option<R::JoinHandle<Link<R>>>,
}

fn chain<R: Blocking>(numbers: Range<u64>) -> (Duration, u64) {
    let (end, has_ended) = R::channel(1);
    let (wall, first) = timed(|| {
        let first = R::spawn(move || link::<R>(numbers, end));
        R::recv(&has_ended).expect(LAST_TELLS);
        first
    });
    let (mut sum, mut next) = (0u64, Some(first));
    while let Some(task) = next {
        let link = R::join(task);
        sum = sum.wrapping_add(link.number);
        next = link.next;
    }
    (wall, sum)
}

/// The first task of a chain with these numbers.
fn link<R: Blocking>(numbers: Range<u64>, end: R::Sender<()>) -> Link<R> {
    let Range { start: number, end: beyond } = numbers;
    if number + 1 == beyond {
        R::send(&end, ()).expect(MAIN_WAITS);
        return Link { number, next: None };
    }
    Link { number, next: Some(R::spawn(move || link::<R>(number + 1..beyond, end))) }
}

/// [`Link`] for futures.
struct AsyncLink<R: Async> {
    number: u64,
    next: Option<R::JoinHandle<AsyncLink<R>>>,
}

async fn chain_async<R: Async>(numbers: Range<u64>) -> (Duration, u64) {
    let (end, mut has_ended) = R::channel(1);
    let (wall, first) = timed_async(async {
        let first = R::spawn(link_async::<R>(numbers, end));
        R::recv(&mut has_ended).await.expect(LAST_TELLS);
        first
    })
    .await;
    let (mut sum, mut next) = (0u64, Some(first));
    while let Some(task) = next {
        let link = R::join(task).await;
        sum = sum.wrapping_add(link.number);
        next = link.next;
    }
    (wall, sum)
}

fn link_async<R: Async>(numbers: Range<u64>, end: R::Sender<()>) -> Pin<Box<dyn Future<Output = AsyncLink<R>> + Send>> {
    Box::pin(async move {
        let Range { start: number, end: beyond } = numbers;
        if number + 1 == beyond {
            R::send(&end, ()).await.expect(MAIN_WAITS);
            return AsyncLink { number, next: None };
        }
        AsyncLink { number, next: Some(R::spawn(link_async::<R>(number + 1..beyond, end))) }
    })
}

const LAST_TELLS: &str = "the last task of a chain always tells";
const MAIN_WAITS: &str = "the main task waits for this";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::resolve;

    fn expected(ops: u64) -> String {
        SpawnJoin::new(&resolve(&SpawnJoin::INFO, &Params::new()).unwrap()).expected(ops)
    }

    #[test]
    fn batches_go_on_numbering() {
        let mut batches = Vec::new();
        let outcome = batch_after_batch(Duration::from_millis(3), 4, |numbers| {
            batches.push(numbers.clone());
            (Duration::from_millis(1), numbers.sum())
        });
        assert_eq!(batches, [0..4, 4..8, 8..12]);
        assert_eq!((outcome.ops, outcome.wall), (12, Duration::from_millis(3)));
        assert_eq!((outcome.answer, expected(12)), ("66".to_owned(), "66".to_owned()));
    }

    #[test]
    fn a_task_that_was_lost_or_run_twice_is_noticed() {
        let answer = |numbers: &[u64]| {
            let mut turn = Turn::begin(Pace::new());
            numbers.iter().for_each(|number| turn.returned(*number));
            turn.end(&mut Pace::new())
        };
        for (numbers, is_right) in [(&[0, 1, 2, 3], true), (&[0, 1, 2, 2], false), (&[0, 1, 3, 3], false)] {
            let outcome = answer(numbers);
            assert_eq!(outcome.answer == expected(outcome.ops), is_right, "{numbers:?}");
        }
    }

    #[test]
    fn the_sum_of_any_number_of_tasks_is_known() {
        assert_eq!([0, 1, 2, 5, 1_000_000].map(expected), ["0", "0", "1", "10", "499999500000"]);
    }
}
