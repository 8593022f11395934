//! sysmon: a thread without a P that takes the P of a G that has run for longer than its slice while others wait, keeps the timers when no
//! idle M does, finds Gs that were left behind while a P is idle, and gives back the memory of stacks and blocks that nobody needs.
//!
//! The steps by which it takes a P stand in `enter`. What it takes is the P, never the G's stack: switching stacks in a signal handler
//! is unsound for code that allocates or uses thread-locals. The G runs on, on its own thread, and the kernel shares the cores.

use std::{
    ptr::null_mut,
    sync::{Arc, atomic::AtomicI32},
};

use super::{
    atomic::{AtomicBool, AtomicU64, Ordering::*, fence},
    blocks,
    deadlock::Watchdog,
    futex::{NEVER, Parker, now_ns},
    m::{M, WANTED},
    p::P,
    sched::Sched,
    schedtrace::SchedTrace,
    stack, sys, trace,
};

/// How often it looks while a P is busy. A look costs about 20 us of CPU here.
const TICK_NS: u64 = 1_000_000;
/// How long a G may execute while others wait (Go: 10 ms). Shorter made no ticker beside hogs more punctual.
const SLICE_NS: u64 = 2_000_000;
/// And while a G waits that a timer woke: it is late already, by as much as this and the hand-over take.
const LATE_SLICE_NS: u64 = 300_000;
/// How long before the end of the slice the G is asked to yield.
const GRACE_NS: u64 = 100_000;
/// How soon it looks again at an M that was inside the scheduler when its time came; then after twice as long each time, and with each tick in the end: an M
/// that stays inside has lost its core, on a busy machine for longer than all of these looks would pay for.
const RETRY_NS: u64 = 20_000;
/// How far it keeps from the timers that an M sees to. If both woke at one moment on one core, sysmon would preempt the M, and the kernel might run a hog then, and look
/// at the M again at its own next tick, up to 4 ms later. So it was, by `perf sched timehist`, for 1 to 4 % of the ticks of a millisecond beside two hogs on two cores.
const APART_NS: u64 = 100_000;
/// How often it looks for Ms that have slept for too long, while a P is busy.
const RETIRE_CHECK_NS: u64 = 1_000_000_000;
/// Ticks in which no P was held, or has dispatched anything, before it sleeps until somebody wakes it. One that slept while Gs come and go would be woken by each of their Ms, and preempt it.
const QUIET_TICKS: u32 = 2;

/// sysmon's side that others talk to.
pub(super) struct Sysmon {
    parker: Parker,
    /// It sleeps, or is about to, until somebody pokes it.
    deep: AtomicBool,
    /// When it looks next.
    wakes_at: AtomicU64,
    /// The kernel's id of its thread.
    pub(super) tid: AtomicI32,
}

impl Sysmon {
    pub(super) fn new() -> Self {
        Sysmon {
            parker: Parker::new(),
            deep: AtomicBool::new(false),
            wakes_at: AtomicU64::new(0),
            tid: AtomicI32::new(0),
        }
    }

    /// Makes it look now.
    pub(super) fn poke(&self) {
        // SAFETY: it lives as long as the scheduler, which the caller holds.
        unsafe { Parker::unpark(&self.parker) };
    }

    /// A P has just left the idle list, or something else happened that it must not sleep through.
    pub(super) fn rouse(&self) {
        fence(SeqCst); // Pairs with the one in `may_sleep`: either it sees what happened, or we see that it sleeps.
        if self.deep.load(Relaxed) && self.deep.swap(false, AcqRel) {
            self.poke();
        }
    }

    /// The next timer is due at `next_ns`, earlier than was known, and no M keeps the timers.
    pub(super) fn timer_moved(&self, next_ns: u64) {
        if next_ns < self.wakes_at.load(Acquire) {
            self.poke();
        }
    }
}

