//! Timers: a heap of deadlines in nanoseconds, and who looks after it.
//!
//! Three look: an M that searches for work (when a timer is due), the *keeper* (one sleeping M, whose sleep ends when the next timer is due), and
//! sysmon when there is no keeper. Whoever adds a timer that comes before all others wakes the keeper or sysmon, so that its sleep
//! is not too long: the adder writes `next`, fences, looks for a keeper; the keeper says that it is one, fences, reads `next`.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    ptr::{NonNull, null_mut},
    sync::{
        Arc, Mutex,
        atomic::{AtomicPtr, AtomicU64, Ordering::*, fence},
    },
    time::{Duration, Instant},
};

use super::{
    descriptor::{Descriptor, Direction},
    enter::enter,
    futex::{NEVER, deadline_ns, now_ns},
    g::{After, G},
    m::M,
    p::P,
    park::switch_away,
    sched::Sched,
};

/// A runtime's timers.
pub(super) struct Timers {
    heap: Mutex<BinaryHeap<Reverse<Timer>>>,
    /// The earliest deadline, [`NEVER`] if there is none. Written under the lock.
    next_ns: AtomicU64,
    keeper: AtomicPtr<M>,
}

/// Ordered by deadline, then by G id: who went to sleep first wakes first, roughly.
struct Timer {
    deadline_ns: u64,
    id: u64,
    action: Action,
}

/// What is to be done then.
enum Action {
    /// A G has slept.
    Wake(NonNull<G>),
    /// Operations on a socket have taken too long.
    Deadline(Arc<Descriptor>, Direction),
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.deadline_ns, self.id).cmp(&(other.deadline_ns, other.id))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Timer {}

// SAFETY: a G in it waits; whoever takes the timer out may make it runnable, on any thread.
unsafe impl Send for Timer {}

impl Timers {
    pub(super) fn new() -> Self {
        Timers { heap: Mutex::default(), next_ns: AtomicU64::new(NEVER), keeper: AtomicPtr::new(null_mut()) }
    }

    /// The earliest deadline.
    pub(super) fn next_ns(&self) -> u64 {
        self.next_ns.load(Acquire)
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

    /// `m`, about to sleep, looks after the timers from now on, unless another does.
    pub(super) fn try_keep(&self, m: &M) -> bool {
        let keeps = self.keeper.compare_exchange(null_mut(), std::ptr::from_ref(m).cast_mut(), AcqRel, Relaxed).is_ok();
        fence(SeqCst); // Pairs with the one in `add`.
        keeps
    }

    pub(super) fn stop_keeping(&self) {
        self.keeper.store(null_mut(), Release);
    }

    /// Adds a timer; `true` if it comes before all others.
    fn add(&self, timer: Timer) -> bool {
        let mut heap = self.heap.lock().expect("no code panics while it holds the timers");
        let deadline_ns = timer.deadline_ns;
        heap.push(Reverse(timer));
        let first = deadline_ns < self.next_ns.load(Relaxed);
        if first {
            self.next_ns.store(deadline_ns, Release);
        }
        first
    }

    /// Takes out all that are due, and hands their Gs, `sched`'s, to `wake`; how many timers.
    fn expire(&self, sched: &Sched, mut wake: impl FnMut(NonNull<G>)) -> usize {
        let now = now_ns();
        if self.next_ns() > now {
            return 0;
        }
        let mut heap = self.heap.lock().expect("no code panics while it holds the timers");
        let mut count = 0;
        while heap.peek().is_some_and(|Reverse(timer)| timer.deadline_ns <= now) {
            let Some(Reverse(timer)) = heap.pop() else { break };
            count += 1;
            match timer.action {
                Action::Wake(g) => wake(g),
                Action::Deadline(socket, direction) => {
                    let next = socket.deadline_has_come(direction, sched, timer.deadline_ns, |waiter| {
                        match waiter.as_g_of(sched) {
                            Some(g) => wake(g),
                            // SAFETY: handed out to be woken by us alone.
                            None => unsafe { waiter.wake(None) },
                        }
                    });
                    let again = |deadline_ns| Timer { deadline_ns, id: 0, action: Action::Deadline(socket, direction) };
                    heap.extend(next.map(again).map(Reverse));
                }
            }
        }
        self.next_ns.store(heap.peek().map_or(NEVER, |Reverse(timer)| timer.deadline_ns), Release);
        count
    }
}

impl Sched {
    /// Owner of `p`: the Gs whose timers are due go to its queue.
    pub(super) fn expire_timers_on(&self, p: &P) {
        if self.timers.expire(self, |g| self.push_local(p, g)) > 1 {
            self.wakep();
        }
    }

    /// Without a P: the Gs whose timers are due go to the GRQ, before others.
    pub(super) fn expire_timers_globally(&self) -> usize {
        let mut due = Vec::new();
        self.timers.expire(self, |g| due.push(g));
        if !due.is_empty() {
            let mut inner = self.lock();
            due.iter().for_each(|&g| inner.grq.push_late(g));
            self.publish(&inner);
            drop(inner);
            self.wakep();
        }
        due.len()
    }

    /// Operations on a socket are to end at `deadline_ns`.
    pub(super) fn add_deadline(&self, socket: Arc<Descriptor>, direction: Direction, deadline_ns: u64) {
        if self.timers.add(Timer { deadline_ns, id: 0, action: Action::Deadline(socket, direction) }) {
            self.next_timer_is_earlier();
        }
    }

    /// A timer was added before all others: whoever sleeps until the next one must not oversleep.
    fn next_timer_is_earlier(&self) {
        fence(SeqCst); // Pairs with the one in `try_keep`.
        // SAFETY: Ms live as long as the scheduler.
        match unsafe { self.timers.keeper().as_ref() } {
            Some(m) => m.unpark(),
            None => self.sysmon.timer_moved(self.timers.next_ns()),
        }
    }
}

/// `After`: the G sleeps until the deadline that `data` points at, on the G's own stack.
unsafe fn add_timer(m: &M, g: NonNull<G>, data: *const ()) {
    // SAFETY: the G is off its stack but not dispatched again, so the deadline there stays until the timer is added.
    let timer = unsafe { Timer { deadline_ns: *data.cast::<u64>(), id: g.as_ref().id, action: Action::Wake(g) } };
    let sched = m.sched();
    if sched.timers.add(timer) {
        sched.next_timer_is_earlier();
    }
}

/// Parks the calling G for at least `duration`; other Gs run meanwhile. 0 is a [`yield_now`](super::yield_now).
///
/// On a thread that is no M: [`std::thread::sleep`].
pub fn sleep(duration: Duration) {
    sleep_until(Instant::now() + duration);
}

/// Parks the calling G until `deadline`; one that has passed is a [`yield_now`](super::yield_now).
///
/// On a thread that is no M: sleeps the thread.
pub fn sleep_until(deadline: Instant) {
    let until = deadline_ns(deadline);
    if until <= now_ns() {
        return super::yield_now();
    }
    match enter() {
        Some(local) => switch_away(local, After { commit: add_timer, data: (&raw const until).cast() }).exit(),
        None => std::thread::sleep(deadline.saturating_duration_since(Instant::now())),
    }
}
