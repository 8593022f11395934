//! A mutual exclusion lock in parking_lot's shape: no poisoning, a guard that unlocks.
//!
//! One word says free, locked, or locked with waiters; an uncontended lock and unlock are one locked instruction each. Who does not get the lock
//! puts itself on a FIFO list and parks.
//!
//! **Nobody is overtaken for ever.** Unlocking lets whoever comes first have it ("barging": handing the lock to a G that must first be
//! dispatched would make everybody wait for that), and wakes the head of the list. If that one finds the lock taken again, it
//! goes back to the *head* and insists: the unlock that finds it there *hands* it the lock, which stays locked. So a waiter at the head loses
//! against others only between being woken and being dispatched, and only once; those behind it move up each time that one at the
//! head is served. (Go reaches the same by a clock, 1 ms, and then hands over every time; we by a count, and then barge again.)
//!
//! **No wake-up is lost.** The list is behind a lock of its own, and a waiter goes on the list and writes `CONTENDED` under it. While the word
//! says so, no unlock succeeds by its fast path, so the next one takes the list's lock and finds the waiter. That unlock writes `FREE`
//! although more may wait: but it has woken one, and that one writes `CONTENDED` whatever it finds, lock or no lock, before it
//! goes on. The other who can write `LOCKED` over a list that is not empty is one who barges in meanwhile; the one that was woken
//! turns that into `CONTENDED` too. Models of this run under loom, at the end of the file.

use std::{
    cell::UnsafeCell,
    fmt,
    ops::{Deref, DerefMut},
};

use crate::gmp::{
    atomic::{AtomicU32, Ordering::*, const_fn},
    futex::{Parker, now_ns},
    raw_lock::Locked,
    wait_list::{Node, WaitList},
    wait_reason::WaitReason,
    waiter::{Caller, Waiter},
};

const FREE: u32 = 0;
const LOCKED: u32 = 1;
/// Locked, and the list of waiters may not be empty.
const CONTENDED: u32 = 2;

/// How often a G looks whether a holder on another P is done, before it parks: about a microsecond, what parking and being woken across Ps cost
/// at least. Untuned.
const SPINS: u32 = 30;

/// A lock around a `T`, for goroutines and threads alike.
///
/// The guard may be held across every call to gmp: who waits for the lock parks, and its P runs others.
///
/// ```
/// # use schedulers::gmp::{self, Runtime, sync::Mutex};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// static TOTAL: Mutex<u64> = Mutex::new(0);
/// runtime.run(|| {
///     let handles: Vec<_> = (1..=10).map(|n| gmp::spawn(move || *TOTAL.lock() += n)).collect();
///     handles.into_iter().for_each(|handle| handle.join().unwrap());
/// });
/// assert_eq!(*TOTAL.lock(), 55);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Default)]
pub struct Mutex<T: ?Sized> {
    raw: Raw,
    value: UnsafeCell<T>,
}

/// The lock without the value.
#[derive(Default)]
pub(super) struct Raw {
    state: AtomicU32,
    waiters: Locked<WaitList<Turn>>,
}

/// What a waiter asks for and gets.
struct Turn {
    /// Was woken in vain before: the lock is handed over.
    insists: bool,
    /// Set by the one that hands over.
    owns: bool,
}

// SAFETY: the value is touched by the owner of the lock only.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
// SAFETY: as above; nobody waits for a mutex that moves.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}

/// Owns the lock; dropping it unlocks. May be dropped on another thread than it was made on, and be sent there.
///
/// ```
/// # use schedulers::gmp::{self, Runtime, sync::Mutex};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// let log = Mutex::new(vec!["begin"]);
/// runtime.run(|| {
///     let mut guard = log.lock();
///     gmp::yield_now(); // The lock is ours, on whichever thread we are.
///     guard.push("end");
/// });
/// assert_eq!(*log.lock(), ["begin", "end"]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "dropping the guard unlocks"]
pub struct MutexGuard<'a, T: ?Sized>(&'a Mutex<T>);

