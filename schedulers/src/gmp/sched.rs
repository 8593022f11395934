//! What the Ps of one runtime share: the GRQ, the lists of idle Ps and Ms, the timers, the stacks.
//!
//! Everything behind the one lock is off the fast paths: a G that yields, parks or wakes another within its P never takes it. The
//! atomics beside the lock are hints of what is behind it, written under it, read without.

use std::{
    io,
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::*},
    },
};

use super::{
    atomic::{AtomicBool, AtomicU32, AtomicUsize, Condvar, Mutex, MutexGuard},
    deadlock::{Handler, Runs},
    g::G,
    grq::{Fifo, Grq},
    lrq::{CAPACITY, Overflow},
    m::M,
    netpoll::Netpoll,
    p::P,
    ps::Ps,
    snapshot::Census,
    stack::{Stack, Stacks},
    stop_the_world::Stops,
    sys,
    sysmon::Sysmon,
    threads::Threads,
    timer::Timers,
    trace,
};

/// Shared by all threads of a runtime.
pub(super) struct Sched {
    pub(super) ps: Ps,
    inner: Mutex<Inner>,
    /// A thread has ended.
    pub(super) ended: Condvar,
    /// `Inner::grq`'s length.
    pub(super) grq_len: AtomicUsize,
    /// Of these, the late ones.
    pub(super) late_len: AtomicUsize,
    /// `Inner::idle_ps`' length.
    pub(super) idle_ps: AtomicU32,
    /// Ms that look for work with nothing in hand ("spinning"): while there is one, nobody wakes another.
    pub(super) spinning: AtomicU32,
    pub(super) timers: Timers,
    /// Sockets know it for themselves, and may outlive the scheduler.
    pub(super) netpoll: Arc<Netpoll>,
    pub(super) stacks: Stacks,
    pub(super) census: Census,
    pub(super) sysmon: Sysmon,
    pub(super) stops: Stops,
    /// [`heavy_barrier`](sys::heavy_barrier) works.
    pub(super) has_heavy_barrier: bool,
    /// Every thread is to end; see [`end`](Sched::end).
    pub(super) shutting_down: AtomicBool,
    next_g: AtomicU64,
    /// From 1, in the order in which the process made them: traces tell runtimes apart by it.
    pub(super) number: u32,
    /// Gs spawned by threads that hold no P.
    pub(super) spawned_outside: AtomicU64,
    /// Gs that ended on an M without a P.
    ended_outside: AtomicU64,
    /// Gs that have ended, but whose frames stay on their stacks; see `exit`.
    abandoned: AtomicU64,
    pub(super) max_threads: usize,
    pub(super) on_deadlock: Option<Handler>,
}

/// Behind the lock.
pub(super) struct Inner {
    pub(super) grq: Grq,
    /// Indices into `Sched::ps`; the last one released is the first one taken.
    pub(super) idle_ps: Vec<usize>,
    /// Ms that sleep, the last one to fall asleep at the end: it is woken first.
    pub(super) idle_ms: Vec<NonNull<M>>,
    pub(super) threads: Threads,
    pub(super) runs: Runs,
}

// SAFETY: the pointers in it are to Ms that it owns itself.
unsafe impl Send for Inner {}

/// The number of the next runtime, by which a trace tells them apart.
static NEXT_NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);

/// Ids that a P takes at a time (Go: 16).
const ID_BATCH: u64 = 64;

