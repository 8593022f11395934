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
