//! `timer_churn`: waits with a timeout that is never reached.
//!
//! What it shows, what to expect and whose it is: see [`TimerChurn::INFO`](Workload::INFO), which the report prints.
//!
//! Two tasks (one is the main task) send a number to and fro over two channels of capacity 1, each adds one to it, and each
//! receives with a timeout of [`TIMEOUT`]: every wait that really waits starts a timer and stops it. A timer that is only
//! made and dropped would measure nothing, since most libraries start one when somebody waits on it, and not before. An
//! operation is one such wait, so two of them are what a round trip of `ping_pong` is, and the difference is the timers.
//!
//! Beside them `waiting` tasks wait for what never comes, with timeouts around [`TIMEOUT`], so that the timers which are started
//! and stopped are neither the first nor the last in their queue. They wait when the time begins, and end after it.
//!
//! The main task looks at the clock as often as [`Pace`] says. The answer is the number, which has grown by one a wait.

use std::time::{Duration, Instant};

use schedulers::model::{Async, Blocking, Disconnected, ForkJoin, Model};

use crate::{
    fit,
    pace::Pace,
    params::{ParamSpec, Params, WORKERS},
    workload::{Body, Info, Metric, NotApplicable, Outcome, Takes, Workload},
};

/// Far longer than a harness waits for a slice, so that it never ends a wait.
const TIMEOUT: Duration = Duration::from_secs(600);

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct TimerChurn {
    waiting: u32,
}

impl Workload for TimerChurn {
    const INFO: Info = Info {
        name: "timer_churn",
        title: "Timer churn",
        op: "timed wait",
        model: Model::Blocking,
        metric: Metric::TimePerOp,
        shows: "What a timeout costs that is never reached: a timer that is started before a wait and stopped after \
                it, as in every network service, among a hundred others that are pending.",
        expect: "Half of a round trip of ping_pong, and 20 to 100 ns for a timer: a hashed wheel (tokio) inserts in \
                 constant time, a heap (gmp, Go) in logarithmic. Threads pay the kernel for it within a wait that \
                 takes microseconds anyway. On two workers what is shared between them, a lock on all timers, may \
                 cost more than the timer.",
        origin: "Go's BenchmarkStartStop and BenchmarkReset, with somebody waiting.",
        params: &[
            ParamSpec {
                name: "waiting",
                about: "tasks beside them that wait with a timeout all the time",
                min: 0,
                max: 1_000_000,
                default: 100,
            },
            WORKERS,
        ],
        variants: &[&[("workers", 1)]],
        full: &[&[("waiting", 0)], &[("waiting", 9_000)]],
        floor: false,
        item_ms: 0,
        round_factor: 1,
        takes: &[
            Takes { of: &[("waiting", 9_000)], timed_ms: 10, untimed_ms: 342 },
            Takes { of: &[], timed_ms: 10, untimed_ms: 2 },
        ],
    };

    fn new(params: &Params) -> Self {
        TimerChurn { waiting: u32::try_from(params["waiting"]).expect("the range allows 1,000,000") }
    }

