//! A counting semaphore, strictly first come, first served.
//!
//! One word: how many permits are free, and whether somebody waits (`QUEUED`). Uncontended, taking and giving back are one locked instruction each.
//! With `QUEUED` set nobody takes permits past the queue, not even fewer than the first in it wants: else a big
//! request would never be served beside many small ones. Whoever gives permits back adds them, and if it finds `QUEUED`, serves
//! the queue from its head, under its lock, as far as the permits reach.
//!
//! Invariants: `QUEUED` is set just while the queue is not empty, and is changed under its lock only; while it is set, permits are taken under that
//! lock only. One who queues sets it by an exchange of the very word that told it to queue: permits that come back do so before that exchange, which
//! then fails, or see `QUEUED`.

use std::fmt;

use crate::gmp::{
    atomic::{AtomicUsize, Ordering::*, const_fn},
    futex::Parker,
    raw_lock::Locked,
    wait_list::{Node, WaitList},
    wait_reason::WaitReason,
    waiter::Caller,
};

/// Somebody waits.
const QUEUED: usize = 1;
/// One free permit.
const PERMIT: usize = 2;

/// A number of permits to share.
///
/// ```
/// # use schedulers::gmp::sync::Semaphore;
/// let semaphore = Semaphore::new(3);
/// let (one, two) = (semaphore.acquire(), semaphore.acquire_many(2));
/// assert!(semaphore.try_acquire().is_none());
/// drop(one);
/// assert!(semaphore.try_acquire().is_some());
/// # drop(two);
/// ```
pub struct Semaphore {
    state: AtomicUsize,
    capacity: usize,
    /// Each with how many permits it wants; whoever is woken has them.
    queue: Locked<WaitList<usize>>,
}

/// Permits of a [`Semaphore`]; dropping it gives them back. May be dropped on another thread than it was made on.
///
/// ```
/// # use schedulers::gmp::sync::{Semaphore, SemaphorePermit};
/// static CONNECTIONS: Semaphore = Semaphore::new(10);
///
/// struct Connection {
///     _permit: SemaphorePermit<'static>, // One of ten, for as long as it is open.
/// }
///
/// let connection = Connection { _permit: CONNECTIONS.acquire() };
/// assert_eq!(CONNECTIONS.available_permits(), 9);
/// drop(connection);
/// assert_eq!(CONNECTIONS.available_permits(), 10);
/// ```
#[must_use = "dropping a permit gives it back"]
#[derive(Debug)]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

/// The word after `count` permits have been taken, or `None` if that has to wait.
fn taken(state: usize, count: usize) -> Option<usize> {
    if state & QUEUED != 0 { None } else { state.checked_sub(count * PERMIT) }
}

impl Semaphore {
    const_fn! {
        /// With `permits` permits, all of them free.
        ///
        /// # Panics
        /// If that is more than half of `usize::MAX`.
        pub fn new(permits: usize) -> Self {
            assert!(permits <= usize::MAX / PERMIT, "Semaphore::new: too many permits");
            Semaphore {
                state: AtomicUsize::new(permits * PERMIT),
                capacity: permits,
                queue: Locked::new(WaitList::new()),
            }
        }
    }

