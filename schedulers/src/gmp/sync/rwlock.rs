//! A readers-writer lock in parking_lot's shape, in which neither side starves the other.
//!
//! One word: how many readers hold the lock, whether a writer does, and whether somebody waits (`QUEUED`). An uncontended lock or unlock is one
//! locked instruction. With `QUEUED` set nobody gets in past the queue, so every change of hands is decided by the one
//! who leaves last, under the lock of the two lists (readers, writers), and *handed over*:
//!
//! - a writer that leaves admits **all readers** that wait, whether they came before or after the next writer, as a batch; if none waits, the next writer;
//! - the last reader that leaves hands over to the first **writer** that waits.
//!
//! So the phases alternate: a writer waits for the readers of one phase and the writers before it, a reader for one writer (Go's `RWMutex` keeps the
//! same rules). What is handed over is held from that moment on, though its G must first be dispatched: the price of no starvation.
//!
//! Invariants: `QUEUED` is set just while a list is not empty; it is changed under the lists' lock only. While it is set, no other bit changes but by readers
//! that leave, and by a hand-over. So of all that leave, one at most finds itself the last with `QUEUED` set, and hands over; and one who queues
//! sets `QUEUED` by an exchange of the very word that told it to queue: a leaver comes before that exchange, which then fails, or sees `QUEUED`.

use std::{
    cell::UnsafeCell,
    fmt,
    ops::{Deref, DerefMut},
};

use crate::gmp::{
    atomic::{AtomicUsize, Ordering::*, const_fn},
    futex::{Parker, now_ns},
    raw_lock::Locked,
    wait_list::{Node, WaitList},
    wait_reason::WaitReason,
    waiter::Caller,
};

/// A writer holds the lock.
const WRITER: usize = 1;
/// Somebody waits.
const QUEUED: usize = 2;
/// One reader that holds the lock.
const READER: usize = 4;

/// A lock around a `T` that many may read at once, or one may write.
///
/// A reader that asks for a second guard while a writer waits waits for itself, for ever: readers that come after the writer come after it.
///
/// ```
/// # use schedulers::gmp::sync::RwLock;
/// let lock = RwLock::new(vec![1]);
/// {
///     let (a, b) = (lock.read(), lock.read());
///     assert_eq!(a[0] + b[0], 2);
///     assert!(lock.try_write().is_none());
/// }
/// lock.write().push(2);
/// assert_eq!(lock.into_inner(), [1, 2]);
/// ```
#[derive(Default)]
pub struct RwLock<T: ?Sized> {
    state: AtomicUsize,
    queue: Locked<Queue>,
    value: UnsafeCell<T>,
}

/// Those who wait for a side of the lock; whoever is woken has it.
#[derive(Default)]
struct Queue {
    readers: WaitList<()>,
    readers_len: usize,
    writers: WaitList<()>,
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Read,
    Write,
}

// SAFETY: the value is shared by readers, or touched by the one writer.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}
// SAFETY: as above; nobody waits for a lock that moves.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}

/// Shares the value; dropping it gives it back. May be dropped on another thread than it was made on.
///
/// ```
/// # use schedulers::gmp::{self, Runtime, sync::RwLock};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// let settings = RwLock::new(("verbose", true));
/// runtime.run(|| {
///     gmp::scope(|scope| {
///         let read = || {
///             let settings = settings.read();
///             gmp::yield_now(); // Other readers come in meanwhile.
///             settings.1
///         };
///         let readers = [scope.spawn(read), scope.spawn(read)];
///         assert!(readers.into_iter().all(|reader| reader.join().unwrap()));
///     });
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "dropping the guard unlocks"]
pub struct RwLockReadGuard<'a, T: ?Sized>(&'a RwLock<T>);

/// Owns the value; dropping it gives it back. May be dropped on another thread than it was made on.
///
/// ```
/// # use schedulers::gmp::sync::RwLock;
/// let lock = RwLock::new(String::from("draft"));
/// let mut text = lock.write();
/// assert!(lock.try_read().is_none(), "nobody sees it half done");
/// text.insert_str(0, "final ");
/// drop(text);
/// assert_eq!(*lock.read(), "final draft");
/// ```
#[must_use = "dropping the guard unlocks"]
pub struct RwLockWriteGuard<'a, T: ?Sized>(&'a RwLock<T>);

// SAFETY: unlocking does not depend on the thread, and what goes along is a `&T`.
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: shares a `&T`.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: unlocking does not depend on the thread, and what goes along is a `&mut T`.
unsafe impl<T: ?Sized + Send> Send for RwLockWriteGuard<'_, T> {}
// SAFETY: shares a `&T`.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<T> RwLock<T> {
    const_fn! {
        /// An unlocked lock.
        pub fn new(value: T) -> Self {
            let queue = Queue { readers: WaitList::new(), readers_len: 0, writers: WaitList::new() };
            RwLock { state: AtomicUsize::new(0), queue: Locked::new(queue), value: UnsafeCell::new(value) }
        }
    }

    /// The value; nobody can hold the lock.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

