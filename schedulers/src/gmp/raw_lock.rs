//! The lock inside channels and other things that Gs wait on: held for a few instructions, never across a switch of its own
//! (a parking G hands it to the next context, which unlocks it), never while user code runs.

#[cfg(not(gmp_loom))]
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::{
    cell::UnsafeCell,
    ops::{Deref, DerefMut},
};

use super::atomic::const_fn;
#[cfg(gmp_loom)]
pub(super) use super::models::RawLock;

/// A spin lock that lets the kernel run somebody else when it does not get through.
#[cfg(not(gmp_loom))]
#[derive(Default)]
pub(super) struct RawLock(AtomicBool);

/// How many pauses (10 ns each, about) the first wait for the lock has.
///
/// Measured with four Gs that send and four that receive over one channel, on two Ps, against Go in the same rounds, in builds without LTO: a look after each
/// pause 76 ns a message, first wait 1 pause 40 ns, 16 or 64 pauses 29 ns, Go 37 ns.
#[cfg(not(gmp_loom))]
const FIRST_PAUSES: u32 = 16;
/// The longest wait, before the kernel is asked: a holder that runs is done within a hundred nanoseconds; one that does not run has lost its core.
#[cfg(not(gmp_loom))]
const MOST_PAUSES: u32 = 256;

#[cfg(not(gmp_loom))]
impl RawLock {
    pub(super) const fn new() -> Self {
        RawLock(AtomicBool::new(false))
    }

    #[inline]
    pub(super) fn lock(&self) {
        // Acquire: pairs with the Release in `unlock`.
        if self.0.swap(true, Acquire) {
            self.lock_slowly();
        }
    }

    /// Each wait is twice as long as the one before. Who looks again at once takes the line of the lock, and of what it guards, away from
    /// the holder, who is about to take the lock again; it is faster for both to let the holder do several operations at a time.
    #[cold]
    fn lock_slowly(&self) {
        loop {
            let mut pauses = FIRST_PAUSES;
            while pauses <= MOST_PAUSES {
                (0..pauses).for_each(|_| std::hint::spin_loop());
                if !self.0.load(Relaxed) && !self.0.swap(true, Acquire) {
                    return;
                }
                pauses *= 2;
            }
            std::thread::yield_now();
        }
    }

    /// One store, and the lock is not touched after it: it may be gone by then.
    ///
    /// # Safety
    /// `this` is alive and locked by the caller, or by the G that the caller acts for.
    #[inline]
    pub(super) unsafe fn unlock(this: *const Self) {
        // SAFETY: the caller's.
        unsafe { (*this).0.store(false, Release) };
    }
}

/// A value behind a [`RawLock`].
#[derive(Default)]
pub(super) struct Locked<T> {
    lock: RawLock,
    value: UnsafeCell<T>,
}

// SAFETY: the value is touched under the lock only, by one thread at a time.
unsafe impl<T: Send> Sync for Locked<T> {}

/// The lock is ours. Dropped, it is free again; given to [`Caller::wait`](super::waiter::Caller::wait), it is free when the caller sleeps.
pub(super) struct Held<'a, T>(&'a Locked<T>);

impl<T> Locked<T> {
    const_fn! {
        pub(super) fn new(value: T) -> Self {
            Locked { lock: RawLock::new(), value: UnsafeCell::new(value) }
        }
    }

    #[inline]
    pub(super) fn lock(&self) -> Held<'_, T> {
        self.lock.lock();
        Held(self)
    }
}

impl<'a, T> Held<'a, T> {
    /// The lock itself, locked, for whoever will unlock it.
    #[inline]
    pub(super) fn into_raw(self) -> &'a RawLock {
        let lock = &self.0.lock;
        std::mem::forget(self);
        lock
    }
}

impl<T> Drop for Held<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it is ours.
        unsafe { RawLock::unlock(&self.0.lock) };
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the lock is ours.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Held<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is ours.
        unsafe { &mut *self.0.value.get() }
    }
}
