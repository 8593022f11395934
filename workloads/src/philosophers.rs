//! `philosophers`: tasks around a table, each of which needs the two forks beside it to eat, and shares them with its
//! neighbours.
//!
//! What it shows, what to expect and whose it is: see [`Philosophers::INFO`](Workload::INFO), which the report prints.
//!
//! A fork is a mutex. Philosopher `i` needs the forks `i` and `i + 1`, and the last one the first fork; each takes that
//! of the lower number first, so they cannot all wait for each other. Nobody thinks: who has eaten is hungry again. A
//! meal adds one to the count in each of the two forks. Philosophers look at the clock after a batch of meals (see
//! [`Watch`](crate::watch::Watch)).
//!
//! The timed part begins with the first task over the [line](crate::start_line) and ends when the last one has eaten.
//! Each philosopher counts its meals. The answer is half of what the forks have counted; each of them must agree with
//! the two philosophers beside it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    fit,
    params::{ParamSpec, Params, WORKERS},
    start_line::{cross_async, cross_blocking, draw_async, draw_blocking, start_async, start_blocking},
    workload::{Body, Info, Metric, NotApplicable, Outcome, Workload},
};

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct Philosophers {
    workers: usize,
    tasks: usize,
}

impl Workload for Philosophers {
    const INFO: Info = Info {
        name: "philosophers",
        title: "Dining philosophers",
        op: "meal",
        model: Model::Blocking,
        metric: Metric::TimePerOp,
        shows: "What it costs to hold one lock while waiting for another, where neighbours want the same: a task that \
                sleeps with a fork in its hand holds up the next one.",
        expect: "On one worker a philosopher meets a fork that is taken only if a neighbour was stopped in the \
                 middle of a meal, so a meal is two locks that nobody else wants, and the scheduler hardly matters. \
                 On two workers neighbours collide: a mutex that spins a little before it sleeps wins, since a meal \
                 is short; one that hands a fork to whoever has waited longest makes everyone wait for a switch.",
        origin: "Dijkstra's; Savina's dining philosophers, with locks in place of an arbiter.",
        params: &[
            ParamSpec { name: "tasks", about: "philosophers, and forks", min: 2, max: 1_000, default: 5 },
            WORKERS,
        ],
        variants: &[&[("workers", 2)]],
        full: &[&[("tasks", 64)]],
        floor: false,
        item_ms: 0,
        round_factor: 1,
        takes: &[],
    };

    fn new(params: &Params) -> Self {
        Philosophers {
            workers: usize::try_from(params["workers"]).expect("the range allows 256"),
            tasks: usize::try_from(params["tasks"]).expect("the range allows 1,000"),
        }
    }

    fn expected(&self, ops: u64) -> String {
        ops.to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        fit::mutex(R::LIMITS, this.workers)?;
        fit::tasks(R::LIMITS, this.tasks)?;
        Ok(Box::new(move |contender, time| contender.run(move || this.blocking_slice::<R>(time))))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        fit::tasks(R::LIMITS, this.tasks)?;
        Ok(Box::new(move |contender, time| contender.run(this.async_slice::<R>(time))))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        Err(NotApplicable("a fork-join pool has no mutex of its own: its workers would block in another's".to_owned()))
    }
}

/// How often it was used. Two forks that lie in one cache line would be one to the caches.
#[derive(Default)]
#[repr(align(64))]
struct Fork(u64);

/// A philosopher has both.
fn eat(first: &mut Fork, second: &mut Fork) {
    first.0 += 1;
    second.0 += 1;
}

/// What one philosopher did.
struct Tally {
    meals: u64,
    end: Instant,
}

impl Philosophers {
    /// The forks of a philosopher, in the order in which it takes them.
    fn forks_of(self, philosopher: usize) -> [usize; 2] {
        let mut forks = [philosopher, (philosopher + 1) % self.tasks];
        forks.sort_unstable();
        forks
    }

