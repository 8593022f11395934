//! How a G begins, and how it ends.
//!
//! 1. It is born without a stack; who first dispatches it gives it one ([`first_run`]), and it calls its closure ([`begin`]).
//! 2. When that has returned, the outcome lies in the G. If nobody will ask for it ([`DETACHED`]), the G drops it, as user code. Then it enters the scheduler for the last
//!    time and leaves its stack ([`end`]).
//! 3. The next context *buries* it: takes the stack back, so that nobody finds the G by it any more, and then tells its handle ([`tell`]), which from there on has the G for itself, and
//!    frees it; or frees it itself if there is none.
//!
//! If the next G of the P is a new one, it begins on that very stack, where the other has ended ([`succeed`]): nothing is switched, and no stack goes back and forth.
//!
//! Who waits in `join` is resumed by the G that ends, directly, if both are of one runtime, and buries it first. Else it is made runnable in step 3.
//!
//! The handle may be dropped between the look in step 2 and the exchange in step 3. Then the outcome is the G's to drop, but it has no stack any more: it runs once more,
//! as a new G that has ended ([`ENDED`]), for step 2 alone.

use std::{
    ptr::{NonNull, null, null_mut},
    sync::atomic::Ordering::*,
};

use super::{
    enter::{Local, enter_to_end},
    g::{After, Borrows, DETACHED, DONE, ENDED, G, NEW, NOT_DONE, WIRED},
    m::{self, M},
    p::Own,
    park::{GLOBAL_TICK, leave, next_here, note_park, resumed, special_next, switch_to, switch_to_g0, take_next},
    scope::Family,
    stack::Stack,
    switch::Context,
    trace,
    wait_reason::WaitReason,
    waiter::Waiter,
};

/// Gives `g` a stack to begin on.
///
/// # Safety
/// `m`, whose thread calls, holds a P and is about to dispatch `g`, which is [`NEW`].
#[inline]
pub(super) unsafe fn first_run(m: &M, g: NonNull<G>) {
    // SAFETY: the caller's; the stack is fresh.
    unsafe {
        let stack = m.p().own().stacks.pop().unwrap_or_else(|| stack_from_others(m));
        let entry = if g.as_ref().special.replace(0) & ENDED == 0 { begin } else { end_again };
        stack.owner().store(g.as_ptr(), Release); // Pairs with the Acquire in `Stacks::owners`.
        *g.as_ref().context.get() = Context::fresh(&stack, entry, g.as_ptr().cast());
        g.as_ref().stack.set(Some(stack));
    }
}

/// A stack, for a P that has none left.
///
/// # Safety
/// As for [`first_run`].
#[cold]
#[inline(never)]
unsafe fn stack_from_others(m: &M) -> Stack {
    // SAFETY: the caller's.
    let own = unsafe { m.p().own() };
    m.sched().stacks.refill(&mut own.stacks, STACK_CACHE / 2);
    own.stacks.pop().unwrap_or_else(|| m.sched().new_stack())
}

/// Stacks that a P keeps; Go keeps 64 dead Gs and gives back half as we do.
const STACK_CACHE: usize = 64;

/// Where every G begins.
unsafe extern "C" fn begin(argument: *mut (), left: *const (), data: *const (), commit: *const ()) -> ! {
    // SAFETY: the argument is the G, as `first_run` passed it; `run` is called once, outside of the scheduler.
    unsafe {
        let mut g = NonNull::new_unchecked(argument.cast::<G>());
        resumed(g, [left, data, commit]).exit();
        loop {
            G::run(g);
            g = end(g);
        }
    }
}

/// Where one begins that has ended, and has an outcome to drop.
unsafe extern "C" fn end_again(argument: *mut (), left: *const (), data: *const (), commit: *const ()) -> ! {
    // SAFETY: as in `begin`.
    unsafe {
        let mut g = NonNull::new_unchecked(argument.cast::<G>());
        resumed(g, [left, data, commit]).exit();
        loop {
            g = end(g);
            G::run(g);
        }
    }
}

