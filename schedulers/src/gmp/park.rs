//! Leaving a G's stack and coming back to it: the only place that switches.
//!
//! A G that is left is published (queued, put on a wait list, freed) not by itself but by the context that runs next, through
//! [`After`]: else another M could dispatch it while its stack is still in use. Everything here runs between entry and exit.

use std::{
    ptr::{NonNull, null},
    sync::atomic::Ordering::*,
};

use super::{
    enter::{Local, enter, exit},
    g::{After, G, NEW, WIRED},
    life::first_run,
    m::M,
    p::P,
    raw_lock::RawLock,
    switch::{Context, switch},
    trace,
    wait_reason::WaitReason,
};

/// Every so many dispatches an M looks beyond its local queue first: at the GRQ, the timers and the runtime's end. Go's number.
pub(super) const GLOBAL_TICK: u32 = 61;

/// Leaves the calling G; the next of the local queue runs at once, on its own stack, without a detour. Returns when it is dispatched again.
///
/// Inlined, down to the switch, which leaves no register as it was: so they are saved once, by the function that waits.
#[inline(always)]
pub(super) fn switch_away(local: Local, after: After) -> Local {
    let g = local.g();
    let next = next_here(&local, local.p(), g);
    leave(local, g, next, after)
}

/// Leaves the calling G, `g`, for `next`, which `next_here` has given.
#[inline(always)]
pub(super) fn leave(local: Local, g: NonNull<G>, next: Option<NonNull<G>>, after: After) -> Local {
    match next {
        // SAFETY: it came out of a queue, so it is ours.
        Some(next) => unsafe { switch_to(local, g, next, Some(after)) },
        // SAFETY: `Local` says that a G calls.
        None => unsafe { switch_to_g0(local.m(), after) },
    }
}

/// Counts a dispatch and gives the next G of the local queue, if the caller may switch to it; else it is g0's turn, to which anything that must not
/// run here has been given.
#[inline(always)]
pub(super) fn next_here(local: &Local, p: &P, g: NonNull<G>) -> Option<NonNull<G>> {
    let next = take_next(local, p, g)?;
    // SAFETY: it came out of a queue, so it is ours.
    unsafe { if next.as_ref().special.get() == 0 { Some(next) } else { special_next(local.m(), next) } }
}

/// As `next_here`, but the G may be a special one.
#[inline(always)]
pub(super) fn take_next(_: &Local, p: &P, g: NonNull<G>) -> Option<NonNull<G>> {
    // SAFETY: the `Local` says that we own its P, and that its G executes.
    unsafe {
        if p.count_tick().is_multiple_of(GLOBAL_TICK) || g.as_ref().special.get() & WIRED != 0 {
            return None;
        }
        p.next_local()
    }
}

/// # Safety
/// The caller has taken `next` out of a queue, on `m`, which holds a P.
#[inline(never)]
pub(super) unsafe fn special_next(m: &M, next: NonNull<G>) -> Option<NonNull<G>> {
    // SAFETY: the caller's.
    unsafe {
        if next.as_ref().special.get() & WIRED != 0 {
            m.in_hand.set(next.as_ptr());
            return None;
        }
        first_run(m, next);
    }
    Some(next)
}

/// As `leave`, if there is a next one. With no `after` nothing is done for `g`: somebody knows of it already, who needs this M to find it.
///
/// # Safety
/// `next` is the caller's to dispatch, and has a stack.
#[inline(always)]
pub(super) unsafe fn switch_to(local: Local, g: NonNull<G>, next: NonNull<G>, after: Option<After>) -> Local {
    // SAFETY: `Local` says that `g` executes; for `next`, the caller's.
    unsafe {
        let passed = match after {
            Some(after) => {
                g.as_ref().after.set(after);
                g.as_ptr().expose_provenance()
            }
            None => 0,
        };
        let to = prepare(local.m(), next);
        let prev = switch(g.as_ref().context.get(), to, passed);
        resumed(g, prev)
    }
}

/// Leaves the calling G for the M's own stack, which looks for work everywhere, or sleeps.
///
/// # Safety
/// A G of `m` calls.
pub(super) unsafe fn switch_to_g0(m: &M, after: After) -> Local {
    // SAFETY: the caller's; g0 is suspended while a G runs.
    unsafe {
        let g = NonNull::new_unchecked(m.curg.load(Relaxed));
        g.as_ref().after.set(after);
        let prev = switch(g.as_ref().context.get(), m.g0.get(), g.as_ptr().expose_provenance());
        resumed(g, prev)
    }
}

/// From g0: runs `g` until some G of this M finds nothing to run, and returns that G.
///
/// # Safety
/// On g0 of `m`, which holds a P; `g` came out of a queue.
pub(super) unsafe fn execute_from_g0(m: &M, g: NonNull<G>) -> NonNull<G> {
    // SAFETY: the caller's.
    unsafe {
        m.p().count_tick();
        if g.as_ref().special.get() & NEW != 0 {
            first_run(m, g);
        }
        let to = prepare(m, g);
        let prev = switch(m.g0.get(), to, 0);
        NonNull::new_unchecked(std::ptr::with_exposed_provenance_mut(prev))
    }
}

/// Makes this M the one of `g`, which has a stack, and gives its context.
#[inline(always)]
unsafe fn prepare(m: &M, g: NonNull<G>) -> *mut Context {
    trace::starts(m, g);
    // SAFETY: whoever takes a G out of a queue owns it.
    unsafe {
        g.as_ref().waits_for.store(0, Relaxed);
        g.as_ref().m.store(std::ptr::from_ref(m).cast_mut(), Relaxed);
        g.as_ref().context.get()
    }
}

