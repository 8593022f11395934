//! Who waits: a G, which is made runnable, or a plain thread, which is woken through its parker. Channels, locks and `join` do
//! not care which: they keep [`Waiter`]s, and block through [`Caller`].
//!
//! A G that waits under one lock leaves it locked until it is off its stack, so whoever finds it may make it runnable. A G that waits for several
//! things at once does not hold that many locks while it switches: it has a [`Sleeper`](super::claim::Sleeper), which remembers a wake-up that comes early.

use std::ptr::{NonNull, null};

use super::{
    claim::Sleeper,
    enter::{Local, enter},
    futex::{NEVER, Parker},
    g::{After, G},
    grq::Fifo,
    m::M,
    park::{park, park_unlocking},
    raw_lock::RawLock,
    sched::Sched,
    wait_reason::WaitReason,
};

/// The address of a G, or, with bit 1 set, of a thread's [`Parker`], or, with bit 2 set, of a G's [`Sleeper`]. All are aligned so that these bits are
/// free, and 0 and the odd numbers are free for the states of a word that holds a waiter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiter(usize);

const THREAD: usize = 2;
const SLEEPER: usize = 4;

const _: () = assert!(align_of::<Parker>() > THREAD && align_of::<Sleeper>() > SLEEPER && align_of::<G>() > SLEEPER);

impl Waiter {
    /// In the place of one that is still to come.
    pub(super) const NOBODY: Waiter = Waiter(0);

    /// A word that may hold a waiter, or a state: 0 or an odd number.
    ///
    /// # Safety
    /// An even word other than 0 came from [`Waiter::raw`], and the waiter still waits.
    pub(super) unsafe fn from_raw(raw: usize) -> Option<Self> {
        (raw != 0 && raw & 1 == 0).then_some(Waiter(raw))
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

    /// The G, if it is one that sleeps as such.
    #[inline]
    pub(super) fn g(self) -> Option<NonNull<G>> {
        let is_g = self.0 & (THREAD | SLEEPER) == 0;
        NonNull::new(std::ptr::with_exposed_provenance_mut::<G>(self.0)).filter(|_| is_g)
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
    #[inline(always)]
    pub(super) unsafe fn wake(self, local: Option<&Local>) {
        match local {
            // SAFETY: the caller's.
            Some(local) if self.0 & (THREAD | SLEEPER) == 0 => unsafe {
                ready(NonNull::new_unchecked(std::ptr::with_exposed_provenance_mut(self.0)), Some(local.m()));
            },
            // SAFETY: the caller's.
            local => unsafe { self.wake_as(local.map(Local::m)) },
        }
    }

    /// As [`wake`](Waiter::wake), by or for one who is no plain G: apart, since it is rarer and longer. `m` is that of the caller's [`Local`].
    #[inline(never)]
    unsafe fn wake_as(self, m: Option<&M>) {
        // SAFETY: the caller's.
        unsafe {
            if let Some(g) = self.rouse() {
                ready(g, m);
            }
        }
    }
}

/// Makes `g` runnable.
///
/// # Safety
/// It waits, and nobody else wakes it. The caller is on `m`, in the scheduler, with a P.
#[inline]
unsafe fn ready(g: NonNull<G>, m: Option<&M>) {
    // SAFETY: a G that waits is alive, and so is its scheduler; for the P, the caller's.
    unsafe {
        let sched = &*g.as_ref().sched;
        match m {
            Some(m) if std::ptr::eq(m.sched, sched) => sched.ready(m.p(), g),
            _ => sched.ready_from_outside(g),
        }
    }
}

/// Waiters that are woken together: the Gs among them, in the order in which they were added, become runnable when the batch is dropped, with
/// one look for an idle M instead of one each.
pub(super) struct Batch<'a> {
    local: Option<&'a Local>,
    /// The runtime of `gs`.
    sched: *const Sched,
    gs: Fifo,
}

impl<'a> Batch<'a> {
    /// `local` as for [`Waiter::wake`].
    pub(super) fn new(local: Option<&'a Local>) -> Self {
        Batch { local, sched: null(), gs: Fifo::new() }
    }

    /// One more to wake.
    ///
    /// # Safety
    /// It waits, and nobody else wakes it.
    pub(super) unsafe fn add(&mut self, waiter: Waiter) {
        // SAFETY: the caller's.
        let Some(g) = (unsafe { waiter.rouse() }) else { return };
        // SAFETY: a G that waits is alive.
        let sched = unsafe { g.as_ref() }.sched;
        if sched != self.sched {
            self.flush();
            self.sched = sched;
        }
        self.gs.push(g);
    }

    fn flush(&mut self) {
        if self.gs.is_empty() {
            return;
        }
        let gs = std::mem::replace(&mut self.gs, Fifo::new());
        // SAFETY: the scheduler of a G that has not ended is alive.
        let sched = unsafe { &*self.sched };
        match self.local {
            Some(local) if std::ptr::eq(local.m().sched, sched) => sched.ready_all(local.p(), gs),
            _ => sched.ready_all_from_outside(gs),
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.flush();
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
    pub(super) fn wait(self, lock: &RawLock, reason: WaitReason) -> Self {
        match self {
            Caller::G(local) => Caller::G(park_unlocking(local, lock, reason)),
            Caller::Thread(parker) => {
                // SAFETY: the caller holds it.
                unsafe { RawLock::unlock(lock) };
                parker.park(NEVER);
                Caller::Thread(parker)
            }
        }
    }

    /// As [`wait`](Caller::wait), and when `lock` is released, wakes `next`.
    ///
    /// # Safety
    /// `next` waits, and nobody else wakes it.
    pub(super) unsafe fn wait_and_wake(self, lock: &RawLock, next: Option<Waiter>, reason: WaitReason) -> Self {
        let Some(waiter) = next else { return self.wait(lock, reason) };
        match self {
            Caller::G(local) => {
                let then = (std::ptr::from_ref(lock), waiter);
                let after = After { commit: unlock_and_wake, data: (&raw const then).cast() };
                Caller::G(park(local, after, reason))
            }
            Caller::Thread(parker) => {
                // SAFETY: the caller holds the lock; for the waiter, the caller's.
                unsafe {
                    RawLock::unlock(lock);
                    waiter.wake(None);
                }
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

/// `After`: unlocks and wakes what `data` points at, on the stack that was left.
unsafe fn unlock_and_wake(m: &M, _: NonNull<G>, data: *const ()) {
    // SAFETY: the stack is there until the lock is free: copied before. Then as `wait_and_wake`'s caller says; we are in the scheduler, with the P that the
    // G parked with, and nobody asks the `Local` for its G.
    unsafe {
        let (lock, waiter) = *data.cast::<(*const RawLock, Waiter)>();
        RawLock::unlock(lock);
        waiter.wake(Some(&Local::new(m)));
    }
}
