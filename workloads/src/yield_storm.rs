//! `yield_storm`: tasks that do nothing but let each other go first.
//!
//! What it shows, what to expect and whose it is: see [`YieldStorm::INFO`](Workload::INFO), which the report prints.
//!
//! All tasks are started and held at a latch, so that none yields while others are being made. They then yield until each of them has run once: from
//! there on, all are in the run queues. Now the first of them begins the measured part, yields until its time is over and ends it; how often it looks at
//! the clock is decided by [`Pace`]. The others look at the phase after each yield and count those that they began in the measured part.
//!
//! The time is the first task's, from its first yield to its last. In a queue that is served in turn, each other task then comes back exactly as often as
//! it is counted, even if there are just a few turns: one that it began before, and all that it began in the measured part but the last.
//!
//! The operations are the yields that the tasks return through their joins; the answer is a sum to which each task adds its own at its end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    fit,
    pace::Pace,
    params::{ParamSpec, Params, WORKERS},
    workload::{Body, Info, Metric, NotApplicable, Outcome, Takes, Workload},
};

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct YieldStorm {
    tasks: usize,
    workers: usize,
}

impl Workload for YieldStorm {
    const INFO: Info = Info {
        name: "yield_storm",
        title: "Yield storm",
        op: "yield",
        model: Model::Blocking,
        metric: Metric::TimePerOp,
        shows: "What it costs to switch from one task to another: into the run queue, out of it, and nothing else. With many \
                tasks, also what it costs that their stacks or futures do not stay in the caches.",
        expect: "A switch in user space is some 10 to 100 ns, one by the kernel a microsecond. Futures have no stack to switch and \
                 are polled from a loop, so they should win with many tasks. tokio looks for events at each yield of its own kind, \
                 which makes its two tasks dearer than its thousand. On two workers a queue of its own for each halves the time; a \
                 shared one makes it longer.",
        origin: "tokio's yield_many; sched_yield of perf bench and lmbench's lat_ctx.",
        params: &[ParamSpec { name: "tasks", about: "tasks that yield", min: 1, max: 100_000, default: 2 }, WORKERS],
        variants: &[&[("workers", 1)]],
        full: &[&[("tasks", 1_000)], &[("tasks", 10_000)]],
        floor: false,
        item_ms: 0,
        round_factor: 1,
        takes: &[
            Takes { of: &[("tasks", 10_000)], timed_ms: 23, untimed_ms: 308 },
            Takes { of: &[("tasks", 1_000)], timed_ms: 11, untimed_ms: 33 },
        ],
    };

    fn new(params: &Params) -> Self {
        let size = |name: &str| usize::try_from(params[name]).expect("the ranges of the parameters are small");
        YieldStorm { tasks: size("tasks"), workers: size("workers") }
    }

