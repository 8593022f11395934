//! `fan_out_in`: one task gives something to each of many and collects what they all answer, wave after wave.
//!
//! What it shows, what to expect and whose it is: see [`FanOutIn::INFO`](Workload::INFO), which the report prints.
//!
//! Each worker has a channel of its own, with room for one value; they all answer into one channel, with room for all.
//! In wave number `n` every worker gets `n`, and worker `i` answers `n + i`; the answer of a slice is the sum of all
//! answers, which a worker that was left out or answered twice changes.
//!
//! The main task alone looks at the clock. After a batch of waves (see [`Watch`]) it times one alone; with the second
//! reading of the clock it is one sample. The timed part begins after a wave that all have answered, and ends with the
//! last answer of the last wave.

use std::time::{Duration, Instant};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    fit,
    params::{ParamSpec, Params, WORKERS},
    watch::Watch,
    workload::{Body, Info, Metric, NotApplicable, Outcome, SampleKind, Takes, Workload, nanoseconds},
};

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct FanOutIn {
    width: usize,
}

impl Workload for FanOutIn {
    const INFO: Info = Info {
        name: "fan_out_in",
        title: "Fan-out, fan-in",
        op: "wave",
        model: Model::Blocking,
        metric: Metric::TimePerOp,
        shows: "What it costs to ask many tasks at once and to wait for all of them, as a server does that asks its \
                shards: a wave is as slow as its slowest answer.",
        expect: "On one worker a wave is two messages and two switches for each of its width. On two workers the \
                 woken tasks are behind each other in the queue of the one who wakes them until somebody steals; who \
                 wakes a second worker for it wins only if its queues are cheaper to share than a task is to run, \
                 and these tasks do next to nothing. Threads pay a kernel wake-up for each.",
        origin: "tokio's rt_multi_threaded benchmarks (chained, ping_pong); Savina's fork-join (throughput).",
        params: &[
            ParamSpec { name: "width", about: "tasks that are asked at once", min: 1, max: 10_000, default: 64 },
            WORKERS,
        ],
        variants: &[&[("workers", 2)]],
        full: &[&[("width", 10)], &[("width", 1_000)]],
        floor: false,
        item_ms: 0,
        round_factor: 1,
        takes: &[Takes { of: &[("width", 1_000)], timed_ms: 13, untimed_ms: 28 }],
    };

    fn new(params: &Params) -> Self {
        FanOutIn { width: usize::try_from(params["width"]).expect("the range allows 10,000") }
    }

    /// The numbers of the waves, each as often as the width, and the workers' own, each as often as there were waves.
    fn expected(&self, ops: u64) -> String {
        let up_to = |end: u128| end * end.saturating_sub(1) / 2;
        let (ops, width) = (u128::from(ops), self.width as u128);
        // The sum wraps, in the task as well.
        let sum = width.wrapping_mul(up_to(ops)).wrapping_add(ops * up_to(width));
        (sum as u64).to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        fit::tasks(R::LIMITS, this.width)?;
        Ok(Box::new(move |contender, time| contender.run(move || this.blocking_slice::<R>(time))))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        fit::tasks(R::LIMITS, this.width)?;
        Ok(Box::new(move |contender, time| contender.run(this.async_slice::<R>(time))))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        Err(NotApplicable("a task of a fork-join pool cannot wait for another without blocking its worker".to_owned()))
    }
}

const WORKERS_STAY: &str = "workers stay until the main task lets them go";

impl FanOutIn {
    fn blocking_slice<R: Blocking>(self, time: Duration) -> Outcome {
        let (reply, answers) = R::channel::<u64>(self.width);
        let (mut tasks, mut workers) = (Vec::with_capacity(self.width), Vec::with_capacity(self.width));
        for own in 0..self.width as u64 {
            let (to_worker, waves) = R::channel::<u64>(1);
            let reply = reply.clone();
            workers.push(to_worker);
            tasks.push(R::spawn(move || {
                while let Ok(number) = R::recv(&waves) {
                    R::send(&reply, number + own).expect("the main task stays until its workers are gone");
                }
            }));
        }
        let wave = |number: u64| {
            for worker in &workers {
                R::send(worker, number).expect(WORKERS_STAY);
            }
            (0..self.width).fold(0u64, |sum, _| sum.wrapping_add(R::recv(&answers).expect(WORKERS_STAY)))
        };
        wave(0);
        let mut tally = Tally::begin(time);
        loop {
            for _ in 0..tally.watch.batch() {
                tally.answered(wave(tally.waves));
            }
            let sent = Instant::now();
            tally.answered(wave(tally.waves));
            if tally.look(sent, Instant::now()) {
                break;
            }
        }
        drop(workers);
        tasks.into_iter().for_each(R::join);
        tally.outcome()
    }

