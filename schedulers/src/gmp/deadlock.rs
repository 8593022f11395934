//! "All goroutines are asleep - deadlock!": finding out that nothing will ever happen again, and saying so to those who wait in `Runtime::run`.
//!
//! A runtime *sleeps* when all its Ps are idle, no G is queued, and none is about to come: no timer is armed, no G waits for the network, and no M executes a G without a
//! P (a blocking call). gmp is a library, so that alone is no deadlock: a plain thread, or another runtime, may hold the other end of a channel. So it takes
//! more: every runtime of the process sleeps, and every other thread is blocked for good (see `other_threads`). Without a `/proc` that tells, nothing is reported.
//!
//! sysmon looks, once everything has been quiet for some ticks: first soon, then less and less often while some thread is active. It takes two looks with the
//! same result.
//!
//! **What follows.** The main G may borrow from the frame of the thread in `run`, which is about to unwind: so it must never run again. Under the scheduler's lock, having
//! checked once more that the runtime sleeps, sysmon ends the runtime: no P is ever handed out again. Then it wakes those in `run`. Whoever makes
//! a G runnable after that queues it for nothing.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, atomic::Ordering::*},
};

use super::{
    futex::{NEVER, Parker},
    join_handle::JoinHandle,
    other_threads::{Blocked, blocked},
    p::P,
    runtimes,
    sched::{Inner, Sched},
    snapshot::Snapshot,
};

/// Between the first look and the next, and between two that must agree. Untuned.
const LOOK_AGAIN_NS: u64 = 10_000_000;
/// Looks become rarer up to this: each reads two small files for every thread.
const LOOK_AGAIN_MAX_NS: u64 = 1_000_000_000;
/// Goroutines that a report lists.
const LISTED: usize = 100;

/// All goroutines of a runtime wait, for something that nobody will ever do. What [`Builder::on_deadlock`](super::Builder::on_deadlock) hands over.
///
/// Its text is the report: Go's headline, and each goroutine (of more than 100, the first 100) with what it waits for.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// let (sender, receiver) = gmp::channel::<&str>(1);
/// let builder = Runtime::builder().on_deadlock(move |deadlock| {
///     assert_eq!(deadlock.to_string(), "all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]");
///     sender.send("awake!").unwrap();
/// });
/// // SAFETY: no thread-locals.
/// let runtime = unsafe { builder.build()? };
/// assert_eq!(runtime.run(|| receiver.recv()), Ok("awake!"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Deadlock {
    /// Each goroutine with what it waits for.
    pub snapshot: Snapshot,
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let goroutines = &self.snapshot.goroutines;
        f.write_str("all goroutines are asleep - deadlock!\n")?;
        goroutines.iter().take(LISTED).try_for_each(|goroutine| write!(f, "\n{goroutine}"))?;
        match goroutines.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, "\n... and {more} more"),
        }
    }
}

/// What is called instead of a panic of `run`; see [`Builder::on_deadlock`](super::Builder::on_deadlock).
pub(super) type Handler = Arc<dyn Fn(&Deadlock) + Send + Sync>;

/// A runtime's part, behind its lock.
#[derive(Default)]
pub(super) struct Runs {
    /// Where threads in `run` sleep.
    parkers: Vec<*const Parker>,
    /// The runtime has ended so.
    dead: Option<Deadlock>,
}

// SAFETY: a parker is looked at under the lock, and takes itself off the list before it goes away.
unsafe impl Send for Runs {}

/// sysmon's memory of its looks.
#[derive(Default)]
pub(super) struct Watchdog {
    /// What the last look saw, if all slept.
    evidence: Option<Evidence>,
    /// The time between two looks.
    pause_ns: u64,
    /// What has been reported to a handler, and still lasts.
    reported: Option<u64>,
}

#[derive(PartialEq, Eq)]
struct Evidence {
    threads: Blocked,
    /// Of all runtimes: dispatches and changes of Ps.
    ticks: u64,
}

