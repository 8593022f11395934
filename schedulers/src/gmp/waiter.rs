//! Who waits: a G, which is made runnable, or a plain thread, which is woken through its parker. Channels, locks and `join` do
//! not care which: they keep [`Waiter`]s, and block through [`Caller`].
//!
//! A G that waits under one lock leaves it locked until it is off its stack, so whoever finds it may make it runnable. A G that waits for several
//! things at once does not hold that many locks while it switches: it has a [`Sleeper`](super::claim::Sleeper), which remembers a wake-up that comes early.

use std::ptr::NonNull;

use super::{
    claim::Sleeper,
    enter::{Local, enter},
    futex::{NEVER, Parker},
    g::G,
    park::park_unlocking,
    raw_lock::RawLock,
};

/// The address of a G, or, with bit 1 set, of a thread's [`Parker`], or, with bit 2 set, of a G's [`Sleeper`]. All are aligned so that these bits are
/// free, and 0 and 1 are free for the states of a word that holds a waiter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiter(usize);

const THREAD: usize = 2;
const SLEEPER: usize = 4;

const _: () = assert!(align_of::<Parker>() > THREAD && align_of::<Sleeper>() > SLEEPER && align_of::<G>() > SLEEPER);

impl Waiter {
    /// In the place of one that is still to come.
    pub(super) const NOBODY: Waiter = Waiter(0);

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

    pub(super) fn of_thread(parker: &Parker) -> Self {
        Waiter(std::ptr::from_ref(parker).expose_provenance() | THREAD)
    }

    pub(super) fn of_sleeper(sleeper: &Sleeper) -> Self {
        Waiter(std::ptr::from_ref(sleeper).expose_provenance() | SLEEPER)
    }

    /// Wakes it; the G that the caller has to make runnable for that, if any.
    ///
    /// # Safety
    /// It waits, and nobody else wakes it.
    #[inline]
    pub(super) unsafe fn rouse(self) -> Option<NonNull<G>> {
        if self.0 & THREAD != 0 {
            // SAFETY: a thread that waits keeps its parker alive until it is unparked.
            unsafe { Parker::unpark(std::ptr::with_exposed_provenance(self.0 & !THREAD)) };
            return None;
        }
        if self.0 & SLEEPER != 0 {
            // SAFETY: as above.
            return unsafe { Sleeper::wake(std::ptr::with_exposed_provenance(self.0 & !SLEEPER)) };
        }
        NonNull::new(std::ptr::with_exposed_provenance_mut::<G>(self.0))
    }

    /// Makes it run again. `local` is the caller's, if it is a G inside the scheduler: the woken G runs next on its P.
    ///
    /// # Safety
    /// It waits, and nobody else wakes it.
    pub(super) unsafe fn wake(self, local: Option<&Local>) {
        // SAFETY: the caller's; a G that waits is alive, and so is its scheduler.
        unsafe {
            let Some(g) = self.rouse() else { return };
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
            Caller::Thread(parker) => Waiter::of_thread(parker),
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
