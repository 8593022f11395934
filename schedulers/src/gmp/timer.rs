//! Timers: what wakes a G when its time has come, and who looks after them.
//!
//! A timer always belongs to a parked G: one that sleeps, or one that waits for something else but not for ever. (A channel
//! that a clock feeds, [`time::after`](super::time::after) and its like, has no timer: whoever waits on it has. So nothing has to be kept for, or
//! cleaned up after, one that nobody listens to.)
//!
//! Three look after the heap: an M that searches for work (when a timer is due), the *keeper* (one sleeping M, whose sleep ends when the next timer
//! is due), and sysmon when there is no keeper. Whoever adds a timer that comes before all others, and before they wake, wakes the keeper or
//! sysmon, so that its sleep is not too long: the adder writes `next`, fences, looks when the keeper wakes; the keeper says that
//! it is one, fences, reads `next`, and says when it wakes. A timer that is cancelled lets them wake for nothing, once.

use std::ptr::{NonNull, null, null_mut};

use super::{
    atomic::{AtomicPtr, AtomicU64, Mutex, MutexGuard, Ordering::*, fence},
    claim::{Claim, TIMED_OUT},
    enter::Local,
    futex::{NEVER, now_ns},
    g::{After, G},
    m::M,
    p::P,
    park::park,
    sched::Sched,
    timer_heap::{Key, TimerHeap},
    wait_reason::WaitReason,
    waiter::Waiter,
};

/// A runtime's timers.
pub(super) struct Timers {
    heap: Mutex<TimerHeap<Timer>>,
    /// The earliest deadline, [`NEVER`] if there is none. Written under the lock.
    next_ns: AtomicU64,
    /// Timers that ran out. Written under the lock.
    fired: AtomicU64,
    keeper: AtomicPtr<M>,
    /// When the keeper wakes by itself; [`NEVER`] while it has not looked.
    keeper_wakes_at: AtomicU64,
}

/// A G to be woken.
#[derive(Clone, Copy)]
struct Timer {
    waiter: Waiter,
    /// To be claimed first; null if nothing else wakes the G.
    claim: *const Claim,
}

// SAFETY: the G sleeps, and its claim with it, until the timer has fired or been taken out; any thread may do that.
unsafe impl Send for Timer {}

impl Timers {
    pub(super) fn new() -> Self {
        Timers {
            heap: Mutex::new(TimerHeap::new()),
            next_ns: AtomicU64::new(NEVER),
            fired: AtomicU64::new(0),
            keeper: AtomicPtr::new(null_mut()),
            keeper_wakes_at: AtomicU64::new(NEVER),
        }
    }

    /// The earliest deadline.
    pub(super) fn next_ns(&self) -> u64 {
        self.next_ns.load(Acquire)
    }

    /// How many have run out so far.
    pub(super) fn fired(&self) -> u64 {
        self.fired.load(Relaxed)
    }

    /// Whether there are any.
    pub(super) fn pending(&self) -> bool {
        self.next_ns.load(Relaxed) != NEVER
    }

    /// Whether an idle M looks after them.
    pub(super) fn kept(&self) -> bool {
        !self.keeper().is_null()
    }

    /// The idle M that looks after them; null if there is none.
    pub(super) fn keeper(&self) -> *const M {
        self.keeper.load(Acquire)
    }

    /// `m`, about to sleep, looks after the timers from now on, unless another does: until when it may sleep.
    pub(super) fn try_keep(&self, m: &M) -> Option<u64> {
        self.keeper.compare_exchange(null_mut(), std::ptr::from_ref(m).cast_mut(), AcqRel, Relaxed).ok()?;
        // What an earlier keeper said is over; until we have looked, everybody who adds a timer wakes us.
        self.keeper_wakes_at.store(NEVER, Relaxed);
        fence(SeqCst); // Pairs with the one in `next_timer_is_earlier`.
        let next = self.next_ns();
        self.keeper_wakes_at.store(next, Release);
        Some(next)
    }

    pub(super) fn stop_keeping(&self) {
        self.keeper.store(null_mut(), Release);
    }

    fn lock(&self) -> MutexGuard<'_, TimerHeap<Timer>> {
        self.heap.lock().expect("no code panics while it holds the timers")
    }

    /// Adds a timer; `true` if it comes before all others.
    fn add(&self, deadline_ns: u64, timer: Timer) -> (Key, bool) {
        let mut heap = self.lock();
        let key = heap.push(deadline_ns, timer);
        let first = deadline_ns < self.next_ns.load(Relaxed);
        if first {
            self.next_ns.store(deadline_ns, Release);
        }
        (key, first)
    }

    /// Takes a timer out, unless it has fired. Afterwards nobody looks at what it pointed to.
    pub(super) fn cancel(&self, key: Key) {
        let mut heap = self.lock();
        if heap.remove(key).is_some() {
            self.next_ns.store(heap.first_ns().unwrap_or(NEVER), Release);
        }
    }

    /// Takes out all that are due, and gives the Gs that are to be made runnable; how many.
    fn expire(&self, mut wake: impl FnMut(NonNull<G>)) -> usize {
        let now = now_ns();
        if self.next_ns() > now {
            return 0;
        }
        let mut heap = self.lock();
        let (mut count, mut fired) = (0, self.fired.load(Relaxed));
        while let Some(timer) = heap.pop_due(now) {
            // SAFETY: under the lock, so the claim is alive: its owner takes the lock before it goes away, unless it waits for us to wake it.
            let g = unsafe {
                let ours = timer.claim.as_ref().is_none_or(|claim| claim.take(TIMED_OUT));
                fired += u64::from(ours);
                ours.then(|| timer.waiter.rouse()).flatten()
            };
            if let Some(g) = g {
                wake(g);
                count += 1;
            }
        }
        self.fired.store(fired, Relaxed);
        self.next_ns.store(heap.first_ns().unwrap_or(NEVER), Release);
        count
    }
}