/// Back on a G's stack, maybe on another M than before: does for the one that was left what it asked for.
#[inline(always)]
pub(super) unsafe fn resumed(g: NonNull<G>, prev: usize) -> Local {
    // SAFETY: the G's M is the one that dispatched it; `prev` is a G, or 0 when g0 dispatched, or a G that asks for nothing.
    unsafe {
        let m = g.as_ref().m.load(Relaxed);
        // Not before: an overflow on the way here is the other's. Release: pairs with the Acquire in `Machine::all`.
        (*m).curg.store(g.as_ptr(), Release);
        if let Some(prev) = NonNull::new(std::ptr::with_exposed_provenance_mut(prev)) {
            left(&*m, prev);
        }
        Local::new(m)
    }
}

/// Does what `prev`, whose stack is free now, asked for.
///
/// # Safety
/// `prev` has just switched to the caller, on `m`.
pub(super) unsafe fn left(m: &M, prev: NonNull<G>) {
    // SAFETY: the caller's.
    unsafe {
        let After { commit, data } = prev.as_ref().after.get();
        commit(m, prev, data);
    }
}

/// `After`: to the tail of the local ring.
pub(super) unsafe fn requeue_locally(m: &M, g: NonNull<G>, _: *const ()) {
    // SAFETY: the M holds a P, since the G that yielded had it.
    m.sched().push_local(unsafe { m.p() }, g);
}

/// `After`: to the tail of the GRQ; the M may have no P.
pub(super) unsafe fn requeue_globally(m: &M, g: NonNull<G>, _: *const ()) {
    m.sched().push_global(g);
}

/// `After`: unlocks the [`RawLock`] that `data` points at, under which the G was put on a wait list.
unsafe fn unlock(_: &M, _: NonNull<G>, data: *const ()) {
    // SAFETY: `park_unlocking` passes its lock, which is held and alive.
    unsafe { RawLock::unlock(data.cast()) }
}

/// Parks the calling G, which `after` publishes to whoever will wake it. Inlined as [`switch_away`] is.
#[inline(always)]
pub(super) fn park(local: Local, after: After, reason: WaitReason) -> Local {
    // Looked up once each: the compiler may not merge loads of atomics.
    let (p, g) = (local.p(), local.g());
    note_park(&local, p, g, reason);
    let next = next_here(&local, p, g);
    leave(local, g, next, after)
}

/// The calling G, `g`, is about to park, on `p`.
#[inline(always)]
pub(super) fn note_park(local: &Local, p: &P, g: NonNull<G>, reason: WaitReason) {
    // SAFETY: the G is the caller.
    unsafe { g.as_ref() }.waits_for.store(reason as u8, Relaxed);
    p.counters.parks.add(1);
    trace::stops(local.m(), trace::Why::Parks(reason));
}

/// Parks the calling G; `lock`, under which it has been put on a wait list, is released when it has left its stack.
#[inline(always)]
pub(super) fn park_unlocking(local: Local, lock: *const RawLock, reason: WaitReason) -> Local {
    park(local, After { commit: unlock, data: lock.cast() }, reason)
}

/// Lets the other runnable Gs of this P go first, then those of the GRQ their turn: the calling G goes to the end of the local queue. Go's
/// `runtime.Gosched`.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::builder().procs(1).build()? };
/// runtime.run(|| {
///     let (sender, receiver) = gmp::channel(9);
///     drop(gmp::spawn(move || sender.send("spawned")));
///     gmp::yield_now();
///     assert_eq!(receiver.try_recv(), Ok("spawned"), "it has run first");
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// On a thread that is no M: [`std::thread::yield_now`].
pub fn yield_now() {
    let Some(local) = enter() else { return std::thread::yield_now() };
    let g = local.g();
    let Some(next) = next_here(&local, local.p(), g) else { return yield_to_g0(local) };
    trace::stops(local.m(), trace::Why::Yields);
    // SAFETY: it came out of a queue, so it is ours.
    unsafe { switch_to(local, g, next, Some(YIELDED)) }.exit();
}

const YIELDED: After = After { commit: requeue_locally, data: null() };

/// The rest of a yield if there is no G to switch to.
#[inline(never)]
fn yield_to_g0(local: Local) {
    let (m, p) = (local.m(), local.p());
    // Alone: unless it is time to look around, there is nobody to go first.
    if p.lrq.is_empty()
        && m.in_hand.get().is_null()
        && !p.tick.load(Relaxed).is_multiple_of(GLOBAL_TICK)
        && m.sched().grq_len.load(Relaxed) == 0
    {
        return local.exit();
    }
    trace::stops(m, trace::Why::Yields);
    // SAFETY: `Local` says that a G calls.
    unsafe { switch_to_g0(m, YIELDED) }.exit();
}

/// A place where a G in a long computation lets itself be interrupted: free (2 ns) unless sysmon wants the P back. On a plain thread it does nothing.
///
/// Nobody starves without it: a G that computes for 2 ms while others wait loses its P to them, and then shares its core with them as threads do. With it, the
/// G takes its turns on a P.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// fn collatz(mut n: u64) -> u32 {
///     let mut steps = 0;
///     while n != 1 {
///         n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
///         steps += 1;
///         gmp::checkpoint();
///     }
///     steps
/// }
/// assert_eq!(runtime.run(|| collatz(27)), 111);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn checkpoint() {
    if let Some(local) = enter() {
        exit(local.m());
    }
}
