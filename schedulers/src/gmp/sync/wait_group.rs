//! Waiting for a number of things to be done: Go's `sync.WaitGroup`.
//!
//! The count is one atomic; who waits stands on a list behind a lock. Every step but the one from 1 to 0 is a plain exchange of the count. That one
//! is done under the list's lock, together with taking the list: so those who are released are just those who waited when
//! the count became 0, even if it is counted up again at once, for the next round. A waiter looks at the count under the lock too:
//! it is on the list before the last step, or sees its 0.

use std::{fmt, sync::Arc};

use crate::gmp::{
    atomic::{AtomicUsize, Ordering::*},
    futex::Parker,
    raw_lock::Locked,
    wait_list::{Node, WaitList},
    wait_reason::WaitReason,
    waiter::Caller,
};

/// A counter that can be waited for to become 0. Clones share it.
///
/// ```
/// # use schedulers::gmp::{self, Runtime, sync::WaitGroup};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| {
///     let group = WaitGroup::new();
///     for _ in 0..3 {
///         group.add(1);
///         let group = group.clone();
///         drop(gmp::spawn(move || group.done()));
///     }
///     group.wait();
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct WaitGroup(Arc<Shared>);

#[derive(Default)]
struct Shared {
    count: AtomicUsize,
    waiters: Locked<WaitList<()>>,
}

impl WaitGroup {
    /// A counter of 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// `n` more things to wait for. Call it before the wait, and before what calls [`done`](WaitGroup::done) begins.
    pub fn add(&self, n: usize) {
        self.0.count.fetch_add(n, Relaxed); // What is counted has not begun: nothing to order.
    }

    /// One thing less. The last wakes all who wait, in the order in which they came.
    ///
    /// # Panics
    /// If there was none left.
    pub fn done(&self) {
        let mut count = self.0.count.load(Relaxed);
        while count > 1 {
            // Release: what each `done` comes after is seen by those who are woken, through the last one's Acquire.
            match self.0.count.compare_exchange_weak(count, count - 1, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => count = now,
            }
        }
        self.0.maybe_the_last();
    }

    /// Waits until the counter is 0; not at all if it is. Any number may wait, and all that was done before the [`done`](WaitGroup::done)s is seen.
    pub fn wait(&self) {
        // Acquire: pairs with the AcqRel of the last `done`.
        if self.0.count.load(Acquire) != 0 {
            self.0.wait();
        }
    }
}

impl Shared {
    /// A `done` that is the last, unless there has been an `add` meanwhile.
    #[cold]
    fn maybe_the_last(&self) {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let mut waiters = self.waiters.lock();
        // AcqRel: Acquire for what the other `done`s come after, Release for those who see the 0.
        let before = self.count.fetch_update(AcqRel, Relaxed, |count| count.checked_sub(1));
        let released = if before == Ok(1) { waiters.take() } else { WaitList::new() };
        drop(waiters);
        // SAFETY: taken out under the lock, by us alone.
        unsafe { released.wake(caller.local()) };
        caller.exit();
        assert!(before.is_ok(), "WaitGroup: more `done` than `add`");
    }

    #[cold]
    fn wait(&self) {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let mut waiters = self.waiters.lock();
        if self.count.load(Acquire) == 0 {
            drop(waiters);
            return caller.exit();
        }
        let mut node = Node::new(caller.waiter(), ());
        // SAFETY: the node stays here until it has been taken off and we are woken.
        unsafe { waiters.push_back(&raw mut node) };
        caller.wait(waiters.into_raw(), WaitReason::WaitGroup).exit();
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitGroup").field(&self.0.count.load(Relaxed)).finish()
    }
}

#[cfg(all(test, gmp_loom))]
mod models {
    use loom::{sync::atomic::AtomicU32, thread};

    use super::*;

    /// Two `done`s against a `wait`, and the next round: released once, by its own round's last, seeing what came before.
    #[test]
    fn a_waiter_is_released_by_its_own_round() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let group = WaitGroup::new();
            let finished = loom::sync::Arc::new(AtomicU32::new(0));
            group.add(1);
            let worker = {
                let (group, finished) = (group.clone(), finished.clone());
                thread::spawn(move || {
                    finished.fetch_add(1, Relaxed);
                    group.done();
                })
            };
            group.wait();
            assert_eq!(finished.load(Relaxed), 1);
            group.add(1);
            let again = {
                let (group, finished) = (group.clone(), finished.clone());
                thread::spawn(move || {
                    finished.fetch_add(1, Relaxed);
                    group.done();
                })
            };
            group.wait();
            assert_eq!(finished.load(Relaxed), 2);
            worker.join().unwrap();
            again.join().unwrap();
        });
    }
}
