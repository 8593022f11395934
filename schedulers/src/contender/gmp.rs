//! `gmp`: the scheduler of this crate, with its own channels, timers and blocking calls.

use std::{
    collections::BTreeMap,
    io,
    time::{Duration, Instant},
};

use crate::{
    gmp::{self, JoinHandle, Receiver, Runtime, Sender},
    model::{Blocking, Config, Contender, Disconnected},
};

/// A gmp runtime with one P per worker.
pub struct Gmp(Runtime);

impl Contender for Gmp {
    const NAME: &'static str = "gmp";
    const SUMMARY: &'static str = "our own: Go's G/M/P scheduler in Rust, one P per worker";

    fn version() -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn start(config: Config) -> io::Result<Self> {
        // SAFETY: the workloads are plain code that keeps no reference into a thread-local and no guard of another library across a call that
        // may park.
        unsafe { Runtime::builder().procs(config.workers).build() }.map(Gmp)
    }

    fn echo(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([("workers".to_owned(), self.0.procs() as u64)])
    }

    fn counters(&self) -> BTreeMap<String, u64> {
        let stats = self.0.stats();
        let counters = [
            ("spawned", stats.spawned),
            ("ticks", stats.ticks),
            ("steals", stats.steals),
            ("spins", stats.spins),
            ("handoffs", stats.handoffs),
            ("retakes", stats.retakes),
        ];
        counters.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    }
}

impl Blocking for Gmp {
    type JoinHandle<T: Send + 'static> = JoinHandle<T>;
    type Sender<T: Send + 'static> = Sender<T>;
    type Receiver<T: Send + 'static> = Receiver<T>;

    fn run<T: Send + 'static>(&self, main: impl FnOnce() -> T + Send + 'static) -> T {
        self.0.run(main)
    }

    fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        gmp::spawn(f)
    }

    fn join<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        handle.join().unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    fn yield_now() {
        gmp::yield_now();
    }

    fn sleep(duration: Duration) {
        gmp::time::sleep(duration);
    }

    fn sleep_until(deadline: Instant) {
        gmp::time::sleep_until(deadline);
    }

    fn block_in_place<T>(f: impl FnOnce() -> T) -> T {
        gmp::block_in_place(f)
    }

    fn channel<T: Send + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        gmp::channel(capacity)
    }

    fn send<T: Send + 'static>(sender: &Sender<T>, value: T) -> Result<(), Disconnected> {
        sender.send(value).map_err(|_| Disconnected)
    }

    fn recv<T: Send + 'static>(receiver: &Receiver<T>) -> Result<T, Disconnected> {
        receiver.recv().map_err(|_| Disconnected)
    }
}