/// The last thing that a G does. Returns only with another one, to be run in its place.
unsafe fn end(g: NonNull<G>) -> NonNull<G> {
    // Acquire: pairs with the Release of who waits, and so is off its stack, or has dropped the handle.
    // SAFETY: it executes.
    let before = unsafe { g.as_ref() }.join.load(Acquire);
    let detached = before == DETACHED;
    if detached {
        // SAFETY: it is; and not in the scheduler.
        unsafe { G::discard_outcome(g) };
    }
    // SAFETY: Ms live as long as their threads, and a G runs on one. (One whose closure has panicked is no longer unwinding: `run` has caught it.)
    let m = unsafe { &*m::current() };
    let local = enter_to_end(m);
    local.iter().for_each(|local| trace::stops(local.m(), trace::Why::Ended));
    // SAFETY: it is alive until it is buried.
    let wired = unsafe { g.as_ref() }.special.get() & WIRED != 0;
    if wired {
        m.unwire();
        m.retires.store(true, Relaxed);
    }
    let burial = After { commit: if detached { bury_detached } else { bury }, data: null() };
    // SAFETY: a G of `m` calls; g0 buries it with a P or without, and if it was wired, ends the thread, on which nobody runs any more. Whoever waits in `join` is
    // ours to dispatch: nobody else wakes it; and so is who came out of the queue.
    unsafe {
        let Some(local) = local.filter(|_| !wired) else { leaves_for_good(g, || switch_to_g0(m, burial)) };
        if let Some(joiner) = joiner_directly(&local, before) {
            let burial = After { commit: bury_joined, data: null() };
            leaves_for_good(g, || switch_to(local, g, joiner, Some(burial)));
        }
        let next = match take_next(&local, local.p(), g) {
            Some(next) if Context::MOVES && next.as_ref().special.get() == NEW => {
                succeed(&local, g, next, detached);
                local.exit();
                return next;
            }
            Some(next) if next.as_ref().special.get() == 0 => Some(next),
            Some(next) => special_next(m, next),
            None => None,
        };
        leaves_for_good(g, || leave(local, g, next, burial))
    }
}

/// The calling G, `g`, leaves by `switch`, and does not come back.
#[inline(always)]
unsafe fn leaves_for_good(g: NonNull<G>, switch: impl FnOnce() -> Local) -> ! {
    // SAFETY: the context is nobody's while the G executes.
    #[cfg(gmp_asan)]
    unsafe {
        (*g.as_ref().context.get()).ends();
    }
    #[cfg(not(gmp_asan))]
    let _ = g;
    switch();
    unreachable!("nobody dispatches a G that has ended")
}

/// `next` takes the place of the calling G, `g`, which has ended: its stack, and the context of that.
///
/// # Safety
/// They are what this says; `next` is [`NEW`], and came out of a queue.
#[inline(always)]
unsafe fn succeed(local: &Local, g: NonNull<G>, next: NonNull<G>, detached: bool) {
    let m = local.m();
    trace::starts(m, next);
    // SAFETY: the caller's. Nothing of `g` is on the stack any more but what calls us, which does not look at it.
    unsafe {
        let stack = g.as_ref().stack.take().expect("a G that has run has a stack");
        stack.owner().store(next.as_ptr(), Release); // Pairs with the Acquire in `Stacks::owners`.
        next.as_ref().stack.set(Some(stack));
        *next.as_ref().context.get() = std::mem::replace(&mut *g.as_ref().context.get(), Context::of_thread());
        next.as_ref().special.set(0);
        next.as_ref().m.store(std::ptr::from_ref(m).cast_mut(), Relaxed);
        m.curg.store(next.as_ptr(), Release); // As in `resumed`.
        m.sched().census.await_end();
        if detached { rest_detached(m, g) } else { rest(m, g) }
    }
}

/// The G that waits for the end of the calling one, whose `join` was `word`, if it may go on at once, as `runnext` might: on this P, and when it is no other's turn.
#[inline(always)]
fn joiner_directly(local: &Local, word: usize) -> Option<NonNull<G>> {
    let (m, p) = (local.m(), local.p());
    // SAFETY: a waiter waits until the end has been told.
    let joiner = unsafe { Waiter::from_raw(word) }?.g()?;
    // SAFETY: as above; we own the P.
    let may = unsafe {
        std::ptr::eq(joiner.as_ref().sched, m.sched)
            && joiner.as_ref().special.get() == 0
            && !p.tick.load(Relaxed).wrapping_add(1).is_multiple_of(GLOBAL_TICK)
            && p.counts_as_next()
    };
    if may {
        p.count_tick();
        trace::readies(m.sched(), p, joiner);
    }
    may.then_some(joiner)
}

