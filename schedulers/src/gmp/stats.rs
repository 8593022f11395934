//! What a runtime has done so far, in numbers.
//!
//! Each P counts for itself, in words that its owner alone writes; what belongs to no P is counted under the lock that it happens under. So a count costs a load and a
//! store, and whoever reads adds up.

use std::sync::atomic::Ordering::Relaxed;

use super::{p::P, sched::Sched};

/// Counts since the runtime began; a moment's view of counters that run on.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::builder().procs(1).build()? };
/// let before = runtime.stats();
/// runtime.run(|| gmp::spawn(|| ()).join().unwrap());
/// let after = runtime.stats();
/// assert_eq!(after.spawned - before.spawned, 2, "the main goroutine is one too");
/// assert_eq!(after.parks - before.parks, 1, "it has waited for the other");
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
    /// Times that a goroutine parked: waited for a channel, a lock, a timer, a socket, or another's end.
    pub parks: u64,
    /// Successful steals; each may have moved many Gs.
    pub steals: u64,
    /// Times that an M began to spin.
    pub spins: u64,
    /// Sleeping Ms woken for work, and Ms started for it.
    pub wakes: u64,
    /// Ps handed on by `block_in_place`.
    pub handoffs: u64,
    /// Ps taken by sysmon from Gs that ran too long or blocked without telling.
    pub retakes: u64,
    /// Times that the world was stopped; [`set_procs`](super::set_procs) does so too.
    pub stops: u64,
    /// Nanoseconds that goroutines have waited for a `Mutex` or an `RwLock`, all together; a wait counts when it is over.
    pub lock_wait_ns: u64,
    /// Timers that ran out: sleeps that are over, waits that took too long.
    pub timers_fired: u64,
    /// Times that an M, or sysmon, asked the system for sockets that have become ready, or slept until there were some.
    pub net_polls: u64,
    /// Goroutines that wait for the network now.
    pub net_waiting: u64,
    /// Threads that it has now, sysmon included.
    pub threads: u64,
    /// Of these, Ms that sleep for want of work.
    pub idle_threads: u64,
}

impl Stats {
    pub(super) fn of(sched: &Sched) -> Stats {
        let sum = |of: fn(&P) -> u64| sched.ps.ever().map(of).sum::<u64>();
        let (threads, idle_threads) = {
            let inner = sched.lock();
            (inner.threads.count as u64, inner.idle_ms.len() as u64)
        };
        Stats {
            spawned: sched.spawned(),
            ended: sched.ended(),
            ticks: sum(|p| u64::from(p.tick.load(Relaxed))),
            parks: sum(|p| p.counters.parks.get()),
            steals: sum(|p| p.counters.steals.get()),
            spins: sum(|p| p.counters.spins.get()),
            wakes: sum(|p| p.counters.wakes.get()),
            handoffs: sum(|p| p.counters.handoffs.get()),
            retakes: sum(|p| p.counters.retakes.get()),
            stops: sched.stops.count(),
            lock_wait_ns: sum(|p| p.counters.lock_wait_ns.get()),
            timers_fired: sched.timers.fired(),
            net_polls: sched.netpoll.polls(),
            net_waiting: sched.netpoll.waiting() as u64,
            threads,
            idle_threads,
        }
    }
}
