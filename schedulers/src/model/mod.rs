//! The programming models: what a workload may ask of a scheduler, one trait per way of writing concurrent code.
//!
//! | model | what a task is |
//! | --- | --- |
//! | [`Blocking`] | plain code on a stack of its own that blocks where it waits |
//! | [`Async`] | a future: the same verbs, awaited |
//! | [`ForkJoin`] | a closure that runs to its end: `scope` and `join` |
//!
//! The verbs are associated functions, not methods: each scheduler finds its own runtime the way its users' code does
//! (a thread-local, mostly), and that look-up is part of what is measured. Everything is statically dispatched.

pub mod asynchronous;
pub mod blocking;
pub mod fork_join;

use std::{collections::BTreeMap, io};

pub use asynchronous::Async;
pub use blocking::Blocking;
pub use fork_join::ForkJoin;

/// What every contender is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many tasks may execute at the same time: Go's GOMAXPROCS, a pool's threads. At least 1.
    pub workers: usize,
}

/// What all contenders have in common, whatever their model: a name, a version, a beginning and an end (`Drop` stops
/// every thread that `start` or a task started).
pub trait Contender: Sized + 'static {
    /// The name on the command line and in the record, such as `tokio-mt`.
    const NAME: &'static str;
    /// One line for `schedbench list`: what it is and how it is configured.
    const SUMMARY: &'static str;

    /// What part it plays in a comparison.
    const ROLE: Role = Role::Default;
    /// The most workers that it can have. Where a workload asks for more, the cell is `n/a`.
    const MAX_WORKERS: usize = usize::MAX;
    /// Whether a process can start it with one configuration only, since that is the process's and not the instance's.
    const ONE_CONFIG: bool = false;

    /// The version of the library that is linked, or of this crate.
    fn version() -> String;

    /// Starts the scheduler.
    ///
    /// # Errors
    /// The operating system's, when threads, memory or an affinity are refused.
    fn start(config: Config) -> io::Result<Self>;

    /// The configuration that the running scheduler *has*, asked of itself where it can tell; `workers` is always there.
    /// The harness refuses a contender whose echo differs from what it was asked for.
    fn echo(&self) -> BTreeMap<String, u64>;

    /// The scheduler's own counters since `start` (steals, parks, wakes), if it has any.
    fn counters(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
}

/// What part a contender plays in a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A scheduler in its default configuration.
    Default,
    /// The same scheduler in another configuration, as its users tune it; not in the default plan.
    Tuned,
    /// No scheduler at all: what the work itself takes. It has no rank.
    Floor,
}

impl Role {
    /// The name in lists and in the record.
    pub fn name(self) -> &'static str {
        match self {
            Role::Default => "default",
            Role::Tuned => "tuned",
            Role::Floor => "floor",
        }
    }
}

/// What a scheduler's own parts cannot do. A workload that needs it is `n/a` there, with the reason; nothing is emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The smallest capacity that the native bounded channel accepts: 0 is a rendezvous. `None`: its channels have no bound, so that a sender
    /// never waits.
    pub min_channel_capacity: Option<usize>,
    /// Whether several tasks may receive from one channel.
    pub many_receivers: bool,
    /// Whether a task can wait for the first of several channels.
    pub select: bool,
    /// Whether the others go on while a task makes a call that blocks its thread.
    pub blocks_aside: bool,
    /// Whether its mutex does what it should with more than one worker.
    pub sound_mutex: bool,
    /// Whether a task that yields lets every other have its turn at some time, with more than one worker as well.
    pub fair_yield: bool,
    /// How many tasks can be alive at once on a machine in its default configuration.
    pub max_tasks: usize,
}

/// The other side of a channel is gone, or the channel was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnected;

/// The name of a programming model, for lists and reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    /// [`Blocking`].
    Blocking,
    /// [`Async`].
    Async,
    /// [`ForkJoin`].
    ForkJoin,
}

impl Model {
    /// The name that lists print.
    pub fn name(self) -> &'static str {
        match self {
            Model::Blocking => "blocking",
            Model::Async => "async",
            Model::ForkJoin => "fork-join",
        }
    }
}
