//! Entry into the scheduler and exit from it: what every call of gmp begins and ends with, and how a G that does not come back loses
//! its P (prototyped against three other handshakes; this one costs 2 ns a call and no signal).
//!
//! 1. **Entry**: `place = RUNTIME` (Relaxed), a compiler fence, then a look at `p`. An even `p`: go on, the P is ours until exit.
//!    **Exit**: a compiler fence, then `place = USER` (Release).
//! 2. **sysmon**, some time before the slice ends, if others wait and the P's tick stands still: remembers the tick and sets
//!    `WANTED` in `p`. A G that calls gmp now sees it at entry and yields: the polite way.
//! 3. **sysmon**, when the slice is over: one `membarrier`. It is the fence that step 1 leaves out: after it, either the M's
//!    `RUNTIME` is visible here, or the M will see `WANTED` at its next entry. If `place` is `USER` (Acquire, pairs with the
//!    Release of the exit: all that the M did to the P is seen), it exchanges `p` from `WANTED` for `NO_P`, and the P is its own.
//! 4. **Slow path of an entry**: `WANTED`: exchange it away; that failing, or `NO_P`: the P is lost, and the G needs another one:
//!    an idle P at once, or the GRQ's turn.
//!
//! The race of 3 and 4 is decided by the exchange on `p`, so just one of the two has the P. `block_in_place` is the
//! voluntary version: it gives the P away itself and then exits without one. `stop_the_world` uses the same steps to borrow the P instead of
//! taking it.

use std::{
    marker::PhantomData,
    ptr::NonNull,
    sync::atomic::{Ordering::*, compiler_fence},
};

use super::{
    g::{After, G},
    m::{self, M, NO_P, RUNTIME, USER, WANTED},
    p::P,
    park::{requeue_globally, switch_away, switch_to_g0},
};

/// Evidence that the caller is a G inside the scheduler, on an M that holds a P. Worthless after a switch: every function that
/// switches takes it and gives a new one.
pub(super) struct Local {
    m: NonNull<M>,
    _not_send: PhantomData<*const M>,
}

impl Local {
    /// # Safety
    /// What the type says must hold.
    pub(super) unsafe fn new(m: *const M) -> Self {
        // SAFETY: the caller's.
        Local { m: unsafe { NonNull::new_unchecked(m.cast_mut()) }, _not_send: PhantomData }
    }

    pub(super) fn m(&self) -> &M {
        // SAFETY: we run on its thread.
        unsafe { self.m.as_ref() }
    }

    pub(super) fn p(&self) -> &P {
        // SAFETY: it holds one, and is in the scheduler.
        unsafe { self.m().p() }
    }

    pub(super) fn g(&self) -> NonNull<G> {
        // SAFETY: the caller is a G, so the M executes one.
        unsafe { NonNull::new_unchecked(self.m().curg.load(Relaxed)) }
    }

    /// Leaves the scheduler.
    #[inline(always)]
    pub(super) fn exit(self) {
        exit(self.m());
    }
}

/// Leaves the scheduler, with a P or without.
#[inline(always)]
pub(super) fn exit(m: &M) {
    compiler_fence(SeqCst); // The light half of sysmon's membarrier.
    // Release: pairs with sysmon's Acquire of `place`; what we did to the P is seen by whoever it gives the P to.
    m.place.store(USER, Release);
}

/// Enters the scheduler. `None` on a thread that is no M, and for a G that is unwinding: std counts panics per thread, so such
/// a G must not change its thread; it gives its P away and waits as a thread does.
#[inline(always)]
pub(super) fn enter() -> Option<Local> {
    // SAFETY: Ms live as long as their threads.
    let m = unsafe { m::current().as_ref() }?;
    m.place.store(RUNTIME, Relaxed);
    compiler_fence(SeqCst); // The light half of sysmon's membarrier.
    // Acquire: pairs with the Release of whoever gives a P back that was lent, and so leaves no other trace.
    if m.p.load(Acquire) & WANTED != 0 || std::thread::panicking() {
        return enter_slowly(m);
    }
    // SAFETY: an M that runs user code executes a G, and `p` holds a P that nobody can take before we exit.
    Some(unsafe { Local::new(m) })
}

#[cold]
#[inline(never)]
fn enter_slowly(m: &M) -> Option<Local> {
    if m.stops_world.get() {
        exit(m);
        return None; // As a plain thread: there is no P to be had.
    }
    m.await_start();
    if std::thread::panicking() {
        if m.has_p_still() {
            m.sched().hand_off(m);
        }
        exit(m);
        return None;
    }
    if m.has_p_still() && (!m.sched().stops.in_force() || m.give_way()) {
        // SAFETY: it has a P, is in the scheduler, and executes a G.
        let local = unsafe { Local::new(m) };
        if m.wanted_at.load(Relaxed) == local.p().tick.load(Relaxed) {
            let g = local.g();
            return Some(switch_away(local, After { commit: requeue_globally, data: g.as_ptr().cast() }));
        }
        return Some(local);
    }
    m.sched().attach_again(m);
    if m.p.load(Relaxed) == NO_P {
        // No P is idle: queue up for one, and let the M sleep.
        // SAFETY: on a G's stack, without a P.
        return Some(unsafe { switch_to_g0(m, After { commit: requeue_globally, data: std::ptr::null() }) });
    }
    // SAFETY: it has got one.
    Some(unsafe { Local::new(m) })
}

impl M {
    /// Own thread, in the scheduler: whether the P is still ours; sysmon's wish, if it has not been carried out, is gone then.
    fn has_p_still(&self) -> bool {
        // AcqRel: if sysmon was faster, its NO_P is all we need to know; if not, it sees our exchange and leaves the P alone.
        self.p.fetch_update(AcqRel, Acquire, |p| (p != NO_P).then_some(p & !WANTED)).is_ok()
    }
}
