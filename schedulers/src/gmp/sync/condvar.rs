//! A condition variable: waiting, with a mutex released meanwhile, until somebody says that it is worth looking again.
//!
//! A FIFO list behind a lock. A waiter puts itself on the list, and only then releases the mutex, both under the list's lock, which is free when the waiter sleeps: so
//! who changes the condition under the mutex and notifies afterwards finds it there. Each notification takes one off the list, the one that has
//! waited longest; it cannot go to somebody who comes later, nor is a waiter ever woken without one.

use std::fmt;

use super::mutex::MutexGuard;
use crate::gmp::{
    atomic::const_fn,
    futex::Parker,
    raw_lock::Locked,
    wait_list::{Node, WaitList},
    wait_reason::WaitReason,
    waiter::Caller,
};

/// Waits for what other goroutines or threads do to a [`Mutex`](super::Mutex)'s value.
///
/// ```
/// # use schedulers::gmp::{self, Runtime, sync::{Condvar, Mutex}};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// static READY: Mutex<bool> = Mutex::new(false);
/// static CHANGED: Condvar = Condvar::new();
/// runtime.run(|| {
///     drop(gmp::spawn(|| {
///         *READY.lock() = true;
///         CHANGED.notify_one();
///     }));
///     let mut ready = READY.lock();
///     CHANGED.wait_while(&mut ready, |ready| !*ready);
///     assert!(*ready);
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Default)]
pub struct Condvar {
    waiters: Locked<WaitList<()>>,
}

impl Condvar {
    const_fn! {
        /// One that nobody waits for.
        pub fn new() -> Self {
            Condvar { waiters: Locked::new(WaitList::new()) }
        }
    }

    /// Unlocks the mutex, waits to be notified, and locks again. Never returns without a notification; but others may have had the mutex
    /// between that and this return, so the condition needs another look: [`wait_while`](Condvar::wait_while).
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime, sync::{Condvar, Mutex}};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// static JOBS: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    /// static ADDED: Condvar = Condvar::new();
    ///
    /// fn next_job() -> u32 {
    ///     let mut jobs = JOBS.lock();
    ///     loop {
    ///         match jobs.pop() {
    ///             Some(job) => return job,
    ///             None => ADDED.wait(&mut jobs),
    ///         }
    ///     }
    /// }
    ///
    /// runtime.run(|| {
    ///     let worker = gmp::spawn(next_job);
    ///     JOBS.lock().push(7);
    ///     ADDED.notify_one();
    ///     assert_eq!(worker.join().unwrap(), 7);
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        let mutex = guard.raw();
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let mut waiters = self.waiters.lock();
        let mut node = Node::new(caller.waiter(), ());
        // SAFETY: the node stays here until it has been taken off and we are woken.
        unsafe { waiters.push_back(&raw mut node) };
        // The next owner may run and notify us from here on, but must pass by the list's lock, which is free only when we sleep. It is woken then
        // too: a wake-up takes too long for a spin lock.
        let next = mutex.release();
        // SAFETY: `release` took it out for us.
        let caller = unsafe { caller.wait_and_wake(waiters.into_raw(), next, WaitReason::Condvar) };
        mutex.lock_as(caller).exit();
    }

    /// Waits as long as `condition` holds.
    pub fn wait_while<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, mut condition: impl FnMut(&mut T) -> bool) {
        while condition(guard) {
            self.wait(guard);
        }
    }

    /// Wakes the one that has waited longest; whether there was one. The mutex may be locked or not.
    ///
    /// ```
    /// use schedulers::gmp::sync::Condvar;
    ///
    /// assert!(!Condvar::new().notify_one(), "nobody waits, and it is not kept for later");
    /// ```
    pub fn notify_one(&self) -> bool {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let first = self.waiters.lock().pop();
        if let Some(node) = first {
            // SAFETY: off the list, and not woken yet: alive, and ours alone to wake.
            unsafe { (*node.as_ptr()).waiter.wake(caller.local()) };
        }
        caller.exit();
        first.is_some()
    }

    /// Wakes all who wait, in the order in which they came.
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime, sync::{Condvar, Mutex}};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// static OPEN: Mutex<bool> = Mutex::new(false);
    /// static CHANGED: Condvar = Condvar::new();
    /// runtime.run(|| {
    ///     let wait = || CHANGED.wait_while(&mut OPEN.lock(), |open| !*open);
    ///     let visitors = [(); 3].map(|()| gmp::spawn(wait));
    ///     *OPEN.lock() = true;
    ///     CHANGED.notify_all();
    ///     visitors.into_iter().for_each(|visitor| visitor.join().unwrap());
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn notify_all(&self) {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let all = self.waiters.lock().take();
        // SAFETY: taken out under the lock, by us alone.
        unsafe { all.wake(caller.local()) };
        caller.exit();
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condvar { .. }")
    }
}

#[cfg(all(test, gmp_loom))]
mod models {
    use loom::{sync::Arc, thread};

    use super::*;
    use crate::gmp::sync::Mutex;

    /// A flag set under the mutex, a notification after it: the waiter sees the flag in the end, whatever comes first.
    #[test]
    fn a_notification_after_the_change_is_not_missed() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let shared = Arc::new((Mutex::new(false), Condvar::new()));
            let other = shared.clone();
            let notifier = thread::spawn(move || {
                *other.0.lock() = true;
                other.1.notify_one();
            });
            let mut flag = shared.0.lock();
            shared.1.wait_while(&mut flag, |flag| !*flag);
            assert!(*flag);
            drop(flag);
            notifier.join().unwrap();
        });
    }
}