/// What it knows of a P.
#[derive(Clone, Copy, Default)]
struct Watch {
    tick: u32,
    since_ns: u64,
    stage: Stage,
    /// In [`Stage::Fenced`]: how long until the next look.
    retry_ns: u64,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Stage {
    #[default]
    Watched,
    /// `WANTED` is set.
    Asked,
    /// And the barrier is behind us.
    Fenced,
}

/// The life of its thread.
pub(super) fn main(sched: Arc<Sched>, mut schedtrace: SchedTrace) {
    sys::be_punctual();
    sched.sysmon.tid.store(sys::thread_id(), Relaxed);
    let (mut watches, mut watchdog) = (Vec::new(), Watchdog::default());
    let (mut stacks, mut blocks) = (stack::Trim::default(), blocks::Trim::default());
    let (mut last_ns, mut due, mut quiet, mut polls, mut retire_at) = (now_ns(), 0, 0, 0, 0);
    while !sched.shutting_down.load(Relaxed) {
        let now = now_ns();
        let late_ns = (now - last_ns).saturating_sub(4 * TICK_NS);
        last_ns = now;
        if !sched.timers.kept() {
            sched.expire_timers_globally();
        }
        sched.poll_neglected_network(&mut polls);
        watches.resize(sched.ps.len(), Watch::default());
        sched.start_threads();
        // In step with itself, so that what it has come to stand apart from stays apart.
        let mut next = if now.abs_diff(due) < APART_NS { due } else { now } + TICK_NS;
        let (mut busy, mut all_held) = (false, true);
        for (p, watch) in sched.ps.iter().zip(&mut watches) {
            let m = p.m.load(Acquire);
            let dispatched = p.tick.load(Relaxed) != watch.tick;
            busy |= !m.is_null() || dispatched;
            all_held &= !m.is_null() && !dispatched;
            if m.is_null() {
                *watch = Watch { tick: p.tick.load(Relaxed), since_ns: now, ..Watch::default() };
                continue;
            }
            watch.since_ns += late_ns; // We were late ourselves: not the G's fault.
            // SAFETY: Ms live as long as the scheduler.
            next = next.min(watch.look(&sched, p, unsafe { &*m }, now));
        }
        if sched.idle_ps.load(Acquire) > 0 {
            sched.ps.iter().for_each(|p| p.thief_call.try_once(now));
        }
        if sched.idle_ps.load(Acquire) > 0 && (sched.work_visible() || left_behind(&sched, &watches, now)) {
            sched.wakep();
        }
        quiet = if busy { 0 } else { quiet + 1 };
        if quiet > QUIET_TICKS && sched.sysmon.may_sleep(&sched) {
            next = sched.retire_idle_ms(now).min(watchdog.look(&sched, now));
        } else if now >= retire_at {
            sched.retire_idle_ms(now);
            retire_at = now + RETIRE_CHECK_NS;
        }
        next = next.min(stacks.look(&sched.stacks, now)).min(blocks.look(now));
        due = sched.sysmon.sleep(&sched, next.min(schedtrace.look(&sched, now)), !all_held);
    }
    sched.start_threads(); // They have to end, too.
    sched.thread_ended(sched.lock());
}

/// Whether a G stands in the `runnext` of a P that has been executing another for a tick: a thief is called for.
fn left_behind(sched: &Sched, watches: &[Watch], now: u64) -> bool {
    let waits =
        |p: &P, watch: &Watch| now.saturating_sub(watch.since_ns) >= TICK_NS / 2 && !p.lrq.peek_next().is_null();
    sched.ps.iter().zip(watches).any(|(p, watch)| !p.m.load(Relaxed).is_null() && waits(p, watch))
}

impl Watch {
    /// Looks at `p`, held by `m`; when to look again.
    fn look(&mut self, sched: &Sched, p: &P, m: &M, now: u64) -> u64 {
        let slice_ns = if sched.late_len.load(Relaxed) > 0 { LATE_SLICE_NS } else { SLICE_NS };
        let tick = p.tick.load(Relaxed);
        if tick != self.tick {
            *self = Watch { tick, since_ns: now, ..Watch::default() };
            return now + slice_ns - GRACE_NS;
        }
        if p.lrq.is_empty() && sched.grq_len.load(Relaxed) == 0 {
            return NEVER; // Nobody waits.
        }
        let held = std::ptr::from_ref(p).expose_provenance();
        let ask_at = self.since_ns + slice_ns - GRACE_NS;
        if now < ask_at {
            return ask_at;
        }
        if self.stage == Stage::Watched {
            m.wanted_at.store(tick, Relaxed);
            if !m.ask_for(held) {
                return NEVER; // Its thread has not begun, or has given it away.
            }
            self.stage = Stage::Asked;
            return now + GRACE_NS;
        }
        if !sched.has_heavy_barrier {
            return NEVER;
        }
        if self.stage == Stage::Asked {
            sys::heavy_barrier();
            (self.stage, self.retry_ns) = (Stage::Fenced, RETRY_NS);
        }
        if m.is_outside() {
            // Said beforehand, so that an M that comes back at once finds it.
            m.detached.store(true, Relaxed);
            if m.take(held) {
                *self = Watch::default();
                take(sched, p, m);
                return now + GRACE_NS;
            }
            m.detached.store(false, Relaxed);
        }
        if m.p.load(Relaxed) != held | WANTED {
            self.stage = Stage::Watched; // It came by and saw the wish.
        }
        let retry_at = now + self.retry_ns;
        self.retry_ns = (2 * self.retry_ns).min(TICK_NS);
        retry_at
    }
}

/// `p` is ours: `m` lost it.
fn take(sched: &Sched, p: &P, m: &M) {
    p.m.store(null_mut(), Relaxed);
    trace::retakes(sched, p, m);
    sys::set_detached(m.tid.load(Acquire), true);
    if !m.detached.load(Relaxed) {
        sys::set_detached(m.tid.load(Acquire), false); // It came back meanwhile.
    }
    p.counters.retakes.add(1);
    sched.pass_on(p);
}

impl Sysmon {
    /// Says that it sleeps; `false` if it must not after all.
    fn may_sleep(&self, sched: &Sched) -> bool {
        self.deep.store(true, Relaxed);
        fence(SeqCst); // Pairs with the one in `rouse`.
        let idle = sched.idle_ps.load(Relaxed) as usize == sched.ps.len();
        if !idle || (sched.timers.pending() && !sched.timers.kept()) || sched.netpoll.nobody_sleeps() {
            self.deep.store(false, Relaxed);
            return false;
        }
        true
    }

