//! `bimodal_service`: requests come from outside, nearly all of them short and a few very long.
//!
//! What it shows, what to expect and whose it is: see [`BimodalService::INFO`](Workload::INFO), which the report prints.
//!
//! The generator is the thread that calls the slice, none of the scheduler's. It gives the scheduler one task a request
//! at the moment at which it is meant to come: a Poisson process with a fixed seed ([`open_loop`](crate::open_loop)),
//! drawn before the time begins. A request is so much call-free arithmetic as takes `short_us` or, `long_permille` times in
//! 1000, `long_us`, on an otherwise idle core. `load_percent` is of what the workers could do if scheduling cost
//! nothing, workers / mean service time, so that all contenders meet the same crowd.
//!
//! The generator spins until the next arrival where there is a CPU beside those of the workers. Where there is none it would
//! take a worker's, and sleeps instead: then requests come in small bursts, as often as the kernel wakes it (some 60 us). How
//! late it gives a request to the scheduler is in the response, and in samples of its own, of the kind *wake*; its CPU
//! time is in the CPU time.
//!
//! *Response* is from the intended arrival to the completion, *service* from the moment the task runs. The time is over
//! with the last completion; the tasks are joined after it. Each request's arithmetic begins at its number and is taken back in
//! closed form, so that the answer is the sum of the numbers only if every step of every request was taken.

use std::{
    hint::spin_loop,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking, ForkJoin, Model, fork_join::ScopeSpawn};

use crate::{
    arithmetic::{leap_back, steps_in, walk},
    fit,
    open_loop::{Arrivals, Latencies, Random},
    params::{ParamSpec, Params, WORKERS},
    workload::{Body, Info, Metric, NotApplicable, Outcome, SampleKind, Takes, Workload, nanoseconds},
};

/// The length of a slice of the default plan, for which the tasks at once are estimated.
const SLICE: Duration = Duration::from_millis(10);

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct BimodalService {
    workers: usize,
    per_second: f64,
    short: Duration,
    long: Duration,
    long_permille: u64,
}

impl Workload for BimodalService {
    const INFO: Info = Info {
        name: "bimodal_service",
        title: "Bimodal service",
        op: "request",
        model: Model::Blocking,
        metric: Metric::MeanOf(SampleKind::Response),
        shows: "What the many short requests (1 us) have to wait for the few long ones (500 us, 5 of 1000) when they \
                come at half of what the workers can do: whether a long one holds up its worker's queue.",
        expect: "Who runs each task to its end lets a queue of short ones stand behind a long one: on one worker the \
                 mean wait is some 180 us by the Pollaczek-Khinchine formula, less where another worker steals. \
                 Threads are preempted by the kernel, but starting one takes longer than ten short requests: they \
                 cannot keep up with the arrivals, and what waits grows.",
        origin: "Shinjuku (Kaffes et al., NSDI 2019) and Caladan (Fried et al., OSDI 2020): 99.5 % short, 0.5 % long.",
        params: &[
            ParamSpec {
                name: "load_percent",
                about: "how much of the workers' time the requests take, if nothing else took any",
                min: 1,
                max: 100,
                default: 50,
            },
            ParamSpec { name: "short_us", about: "the length of a short request", min: 1, max: 100_000, default: 1 },
            ParamSpec { name: "long_us", about: "the length of a long request", min: 1, max: 100_000, default: 500 },
            ParamSpec { name: "long_permille", about: "long ones in 1000 requests", min: 0, max: 1_000, default: 5 },
            WORKERS,
        ],
        // With one worker, two CPUs are enough for the generator to have one of its own.
        variants: &[&[("workers", 1)]],
        full: &[&[("load_percent", 10)], &[("load_percent", 30)], &[("load_percent", 70)], &[("load_percent", 90)]],
        floor: false,
        item_ms: 0,
        round_factor: 1,
        takes: &[
            Takes { of: &[("load_percent", 10)], timed_ms: 15, untimed_ms: 1 },
            Takes { of: &[("load_percent", 30)], timed_ms: 29, untimed_ms: 3 },
            Takes { of: &[("load_percent", 50), ("workers", 1)], timed_ms: 24, untimed_ms: 2 },
            Takes { of: &[("load_percent", 50)], timed_ms: 65, untimed_ms: 7 },
            Takes { of: &[("load_percent", 70)], timed_ms: 59, untimed_ms: 7 },
            Takes { of: &[("load_percent", 90)], timed_ms: 78, untimed_ms: 10 },
        ],
    };

