//! `fork_join`: three recursive problems whose every call is a task: Fibonacci numbers, queens on a board, an unbalanced tree.
//!
//! What it shows, what to expect and whose it is: see [`ForkJoin::INFO`](Workload::INFO), which the report prints.
//!
//! A node of the recursion starts a task for each of its children but the last, which it calls itself, and then joins them. The operation is such a
//! fork, so there are as many for every model: the leaves of the recursion less one. Fork-join pools get the children by halves, through `join`.
//! With `cutoff` = c, a sub-problem with c levels below it, or fewer, is done by plain code and counts as a leaf.
//!
//! A slice is pass after pass over the whole problem. A pass is timed inside the main task, from the first call to its return; counting the forks is
//! not timed. The answers are known: the Fibonacci number, the number of solutions, the published size of the tree.

mod fib;
mod nqueens;
mod tree;
mod uts;

use schedulers::model::{self, Async, Blocking, Model};

use self::{nqueens::Board, uts::Node};
use crate::{
    fit,
    params::{ParamSpec, Params, WORKERS},
    passes::{Pass, pass_after_pass, timed, timed_async},
    workload::{Body, Info, Metric, NotApplicable, Takes, Workload},
};

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct ForkJoin {
    kernel: Kernel,
    n: u64,
    cutoff: u64,
}

#[derive(Clone, Copy)]
enum Kernel {
    Fib,
    Nqueens,
    Uts,
}

impl Workload for ForkJoin {
    const INFO: Info = Info {
        name: "fork_join",
        title: "Fork and join",
        op: "fork",
        model: Model::ForkJoin,
        metric: Metric::TimePerOp,
        shows: "What it costs to divide work so finely that there is hardly any work in a task: recursive calls that \
                may each run elsewhere. Fibonacci numbers are nothing but forks, queens have a little work at a node, \
                and the tree (UTS) hashes at each and is so unbalanced that no division made beforehand is even.",
        expect: "A fork-join pool leaves a fork where it is until somebody idle takes it: some ns a fork on one \
                 worker, half of it on two. A task that can be waited for from anywhere has to be allocated, queued \
                 and woken for: 200 to 1000 ns. A thread takes 10 us or more, and there cannot be enough of them \
                 without a cut-off. On two workers all gain while there are many more tasks than workers; who queues \
                 tasks in one shared place gains least.",
        origin: "Cilk's fib; libfork, runtime-benchmarks and rayon's demos; UTS (Olivier et al., LCPC 2006), its tree T1.",
        params: &[
            ParamSpec {
                name: "kernel",
                about: "0: the n-th Fibonacci number; 1: n queens on a board of n by n; 2: the tree T1 of UTS, n levels of it",
                min: 0,
                max: 2,
                default: 0,
            },
            ParamSpec {
                name: "n",
                about: "the size; at most 14 queens, and 10 levels of T1",
                min: 1,
                max: 40,
                default: 25,
            },
            ParamSpec {
                name: "cutoff",
                about: "sub-problems with so many levels below them, or fewer, are plain code",
                min: 0,
                max: 40,
                default: 0,
            },
            WORKERS,
        ],
        variants: &[
            &[],
            &[("kernel", 1), ("n", 12), ("cutoff", 9), ("workers", 2)],
            &[("kernel", 2), ("n", 7), ("workers", 2)],
        ],
        full: &[&[("n", 30)], &[("n", 30), ("cutoff", 17)], &[("kernel", 1), ("n", 12)], &[("kernel", 2), ("n", 10)]],
        floor: true,
        item_ms: 0,
        round_factor: 1,
        takes: &[
            Takes { of: &[("kernel", 0), ("n", 25), ("cutoff", 0)], timed_ms: 60, untimed_ms: 0 },
            Takes { of: &[("kernel", 0), ("n", 30), ("cutoff", 0)], timed_ms: 750, untimed_ms: 0 },
            Takes { of: &[("kernel", 1), ("n", 12), ("cutoff", 0)], timed_ms: 215, untimed_ms: 0 },
            Takes { of: &[("kernel", 2), ("n", 10)], timed_ms: 2_100, untimed_ms: 0 },
            Takes { of: &[], timed_ms: 20, untimed_ms: 0 },
        ],
    };

