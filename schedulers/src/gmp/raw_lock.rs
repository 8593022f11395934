//! The lock inside channels and other things that Gs wait on: held for a few instructions, never across a switch of its own
//! (a parking G hands it to the next context, which unlocks it), never while user code runs.

use std::sync::atomic::{AtomicBool, Ordering::*};

/// A spin lock that lets the kernel run somebody else when it does not get through.
#[derive(Default)]
pub(super) struct RawLock(AtomicBool);

/// Pauses before the kernel is asked: a holder that runs is done within a hundred nanoseconds; one that does not run has lost its core.
const SPINS: u32 = 64;

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

    #[cold]
    fn lock_slowly(&self) {
        loop {
            for _ in 0..SPINS {
                if !self.0.load(Relaxed) && !self.0.swap(true, Acquire) {
                    return;
                }
                std::hint::spin_loop();
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
