//! `serial`: no scheduler at all. `join(a, b)` is `(a(), b())`, in the calling thread.
//!
//! What a fork-join workload takes in plain sequential code, written the same way: the floor under every speed-up. It has no
//! rank, and is only there for workloads that name it ([`Role::Floor`]). It has no workers either, so it stands beside any
//! number of them, and its echo is what it was asked for.

use std::{collections::BTreeMap, io, marker::PhantomData};

use crate::model::{Config, Contender, ForkJoin, Role, fork_join::ScopeSpawn};

/// Plain sequential code.
pub struct Serial {
    asked: Config,
}

impl Contender for Serial {
    const NAME: &'static str = "serial";
    const SUMMARY: &'static str = "no scheduler: a fork is a call in the same thread, whatever the number of workers";
    const ROLE: Role = Role::Floor;

    fn version() -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn start(config: Config) -> io::Result<Self> {
        Ok(Serial { asked: config })
    }

    fn echo(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([("workers".to_owned(), self.asked.workers as u64)])
    }
}

impl ForkJoin for Serial {
    type Scope<'scope> = InPlace<'scope>;

    fn run<T: Send>(&self, main: impl FnOnce() -> T + Send) -> T {
        main()
    }

    fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        (a(), b())
    }

    fn scope_in_place<'scope, T>(&self, body: impl FnOnce(&InPlace<'scope>) -> T) -> T {
        body(&InPlace(PhantomData))
    }
}

/// A scope whose tasks end before `spawn` returns.
pub struct InPlace<'scope>(PhantomData<&'scope ()>);

impl<'scope> ScopeSpawn<'scope> for InPlace<'scope> {
    fn spawn(&self, f: impl FnOnce() + Send + 'scope) {
        f();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering::Relaxed},
        thread,
    };

    use super::*;

    #[test]
    fn everything_happens_here_in_order_whatever_the_number_of_workers() {
        let contender = Serial::start(Config { workers: 7 }).unwrap();
        assert_eq!(contender.echo()["workers"], 7);
        let here = thread::current().id();
        let order = AtomicU64::new(0);
        let next = || (thread::current().id(), order.fetch_add(1, Relaxed));
        assert_eq!(contender.run(|| Serial::join(next, next)), ((here, 0), (here, 1)));
        let seen_in_scope = contender.scope_in_place(|scope| {
            scope.spawn(|| assert_eq!(next(), (here, 2)));
            order.load(Relaxed)
        });
        assert_eq!(seen_in_scope, 3);
    }

    #[test]
    #[should_panic(expected = "from the task")]
    fn a_panic_in_a_fork_reaches_the_caller_of_run() {
        let contender = Serial::start(Config { workers: 1 }).unwrap();
        contender.run(|| Serial::join(|| (), || -> () { panic!("from the task") }));
    }
}
