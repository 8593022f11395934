//! P: a logical processor, the right to execute Gs, with the local run queue that belongs to it.
//!
//! At each moment a P is held by one M, or idle (in `Sched`'s list), or on its way from one to the other in the hands of one
//! thread. "The owner" is whoever has it. `own` is the owner's alone; a hand-over is a Release/Acquire pair on `M::next_p`
//! or the scheduler's lock.

use std::{
    cell::UnsafeCell,
    ptr::NonNull,
    sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering::*},
};

use super::{blocks::Blocks, g::G, jobs::Jobs, join::Job, lrq::Lrq, m::M, stack::Stack, thief_call::ThiefCall};

/// A logical processor. Aligned to two cache lines, so that neighbours never share one.
#[repr(align(128))]
pub(super) struct P {
    pub(super) id: usize,
    pub(super) lrq: Lrq<G>,
    pub(super) jobs: Jobs<Job>,
    /// Dispatches so far; sysmon sees by it whether a G has run for long. Written by the owner.
    pub(super) tick: AtomicU32,
    /// Who holds it; null while it is idle or on its way.
    pub(super) m: AtomicPtr<M>,
    pub(super) thief_call: ThiefCall,
    pub(super) counters: Counters,
    own: UnsafeCell<Own>,
}

// SAFETY: `own` is touched by the owner only; the rest is atomic.
unsafe impl Sync for P {}
// SAFETY: stacks, blocks and G ids may move between threads.
unsafe impl Send for P {}

/// What only the owner touches.
pub(super) struct Own {
    /// Stacks of Gs that ended here, the last one on top: it is still in the cache.
    pub(super) stacks: Vec<Stack>,
    /// For the Gs that are made here.
    pub(super) blocks: Blocks,
    /// Ids that this P may still give: Go takes them in batches too.
    pub(super) ids: std::ops::Range<u64>,
    /// How many Gs in a row came from `runnext`.
    pub(super) streak: u32,
    /// When it last stole Gs, unless it has run out of Gs since; else 0.
    pub(super) stolen_ns: u64,
    /// State of a xorshift generator: where stealing begins, which case of a `select!` is tried first.
    random: u32,
}

impl Own {
    /// The next of the generator; never 0.
    pub(super) fn random(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }
}

/// Counts of events, each written by the owner and read by anyone. A relaxed load and store, not a locked addition.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) spawned: Counter,
    pub(super) ended: Counter,
    pub(super) steals: Counter,
    pub(super) spins: Counter,
    pub(super) parks: Counter,
    /// Ms that were woken or started to hold the P.
    pub(super) wakes: Counter,
    /// Voluntary: `block_in_place`.
    pub(super) handoffs: Counter,
    /// By sysmon.
    pub(super) retakes: Counter,
    /// How long Gs have waited for a `Mutex` or an `RwLock`.
    pub(super) lock_wait_ns: Counter,
}

/// One count; see [`Counters`].
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Owner: one more.
    pub(super) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed) + n, Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl P {
    pub(super) fn new(id: usize) -> Self {
        let own = Own {
            stacks: Vec::new(),
            blocks: Blocks::new(),
            ids: 0..0,
            streak: 0,
            stolen_ns: 0,
            random: 0x9e37_79b9 ^ (id as u32 + 1),
        };
        P {
            id,
            lrq: Lrq::new(),
            jobs: Jobs::new(),
            tick: AtomicU32::new(0),
            m: AtomicPtr::default(),
            thief_call: ThiefCall::new(),
            counters: Counters::default(),
            own: UnsafeCell::new(own),
        }
    }

    /// The owner's part.
    ///
    /// # Safety
    /// The caller owns the P, and no other reference from here lives.
    #[expect(
        clippy::mut_from_ref,
        reason = "ownership of a P is not ownership of the reference: it moves between threads"
    )]
    pub(super) unsafe fn own(&self) -> &mut Own {
        // SAFETY: the caller's.
        unsafe { &mut *self.own.get() }
    }

    /// Whether a G or a job waits here, at a moment between call and return.
    pub(super) fn has_work(&self) -> bool {
        !self.lrq.is_empty() || self.jobs.any()
    }

    /// Owner: one more dispatch; the new count.
    pub(super) fn count_tick(&self) -> u32 {
        let tick = self.tick.load(Relaxed).wrapping_add(1);
        self.tick.store(tick, Relaxed);
        tick
    }

    /// Owner: the next of the local queue: `runnext`, unless it had `RUNNEXT_STREAK` turns in a row while others wait.
    ///
    /// Two Gs that wake each other for ever through `runnext` would starve the ring (in Go until they are preempted, 10 ms).
    ///
    /// # Safety
    /// The caller owns the P.
    pub(super) unsafe fn next_local(&self) -> Option<NonNull<G>> {
        // SAFETY: the caller's.
        let own = unsafe { self.own() };
        if own.streak < RUNNEXT_STREAK
            && let Some(g) = self.lrq.take_next()
        {
            own.streak += 1;
            return Some(g);
        }
        own.streak = 0;
        self.lrq.pop().or_else(|| self.lrq.take_next())
    }

    /// Owner: whether a G that has never stood in `runnext` may run as if it had; it counts among its turns.
    pub(super) fn counts_as_next(&self) -> bool {
        // SAFETY: the caller owns the P.
        let own = unsafe { self.own() };
        let may = own.streak < RUNNEXT_STREAK;
        own.streak += u32::from(may);
        may
    }
}

/// How many turns in a row `runnext` gets while the ring waits. Untuned: long enough that a ping-pong's hand-over stays on its
/// fast path, short enough that the ring waits microseconds.
const RUNNEXT_STREAK: u32 = 32;
