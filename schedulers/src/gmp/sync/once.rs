//! Doing something once, whoever comes first.
//!
//! `state` says whether it is to be done, being done, or done; changes go through the lock of the list of those who wait for the one who does it. Their
//! wake-up comes after the change, so they look again.

use std::fmt;

use crate::gmp::{
    atomic::{AtomicU32, Ordering::*, const_fn},
    futex::Parker,
    raw_lock::Locked,
    wait_list::{Node, WaitList},
    wait_reason::WaitReason,
    waiter::Caller,
};

const TO_DO: u32 = 0;
const RUNNING: u32 = 1;
const DONE: u32 = 2;

/// Runs a closure once.
///
/// ```
/// # use schedulers::gmp::sync::Once;
/// static START: Once = Once::new();
/// let mut runs = 0;
/// START.call_once(|| runs += 1);
/// START.call_once(|| runs += 1);
/// assert_eq!(runs, 1);
/// assert!(START.is_completed());
/// ```
#[derive(Default)]
pub struct Once {
    state: AtomicU32,
    waiters: Locked<WaitList<()>>,
}

impl Once {
    const_fn! {
        /// One whose closure is still to be called.
        pub fn new() -> Self {
            Once { state: AtomicU32::new(TO_DO), waiters: Locked::new(WaitList::new()) }
        }
    }

    /// Calls `f`, unless this `Once` has called a closure before; then waits for the end of that call if need be. What that call did is seen afterwards.
    ///
    /// A call that panics, or that ends its goroutine by [`exit`](crate::gmp::exit), **counts as done** (as in Go, other than in std): those who
    /// wait return, and later calls do nothing. A call from within `f` waits for itself, for ever.
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime, sync::Once};
    /// # use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// static LOAD: Once = Once::new();
    /// static LOADS: AtomicU32 = AtomicU32::new(0);
    /// runtime.run(|| {
    ///     let load = || {
    ///         LOADS.fetch_add(1, Relaxed);
    ///         gmp::yield_now(); // Others wait until it is done.
    ///     };
    ///     let users = [(); 3].map(|()| gmp::spawn(move || LOAD.call_once(load)));
    ///     users.into_iter().for_each(|user| user.join().unwrap());
    /// });
    /// assert_eq!(LOADS.load(Relaxed), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `f` does.
    #[inline]
    pub fn call_once(&self, f: impl FnOnce()) {
        if !self.is_completed() {
            self.call(f, DONE);
        }
    }

    /// Whether a call has ended.
    #[inline]
    pub fn is_completed(&self) -> bool {
        // Acquire: pairs with the Release of the end of the call: what it did is seen.
        self.state.load(Acquire) == DONE
    }

    /// As [`call_once`](Once::call_once), but a call that panics counts as never made: the next one gets its chance.
    pub(super) fn call_once_successfully(&self, f: impl FnOnce()) {
        if !self.is_completed() {
            self.call(f, TO_DO);
        }
    }

    #[cold]
    fn call(&self, f: impl FnOnce(), after_panic: u32) {
        if self.begin() {
            let mut end = End { once: self, state: after_panic };
            f();
            end.state = DONE;
        }
    }

    /// `true`: it is the caller's to do. `false`: it has been done.
    fn begin(&self) -> bool {
        let parker = Parker::new();
        let mut caller = Caller::enter(&parker);
        let to_do = loop {
            let mut waiters = self.waiters.lock();
            match self.state.load(Acquire) {
                TO_DO => {
                    self.state.store(RUNNING, Relaxed);
                    break true;
                }
                DONE => break false,
                _ => {}
            }
            let mut node = Node::new(caller.waiter(), ());
            // SAFETY: the node stays here until it has been taken off and we are woken.
            unsafe { waiters.push_back(&raw mut node) };
            caller = caller.wait(waiters.into_raw(), WaitReason::Once);
        };
        caller.exit();
        to_do
    }
}

/// The end of a call, whether it returned or not.
struct End<'a> {
    once: &'a Once,
    state: u32,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let mut waiters = self.once.waiters.lock();
        // Release: pairs with the Acquire of those who see it.
        self.once.state.store(self.state, Release);
        let all = waiters.take();
        drop(waiters);
        // SAFETY: taken out under the lock, by us alone.
        unsafe { all.wake(caller.local()) };
        caller.exit();
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("is_completed", &self.is_completed()).finish()
    }
}

#[cfg(all(test, gmp_loom))]
mod models {
    use loom::{cell::UnsafeCell, sync::Arc, thread};

    use super::*;

    /// One does it, the others wait for that one, and all see what it did.
    #[test]
    fn three_who_come_at_the_same_time() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(2);
        builder.check(|| {
            let shared = Arc::new((Once::new(), UnsafeCell::new(0)));
            let come = |shared: &(Once, UnsafeCell<u32>)| {
                // SAFETY: once, and nobody reads it before; loom complains if it is not so.
                shared.0.call_once(|| shared.1.with_mut(|value| unsafe { *value += 1 }));
                // SAFETY: as above.
                assert_eq!(shared.1.with(|value| unsafe { *value }), 1);
            };
            let others = [0; 2].map(|_| {
                let shared = shared.clone();
                thread::spawn(move || come(&shared))
            });
            come(&shared);
            others.into_iter().for_each(|other| other.join().unwrap());
        });
    }
}
