//! Stopping the world: taking all Ps, so that nothing is dispatched until they are given back. It is what a collector's pause does to a scheduler,
//! and how the number of Ps is changed.
//!
//! A P is stopped in one of two ways. An idle one stays on the idle list, from which nobody takes one meanwhile. One that an M holds is *lent*: the M's word
//! for it says so ([`LENT`]), and the M keeps its claim. What an M does with a P that it has lent:
//!
//! - in the code of a G: nothing; it runs on, and does not even notice if it does not call gmp meanwhile. So a hog does not hold up the stop, and keeps its thread
//!   and its P across it.
//! - at its next entry, or on g0: it waits.
//!
//! The steps:
//! 1. The stopper waits for its turn, lends its own P, if it is a G, and says that the world is being stopped, under the scheduler's lock. From now on nobody is handed a P, and those that
//!    are given up go to the idle list.
//! 2. It asks for the other Ps that Ms hold, as sysmon does ([`WANTED`]); an M that sees it at an entry, or on g0, lends its P by itself, under
//!    the lock, having seen there that it must.
//! 3. A membarrier, and from Ms that are in the code of a G it takes their Ps, by the exchange that sysmon would make, for `LENT` instead of `NO_P`. The argument is
//!    the one in `enter`.
//! 4. Again from 2, until each P is idle or lent. Now the stopper owns all of them.
//! 5. The world starts: under the lock every lent P is given back, by a store, since nobody but the stopper changes a word that says `LENT`, and the
//!    world is said to run; those who wait look again.

use std::{sync::atomic::AtomicI32, time::Duration};

use super::{
    atomic::{AtomicU32, Ordering::*},
    enter::enter,
    futex::{self, NEVER},
    grq::Fifo,
    m::{self, LENT, M, NO_P, USER, WANTED},
    p::P,
    ps::MAX_PROCS,
    sched::Sched,
    snapshot::Snapshot,
    stats::Stats,
    sync::{Mutex, MutexGuard},
    sys, trace,
};

/// Looks at Ms inside the scheduler that only give way to other threads: they come out within a microsecond, if they have a core.
const QUICK_LOOKS: u32 = 8;
/// Between later looks. Go: 100 us.
const LOOK_AGAIN: Duration = Duration::from_micros(20);

/// A runtime's stops.
pub(super) struct Stops {
    /// One at a time.
    turn: Mutex<()>,
    /// How often the world was stopped or started: odd while it is stopped, or being stopped. Changed under the scheduler's lock; a futex.
    changes: AtomicU32,
    /// The kernel's id of the thread that has stopped it; 0 while it runs.
    by: AtomicI32,
}

impl Stops {
    pub(super) fn new() -> Self {
        Stops { turn: Mutex::new(()), changes: AtomicU32::new(0), by: AtomicI32::new(0) }
    }

    /// How often the world was stopped.
    pub(super) fn count(&self) -> u64 {
        u64::from(self.changes.load(Relaxed).div_ceil(2))
    }

    /// Whether the world is stopped, or being stopped.
    #[inline]
    pub(super) fn in_force(&self) -> bool {
        self.changes.load(Relaxed) % 2 == 1
    }
}

/// What can be seen and done while the world is stopped, see [`stop_the_world`].
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| {
///     let (sender, receiver) = gmp::channel::<()>(0);
///     let waits = gmp::spawn(move || receiver.recv());
///     let (all, ended) = gmp::stop_the_world(|world| (world.snapshot().goroutines.len(), world.stats().ended));
///     assert_eq!((all, ended), (2, 0), "nobody comes or goes meanwhile");
///     drop(sender);
///     assert!(waits.join().unwrap().is_err());
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct World<'a> {
    sched: &'a Sched,
}

