//! Leaving a G's stack and coming back to it: the only place that switches.
//!
//! A G that is left is published (queued, put on a wait list, freed) not by itself but by the context that runs next, through
//! [`After`]: else another M could dispatch it while its stack is still in use. Everything here runs between entry and exit.

use std::{
    ptr::{NonNull, null, null_mut},
    sync::atomic::Ordering::*,
};

use super::{
    enter::{Local, enter, enter_to_end, exit},
    g::{After, DETACHED, DONE, G, NEW, WIRED},
    m::{self, M},
    p::P,
    raw_lock::RawLock,
    switch::{Context, switch},
    trace,
    wait_reason::WaitReason,
    waiter::Waiter,
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
fn leave(local: Local, g: NonNull<G>, next: Option<NonNull<G>>, after: After) -> Local {
    match next {
        Some(next) => switch_to(local, g, next, after),
        // SAFETY: `Local` says that a G calls.
        None => unsafe { switch_to_g0(local.m(), after) },
    }
}

/// Counts a dispatch and gives the next G of the local queue, if the caller may switch to it; else it is g0's turn, to which anything that must not
/// run here has been given.
#[inline(always)]
fn next_here(local: &Local, p: &P, g: NonNull<G>) -> Option<NonNull<G>> {
    // SAFETY: `local` says that we own its P, and that its G executes; whoever takes a G out of a queue owns it.
    unsafe {
        if p.count_tick().is_multiple_of(GLOBAL_TICK) || g.as_ref().special.get() & WIRED != 0 {
            return None;
        }
        let next = p.next_local()?;
        if next.as_ref().special.get() == 0 { Some(next) } else { special_next(local.m(), next) }
    }
}

/// # Safety
/// The caller has taken `next` out of a queue, on `m`, which holds a P.
#[inline(never)]
unsafe fn special_next(m: &M, next: NonNull<G>) -> Option<NonNull<G>> {
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

/// As `leave`, if there is a next one.
#[inline(always)]
fn switch_to(local: Local, g: NonNull<G>, next: NonNull<G>, after: After) -> Local {
    // SAFETY: `Local` says that `g` executes; `next` came out of a queue, so it is ours, and suspended.
    unsafe {
        g.as_ref().after.set(after);
        let to = prepare(local.m(), next);
        let prev = switch(g.as_ref().context.get(), to, g.as_ptr().expose_provenance());
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

/// Gives `g`, which has never run, a stack and a context.
#[inline(never)]
unsafe fn first_run(m: &M, g: NonNull<G>) {
    // SAFETY: as in `prepare`; the stack is fresh.
    unsafe {
        let own = m.p().own();
        if own.stacks.is_empty() {
            m.sched().stacks.refill(&mut own.stacks, STACK_CACHE / 2);
        }
        let stack = own.stacks.pop().unwrap_or_else(|| m.sched().new_stack());
        g.as_ref().special.set(0);
        stack.owner().store(g.as_ptr(), Release); // Pairs with the Acquire in `Stacks::owners`.
        *g.as_ref().context.get() = Context::fresh(&stack, begin, g.as_ptr().cast());
        g.as_ref().stack.set(Some(stack));
    }
}

/// Stacks that a P keeps; Go keeps 64 dead Gs and gives back half as we do.
const STACK_CACHE: usize = 64;

/// Back on a G's stack, maybe on another M than before: does for the one that was left what it asked for.
#[inline(always)]
unsafe fn resumed(g: NonNull<G>, prev: usize) -> Local {
    // SAFETY: the G's M is the one that dispatched it; `prev` is a G, or 0 when g0 dispatched.
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

/// Where every G begins.
unsafe extern "C" fn begin(argument: *mut (), prev: usize) -> ! {
    // SAFETY: the argument is the G, as `first_run` passed it; `run` is called once, outside of the scheduler.
    unsafe {
        let g = NonNull::new_unchecked(argument.cast::<G>());
        resumed(g, prev).exit();
        G::run(g);
        end(g)
    }
}

/// The last thing that a G does.
unsafe fn end(g: NonNull<G>) -> ! {
    // SAFETY: the outcome is written. AcqRel: the joiner acquires it; we acquire what the waiter wrote.
    let before = unsafe { g.as_ref().join.swap(DONE, AcqRel) };
    let detached = before == DETACHED;
    if detached {
        // SAFETY: it is; and not in the scheduler.
        unsafe { G::discard_outcome(g) };
    }
    // SAFETY: Ms live as long as their threads, and a G runs on one. (One whose closure has panicked is no longer unwinding: `run` has caught it.)
    let m = unsafe { &*m::current() };
    let local = enter_to_end(m);
    // SAFETY: a waiter waits, and we alone took it out.
    unsafe {
        if let Some(waiter) = Waiter::from_raw(before) {
            waiter.wake(local.as_ref());
        }
    }
    local.iter().for_each(|local| trace::stops(local.m(), trace::Why::Ended));
    let after = After { commit: if detached { bury_detached } else { bury }, data: null() };
    // SAFETY: it is alive until it is buried.
    let wired = unsafe { g.as_ref() }.special.get() & WIRED != 0;
    if wired {
        m.unwire();
        m.retires.store(true, Relaxed);
    }
    // SAFETY: the G is the caller, and its context nobody's while it executes.
    #[cfg(gmp_asan)]
    unsafe {
        (*g.as_ref().context.get()).ends();
    }
    match local {
        Some(local) if !wired => switch_away(local, after),
        // SAFETY: a G of `m` calls; g0 buries it with a P or without, and if it was wired, ends the thread, on which nobody runs any more.
        _ => unsafe { switch_to_g0(m, after) },
    };
    unreachable!("nobody dispatches a G that has ended")
}

unsafe fn bury(m: &M, g: NonNull<G>, _: *const ()) {
    // SAFETY: as in `free_stack`; the scheduler's reference is ours.
    unsafe {
        free_stack(m, g);
        G::release(g);
    }
}

unsafe fn bury_detached(m: &M, g: NonNull<G>, _: *const ()) {
    // SAFETY: as in `free_stack`; the handle has left its reference to us.
    unsafe {
        free_stack(m, g);
        G::free(g);
    }
}

/// Takes the stack of a G that has ended; from then on nobody finds the G by it.
unsafe fn free_stack(m: &M, g: NonNull<G>) {
    // SAFETY: the G has ended and left its stack: both are ours. If the M holds a P, it keeps it until it leaves the scheduler.
    unsafe {
        let stack = g.as_ref().stack.take().expect("a G that has run has a stack");
        stack.owner().store(null_mut(), Relaxed);
        if m.has_p() {
            let own = m.p().own();
            own.stacks.push(stack);
            if own.stacks.len() > STACK_CACHE {
                m.sched().stacks.spill(&mut own.stacks, STACK_CACHE / 2);
            }
            m.p().counters.ended.add(1);
        } else {
            m.sched().stacks.spill(&mut vec![stack], 1);
            m.sched().count_ended_outside();
        }
    }
    m.sched().census.await_end();
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
    // SAFETY: the G is the caller.
    unsafe { g.as_ref() }.waits_for.store(reason as u8, Relaxed);
    p.counters.parks.add(1);
    trace::stops(local.m(), trace::Why::Parks(reason));
    let next = next_here(&local, p, g);
    leave(local, g, next, after)
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
    switch_to(local, g, next, YIELDED).exit();
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
