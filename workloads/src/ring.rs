//! `ring`: tasks in a circle, each of which waits for the one before it and passes on what it gets to the next.
//!
//! What it shows, what to expect and whose it is: see [`Ring::INFO`](Workload::INFO), which the report prints.
//!
//! What goes round is a number, the hops that it has made. The main task is one of the ring, and it alone looks at the
//! clock, after so many laps as [`Watch`] says; when the time is over it keeps what comes home. The timed part begins
//! after a lap that has shown that all are there, and ends when everything is home, so it is whole laps: at most one
//! more than there was time for, which for threads that wake each other from core to core may be 20 ms. A turn
//! is longer than the usual 10 ms, since starting so many threads takes longer than that.
//!
//! Every task counts what it receives, and the sum of that is the number of operations; the answer is the sum of what
//! the tokens say. No channel is ever full: each has room for all tokens.

use std::time::{Duration, Instant};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    fit,
    params::{ParamSpec, Params, WORKERS},
    watch::Watch,
    workload::{Body, Info, Metric, NotApplicable, Outcome, Takes, Workload},
};

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct Ring {
    tasks: usize,
    tokens: usize,
}

impl Workload for Ring {
    const INFO: Info = Info {
        name: "ring",
        title: "Ring",
        op: "hop",
        model: Model::Blocking,
        metric: Metric::TimePerOp,
        shows: "What it costs to wake one task of many that sleep: all but one of 503 wait, and the one that runs is \
                always the one that has waited longest.",
        expect: "A hop is half of a round trip of ping_pong, and what comes on top is memory: the stack and the \
                 channel of a task that has not run for 502 hops are not in the nearest cache. There is never \
                 anything to do for a second worker; whoever wakes one for it pays for nothing. Stackless tasks \
                 touch less memory than those with stacks.",
        origin: "The Computer Language Benchmarks Game's thread-ring (503 threads); Savina's thread ring.",
        params: &[
            ParamSpec { name: "tasks", about: "tasks in the ring", min: 2, max: 100_000, default: 503 },
            ParamSpec { name: "tokens", about: "numbers that go round at once", min: 1, max: 1_000, default: 1 },
            WORKERS,
        ],
        variants: &[&[("workers", 1)]],
        full: &[&[("tokens", 100)]],
        floor: false,
        // Starting 502 threads takes some 20 ms: of slices of 10 ms, that would be most.
        item_ms: 30,
        round_factor: 1,
        takes: &[
            Takes { of: &[("tokens", 100)], timed_ms: 43, untimed_ms: 14 },
            Takes { of: &[], timed_ms: 31, untimed_ms: 8 },
        ],
    };

    fn new(params: &Params) -> Self {
        let size = |name: &str| usize::try_from(params[name]).expect("the ranges of the parameters are small");
        Ring { tasks: size("tasks"), tokens: size("tokens") }
    }

    fn expected(&self, ops: u64) -> String {
        ops.to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        fit::tasks(R::LIMITS, this.tasks)?;
        Ok(Box::new(move |contender, time| contender.run(move || this.blocking_slice::<R>(time))))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        fit::tasks(R::LIMITS, this.tasks)?;
        Ok(Box::new(move |contender, time| contender.run(this.async_slice::<R>(time))))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        Err(NotApplicable("a task of a fork-join pool cannot wait for another without blocking its worker".to_owned()))
    }
}

const RING_IS_WHOLE: &str = "the ring is whole until the main task opens it";

impl Ring {
    fn blocking_slice<R: Blocking>(self, time: Duration) -> Outcome {
        let (mut to_next, home) = R::channel::<u64>(self.tokens);
        let mut tasks = Vec::with_capacity(self.tasks - 1);
        for _ in 1..self.tasks {
            let (to_me, tokens) = R::channel::<u64>(self.tokens);
            let to_next = std::mem::replace(&mut to_next, to_me);
            tasks.push(R::spawn(move || {
                let mut received = 0;
                while let Ok(hops) = R::recv(&tokens) {
                    received += 1;
                    if R::send(&to_next, hops + 1).is_err() {
                        break;
                    }
                }
                received
            }));
        }
        let pass = |hops| R::send(&to_next, hops).expect(RING_IS_WHOLE);
        let take = || R::recv(&home).expect(RING_IS_WHOLE);
        pass(0);
        take();
        let mut lap = Laps::begin(time, self.tokens);
        (0..self.tokens).for_each(|_| pass(0));
        while lap.tokens > 0 {
            if let Some(hops) = lap.came_home(take()) {
                pass(hops);
            }
        }
        let end = Instant::now();
        drop(to_next);
        lap.outcome(end, tasks.into_iter().map(R::join).collect())
    }

