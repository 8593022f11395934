//! A timeline of G, M and P, as a file that [Perfetto](https://ui.perfetto.dev) and `chrome://tracing` open.
//!
//! Between [`start`] and [`stop`] every runtime of the process is traced. Each is two processes of the timeline:
//!
//! | | lane | slices | marks |
//! | --- | --- | --- | --- |
//! | `gmp Ps` | one for each P | `G7`: that G executes there; `why` tells what ended it: the reason that it parked for, `yield`, `asked to yield`, `blocking call`, `retaken`, `ended`, `trace stopped`, or, around lost events and the very beginning, `unknown` | `spawn`, `steal` (from which P, how many Gs), `hand-off`, `retake` |
//! | `gmp Ms` | one for each M | `P0`: it holds that P; `G7 blocks`: the G is in a blocking call, without a P; `G7 lost its P`: it ran for too long; `parked` | `wake`, `start` |
//!
//! An arrow leads from whoever made a G runnable to the slice where it runs. Times are microseconds since `start`, to the nanosecond.
//!
//! ```
//! use schedulers::gmp::{self, Runtime, trace};
//!
//! // SAFETY: no thread-locals.
//! let runtime = unsafe { Runtime::builder().procs(2).build()? };
//! trace::start(std::io::sink())?; // A file, as a rule.
//! runtime.run(|| gmp::spawn(|| 42).join().unwrap());
//! let summary = trace::stop()?;
//! assert!(summary.events > 0 && summary.dropped == 0);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! While no trace goes on, each place that could record something loads one flag, which is on a line of its own that nobody writes. What happens when one goes
//! on is in `trail` (the threads' side), `collector` (the thread that reads), `timeline` (events become slices) and `json`.

mod collector;
mod hooks;
mod json;
mod timeline;
mod trail;

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::Ordering::*},
    thread,
};

pub(super) use hooks::*;

use super::{block_in_place, sched::Sched, snapshot::Machine};
use collector::collect;
use trail::{Event, NUMBER, Recorder, What};

/// The trace that goes on.
static SESSION: Mutex<Option<Session>> = Mutex::new(None);

/// All runtimes, for what their Ms do when a trace begins. Those that have ended are forgotten when the next one is built.
static RUNTIMES: Mutex<Vec<Weak<Sched>>> = Mutex::new(Vec::new());

struct Session {
    recorder: Arc<Recorder>,
    thread: thread::JoinHandle<io::Result<Summary>>,
}

/// What a trace that has ended holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Events that were recorded: dispatches, parks, steals and so on.
    pub events: u64,
    /// Events that were lost, because a thread recorded more than 65,536 before they could be written; the file says so too. Slices around a lost event
    /// may be missing or too long.
    pub dropped: u64,
}

/// Begins a trace of all runtimes in the process, which is written to `writer` by a thread of its own, as it goes.
///
/// May be called from any thread or goroutine. Goroutines that execute already have slices that begin at 0.
///
/// # Errors
/// `AlreadyExists` while a trace goes on; the operating system's, when it gives no thread. What goes wrong with the writer later, [`stop`] tells.
pub fn start(writer: impl Write + Send + 'static) -> io::Result<()> {
    // Before the lock: it takes locks of the schedulers, under which something may be recorded that waits for ours.
    let states = states();
    let mut session = lock(&SESSION);
    if session.is_some() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a trace goes on already: stop it first"));
    }
    let recorder = Arc::new(Recorder::new(states));
    // Release: pairs with the Acquire in `trail::record`, which then looks for the session, under the lock.
    NUMBER.0.store(recorder.number, Release);
    let for_thread = recorder.clone();
    let spawned = thread::Builder::new().name("gmp-trace".into()).spawn(move || collect(&for_thread, writer));
    let thread = spawned.inspect_err(|_| NUMBER.0.store(0, Relaxed))?;
    *session = Some(Session { recorder, thread });
    Ok(())
}

/// Ends the trace, and returns when all of it has been written and flushed; slices of goroutines that still execute end here.
///
/// May be called from any thread or goroutine; one that holds a P gives it to others while it waits.
///
/// # Errors
/// `NotFound` if no trace goes on. The writer's first error, if it had one: the trace ended there.
pub fn stop() -> io::Result<Summary> {
    let session = {
        let mut session = lock(&SESSION);
        NUMBER.0.store(0, Relaxed);
        session.take().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no trace goes on"))?
    };
    session.recorder.end();
    let panicked = |_| Err(io::Error::other("the trace's writer panicked"));
    block_in_place(|| session.thread.join().unwrap_or_else(panicked))
}

/// The runtime is to be part of traces.
pub(super) fn register(sched: &Arc<Sched>) {
    let mut runtimes = lock(&RUNTIMES);
    runtimes.retain(|runtime| runtime.strong_count() > 0);
    runtimes.push(Arc::downgrade(sched));
}

/// What all Ms do now, as events.
fn states() -> Vec<(u32, What)> {
    let runtimes: Vec<_> = lock(&RUNTIMES).iter().filter_map(Weak::upgrade).collect();
    let live = runtimes.iter().filter(|sched| !sched.shutting_down.load(Relaxed)); // Some stay for ever; see `Runtime`.
    let of = |sched: &Arc<Sched>| {
        let number = sched.number;
        let what = |Machine { id: m, p, g, .. }| What::Is { m: m as u32, p: p.map(|p| p as u32), g };
        Machine::all(sched).into_iter().map(move |machine| (number, what(machine)))
    };
    live.flat_map(of).collect()
}

/// What these locks guard is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
