//! Where the next G comes from, when the local queue of a parking G had none: the seed's order.
//!
//! Every 61st tick the network and the GRQ first, so that they are never starved by a busy local queue; then the local queue, the GRQ, other
//! Ps' queues, the network. Before the M gives up its P it keeps looking for a few microseconds ("spinning"): waking a sleeping thread takes 20 to
//! 60 us, a spinning one sees a G in less than 1.

use std::{ptr::NonNull, sync::atomic::Ordering::*};

use super::{futex::now_ns, g::G, m::M, p::P, park::GLOBAL_TICK, sched::Sched};

/// How long an M looks on after it has found nothing: about half of what a wake-up costs the one that waits for it. Untuned.
const SPIN_NS: u64 = 10_000;
/// How long a G stands in the `runnext` of a P that executes another before it may be stolen. Go sleeps 3 us for the same purpose: the G
/// that made it runnable is usually about to park, and then it runs where its data is.
const RUNNEXT_AGE_NS: u64 = 5_000;

/// The next G for `m`, which holds a P and is on g0; `None` when there is none: then `m` has given up its P.
pub(super) fn find_runnable(m: &M) -> Option<NonNull<G>> {
    let sched = m.sched();
    // SAFETY: on g0 with a P, which stays ours until `go_idle`.
    let mut p = unsafe { m.p() };
    let mut spin = Spin::default();
    loop {
        if sched.shutting_down.load(Relaxed) {
            sched.go_idle(m);
            return None;
        }
        if sched.stops.in_force() {
            // The start wakes somebody if there is work: nobody relies on us any more.
            sched.stop_spinning(m);
            if !m.give_way() {
                return None;
            }
            // SAFETY: it has one.
            p = unsafe { m.p() };
        }
        if let Some(g) = find(sched, p) {
            sched.stop_spinning(m);
            return Some(g);
        }
        if m.spinning.load(Relaxed) || sched.may_spin() {
            if !m.spinning.swap(true, Relaxed) {
                sched.spinning.fetch_add(1, AcqRel);
                p.counters.spins.add(1);
            }
            if let Some(g) = steal(sched, p, &mut spin) {
                p.counters.steals.add(1);
                sched.stop_spinning(m);
                return Some(g);
            }
            if sched.poll_network(p) || spin.go_on() {
                continue;
            }
        } else if sched.poll_network(p) {
            continue;
        }
        if sched.go_idle(m) {
            return None;
        }
        // There is work after all; `m` may have another P now.
        // SAFETY: `go_idle` says that it has one.
        p = unsafe { m.p() };
        spin = Spin::default();
    }
}

/// Everything but stealing.
fn find(sched: &Sched, p: &P) -> Option<NonNull<G>> {
    // SAFETY: the caller owns the P.
    let own = unsafe { p.own() };
    if p.tick.load(Relaxed).is_multiple_of(GLOBAL_TICK) {
        sched.poll_network(p);
        if let Some(g) = sched.pop_global() {
            return Some(g);
        }
    }
    if sched.timers.pending() {
        sched.expire_timers_on(p);
    }
    own.streak = 0;
    // SAFETY: the caller owns the P.
    unsafe { p.next_local() }.or_else(|| sched.pop_global_batch(p))
}

/// One round over the other Ps, beginning anywhere.
fn steal(sched: &Sched, thief: &P, spin: &mut Spin) -> Option<NonNull<G>> {
    // SAFETY: the caller owns the P.
    let random = unsafe { thief.own().random() };
    let count = sched.ps.len();
    let start = random as usize % count;
    let others = || (0..count).map(|i| sched.ps.get((start + i) % count)).filter(|p| p.id != thief.id);
    others().find_map(|victim| victim.lrq.steal_half(&thief.lrq)).or_else(|| {
        let oldest = others().find(|victim| !victim.lrq.peek_next().is_null())?;
        spin.runnext_is_old(oldest).then(|| oldest.lrq.steal_next(spin.seen.next))?
    })
}

/// How long an M has been spinning, and what it has watched meanwhile.
#[derive(Default)]
struct Spin {
    since_ns: u64,
    seen: Seen,
}

/// A `runnext` under observation.
#[derive(Default, PartialEq)]
struct Seen {
    p: usize,
    tick: u32,
    next: *mut G,
    since_ns: u64,
}

impl Spin {
    fn go_on(&mut self) -> bool {
        let now = now_ns(); // 20 ns: about as long as a pause should be.
        if self.since_ns == 0 {
            self.since_ns = now;
        }
        std::hint::spin_loop();
        // While a `runnext` ages, it is worth waiting for.
        now - self.since_ns < SPIN_NS
    }

    /// Whether the same G has stood in the `runnext` of `p` for [`RUNNEXT_AGE_NS`], while `p` dispatched nothing.
    fn runnext_is_old(&mut self, p: &P) -> bool {
        let now = now_ns();
        let seen = Seen { p: p.id, tick: p.tick.load(Relaxed), next: p.lrq.peek_next(), since_ns: self.seen.since_ns };
        if seen != self.seen {
            self.seen = Seen { since_ns: now, ..seen };
        }
        !self.seen.next.is_null() && now - self.seen.since_ns >= RUNNEXT_AGE_NS
    }
}

impl Sched {
    /// Whether one more M may spin: at most half as many as there are busy Ps (Go's rule), and never with one P alone.
    fn may_spin(&self) -> bool {
        let busy = self.ps.len() as u32 - self.idle_ps.load(Relaxed).min(self.ps.len() as u32);
        self.ps.len() > 1 && 2 * self.spinning.load(Relaxed) < busy
    }
}
