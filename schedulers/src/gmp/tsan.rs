//! What std does and ThreadSanitizer does not see, done so that it sees it (`--cfg gmp_tsan`).
//!
//! It sees what is compiled for it, and std is not: whoever gets one of std's locks the slow way, after waiting, is to ThreadSanitizer one who does
//! not hold it. These here have the parts of std's interface that gmp uses, and wait by asking again.
//!
//! And it does not understand fences, such as the one in `Arc`, which is inlined into our code: at the last of the decrements (Release), a fence
//! (Acquire) makes all that was done through the others visible to whoever frees the value. [`__wrap___tsan_atomic64_fetch_sub`] makes all Release
//! decrements of a `usize` acquire too: the flag `--wrap` of the linker puts it between the code and ThreadSanitizer. Too much order, and
//! less than to suppress every race with a value that an `Arc` frees.

use std::{
    cell::UnsafeCell,
    ffi::c_int,
    ops::{Deref, DerefMut},
    ptr::null_mut,
    sync::{
        LockResult,
        atomic::{AtomicI32, AtomicPtr, Ordering::*},
    },
    time::Duration,
};

/// A lock for one writer or many readers.
#[derive(Default)]
pub(super) struct RwLock<T> {
    state: AtomicI32,
    value: UnsafeCell<T>,
}

/// [`RwLock::state`]: a writer has it. Otherwise it is the number of readers.
const WRITER: i32 = -1;

// SAFETY: the state says who may touch the value.
unsafe impl<T: Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    pub(super) const fn new(value: T) -> Self {
        RwLock { state: AtomicI32::new(0), value: UnsafeCell::new(value) }
    }

    pub(super) fn read(&self) -> LockResult<ReadGuard<'_, T>> {
        // Acquire, here and below: pairs with the Release of both guards.
        while self.state.fetch_update(Acquire, Relaxed, |state| (state != WRITER).then_some(state + 1)).is_err() {
            std::thread::yield_now();
        }
        Ok(ReadGuard(self))
    }

    pub(super) fn write(&self) -> LockResult<WriteGuard<'_, T>> {
        loop {
            if let Ok(guard) = self.try_write() {
                return Ok(guard);
            }
            std::thread::yield_now();
        }
    }

    fn try_write(&self) -> Result<WriteGuard<'_, T>, ()> {
        self.state.compare_exchange(0, WRITER, Acquire, Relaxed).map(|_| WriteGuard(self)).map_err(drop)
    }
}

pub(super) struct ReadGuard<'a, T>(&'a RwLock<T>);

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: there are readers only.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        self.0.state.fetch_sub(1, Release);
    }
}

pub(super) struct WriteGuard<'a, T>(&'a RwLock<T>);

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the writer is us.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the writer is us.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        self.0.state.store(0, Release);
    }
}

/// The same without readers.
#[derive(Default)]
pub(super) struct Mutex<T>(RwLock<T>);

pub(super) type MutexGuard<'a, T> = WriteGuard<'a, T>;

// SAFETY: one thread at a time touches the value.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    pub(super) const fn new(value: T) -> Self {
        Mutex(RwLock::new(value))
    }

    pub(super) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        self.0.write()
    }

    pub(super) fn try_lock(&self) -> Result<MutexGuard<'_, T>, ()> {
        self.0.try_write()
    }
}

/// Every wait may return for no reason, and these all do.
pub(super) struct Condvar;

impl Condvar {
    pub(super) const fn new() -> Self {
        Condvar
    }

    pub(super) fn notify_all(&self) {}

    pub(super) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, ())> {
        let lock = guard.0;
        drop(guard);
        std::thread::sleep(timeout.min(Duration::from_millis(1)));
        let guard = lock.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok((guard, ()))
    }
}

/// A value that is set once. Boxed, so that one exchange sets it.
pub(super) struct OnceLock<T>(AtomicPtr<T>);

impl<T> OnceLock<T> {
    pub(super) const fn new() -> Self {
        OnceLock(AtomicPtr::new(null_mut()))
    }

    pub(super) fn get(&self) -> Option<&T> {
        // SAFETY: it stays until we are dropped. Acquire: pairs with the Release in `set`.
        unsafe { self.0.load(Acquire).as_ref() }
    }

    pub(super) fn set(&self, value: T) -> Result<(), T> {
        let value = Box::into_raw(Box::new(value));
        match self.0.compare_exchange(null_mut(), value, Release, Relaxed) {
            Ok(_) => Ok(()),
            // SAFETY: just made, and nobody else has seen it.
            Err(_) => Err(*unsafe { Box::from_raw(value) }),
        }
    }
}

impl<T> Drop for OnceLock<T> {
    fn drop(&mut self) {
        let value = *self.0.get_mut();
        if !value.is_null() {
            // SAFETY: `set` made it of a box, and nobody borrows from it any more.
            drop(unsafe { Box::from_raw(value) });
        }
    }
}

unsafe extern "C" {
    fn __real___tsan_atomic64_fetch_sub(value: *mut u64, subtrahend: u64, order: c_int) -> u64;
}

/// C++'s numbers of these orders.
const RELEASE: c_int = 3;
const ACQ_REL: c_int = 4;

/// See the module.
///
/// # Safety
/// That of ThreadSanitizer's own: `value` points to an atomic.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap___tsan_atomic64_fetch_sub(value: *mut u64, subtrahend: u64, order: c_int) -> u64 {
    let order = if order == RELEASE { ACQ_REL } else { order };
    // SAFETY: the caller's.
    unsafe { __real___tsan_atomic64_fetch_sub(value, subtrahend, order) }
}