/// `After`: the next context is the one that waits for the end of `g`.
unsafe fn bury_joined(m: &M, g: NonNull<G>, _: *const ()) {
    // SAFETY: as in `bury`. The caller has the handle, and nobody else looks at `join` while it waits: no exchange is needed.
    unsafe {
        free_stack(m, g);
        g.as_ref().join.store(DONE, Relaxed);
        count(m, g.as_ref().borrows);
    }
}

unsafe fn bury(m: &M, g: NonNull<G>, _: *const ()) {
    // SAFETY: the caller's: the G has ended, and we are on the thread of `m`, in the scheduler.
    unsafe {
        free_stack(m, g);
        rest(m, g);
    }
}

unsafe fn bury_detached(m: &M, g: NonNull<G>, _: *const ()) {
    // SAFETY: as in `bury`.
    unsafe {
        free_stack(m, g);
        rest_detached(m, g);
    }
}

/// Nobody finds `g` by its stack any more: it goes to its handle.
unsafe fn rest(m: &M, g: NonNull<G>) {
    // SAFETY: as in `bury`; if nobody is to be told, it is ours as before.
    unsafe {
        let borrows = g.as_ref().borrows;
        if tell(m, g) {
            return count(m, borrows);
        }
        g.as_ref().special.set(NEW | ENDED);
        match m.has_p() {
            true => m.sched().ready(m.p(), g),
            false => m.sched().ready_from_outside(g),
        }
    }
}

/// As `rest`, without a handle.
unsafe fn rest_detached(m: &M, g: NonNull<G>) {
    // SAFETY: as in `bury`; there is no handle, so it is ours.
    unsafe {
        let borrows = g.as_ref().borrows;
        G::free(g, m.has_p().then(|| &mut m.p().own().blocks));
        count(m, borrows);
    }
}

/// Takes the stack of a G that has ended; from then on nobody finds the G by it.
#[inline(always)]
unsafe fn free_stack(m: &M, g: NonNull<G>) {
    // SAFETY: the G has ended and left its stack: both are ours. If the M holds a P, it keeps it until it leaves the scheduler.
    unsafe {
        let stack = g.as_ref().stack.take().expect("a G that has run has a stack");
        stack.owner().store(null_mut(), Relaxed);
        let own = m.has_p().then(|| m.p().own());
        match own {
            // As long as it has room without growing.
            Some(own) if own.stacks.len() < STACK_CACHE.min(own.stacks.capacity()) => own.stacks.push(stack),
            own => stack_to_others(m, own, stack),
        }
    }
    m.sched().census.await_end();
}

/// `own`: of the P of `m`, which keeps enough stacks or has room for none; `None`: there is no P.
#[cold]
#[inline(never)]
fn stack_to_others(m: &M, own: Option<&mut Own>, stack: Stack) {
    let stacks = &m.sched().stacks;
    let Some(own) = own else { return stacks.spill(&mut vec![stack], 1) };
    own.stacks.push(stack);
    if own.stacks.len() > STACK_CACHE {
        stacks.spill(&mut own.stacks, STACK_CACHE / 2);
    }
}

/// One more has ended, on `m`, and its outcome is somebody else's affair, or dropped: it needs what it borrowed no more.
///
/// # Safety
/// That is so, and the thread is that of `m`, in the scheduler.
#[inline(always)]
unsafe fn count(m: &M, borrows: Borrows) {
    // SAFETY: the caller's; if there is a P, it is ours.
    let local = m.has_p().then(|| unsafe { Local::new(m) });
    match &local {
        Some(local) => local.p().counters.ended.add(1),
        None => m.sched().count_ended_outside(),
    }
    if let Some(family) = borrows.family() {
        // SAFETY: it was counted there when it was spawned.
        unsafe { Family::one_has_ended(family, local.as_ref()) };
    }
}

