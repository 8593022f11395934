//! What each G of a runtime is doing, a moment ago.
//!
//! There is no list of all Gs: a list would cost each spawn. Those that have begun are found by their stacks, which say whose they are, and those that
//! have not begun stand in a queue.
//!
//! **A G that is found must not be freed while it is looked at.** Who frees one (1) takes it off its stack, (2) fences, (3) looks whether a
//! census goes on, and if so waits for its end. The census (1) says that it goes on, (2) fences, (3) looks at stacks and queues. In any order of the two
//! fences, the later one sees what the other wrote: either the G is not found any more, or its end waits. The first fence is on the way of each G, so it is
//! a compiler's fence only, and the second one a membarrier, which makes up for it (as in `enter`).

use std::{
    collections::HashSet,
    fmt,
    ptr::NonNull,
    sync::{
        PoisonError,
        atomic::{AtomicBool, Ordering::*, compiler_fence, fence},
    },
};

use super::{
    g::{DONE, G},
    lock::{Mutex, MutexGuard},
    m::{M, NO_P},
    p::P,
    sched::Sched,
    sys,
    wait_reason::WaitReason,
};

/// Whether somebody looks at all Gs; see the module.
pub(super) struct Census {
    goes_on: AtomicBool,
    /// Held by whoever looks.
    lock: Mutex<()>,
    has_heavy_barrier: bool,
}

impl Census {
    pub(super) fn new(has_heavy_barrier: bool) -> Self {
        Census { goes_on: AtomicBool::new(false), lock: Mutex::new(()), has_heavy_barrier }
    }

    /// Before a G that nobody finds any more is freed.
    #[inline]
    pub(super) fn await_end(&self) {
        if self.has_heavy_barrier {
            compiler_fence(SeqCst); // The light half of the membarrier in `begin`.
        } else {
            fence(SeqCst);
        }
        // Acquire: pairs with the Release at the end of a census: what it read of the G comes before the G is freed.
        if self.goes_on.load(Acquire) {
            self.await_end_slowly();
        }
    }

    #[cold]
    fn await_end_slowly(&self) {
        drop(self.lock());
    }

    /// Until what this gives is dropped, no G that is found is freed.
    fn begin(&self) -> impl Drop {
        struct GoesOn<'a>(&'a Census, #[expect(dead_code, reason = "held")] MutexGuard<'a, ()>);
        impl Drop for GoesOn<'_> {
            fn drop(&mut self) {
                // Before the lock is free: fields are dropped later. Release: pairs with the Acquire in `await_end`.
                self.0.goes_on.store(false, Release);
            }
        }
        let guard = self.lock();
        self.goes_on.store(true, Relaxed);
        fence(SeqCst);
        if self.has_heavy_barrier {
            sys::heavy_barrier();
        }
        GoesOn(self, guard)
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a goroutine is doing. Its text is Go's, as in a report: `chan receive`, `runnable`.
///
/// ```
/// # use schedulers::gmp::{self, GoroutineState, Runtime, WaitReason, sync::Mutex};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::builder().procs(1).build()? };
/// static LOCK: Mutex<u32> = Mutex::new(0);
/// runtime.run(|| {
///     let held = LOCK.lock();
///     let locks = gmp::spawn(|| *LOCK.lock() += 1);
///     gmp::yield_now();
///     let snapshot = runtime.snapshot();
///     assert_eq!(snapshot.count(GoroutineState::Executing), 1);
///     assert_eq!(snapshot.count(GoroutineState::Waiting(WaitReason::Mutex)), 1);
///     drop(held);
///     locks.join().unwrap();
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GoroutineState {
    /// It is parked until something happens.
    Waiting(WaitReason),
    /// It stands in a queue, or is on its way into one.
    Runnable,
    /// An M executes it.
    Executing,
    /// An M executes it, without a P: it is in a blocking call, or has lost its P because it ran for long.
    Syscall,
}

/// One goroutine in a [`Snapshot`].
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::builder().procs(1).build()? };
/// runtime.run(|| {
///     for goroutine in runtime.snapshot().goroutines {
///         assert_eq!(goroutine.id, gmp::current_id().unwrap());
///         assert_eq!(goroutine.to_string(), "goroutine 1 [executing]");
///     }
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Goroutine {
    /// Its id, as [`JoinHandle::id`](super::JoinHandle::id) and [`current_id`](super::current_id) give it.
    pub id: u64,
    /// What it is doing.
    pub state: GoroutineState,
}

