//! Goroutines that stay on their thread: Go's `runtime.LockOSThread`.
//!
//! A G that has locked its thread is *wired* to its M, and the M to it: neither runs without the other.
//!
//! - When the G leaves (parks, yields, loses its P), its M goes to g0 whatever else there is to run, hands its P on and sleeps, outside of the list of
//!   Ms that anybody may wake.
//! - Who takes the G out of a queue cannot run it: it hands its own P to the G's M, wakes that one, and goes to sleep itself. So each way costs a
//!   change of threads (in Go as well).
//! - A G that ends while it is wired takes its thread with it: what it may have changed there is nobody else's.
//!
//! What says that a G is wired is a bit beside the one that every dispatch looks at ([`WIRED`]); its M is the one that dispatched it last.

use std::{marker::PhantomData, ptr::NonNull, sync::atomic::Ordering::*};

use super::{
    futex::NEVER,
    g::{G, WIRED},
    m::{self, M},
    sched::Sched,
    trace,
};

/// While it lives, the goroutine that made it runs on its present thread, and no other goroutine does.
///
/// Locks nest: the goroutine is free again when all of them have been dropped.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// use schedulers::gmp::ThreadLock;
///
/// /// A library that wants to be called by the thread that opened it.
/// struct Library {
///     _lock: ThreadLock,
/// }
///
/// impl Library {
///     fn open() -> Self {
///         Library { _lock: gmp::lock_os_thread() }
///     }
/// }
///
/// runtime.run(|| {
///     let library = Library::open();
///     gmp::yield_now(); // Here it comes back to the same thread.
///     drop(library); // And from here on it may go anywhere.
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "the thread is locked for as long as this lives"]
#[derive(Debug)]
pub struct ThreadLock {
    /// On a plain thread there is nothing to do.
    is_g: bool,
    /// Dropped where it was made.
    _not_send: PhantomData<*const ()>,
}

/// Locks the calling goroutine to its thread, until the lock is dropped: for libraries and system calls that depend on the thread. Go's
/// `runtime.LockOSThread`.
///
/// A goroutine that ends with the lock still held (it was forgotten, as by [`std::mem::forget`]) ends its thread as well, for whatever it has done to it.
/// On a thread that executes no goroutine it does nothing.
///
/// Each time such a goroutine waits, its thread sleeps as a thread does: two changes of threads instead of a switch of some nanoseconds.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals but for the thread's own number.
/// # let runtime = unsafe { Runtime::builder().procs(2).build()? };
/// runtime.run(|| {
///     let lock = gmp::lock_os_thread();
///     let here = std::thread::current().id();
///     gmp::time::sleep(std::time::Duration::from_millis(1));
///     assert_eq!(std::thread::current().id(), here);
///     drop(lock);
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn lock_os_thread() -> ThreadLock {
    // SAFETY: Ms live as long as their threads, and an M that runs user code executes a G.
    let m = unsafe { m::current().as_ref() };
    if let Some(m) = m {
        let g = m.curg.load(Relaxed);
        // SAFETY: it is the caller.
        let special = unsafe { &(*g).special };
        special.set(special.get() | WIRED);
        m.wired.set(g);
        m.locks.set(m.locks.get() + 1);
    }
    ThreadLock { is_g: m.is_some(), _not_send: PhantomData }
}

impl Drop for ThreadLock {
    fn drop(&mut self) {
        if !self.is_g {
            return;
        }
        // SAFETY: the G that made it has not left its M.
        let m = unsafe { &*m::current() };
        m.locks.set(m.locks.get() - 1);
        if m.locks.get() == 0 {
            m.unwire();
        }
    }
}

impl M {
    /// Whether a G is locked to its thread. Own thread only.
    pub(super) fn is_wired(&self) -> bool {
        !self.wired.get().is_null()
    }

    /// Own thread: the M and its G are free of each other.
    pub(super) fn unwire(&self) {
        self.locks.set(0);
        // SAFETY: it is null, or the G that executes here, or has just ended here.
        if let Some(g) = unsafe { self.wired.replace(std::ptr::null_mut()).as_ref() } {
            g.special.set(g.special.get() & !WIRED);
        }
    }

    /// On g0, after its G has left: hands its P on, if it has one, and sleeps until somebody who has found the G gives it another. `None` at the end
    /// of the runtime.
    pub(super) fn await_wired(&self) -> Option<NonNull<G>> {
        let sched = self.sched();
        if self.has_p() {
            sched.hand_off(self);
        } else {
            sched.wakep(); // The G has queued itself, and a P may have gone idle before.
        }
        while !sched.shutting_down.load(Relaxed) {
            self.parker.park(NEVER);
            if self.take_handed_p().is_some() && !sched.shutting_down.load(Relaxed) {
                return NonNull::new(self.wired.get());
            }
        }
        if self.has_p() {
            sched.hand_off(self); // It came too late.
        }
        None
    }
}

impl G {
    /// The M that it is locked to.
    pub(super) fn wired_to(&self) -> Option<&M> {
        // SAFETY: it has run, for it has locked its thread; Ms live as long as the scheduler.
        (self.special.get() & WIRED != 0).then(|| unsafe { &*self.m.load(Relaxed) })
    }
}

impl Sched {
    /// `m`, on g0, gives its P to `other`, which waits for one. At the end of the runtime nothing happens: `other` may have gone.
    pub(super) fn give_p_to(&self, m: &M, other: &M) {
        let inner = self.lock();
        if self.shutting_down.load(Relaxed) {
            return;
        }
        trace::hands_off(m);
        // SAFETY: on its own thread, in the scheduler, with a P.
        let p = unsafe { m.detach() };
        p.counters.handoffs.add(1);
        // Release: pairs with the Acquire in `take_handed_p`.
        other.next_p.store(std::ptr::from_ref(p).cast_mut(), Release);
        drop(inner);
        other.unpark();
    }
}