    fn blocking_slice<R: Blocking>(self, time: Duration) -> Outcome {
        let starter = draw_blocking::<R>(self.tasks, self.tasks, time);
        let forks: Vec<_> = (0..self.tasks).map(|_| Arc::new(R::mutex(Fork::default()))).collect();
        let philosopher = |own| {
            let [first, second] = self.forks_of(own).map(|fork| Arc::clone(&forks[fork]));
            let line = starter.line.clone();
            R::spawn(move || {
                let mut watch = cross_blocking::<R>(line);
                let mut meals = 0;
                loop {
                    let batch = watch.batch();
                    for _ in 0..batch {
                        R::with_lock(&first, |first| R::with_lock(&second, |second| eat(first, second)));
                    }
                    meals += batch;
                    if watch.look() {
                        return Tally { meals, end: watch.last() };
                    }
                }
            })
        };
        let philosophers: Vec<_> = (0..self.tasks).map(philosopher).collect();
        let clock = start_blocking::<R>(starter);
        let tallies: Vec<_> = philosophers.into_iter().map(R::join).collect();
        let uses: Vec<_> = forks.iter().map(|fork| R::with_lock(fork, |fork| fork.0)).collect();
        self.outcome(clock.wall(tallies.iter().map(|tally| tally.end)), &uses, &tallies)
    }

    async fn async_slice<R: Async>(self, time: Duration) -> Outcome {
        let starter = draw_async::<R>(self.tasks, self.tasks, time);
        let forks: Vec<_> = (0..self.tasks).map(|_| Arc::new(R::mutex(Fork::default()))).collect();
        let philosopher = |own| {
            let [first, second] = self.forks_of(own).map(|fork| Arc::clone(&forks[fork]));
            let line = starter.line.clone();
            R::spawn(async move {
                let mut watch = cross_async::<R>(line).await;
                let mut meals = 0;
                loop {
                    let batch = watch.batch();
                    for _ in 0..batch {
                        R::with_locks(&first, &second, eat).await;
                    }
                    meals += batch;
                    if watch.look() {
                        return Tally { meals, end: watch.last() };
                    }
                }
            })
        };
        let philosophers: Vec<_> = (0..self.tasks).map(philosopher).collect();
        let clock = start_async::<R>(starter).await;
        let mut tallies = Vec::with_capacity(self.tasks);
        for philosopher in philosophers {
            tallies.push(R::join(philosopher).await);
        }
        let mut uses = Vec::with_capacity(self.tasks);
        for fork in &forks {
            uses.push(R::with_lock(fork, |fork| fork.0).await);
        }
        self.outcome(clock.wall(tallies.iter().map(|tally| tally.end)), &uses, &tallies)
    }

    /// `uses` are those of the forks, in their order; so are the philosophers.
    fn outcome(self, wall: Duration, uses: &[u64], tallies: &[Tally]) -> Outcome {
        let mut meals_with = vec![0; self.tasks];
        for (philosopher, tally) in tallies.iter().enumerate() {
            self.forks_of(philosopher).iter().for_each(|&fork| meals_with[fork] += tally.meals);
        }
        let wrong = uses.iter().zip(&meals_with).filter(|(uses, meals)| uses != meals).count();
        let answer = match wrong {
            0 => (uses.iter().sum::<u64>() / 2).to_string(),
            wrong => format!("{wrong} forks that disagree with their neighbours: {uses:?}, expected {meals_with:?}"),
        };
        Outcome { ops: tallies.iter().map(|tally| tally.meals).sum(), wall, answer, samples: Vec::new(), bytes: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_can_wait_for_all_others_in_a_circle() {
        for tasks in [2, 3, 5] {
            let table = Philosophers { workers: 1, tasks };
            assert!((0..tasks).all(|own| table.forks_of(own).is_sorted()));
            assert_eq!(table.forks_of(tasks - 1), [0, tasks - 1]);
        }
    }

    #[test]
    fn a_fork_in_two_hands_at_once_is_noticed_even_if_the_sum_is_right() {
        let table = Philosophers { workers: 1, tasks: 3 };
        let ate = |uses: [u64; 3]| {
            let tally = |meals| Tally { meals, end: Instant::now() };
            table.outcome(Duration::from_millis(1), &uses, &[tally(1), tally(2), tally(4)])
        };
        // Philosopher 0 has the forks 0 and 1, 1 has 1 and 2, 2 has 0 and 2.
        assert_eq!(ate([5, 3, 6]).answer, table.expected(7));
        for uses in [[5, 3, 5], [5, 3, 7], [4, 4, 6]] {
            assert_ne!(ate(uses).answer, table.expected(7), "{uses:?}");
        }
    }
}
