//! The contenders: one file each, and one line each in the list below. [`Own`] is for one that somebody brings.

mod gmp;
mod locked;
mod os_threads;
mod rayon;
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
    /// The models that its tasks can be written in.
    pub models: &'static [Model],
}

/// A contender that is not in the list below: somebody's own, in a program of its own.
pub trait Own: Contender {
    /// The model that its tasks are written in.
    const MODEL: Model;

    /// Calls the visitor's function for [`MODEL`](Own::MODEL) with this type.
    fn accept<V: Visit>(visitor: V) -> V::Output;

    /// It as lists show it.
    fn entry() -> Entry {
        Entry { name: Self::NAME, summary: Self::SUMMARY, role: Self::ROLE, models: const { &[Self::MODEL] } }
    }
}

macro_rules! contenders {
    ($($contender:ty: $($visit:ident $model:ident),+;)*) => {
        /// Every contender that is built in, in the order of the lists and legends.
        pub const ALL: &[Entry] = &[$(
            Entry { name: <$contender>::NAME, summary: <$contender>::SUMMARY, role: <$contender>::ROLE, models: &[$(Model::$model),+] },
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
    gmp::Gmp:              blocking Blocking, fork_join ForkJoin;
    os_threads::OsThreads: blocking Blocking;
    tokio::TokioMt:        asynchronous Async;
    rayon::Rayon:          fork_join ForkJoin;
}