/// Stops every P of the calling goroutine's runtime, calls `f`, and starts them again: the pause that a garbage collector makes. Meanwhile no goroutine is
/// dispatched, none is woken by a timer or the network, and none gets past a call to gmp.
///
/// A goroutine in the middle of a computation or a blocking call does not hold it up: its P is taken, and its thread runs on until its next call to gmp. (Where the
/// kernel has no membarrier, it is waited for.)
///
/// `f` is not part of the runtime: its calls to gmp work as on a plain thread. It must not wait for a goroutine, since none can come; nor take a lock that a
/// goroutine may hold while it waits.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::builder().procs(2).build()? };
/// runtime.run(|| {
///     let procs = gmp::stop_the_world(|world| {
///         println!("{:?}", world.snapshot());
///         world.procs()
///     });
///     assert_eq!(procs, 2);
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// On a thread that belongs to no runtime ([`Runtime::stop_the_world`](super::Runtime::stop_the_world) is for those), and inside of `f`. If `f` does, the world
/// starts again first.
pub fn stop_the_world<T>(f: impl FnOnce(&World<'_>) -> T) -> T {
    super::runtime::current_sched(|sched| sched.stop_the_world(f))
}

/// Changes how many Ps the runtime of the calling goroutine has (Go's `runtime.GOMAXPROCS(n)`); the number before.
///
/// The world is stopped for it, unless the number is the same. The queue of a P that goes away becomes the front of the global one.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::builder().procs(2).build()? };
/// runtime.run(|| {
///     assert_eq!(gmp::set_procs(1), 2);
///     assert_eq!(gmp::procs(), 1);
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// If `procs` is 0, more than 65,536, or does not leave one of the runtime's `max_threads` for sysmon; on a thread that belongs to no runtime; inside of
/// [`stop_the_world`].
pub fn set_procs(procs: usize) -> usize {
    super::runtime::current_sched(|sched| sched.set_procs(procs))
}

impl World<'_> {
    /// How many Ps are stopped.
    pub fn procs(&self) -> usize {
        self.sched.ps.len()
    }

    /// What each goroutine is doing; those that are said to execute have been interrupted there.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(self.sched)
    }

    /// What the runtime has done so far.
    pub fn stats(&self) -> Stats {
        Stats::of(self.sched)
    }
}

impl Sched {
    pub(super) fn stop_the_world<T>(&self, f: impl FnOnce(&World<'_>) -> T) -> T {
        let _stopped = Stopped::begin(self);
        f(&World { sched: self })
    }

    pub(super) fn set_procs(&self, procs: usize) -> usize {
        assert!((1..=MAX_PROCS).contains(&procs), "set_procs({procs}): expected 1 to {MAX_PROCS}");
        assert!(procs < self.max_threads, "set_procs({procs}): the runtime may have {} threads", self.max_threads);
        if procs == self.ps.len() {
            return procs;
        }
        let stopped = Stopped::begin(self);
        let before = self.ps.len();
        self.resize(procs);
        drop(stopped);
        if let Some(local) = enter() {
            local.exit(); // A caller whose P went away takes its turn for another here.
        }
        before
    }

    /// The world is stopped, and the caller has stopped it.
    fn resize(&self, len: usize) {
        let before = self.ps.len();
        let mut inner = self.lock();
        let mut gs = Fifo::new();
        for p in self.ps.iter().skip(len) {
            // Its owner, that is we, in the order in which it would have run them.
            let next = || p.lrq.take_next().or_else(|| p.lrq.pop()).or_else(|| self.take_job(p));
            std::iter::from_fn(next).for_each(|g| gs.push(g));
            // SAFETY: we own all Ps.
            self.stacks.spill_all(&mut unsafe { p.own() }.stacks);
        }
        inner.grq.push_all_front(gs);
        inner.idle_ps.retain(|&id| id < len);
        inner.idle_ps.extend(before..len);
        self.ps.resize(len);
        self.publish(&inner);
    }

    /// The Ps that are neither idle nor lent.
    fn moving(&self) -> Vec<&P> {
        let inner = self.lock();
        self.ps.iter().filter(|p| !inner.idle_ps.contains(&p.id) && p.lender().is_none()).collect()
    }

    /// Steps 2 to 4.
    fn take_all_ps(&self) {
        let mut looks = 0;
        loop {
            let moving = self.moving();
            if moving.is_empty() {
                return;
            }
            // SAFETY: Ms live as long as the scheduler.
            let held = moving.iter().filter_map(|p| Some((p.word(), unsafe { p.m.load(Acquire).as_ref() }?)));
            let held: Vec<_> = held.collect();
            for (p, m) in &held {
                // AcqRel: the M that sees the wish sees why.
                let _ = m.p.compare_exchange(*p, p | WANTED, AcqRel, Relaxed);
            }
            if self.has_heavy_barrier {
                sys::heavy_barrier();
                for (p, m) in &held {
                    // Acquire: pairs with the Release of the exit.
                    if m.place.load(Acquire) == USER {
                        let _ = m.p.compare_exchange(p | WANTED, p | LENT, AcqRel, Relaxed);
                    }
                }
            }
            looks += 1;
            if looks <= QUICK_LOOKS { std::thread::yield_now() } else { std::thread::sleep(LOOK_AGAIN) }
        }
    }
}

impl P {
    /// As it stands in the word of the M that holds it.
    fn word(&self) -> usize {
        std::ptr::from_ref(self).expose_provenance()
    }

