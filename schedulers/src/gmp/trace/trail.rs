//! What a thread records while a trace goes on, and how the collector comes by it.
//!
//! Each thread has a *trail* of its own, a list behind a lock that only the thread and, now and then, the collector take. An event's time is read under that
//! lock. So whatever the collector has not found in any trail is later than the moment at which it began to look, and it can put all
//! events of all threads into one order, up to that moment, for good: see `collector`.
//!
//! A trail is bounded: a thread never waits for the writer, which may wait for the thread. What does not fit is counted.

use std::{
    cell::RefCell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::*},
    },
};

use super::{SESSION, lock};
use crate::gmp::{
    futex::{Parker, now_ns},
    wait_reason::WaitReason,
};

/// The number of the trace that goes on; 0 if none does. Alone on its cache lines: every dispatch reads it.
#[repr(align(128))]
pub(super) struct Number(pub(super) AtomicU64);

pub(super) static NUMBER: Number = Number(AtomicU64::new(0));

/// Events that a thread may be ahead of the collector: 2.5 MiB, about 5 ms of the fastest ping-pong.
pub(super) const CAPACITY: usize = 1 << 16;

/// Something that happened in a runtime.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) at_ns: u64,
    /// `Sched::number`.
    pub(super) runtime: u32,
    pub(super) what: What,
}

/// What happened, to Gs, Ms and Ps by their ids.
#[derive(Clone, Copy)]
pub(in crate::gmp) enum What {
    /// Before the trace: the M holds `p`, and executes `g`.
    Is {
        m: u32,
        p: Option<u32>,
        g: Option<u64>,
    },
    /// `g` begins to execute, or goes on.
    Starts {
        g: u64,
        p: u32,
        m: u32,
    },
    Stops {
        g: u64,
        p: u32,
        m: u32,
        why: Why,
    },
    Spawns {
        g: u64,
        p: Option<u32>,
    },
    /// By what `p` executes.
    Readies {
        g: u64,
        p: u32,
    },
    Steals {
        p: u32,
        from: u32,
        count: u32,
    },
    Retakes {
        p: u32,
        m: u32,
    },
    /// `g` keeps the M without a P.
    HandsOff {
        g: u64,
        p: u32,
        m: u32,
    },
    Attaches {
        p: u32,
        m: u32,
    },
    /// The M gives its P up, for want of work.
    Idles {
        p: u32,
        m: u32,
    },
    Parks {
        m: u32,
    },
    Wakes {
        m: u32,
        new: bool,
    },
    /// The M's thread ends.
    Ends {
        m: u32,
    },
}

/// Why a G stops executing by itself.
#[derive(Clone, Copy)]
pub(in crate::gmp) enum Why {
    Parks(WaitReason),
    Yields,
    /// sysmon wants the P.
    Asked,
    Ended,
}

/// One trace's trails.
pub(super) struct Recorder {
    /// Not 0, and never used again.
    pub(super) number: u64,
    /// The clock's when the trace began.
    pub(super) origin_ns: u64,
    /// What the runtimes did then.
    pub(super) states: Vec<(u32, What)>,
    pub(super) trails: Mutex<Vec<Arc<Trail>>>,
    /// Where the collector sleeps.
    pub(super) parker: Parker,
    ended: AtomicBool,
}

impl Recorder {
    pub(super) fn new(states: Vec<(u32, What)>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Recorder {
            number: NEXT.fetch_add(1, Relaxed),
            origin_ns: now_ns(),
            states,
            trails: Mutex::default(),
            parker: Parker::new(),
            ended: AtomicBool::new(false),
        }
    }

    /// Tells the collector to come to an end.
    pub(super) fn end(&self) {
        // Release: pairs with the Acquire in `has_ended`: what the caller did before is earlier than the collector's last look.
        self.ended.store(true, Release);
        self.poke();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Acquire)
    }

    fn poke(&self) {
        // SAFETY: alive, as we are borrowed.
        unsafe { Parker::unpark(&raw const self.parker) };
    }
}

/// One thread's events since the collector's last visit.
#[derive(Default)]
pub(super) struct Trail(Mutex<Kept>);

#[derive(Default)]
pub(super) struct Kept {
    pub(super) events: Vec<Event>,
    /// For which there was no room.
    pub(super) dropped: u64,
}

impl Trail {
    /// Takes what is there.
    pub(super) fn take(&self) -> Kept {
        std::mem::take(&mut *lock(&self.0))
    }

    /// Own thread: one more event; whether the collector had better come.
    fn push(&self, runtime: u32, what: What) -> bool {
        let mut kept = lock(&self.0);
        if kept.events.len() >= CAPACITY {
            kept.dropped += 1;
            return false;
        }
        kept.events.push(Event { at_ns: now_ns(), runtime, what });
        kept.events.len() == CAPACITY / 2
    }
}

thread_local! {
    /// The calling thread's trail, and whose it is.
    static TRAIL: RefCell<Option<(Arc<Recorder>, Arc<Trail>)>> = const { RefCell::new(None) };
}

/// Records it, if a trace goes on. Never inlined, so that the thread-local is looked for anew on each call; see `m::current`.
#[inline(never)]
pub(super) fn record(runtime: u32, what: What) {
    // Acquire: pairs with the Release in `start`.
    let number = NUMBER.0.load(Acquire);
    // A thread that is about to be gone has nothing to do with Gs any more.
    let _ = TRAIL.try_with(|mine| {
        let mut mine = mine.borrow_mut();
        if mine.as_ref().is_none_or(|(recorder, _)| recorder.number != number) {
            *mine = join(number);
        }
        if let Some((recorder, trail)) = &*mine
            && trail.push(runtime, what)
        {
            recorder.poke();
        }
    });
}

/// A new trail in trace `number`; `None` if that is over.
fn join(number: u64) -> Option<(Arc<Recorder>, Arc<Trail>)> {
    let session = lock(&SESSION);
    let recorder =
        session.as_ref().map(|session| session.recorder.clone()).filter(|recorder| recorder.number == number)?;
    let trail = Arc::<Trail>::default();
    lock(&recorder.trails).push(trail.clone());
    Some((recorder, trail))
}
