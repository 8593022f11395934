//! M: a machine, an OS thread that executes Gs while it holds a P.
//!
//! An M is in one of these places: executing a G (with a P, or in a blocking call without); on its own stack ("g0") looking for
//! a G with a P; on its own stack without a P, asleep in the scheduler's list of idle Ms; or gone.
//!
//! The two words at the head are the whole protocol by which sysmon takes the P of a G that does not come back; see `enter`.

use std::{
    cell::{Cell, UnsafeCell},
    ptr::{NonNull, null, null_mut},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU64, Ordering::*},
    },
};

use super::{
    atomic::{AtomicU32, AtomicUsize},
    find_runnable::find_runnable,
    futex::Parker,
    g::G,
    p::P,
    park::{execute_from_g0, left},
    sched::Sched,
    stack::SignalStack,
    sys, trace,
};

/// [`M::place`]: in the code of a G. Whatever it does there, it does not touch its P.
pub(super) const USER: u32 = 0;
/// [`M::place`]: in the scheduler: the P is in use.
pub(super) const RUNTIME: u32 = 1;

/// [`M::p`]: no P.
pub(super) const NO_P: usize = 1;
/// [`M::p`]: this bit beside the P's address: sysmon wants it back.
pub(super) const WANTED: usize = 1;
/// [`M::p`]: these bits beside the P's address: the world is stopped, and the P with it; it is given back at the start. See `stop_the_world`.
pub(super) const LENT: usize = 3;

/// A machine.
#[repr(C, align(128))]
pub(super) struct M {
    /// [`USER`] or [`RUNTIME`]; stored by its own thread only.
    pub(super) place: AtomicU32,
    /// Its P's address, with [`WANTED`], [`LENT`] or neither, or [`NO_P`].
    pub(super) p: AtomicUsize,
    /// The G whose stack it is on; null on g0. Own thread only, but for reports.
    pub(super) curg: AtomicPtr<G>,
    /// Its own stack, while a G's runs. Own thread only.
    pub(super) g0: UnsafeCell<Context>,
    /// The P that it had last: still warm. Own thread only.
    pub(super) old_p: Cell<*const P>,
    /// Whether it is counted in `Sched::spinning`. Own thread, or the one that hands it a P.
    pub(super) spinning: AtomicBool,
    /// The P that it was handed while it slept.
    pub(super) next_p: AtomicPtr<P>,
    pub(super) parker: Parker,
    /// The tick at which sysmon wanted the P: if it stands still, the G that did not yield is still the same.
    pub(super) wanted_at: AtomicU32,
    /// Whether sysmon took its P and slowed its thread; it undoes that itself when it comes back.
    pub(super) detached: AtomicBool,
    /// Its G has stopped the world. Own thread only.
    pub(super) stops_world: Cell<bool>,
    /// A G that was taken out of a queue and cannot run here. Own thread only.
    pub(super) in_hand: Cell<*mut G>,
    /// The G that has locked its thread; null if none has. Own thread only.
    pub(super) wired: Cell<*mut G>,
    /// How many locks that G holds. Own thread only.
    pub(super) locks: Cell<u32>,
    /// Its thread ends when it is back on g0.
    pub(super) retires: AtomicBool,
    /// Since when it has slept. Written under the scheduler's lock.
    pub(super) idle_since_ns: AtomicU64,
    /// The kernel's id of its thread.
    pub(super) tid: AtomicI32,
    pub(super) id: u64,
    /// Alive as long as the thread: it holds an `Arc`.
    pub(super) sched: *const Sched,
}

use super::switch::Context;

// SAFETY: the cells belong to its own thread, as said at each.
unsafe impl Send for M {}
// SAFETY: as above; the rest is atomic.
unsafe impl Sync for M {}

thread_local! {
    static CURRENT: Cell<*const M> = const { Cell::new(null()) };
}

/// The M of the calling thread, or null on a thread that is none.
///
/// Never inlined, and its value passes through an empty `asm!`: the compiler takes the address of a thread-local for a constant
/// of the function, and across a stack switch it is not (stale in 1000 of 1000 migrations without this).
#[inline(never)]
pub(super) fn current() -> *const M {
    let mut m = CURRENT.get();
    // SAFETY: does nothing; not `pure`, so that two calls are never merged into one.
    unsafe { std::arch::asm!("/* {0} */", inout(reg) m, options(nostack, preserves_flags)) };
    m
}

