//! Where the next G comes from, when the local queue of a parking G had none: the seed's order.
//!
//! Every 61st tick the network and the GRQ first, so that they are never starved by a busy local queue; then the local queue, the own jobs (second halves of
//! forks), the GRQ, other Ps' queues and jobs, the network. Before the M gives up its P it keeps looking for a few microseconds ("spinning"): waking a sleeping thread takes 20 to
//! 60 us, a spinning one sees a G in less than 1.

use std::{mem, ptr::NonNull, sync::atomic::Ordering::*};

use super::{futex::now_ns, g::G, m::M, p::P, park::GLOBAL_TICK, sched::Sched, trace};

/// How long an M looks on after it has found nothing: about half of what a wake-up costs the one that waits for it. Untuned.
const SPIN_NS: u64 = 10_000;
/// How long a G stands in the `runnext` of a P that executes another before it may be stolen. Go sleeps 3 us for the same purpose: the G
/// that made it runnable is usually about to park, and then it runs where its data is.
const RUNNEXT_AGE_NS: u64 = 5_000;

/// A theft costs both Ps some 0.3 us: Gs, stacks and what they talk about go from one cache to the other. If what was stolen kept the thief busy for less than
/// the first of these, it leaves queues alone that are shorter than the last, until the second has passed since: by then more has gathered, or the victim has
/// done it itself. A select over eight channels, whose senders wait for room and have nothing to do but to send one message when there is some, was
/// robbed of each of them: 0.55 thefts a message, now 0.1 (two Ps, a program of its own). The suite's `channel` takes of its time before, in alternating runs without
/// LTO, 0.79 with `select=8,workers=2`, 0.75 with `select=2,workers=2`, 0.74 with `producers=4,workers=2`; fan-outs, spawns and skynet no more than before.
const POOR_NS: u64 = 1_000;
/// See [`POOR_NS`]. As long as a `runnext` is left to age, and half of how long an M looks. Untuned.
const PATIENCE_NS: u64 = RUNNEXT_AGE_NS;
/// See [`POOR_NS`]. Untuned.
const WORTH_IT: u32 = 8;

/// The next G for `m`, which holds a P and is on g0; `None` when there is none: then `m` has given up its P.
pub(super) fn find_runnable(m: &M) -> Option<NonNull<G>> {
    let sched = m.sched();
    // SAFETY: on g0 with a P, which stays ours until `go_idle`.
    let mut p = unsafe { m.p() };
    // SAFETY: as above.
    let mut spin = Spin::after_theft(mem::take(unsafe { &mut p.own().stolen_ns }));
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
        // A job that waits for its forker to come back from a park is overtaken by Gs of this P, but not for ever.
        if let Some(g) = sched.pop_global().or_else(|| sched.take_job(p)) {
            return Some(g);
        }
    }
    if sched.timers.pending() {
        sched.expire_timers_on(p);
    }
    own.streak = 0;
    // SAFETY: the caller owns the P.
    unsafe { p.next_local() }.or_else(|| sched.take_job(p)).or_else(|| sched.pop_global_batch(p))
}

/// One round over the other Ps, beginning anywhere.
fn steal(sched: &Sched, thief: &P, spin: &mut Spin) -> Option<NonNull<G>> {
    // SAFETY: the caller owns the P.
    let random = unsafe { thief.own().random() };
    let count = sched.ps.len();
    let start = random as usize % count;
    let others = || (0..count).map(|i| sched.ps.get((start + i) % count)).filter(|p| p.id != thief.id);
    let stolen = |victim: &P| trace::steals(sched, thief, victim);
    let least = if spin.is_patient() { WORTH_IT } else { 1 };
    let oldest_next = || {
        let oldest = others().find(|victim| !victim.lrq.peek_next().is_null())?;
        let next = spin.runnext_is_old(oldest).then(|| oldest.lrq.steal_next(spin.seen.next))?;
        next.inspect(|_| {
            oldest.thief_call.pays();
            stolen(oldest);
        })
    };
    let half = |victim: &P| {
        let half = if victim.lrq.ring_len() < least { None } else { victim.lrq.steal_half(&thief.lrq) };
        half.inspect(|_| {
            stolen(victim);
            // SAFETY: the caller owns the P.
            unsafe { thief.own() }.stolen_ns = now_ns();
        })
    };
    let job = |victim: &P| sched.steal_job(victim, thief).inspect(|_| stolen(victim));
    others().find_map(half).or_else(|| others().find_map(job)).or_else(oldest_next)
}

