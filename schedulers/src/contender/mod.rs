//! The contenders: one file each, and one line each in the list below. [`Own`] is for one that somebody brings.

mod gmp;
mod locked;
mod may;
mod os_threads;
mod rayon;
mod serial;
mod smol;
mod tokio;

use crate::model::{Async, Blocking, Contender, ForkJoin, Model, Role};

/// Code that runs for a contender that is known only by name, generic over the contender's type: what it calls inside
/// is statically dispatched.
pub trait Visit {
    /// What the visit gives back.
    type Output;
    /// The contender is a [`Blocking`] one.
    fn blocking<R: Blocking>(self) -> Self::Output;
    /// The contender is an [`Async`] one.
    fn asynchronous<R: Async>(self) -> Self::Output;
    /// The contender is a [`ForkJoin`] one.
    fn fork_join<R: ForkJoin>(self) -> Self::Output;
}

/// A contender as lists show it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name on the command line and in the record.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// What part it plays.
    pub role: Role,
    /// The most workers that it can have.
    pub max_workers: usize,
    /// Whether a process can start it with one configuration only.
    pub one_config: bool,
    /// The models that its tasks can be written in.
    pub models: &'static [Model],
}

impl Entry {
    const fn of<C: Contender>(models: &'static [Model]) -> Entry {
        Entry {
            name: C::NAME,
            summary: C::SUMMARY,
            role: C::ROLE,
            max_workers: C::MAX_WORKERS,
            one_config: C::ONE_CONFIG,
            models,
        }
    }
}

/// A contender that is not in the list below: somebody's own, in a program of its own.
pub trait Own: Contender {
    /// The model that its tasks are written in.
    const MODEL: Model;

    /// Calls the visitor's function for [`MODEL`](Own::MODEL) with this type.
    fn accept<V: Visit>(visitor: V) -> V::Output;

    /// It as lists show it.
    fn entry() -> Entry {
        Entry::of::<Self>(const { &[Self::MODEL] })
    }
}

macro_rules! contenders {
    ($($contender:ty: $($visit:ident $model:ident),+;)*) => {
        /// Every contender that is built in, in the order of the lists and legends.
        pub const ALL: &[Entry] = &[$(
            Entry::of::<$contender>(&[$(Model::$model),+]),
        )*];

        /// Calls `visitor` with the type of the contender called `name`, as one of `model`; `None` if there is none.
        pub fn visit<V: Visit>(name: &str, model: Model, visitor: V) -> Option<V::Output> {
            $($(if (name, model) == (<$contender>::NAME, Model::$model) {
                return Some(visitor.$visit::<$contender>());
            })+)*
            None
        }
    };
}

contenders! {
    gmp::Gmp:                       blocking Blocking, fork_join ForkJoin;
    os_threads::OsThreads:          blocking Blocking;
    os_threads::OsThreadsPinned:    blocking Blocking;
    os_threads::OsThreadsCrossbeam: blocking Blocking;
    tokio::TokioMt:                 asynchronous Async;
    tokio::TokioMtTuned:            asynchronous Async;
    tokio::TokioCt:                 asynchronous Async;
    rayon::Rayon:                   fork_join ForkJoin;
    smol::Smol:                     asynchronous Async;
    may::May:                       blocking Blocking;
    may::MayLargePool:              blocking Blocking;
    serial::Serial:                 fork_join ForkJoin;
}
