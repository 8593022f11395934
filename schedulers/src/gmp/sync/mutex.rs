//! A mutual exclusion lock in parking_lot's shape: no poisoning, a guard that unlocks.
//!
//! One word: free, locked, or locked with waiters. Unlocking lets whoever comes first have it ("barging", since handing a lock to a G that must
//! first be dispatched makes everybody wait for that); but a waiter that was woken and found the lock taken again goes to the head of the list
//! and is *handed* the lock the next time. So nobody is overtaken for ever: Go reaches the same by a clock (1 ms), we by a count.

use std::{
    cell::UnsafeCell,
    fmt,
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicU32, Ordering::*},
};

use crate::gmp::{
    futex::Parker,
    raw_lock::RawLock,
    wait_list::{Node, WaitList},
    waiter::Caller,
};

const FREE: u32 = 0;
const LOCKED: u32 = 1;
/// Locked, and the list of waiters may not be empty.
const CONTENDED: u32 = 2;

/// A lock around a `T`.
#[derive(Default)]
pub struct Mutex<T: ?Sized> {
    state: AtomicU32,
    lock: RawLock,
    /// Guarded by `lock`.
    waiters: UnsafeCell<WaitList<Turn>>,
    value: UnsafeCell<T>,
}

/// What a waiter asks for and gets.
struct Turn {
    /// Was woken in vain before: the lock is handed over.
    insists: bool,
    /// Set by the one that hands over.
    owns: bool,
}

impl Default for WaitList<Turn> {
    fn default() -> Self {
        WaitList::new()
    }
}

// SAFETY: the value is touched by the owner of the lock only, the list under `lock`.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
// SAFETY: as above; nobody waits for a mutex that moves.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}

/// Owns the lock; dropping it unlocks. May be dropped on another thread than it was made on.
#[must_use = "dropping the guard unlocks"]
pub struct MutexGuard<'a, T: ?Sized>(&'a Mutex<T>);

// SAFETY: unlocking does not depend on the thread.
unsafe impl<T: ?Sized + Send> Send for MutexGuard<'_, T> {}
// SAFETY: shares a `&T`.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    pub const fn new(value: T) -> Self {
        Mutex {
            state: AtomicU32::new(FREE),
            lock: RawLock::new(),
            waiters: UnsafeCell::new(WaitList::new()),
            value: UnsafeCell::new(value),
        }
    }

    /// The value; nobody can hold the lock.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks, waiting while another holds it.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        // Acquire: pairs with the Release of the unlock.
        if self.state.compare_exchange(FREE, LOCKED, Acquire, Relaxed).is_err() {
            self.lock_slowly();
        }
        MutexGuard(self)
    }

    /// Locks if it is free.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.state.compare_exchange(FREE, LOCKED, Acquire, Relaxed).is_ok().then(|| MutexGuard(self))
    }

    /// The value; the borrow proves that nobody holds the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[cold]
    fn lock_slowly(&self) {
        let parker = Parker::new();
        let mut caller = Caller::enter(&parker);
        let mut insists = false;
        loop {
            self.lock.lock();
            // Whoever unlocks after this looks at the list, under `lock`.
            if self.state.swap(CONTENDED, Acquire) == FREE {
                // Ours; that the list may be empty costs the unlock a look.
                // SAFETY: locked above.
                unsafe { RawLock::unlock(&self.lock) };
                break;
            }
            let mut node = Node::new(caller.waiter(), Turn { insists, owns: false });
            // SAFETY: under `lock`; the node stays here until it has been taken off and we are woken.
            unsafe {
                let waiters = &mut *self.waiters.get();
                if insists { waiters.push_front(&raw mut node) } else { waiters.push_back(&raw mut node) }
            }
            caller = caller.wait(&self.lock);
            // SAFETY: who woke us is done with the node; read through a pointer, since the compiler saw no write.
            if unsafe { (&raw const node.payload.owns).read_volatile() } {
                break;
            }
            insists = true;
        }
        caller.exit();
    }

    #[cold]
    fn unlock_slowly(&self) {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        self.lock.lock();
        // SAFETY: under `lock`.
        let waiters = unsafe { &mut *self.waiters.get() };
        let next = waiters.pop();
        let handed = next.is_some_and(|mut node| {
            // SAFETY: off the list and not woken yet: alive, and ours.
            let turn = unsafe { &mut node.as_mut().payload };
            turn.owns = turn.insists;
            turn.owns
        });
        if !handed {
            // Release: pairs with the Acquire of the next lock. With waiters left the word must bring the next unlock back here; the one
            // that we wake says so itself, for its own sake, but somebody may be faster.
            self.state.store(FREE, Release);
        }
        // SAFETY: locked above.
        unsafe { RawLock::unlock(&self.lock) };
        if let Some(node) = next {
            // SAFETY: as above; nobody else wakes it.
            unsafe {
                let waiter = (*node.as_ptr()).waiter;
                waiter.wake(caller.local());
            }
        }
        caller.exit();
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // Release: what the owner did to the value comes before the next lock.
        if self.0.state.compare_exchange(LOCKED, FREE, Release, Relaxed).is_err() {
            self.0.unlock_slowly();
        }
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is ours.
        unsafe { &*self.0.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is ours.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(guard) => f.debug_tuple("Mutex").field(&&*guard).finish(),
            None => f.write_str("Mutex(<locked>)"),
        }
    }
}