    fn new(params: &Params) -> Self {
        let kernel = match params["kernel"] {
            0 => Kernel::Fib,
            1 => Kernel::Nqueens,
            _ => Kernel::Uts,
        };
        ForkJoin { kernel, n: params["n"], cutoff: params["cutoff"] }
    }

    fn expected(&self, _ops: u64) -> String {
        // What is not known here is not applicable below, and no one asks for it.
        let known = match self.kernel {
            Kernel::Fib => fib::number(self.n),
            Kernel::Nqueens => nqueens::solutions(self.n).unwrap_or_default(),
            Kernel::Uts => uts::size(self.n).map(|size| size.nodes).unwrap_or_default(),
        };
        known.to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let (this, forks) = (*self, self.forks()?);
        fit::tasks(R::LIMITS, usize::try_from(forks).unwrap_or(usize::MAX))?;
        Ok(Box::new(move |contender, time| {
            pass_after_pass(time, || {
                let (wall, value) = contender.run(move || {
                    timed(|| match this.kernel {
                        Kernel::Fib => fib::blocking::<R>(this.n, this.cutoff),
                        Kernel::Nqueens => tree::blocking::<R, _>(Board::empty(this.n), this.cutoff),
                        Kernel::Uts => tree::blocking::<R, _>(Node::root(this.n), this.cutoff),
                    })
                });
                Pass { wall, ops: forks, answer: value.to_string() }
            })
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let (this, forks) = (*self, self.forks()?);
        fit::tasks(R::LIMITS, usize::try_from(forks).unwrap_or(usize::MAX))?;
        Ok(Box::new(move |contender, time| {
            pass_after_pass(time, || {
                let (wall, value) = contender.run(timed_async(async move {
                    match this.kernel {
                        Kernel::Fib => fib::asynchronous::<R>(this.n, this.cutoff).await,
                        Kernel::Nqueens => tree::asynchronous::<R, _>(Board::empty(this.n), this.cutoff).await,
                        Kernel::Uts => tree::asynchronous::<R, _>(Node::root(this.n), this.cutoff).await,
                    }
                }));
                Pass { wall, ops: forks, answer: value.to_string() }
            })
        }))
    }

    fn fork_join<R: model::ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        let (this, forks) = (*self, self.forks()?);
        Ok(Box::new(move |contender, time| {
            pass_after_pass(time, || {
                let (wall, value) = contender.run(|| {
                    timed(|| match this.kernel {
                        Kernel::Fib => fib::fork_join::<R>(this.n, this.cutoff),
                        Kernel::Nqueens => tree::fork_join::<R, _>(Board::empty(this.n), this.cutoff),
                        Kernel::Uts => tree::fork_join::<R, _>(Node::root(this.n), this.cutoff),
                    })
                });
                Pass { wall, ops: forks, answer: value.to_string() }
            })
        }))
    }
}

impl ForkJoin {
    /// How many forks a pass has, which is also how many tasks may be alive at once beside the main task.
    fn forks(&self) -> Result<u64, NotApplicable> {
        let ForkJoin { n, cutoff, .. } = *self;
        let leaves = match self.kernel {
            Kernel::Fib => fib::leaves(n, cutoff),
            Kernel::Nqueens if nqueens::solutions(n).is_some() => tree::leaves(Board::empty(n), cutoff),
            Kernel::Nqueens => return Err(NotApplicable(format!("{n} queens take too long: 14 at most"))),
            // Below a cut there are no children, and so there are none below the last level: the cut tree is a smaller tree.
            Kernel::Uts if n <= uts::LEVELS => uts::size(n.saturating_sub(cutoff)).expect("it has fewer levels").leaves,
            Kernel::Uts => return Err(NotApplicable(format!("T1 has {} levels, not {n}", uts::LEVELS))),
        };
        match leaves - 1 {
            0 => Err(NotApplicable(format!("n={n} with a cut-off of {cutoff} leaves nothing to fork"))),
            forks => Ok(forks),
        }
    }
}
