//! What a runtime has done so far, in numbers.

use super::sched::Sched;

/// Counts since the runtime began; a moment's view of counters that run on.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// let before = runtime.stats();
/// runtime.run(|| {
///     let handles: Vec<_> = (0..10).map(|_| gmp::spawn(gmp::yield_now)).collect();
///     handles.into_iter().for_each(|handle| handle.join().unwrap());
/// });
/// let spawned = runtime.stats().spawned - before.spawned;
/// assert_eq!(spawned, 11, "the main goroutine is one too");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Goroutines spawned.
    pub spawned: u64,
    /// Goroutines that have ended.
    pub ended: u64,
    /// Dispatches, and Ps changing hands.
    pub ticks: u64,
    /// Successful steals; each may have moved many Gs.
    pub steals: u64,
    /// Times that an M began to spin.
    pub spins: u64,
    /// Ps handed on by `block_in_place`.
    pub handoffs: u64,
    /// Ps taken by sysmon from Gs that ran too long or blocked without telling.
    pub retakes: u64,
    /// Times that the world was stopped; [`set_procs`](super::set_procs) does so too.
    pub stops: u64,
    /// Nanoseconds that goroutines have waited for a `Mutex` or an `RwLock`, all together; a wait counts when it is over.
    pub lock_wait_ns: u64,
    /// Goroutines that wait for the network now.
    pub net_waiting: u64,
    /// Threads that it has now, sysmon included.
    pub threads: u64,
}

impl Stats {
    pub(super) fn of(sched: &Sched) -> Stats {
        let sum = |of: fn(&super::p::P) -> u64| sched.ps.ever().map(of).sum::<u64>();
        Stats {
            spawned: sched.spawned(),
            ended: sched.ended(),
            ticks: sum(|p| u64::from(p.tick.load(std::sync::atomic::Ordering::Relaxed))),
            steals: sum(|p| p.counters.steals.get()),
            spins: sum(|p| p.counters.spins.get()),
            handoffs: sum(|p| p.counters.handoffs.get()),
            retakes: sum(|p| p.counters.retakes.get()),
            stops: sched.stops.count(),
            lock_wait_ns: sum(|p| p.counters.lock_wait_ns.get()),
            net_waiting: sched.netpoll.waiting() as u64,
            threads: sched.lock().threads.count as u64,
        }
    }
}
