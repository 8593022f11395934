//! `ping_pong`: two tasks and two channels, and a number that goes to and fro, one higher each time.
//!
//! What it shows, what to expect and whose it is: see [`PingPong::INFO`](Workload::INFO), which the report prints.
//!
//! The first ping watches the clock for all. After every so many trips it times one alone; that sample holds the cost
//! of one clock reading besides (about 25 ns with a TSC), and the second reading is also the look at the deadline.
//! How many is decided by [`Pace`]: the clock stays under 1 % of the time even at 40 ns a trip, and a slice ends in
//! time even at 50 us a trip. The other pings play until the first says that it is over.
//!
//! With `pipe=1` the channels are two pipes of the kernel: see [`lane`](crate::lane).
//!
//! The timed part begins with the first trip and ends with the last: tasks have been started and have met before, and
//! are joined after.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    arithmetic::walk,
    fit,
    lane::{AsyncLane, BlockingLane, Channels, Pipes},
    pace::Pace,
    params::{ParamSpec, Params, WORKERS},
    workload::{Body, Info, Metric, NotApplicable, Outcome, SampleKind, Takes, Workload, nanoseconds},
};

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct PingPong {
    pairs: usize,
    capacity: usize,
    hog: bool,
    pipe: bool,
}

impl Workload for PingPong {
    const INFO: Info = Info {
        name: "ping_pong",
        title: "Ping-pong",
        op: "round trip",
        model: Model::Blocking,
        metric: Metric::TimePerOp,
        shows: "What it costs to hand a value to another task and to wait for its answer: a round trip is two \
                channel operations and two switches on each side, and nothing else.",
        expect: "On one worker a switch in user space takes 10 to 100 ns, and one between threads a microsecond or \
                 more, since it passes through the kernel and its scheduler. On two workers what decides is whether \
                 the pair stays together (Go's runnext, tokio's LIFO slot) or each trip wakes an idle core, which \
                 costs tens of microseconds.",
        origin: "Go's BenchmarkChanSync and BenchmarkPingPongHog; perf bench sched pipe.",
        params: &[
            ParamSpec { name: "pairs", about: "pairs of tasks that play at once", min: 1, max: 10_000, default: 1 },
            ParamSpec {
                name: "capacity",
                about: "capacity of the channels; 0 is a rendezvous",
                min: 0,
                max: 1024,
                default: 1,
            },
            ParamSpec {
                name: "hog",
                about: "1: a task that only calculates runs beside the pairs",
                min: 0,
                max: 1,
                default: 0,
            },
            ParamSpec {
                name: "pipe",
                about: "1: over pipes of the kernel, read by calls that block, in place of channels",
                min: 0,
                max: 1,
                default: 0,
            },
            WORKERS,
        ],
        variants: &[&[]],
        full: &[&[("pairs", 100)], &[("capacity", 0)], &[("hog", 1)], &[("pipe", 1)]],
        floor: false,
        item_ms: 0,
        round_factor: 1,
        takes: &[Takes { of: &[("pairs", 100)], timed_ms: 11, untimed_ms: 4 }],
    };

    fn new(params: &Params) -> Self {
        let size = |name: &str| usize::try_from(params[name]).expect("the ranges of the parameters are small");
        PingPong {
            pairs: size("pairs"),
            capacity: size("capacity"),
            hog: params["hog"] == 1,
            pipe: params["pipe"] == 1,
        }
    }

