//! The contenders: one file each, and one line each in the list below.

mod gmp;
mod locked;
mod os_threads;
mod rayon;
mod tokio;

use crate::model::{Async, Blocking, Contender, ForkJoin, Model};

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
    /// The model its tasks are written in.
    pub model: Model,
}

macro_rules! contenders {
    ($($visit:ident $model:ident $contender:ty;)*) => {
        /// Every contender that is built in, in the order of the lists and legends.
        pub const ALL: &[Entry] = &[$(
            Entry { name: <$contender>::NAME, summary: <$contender>::SUMMARY, model: Model::$model },
        )*];

        /// Calls `visitor` with the type of the contender called `name`; `None` if there is none.
        pub fn visit<V: Visit>(name: &str, visitor: V) -> Option<V::Output> {
            $(if name == <$contender>::NAME { return Some(visitor.$visit::<$contender>()); })*
            None
        }
    };
}

contenders! {
    blocking     Blocking gmp::Gmp;
    blocking     Blocking os_threads::OsThreads;
    asynchronous Async    tokio::TokioMt;
    fork_join    ForkJoin rayon::Rayon;
}
