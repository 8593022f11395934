//! `parked_tasks`: very many tasks that wait, and are all woken at once.
//!
//! What it shows, what to expect and whose it is: see [`ParkedTasks::INFO`](Workload::INFO), which the report prints.
//!
//! A slice is one item: tasks are started, arrive at a latch and wait there; it is opened, and each tells that it runs. The time is from just before the latch
//! is opened until the last of them runs.
//!
//! **Memory** is measured in the first item of a process only, which is its warm-up: there the tasks are started in eight steps of an eighth
//! of them, and after each step, when all of it have arrived, the process's [memory] is read. The slope of the eight readings over the number of tasks, by least
//! squares, is what a task takes; what there is once (threads, queues as they grow at first, the first step's surprises) is
//! the line's height and not in its slope. Later items find the stacks and cells that the first one left, so they would see nothing grow: they
//! start their tasks in one step, and give the first item's slope again. So a round has one figure, and rounds are processes of their own.
//!
//! What the workload itself keeps for a task, a place for its handle, is touched before the first reading. The task holds two pointers: the latch
//! and the counters.
//!
//! The operation is a task. The answer is how many of them woke up after the latch had been opened.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    fit, memory,
    params::{ParamSpec, Params, WORKERS},
    workload::{Body, Info, Metric, NotApplicable, Outcome, Takes, Workload},
};

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct ParkedTasks {
    tasks: usize,
}

/// How many readings the slope is taken from. Untuned.
const STEPS: usize = 8;

/// How long the main task sleeps before it looks again whether all have arrived, and once more after they have: from arriving it is
/// still some steps to waiting. Untuned; it is no part of the time.
const SETTLE: Duration = Duration::from_millis(1);

impl Workload for ParkedTasks {
    const INFO: Info = Info {
        name: "parked_tasks",
        title: "Parked tasks",
        op: "task",
        model: Model::Blocking,
        metric: Metric::BytesPerOp,
        shows: "How much memory a task takes that does nothing but wait (pages and the tables that map them), and, as time by \
                operation, how long it takes to wake all of them.",
        expect: "A future takes what it holds and a header, 200 to 400 bytes. A stack takes at least the page that it is on, 4 KiB, \
                 and an eighth of a kilobyte of tables; Go copies its stacks and begins with 2 KiB. A thread's stack is two or three pages; \
                 what the kernel keeps for a thread (16 KiB of stack and more) is not in the figure. Waking is a \
                 push on a queue, or, for threads, a system call or a trip through the kernel's scheduler.",
        origin: "jimblandy's context-switch; the \"million tasks\" comparisons.",
        params: &[
            ParamSpec { name: "tasks", about: "tasks that wait", min: STEPS as u64, max: 10_000_000, default: 10_000 },
            WORKERS,
        ],
        variants: &[&[("workers", 1)]],
        full: &[&[("tasks", 100_000)], &[("tasks", 1_000_000)]],
        floor: false,
        item_ms: 20,
        round_factor: 1,
        takes: &[
            Takes { of: &[("tasks", 1_000_000)], timed_ms: 480, untimed_ms: 1_090 },
            Takes { of: &[("tasks", 100_000)], timed_ms: 43, untimed_ms: 52 },
            Takes { of: &[], timed_ms: 46, untimed_ms: 110 },
        ],
    };

    fn new(params: &Params) -> Self {
        ParkedTasks { tasks: usize::try_from(params["tasks"]).expect("the range allows 10,000,000") }
    }