    /// Each pair's number starts at 0 and grows by one a trip, so that the numbers the pairs end with add up to the
    /// trips.
    fn expected(&self, ops: u64) -> String {
        ops.to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let game = *self;
        // One value is in flight at most, so a channel without a bound is as good as one of any capacity.
        if game.pipe {
            fit::blocking_calls(R::LIMITS)?;
        } else if R::LIMITS.min_channel_capacity.is_some() || game.capacity == 0 {
            fit::capacity(R::LIMITS, game.capacity)?;
        }
        let mut pace = Pace::new();
        Ok(Box::new(move |contender, time| {
            let tallies = contender.run(move || match game.pipe {
                false => blocking_pairs::<R, Channels>(game, time, pace),
                true => blocking_pairs::<R, Pipes>(game, time, pace),
            });
            pace = tallies[0].pace;
            outcome(tallies)
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let game = *self;
        if !game.pipe {
            fit::capacity(R::LIMITS, game.capacity)?;
        }
        let mut pace = Pace::new();
        Ok(Box::new(move |contender, time| {
            let tallies = match game.pipe {
                false => contender.run(async_pairs::<R, Channels>(game, time, pace)),
                true => contender.run(async_pairs::<R, Pipes>(game, time, pace)),
            };
            pace = tallies[0].pace;
            outcome(tallies)
        }))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        Err(NotApplicable("a task of a fork-join pool cannot wait for another without blocking its worker".to_owned()))
    }
}

/// What one ping counted.
struct Tally {
    begin: Instant,
    end: Instant,
    trips: u64,
    /// What came back last.
    number: u64,
    /// Answers that were not one more than what was sent.
    wrong: u64,
    pace: Pace,
    /// Nanoseconds of the trips that were timed alone.
    alone_ns: Vec<u64>,
}

impl Tally {
    fn begin(pace: Pace) -> Self {
        let begin = Instant::now();
        Tally { begin, end: begin, trips: 0, number: 0, wrong: 0, pace, alone_ns: Vec::new() }
    }

    #[inline]
    fn trip(&mut self, answer: u64) {
        self.trips += 1;
        self.wrong += u64::from(answer != self.number + 1);
        self.number = answer;
    }

    /// A batch has ended at `sent`, and one more trip, timed alone, at `now`. A batch of one trip was alone as well.
    fn look(&mut self, sent: Instant, now: Instant) {
        if self.pace.batch() == 1 {
            self.alone_ns.push(nanoseconds(sent - self.end));
        }
        self.pace.took(sent - self.end);
        self.alone_ns.push(nanoseconds(now - sent));
        self.end = now;
    }

    fn stop(&mut self) {
        self.end = Instant::now();
    }
}

fn outcome(tallies: Vec<Tally>) -> Outcome {
    let begin = tallies.iter().map(|tally| tally.begin).min().expect("there is at least one pair");
    let end = tallies.iter().map(|tally| tally.end).max().expect("there is at least one pair");
    let total = |field: fn(&Tally) -> u64| tallies.iter().map(field).sum::<u64>();
    let answer = match total(|tally| tally.wrong) {
        0 => total(|tally| tally.number).to_string(),
        wrong => format!("{} with {wrong} wrong answers", total(|tally| tally.number)),
    };
    Outcome {
        ops: total(|tally| tally.trips),
        wall: end - begin,
        answer,
        samples: vec![(SampleKind::Response, tallies.into_iter().flat_map(|tally| tally.alone_ns).collect())],
        bytes: None,
    }
}

/// Calculates until `deadline` without one call into the scheduler.
fn hog_until(deadline: Instant) {
    while Instant::now() < deadline {
        walk(0, 1_000);
    }
}

fn blocking_pairs<R: Blocking, L: BlockingLane<R>>(game: PingPong, time: Duration, pace: Pace) -> Vec<Tally> {
    let PingPong { pairs, capacity, hog, .. } = game;
    let (met, all_met) = R::channel::<()>(pairs);
    let over = Arc::new(AtomicBool::new(false));
    let mut gates = Vec::with_capacity(pairs);
    let mut pings = Vec::with_capacity(pairs);
    let mut pongs = Vec::with_capacity(pairs);
    for first in (0..pairs).map(|pair| pair == 0) {
        let (to_pong, from_ping) = L::open(capacity);
        let (to_ping, from_pong) = L::open(capacity);
        let (open_gate, gate) = R::channel::<()>(1);
        let met = met.clone();
        let over = Arc::clone(&over);
        pongs.push(R::spawn(move || {
            while let Some(number) = L::recv(&from_ping) {
                if !L::send(&to_ping, number + 1) {
                    return;
                }
            }
        }));
        gates.push(open_gate);
        pings.push(R::spawn(move || {
            let trip = |number| {
                assert!(L::send(&to_pong, number), "{PONG_STAYS}");
                L::recv(&from_pong).expect(PONG_STAYS)
            };
            trip(0);
            R::send(&met, ()).expect(MAIN_STAYS);
            R::recv(&gate).expect(MAIN_STAYS);
            let mut tally = Tally::begin(pace);
            if !first {
                while !over.load(Relaxed) {
                    tally.trip(trip(tally.number));
                }
                tally.stop();
                return tally;
            }
            let deadline = tally.begin + time;
            let hog = hog.then(|| R::spawn(move || hog_until(deadline)));
            loop {
                for _ in 0..tally.pace.batch() {
                    tally.trip(trip(tally.number));
                }
                let sent = Instant::now();
                tally.trip(trip(tally.number));
                tally.look(sent, Instant::now());
                if tally.end >= deadline {
                    break;
                }
            }
            over.store(true, Relaxed);
            if let Some(hog) = hog {
                R::join(hog);
            }
            tally
        }));
    }
    for _ in 0..pairs {
        R::recv(&all_met).expect("pings wait at their gates");
    }
    for gate in &gates {
        R::send(gate, ()).expect("pings wait at their gates");
    }
    let tallies = pings.into_iter().map(R::join).collect();
    pongs.into_iter().for_each(R::join);
    tallies
}

const PONG_STAYS: &str = "a pong stays until its ping is gone";
const MAIN_STAYS: &str = "the main task stays until all have ended";

async fn async_pairs<R: Async, L: AsyncLane<R>>(game: PingPong, time: Duration, pace: Pace) -> Vec<Tally> {
    let PingPong { pairs, capacity, hog, .. } = game;
    let (met, mut all_met) = R::channel::<()>(pairs);
    let over = Arc::new(AtomicBool::new(false));
    let mut gates = Vec::with_capacity(pairs);
    let mut pings = Vec::with_capacity(pairs);
    let mut pongs = Vec::with_capacity(pairs);
    for first in (0..pairs).map(|pair| pair == 0) {
        let (to_pong, mut from_ping) = L::open(capacity);
        let (to_ping, mut from_pong) = L::open(capacity);
        let (open_gate, mut gate) = R::channel::<()>(1);
        let met = met.clone();
        let over = Arc::clone(&over);
        pongs.push(R::spawn(async move {
            while let Some(number) = L::recv(&mut from_ping).await {
                if !L::send(&to_ping, number + 1).await {
                    return;
                }
            }
        }));
        gates.push(open_gate);
        pings.push(R::spawn(async move {
            let mut trip = async |number| {
                assert!(L::send(&to_pong, number).await, "{PONG_STAYS}");
                L::recv(&mut from_pong).await.expect(PONG_STAYS)
            };
            trip(0).await;
            R::send(&met, ()).await.expect(MAIN_STAYS);
            R::recv(&mut gate).await.expect(MAIN_STAYS);
            let mut tally = Tally::begin(pace);
            if !first {
                while !over.load(Relaxed) {
                    tally.trip(trip(tally.number).await);
                }
                tally.stop();
                return tally;
            }
            let deadline = tally.begin + time;
            let hog = hog.then(|| R::spawn(async move { hog_until(deadline) }));
            loop {
                for _ in 0..tally.pace.batch() {
                    tally.trip(trip(tally.number).await);
                }
                let sent = Instant::now();
                tally.trip(trip(tally.number).await);
                tally.look(sent, Instant::now());
                if tally.end >= deadline {
                    break;
                }
            }
            over.store(true, Relaxed);
            if let Some(hog) = hog {
                R::join(hog).await;
            }
            tally
        }));
    }
    for _ in 0..pairs {
        R::recv(&mut all_met).await.expect("pings wait at their gates");
    }
    for gate in &gates {
        R::send(gate, ()).await.expect("pings wait at their gates");
    }
    let mut tallies = Vec::with_capacity(pairs);
    for ping in pings {
        tallies.push(R::join(ping).await);
    }
    for pong in pongs {
        R::join(pong).await;
    }
    tallies
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(answers: &[u64]) -> Tally {
        let mut tally = Tally::begin(Pace::new());
        answers.iter().for_each(|&answer| tally.trip(answer));
        tally.stop();
        tally
    }

    #[test]
    fn pairs_add_up_to_the_trips() {
        let outcome = outcome(vec![played(&[1, 2, 3]), played(&[1, 2]), played(&[])]);
        assert_eq!((outcome.ops, outcome.answer.as_str()), (5, "5"));
    }

    #[test]
    fn an_answer_that_is_stale_or_skips_one_is_noticed_even_if_the_sum_is_right() {
        for answers in [&[1, 1, 2], &[1, 3, 3], &[1, 2, 4]] {
            let outcome = outcome(vec![played(answers)]);
            assert_ne!(outcome.answer, outcome.ops.to_string(), "{answers:?}");
        }
    }

    #[test]
    fn without_batches_every_trip_is_a_sample() {
        let mut tally = Tally::begin(Pace::new());
        let begin = tally.begin;
        tally.look(begin + Duration::from_millis(1), begin + Duration::from_millis(3));
        assert_eq!(
            (tally.alone_ns.as_slice(), tally.end),
            ([1_000_000, 2_000_000].as_slice(), begin + Duration::from_millis(3))
        );
    }
}
