//! `skynet`: a tree of tasks, ten children each, whose leaves send their numbers up to be added.
//!
//! What it shows, what to expect and whose it is: see [`Skynet::INFO`](Workload::INFO), which the report prints.
//!
//! A task is given the numbers from `first` on, so many of them. If it is one, the task answers with it; else it starts ten tasks with a tenth each
//! (as even as whole numbers allow, and none that would be empty) and answers with the sum of their answers. With `channels` = 1 answers go
//! through a channel that the parent makes for its children, with room for all ten; the parent then joins them, since every task of the suite is
//! joined. With `channels` = 0 the answer is what the task returns. A fork-join pool forks the ten by halves.
//!
//! The operation is a task: 111,111 for 100,000 leaves. A slice is pass after pass; a pass is timed inside the main task, which is the root.
//! The answer is the sum of the leaves' numbers.

use std::{ops::Range, pin::Pin};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    fit,
    params::{ParamSpec, Params, WORKERS},
    passes::{Pass, pass_after_pass, timed, timed_async},
    workload::{Body, Info, Metric, NotApplicable, Takes, Workload},
};

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct Skynet {
    leaves: u64,
    channels: bool,
}

/// Into how many tasks a task divides what it was given.
const CHILDREN: u64 = 10;

impl Workload for Skynet {
    const INFO: Info = Info {
        name: "skynet",
        title: "Skynet",
        op: "task",
        model: Model::ForkJoin,
        metric: Metric::TimePerOp,
        shows: "What a task costs from birth to death when there are a hundred thousand of them in a moment: most live for one \
                addition and one message.",
        expect: "Allocating a task, queueing it and waking its parent are all there is, 100 to 1000 ns; fork-join pools, \
                 which need none of it, take a tenth. Tasks with stacks pay for memory that they touch the first time: \
                 running children rather before their elders keeps few alive, and so few stacks. Threads \
                 cannot be that many.",
        origin: "atemerev's skynet (2016), with a tenth of its million leaves by default.",
        params: &[
            ParamSpec { name: "leaves", about: "tasks without children", min: 2, max: 10_000_000, default: 100_000 },
            ParamSpec {
                name: "channels",
                about: "1: answers go through a channel of each parent; 0: tasks return them",
                min: 0,
                max: 1,
                default: 1,
            },
            WORKERS,
        ],
        variants: &[&[("workers", 2)]],
        full: &[
            &[("channels", 0)],
            &[("leaves", 1_000_000)],
            &[("leaves", 1_000_000), ("channels", 0)],
            &[("leaves", 1_000)],
        ],
        floor: false,
        item_ms: 50,
        round_factor: 1,
        takes: &[
            Takes { of: &[("leaves", 1_000_000)], timed_ms: 790, untimed_ms: 0 },
            Takes { of: &[], timed_ms: 75, untimed_ms: 0 },
        ],
    };

    fn new(params: &Params) -> Self {
        Skynet { leaves: params["leaves"], channels: params["channels"] == 1 }
    }