    /// The M that has lent it.
    fn lender(&self) -> Option<&M> {
        // SAFETY: Ms live as long as the scheduler.
        let m = unsafe { self.m.load(Acquire).as_ref() }?;
        // Acquire: pairs with the Release of the M that lends it: what that did to the P is seen.
        (m.p.load(Acquire) == self.word() | LENT).then_some(m)
    }
}

impl M {
    /// Own thread, in the scheduler, with a P: lends it, if the world is being stopped, and waits for the start, more than once if need be. `false`: it has
    /// no P now.
    #[cold]
    pub(super) fn give_way(&self) -> bool {
        loop {
            self.await_start();
            if !self.has_p() {
                return false;
            }
            let inner = self.sched().lock();
            if !self.sched().stops.in_force() {
                return true;
            }
            self.lend();
            drop(inner);
        }
    }

    /// The stopper's own M, and those that stop by themselves, under the scheduler's lock.
    fn lend(&self) {
        // Release: pairs with the Acquire in `lender`. A wish that sysmon may have made ends here.
        self.p.fetch_or(LENT, Release);
    }

    /// Own thread: if the P is lent, waits until it is given back, or is gone for good.
    #[inline]
    pub(super) fn await_start(&self) {
        let changes = &self.sched().stops.changes;
        loop {
            // Acquire: pairs with the Release of the start: if this is later than the stop that the P was lent for, the P is seen to be given back.
            let seen = changes.load(Acquire);
            // Acquire: pairs with the Release of the start: what the stopper did to the P is seen.
            if self.p.load(Acquire) & LENT != LENT {
                return;
            }
            futex::wait(changes, seen, NEVER);
        }
    }
}

/// The world is stopped; dropped, it starts.
struct Stopped<'a> {
    sched: &'a Sched,
    /// The M of the G that stopped it, if that one is of this runtime.
    m: Option<&'a M>,
    _turn: MutexGuard<'a, ()>,
}

impl<'a> Stopped<'a> {
    fn begin(sched: &'a Sched) -> Self {
        // SAFETY: Ms live as long as their threads; a G that stops its runtime's world does not leave its M before the start.
        let here = || unsafe { m::current().as_ref() }.filter(|m| std::ptr::eq(m.sched, sched));
        // Relaxed: whoever reads the id of its own thread there has written it.
        let by_us = sched.stops.by.load(Relaxed) == sys::thread_id();
        assert!(!by_us, "the world is stopped already, by the caller");
        let turn = sched.stops.turn.lock();
        let local = here().and_then(|_| enter());
        let m = here();
        if let Some(m) = m {
            m.stops_world.set(true);
        }
        let inner = sched.lock();
        if let (Some(local), Some(m)) = (local, m) {
            m.lend();
            local.exit();
        }
        sched.stops.changes.fetch_add(1, Relaxed); // The lock orders it.
        drop(inner);
        sched.take_all_ps();
        sched.stops.by.store(sys::thread_id(), Relaxed);
        Stopped { sched, m, _turn: turn }
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        let sched = self.sched;
        sched.stops.by.store(0, Relaxed);
        let inner = sched.lock();
        let len = sched.ps.len();
        // The runtime's end has asked for these Ps too, and the word of one that is lent has no room for a wish.
        let wish = if sched.shutting_down.load(Relaxed) { WANTED } else { 0 };
        for p in sched.ps.ever() {
            let Some(m) = p.lender() else { continue };
            let word = if p.id < len {
                p.word() | wish
            } else {
                trace::retakes(sched, p, m);
                p.m.store(std::ptr::null_mut(), Relaxed);
                NO_P
            };
            m.p.store(word, Release); // Pairs with the Acquire in `await_start` and in `enter`.
        }
        sched.stops.changes.fetch_add(1, Release); // Pairs with the Acquire in `await_start`.
        drop(inner);
        if let Some(m) = self.m {
            m.stops_world.set(false);
        }
        futex::wake_all(&sched.stops.changes);
        sched.sysmon.rouse();
        // Who was made runnable meanwhile found no P to wake anybody for.
        if sched.work_visible() {
            sched.wakep();
        }
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use crate::gmp::g::{Borrows, G};

    #[test]
    fn the_queue_of_a_p_that_goes_away_comes_before_the_global_one_in_its_order() {
        let sched = Sched::new(2, 64 << 10, 10, None).unwrap();
        let gs: Vec<_> = (0..10).map(|n| G::allocate(|| (), n, &raw const sched, Borrows::NOTHING, None)).collect();
        sched.push_global(gs[9]);
        let p = sched.ps.get(1);
        gs[1..9].iter().rev().for_each(|&g| sched.push_local(p, g));
        assert_eq!(p.lrq.set_next(gs[0]), None);
        sched.resize(1);
        let order = std::iter::from_fn(|| sched.pop_global());
        // SAFETY: nobody has freed them.
        let ids: Vec<_> = order.map(|g| unsafe { g.as_ref() }.id).collect();
        assert_eq!(ids, [0, 8, 7, 6, 5, 4, 3, 2, 1, 9]);
        // SAFETY: both references are ours.
        gs.into_iter().for_each(|g| unsafe { G::free(g, None) });
    }
}