    fn new(params: &Params) -> Self {
        let mean_us = (params["short_us"] * (1_000 - params["long_permille"])
            + params["long_us"] * params["long_permille"]) as f64
            / 1_000.0;
        BimodalService {
            workers: usize::try_from(params["workers"]).expect("the range allows 256"),
            per_second: params["workers"] as f64 * params["load_percent"] as f64 / 100.0 / mean_us * 1e6,
            short: Duration::from_micros(params["short_us"]),
            long: Duration::from_micros(params["long_us"]),
            long_permille: params["long_permille"],
        }
    }

    /// The numbers of the requests begin at 0.
    fn expected(&self, ops: u64) -> String {
        (ops * ops.saturating_sub(1) / 2).to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        fit::tasks(R::LIMITS, self.requests_in(SLICE))?;
        let mut generator = Generator::new(*self);
        Ok(Box::new(move |contender, time| {
            let schedule = generator.draw(time);
            let (tasks, given) =
                schedule.give(|number, request| contender.spawn_from_outside(move || request.serve(number)));
            let served = contender.run(move || tasks.into_iter().map(R::join).collect());
            schedule.outcome(given, served)
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        fit::tasks(R::LIMITS, self.requests_in(SLICE))?;
        let mut generator = Generator::new(*self);
        Ok(Box::new(move |contender, time| {
            let schedule = generator.draw(time);
            let (tasks, given) =
                schedule.give(|number, request| contender.spawn_from_outside(async move { request.serve(number) }));
            let served = contender.run(async move {
                let mut served = Vec::with_capacity(tasks.len());
                for task in tasks {
                    served.push(R::join(task).await);
                }
                served
            });
            schedule.outcome(given, served)
        }))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        let mut generator = Generator::new(*self);
        Ok(Box::new(move |contender, time| {
            let schedule = generator.draw(time);
            let served: Vec<_> = schedule.requests.iter().map(|_| OnceLock::new()).collect();
            let given = contender.scope_in_place(|scope| {
                let (_, given) = schedule.give(|number, request| {
                    let served = &served[number as usize];
                    scope.spawn(move || _ = served.set(request.serve(number)));
                });
                given
            });
            let served = served.into_iter().filter_map(OnceLock::into_inner).collect();
            schedule.outcome(given, served)
        }))
    }
}

impl BimodalService {
    /// How many come within `time`, on average.
    fn requests_in(&self, time: Duration) -> usize {
        (self.per_second * time.as_secs_f64()).ceil() as usize
    }
}

/// Draws requests; the sequences go on from slice to slice.
struct Generator {
    service: BimodalService,
    arrivals: Arrivals,
    lengths: Random,
    spins: bool,
}

impl Generator {
    fn new(service: BimodalService) -> Self {
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        let arrivals = Arrivals::new(Random::with_seed(1), service.per_second);
        Generator { service, arrivals, lengths: Random::with_seed(2), spins: cpus > service.workers }
    }

    fn draw(&mut self, time: Duration) -> Schedule {
        let (short_steps, long_steps) = (steps_in(self.service.short), steps_in(self.service.long));
        let mut requests = Vec::new();
        let mut offset = self.arrivals.gap();
        while offset < time {
            let is_long = self.lengths.chance(self.service.long_permille);
            requests.push(Request { offset, steps: if is_long { long_steps } else { short_steps } });
            offset += self.arrivals.gap();
        }
        Schedule { requests, spins: self.spins }
    }
}

#[derive(Clone, Copy)]
struct Request {
    /// When it is meant to come, from the beginning of the slice.
    offset: Duration,
    steps: u64,
}

impl Request {
    /// What the task does.
    fn serve(self, number: u64) -> Served {
        let started = Instant::now();
        let state = walk(number, self.steps);
        Served { started, completed: Instant::now(), state }
    }
}

struct Served {
    started: Instant,
    completed: Instant,
    state: u64,
}

/// The requests of a slice.
struct Schedule {
    requests: Vec<Request>,
    spins: bool,
}

/// How the generator fared.
struct Given {
    begin: Instant,
    lateness_ns: Vec<u64>,
}

impl Schedule {
    /// Gives each request to the scheduler when it is meant to come, or as soon after as possible.
    fn give<H>(&self, mut spawn: impl FnMut(u64, Request) -> H) -> (Vec<H>, Given) {
        let mut tasks = Vec::with_capacity(self.requests.len());
        let mut lateness_ns = Vec::with_capacity(self.requests.len());
        let begin = Instant::now();
        for (number, &request) in (0..).zip(&self.requests) {
            lateness_ns.push(nanoseconds(self.wait_until(begin + request.offset)));
            tasks.push(spawn(number, request));
        }
        (tasks, Given { begin, lateness_ns })
    }

    /// How late it is then.
    fn wait_until(&self, intended: Instant) -> Duration {
        loop {
            let now = Instant::now();
            if now >= intended {
                return now - intended;
            }
            if self.spins {
                spin_loop();
            } else {
                thread::sleep(intended - now);
            }
        }
    }

    /// `served` is in the order of the requests.
    fn outcome(&self, given: Given, served: Vec<Served>) -> Outcome {
        let mut latencies = Latencies::default();
        let mut sum = 0u64;
        let mut end = given.begin;
        for (request, served) in self.requests.iter().zip(&served) {
            latencies.add(given.begin + request.offset, served.started, served.completed);
            sum = sum.wrapping_add(leap_back(served.state, request.steps));
            end = end.max(served.completed);
        }
        let mut samples = latencies.into_samples();
        samples.push((SampleKind::Wake, given.lateness_ns));
        let ops = self.requests.len() as u64;
        Outcome { ops, wall: end - given.begin, answer: sum.to_string(), samples, bytes: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::resolve;

    fn service(given: &[(&str, u64)]) -> BimodalService {
        let given = given.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
        BimodalService::new(&resolve(&BimodalService::INFO, &given).unwrap())
    }

    #[test]
    fn the_load_is_a_share_of_what_the_workers_can_do_at_most() {
        // 99.5 % of 1 us and 0.5 % of 500 us are 3.495 us.
        assert_eq!(service(&[("workers", 2)]).requests_in(Duration::from_secs(1)), 286_124);
        let drawn = Generator::new(service(&[("workers", 2)])).draw(Duration::from_secs(1)).requests;
        assert!((280_000..292_000).contains(&drawn.len()), "{}", drawn.len());
        let long = drawn.iter().filter(|request| request.steps >= steps_in(Duration::from_micros(500))).count();
        assert!((1_250..1_610).contains(&long), "{long} of {}", drawn.len());
        assert!(drawn.iter().map(|request| request.offset).is_sorted());
    }

    #[test]
    fn slices_differ_and_processes_do_not() {
        let draw = |generator: &mut Generator| generator.draw(Duration::from_millis(10)).requests[0].offset;
        let mut generator = Generator::new(service(&[]));
        let first = draw(&mut generator);
        assert_ne!(draw(&mut generator), first);
        assert_eq!(draw(&mut Generator::new(service(&[]))), first);
    }

    #[test]
    fn a_step_or_a_request_that_is_missing_is_noticed() {
        let schedule = Generator::new(service(&[])).draw(Duration::from_millis(2));
        let answer = |change: &dyn Fn(&mut Vec<Served>)| {
            let given = Given { begin: Instant::now(), lateness_ns: Vec::new() };
            let mut served: Vec<_> =
                (0..).zip(&schedule.requests).map(|(number, request)| request.serve(number)).collect();
            change(&mut served);
            let outcome = schedule.outcome(given, served);
            (outcome.answer, service(&[]).expected(outcome.ops))
        };
        let (right, expected) = answer(&|_| ());
        assert_eq!(right, expected);
        let (one_step_short, expected) = answer(&|served| served[3].state = walk(3, schedule.requests[3].steps - 1));
        assert_ne!(one_step_short, expected);
        let (one_lost, expected) = answer(&|served| _ = served.pop());
        assert_ne!(one_lost, expected);
    }

    #[test]
    fn nothing_is_given_before_its_time_whichever_way_the_generator_waits() {
        for spins in [true, false] {
            let offsets = [1, 1, 2].map(Duration::from_millis);
            let requests = offsets.iter().map(|&offset| Request { offset, steps: 1 }).collect();
            let (given_at, given) = Schedule { requests, spins }.give(|_, _| Instant::now());
            assert!(given_at.iter().zip(offsets).all(|(at, offset)| *at >= given.begin + offset));
            assert_eq!(given.lateness_ns.len(), 3);
        }
    }
}
