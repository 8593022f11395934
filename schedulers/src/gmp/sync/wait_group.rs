//! Waiting for a number of things to be done: Go's `sync.WaitGroup`.

use std::{
    cell::UnsafeCell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::*},
    },
};

use crate::gmp::{
    futex::Parker,
    raw_lock::RawLock,
    wait_list::{Node, WaitList},
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
    lock: RawLock,
    /// Guarded by `lock`.
    waiters: UnsafeCell<WaitList<()>>,
}

impl Default for WaitList<()> {
    fn default() -> Self {
        WaitList::new()
    }
}

// SAFETY: the list is touched under `lock` only.
unsafe impl Sync for Shared {}
// SAFETY: as above; nobody waits on what moves into its `Arc`.
unsafe impl Send for Shared {}

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
        // AcqRel: what all the `done`s before this one come after is seen by those who are woken.
        let before = self.0.count.fetch_update(AcqRel, Relaxed, |count| count.checked_sub(1));
        if before.expect("WaitGroup: more `done` than `add`") == 1 {
            self.0.wake_all();
        }
    }

    /// Waits until the counter is 0.
    pub fn wait(&self) {
        // Acquire: pairs with the AcqRel of the last `done`.
        if self.0.count.load(Acquire) != 0 {
            self.0.wait();
        }
    }
}

impl Shared {
    #[cold]
    fn wait(&self) {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        self.lock.lock();
        // The last `done` takes the lock after it has counted: it finds us on the list, or we find its 0.
        if self.count.load(Acquire) == 0 {
            // SAFETY: locked above.
            unsafe { RawLock::unlock(&self.lock) };
            return caller.exit();
        }
        let mut node = Node::new(caller.waiter(), ());
        // SAFETY: under the lock; the node stays here until it has been taken off and we are woken.
        unsafe { (*self.waiters.get()).push_back(&raw mut node) };
        caller.wait(&self.lock).exit();
    }

    fn wake_all(&self) {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        self.lock.lock();
        // SAFETY: under the lock.
        let mut waiters = unsafe { (*self.waiters.get()).take() };
        // SAFETY: locked above.
        unsafe { RawLock::unlock(&self.lock) };
        while let Some(node) = waiters.pop() {
            // SAFETY: off the list by us: alive until it is woken, which nobody else does.
            unsafe {
                let waiter = (*node.as_ptr()).waiter;
                waiter.wake(caller.local());
            }
        }
        caller.exit();
    }
}
