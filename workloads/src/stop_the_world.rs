//! `stop_the_world`: a task stops all others, again and again, as a collector would; how long is the pause?
//!
//! What it shows, what to expect and whose it is: see [`StopTheWorld::INFO`](Workload::INFO), which the report prints.
//!
//! Beside the task that stops there are three kinds: some that *spin* (a microsecond of arithmetic, count, yield, and
//! again), some that are *blocked* (they receive from a channel into which nobody sends), and some *in calls* (a
//! blocking read of a pipe that is answered 200 us after it was asked, and again). Between two pauses the main task
//! sleeps for 100 us, so that the world is in full run when it is stopped.
//!
//! A sample is the length of a pause: from the call to the world standing still, and from there to the world running
//! again. What is done in between is not in it, which is the check: it looks at the spinners' counts, calculates for
//! 10 us, and looks again. A spinner that was stopped in the middle of its microsecond may run on to its next call into
//! the scheduler, where it is held; it has counted once more by then. Whoever counted twice was not stopped. The
//! operations are the pauses; the answer is the number of those in which everybody stood still.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking, ForkJoin, Model, blocking};

use crate::{
    arithmetic::{steps_in, walk},
    blocking_calls::{Call, Calls, Kind},
    fit,
    params::{ParamSpec, Params, WORKERS},
    start_line::{cross_blocking, draw_blocking, start_blocking},
    workload::{Body, Info, Metric, NotApplicable, Outcome, SampleKind, Takes, Workload, nanoseconds},
};

/// Between two pauses.
const RUN: Duration = Duration::from_micros(100);
/// What a spinner calculates between two calls into the scheduler.
const SPIN: Duration = Duration::from_micros(1);
/// How long the spinners are watched during a pause: one that is not stopped counts ten times in it on a core of its own.
const STAND: Duration = Duration::from_micros(10);

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct StopTheWorld {
    spinning: usize,
    blocked: usize,
    in_calls: usize,
}

impl Workload for StopTheWorld {
    const INFO: Info = Info {
        name: "stop_the_world",
        title: "Stop the world",
        op: "pause",
        model: Model::Blocking,
        metric: Metric::MeanOf(SampleKind::Wake),
        shows: "How long all tasks stand still when one of them asks for it, while some run, some are blocked and some \
                are in blocking calls: the pause that a garbage collector, or a change of the number of workers, \
                costs.",
        expect: "Tasks that are blocked or in a call have no worker and cost nothing. Those that run are asked to \
                 stop, and are there at their next call or at the next look at the clock: microseconds, if each has \
                 a core; where they are more than the cores, the kernel must first let them run. gmp takes the P of \
                 a task that calculates without waiting for it, and holds it at its next call; Go stops it by a \
                 signal wherever it is, which is more, and takes longer.",
        origin: "The pauses of Go's collector, and its BenchmarkReadMemStatsLatency.",
        params: &[
            ParamSpec { name: "spinning", about: "tasks that run", min: 0, max: 256, default: 2 },
            ParamSpec { name: "blocked", about: "tasks that wait for a message", min: 0, max: 100_000, default: 100 },
            ParamSpec { name: "in_calls", about: "tasks that make blocking calls", min: 0, max: 256, default: 2 },
            WORKERS,
        ],
        variants: &[&[("workers", 2)]],
        full: &[&[("blocked", 10_000)]],
        floor: false,
        item_ms: 0,
        // Some 60 pauses in 10 ms: 2 x 8 rounds of 500 ms are 48,000, enough for a p99.
        round_factor: 2,
        takes: &[Takes { of: &[("blocked", 10_000)], timed_ms: 18, untimed_ms: 15 }],
    };

    fn new(params: &Params) -> Self {
        let size = |name: &str| usize::try_from(params[name]).expect("the ranges of the parameters are small");
        StopTheWorld { spinning: size("spinning"), blocked: size("blocked"), in_calls: size("in_calls") }
    }