    /// Sleeps until `next`, or the next timer if nobody else keeps them, or a poke; gives until when. `an_m_comes`: a P is idle or has just dispatched a G, so
    /// somebody will keep the timers presently; then, or if somebody does, it stands [`APART_NS`].
    pub(super) fn sleep(&self, sched: &Sched, next: u64, an_m_comes: bool) -> u64 {
        self.wakes_at.store(next, Release);
        fence(SeqCst); // Pairs with the one in `next_timer_is_earlier`: either we see the timer, or its adder sees `wakes_at`.
        let until = wake_time(next, sched.timers.next_ns(), sched.timers.kept(), an_m_comes);
        self.parker.park(until);
        self.deep.store(false, Relaxed);
        until
    }
}

/// When to look, if there is something to look at by `next`, and the next timer is due at `timer`; see [`Sysmon::sleep`].
fn wake_time(next: u64, timer: u64, kept: bool, an_m_comes: bool) -> u64 {
    let apart = timer.saturating_add(APART_NS);
    match (kept, an_m_comes) {
        (false, false) => next.min(timer),
        (false, true) => next.min(apart),
        (true, _) if next < NEVER && timer.abs_diff(next) < APART_NS => apart,
        (true, _) => next,
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    /// The time of a timer, from where all others here are near.
    const TIMER: u64 = 1_000_000_000;

    #[test]
    fn it_does_not_wake_beside_an_m_that_sees_to_a_timer() {
        for next in (TIMER - 2 * TICK_NS..TIMER + 2 * TICK_NS).step_by(10_000) {
            let wakes_at = wake_time(next, TIMER, true, false);
            assert!(wakes_at.abs_diff(TIMER) >= APART_NS, "at {wakes_at}, for {next}");
            assert!(wakes_at.abs_diff(next) < 2 * APART_NS, "at {wakes_at}, for {next}");
            assert!(wake_time(next, TIMER, false, true) <= TIMER + APART_NS);
        }
    }

    #[test]
    fn timers_that_nobody_else_sees_to_are_on_time() {
        assert_eq!(wake_time(TIMER + TICK_NS, TIMER, false, false), TIMER);
        assert_eq!(wake_time(NEVER, TIMER, false, false), TIMER);
    }

    /// On a busy machine the kernel may keep an M from a core for long, before its first step or within the scheduler.
    #[test]
    fn an_m_without_a_core_is_looked_at_less_and_less_often() {
        let sched = Arc::new(Sched::new(1, 64 << 10, 1, None).unwrap());
        sched.grq_len.store(1, Relaxed); // Somebody waits.
        let (p, m) = (sched.ps.get(0), M::new(0, Arc::as_ptr(&sched)));
        let (mut watch, mut now) = (Watch::default(), TIMER);
        assert_eq!(watch.look(&sched, p, &m, now), NEVER, "it has not taken its P yet");
        m.attach(p);
        let looks = std::iter::from_fn(|| {
            let next = watch.look(&sched, p, &m, now);
            let wait = next - now;
            now = next;
            Some(wait)
        });
        let waits: Vec<_> = looks.take(12).collect();
        assert_eq!(waits[..5], [SLICE_NS - GRACE_NS, GRACE_NS, RETRY_NS, 2 * RETRY_NS, 4 * RETRY_NS]);
        assert_eq!(waits[10..], [TICK_NS, TICK_NS]);
    }

    #[test]
    fn with_nothing_to_look_at_it_sleeps() {
        for (kept, an_m_comes) in [(false, false), (false, true), (true, false), (true, true)] {
            assert_eq!(wake_time(NEVER, NEVER, kept, an_m_comes), NEVER);
        }
        assert_eq!(wake_time(NEVER, TIMER, true, false), NEVER, "the keeper is enough");
    }
}

#[cfg(all(test, gmp_loom))]
mod models {
    use loom::thread;

    use super::*;

    /// A P leaves the idle list while sysmon falls into its deep sleep: it does not, or is woken.
    #[test]
    fn no_p_is_busy_while_sysmon_sleeps_deeply() {
        loom::model(|| {
            let sched = Arc::new(Sched::new(1, 64 << 10, 1, None).unwrap());
            let its = sched.clone();
            let m = thread::spawn(move || assert!(its.take_idle_p(&mut its.lock(), None).is_some()));
            if sched.sysmon.may_sleep(&sched) {
                sched.sysmon.sleep(&sched, NEVER, false);
            }
            m.join().unwrap();
        });
    }
}