    async fn async_slice<R: Async>(self, time: Duration) -> Outcome {
        let (reply, mut answers) = R::channel::<u64>(self.width);
        let (mut tasks, mut workers) = (Vec::with_capacity(self.width), Vec::with_capacity(self.width));
        for own in 0..self.width as u64 {
            let (to_worker, mut waves) = R::channel::<u64>(1);
            let reply = reply.clone();
            workers.push(to_worker);
            tasks.push(R::spawn(async move {
                while let Ok(number) = R::recv(&mut waves).await {
                    R::send(&reply, number + own).await.expect("the main task stays until its workers are gone");
                }
            }));
        }
        let mut wave = async |number: u64| {
            for worker in &workers {
                R::send(worker, number).await.expect(WORKERS_STAY);
            }
            let mut sum = 0u64;
            for _ in 0..self.width {
                sum = sum.wrapping_add(R::recv(&mut answers).await.expect(WORKERS_STAY));
            }
            sum
        };
        wave(0).await;
        let mut tally = Tally::begin(time);
        loop {
            for _ in 0..tally.watch.batch() {
                tally.answered(wave(tally.waves).await);
            }
            let sent = Instant::now();
            tally.answered(wave(tally.waves).await);
            if tally.look(sent, Instant::now()) {
                break;
            }
        }
        drop(workers);
        for task in tasks {
            R::join(task).await;
        }
        tally.outcome()
    }
}

/// What the main task counted.
struct Tally {
    begin: Instant,
    watch: Watch,
    waves: u64,
    sum: u64,
    /// Nanoseconds of the waves that were timed alone.
    alone_ns: Vec<u64>,
}

impl Tally {
    fn begin(time: Duration) -> Self {
        let begin = Instant::now();
        Tally { begin, watch: Watch::at(begin, time, 1), waves: 0, sum: 0, alone_ns: Vec::new() }
    }

    /// A wave has come back.
    #[inline]
    fn answered(&mut self, sum: u64) {
        self.waves += 1;
        self.sum = self.sum.wrapping_add(sum);
    }

    /// A batch ended at `sent`, and one more wave, timed alone, at `now`. Whether it is over.
    fn look(&mut self, sent: Instant, now: Instant) -> bool {
        self.alone_ns.push(nanoseconds(now - sent));
        self.watch.look_after(sent, now)
    }

    fn outcome(self) -> Outcome {
        Outcome {
            ops: self.waves,
            wall: self.watch.last() - self.begin,
            answer: self.sum.to_string(),
            samples: vec![(SampleKind::Response, self.alone_ns)],
            bytes: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer after these waves of three workers.
    fn answer(waves: &[[u64; 3]]) -> String {
        let mut tally = Tally::begin(Duration::from_millis(1));
        waves.iter().for_each(|answers| tally.answered(answers.iter().sum()));
        tally.outcome().answer
    }

    #[test]
    fn an_answer_that_is_stale_or_came_twice_is_noticed() {
        let expected = FanOutIn { width: 3 }.expected(2);
        assert_eq!(answer(&[[0, 1, 2], [1, 2, 3]]), expected);
        assert_eq!(answer(&[[2, 1, 0], [2, 3, 1]]), expected);
        assert_ne!(answer(&[[0, 1, 2], [1, 2, 2]]), expected);
        assert_ne!(answer(&[[0, 1, 1], [1, 2, 3]]), expected);
    }

    #[test]
    fn no_wave_and_more_than_a_sum_can_hold_have_an_answer() {
        assert_eq!(FanOutIn { width: 3 }.expected(0), "0");
        assert_ne!(FanOutIn { width: 10_000 }.expected(u64::MAX), FanOutIn { width: 10_000 }.expected(u64::MAX - 1));
    }
}
