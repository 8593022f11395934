//! `wake_latency`: a task that waits is sent a time stamp, and reads the clock when it runs.
//!
//! What it shows, what to expect and whose it is: see [`WakeLatency::INFO`](Workload::INFO), which the report prints.
//!
//! The sender (the main task) sleeps for `gap_us` with its scheduler's timer, if that is not 0, so that workers without
//! work have gone idle. Then it stamps a message, sends it over a channel of capacity 1, and waits for the answer.
//! With `busy=1` it calculates for [`BUSY`] in between, without a call of any kind, whether or not the other has
//! run: only another worker, or who takes this one away, can wake the waiter before that is over.
//!
//! A sample begins before the sender's `send` and ends after the waiter's `recv`, so it holds one clock reading. With
//! a gap of 0 and two workers the waiter may not have gone to sleep yet when the next message comes: that is how
//! such a scheduler fares then, and its sample counts as any other.
//!
//! The first message is not counted: tasks have met before the time begins. Each message has a number, one higher than
//! the last; the answer is how many the waiter saw in that order, the operations are the answers that the sender got.

use std::time::{Duration, Instant};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    arithmetic::{steps_in, walk},
    params::{ParamSpec, Params, WORKERS},
    workload::{Body, Info, Metric, NotApplicable, Outcome, SampleKind, Workload, nanoseconds},
};

/// How long a busy sender keeps its worker: well over the time that it takes to wake a sleeping CPU (up to 60 us in a virtual
/// machine), and short enough for 50 samples in 10 ms.
const BUSY: Duration = Duration::from_micros(200);

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct WakeLatency {
    gap: Duration,
    busy: bool,
}

impl Workload for WakeLatency {
    const INFO: Info = Info {
        name: "wake_latency",
        title: "Wake-up latency",
        op: "wake-up",
        model: Model::Blocking,
        metric: Metric::MeanOf(SampleKind::Wake),
        shows: "How long it takes from the moment that a task sends a message to the moment that the task which waits \
                for it runs; with busy=1 the sender calculates for 200 us after it has sent, and keeps its worker.",
        expect: "If the sender goes to wait, the waiter runs next on the same worker: well under a microsecond in user \
                 space, some microseconds through the kernel, and tens of them where an idle CPU is woken instead. If \
                 the sender stays busy, one worker can only do it if it is taken away, which only the kernel does \
                 that fast. With two, the other has to be woken and has to steal: tens of microseconds, but 200 if \
                 what was woken last cannot be stolen (tokio's LIFO slot).",
        origin: "schbench.",
        params: &[
            ParamSpec {
                name: "gap_us",
                about: "how long the sender sleeps before it sends; 0: not at all",
                min: 0,
                max: 1_000_000,
                default: 0,
            },
            ParamSpec {
                name: "busy",
                about: "1: the sender calculates for 200 us after it has sent",
                min: 0,
                max: 1,
                default: 0,
            },
            WORKERS,
        ],
        variants: &[&[("workers", 2)], &[("busy", 1), ("workers", 2)]],
        full: &[&[("gap_us", 10)], &[("gap_us", 100)], &[("gap_us", 1_000)], &[("gap_us", 100), ("busy", 1)]],
        floor: false,
        item_ms: 0,
        round_factor: 1,
        takes: &[],
    };

    fn new(params: &Params) -> Self {
        WakeLatency { gap: Duration::from_micros(params["gap_us"]), busy: params["busy"] == 1 }
    }