impl Sched {
    pub(super) fn new(
        procs: usize,
        stack_size: usize,
        max_threads: usize,
        on_deadlock: Option<Handler>,
    ) -> io::Result<Self> {
        let inner = Inner {
            grq: Grq::new(),
            idle_ps: (0..procs).rev().collect(),
            idle_ms: Vec::new(),
            threads: Threads::default(),
            runs: Runs::default(),
        };
        let has_heavy_barrier = sys::register_heavy_barrier().is_ok();
        Ok(Sched {
            ps: Ps::new(procs),
            inner: Mutex::new(inner),
            ended: Condvar::new(),
            grq_len: AtomicUsize::new(0),
            late_len: AtomicUsize::new(0),
            idle_ps: AtomicU32::new(procs as u32),
            spinning: AtomicU32::new(0),
            timers: Timers::new(),
            netpoll: Arc::new(Netpoll::new()),
            stacks: Stacks::new(stack_size)?,
            census: Census::new(has_heavy_barrier),
            sysmon: Sysmon::new(),
            stops: Stops::new(),
            has_heavy_barrier,
            shutting_down: AtomicBool::new(false),
            next_g: AtomicU64::new(1),
            number: NEXT_NUMBER.fetch_add(1, Relaxed),
            spawned_outside: AtomicU64::new(0),
            ended_outside: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            max_threads,
            on_deadlock,
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no code panics while it holds the scheduler's lock")
    }

    /// Gs that have not ended.
    pub(super) fn num_goroutines(&self) -> u64 {
        // Ended ones first: one that begins and ends in between is not counted at all, rather than as minus one.
        let ended = self.ended();
        self.spawned().saturating_sub(ended)
    }

    /// Gs spawned so far.
    pub(super) fn spawned(&self) -> u64 {
        self.spawned_outside.load(Relaxed) + self.ps.ever().map(|p| p.counters.spawned.get()).sum::<u64>()
    }

    /// Gs that have ended so far.
    pub(super) fn ended(&self) -> u64 {
        let outside = self.abandoned.load(Relaxed) + self.ended_outside.load(Relaxed);
        outside + self.ps.ever().map(|p| p.counters.ended.get()).sum::<u64>()
    }

    /// A G has ended on an M without a P.
    pub(super) fn count_ended_outside(&self) {
        self.ended_outside.fetch_add(1, Relaxed);
    }

    /// A G has ended, and its frames stay.
    pub(super) fn count_abandoned(&self) {
        self.abandoned.fetch_add(1, Relaxed);
    }

    /// Whether others may hold references to what belongs to the scheduler, when its threads have ended: Gs that wait somewhere, frames that are
    /// borrowed from.
    pub(super) fn is_referred_to(&self) -> bool {
        self.num_goroutines() > 0 || self.abandoned.load(Relaxed) > 0
    }

    /// An id for a G that is spawned on `p`, which the caller owns.
    pub(super) fn id_for(&self, p: &P) -> u64 {
        p.counters.spawned.add(1);
        // SAFETY: the caller owns the P.
        let ids = unsafe { &mut p.own().ids };
        ids.next().unwrap_or_else(|| {
            let first = self.next_g.fetch_add(ID_BATCH, Relaxed);
            *ids = first + 1..first + ID_BATCH;
            first
        })
    }

    /// An id for a G that is spawned from outside.
    pub(super) fn id_outside(&self) -> u64 {
        self.spawned_outside.fetch_add(1, Relaxed);
        self.next_g.fetch_add(1, Relaxed)
    }

    pub(super) fn new_stack(&self) -> Stack {
        self.stacks
            .allocate()
            .unwrap_or_else(|error| fatal(&format!("no memory for another goroutine's stack: {error}")))
    }

    /// Owner of `p`: makes `g` run next there; who was to run next goes to the ring, and then there is work for two. So there is if `p` has turned out to
    /// leave its next one waiting.
    #[inline]
    pub(super) fn ready(&self, p: &P, g: NonNull<G>) {
        trace::readies(self, p, g);
        match p.lrq.set_next(g) {
            Some(next) => self.push_behind(p, next),
            None if p.thief_call.is_due(&p.tick) => self.call_thief(),
            None => {}
        }
    }

    #[cold]
    #[inline(never)]
    fn call_thief(&self) {
        self.wakep();
    }

    /// The second half of [`ready`](Sched::ready), apart from it: many a G is ready while no other is.
    #[inline(never)]
    fn push_behind(&self, p: &P, g: NonNull<G>) {
        self.push_local(p, g);
        self.wakep_from(p);
    }

    /// Owner of `p`: makes `gs` runnable. One runs next; more keep their order, behind what the ring holds (the first of them in `runnext` would lose
    /// its place to whoever is made ready next), and those for which it has no room go to the GRQ. One wake-up for all: who wakes up for
    /// some of them wakes the next.
    pub(super) fn ready_all(&self, p: &P, mut gs: Fifo) {
        if gs.len() == 1
            && let Some(g) = gs.pop()
        {
            return self.ready(p, g);
        }
        // Thieves only make more room.
        for _ in p.lrq.ring_len()..CAPACITY {
            let Some(g) = gs.pop() else { break };
            trace::readies(self, p, g);
            self.push_local(p, g);
        }
        if !gs.is_empty() {
            self.push_all_global(gs);
        }
        self.wakep_from(p);
    }

    /// From a thread without a P: all to the GRQ, in their order, and somebody wakes up for them.
    pub(super) fn ready_all_from_outside(&self, gs: Fifo) {
        self.push_all_global(gs);
        self.wakep();
    }

    fn push_all_global(&self, gs: Fifo) {
        let mut inner = self.lock();
        inner.grq.push_all(gs);
        self.publish(&inner);
    }

    /// From a thread without a P: to the GRQ, and somebody wakes up for it.
    pub(super) fn ready_from_outside(&self, g: NonNull<G>) {
        self.push_global(g);
        self.wakep();
    }

    /// Owner of `p`: to the tail of its ring; if that is full, half of it goes to the GRQ.
    #[inline]
    pub(super) fn push_local(&self, p: &P, g: NonNull<G>) {
        if !p.lrq.push_if_room(g) {
            self.push_or_spill(p, g);
        }
    }

    #[cold]
    #[inline(never)]
    fn push_or_spill(&self, p: &P, g: NonNull<G>) {
        if let Err(Overflow(spilt)) = p.lrq.push(g) {
            let mut inner = self.lock();
            spilt.into_iter().for_each(|g| inner.grq.push(g));
            self.publish(&inner);
        }
    }

    /// To the tail of the GRQ.
    pub(super) fn push_global(&self, g: NonNull<G>) {
        let mut inner = self.lock();
        inner.grq.push(g);
        self.publish(&inner);
    }

    /// Renews the hints after a change under the lock.
    pub(super) fn publish(&self, inner: &Inner) {
        // Release: pairs with Acquire loads of the hints; the lock orders everything else.
        self.grq_len.store(inner.grq.len(), Release);
        self.late_len.store(inner.grq.late_len(), Release);
        self.idle_ps.store(inner.idle_ps.len() as u32, Release);
    }

    /// One G of the GRQ.
    pub(super) fn pop_global(&self) -> Option<NonNull<G>> {
        if self.grq_len.load(Acquire) == 0 {
            return None;
        }
        let mut inner = self.lock();
        let g = inner.grq.pop();
        self.publish(&inner);
        g
    }

    /// Owner of `p`: a fair share of the GRQ: one to run, the others into the ring. Go's size: `min(128, len, len/P + 1)`.
    pub(super) fn pop_global_batch(&self, p: &P) -> Option<NonNull<G>> {
        if self.grq_len.load(Acquire) == 0 {
            return None;
        }
        let mut inner = self.lock();
        let share = (inner.grq.len() / self.ps.len() + 1).min(128);
        let first = inner.grq.pop();
        for _ in 1..share {
            let Some(g) = inner.grq.pop() else { break };
            if let Err(Overflow(spilt)) = p.lrq.push(g) {
                spilt.into_iter().for_each(|g| inner.grq.push(g));
                break;
            }
        }
        self.publish(&inner);
        first
    }

    /// Whether some queue held something a moment ago; `runnext` is left to its P.
    pub(super) fn work_visible(&self) -> bool {
        self.grq_len.load(Acquire) > 0 || self.ps.iter().any(|p| p.lrq.ring_len() > 0 || p.jobs.any())
    }

    /// A thread of the runtime ends.
    pub(super) fn thread_ended(&self, mut inner: MutexGuard<'_, Inner>) {
        inner.threads.count -= 1;
        self.ended.notify_all();
    }
}

/// A state that the runtime cannot go on from, as in Go: one line, and the process ends.
pub(super) fn fatal(message: &str) -> ! {
    eprintln!("fatal error: gmp: {message}");
    std::process::abort()
}