/// `g` has ended, and nobody finds it by its stack any more: from here on it is its handle's, and who waits for that is woken. `false`: there is no handle, and the G is
/// the caller's as before.
///
/// # Safety
/// It is, and the thread is that of `m`, in the scheduler.
pub(super) unsafe fn tell(m: &M, g: NonNull<G>) -> bool {
    // SAFETY: the caller's, until `join` is `DONE`; a waiter waits until we wake it, and nobody else changes the word meanwhile.
    unsafe {
        let join = &g.as_ref().join;
        // Release: pairs with the Acquire of the handle: the outcome, and all that was done to the G. Acquire: who waits is off its stack; who has dropped the handle
        // has done with the G.
        let waiter = match join.compare_exchange(NOT_DONE, DONE, AcqRel, Acquire) {
            Ok(_) => return true,
            Err(DETACHED) => return false,
            Err(waiter) => waiter,
        };
        join.store(DONE, Release);
        let local = m.has_p().then(|| Local::new(m));
        Waiter::from_raw(waiter).expect("not done, so somebody waits").wake(local.as_ref());
    }
    true
}

/// Parks the calling G until `target` has ended.
///
/// # Safety
/// The caller has the handle of `target`.
pub(super) unsafe fn park_for_end(local: Local, target: NonNull<G>) -> Local {
    let (p, g) = (local.p(), local.g());
    note_park(&local, p, g, WaitReason::Join);
    let next = next_here(&local, p, g);
    if next == Some(target) {
        // SAFETY: `target` came out of a queue, is in our hands, and has not ended. The handle is the caller's: so nobody else is at `join` until `target` itself reads it at its
        // end, and then we are off our stack.
        return unsafe {
            target.as_ref().join.store(Waiter::of_g(g).raw(), Relaxed);
            switch_to(local, g, target, None)
        };
    }
    leave(local, g, next, After { commit: wait_for_end, data: target.as_ptr().cast() })
}

/// `After`: `g` waits for the end of the G at `data`.
unsafe fn wait_for_end(m: &M, g: NonNull<G>, data: *const ()) {
    // SAFETY: `data` is the G of a handle that `g` holds on its stack until it has been woken.
    let target = unsafe { &*data.cast::<G>() };
    if !register(target, Waiter::of_g(g)) {
        // SAFETY: the M still has the P that `g` left it with.
        m.sched().ready(unsafe { m.p() }, g);
    }
}

/// `false`: `g` has ended already.
pub(super) fn register(g: &G, waiter: Waiter) -> bool {
    // Release: pairs with the Acquire of the G's end. Acquire: pairs with the Release in `tell`.
    g.join.compare_exchange(NOT_DONE, waiter.raw(), AcqRel, Acquire).is_ok()
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::gmp::{self, Runtime, enter::enter};

    /// What a handle that is dropped between the two looks of the end leads to, made by hand.
    #[test]
    fn one_that_has_ended_runs_once_more_to_drop_its_outcome() {
        // SAFETY: nothing of the thread's is kept.
        let runtime = unsafe { Runtime::builder().procs(1).build() }.unwrap();
        runtime.run(|| {
            let outcome = Arc::new(());
            let its = outcome.clone();
            let local = enter().unwrap();
            // SAFETY: it lives as long as this G.
            let sched = unsafe { &*local.m().sched };
            let g = G::allocate(move || its, sched.id_for(local.p()), sched, Borrows::NOTHING, None);
            local.exit();
            // SAFETY: nobody knows it yet; on a stack, not as part of the scheduler.
            unsafe { G::run(g) };
            let local = enter().unwrap();
            // SAFETY: as above.
            unsafe {
                g.as_ref().join.store(DETACHED, Relaxed);
                g.as_ref().special.set(NEW | ENDED);
            }
            sched.ready(local.p(), g);
            local.exit();
            assert_eq!((Arc::strong_count(&outcome), gmp::num_goroutines()), (2, 2));
            gmp::yield_now();
            assert_eq!((Arc::strong_count(&outcome), gmp::num_goroutines()), (1, 1));
        });
    }
}
