//! Where the threads of [`OsThreads`](super::OsThreads) may run: on any of the first N CPUs, or pinned to each of them in turn.
//!
//! A thread settles before it executes its task: it sets its own affinity. Linux hands that down to the threads that it spawns, which is
//! all that those need which are not pinned. Those that are find the next CPU through a thread-local of the one that spawns them.

use std::{
    cell::OnceCell,
    io,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

/// The calling thread, for the affinity calls.
const SELF: Pid = Pid::from_raw(0);

thread_local! {
    /// The CPUs among which the threads that this one spawns are dealt out; only where threads are pinned.
    static DEALT: OnceCell<Arc<Cpus>> = const { OnceCell::new() };
}

/// The CPUs of one contender.
pub(super) struct Cpus {
    cpus: Vec<usize>,
    pinned: bool,
    /// How many threads have been pinned so far. Relaxed: a count, and nothing is read by it.
    settled: AtomicUsize,
}

impl Cpus {
    /// The first `count` of the CPUs that the calling thread may use.
    pub(super) fn first(count: usize, pinned: bool) -> io::Result<Cpus> {
        let mut cpus = allowed()?;
        let available = cpus.len();
        if count > available {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "workers={count}, but this process may use {available} CPUs, and a thread cannot be held to more"
                ),
            ));
        }
        cpus.truncate(count);
        Ok(Cpus { cpus, pinned, settled: AtomicUsize::new(0) })
    }
}

/// Holds the calling thread to `cpus`, or to the next of them.
pub(super) fn settle(cpus: &Arc<Cpus>) -> io::Result<()> {
    let mut set = CpuSet::new();
    if cpus.pinned {
        DEALT.with(|dealt| drop(dealt.set(Arc::clone(cpus))));
        set.set(cpus.cpus[cpus.settled.fetch_add(1, Relaxed) % cpus.cpus.len()])?;
    } else {
        cpus.cpus.iter().try_for_each(|&cpu| set.set(cpu))?;
    }
    Ok(sched_setaffinity(SELF, &set)?)
}

/// What the calling thread, which has been pinned, was given to [`settle`] on.
pub(super) fn of_this_thread() -> Arc<Cpus> {
    DEALT.with(|dealt| Arc::clone(dealt.get().expect("called from a task")))
}

/// How many CPUs `threads` threads that settle on `cpus` may use together, asked of the kernel.
pub(super) fn used_by(cpus: &Arc<Cpus>, threads: usize) -> io::Result<usize> {
    let mut used = Vec::new();
    for _ in 0..threads {
        let cpus = Arc::clone(cpus);
        let thread = thread::Builder::new().spawn(move || settle(&cpus).and_then(|()| allowed()))?;
        used.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic))?);
    }
    used.sort_unstable();
    used.dedup();
    Ok(used.len())
}

/// The CPUs that the calling thread may use, in ascending order.
pub(super) fn allowed() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(SELF)?;
    Ok((0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).collect())
}