/// The word after one more of `side` has got in, or `None` if it must wait.
fn admitted(state: usize, side: Side) -> Option<usize> {
    match side {
        Side::Read => (state & (WRITER | QUEUED) == 0).then_some(state + READER),
        Side::Write => (state == 0).then_some(WRITER),
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks for reading, waiting while a writer holds the lock or waits for it.
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.lock(Side::Read);
        RwLockReadGuard(self)
    }

    /// Locks for reading if no writer holds the lock or waits for it.
    #[inline]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.try_lock(Side::Read).then(|| RwLockReadGuard(self))
    }

    /// Locks for writing, waiting while anybody holds the lock.
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.lock(Side::Write);
        RwLockWriteGuard(self)
    }

    /// Locks for writing if nobody holds the lock.
    #[inline]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.try_lock(Side::Write).then(|| RwLockWriteGuard(self))
    }

    /// The value; the borrow proves that nobody holds the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[inline]
    fn try_lock(&self, side: Side) -> bool {
        // Acquire: pairs with the Releases of the unlocks.
        self.state.fetch_update(Acquire, Relaxed, |state| admitted(state, side)).is_ok()
    }

    #[inline]
    fn lock(&self, side: Side) {
        if !self.try_lock(side) {
            self.lock_slowly(side);
        }
    }

    #[cold]
    fn lock_slowly(&self, side: Side) {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let mut queue = self.queue.lock();
        let entered = |state| admitted(state, side).or(Some(state | QUEUED));
        // Acquire: as in `try_lock`, if this gets in.
        let before = self.state.fetch_update(Acquire, Relaxed, entered);
        if before.is_ok_and(|before| admitted(before, side).is_some()) {
            drop(queue);
            return caller.exit();
        }
        let since_ns = now_ns();
        let mut node = Node::new(caller.waiter(), ());
        let (list, reason) = match side {
            Side::Read => {
                queue.readers_len += 1;
                (&mut queue.readers, WaitReason::RwLockRead)
            }
            Side::Write => (&mut queue.writers, WaitReason::RwLockWrite),
        };
        // SAFETY: the node stays here until it has been taken off and we are woken.
        unsafe { list.push_back(&raw mut node) };
        // Who wakes us has made the lock ours, and comes after all that held it before.
        let caller = caller.wait(queue.into_raw(), reason);
        caller.count_lock_wait(since_ns);
        caller.exit();
    }

    #[inline]
    fn unlock_read(&self) {
        // Release: our reads come before the next writer's writes.
        if self.state.fetch_sub(READER, Release) == READER | QUEUED {
            self.hand_over(Side::Read);
        }
    }

    #[inline]
    fn unlock_write(&self) {
        // Release: our writes come before all that is done under the lock from now on.
        if self.state.compare_exchange(WRITER, 0, Release, Relaxed).is_err() {
            self.hand_over(Side::Write);
        }
    }

    /// The last of a phase leaves, and somebody waits: nobody but us changes the word's other bits until we have.
    #[cold]
    fn hand_over(&self, from: Side) {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let mut queue = self.queue.lock();
        // Acquire: pairs with the Release of each reader that left before us; whom we wake comes after them too.
        let state = self.state.load(Acquire);
        debug_assert_eq!(state, if from == Side::Read { QUEUED } else { WRITER | QUEUED });
        let mut next = WaitList::new();
        let held = if !queue.readers.is_empty() && (from == Side::Write || queue.writers.is_empty()) {
            next = queue.readers.take();
            std::mem::take(&mut queue.readers_len) * READER
        } else if let Some(writer) = queue.writers.pop() {
            // SAFETY: off its list, still alive.
            unsafe { next.push_back(writer.as_ptr()) };
            WRITER
        } else {
            0
        };
        let queued = if queue.readers.is_empty() && queue.writers.is_empty() { 0 } else { QUEUED };
        // Release: pairs with the Acquire of those who get in by themselves.
        self.state.store(held | queued, Release);
        drop(queue);
        // SAFETY: taken out under the lock, by us alone.
        unsafe { next.wake(caller.local()) };
        caller.exit();
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.unlock_read();
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.unlock_write();
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: we hold it for reading.
        unsafe { &*self.0.value.get() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: we hold it for writing.
        unsafe { &*self.0.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: we hold it for writing.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_read() {
            Some(guard) => f.debug_tuple("RwLock").field(&&*guard).finish(),
            None => f.write_str("RwLock(<locked>)"),
        }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(all(test, gmp_loom))]
mod models {
    use loom::{cell::UnsafeCell, sync::Arc, thread};

    use super::*;

    fn write(lock: &RwLock<UnsafeCell<u32>>) {
        let guard = lock.write();
        // SAFETY: the lock is ours; loom complains if it is not.
        guard.with_mut(|value| unsafe { *value += 1 });
    }

    fn read(lock: &RwLock<UnsafeCell<u32>>) -> u32 {
        let guard = lock.read();
        // SAFETY: as above.
        guard.with(|value| unsafe { *value })
    }

    fn model(body: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(2);
        builder.check(body);
    }

    fn spawn(
        lock: &Arc<RwLock<UnsafeCell<u32>>>,
        body: impl FnOnce(&RwLock<UnsafeCell<u32>>) + 'static,
    ) -> thread::JoinHandle<()> {
        let lock = lock.clone();
        thread::spawn(move || body(&lock))
    }

    #[test]
    fn two_writers_and_a_reader() {
        model(|| {
            let lock = Arc::new(RwLock::new(UnsafeCell::new(0)));
            let (writer, reader) = (spawn(&lock, write), spawn(&lock, |lock| assert!(read(lock) <= 2)));
            write(&lock);
            writer.join().unwrap();
            reader.join().unwrap();
            assert_eq!(read(&lock), 2);
        });
    }

    #[test]
    fn two_readers_and_a_writer() {
        model(|| {
            let lock = Arc::new(RwLock::new(UnsafeCell::new(0)));
            let readers = [0; 2].map(|_| spawn(&lock, |lock| assert!(read(lock) <= 1)));
            write(&lock);
            readers.into_iter().for_each(|reader| reader.join().unwrap());
            assert_eq!(read(&lock), 1);
        });
    }
}
