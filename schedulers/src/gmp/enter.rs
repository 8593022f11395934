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
    sys::light_barrier,
    trace,
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

    #[inline]
    pub(super) fn m(&self) -> &M {
        // SAFETY: we run on its thread.
        unsafe { self.m.as_ref() }
    }

    #[inline]
    pub(super) fn p(&self) -> &P {
        // SAFETY: it holds one, and is in the scheduler.
        unsafe { self.m().p() }
    }

    #[inline]
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
    if !m.step_in() || std::thread::panicking() {
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
    if m.keeps_p() {
        // SAFETY: it has a P, is in the scheduler, and executes a G.
        let local = unsafe { Local::new(m) };
        if m.sched().shutting_down.load(Relaxed) {
            // For good.
            // SAFETY: a G of `m` calls.
            return Some(unsafe { switch_to_g0(m, After { commit: requeue_globally, data: std::ptr::null() }) });
        }
        if m.wanted_at.load(Relaxed) == local.p().tick.load(Relaxed) {
            let g = local.g();
            trace::stops(m, trace::Why::Asked);
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
    trace::goes_on(m);
    // SAFETY: it has got one.
    Some(unsafe { Local::new(m) })
}

/// Enters for the last time, on behalf of a G that has ended on `m`. `None`: it goes on as one without a P, and then to g0. So it does with no P to be had: it
/// has nothing left to execute, and whoever waits for its end should not wait for its turn.
#[inline]
pub(super) fn enter_to_end(m: &M) -> Option<Local> {
    m.place.store(RUNTIME, Relaxed);
    compiler_fence(SeqCst); // As in `enter`.
    if m.p.load(Acquire) & WANTED != 0 && !ends_with_p(m) {
        return None;
    }
    // SAFETY: it has a P, is in the scheduler, and executes a G.
    Some(unsafe { Local::new(m) })
}

#[cold]
#[inline(never)]
fn ends_with_p(m: &M) -> bool {
    m.await_start();
    if !m.keeps_p() {
        m.sched().attach_again(m);
    }
    // At the runtime's end the wish is gone, and was for good: the next G, which might never look at anything else, must not run.
    m.has_p() && !m.sched().shutting_down.load(Relaxed)
}

impl M {
    /// Own thread, step 1: `false` if the P is wanted, or lost.
    #[inline(always)]
    pub(super) fn step_in(&self) -> bool {
        self.place.store(RUNTIME, Relaxed);
        light_barrier(); // Pairs with sysmon's `heavy_barrier`.
        // Acquire: pairs with the Release of whoever gives a P back that was lent, and so leaves no other trace.
        self.p.load(Acquire) & WANTED == 0
    }

    /// sysmon, step 2: asks for the P at the address `held`; `false` if the M does not hold it, with or without the wish.
    pub(super) fn ask_for(&self, held: usize) -> bool {
        // AcqRel: `wanted_at` comes first. The wish may stand there from before, if the M was inside the scheduler when it was made and
        // has dispatched another G since: nobody clears it but an entry.
        match self.p.compare_exchange(held, held | WANTED, AcqRel, Relaxed) {
            Ok(_) => true,
            Err(p) => p == held | WANTED,
        }
    }

    /// sysmon, step 3, after its `heavy_barrier`: whether the M is outside of the scheduler, so that the P may be taken.
    pub(super) fn is_outside(&self) -> bool {
        // Acquire: pairs with the Release of the exit.
        self.place.load(Acquire) == USER
    }

    /// sysmon, step 3: takes the P that was asked for; `false` if the M was faster.
    pub(super) fn take(&self, held: usize) -> bool {
        // AcqRel: pairs with `has_p_still`, and the `detach` of one who gives the P away.
        self.p.compare_exchange(held | WANTED, NO_P, AcqRel, Relaxed).is_ok()
    }

    /// Own thread, in the scheduler: whether the P is still ours; sysmon's wish, if it has not been carried out, is gone then.
    fn has_p_still(&self) -> bool {
        // AcqRel: if sysmon was faster, its NO_P is all we need to know; if not, it sees our exchange and leaves the P alone.
        self.p.fetch_update(AcqRel, Acquire, |p| (p != NO_P).then_some(p & !WANTED)).is_ok()
    }

    /// The same; if the P is wanted for a stop of the world, it waits for the start.
    fn keeps_p(&self) -> bool {
        self.has_p_still() && (!self.sched().stops.in_force() || self.give_way())
    }
}

/// The real steps of both sides; loom tells if two threads are at the P at a time, or one after the other without having learnt of what the other did.
#[cfg(all(test, gmp_loom))]
mod models {
    use std::{
        ptr::null,
        sync::atomic::{AtomicU32, Ordering::Relaxed},
    };

    use loom::{cell::UnsafeCell, sync::Arc, thread};

    use super::*;
    use crate::gmp::sys::heavy_barrier;

    struct Hold {
        m: M,
        p: P,
        /// Stands for what only the owner of the P touches.
        own: UnsafeCell<u32>,
    }

    impl Hold {
        fn new() -> Arc<Self> {
            let hold = Arc::new(Hold { m: M::new(0, null()), p: P::new(0), own: UnsafeCell::new(0) });
            hold.m.attach(&hold.p);
            exit(&hold.m);
            hold
        }

        fn touch_p(&self) {
            // SAFETY: loom checks it.
            self.own.with_mut(|own| unsafe { *own += 1 });
        }

        /// A call of gmp by the M's G, up to where it would need another P.
        fn call(&self) -> Call {
            let asked = !self.m.step_in();
            if asked && !self.m.has_p_still() {
                return Call::Lost;
            }
            self.touch_p();
            exit(&self.m);
            if asked { Call::Asked } else { Call::Undisturbed }
        }

        /// sysmon at the end of the slice; whether it has taken the P.
        fn preempt(&self, looks: u32) -> bool {
            let held = std::ptr::from_ref(&self.p).expose_provenance();
            if !self.m.ask_for(held) {
                return false;
            }
            heavy_barrier();
            // The later looks have no barrier of their own.
            let taken = (0..looks).any(|_| self.m.is_outside() && self.m.take(held));
            if taken {
                self.touch_p();
            }
            taken
        }
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Call {
        Undisturbed,
        Asked,
        Lost,
    }

    /// How often something was seen to happen, in all executions: a model that never gets there shows nothing.
    fn happened(count: &AtomicU32) -> bool {
        count.load(Relaxed) > 0
    }

    #[test]
    fn the_p_has_one_owner_when_sysmon_takes_it() {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        static REFUSED: AtomicU32 = AtomicU32::new(0);
        static ASKED: AtomicU32 = AtomicU32::new(0);
        loom::model(|| {
            let hold = Hold::new();
            let its = hold.clone();
            let m = thread::spawn(move || {
                let calls = [its.call(), its.call()];
                if calls.contains(&Call::Asked) {
                    ASKED.fetch_add(1, Relaxed);
                }
                calls.contains(&Call::Lost)
            });
            let taken = hold.preempt(2);
            if taken { &TAKEN } else { &REFUSED }.fetch_add(1, Relaxed);
            let lost = m.join().unwrap();
            assert!(taken || !lost, "a P was lost to nobody");
        });
        assert!([&TAKEN, &REFUSED, &ASKED].into_iter().all(happened));
    }

    /// sysmon asks twice, with a call in between that may clear the first wish, or not.
    #[test]
    fn a_wish_that_was_seen_is_over() {
        static TAKEN_LATER: AtomicU32 = AtomicU32::new(0);
        loom::model(|| {
            let hold = Hold::new();
            let its = hold.clone();
            let m = thread::spawn(move || [its.call(), its.call()].contains(&Call::Lost));
            let taken = hold.preempt(1) || {
                let taken = hold.preempt(1);
                TAKEN_LATER.fetch_add(u32::from(taken), Relaxed);
                taken
            };
            assert!(taken || !m.join().unwrap());
        });
        assert!(happened(&TAKEN_LATER));
    }

    /// The M gives its P away by itself, in a blocking call, and takes it again; sysmon comes at any time.
    #[test]
    fn the_p_has_one_owner_when_the_m_gives_it_away() {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        static GIVEN: AtomicU32 = AtomicU32::new(0);
        loom::model(|| {
            let hold = Hold::new();
            let its = hold.clone();
            let m = thread::spawn(move || {
                if !its.m.step_in() && !its.m.has_p_still() {
                    return;
                }
                // SAFETY: in the scheduler, with a P.
                unsafe { its.m.detach() };
                its.touch_p(); // It is in our hands, not the M's.
                exit(&its.m);
                assert!(!its.m.step_in() && !its.m.has_p_still(), "it has no P");
                its.m.attach(&its.p);
                its.touch_p();
                exit(&its.m);
                GIVEN.fetch_add(1, Relaxed);
            });
            if hold.preempt(2) {
                TAKEN.fetch_add(1, Relaxed);
            }
            m.join().unwrap();
        });
        assert!([&TAKEN, &GIVEN].into_iter().all(happened));
    }
}
