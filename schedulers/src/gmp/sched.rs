//! What the Ps of one runtime share: the GRQ, the lists of idle Ps and Ms, the timers, the stacks.
//!
//! Everything behind the one lock is off the fast paths: a G that yields, parks or wakes another within its P never takes it. The
//! atomics beside the lock are hints of what is behind it, written under it, read without.

use std::{
    io,
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::*},
    },
    time::{Duration, Instant},
};

use super::{
    g::G,
    grq::{Fifo, Grq},
    lock::{Condvar, Mutex, MutexGuard},
    lrq::{CAPACITY, Overflow},
    m::M,
    netpoll::Netpoll,
    p::P,
    snapshot::Census,
    stack::{Stack, Stacks},
    sysmon::Sysmon,
    timer::Timers,
};

/// Shared by all threads of a runtime.
pub(super) struct Sched {
    pub(super) ps: Box<[P]>,
    inner: Mutex<Inner>,
    /// An M's thread has ended.
    ended: Condvar,
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
    pub(super) shutting_down: AtomicBool,
    next_g: AtomicU64,
    /// Gs spawned by threads that hold no P.
    pub(super) spawned_outside: AtomicU64,
    /// Gs that have ended, but whose frames stay on their stacks; see `exit`.
    abandoned: AtomicU64,
    max_threads: usize,
}

/// Behind the lock.
pub(super) struct Inner {
    pub(super) grq: Grq,
    /// Indices into `Sched::ps`; the last one released is the first one taken.
    pub(super) idle_ps: Vec<usize>,
    /// Ms that sleep, the last one to fall asleep at the end: it is woken first.
    pub(super) idle_ms: Vec<NonNull<M>>,
    /// All Ms that ever were; they stay, each in its place, until the runtime ends.
    #[expect(clippy::vec_box, reason = "their addresses are known to others")]
    ms: Vec<Box<M>>,
    /// Threads that have not ended: Ms and sysmon.
    pub(super) threads: usize,
}

// SAFETY: the pointers in it are to Ms that it owns itself.
unsafe impl Send for Inner {}

/// Ids that a P takes at a time (Go: 16).
const ID_BATCH: u64 = 64;

impl Sched {
    pub(super) fn new(procs: usize, stack_size: usize, max_threads: usize) -> io::Result<Self> {
        let inner = Inner {
            grq: Grq::new(),
            idle_ps: (0..procs).rev().collect(),
            idle_ms: Vec::new(),
            ms: Vec::new(),
            threads: 0,
        };
        Ok(Sched {
            ps: (0..procs).map(P::new).collect(),
            inner: Mutex::new(inner),
            ended: Condvar::new(),
            grq_len: AtomicUsize::new(0),
            late_len: AtomicUsize::new(0),
            idle_ps: AtomicU32::new(procs as u32),
            spinning: AtomicU32::new(0),
            timers: Timers::new(),
            netpoll: Arc::new(Netpoll::new()),
            stacks: Stacks::new(stack_size)?,
            census: Census::new(),
            sysmon: Sysmon::new(),
            shutting_down: AtomicBool::new(false),
            next_g: AtomicU64::new(1),
            spawned_outside: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            max_threads,
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
        self.spawned_outside.load(Relaxed) + self.ps.iter().map(|p| p.counters.spawned.get()).sum::<u64>()
    }

    /// Gs that have ended so far.
    pub(super) fn ended(&self) -> u64 {
        self.abandoned.load(Relaxed) + self.ps.iter().map(|p| p.counters.ended.get()).sum::<u64>()
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

    /// Owner of `p`: makes `g` run next there; who was to run next goes to the ring, and then there is work for two.
    #[inline]
    pub(super) fn ready(&self, p: &P, g: NonNull<G>) {
        if let Some(next) = p.lrq.set_next(g) {
            self.push_local(p, next);
            self.wakep();
        }
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
            self.push_local(p, g);
        }
        if !gs.is_empty() {
            self.push_all_global(gs);
        }
        self.wakep();
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
    pub(super) fn push_local(&self, p: &P, g: NonNull<G>) {
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
        self.grq_len.load(Acquire) > 0 || self.ps.iter().any(|p| p.lrq.ring_len() > 0)
    }

    /// A new M, not started yet, owned by the scheduler.
    pub(super) fn new_m(&self, inner: &mut Inner) -> NonNull<M> {
        if inner.threads >= self.max_threads {
            fatal(&format!(
                "the runtime needs more than its {} threads (goroutines in blocking calls hold one each); raise `max_threads`",
                self.max_threads
            ));
        }
        inner.threads += 1;
        let m = Box::new(M::new(inner.ms.len() as u64, self));
        let pointer = NonNull::from(&*m);
        inner.ms.push(m);
        pointer
    }

    /// Starts the thread of an M that `new_m` made.
    pub(super) fn start_thread(self: &Arc<Self>, m: NonNull<M>) {
        struct Handle(NonNull<M>);
        // SAFETY: the M is the new thread's from here on.
        unsafe impl Send for Handle {}
        let (sched, handle) = (self.clone(), Handle(m));
        let main = move || {
            let Handle(m) = { handle };
            super::m::main(sched, m);
        };
        // The M's own stack runs the scheduler only; Gs have stacks of their own.
        let thread = std::thread::Builder::new().name("gmp-m".into()).stack_size(M_STACK_BYTES);
        if let Err(error) = thread.spawn(main) {
            fatal(&format!("the operating system gives no more threads: {error}"));
        }
    }

    /// The last thing that an M's or sysmon's thread does here.
    pub(super) fn m_ended(&self) {
        self.lock().threads -= 1;
        self.ended.notify_all();
    }

    /// Tells all threads to end, and waits for them, but no longer than `patience`; how many are left.
    pub(super) fn shut_down(&self, patience: Duration) -> usize {
        let mut inner = self.lock();
        self.shutting_down.store(true, SeqCst);
        for m in inner.idle_ms.drain(..) {
            // SAFETY: the scheduler owns its Ms.
            unsafe { m.as_ref() }.unpark();
        }
        self.sysmon.poke();
        let deadline = Instant::now() + patience;
        while inner.threads > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            inner = self.ended.wait_timeout(inner, left).expect("no code panics while it holds the scheduler's lock").0;
        }
        let left = inner.threads;
        drop(inner);
        self.netpoll.end();
        left
    }
}

const M_STACK_BYTES: usize = 256 << 10;

/// A state that the runtime cannot go on from, as in Go: one line, and the process ends.
pub(super) fn fatal(message: &str) -> ! {
    eprintln!("fatal error: gmp: {message}");
    std::process::abort()
}