    fn expected(&self, ops: u64) -> String {
        ops.to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        Ok(Box::new(move |contender, time| {
            let steps = this.busy_steps();
            contender.run(move || blocking_slice::<R>(this.gap, steps, time))
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        Ok(Box::new(move |contender, time| {
            let steps = this.busy_steps();
            contender.run(async_slice::<R>(this.gap, steps, time))
        }))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        Err(NotApplicable("a task of a fork-join pool cannot wait for another without blocking its worker".to_owned()))
    }
}

impl WakeLatency {
    fn busy_steps(&self) -> u64 {
        if self.busy { steps_in(BUSY) } else { 0 }
    }
}

#[derive(Clone, Copy)]
struct Message {
    /// 0 is the one that is not counted.
    number: u64,
    sent: Instant,
}

impl Message {
    fn stamp(number: u64) -> Self {
        Message { number, sent: Instant::now() }
    }
}

/// What the waiter saw.
#[derive(Default)]
struct Woken {
    /// The number of the last message that was one higher than the one before it.
    last: u64,
    wake_ns: Vec<u64>,
}

impl Woken {
    fn by(&mut self, message: Message, now: Instant) {
        if message.number > 0 {
            self.wake_ns.push(nanoseconds(now - message.sent));
            self.last += u64::from(message.number == self.last + 1);
        }
    }

    fn outcome(self, ops: u64, wall: Duration) -> Outcome {
        Outcome {
            ops,
            wall,
            answer: self.last.to_string(),
            samples: vec![(SampleKind::Wake, self.wake_ns)],
            bytes: None,
        }
    }
}

const BOTH_STAY: &str = "the sender stays until the waiter's last answer, and the waiter until the sender has gone";

fn blocking_slice<R: Blocking>(gap: Duration, busy_steps: u64, time: Duration) -> Outcome {
    let (to_waiter, messages) = R::channel::<Message>(1);
    let (to_sender, answers) = R::channel::<u64>(1);
    let waiter = R::spawn(move || {
        let mut woken = Woken::default();
        while let Ok(message) = R::recv(&messages) {
            woken.by(message, Instant::now());
            R::send(&to_sender, message.number).expect(BOTH_STAY);
        }
        woken
    });
    let wake = |message: Message| {
        R::send(&to_waiter, message).expect(BOTH_STAY);
        walk(message.number, busy_steps);
        assert_eq!(R::recv(&answers), Ok(message.number), "the answer to another message");
    };
    wake(Message::stamp(0));
    let begin = Instant::now();
    let (mut ops, mut end) = (0, begin);
    while end - begin < time {
        if !gap.is_zero() {
            R::sleep(gap);
        }
        let message = Message::stamp(ops + 1);
        wake(message);
        // The last look at the clock is the beginning of the last wake-up, which is not worth another reading each time.
        (ops, end) = (message.number, message.sent);
    }
    let wall = begin.elapsed();
    drop(to_waiter);
    R::join(waiter).outcome(ops, wall)
}

async fn async_slice<R: Async>(gap: Duration, busy_steps: u64, time: Duration) -> Outcome {
    let (to_waiter, mut messages) = R::channel::<Message>(1);
    let (to_sender, mut answers) = R::channel::<u64>(1);
    let waiter = R::spawn(async move {
        let mut woken = Woken::default();
        while let Ok(message) = R::recv(&mut messages).await {
            woken.by(message, Instant::now());
            R::send(&to_sender, message.number).await.expect(BOTH_STAY);
        }
        woken
    });
    let mut wake = async |message: Message| {
        R::send(&to_waiter, message).await.expect(BOTH_STAY);
        walk(message.number, busy_steps);
        assert_eq!(R::recv(&mut answers).await, Ok(message.number), "the answer to another message");
    };
    wake(Message::stamp(0)).await;
    let begin = Instant::now();
    let (mut ops, mut end) = (0, begin);
    while end - begin < time {
        if !gap.is_zero() {
            R::sleep(gap).await;
        }
        let message = Message::stamp(ops + 1);
        wake(message).await;
        (ops, end) = (message.number, message.sent);
    }
    let wall = begin.elapsed();
    drop(to_waiter);
    R::join(waiter).await.outcome(ops, wall)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn woken_by(numbers: &[u64]) -> Woken {
        let mut woken = Woken::default();
        numbers.iter().for_each(|&number| woken.by(Message::stamp(number), Instant::now()));
        woken
    }

    #[test]
    fn every_message_but_the_first_is_a_sample() {
        let outcome = woken_by(&[0, 1, 2, 3]).outcome(3, Duration::from_millis(1));
        assert_eq!((outcome.ops, outcome.answer.as_str(), outcome.samples[0].1.len()), (3, "3", 3));
    }

    #[test]
    fn a_message_that_was_lost_or_came_twice_is_noticed() {
        for numbers in [&[0, 1, 3], &[0, 1, 1], &[0, 2, 1]] {
            assert_ne!(woken_by(numbers).outcome(numbers.len() as u64 - 1, Duration::ZERO).answer, "2", "{numbers:?}");
        }
    }
}
