//! `channel`: producers that send numbers as fast as they can, and consumers that add them up.
//!
//! What it shows, what to expect and whose it is: see [`Channel::INFO`](Workload::INFO), which the report prints.
//!
//! Producers take the numbers that they send from one counter, a block at a time: a producer that has sent its block
//! looks at the clock, and takes another if there is time. So what a slice sends are the numbers from 0 up, each once,
//! however the producers share them. The answer is the sum of what the consumers received.
//!
//! With `select`, there are so many channels, each with its own `producers`, and every consumer selects over all of
//! them. When the first channel is closed, the producers of the others are in their last block; what they still send
//! is received from one channel after the other.
//!
//! The timed part begins with the first task over the [line](crate::start_line) and ends when the last consumer has
//! found its channels empty and closed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking, Disconnected, ForkJoin, Limits, Model};

use crate::{
    fit,
    params::{ParamSpec, Params, WORKERS},
    start_line::{cross_async, cross_blocking, draw_async, draw_blocking, start_async, start_blocking},
    workload::{Body, Info, Metric, NotApplicable, Outcome, Workload},
};

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct Channel {
    producers: usize,
    consumers: usize,
    capacity: usize,
    select: usize,
}

impl Workload for Channel {
    const INFO: Info = Info {
        name: "channel",
        title: "Channel",
        op: "message",
        model: Model::Blocking,
        metric: Metric::TimePerOp,
        shows: "What a message costs when many follow each other: the channel's own work, and how often the other \
                side has to be woken for it.",
        expect: "With room for 128 messages a side sleeps once in many messages, so tens of nanoseconds are the \
                 channel itself: a lock or a few atomic operations, and on two workers the cache lines that go to \
                 and fro. Then a scheduler matters little, and threads are as good as any. The smaller the capacity, \
                 the more often each message is a switch: a thread then pays microseconds. With four on each side, \
                 a channel with one lock suffers most.",
        origin: "Go's BenchmarkChanProdCons; crossbeam-channel's spsc, mpsc, mpmc and select_rx benchmarks.",
        params: &[
            ParamSpec {
                name: "producers",
                about: "tasks that send; with select, into each channel",
                min: 1,
                max: 64,
                default: 1,
            },
            ParamSpec { name: "consumers", about: "tasks that receive", min: 1, max: 64, default: 1 },
            ParamSpec {
                name: "capacity",
                about: "capacity of each channel; 0 is a rendezvous",
                min: 0,
                max: 65_536,
                default: 128,
            },
            ParamSpec {
                name: "select",
                about: "0: one channel; 2, 4 or 8: consumers select over so many",
                min: 0,
                max: 8,
                default: 0,
            },
            WORKERS,
        ],
        variants: &[&[("workers", 2)], &[("producers", 4), ("consumers", 4), ("workers", 2)]],
        full: &[&[("capacity", 0)], &[("capacity", 1)], &[("producers", 4)], &[("select", 2)], &[("select", 8)]],
        floor: false,
        item_ms: 0,
        round_factor: 1,
        takes: &[],
    };

    fn new(params: &Params) -> Self {
        let size = |name: &str| usize::try_from(params[name]).expect("the ranges of the parameters are small");
        Channel {
            producers: size("producers"),
            consumers: size("consumers"),
            capacity: size("capacity"),
            select: size("select"),
        }
    }

    /// The sum of the numbers from 0 up, so many of them.
    fn expected(&self, ops: u64) -> String {
        let sum = u128::from(ops) * u128::from(ops.saturating_sub(1)) / 2;
        // The consumers' sums wrap as well.
        (sum as u64).to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        this.fit(R::LIMITS)?;
        Ok(Box::new(move |contender, time| contender.run(move || this.blocking_slice::<R>(time))))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        this.fit(R::LIMITS)?;
        Ok(Box::new(move |contender, time| contender.run(this.async_slice::<R>(time))))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        Err(NotApplicable("a task of a fork-join pool cannot wait for another without blocking its worker".to_owned()))
    }
}