// SAFETY: unlocking does not depend on the thread.
unsafe impl<T: ?Sized + Send> Send for MutexGuard<'_, T> {}
// SAFETY: shares a `&T`.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Mutex<T> {
    const_fn! {
        /// An unlocked mutex.
        pub fn new(value: T) -> Self {
            Mutex { raw: Raw::new(), value: UnsafeCell::new(value) }
        }
    }

    /// The value; nobody can hold the lock.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks, waiting while another holds it: a goroutine parks, a plain thread blocks. Who locks twice waits for itself, for ever.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.raw.lock();
        MutexGuard(self)
    }

    /// Locks if it is free. It never waits.
    ///
    /// ```
    /// # use schedulers::gmp::sync::Mutex;
    /// let mutex = Mutex::new(1);
    /// let guard = mutex.lock();
    /// assert!(mutex.try_lock().is_none());
    /// drop(guard);
    /// assert_eq!(mutex.try_lock().map(|value| *value), Some(1));
    /// ```
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.raw.try_lock().then(|| MutexGuard(self))
    }

    /// The value; the borrow proves that nobody holds the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl Raw {
    const_fn! {
        fn new() -> Self {
            Raw { state: AtomicU32::new(FREE), waiters: Locked::new(WaitList::new()) }
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        // Acquire: pairs with the Release of the unlock.
        self.state.compare_exchange(FREE, LOCKED, Acquire, Relaxed).is_ok()
    }

    #[inline]
    fn lock(&self) {
        if !self.try_lock() {
            self.lock_slowly();
        }
    }

    #[cold]
    fn lock_slowly(&self) {
        let parker = Parker::new();
        self.lock_as(Caller::enter(&parker)).exit();
    }

    /// Locks on behalf of `caller`.
    pub(super) fn lock_as<'a>(&self, mut caller: Caller<'a>) -> Caller<'a> {
        if self.spin(&caller) {
            return caller;
        }
        let mut since_ns = 0;
        let mut insists = false;
        loop {
            let mut waiters = self.waiters.lock();
            // Whoever unlocks after this looks at the list, under its lock.
            if self.state.swap(CONTENDED, Acquire) == FREE {
                break; // Ours; that the list may be empty costs the unlock a look.
            }
            if since_ns == 0 {
                since_ns = now_ns();
            }
            let mut node = Node::new(caller.waiter(), Turn { insists, owns: false });
            // SAFETY: the node stays here until it has been taken off and we are woken.
            unsafe { if insists { waiters.push_front(&raw mut node) } else { waiters.push_back(&raw mut node) } }
            caller = caller.wait(waiters.into_raw(), WaitReason::Mutex);
            // SAFETY: who woke us is done with the node; read through a pointer, since the compiler saw no write.
            if unsafe { (&raw const node.payload.owns).read_volatile() } {
                break;
            }
            insists = true;
        }
        caller.count_lock_wait(since_ns);
        caller
    }

    /// A G with nothing else to run on its P gives a holder that runs on another P a moment; `true` if it has got the lock.
    fn spin(&self, caller: &Caller<'_>) -> bool {
        let Some(local) = caller.local() else { return false };
        if local.m().sched().ps.len() == 1 || !local.p().lrq.is_empty() {
            return false;
        }
        for _ in 0..SPINS {
            match self.state.load(Relaxed) {
                FREE if self.try_lock() => return true,
                CONTENDED => return false, // Others wait already, and go first.
                _ => std::hint::spin_loop(),
            }
        }
        false
    }

    #[inline]
    fn unlock(&self) {
        // Release: what the owner did to the value comes before the next lock.
        if self.state.compare_exchange(LOCKED, FREE, Release, Relaxed).is_err() {
            self.unlock_slowly();
        }
    }

    #[cold]
    fn unlock_slowly(&self) {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        if let Some(next) = self.release() {
            // SAFETY: it waits; `release` took it out for us.
            unsafe { next.wake(caller.local()) };
        }
        caller.exit();
    }

    /// Unlocks; whom the caller has to wake then.
    pub(super) fn release(&self) -> Option<Waiter> {
        // Release: as in `unlock`.
        if self.state.compare_exchange(LOCKED, FREE, Release, Relaxed).is_ok() {
            return None;
        }
        let mut waiters = self.waiters.lock();
        let next = waiters.pop();
        let (waiter, handed) = next.map_or((None, false), |mut node| {
            // SAFETY: off the list and not woken yet: alive, and ours.
            let node = unsafe { node.as_mut() };
            node.payload.owns = node.payload.insists;
            (Some(node.waiter), node.payload.owns)
        });
        if !handed {
            self.state.store(FREE, Release); // Pairs with the Acquire of the next lock.
        }
        waiter
    }
}

impl Caller<'_> {
    /// A lock has been got, for which the caller has waited since `since_ns`; 0: it has not.
    pub(super) fn count_lock_wait(&self, since_ns: u64) {
        if let (Some(local), true) = (self.local(), since_ns != 0) {
            local.p().counters.lock_wait_ns.add(now_ns().saturating_sub(since_ns));
        }
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    pub(super) fn raw(&self) -> &'a Raw {
        &self.0.raw
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.raw.unlock();
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is ours.
        unsafe { &*self.0.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is ours.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(guard) => f.debug_tuple("Mutex").field(&&*guard).finish(),
            None => f.write_str("Mutex(<locked>)"),
        }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(all(test, gmp_loom))]
mod models {
    use loom::{cell::UnsafeCell, sync::Arc, thread};

    use super::*;

    /// loom sees each access to the value, and complains of two that nothing orders.
    fn increment(mutex: &Mutex<UnsafeCell<u32>>) {
        let guard = mutex.lock();
        // SAFETY: the lock is ours.
        guard.with_mut(|value| unsafe { *value += 1 });
    }

    fn model(threads: usize, rounds: u32, preemptions: usize) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder.check(move || {
            let mutex = Arc::new(Mutex::new(UnsafeCell::new(0)));
            let others: Vec<_> = (1..threads)
                .map(|_| {
                    let mutex = mutex.clone();
                    thread::spawn(move || (0..rounds).for_each(|_| increment(&mutex)))
                })
                .collect();
            (0..rounds).for_each(|_| increment(&mutex));
            others.into_iter().for_each(|other| other.join().unwrap());
            // SAFETY: nobody else is left.
            assert_eq!(mutex.lock().with(|value| unsafe { *value }), threads as u32 * rounds);
        });
    }

    /// Barging, waking in vain, insisting and handing over: no wake-up is lost, the value has one owner.
    #[test]
    fn two_threads_three_times() {
        model(2, 3, 4);
    }

    #[test]
    fn three_threads_twice() {
        model(3, 2, 2);
    }
}
