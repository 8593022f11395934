//! What loom's models run instead of a spin lock and a futex: it explores every order of steps, and a loop that waits for somebody has
//! endlessly many. Their contracts are those of [`raw_lock`](super::raw_lock) and [`futex`](super::futex).

use std::{cell::UnsafeCell, sync::Arc};

use loom::sync::{Condvar, Mutex, MutexGuard};

use super::atomic::{AtomicU32, Ordering::*};

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

loom::lazy_static! {
    /// The kernel's side of futexes: who waits, on the word at which address.
    static ref FUTEXES: Mutex<Vec<(usize, Arc<Condvar>)>> = Mutex::new(Vec::new());
}

/// Stands for `futex::wait`: looks at the word and falls asleep in one step, as seen by those who wake. No deadline ever comes.
pub(super) fn wait(word: &AtomicU32, value: u32, _until: u64) {
    let mut waiters = FUTEXES.lock().unwrap();
    if word.load(Relaxed) == value {
        let waiter = Arc::new(Condvar::new());
        waiters.push((std::ptr::from_ref(word).addr(), waiter.clone()));
        drop(waiter.wait(waiters));
    }
}

/// Stands for `futex::wake`: the word itself may be gone.
pub(super) fn wake(word: *const AtomicU32) {
    let mut waiters = FUTEXES.lock().unwrap();
    if let Some(first) = waiters.iter().position(|&(address, _)| address == word.addr()) {
        waiters.remove(first).1.notify_one();
    }
}

/// Stands for `futex::wake_all`.
pub(super) fn wake_all(word: &AtomicU32) {
    let mut waiters = FUTEXES.lock().unwrap();
    let address = std::ptr::from_ref(word).addr();
    waiters.iter().filter(|waiter| waiter.0 == address).for_each(|waiter| waiter.1.notify_one());
    waiters.retain(|waiter| waiter.0 != address);
}

/// Blocks who comes to it until somebody opens it.
#[cfg(test)]
pub(super) struct Gate(Mutex<bool>, Condvar);

#[cfg(test)]
impl Gate {
    pub(super) fn new() -> Self {
        Gate(Mutex::new(false), Condvar::new())
    }

    pub(super) fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_one();
    }

    pub(super) fn pass(&self) {
        let mut open = self.0.lock().unwrap();
        while !*open {
            open = self.1.wait(open).unwrap();
        }
    }
}