impl Sched {
    /// Owner of `p`: the Gs whose timers are due go to its queue.
    pub(super) fn expire_timers_on(&self, p: &P) {
        if self.timers.expire(|g| self.push_local(p, g)) > 1 {
            self.wakep();
        }
    }

    /// Without a P: the Gs whose timers are due go to the GRQ, before others.
    pub(super) fn expire_timers_globally(&self) -> usize {
        let mut due = Vec::new();
        self.timers.expire(|g| due.push(g));
        if !due.is_empty() {
            let mut inner = self.lock();
            due.iter().for_each(|&g| inner.grq.push_late(g));
            self.publish(&inner);
            drop(inner);
            self.wakep();
        }
        due.len()
    }

    /// Arms a timer that claims `claim` as [`TIMED_OUT`], and then wakes `waiter`.
    ///
    /// # Safety
    /// Both stay alive until the timer has woken the waiter, or has been [cancelled](Timers::cancel).
    pub(super) unsafe fn arm(&self, deadline_ns: u64, waiter: Waiter, claim: *const Claim) -> Key {
        let (key, first) = self.timers.add(deadline_ns, Timer { waiter, claim });
        if first {
            self.next_timer_is_earlier(deadline_ns);
        }
        key
    }

    /// A timer was added before all others: whoever sleeps until the next one must not oversleep.
    fn next_timer_is_earlier(&self, next_ns: u64) {
        fence(SeqCst); // Pairs with the one in `try_keep`.
        // SAFETY: Ms live as long as the scheduler.
        match unsafe { self.timers.keeper().as_ref() } {
            None => self.sysmon.timer_moved(next_ns),
            Some(m) if next_ns < self.timers.keeper_wakes_at.load(Acquire) => m.unpark(),
            Some(_) => {}
        }
    }
}

/// `After`: the G sleeps until the deadline that `data` points at, on the G's own stack.
unsafe fn add_timer(m: &M, g: NonNull<G>, data: *const ()) {
    // SAFETY: the G is off its stack but not dispatched again, so the deadline there stays until the timer is added. It sleeps until it is woken.
    unsafe { m.sched().arm(*data.cast::<u64>(), Waiter::of_g(g), null()) };
}

/// Parks the calling G until `deadline_ns`.
pub(super) fn park_until(local: Local, deadline_ns: u64) -> Local {
    park(local, After { commit: add_timer, data: (&raw const deadline_ns).cast() }, WaitReason::Sleep)
}

/// Who sleeps until the next timer, the keeper or sysmon, against one who adds an earlier one. The deadline has passed: who knows of it does not sleep, and who
/// does not sleeps for ever, if nobody wakes it.
#[cfg(all(test, gmp_loom))]
mod models {
    use loom::thread;

    use super::*;
    use crate::gmp::futex::Parker;

    const DEADLINE: u64 = 1;

    /// `sleeps` until it has seen the timer, which another thread arms after `prepare`.
    fn model(prepare: fn(&Sched, &M), sleeps: fn(&Sched, &M)) {
        loom::model(move || {
            let sched = std::sync::Arc::new(Sched::new(1, 64 << 10, 2, None).unwrap());
            // SAFETY: the scheduler owns them.
            let ms = [(); 2].map(|()| unsafe { &*sched.new_m(&mut sched.lock()).as_ptr() });
            prepare(&sched, ms[0]);
            let its = sched.clone();
            let adder = thread::spawn(move || {
                let parker = Parker::new();
                (arm(&its, &parker), parker)
            });
            sleeps(&sched, ms[1]);
            assert_eq!(sched.timers.next_ns(), DEADLINE);
            let (key, _parker) = adder.join().unwrap();
            sched.timers.cancel(key);
            assert!(!sched.timers.pending());
        });
    }

    fn arm(sched: &Sched, parker: &Parker) -> Key {
        // SAFETY: it never fires, and is cancelled before the parker goes.
        unsafe { sched.arm(DEADLINE, Waiter::of_thread(parker), null()) }
    }

    fn keep(sched: &Sched, m: &M) {
        let until = sched.timers.try_keep(m).expect("nobody else keeps them");
        m.parker.park(until);
        sched.timers.stop_keeping();
    }

    #[test]
    fn the_keeper_does_not_oversleep() {
        model(|_, _| (), keep);
    }

    /// The one before has slept until the same moment, for a timer that was cancelled.
    #[test]
    fn the_next_keeper_does_not_oversleep() {
        let prepare = |sched: &Sched, m: &M| {
            let parker = Parker::new();
            let key = arm(sched, &parker);
            assert_eq!(sched.timers.try_keep(m), Some(DEADLINE));
            sched.timers.cancel(key);
            sched.timers.stop_keeping();
        };
        model(prepare, keep);
    }

    #[test]
    fn without_a_keeper_sysmon_does_not_oversleep() {
        model(|_, _| (), |sched, _| _ = sched.sysmon.sleep(sched, NEVER, false));
    }
}
