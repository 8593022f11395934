//! What loom's models run instead of a spin lock and a futex: it explores every order of steps, and a loop that waits for somebody has
//! endlessly many. Their contracts are those of [`raw_lock`](super::raw_lock) and [`futex`](super::futex).

use std::{cell::UnsafeCell, sync::Arc};

use loom::sync::{Condvar, Mutex, MutexGuard};

/// Stands for `raw_lock::RawLock`.
#[derive(Default)]
pub(super) struct RawLock {
    mutex: Mutex<()>,
    /// The owner's.
    guard: UnsafeCell<Option<MutexGuard<'static, ()>>>,
}

// SAFETY: `guard` is the owner's alone, and loom's threads take turns on one of the system's.
unsafe impl Send for RawLock {}
// SAFETY: as above.
unsafe impl Sync for RawLock {}

impl RawLock {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn lock(&self) {
        let guard = self.mutex.lock().unwrap();
        // SAFETY: the guard is gone before the mutex; we own the lock.
        unsafe { *self.guard.get() = Some(std::mem::transmute::<MutexGuard<'_, ()>, MutexGuard<'static, ()>>(guard)) };
    }

    /// # Safety
    /// As for the real one.
    pub(super) unsafe fn unlock(this: *const Self) {
        // SAFETY: the caller owns the lock.
        let guard = unsafe { (*(*this).guard.get()).take() };
        drop(guard);
    }
}

/// Stands for `futex::Parker`.
pub(super) struct Parker(Arc<(Mutex<bool>, Condvar)>);

impl Parker {
    pub(super) fn new() -> Self {
        Parker(Arc::new((Mutex::new(false), Condvar::new())))
    }

    pub(super) fn park(&self, _: u64) -> bool {
        let mut set = self.0.0.lock().unwrap();
        while !std::mem::take(&mut *set) {
            set = self.0.1.wait(set).unwrap();
        }
        true
    }

    /// # Safety
    /// As for the real one.
    pub(super) unsafe fn unpark(this: *const Self) -> bool {
        // SAFETY: alive when the call begins; what is used after that is kept alive by the clone.
        let shared = unsafe { (*this).0.clone() };
        *shared.0.lock().unwrap() = true;
        shared.1.notify_one();
        false
    }

    /// No model sleeps in the netpoller.
    pub(super) fn leave(&self) -> bool {
        unreachable!("a model that has no netpoller sleeps in it")
    }

    /// As [`leave`](Parker::leave).
    pub(super) fn come_back(&self) -> bool {
        unreachable!("a model that has no netpoller slept in it")
    }
}