    fn expected(&self, ops: u64) -> String {
        ops.to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let tasks = self.tasks;
        fit::tasks(R::LIMITS, tasks)?;
        let mut first = None;
        Ok(Box::new(move |contender, _time| {
            let steps = if first.is_none() { STEPS } else { 1 };
            let awake = contender.run(move || wake_blocking::<R>(tasks, steps));
            outcome(tasks, awake, &mut first)
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let tasks = self.tasks;
        fit::tasks(R::LIMITS, tasks)?;
        let mut first = None;
        Ok(Box::new(move |contender, _time| {
            let steps = if first.is_none() { STEPS } else { 1 };
            let awake = contender.run(wake_async::<R>(tasks, steps));
            outcome(tasks, awake, &mut first)
        }))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        Err(NotApplicable("a task of a fork-join pool cannot wait without blocking its worker".to_owned()))
    }
}

/// What the tasks of an item share. Relaxed: only counts pass through it, and the joins order them.
#[derive(Default)]
struct Lot {
    arrived: AtomicUsize,
    is_open: AtomicBool,
    awake: AtomicUsize,
    all_awake: OnceLock<Instant>,
}

impl Lot {
    fn arrive(&self) {
        self.arrived.fetch_add(1, Relaxed);
    }

    /// A task is past the latch, the last of `tasks` perhaps. Whether it was let through rightly.
    fn wake(&self, tasks: usize) -> bool {
        if self.awake.fetch_add(1, Relaxed) + 1 == tasks {
            self.all_awake.get_or_init(Instant::now);
        }
        // The flag was set before the latch was opened, and passing the latch orders that before this.
        self.is_open.load(Relaxed)
    }

    /// Called just before the latch is opened.
    fn begin(&self) -> Instant {
        self.is_open.store(true, Relaxed);
        Instant::now()
    }

    fn wall_since(&self, begin: Instant) -> Duration {
        *self.all_awake.get().expect("all tasks have been joined") - begin
    }
}

/// What an item gave.
struct Awake {
    wall: Duration,
    /// The tasks that were let through rightly.
    rightly: u64,
    /// The process's memory, in bytes, at so many tasks.
    readings: Option<Vec<(u64, u64)>>,
}

/// `first` is what the first item of the process said of the memory of a task: nothing, if it could not be measured.
fn outcome(tasks: usize, awake: Awake, first: &mut Option<Option<f64>>) -> Outcome {
    let slope = || awake.readings.as_deref().and_then(memory::slope);
    let bytes_per_task = *first.get_or_insert_with(slope);
    Outcome {
        ops: tasks as u64,
        wall: awake.wall,
        answer: awake.rightly.to_string(),
        samples: Vec::new(),
        // Where others had the memory before, nothing grows, or less than is given back.
        bytes: bytes_per_task.map(|bytes| (bytes.max(0.0) * tasks as f64).round() as u64),
    }
}

/// A place for the handle of each task, in memory that has been touched.
fn places<H>(tasks: usize) -> Vec<Option<H>> {
    (0..tasks).map(|_| None).collect()
}

fn wake_blocking<R: Blocking>(tasks: usize, steps: usize) -> Awake {
    let (lot, latch) = (Arc::<Lot>::default(), R::latch());
    let mut handles = places(tasks);
    let mut readings = Some(Vec::with_capacity(steps));
    for step in 0..steps {
        let (from, to) = (tasks * step / steps, tasks * (step + 1) / steps);
        for handle in &mut handles[from..to] {
            let (lot, latch) = (Arc::clone(&lot), latch.clone());
            *handle = Some(R::spawn(move || {
                lot.arrive();
                R::pass(&latch);
                lot.wake(tasks)
            }));
        }
        while lot.arrived.load(Relaxed) < to {
            R::sleep(SETTLE);
        }
        R::sleep(SETTLE);
        read(&mut readings, to);
    }
    let begin = lot.begin();
    R::open(&latch);
    let rightly = handles.into_iter().flatten().map(R::join).filter(|rightly| *rightly).count() as u64;
    Awake { wall: lot.wall_since(begin), rightly, readings }
}

async fn wake_async<R: Async>(tasks: usize, steps: usize) -> Awake {
    let (lot, latch) = (Arc::<Lot>::default(), R::latch());
    let mut handles = places(tasks);
    let mut readings = Some(Vec::with_capacity(steps));
    for step in 0..steps {
        let (from, to) = (tasks * step / steps, tasks * (step + 1) / steps);
        for handle in &mut handles[from..to] {
            let (lot, latch) = (Arc::clone(&lot), latch.clone());
            *handle = Some(R::spawn(async move {
                lot.arrive();
                R::pass(&latch).await;
                lot.wake(tasks)
            }));
        }
        while lot.arrived.load(Relaxed) < to {
            R::sleep(SETTLE).await;
        }
        R::sleep(SETTLE).await;
        read(&mut readings, to);
    }
    let begin = lot.begin();
    R::open(&latch);
    let mut rightly = 0;
    for handle in handles.into_iter().flatten() {
        rightly += u64::from(R::join(handle).await);
    }
    Awake { wall: lot.wall_since(begin), rightly, readings }
}

/// Adds a reading, with so many `tasks`; if the kernel does not say, there are none.
fn read(readings: &mut Option<Vec<(u64, u64)>>, tasks: usize) {
    match (readings.as_mut(), memory::resident_bytes()) {
        (Some(readings), Some(bytes)) => readings.push((tasks as u64, bytes)),
        _ => *readings = None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: usize = 1_000;

    fn awake(rightly: u64, bytes_per_task: Option<u64>) -> Awake {
        let line = |bytes| (1..=8).map(|step| (step * 125, 5_000_000 + step * 125 * bytes)).collect();
        Awake { wall: Duration::from_millis(1), rightly, readings: bytes_per_task.map(line) }
    }

    #[test]
    fn the_first_item_says_what_a_task_takes_and_later_ones_repeat_it() {
        let mut first = None;
        assert_eq!(outcome(TASKS, awake(1_000, Some(345)), &mut first).bytes, Some(345_000));
        assert_eq!(outcome(TASKS, awake(1_000, Some(1)), &mut first).bytes, Some(345_000));
    }

    #[test]
    fn without_a_sensor_there_is_no_figure_and_never_zero() {
        let mut first = None;
        assert_eq!(outcome(TASKS, awake(1_000, None), &mut first).bytes, None);
        assert_eq!(outcome(TASKS, awake(1_000, Some(345)), &mut first).bytes, None);
    }

    #[test]
    fn a_task_that_did_not_wait_is_noticed() {
        let lot = Lot::default();
        assert!(!lot.wake(2));
        let begin = lot.begin();
        assert!(lot.wake(2));
        assert!(lot.wall_since(begin) < Duration::from_secs(60));
        let outcome = outcome(TASKS, awake(999, None), &mut None);
        assert_ne!(outcome.answer, outcome.ops.to_string());
    }
}