/// All goroutines of a runtime, by id. Taken while they run: each was in its state at some moment, not all at the same; and one that is just being
/// handed from queue to queue may be missing, if it has never run.
///
/// ```
/// # use schedulers::gmp::{self, GoroutineState, Runtime, WaitReason};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::builder().procs(1).build()? };
/// runtime.run(|| {
///     let (sender, receiver) = gmp::channel::<()>(0);
///     let waits = gmp::spawn(move || receiver.recv());
///     gmp::yield_now();
///     let snapshot = runtime.snapshot();
///     let state = |id| snapshot.goroutines.iter().find(|goroutine| goroutine.id == id).map(|goroutine| goroutine.state);
///     assert_eq!(state(waits.id()), Some(GoroutineState::Waiting(WaitReason::ChanReceive)));
///     assert_eq!(state(gmp::current_id().unwrap()), Some(GoroutineState::Executing));
/// #   drop(sender);
/// #   let _ = waits.join();
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// In the order of their ids.
    pub goroutines: Vec<Goroutine>,
}

impl Snapshot {
    pub(super) fn of(sched: &Sched) -> Self {
        let _goes_on = sched.census.begin();
        let queued: HashSet<_> = sched.queued().into_iter().collect();
        let begun = sched.stacks.owners().filter(|g| !queued.contains(g));
        // SAFETY: found while the census goes on: not freed before its end.
        let begun = begun.filter_map(|g| unsafe { g.as_ref() }.examine());
        // SAFETY: as above.
        let queued = queued.iter().map(|g| Goroutine { id: unsafe { g.as_ref() }.id, state: GoroutineState::Runnable });
        let mut goroutines: Vec<_> = begun.chain(queued).collect();
        goroutines.sort_unstable_by_key(|goroutine| goroutine.id);
        Snapshot { goroutines }
    }

    /// How many are in `state`; [`GoroutineState`] has an example.
    pub fn count(&self, state: GoroutineState) -> usize {
        self.goroutines.iter().filter(|goroutine| goroutine.state == state).count()
    }
}

/// What an M is doing, a moment ago: for reports.
pub(super) struct Machine {
    pub(super) id: u64,
    /// The P that it holds.
    pub(super) p: Option<usize>,
    /// The G that it executes, with a P or without.
    pub(super) g: Option<u64>,
    pub(super) spins: bool,
    /// It sleeps until somebody hands it a P.
    pub(super) idle: bool,
}

impl Machine {
    /// All Ms with a thread, by id.
    pub(super) fn all(sched: &Sched) -> Vec<Self> {
        // An M's G is found as others are by their stacks: another one takes its place there, or none, before it is freed.
        let _goes_on = sched.census.begin();
        let inner = sched.lock();
        let idle: HashSet<_> = inner.idle_ms.iter().copied().collect();
        let look = |m: &M| {
            let p = m.p.load(Relaxed) & !(align_of::<P>() - 1); // Without the marks beside the address.
            // SAFETY: Ps live as long as the scheduler.
            let p = unsafe { std::ptr::with_exposed_provenance::<P>(p).as_ref() };
            // SAFETY: found while the census goes on: not freed before its end. Acquire: pairs with the Release of who made it the M's.
            let g = unsafe { m.curg.load(Acquire).as_ref() };
            Machine {
                id: m.id,
                p: p.map(|p| p.id),
                g: g.map(|g| g.id),
                spins: m.spinning.load(Relaxed),
                idle: idle.contains(&NonNull::from(m)),
            }
        };
        inner.threads.ms().filter(|m| m.tid.load(Relaxed) != 0).map(look).collect()
    }
}

impl Sched {
    /// The Gs in all queues. To be followed only while a census goes on.
    fn queued(&self) -> Vec<NonNull<G>> {
        let mut gs = Vec::new();
        self.ps.iter().for_each(|p| p.lrq.peek_all(&mut gs));
        self.lock().grq.for_each(|g| gs.push(g));
        gs
    }
}

impl G {
    /// What it is doing, if it has begun and stands in no queue; `None` if it has ended.
    fn examine(&self) -> Option<Goroutine> {
        if self.join.load(Relaxed) == DONE {
            return None;
        }
        // SAFETY: Ms live as long as the scheduler.
        let m = unsafe { self.m.load(Relaxed).as_ref() };
        let executes = m.filter(|m| std::ptr::eq(m.curg.load(Relaxed), self));
        let state = match (WaitReason::from_number(self.waits_for.load(Relaxed)), executes) {
            (Some(reason), _) => GoroutineState::Waiting(reason),
            (None, Some(m)) if m.p.load(Relaxed) == NO_P => GoroutineState::Syscall,
            (None, Some(_)) => GoroutineState::Executing,
            (None, None) => GoroutineState::Runnable,
        };
        Some(Goroutine { id: self.id, state })
    }
}

impl fmt::Display for GoroutineState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GoroutineState::Waiting(reason) => reason.fmt(f),
            GoroutineState::Runnable => f.write_str("runnable"),
            GoroutineState::Executing => f.write_str("executing"),
            GoroutineState::Syscall => f.write_str("syscall"),
        }
    }
}

/// In Go's words: `goroutine 7 [chan receive]`.
impl fmt::Display for Goroutine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "goroutine {} [{}]", self.id, self.state)
    }
}