    fn expected(&self, ops: u64) -> String {
        ops.to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        let stop = R::STOP_THE_WORLD.ok_or_else(cannot_stop)?;
        fit::tasks(R::LIMITS, this.blocked)?;
        let mut opened = None;
        Ok(Box::new(move |contender, time| {
            let calls = Arc::clone(opened.get_or_insert_with(|| Arc::new(Calls::open(this.in_calls))));
            let [spin, stand] = [SPIN, STAND].map(steps_in);
            contender.run(move || {
                let beside = Beside::<R>::start(this, &calls, spin);
                let (pauses, wall) = stop_for::<R>(time, stop, &beside.counts, stand);
                beside.end();
                outcome(&pauses, wall)
            })
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        Err(cannot_stop())
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        Err(cannot_stop())
    }
}

fn cannot_stop() -> NotApplicable {
    NotApplicable("it has no way to stop all of its tasks at once".to_owned())
}

/// How often a spinner was about to call the scheduler; two of them in one cache line would disturb each other.
#[derive(Default)]
#[repr(align(64))]
struct Count(AtomicU64);

/// The tasks beside the one that stops.
struct Beside<R: Blocking> {
    counts: Arc<[Count]>,
    over: Arc<AtomicBool>,
    /// What the blocked ones wait for the end of.
    silent: Vec<R::Sender<()>>,
    tasks: Vec<R::JoinHandle<()>>,
}

impl<R: Blocking> Beside<R> {
    /// When it returns, every one of them has been started.
    fn start(this: StopTheWorld, calls: &Arc<Calls>, spin: u64) -> Self {
        let StopTheWorld { spinning, blocked, in_calls } = this;
        // None of them looks at the clock: the main task does.
        let starter = draw_blocking::<R>(spinning + blocked + in_calls, 1, Duration::ZERO);
        let counts: Arc<[Count]> = (0..spinning).map(|_| Count::default()).collect();
        let over = Arc::new(AtomicBool::new(false));
        let (mut silent, mut tasks) = (Vec::with_capacity(blocked), Vec::with_capacity(spinning + blocked + in_calls));
        for _ in 0..blocked {
            let (sender, receiver) = R::channel::<()>(1);
            let line = starter.line.clone();
            silent.push(sender);
            tasks.push(R::spawn(move || {
                cross_blocking::<R>(line);
                assert!(R::recv(&receiver).is_err(), "nobody sends");
            }));
        }
        for task in 0..in_calls {
            let (line, over, calls) = (starter.line.clone(), Arc::clone(&over), Arc::clone(calls));
            tasks.push(R::spawn(move || {
                cross_blocking::<R>(line);
                // Relaxed: it only has to come at last.
                for number in (0..).take_while(|_| !over.load(Relaxed)) {
                    let call = Call { kind: Kind::Pipe, number };
                    assert_eq!(R::block_in_place(|| calls.make(task, call)), call.value(), "a call was not made");
                }
            }));
        }
        for spinner in 0..spinning {
            let (line, over, counts) = (starter.line.clone(), Arc::clone(&over), Arc::clone(&counts));
            tasks.push(R::spawn(move || {
                cross_blocking::<R>(line);
                while !over.load(Relaxed) {
                    walk(spinner as u64, spin);
                    // Relaxed: only the order of one counter's own values matters.
                    counts[spinner].0.fetch_add(1, Relaxed);
                    R::yield_now();
                }
            }));
        }
        start_blocking::<R>(starter);
        Beside { counts, over, silent, tasks }
    }

    fn end(self) {
        self.over.store(true, Relaxed);
        drop(self.silent);
        self.tasks.into_iter().for_each(R::join);
    }
}

/// One stop of the world.
struct Pause {
    length: Duration,
    /// Whether everybody stood still.
    held: bool,
}

/// Stops the world again and again, once at least, and tells how long that took altogether.
fn stop_for<R: Blocking>(
    time: Duration,
    stop: blocking::StopTheWorld,
    counts: &[Count],
    stand: u64,
) -> (Vec<Pause>, Duration) {
    let begin = Instant::now();
    let mut pauses = Vec::new();
    loop {
        R::sleep(RUN);
        let called = Instant::now();
        let mut stopped = None;
        stop(&mut || stopped = Some(watch(counts, || walk(0, stand))));
        let runs = Instant::now();
        let (from, to, held) = stopped.expect("it was called");
        pauses.push(Pause { length: (from - called) + (runs - to), held });
        let wall = runs - begin;
        if wall >= time {
            return (pauses, wall);
        }
    }
}

/// What is done while the world stands still: from when, until when, and whether it does.
fn watch(counts: &[Count], meanwhile: impl FnOnce() -> u64) -> (Instant, Instant, bool) {
    let from = Instant::now();
    let before: Vec<_> = counts.iter().map(|count| count.0.load(Relaxed)).collect();
    meanwhile();
    let held = counts.iter().zip(before).all(|(count, before)| count.0.load(Relaxed) - before <= 1);
    (from, Instant::now(), held)
}

fn outcome(pauses: &[Pause], wall: Duration) -> Outcome {
    Outcome {
        ops: pauses.len() as u64,
        wall,
        answer: pauses.iter().filter(|pause| pause.held).count().to_string(),
        samples: vec![(SampleKind::Wake, pauses.iter().map(|pause| nanoseconds(pause.length)).collect())],
        bytes: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spinner_that_goes_on_is_noticed_and_one_that_comes_to_its_call_is_not() {
        let counts = [Count::default(), Count::default()];
        let held = |steps: u64| watch(&counts, || counts[1].0.fetch_add(steps, Relaxed)).2;
        assert!(held(0) && held(1));
        assert!(!held(2));

        let pause = |held| Pause { length: Duration::from_nanos(5), held };
        let told = outcome(&[pause(true), pause(false), pause(true)], Duration::from_millis(1));
        assert_eq!((told.ops, told.answer.as_str()), (3, "2"));
        assert_eq!(told.samples, [(SampleKind::Wake, vec![5, 5, 5])]);
    }
}