/// How long an M has been spinning, and what it has watched meanwhile.
#[derive(Default)]
struct Spin {
    since_ns: u64,
    /// Short queues are left alone until then; 0 if they are not.
    patient_until_ns: u64,
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
    /// For a P that has run out of Gs, after a theft at `stolen_ns`, if there was one (else 0).
    fn after_theft(stolen_ns: u64) -> Self {
        let poor = stolen_ns != 0 && now_ns() - stolen_ns < POOR_NS;
        Spin { patient_until_ns: if poor { stolen_ns + PATIENCE_NS } else { 0 }, ..Spin::default() }
    }

    fn is_patient(&mut self) -> bool {
        if self.patient_until_ns != 0 && now_ns() >= self.patient_until_ns {
            self.patient_until_ns = 0;
        }
        self.patient_until_ns != 0
    }

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
            // Who was called for it need not watch as long again.
            self.seen = Seen { since_ns: p.thief_call.called_since(seen.tick).unwrap_or(now), ..seen };
        }
        !self.seen.next.is_null() && now.saturating_sub(self.seen.since_ns) >= RUNNEXT_AGE_NS
    }
}

impl Sched {
    /// Whether one more M may spin: at most half as many as there are busy Ps (Go's rule), and never with one P alone.
    fn may_spin(&self) -> bool {
        let busy = self.ps.len() as u32 - self.idle_ps.load(Relaxed).min(self.ps.len() as u32);
        self.ps.len() > 1 && 2 * self.spinning.load(Relaxed) < busy
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use std::{collections::HashSet, ptr::without_provenance_mut};

    use super::*;

    /// A G that is never looked at.
    fn g(n: usize) -> NonNull<G> {
        NonNull::new(without_provenance_mut((n + 1) * align_of::<G>())).unwrap()
    }

    /// Go's TestStealOrder: with any number of Ps each of them is come by in one round, and it does not begin at the same one each time.
    #[test]
    fn a_thief_finds_what_there_is_on_any_p_and_begins_anywhere() {
        for procs in 1..=64 {
            let sched = Sched::new(procs, 64 << 10, 100, None).unwrap();
            let thief = sched.ps.get(procs / 2);
            let steal_one = || steal(&sched, thief, &mut Spin::default());
            assert_eq!(steal_one(), None);
            let put = |n: usize| assert!(sched.ps.get(n).lrq.push(g(n)).is_ok());
            let others = || (0..procs).filter(|&n| n != thief.id);
            for n in others() {
                put(n);
                assert_eq!(steal_one(), Some(g(n)));
            }
            // With something everywhere, each is the first to be robbed at some time.
            others().for_each(put);
            let mut first = HashSet::new();
            while first.len() < procs - 1 {
                let stolen = steal_one().unwrap();
                first.insert(stolen);
                put(others().find(|&n| g(n) == stolen).unwrap());
            }
        }
    }

    #[test]
    fn a_thief_that_was_poorly_paid_leaves_short_queues_alone_for_a_while() {
        let sched = Sched::new(2, 64 << 10, 100, None).unwrap();
        let [victim, thief] = [0, 1].map(|n| sched.ps.get(n));
        (0..WORTH_IT as usize - 1).for_each(|n| assert!(victim.lrq.push(g(n)).is_ok()));
        let mut patient = Spin { patient_until_ns: u64::MAX, ..Spin::default() };
        assert_eq!(steal(&sched, thief, &mut patient), None);
        assert!(victim.lrq.push(g(9)).is_ok());
        assert!(steal(&sched, thief, &mut patient).is_some(), "it is worth it");
        assert!(victim.lrq.ring_len() < WORTH_IT);
        while thief.lrq.pop().is_some() {}
        let mut patient = Spin { patient_until_ns: now_ns() + 1, ..Spin::default() };
        while patient.is_patient() {}
        assert!(steal(&sched, thief, &mut patient).is_some(), "its patience is over");
        assert!(!Spin::after_theft(0).is_patient(), "there was no theft");
        assert!(!Spin::after_theft(now_ns() - POOR_NS).is_patient(), "it was well paid");
        // Unless the thread is interrupted for as long as that between two looks at the clock.
        while Spin::after_theft(now_ns()).patient_until_ns == 0 {}
    }
}