    /// Takes one permit, waiting until one is free and all who came before have theirs.
    ///
    /// # Panics
    /// If the semaphore has no permits at all.
    #[inline]
    pub fn acquire(&self) -> SemaphorePermit<'_> {
        self.acquire_many(1)
    }

    /// Takes `count` permits at once, waiting until they are free and all who came before have theirs.
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime, sync::Semaphore};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// // Memory to work in, in MiB.
    /// let memory = Semaphore::new(64);
    /// runtime.run(|| {
    ///     gmp::scope(|scope| {
    ///         for need in [16, 48, 64] {
    ///             let memory = &memory;
    ///             scope.spawn(move || {
    ///                 let _budget = memory.acquire_many(need);
    ///                 gmp::yield_now();
    ///             });
    ///         }
    ///     });
    /// });
    /// assert_eq!(memory.available_permits(), 64);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `count` is more than the semaphore has in all: it would wait for ever.
    #[inline]
    pub fn acquire_many(&self, count: usize) -> SemaphorePermit<'_> {
        self.check(count);
        if !self.try_take(count) {
            self.wait(count);
        }
        SemaphorePermit { semaphore: self, count }
    }

    /// Takes one permit, if one is free and nobody waits. It never waits itself.
    ///
    /// ```
    /// use schedulers::gmp::sync::Semaphore;
    ///
    /// static JOBS: Semaphore = Semaphore::new(1);
    /// fn job() -> &'static str {
    ///     let Some(_permit) = JOBS.try_acquire() else { return "busy" };
    ///     "done"
    /// }
    /// assert_eq!((job(), job()), ("done", "done"));
    /// let _other = JOBS.acquire();
    /// assert_eq!(job(), "busy");
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> Option<SemaphorePermit<'_>> {
        self.try_acquire_many(1)
    }

    /// Takes `count` permits, if so many are free and nobody waits.
    #[inline]
    pub fn try_acquire_many(&self, count: usize) -> Option<SemaphorePermit<'_>> {
        (count <= self.capacity && self.try_take(count)).then(|| SemaphorePermit { semaphore: self, count })
    }

    /// How many permits were free a moment ago.
    pub fn available_permits(&self) -> usize {
        self.state.load(Relaxed) / PERMIT
    }

    fn check(&self, count: usize) {
        assert!(
            count <= self.capacity,
            "Semaphore: {count} permits wanted, but there are only {} in all",
            self.capacity
        );
    }

    #[inline]
    fn try_take(&self, count: usize) -> bool {
        // Acquire: pairs with the Release of the ones who gave the permits back.
        self.state.fetch_update(Acquire, Relaxed, |state| taken(state, count)).is_ok()
    }

    #[cold]
    fn wait(&self, count: usize) {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let mut queue = self.queue.lock();
        // Acquire: as in `try_take`, if this takes them.
        let before = self.state.fetch_update(Acquire, Relaxed, |state| taken(state, count).or(Some(state | QUEUED)));
        if before.is_ok_and(|before| taken(before, count).is_some()) {
            drop(queue);
            return caller.exit();
        }
        let mut node = Node::new(caller.waiter(), count);
        // SAFETY: the node stays here until it has been taken off and we are woken.
        unsafe { queue.push_back(&raw mut node) };
        caller.wait(queue.into_raw(), WaitReason::Semaphore).exit();
    }

    #[inline]
    fn release(&self, count: usize) {
        // Release: what was done with the permits comes before whoever takes them next.
        if self.state.fetch_add(count * PERMIT, Release) & QUEUED != 0 {
            self.serve();
        }
    }

    /// Gives what is free to those who wait, from the head of the queue on.
    #[cold]
    fn serve(&self) {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let mut queue = self.queue.lock();
        // Acquire: pairs with the Release of those who gave permits back; whom we wake comes after them.
        let mut free = self.state.load(Acquire) / PERMIT;
        let mut spent = 0;
        let queued_before = !queue.is_empty();
        let mut served = WaitList::new();
        while let Some(&count) = queue.first()
            && let Some(left) = free.checked_sub(count)
            && let Some(node) = queue.pop()
        {
            free = left;
            spent += count;
            // SAFETY: off its list, still alive.
            unsafe { served.push_back(node.as_ptr()) };
        }
        // Nobody takes permits meanwhile; some may come back, and whoever brings them serves after us, or finds nobody waiting any more.
        let emptied = if queued_before && queue.is_empty() { QUEUED } else { 0 };
        self.state.fetch_sub(spent * PERMIT + emptied, Release);
        drop(queue);
        // SAFETY: taken out under the lock, by us alone.
        unsafe { served.wake(caller.local()) };
        caller.exit();
    }
}

impl Drop for SemaphorePermit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.release(self.count);
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available_permits", &self.available_permits())
            .field("capacity", &self.capacity)
            .finish()
    }
}

#[cfg(all(test, gmp_loom))]
mod models {
    use loom::{cell::UnsafeCell, sync::Arc, thread};

    use super::*;

    /// One who wants both permits against two who want one each: everybody is served, and the one with both is alone.
    #[test]
    fn big_and_small_requests() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(2);
        builder.check(|| {
            let shared = Arc::new((Semaphore::new(2), UnsafeCell::new(0)));
            let small = [0; 2].map(|_| {
                let shared = shared.clone();
                thread::spawn(move || {
                    let _permit = shared.0.acquire();
                    // SAFETY: nobody writes beside us: that takes both permits. loom complains if it is not so.
                    shared.1.with(|value| assert!(unsafe { *value } <= 1));
                })
            });
            let both = shared.0.acquire_many(2);
            // SAFETY: both permits are ours.
            shared.1.with_mut(|value| unsafe { *value += 1 });
            drop(both);
            small.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(shared.0.available_permits(), 2);
        });
    }
}