    fn expected(&self, ops: u64) -> String {
        ops.to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let tasks = self.tasks;
        fit::tasks(R::LIMITS, tasks)?;
        fit::yields(R::LIMITS, tasks, self.workers)?;
        let mut pace = Pace::new();
        Ok(Box::new(move |contender, time| {
            let (storm, window, counts) = contender.run(move || blocking_storm::<R>(tasks, time, pace));
            pace = window.pace;
            outcome(&storm, &window, &counts)
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let tasks = self.tasks;
        fit::tasks(R::LIMITS, tasks)?;
        let mut pace = Pace::new();
        Ok(Box::new(move |contender, time| {
            let (storm, window, counts) = contender.run(async_storm::<R>(tasks, time, pace));
            pace = window.pace;
            outcome(&storm, &window, &counts)
        }))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        Err(NotApplicable("a task of a fork-join pool runs to its end and does not make way for another".to_owned()))
    }
}

/// What the tasks of a storm share. All of it is relaxed: only counts pass through it, and the joins order those.
#[derive(Default)]
struct Storm {
    started: AtomicUsize,
    phase: AtomicU8,
    /// Each task adds its own count at its end.
    yields: AtomicU64,
}

/// Some have not run yet.
const GATHERING: u8 = 0;
/// Yields count.
const MEASURING: u8 = 1;
/// It is over.
const OVER: u8 = 2;

/// The first task's time, from the beginning of the measured part on.
struct Window {
    begin: Instant,
    end: Instant,
    yields: u64,
    pace: Pace,
}

impl Window {
    fn open(storm: &Storm, pace: Pace) -> Self {
        let begin = Instant::now();
        storm.phase.store(MEASURING, Relaxed);
        Window { begin, end: begin, yields: 0, pace }
    }

    /// A batch of yields has been made. Whether there is `time` for another.
    fn look(&mut self, time: Duration) -> bool {
        self.yields += self.pace.batch();
        let now = Instant::now();
        self.pace.took(now - self.end);
        self.end = now;
        now - self.begin < time
    }

    fn close(&self, storm: &Storm) {
        storm.phase.store(OVER, Relaxed);
        storm.yields.fetch_add(self.yields, Relaxed);
    }
}

/// `counts` are those of the tasks but the first.
fn outcome(storm: &Storm, window: &Window, counts: &[u64]) -> Outcome {
    Outcome {
        ops: window.yields + counts.iter().sum::<u64>(),
        wall: window.end - window.begin,
        answer: storm.yields.load(Relaxed).to_string(),
        samples: Vec::new(),
        bytes: None,
    }
}

fn blocking_storm<R: Blocking>(tasks: usize, time: Duration, pace: Pace) -> (Arc<Storm>, Window, Vec<u64>) {
    let (storm, latch) = (Arc::<Storm>::default(), R::latch());
    let first = {
        let (storm, latch) = (Arc::clone(&storm), latch.clone());
        R::spawn(move || {
            R::pass(&latch);
            storm.started.fetch_add(1, Relaxed);
            while storm.started.load(Relaxed) < tasks {
                R::yield_now();
            }
            let mut window = Window::open(&storm, pace);
            loop {
                for _ in 0..window.pace.batch() {
                    R::yield_now();
                }
                if !window.look(time) {
                    break;
                }
            }
            window.close(&storm);
            window
        })
    };
    let other = |_| {
        let (storm, latch) = (Arc::clone(&storm), latch.clone());
        R::spawn(move || {
            R::pass(&latch);
            storm.started.fetch_add(1, Relaxed);
            while storm.phase.load(Relaxed) == GATHERING {
                R::yield_now();
            }
            let mut yields = 0;
            while storm.phase.load(Relaxed) == MEASURING {
                R::yield_now();
                yields += 1;
            }
            storm.yields.fetch_add(yields, Relaxed);
            yields
        })
    };
    let others: Vec<_> = (1..tasks).map(other).collect();
    R::open(&latch);
    let window = R::join(first);
    let counts = others.into_iter().map(R::join).collect();
    (storm, window, counts)
}

async fn async_storm<R: Async>(tasks: usize, time: Duration, pace: Pace) -> (Arc<Storm>, Window, Vec<u64>) {
    let (storm, latch) = (Arc::<Storm>::default(), R::latch());
    let first = {
        let (storm, latch) = (Arc::clone(&storm), latch.clone());
        R::spawn(async move {
            R::pass(&latch).await;
            storm.started.fetch_add(1, Relaxed);
            while storm.started.load(Relaxed) < tasks {
                R::yield_now().await;
            }
            let mut window = Window::open(&storm, pace);
            loop {
                for _ in 0..window.pace.batch() {
                    R::yield_now().await;
                }
                if !window.look(time) {
                    break;
                }
            }
            window.close(&storm);
            window
        })
    };
    let other = |_| {
        let (storm, latch) = (Arc::clone(&storm), latch.clone());
        R::spawn(async move {
            R::pass(&latch).await;
            storm.started.fetch_add(1, Relaxed);
            while storm.phase.load(Relaxed) == GATHERING {
                R::yield_now().await;
            }
            let mut yields = 0;
            while storm.phase.load(Relaxed) == MEASURING {
                R::yield_now().await;
                yields += 1;
            }
            storm.yields.fetch_add(yields, Relaxed);
            yields
        })
    };
    let others: Vec<_> = (1..tasks).map(other).collect();
    R::open(&latch);
    let window = R::join(first).await;
    let mut counts = Vec::with_capacity(others.len());
    for task in others {
        counts.push(R::join(task).await);
    }
    (storm, window, counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(60);

    #[test]
    fn a_count_that_is_lost_or_added_twice_is_noticed() {
        let storm = Storm::default();
        let mut window = Window::open(&storm, Pace::new());
        assert!(window.look(TIME) && !window.look(Duration::ZERO));
        window.close(&storm);
        storm.yields.fetch_add(5, Relaxed);
        let outcome = |counts| outcome(&storm, &window, counts);
        assert_eq!(outcome(&[2, 3]).answer, outcome(&[2, 3]).ops.to_string());
        for wrong in [&[2][..], &[2, 3, 3], &[]] {
            assert_ne!(outcome(wrong).answer, outcome(wrong).ops.to_string());
        }
    }

    #[test]
    fn the_window_counts_the_batches_that_were_made() {
        let storm = Storm::default();
        let mut window = Window::open(&storm, Pace::new());
        let mut yields = 0;
        for _ in 0..5 {
            yields += window.pace.batch();
            window.look(TIME);
        }
        assert_eq!((window.yields, storm.phase.load(Relaxed)), (yields, MEASURING));
    }
}