/// The numbers that have not been sent.
#[derive(Clone, Default)]
struct Numbers(Arc<AtomicU64>);

impl Numbers {
    /// The next `count` of them; nobody else gets these.
    fn take(&self, count: u64) -> std::ops::Range<u64> {
        let first = self.0.fetch_add(count, Relaxed);
        first..first + count
    }

    fn taken(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What one consumer received.
struct Tally {
    sum: u64,
    end: Instant,
}

const CONSUMERS_STAY: &str = "consumers stay until all producers are gone";
const HAS_MANY: &str = "the limits say that a channel has several receivers";

impl Channel {
    fn fit(&self, limits: Limits) -> Result<(), NotApplicable> {
        fit::capacity(limits, self.capacity)?;
        if self.consumers > 1 {
            fit::many_receivers(limits)?;
        }
        match self.select {
            0 => Ok(()),
            2 | 4 | 8 => fit::select(limits),
            other => Err(NotApplicable(format!("select={other}: it is over 2, 4 or 8 channels, or 0 for none"))),
        }
    }

    fn channels(&self) -> usize {
        self.select.max(1)
    }

    fn tasks(&self) -> usize {
        self.lookers() + self.consumers
    }

    /// Producers.
    fn lookers(&self) -> usize {
        self.channels() * self.producers
    }

    fn blocking_slice<R: Blocking>(self, time: Duration) -> Outcome {
        let starter = draw_blocking::<R>(self.tasks(), self.lookers(), time);
        let numbers = Numbers::default();
        let (mut producers, mut channels) = (Vec::new(), Vec::new());
        for _ in 0..self.channels() {
            let (sender, receiver) = R::channel::<u64>(self.capacity);
            for _ in 0..self.producers {
                let (line, numbers, sender) = (starter.line.clone(), numbers.clone(), sender.clone());
                producers.push(R::spawn(move || {
                    let mut watch = cross_blocking::<R>(line);
                    loop {
                        for number in numbers.take(watch.batch()) {
                            R::send(&sender, number).expect(CONSUMERS_STAY);
                        }
                        if watch.look() {
                            return;
                        }
                    }
                }));
            }
            channels.push(receiver);
        }
        let more = (1..self.consumers).map(|_| {
            let another = |receiver| R::another_receiver(receiver).expect(HAS_MANY);
            channels.iter().map(another).collect()
        });
        let mut receivers: Vec<Vec<_>> = more.collect();
        receivers.push(channels);
        let consumer = |receivers: Vec<R::Receiver<u64>>| {
            let line = starter.line.clone();
            R::spawn(move || {
                cross_blocking::<R>(line);
                let mut sum = 0u64;
                while receivers.len() > 1 {
                    match R::select(&receivers) {
                        (_, Ok(number)) => sum = sum.wrapping_add(number),
                        (_, Err(Disconnected)) => break,
                    }
                }
                for receiver in &receivers {
                    while let Ok(number) = R::recv(receiver) {
                        sum = sum.wrapping_add(number);
                    }
                }
                Tally { sum, end: Instant::now() }
            })
        };
        let consumers: Vec<_> = receivers.into_iter().map(consumer).collect();
        let clock = start_blocking::<R>(starter);
        let tallies: Vec<_> = consumers.into_iter().map(R::join).collect();
        producers.into_iter().for_each(R::join);
        outcome(&numbers, clock.wall(tallies.iter().map(|tally| tally.end)), &tallies)
    }

    async fn async_slice<R: Async>(self, time: Duration) -> Outcome {
        let starter = draw_async::<R>(self.tasks(), self.lookers(), time);
        let numbers = Numbers::default();
        let (mut producers, mut channels) = (Vec::new(), Vec::new());
        for _ in 0..self.channels() {
            let (sender, receiver) = R::channel::<u64>(self.capacity);
            for _ in 0..self.producers {
                let (line, numbers, sender) = (starter.line.clone(), numbers.clone(), sender.clone());
                producers.push(R::spawn(async move {
                    let mut watch = cross_async::<R>(line).await;
                    loop {
                        for number in numbers.take(watch.batch()) {
                            R::send(&sender, number).await.expect(CONSUMERS_STAY);
                        }
                        if watch.look() {
                            return;
                        }
                    }
                }));
            }
            channels.push(receiver);
        }
        let more = (1..self.consumers).map(|_| {
            let another = |receiver| R::another_receiver(receiver).expect(HAS_MANY);
            channels.iter().map(another).collect()
        });
        let mut receivers: Vec<Vec<_>> = more.collect();
        receivers.push(channels);
        let consumer = |mut receivers: Vec<R::Receiver<u64>>| {
            let line = starter.line.clone();
            R::spawn(async move {
                cross_async::<R>(line).await;
                let mut sum = 0u64;
                while receivers.len() > 1 {
                    match R::select(&mut receivers).await {
                        (_, Ok(number)) => sum = sum.wrapping_add(number),
                        (_, Err(Disconnected)) => break,
                    }
                }
                for receiver in &mut receivers {
                    while let Ok(number) = R::recv(receiver).await {
                        sum = sum.wrapping_add(number);
                    }
                }
                Tally { sum, end: Instant::now() }
            })
        };
        let consumers: Vec<_> = receivers.into_iter().map(consumer).collect();
        let clock = start_async::<R>(starter).await;
        let mut tallies = Vec::with_capacity(consumers.len());
        for consumer in consumers {
            tallies.push(R::join(consumer).await);
        }
        for producer in producers {
            R::join(producer).await;
        }
        outcome(&numbers, clock.wall(tallies.iter().map(|tally| tally.end)), &tallies)
    }
}

fn outcome(numbers: &Numbers, wall: Duration, tallies: &[Tally]) -> Outcome {
    let sum = tallies.iter().fold(0u64, |sum, tally| sum.wrapping_add(tally.sum));
    Outcome { ops: numbers.taken(), wall, answer: sum.to_string(), samples: Vec::new(), bytes: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::resolve;

    fn workload(given: &[(&str, u64)]) -> Channel {
        let given = given.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
        Channel::new(&resolve(&Channel::INFO, &given).unwrap())
    }

    /// The answer where 7 numbers were taken and two consumers received these.
    fn answer(received: [&[u64]; 2]) -> String {
        let numbers = Numbers::default();
        let blocks = [numbers.take(3), numbers.take(4)];
        assert_eq!(blocks, [0..3, 3..7]);
        let tallies = received.map(|received| Tally { sum: received.iter().sum(), end: Instant::now() });
        outcome(&numbers, Duration::from_millis(1), &tallies).answer
    }

    #[test]
    fn a_message_that_was_lost_or_came_twice_is_noticed() {
        let expected = workload(&[]).expected(7);
        assert_eq!(answer([&[0, 1, 5, 6], &[2, 3, 4]]), expected);
        assert_ne!(answer([&[0, 1, 5, 6], &[2, 3]]), expected);
        assert_ne!(answer([&[0, 1, 5, 6], &[2, 3, 3, 4]]), expected);
    }

    #[test]
    fn sums_wrap_as_the_consumers_do() {
        // 2^33 (2^33 - 1) / 2 is 2^65 - 2^32.
        assert_eq!(workload(&[]).expected(1 << 33), (1u64 << 32).wrapping_neg().to_string());
    }

    #[test]
    fn what_a_scheduler_lacks_is_not_applicable_only_where_it_is_needed() {
        let plain = Limits {
            min_channel_capacity: Some(1),
            many_receivers: false,
            select: false,
            blocks_aside: true,
            sound_mutex: true,
            fair_yield: true,
            max_tasks: usize::MAX,
        };
        let fits = |given: &[_]| workload(given).fit(plain).is_ok();
        assert!(fits(&[]) && fits(&[("producers", 4)]));
        assert!(!fits(&[("capacity", 0)]) && !fits(&[("consumers", 2)]) && !fits(&[("select", 2)]));
        let all = Limits { select: true, ..plain };
        assert!(workload(&[("select", 8)]).fit(all).is_ok() && workload(&[("select", 3)]).fit(all).is_err());
    }
}
