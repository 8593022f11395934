//! `rayon`: a pool of its own, so that the number of workers is ours; its `join` and its in-place scope.

use std::{collections::BTreeMap, io};

use rayon::{Scope, ThreadPool, ThreadPoolBuilder};

use super::locked;
use crate::model::{Config, Contender, ForkJoin, fork_join::ScopeSpawn};

/// A rayon thread pool.
pub struct Rayon {
    pool: ThreadPool,
}

impl Contender for Rayon {
    const NAME: &'static str = "rayon";
    const SUMMARY: &'static str =
        "a rayon pool with its default configuration; work-stealing fork-join, no channels, no timers";

    fn version() -> String {
        locked::version("rayon")
    }

    fn start(config: Config) -> io::Result<Self> {
        let pool = ThreadPoolBuilder::new().num_threads(config.workers).build().map_err(io::Error::other)?;
        Ok(Rayon { pool })
    }

    fn echo(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([("workers".to_owned(), self.pool.current_num_threads() as u64)])
    }
}

impl ForkJoin for Rayon {
    type Scope<'scope> = Scope<'scope>;

    fn run<T: Send>(&self, main: impl FnOnce() -> T + Send) -> T {
        self.pool.install(main)
    }

    fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        rayon::join(a, b)
    }

    fn scope_in_place<'scope, T>(&self, body: impl FnOnce(&Scope<'scope>) -> T) -> T {
        self.pool.in_place_scope(body)
    }
}

impl<'scope> ScopeSpawn<'scope> for Scope<'scope> {
    fn spawn(&self, f: impl FnOnce() + Send + 'scope) {
        Scope::spawn(self, |_| f());
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn main_and_forks_run_in_the_pool_and_the_echo_is_the_pools() {
        let contender = Rayon::start(Config { workers: 3 }).unwrap();
        assert_eq!(contender.echo()["workers"], 3);
        let (threads, sum) = contender.run(|| (rayon::current_num_threads(), Rayon::join(|| 1, || 2)));
        assert_eq!((threads, sum), (3, (1, 2)));
    }

    #[test]
    fn a_scope_in_place_keeps_its_body_here_and_sends_its_tasks_there() {
        let contender = Rayon::start(Config { workers: 2 }).unwrap();
        let here = thread::current().id();
        let elsewhere = AtomicU64::new(0);
        let body_ran_on = contender.scope_in_place(|scope| {
            for _ in 0..10 {
                ScopeSpawn::spawn(scope, || {
                    elsewhere.fetch_add(u64::from(thread::current().id() != here), Ordering::Relaxed);
                });
            }
            thread::current().id()
        });
        assert_eq!((body_ran_on, elsewhere.into_inner()), (here, 10));
    }

    #[test]
    #[should_panic(expected = "from the task")]
    fn a_panic_in_a_fork_reaches_the_caller_of_run() {
        let contender = Rayon::start(Config { workers: 1 }).unwrap();
        contender.run(|| Rayon::join(|| (), || -> () { panic!("from the task") }));
    }
}