impl M {
    pub(super) fn new(id: u64, sched: *const Sched) -> Self {
        M {
            place: AtomicU32::new(RUNTIME),
            p: AtomicUsize::new(NO_P),
            curg: AtomicPtr::default(),
            g0: UnsafeCell::new(Context::of_thread()),
            old_p: Cell::new(null()),
            spinning: AtomicBool::new(false),
            next_p: AtomicPtr::new(null_mut()),
            parker: Parker::new(),
            wanted_at: AtomicU32::new(0),
            detached: AtomicBool::new(false),
            stops_world: Cell::new(false),
            in_hand: Cell::new(null_mut()),
            wired: Cell::new(null_mut()),
            locks: Cell::new(0),
            retires: AtomicBool::new(false),
            idle_since_ns: AtomicU64::new(0),
            tid: AtomicI32::new(0),
            id,
            sched,
        }
    }

    #[inline]
    pub(super) fn sched(&self) -> &Sched {
        // SAFETY: the M's thread holds an `Arc`, and whoever has the M while its thread does not run holds the scheduler.
        unsafe { &*self.sched }
    }

    /// Its P.
    ///
    /// # Safety
    /// It has one, and keeps it while the reference lives: on its own thread, in the scheduler.
    #[inline]
    pub(super) unsafe fn p(&self) -> &P {
        let p = self.p.load(Relaxed) & !WANTED;
        // SAFETY: the caller's; Ps live as long as the scheduler.
        unsafe { &*std::ptr::with_exposed_provenance::<P>(p) }
    }

    /// Wakes its thread, wherever it sleeps.
    pub(super) fn unpark(&self) {
        // SAFETY: alive.
        if unsafe { Parker::unpark(&raw const self.parker) } {
            self.sched().netpoll.interrupt();
        }
    }

    pub(super) fn has_p(&self) -> bool {
        self.p.load(Relaxed) != NO_P
    }

    /// Takes the P that the caller owns.
    pub(super) fn attach(&self, p: &P) {
        self.old_p.set(p);
        trace::attaches(self, p);
        // Release: pairs with sysmon's Acquire of `P::m`; it looks at the M through it.
        p.m.store(std::ptr::from_ref(self).cast_mut(), Release);
        p.count_tick(); // A new holder: sysmon's clock for the P begins anew.
        self.p.store(std::ptr::from_ref(p).expose_provenance(), Release);
    }

    /// Gives the P up; the caller owns it now.
    ///
    /// # Safety
    /// On its own thread, in the scheduler, with a P.
    pub(super) unsafe fn detach(&self) -> &P {
        // SAFETY: the caller's.
        let p = unsafe { self.p() };
        p.m.store(null_mut(), Relaxed);
        // AcqRel: what we did to the P comes before whoever gets it next; sysmon's wish for it, if any, ends here.
        self.p.swap(NO_P, AcqRel);
        p
    }
}

/// The life of an M's thread.
pub(super) fn main(sched: Arc<Sched>, m: NonNull<M>) {
    // SAFETY: `Sched` owns the M and lives as long as our `Arc`.
    let m = unsafe { m.as_ref() };
    m.tid.store(sys::thread_id(), Release);
    CURRENT.set(m);
    let signal_stack = SignalStack::install();
    sys::be_punctual();
    while let Some(g) = next_g(m) {
        // SAFETY: on g0, with a P; `g` came out of a queue.
        let passed = unsafe { execute_from_g0(m, g) };
        m.curg.store(null_mut(), Relaxed);
        // SAFETY: a G has just switched to us.
        unsafe { left(m, passed) };
    }
    drop(signal_stack);
    trace::ends(m);
    CURRENT.set(null());
    sched.m_ended(m);
}

/// On g0: the G to execute now; `None` when the thread ends.
fn next_g(m: &M) -> Option<NonNull<G>> {
    let sched = m.sched();
    loop {
        if m.retires.load(Relaxed) {
            if m.has_p() {
                sched.hand_off(m);
            }
            return None;
        }
        if m.is_wired() {
            return m.await_wired();
        }
        if !m.has_p() && !m.wait_for_p() {
            return None;
        }
        let Some(g) = NonNull::new(m.in_hand.replace(null_mut())).or_else(|| find_runnable(m)) else { continue };
        // SAFETY: whoever takes a G out of a queue owns it.
        match unsafe { g.as_ref() }.wired_to() {
            Some(other) => sched.give_p_to(m, other),
            None => return Some(g),
        }
    }
}