    fn expected(&self, _ops: u64) -> String {
        (self.leaves * (self.leaves - 1) / 2).to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let (this, tasks) = (*self, self.tasks_fitting(R::LIMITS)?);
        Ok(Box::new(move |contender, time| {
            pass_after_pass(time, || {
                let all = this.all();
                let (wall, sum) =
                    contender.run(move || timed(|| if this.channels { gather::<R>(all) } else { add::<R>(all) }));
                Pass { wall, ops: tasks, answer: sum.to_string() }
            })
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let (this, tasks) = (*self, self.tasks_fitting(R::LIMITS)?);
        Ok(Box::new(move |contender, time| {
            pass_after_pass(time, || {
                let all = this.all();
                let (wall, sum) = contender.run(timed_async(async move {
                    if this.channels { gather_async::<R>(all).await } else { add_async::<R>(all).await }
                }));
                Pass { wall, ops: tasks, answer: sum.to_string() }
            })
        }))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        if self.channels {
            let reason = "a task of a fork-join pool cannot wait for a message without blocking its worker";
            return Err(NotApplicable(reason.to_owned()));
        }
        let (this, tasks) = (*self, tasks(&self.all()));
        Ok(Box::new(move |contender, time| {
            pass_after_pass(time, || {
                let (wall, sum) = contender.run(|| timed(|| add_joining::<R>(this.all())));
                Pass { wall, ops: tasks, answer: sum.to_string() }
            })
        }))
    }
}

impl Skynet {
    /// The numbers of all leaves.
    fn all(self) -> Range<u64> {
        0..self.leaves
    }

    /// How many tasks there are, if all of them can be alive at once.
    fn tasks_fitting(self, limits: schedulers::model::Limits) -> Result<u64, NotApplicable> {
        let tasks = tasks(&self.all());
        fit::tasks(limits, usize::try_from(tasks).unwrap_or(usize::MAX))?;
        Ok(tasks)
    }
}

/// How many tasks it takes to add `numbers`.
fn tasks(numbers: &Range<u64>) -> u64 {
    1 + children(numbers, 0..CHILDREN).map(|child| tasks(&child)).sum::<u64>()
}

/// What those children are given that have something to do; a single number is not divided.
fn children(numbers: &Range<u64>, which: Range<u64>) -> impl Iterator<Item = Range<u64>> + use<> {
    let Range { start, end } = *numbers;
    let size = end - start;
    let from = move |nth| start + size * nth / CHILDREN;
    which.map(move |nth| from(nth)..from(nth + 1)).filter(move |child| size > 1 && !child.is_empty())
}

/// Adds `numbers`, gathering the sums of the children from a channel.
fn gather<R: Blocking>(numbers: Range<u64>) -> u64 {
    if numbers.end - numbers.start == 1 {
        return numbers.start;
    }
    let (answer, answers) = R::channel(CHILDREN as usize);
    let start = |child: Range<u64>| {
        let answer = answer.clone();
        R::spawn(move || R::send(&answer, gather::<R>(child)).expect(PARENT_STAYS))
    };
    let tasks: Vec<_> = children(&numbers, 0..CHILDREN).map(start).collect();
    let sum = tasks.iter().map(|_| R::recv(&answers).expect(PARENT_STAYS)).sum();
    tasks.into_iter().for_each(R::join);
    sum
}

const PARENT_STAYS: &str = "a parent holds both ends until its children have ended";

/// Adds `numbers`, joining the children for their sums.
fn add<R: Blocking>(numbers: Range<u64>) -> u64 {
    if numbers.end - numbers.start == 1 {
        return numbers.start;
    }
    let start = |child| R::spawn(move || add::<R>(child));
    let tasks: Vec<_> = children(&numbers, 0..CHILDREN).map(start).collect();
    tasks.into_iter().map(R::join).sum()
}

fn gather_async<R: Async>(numbers: Range<u64>) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if numbers.end - numbers.start == 1 {
            return numbers.start;
        }
        let (answer, mut answers) = R::channel(CHILDREN as usize);
        let start = |child: Range<u64>| {
            let answer = answer.clone();
            R::spawn(async move { R::send(&answer, gather_async::<R>(child).await).await.expect(PARENT_STAYS) })
        };
        let tasks: Vec<_> = children(&numbers, 0..CHILDREN).map(start).collect();
        let mut sum = 0;
        for _ in 0..tasks.len() {
            sum += R::recv(&mut answers).await.expect(PARENT_STAYS);
        }
        for task in tasks {
            R::join(task).await;
        }
        sum
    })
}

fn add_async<R: Async>(numbers: Range<u64>) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if numbers.end - numbers.start == 1 {
            return numbers.start;
        }
        let start = |child| R::spawn(add_async::<R>(child));
        let tasks: Vec<_> = children(&numbers, 0..CHILDREN).map(start).collect();
        let mut sum = 0;
        for task in tasks {
            sum += R::join(task).await;
        }
        sum
    })
}

fn add_joining<R: ForkJoin>(numbers: Range<u64>) -> u64 {
    if numbers.end - numbers.start == 1 {
        return numbers.start;
    }
    add_halves::<R>(&numbers, 0..CHILDREN)
}

/// Those children of a task, by halves.
fn add_halves<R: ForkJoin>(numbers: &Range<u64>, which: Range<u64>) -> u64 {
    if which.end - which.start == 1 {
        return children(numbers, which).map(add_joining::<R>).sum();
    }
    let middle = which.start.midpoint(which.end);
    let (lower, upper) =
        R::join(|| add_halves::<R>(numbers, which.start..middle), || add_halves::<R>(numbers, middle..which.end));
    lower + upper
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::resolve;

    fn workload(leaves: u64) -> Skynet {
        Skynet::new(&resolve(&Skynet::INFO, &[("leaves".to_owned(), leaves)].into()).unwrap())
    }

    #[test]
    fn a_million_leaves_have_the_published_sum() {
        assert_eq!(workload(1_000_000).expected(1_111_111), "499999500000");
        assert_eq!(tasks(&workload(1_000_000).all()), 1_111_111);
    }

    #[test]
    fn each_number_is_given_to_one_child() {
        for size in [2, 3, 9, 10, 11, 100, 12_345] {
            let given: Vec<_> = children(&(7..7 + size), 0..CHILDREN).collect();
            assert_eq!(given.len() as u64, size.min(CHILDREN));
            assert!(given.iter().all(|child| child.end - child.start <= size.div_ceil(CHILDREN)), "{given:?}");
            assert_eq!(given.into_iter().flatten().collect::<Vec<_>>(), (7..7 + size).collect::<Vec<_>>());
        }
        assert_eq!(children(&(7..8), 0..CHILDREN).count(), 0);
    }

    #[test]
    fn a_leaf_that_is_lost_is_noticed() {
        let right = workload(100).expected(111);
        // Leaf 0 adds nothing, as in the original; but its parent would wait for it.
        for lost in 1..100u64 {
            assert_ne!((0..100).filter(|leaf| *leaf != lost).sum::<u64>().to_string(), right);
        }
    }
}