    async fn async_slice<R: Async>(self, time: Duration) -> Outcome {
        let (mut to_next, mut home) = R::channel::<u64>(self.tokens);
        let mut tasks = Vec::with_capacity(self.tasks - 1);
        for _ in 1..self.tasks {
            let (to_me, mut tokens) = R::channel::<u64>(self.tokens);
            let to_next = std::mem::replace(&mut to_next, to_me);
            tasks.push(R::spawn(async move {
                let mut received = 0;
                while let Ok(hops) = R::recv(&mut tokens).await {
                    received += 1;
                    if R::send(&to_next, hops + 1).await.is_err() {
                        break;
                    }
                }
                received
            }));
        }
        R::send(&to_next, 0).await.expect(RING_IS_WHOLE);
        R::recv(&mut home).await.expect(RING_IS_WHOLE);
        let mut lap = Laps::begin(time, self.tokens);
        for _ in 0..self.tokens {
            R::send(&to_next, 0).await.expect(RING_IS_WHOLE);
        }
        while lap.tokens > 0 {
            let hops = R::recv(&mut home).await.expect(RING_IS_WHOLE);
            if let Some(hops) = lap.came_home(hops) {
                R::send(&to_next, hops).await.expect(RING_IS_WHOLE);
            }
        }
        let end = Instant::now();
        drop(to_next);
        let mut received = Vec::with_capacity(tasks.len());
        for task in tasks {
            received.push(R::join(task).await);
        }
        lap.outcome(end, received)
    }
}

/// What the main task knows.
struct Laps {
    begin: Instant,
    watch: Watch,
    /// How many tokens come home before it looks at the clock.
    until_look: u64,
    is_over: bool,
    /// How many tokens are on their way.
    tokens: usize,
    received: u64,
    /// The hops of the tokens that were kept.
    hops: u64,
}

impl Laps {
    fn begin(time: Duration, tokens: usize) -> Self {
        let begin = Instant::now();
        let watch = Watch::at(begin, time, 1);
        Laps { begin, until_look: watch.batch(), watch, is_over: false, tokens, received: 0, hops: 0 }
    }

    /// A token came home after `hops` others; what to pass on, or `None` if it is over.
    #[inline]
    fn came_home(&mut self, hops: u64) -> Option<u64> {
        self.received += 1;
        self.until_look -= 1;
        if self.until_look == 0 {
            self.is_over |= self.watch.look();
            self.until_look = self.watch.batch();
        }
        if !self.is_over {
            return Some(hops + 1);
        }
        self.tokens -= 1;
        self.hops += hops + 1;
        None
    }

    /// `received` is what the other tasks received, the lap that was before the beginning included.
    fn outcome(self, end: Instant, received: Vec<u64>) -> Outcome {
        let before = received.len() as u64;
        Outcome {
            ops: self.received + received.into_iter().sum::<u64>() - before,
            wall: end - self.begin,
            answer: self.hops.to_string(),
            samples: Vec::new(),
            bytes: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three tasks and one token, in a slice without any time.
    fn one_lap(hops: u64, received: Vec<u64>) -> Outcome {
        let mut lap = Laps::begin(Duration::ZERO, 1);
        assert_eq!(lap.came_home(hops), None);
        assert_eq!(lap.tokens, 0);
        lap.outcome(Instant::now(), received)
    }

    #[test]
    fn a_hop_that_was_left_out_or_counted_twice_is_noticed() {
        let ring = Ring { tasks: 3, tokens: 1 };
        let answers = |outcome: Outcome| (outcome.answer, ring.expected(outcome.ops));
        let (answer, expected) = answers(one_lap(2, vec![2, 2]));
        assert_eq!((answer.as_str(), expected.as_str()), ("3", "3"));
        for wrong in [one_lap(1, vec![2, 2]), one_lap(2, vec![3, 2]), one_lap(2, vec![2, 1])] {
            let (answer, expected) = answers(wrong);
            assert_ne!(answer, expected);
        }
    }

    #[test]
    fn a_token_goes_on_while_there_is_time() {
        let mut lap = Laps::begin(Duration::from_secs(3_600), 1);
        assert_eq!(lap.came_home(2), Some(3));
        assert_eq!(lap.tokens, 1);
    }
}
