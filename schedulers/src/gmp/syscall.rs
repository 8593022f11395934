//! Calls that block the thread: the G keeps its M and gives its P to another, so that a blocked thread does not stop the world.

use std::ptr::null_mut;

use super::{
    atomic::{Ordering::*, fence},
    enter::{enter, exit},
    m::M,
    p::P,
    sched::Sched,
    sys, trace,
};

/// Runs `f`, which may block its thread (a file, a C library, a lock of std): the G's P goes to another M *at once*, and is asked back afterwards.
///
/// Inside `f` calls to gmp are allowed; the first one takes a P again. On a plain thread `f` just runs.
///
/// Without it, a call that blocks holds its P until sysmon takes it, some 2 ms later, if others wait by then. For calls of less than a few microseconds it costs more
/// than it gives: a hand-over is a lock and, when others wait, a wake-up. Each `f` that blocks has a thread of its own for so long; see
/// [`max_threads`](super::Builder::max_threads).
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::builder().procs(1).build()? };
/// runtime.run(|| {
///     let (tell, told) = std::sync::mpsc::channel();
///     drop(gmp::spawn(move || tell.send("the only P was free")));
///     let word = gmp::block_in_place(|| told.recv().unwrap()); // The thread waits.
///     assert_eq!(word, "the only P was free");
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// If `f` does.
pub fn block_in_place<T>(f: impl FnOnce() -> T) -> T {
    let Some(local) = enter() else { return f() };
    let m = local.m();
    m.sched().hand_off(m);
    exit(m);
    let value = f();
    if let Some(local) = enter() {
        local.exit();
    }
    value
}

impl Sched {
    /// Own thread, in the scheduler, with a P: gives it to whoever can use it.
    pub(super) fn hand_off(&self, m: &M) {
        trace::hands_off(m);
        // SAFETY: the caller's M, in the scheduler, with a P.
        let p = unsafe { m.detach() };
        p.counters.handoffs.add(1);
        self.pass_on(p);
    }

    /// Gives `p`, which the caller owns, to an M if there is anything to do, else to the idle list (Go's `handoffp`).
    pub(super) fn pass_on(&self, p: &P) {
        let mut inner = self.lock();
        if !self.keeps_ps() && (p.has_work() || inner.grq.len() > 0) {
            return self.start_m(inner, p, false);
        }
        // Nobody looks for it there when the world starts.
        p.lrq.take_next().into_iter().for_each(|g| inner.grq.push(g));
        inner.idle_ps.push(p.id);
        self.publish(&inner);
        drop(inner);
        fence(SeqCst); // As an M that goes idle: what was queued meanwhile saw no idle P.
        if self.work_visible() {
            self.wakep();
        }
    }

    /// Own thread, in the scheduler, without a P: takes an idle one, the old one if possible. Afterwards `m.has_p()` tells.
    pub(super) fn attach_again(&self, m: &M) {
        // SAFETY: Ps live as long as the scheduler.
        let old_p = unsafe { m.old_p.get().as_ref() };
        if m.detached.load(Relaxed) {
            m.detached.store(false, Relaxed);
            sys::set_detached(0, false);
        }
        if self.idle_ps.load(Acquire) == 0 {
            return;
        }
        let mut inner = self.lock();
        if let Some(p) = self.take_idle_p(&mut inner, old_p) {
            m.attach(p); // Under the lock, for `end`: the G goes on without another look.
        }
        drop(inner);
        debug_assert_eq!(m.next_p.load(Relaxed), null_mut());
    }
}
