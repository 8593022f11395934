//! Who waits: a G, which is made runnable, or a plain thread, which is woken through its parker. Channels, locks and `join` do
//! not care which: they keep [`Waiter`]s, and block through [`Caller`].

use std::ptr::NonNull;

use super::{
    enter::{Local, enter},
    futex::{NEVER, Parker},
    g::G,
    park::park_unlocking,
    raw_lock::RawLock,
    sched::Sched,
};

/// The address of a G, or, with bit 1 set, of a thread's [`Parker`]. Both are aligned to 4 at least, and 0 and 1 are free for the states of a word that holds one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiter(usize);

const THREAD: usize = 2;

impl Waiter {
    /// A word that may hold a waiter, or a state (0 or 1).
    ///
    /// # Safety
    /// A word over 1 came from [`Waiter::raw`], and the waiter still waits.
    pub(super) unsafe fn from_raw(raw: usize) -> Option<Self> {
        (raw > 1).then_some(Waiter(raw))
    }

    pub(super) fn raw(self) -> usize {
        self.0
    }

    pub(super) fn of_g(g: NonNull<G>) -> Self {
        Waiter(g.as_ptr().expose_provenance())
    }

    /// The G, if it is one of `sched`'s: it may be made runnable together with others.
    pub(super) fn as_g_of(self, sched: &Sched) -> Option<NonNull<G>> {
        if self.0 & THREAD != 0 {
            return None;
        }
        let g = NonNull::new(std::ptr::with_exposed_provenance_mut::<G>(self.0))?;
        // SAFETY: a G that waits is alive, and where it belongs never changes.
        std::ptr::eq(unsafe { g.as_ref().sched }, sched).then_some(g)
    }

    /// Makes it run again. `local` is the caller's, if it is a G inside the scheduler: the woken G runs next on its P.
    ///
    /// # Safety
    /// It waits, and nobody else wakes it.
    pub(super) unsafe fn wake(self, local: Option<&Local>) {
        if self.0 & THREAD != 0 {
            // SAFETY: a thread that waits keeps its parker alive until it is unparked.
            unsafe { Parker::unpark(std::ptr::with_exposed_provenance(self.0 & !THREAD)) };
            return;
        }
        // SAFETY: a G that waits is alive, and so is its scheduler.
        unsafe {
            let g = NonNull::new_unchecked(std::ptr::with_exposed_provenance_mut::<G>(self.0));
            let sched = &*g.as_ref().sched;
            match local {
                Some(local) if std::ptr::eq(local.m().sched, sched) => sched.ready(local.p(), g),
                _ => sched.ready_from_outside(g),
            }
        }
    }
}

/// Whoever calls a blocking operation, inside the scheduler if it is a G.
pub(super) enum Caller<'a> {
    G(Local),
    Thread(&'a Parker),
}

impl<'a> Caller<'a> {
    /// Enters the scheduler, or falls back on the thread's `parker`.
    #[inline]
    pub(super) fn enter(parker: &'a Parker) -> Self {
        match enter() {
            Some(local) => Caller::G(local),
            None => Caller::Thread(parker),
        }
    }

    pub(super) fn waiter(&self) -> Waiter {
        match self {
            Caller::G(local) => Waiter::of_g(local.g()),
            Caller::Thread(parker) => Waiter(std::ptr::from_ref(*parker).expose_provenance() | THREAD),
        }
    }

    pub(super) fn local(&self) -> Option<&Local> {
        match self {
            Caller::G(local) => Some(local),
            Caller::Thread(_) => None,
        }
    }

    /// Releases `lock`, under which [`waiter`](Caller::waiter) was put where somebody will find it, and blocks until woken.
    #[inline]
    pub(super) fn wait(self, lock: &RawLock) -> Self {
        match self {
            Caller::G(local) => Caller::G(park_unlocking(local, lock)),
            Caller::Thread(parker) => {
                // SAFETY: the caller holds it.
                unsafe { RawLock::unlock(lock) };
                parker.park(NEVER);
                Caller::Thread(parker)
            }
        }
    }

    /// Leaves the scheduler.
    #[inline]
    pub(super) fn exit(self) {
        if let Caller::G(local) = self {
            local.exit();
        }
    }
}