impl Sched {
    /// Blocks the calling thread until the main G, which `handle` belongs to, has ended.
    ///
    /// # Panics
    /// If that will never be: all goroutines are asleep.
    pub(super) fn await_main<T>(&self, handle: JoinHandle<T>) -> JoinHandle<T> {
        let parker = Parker::new();
        let mut inner = self.lock();
        if inner.runs.dead.is_none() {
            inner.runs.parkers.push(&raw const parker);
            drop(inner);
            self.sysmon.rouse();
            handle.park_thread(&parker);
            inner = self.lock();
            inner.runs.parkers.retain(|&other| !std::ptr::eq(other, &raw const parker));
        }
        if handle.is_finished() {
            return handle;
        }
        let deadlock = inner
            .runs
            .dead
            .as_ref()
            .expect("a thread in `run` is woken for the end of its G, or a deadlock")
            .to_string();
        drop(inner);
        std::mem::forget(handle); // The G stays as it is.
        panic!("{deadlock}");
    }

    /// See the module. Under the lock.
    fn sleeps(&self, inner: &Inner) -> bool {
        inner.idle_ps.len() == self.ps.len()
            && !self.stops.in_force()
            && inner.grq.len() == 0
            && !self.ps.iter().any(P::has_work)
            && !self.timers.pending()
            && self.netpoll.waiting() == 0
            && inner.threads.ms().all(|m| m.curg.load(Acquire).is_null())
    }

    fn ticks(&self) -> u64 {
        self.ps.ever().map(|p| u64::from(p.tick.load(Relaxed))).sum()
    }
}

impl Evidence {
    /// `None` if a runtime does not sleep, or a thread is active.
    fn gather() -> Option<Evidence> {
        let runtimes = runtimes::all();
        let (mut ours, mut ticks) = (BTreeSet::new(), 0);
        for sched in &runtimes {
            let inner = sched.lock();
            if inner.threads.count == 0 && sched.shutting_down.load(Relaxed) {
                continue; // It has ended, with Gs that had not.
            }
            if !sched.sleeps(&inner) {
                return None;
            }
            ours.insert(sched.sysmon.tid.load(Relaxed));
            ours.extend(inner.threads.ms().map(|m| m.tid.load(Acquire)));
            ticks += sched.ticks();
        }
        Some(Evidence { threads: blocked(&ours)?, ticks })
    }
}

impl Watchdog {
    /// A look, when all has been quiet; when to look again.
    pub(super) fn look(&mut self, sched: &Sched, now: u64) -> u64 {
        let inner = sched.lock();
        let concerned = !inner.runs.parkers.is_empty() && sched.sleeps(&inner);
        drop(inner);
        if !concerned || self.reported == Some(sched.ticks()) {
            *self = Watchdog { reported: self.reported, ..Watchdog::default() };
            return NEVER; // Whatever changes that rouses sysmon.
        }
        let evidence = Evidence::gather();
        if evidence.is_some() && evidence == self.evidence {
            self.reported = Some(sched.ticks());
            sched.report_deadlock();
            return NEVER;
        }
        let first = self.pause_ns == 0 || evidence.is_some();
        self.pause_ns = if first { LOOK_AGAIN_NS } else { (2 * self.pause_ns).min(LOOK_AGAIN_MAX_NS) };
        self.evidence = evidence;
        now + self.pause_ns
    }
}

impl Sched {
    fn report_deadlock(&self) {
        let deadlock = Deadlock { snapshot: Snapshot::of(self) };
        if let Some(handler) = &self.on_deadlock {
            return handler(&deadlock);
        }
        let mut inner = self.lock();
        if !self.sleeps(&inner) {
            return; // After all.
        }
        inner.runs.dead = Some(deadlock);
        self.end(&mut inner);
        for &parker in &inner.runs.parkers {
            // SAFETY: on the list, so it is alive.
            unsafe { Parker::unpark(parker) };
        }
    }
}