    fn expected(&self, ops: u64) -> String {
        ops.to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let waiting = self.waiting;
        fit::tasks(R::LIMITS, waiting as usize)?;
        let mut pace = Pace::new();
        Ok(Box::new(move |contender, time| {
            let tally = contender.run(move || blocking_slice::<R>(waiting, time, pace));
            pace = tally.pace;
            tally.outcome()
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let waiting = self.waiting;
        fit::tasks(R::LIMITS, waiting as usize)?;
        let mut pace = Pace::new();
        Ok(Box::new(move |contender, time| {
            let tally = contender.run(async_slice::<R>(waiting, time, pace));
            pace = tally.pace;
            tally.outcome()
        }))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        Err(NotApplicable("a fork-join pool has no timers".to_owned()))
    }
}

/// The timeout of one that waits beside them: from half of [`TIMEOUT`] to one and a half.
fn timeout_of(waiter: u32, waiting: u32) -> Duration {
    TIMEOUT / 2 + TIMEOUT * waiter / waiting
}

/// What the main task counted.
struct Tally {
    begin: Instant,
    end: Instant,
    pace: Pace,
    waits: u64,
    /// One more than what came back last.
    number: u64,
    /// Answers that were not one more than what was sent, and waits that timed out.
    wrong: u64,
}

impl Tally {
    fn begin(pace: Pace) -> Self {
        let begin = Instant::now();
        Tally { begin, end: begin, pace, waits: 0, number: 0, wrong: 0 }
    }

    /// A number went to the other task and back: each waited once.
    #[inline]
    fn trip(&mut self, answer: Result<Option<u64>, Disconnected>) {
        self.waits += 2;
        self.wrong += u64::from(answer != Ok(Some(self.number + 1)));
        self.number += 2;
    }

    /// A batch has ended; whether the time is over.
    fn is_over(&mut self, time: Duration) -> bool {
        let now = Instant::now();
        self.pace.took(now - self.end);
        self.end = now;
        now - self.begin >= time
    }

    /// The tasks that waited beside them have ended too, some of them by their timeout.
    fn timed_out_beside(&mut self, timed_out: u64) {
        self.wrong += timed_out;
    }

    fn outcome(self) -> Outcome {
        let answer = match self.wrong {
            0 => self.number.to_string(),
            wrong => format!("{} with {wrong} waits that ended wrongly", self.number),
        };
        Outcome { ops: self.waits, wall: self.end - self.begin, answer, samples: Vec::new(), bytes: None }
    }
}

const MAIN_STAYS: &str = "the main task stays until all have ended";

fn blocking_slice<R: Blocking>(waiting: u32, time: Duration, pace: Pace) -> Tally {
    let (wait, waits) = R::channel::<()>(waiting.max(1) as usize);
    let (holds, waiters): (Vec<_>, Vec<_>) = (0..waiting)
        .map(|waiter| {
            let (hold, held) = R::channel::<()>(1);
            let wait = wait.clone();
            let waiter = R::spawn(move || {
                R::send(&wait, ()).expect(MAIN_STAYS);
                R::recv_timeout(&held, timeout_of(waiter, waiting))
            });
            (hold, waiter)
        })
        .unzip();
    (0..waiting).for_each(|_| R::recv(&waits).expect("each says that it waits, and this task has a sender as well"));

    let (to_other, from_main) = R::channel::<u64>(1);
    let (to_main, from_other) = R::channel::<u64>(1);
    let other = R::spawn(move || {
        while let Ok(Some(number)) = R::recv_timeout(&from_main, TIMEOUT) {
            R::send(&to_main, number + 1).expect(MAIN_STAYS);
        }
    });
    let trip = |number| {
        R::send(&to_other, number).expect("the other stays until this end is gone");
        R::recv_timeout(&from_other, TIMEOUT)
    };
    assert_eq!(trip(0), Ok(Some(1)), "the first trip");
    let mut tally = Tally::begin(pace);
    loop {
        for _ in 0..tally.pace.batch() {
            tally.trip(trip(tally.number));
        }
        if tally.is_over(time) {
            break;
        }
    }
    drop((to_other, holds));
    R::join(other);
    tally.timed_out_beside(waiters.into_iter().map(R::join).filter(|end| *end != Err(Disconnected)).count() as u64);
    tally
}

async fn async_slice<R: Async>(waiting: u32, time: Duration, pace: Pace) -> Tally {
    let (wait, mut waits) = R::channel::<()>(waiting.max(1) as usize);
    let (holds, waiters): (Vec<_>, Vec<_>) = (0..waiting)
        .map(|waiter| {
            let (hold, mut held) = R::channel::<()>(1);
            let wait = wait.clone();
            let waiter = R::spawn(async move {
                R::send(&wait, ()).await.expect(MAIN_STAYS);
                R::recv_timeout(&mut held, timeout_of(waiter, waiting)).await
            });
            (hold, waiter)
        })
        .unzip();
    for _ in 0..waiting {
        R::recv(&mut waits).await.expect("each says that it waits, and this task has a sender as well");
    }

    let (to_other, mut from_main) = R::channel::<u64>(1);
    let (to_main, mut from_other) = R::channel::<u64>(1);
    let other = R::spawn(async move {
        while let Ok(Some(number)) = R::recv_timeout(&mut from_main, TIMEOUT).await {
            R::send(&to_main, number + 1).await.expect(MAIN_STAYS);
        }
    });
    let mut trip = async |number| {
        R::send(&to_other, number).await.expect("the other stays until this end is gone");
        R::recv_timeout(&mut from_other, TIMEOUT).await
    };
    assert_eq!(trip(0).await, Ok(Some(1)), "the first trip");
    let mut tally = Tally::begin(pace);
    loop {
        for _ in 0..tally.pace.batch() {
            tally.trip(trip(tally.number).await);
        }
        if tally.is_over(time) {
            break;
        }
    }
    drop((to_other, holds));
    R::join(other).await;
    for waiter in waiters {
        tally.timed_out_beside(u64::from(R::join(waiter).await != Err(Disconnected)));
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(answers: &[Result<Option<u64>, Disconnected>]) -> Tally {
        let mut tally = Tally::begin(Pace::new());
        answers.iter().for_each(|&answer| tally.trip(answer));
        tally
    }

    #[test]
    fn two_waits_a_trip_and_the_number_grows_with_them() {
        let outcome = tally(&[Ok(Some(1)), Ok(Some(3)), Ok(Some(5))]).outcome();
        assert_eq!((outcome.ops, outcome.answer.as_str()), (6, "6"));
    }

    #[test]
    fn a_stale_answer_and_a_timeout_are_noticed() {
        for wrong in [Ok(Some(1)), Ok(None), Err(Disconnected)] {
            let outcome = tally(&[Ok(Some(1)), wrong, Ok(Some(5))]).outcome();
            assert_ne!(outcome.answer, outcome.ops.to_string(), "{wrong:?}");
        }
        let mut beside = tally(&[Ok(Some(1))]);
        beside.timed_out_beside(1);
        assert_ne!(beside.outcome().answer, "2");
    }

    #[test]
    fn the_timeouts_beside_lie_around_the_one_that_comes_and_goes() {
        let timeouts: Vec<_> = (0..100).map(|waiter| timeout_of(waiter, 100)).collect();
        assert_eq!(timeouts.iter().filter(|timeout| **timeout < TIMEOUT).count(), 50);
        assert!(timeouts[0] >= Duration::from_secs(300) && timeouts.is_sorted());
    }
}
