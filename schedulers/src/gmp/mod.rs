//! gmp: Go's G/M/P scheduler in Rust. Stackful goroutines (G) are executed by OS threads (M) that hold one of a fixed number of
//! logical processors (P), each with a local run queue that others steal from.
//!
//! ```
//! use schedulers::gmp::{self, Runtime};
//!
//! // SAFETY: nothing below keeps a reference into a thread-local across a call to gmp.
//! let runtime = unsafe { Runtime::builder().procs(2).build()? };
//! let sum = runtime.run(|| {
//!     let (sender, receiver) = gmp::channel(0);
//!     for n in 1..=10u64 {
//!         let sender = sender.clone();
//!         drop(gmp::spawn(move || sender.send(n * n)));
//!     }
//!     drop(sender);
//!     receiver.iter().sum::<u64>()
//! });
//! assert_eq!(sum, 385);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Seeing it
//!
//! [`Runtime::stats`] counts, [`Runtime::snapshot`] tells what each goroutine is doing, and [`trace`](mod@trace) records a timeline. With
//! `GMP_DEBUG=schedtrace=1000` in the environment when it is built, a runtime prints Go's `SCHED` line to standard error every 1000 ms, and with
//! `GMP_DEBUG=schedtrace=1000,scheddetail=1` also a line for each P, M and G. What is wrong with the variable is told there too.
//!
//! The essay on how it works stands beside the code, in `README.md`.

#[cfg(not(target_os = "linux"))]
compile_error!("gmp is built on Linux's futex, membarrier and madvise: it needs Linux");

mod atomic;
mod channel;
mod claim;
mod deadlock;
mod enter;
mod exit;
mod find_runnable;
mod futex;
mod g;
mod grq;
mod jobs;
mod join;
mod join_handle;
mod lock;
mod lrq;
mod m;
#[cfg(gmp_loom)]
mod models;
pub mod net;
mod netpoll;
mod other_threads;
mod p;
mod park;
#[doc(hidden)]
pub mod primitives;
mod ps;
mod raw_lock;
mod runtime;
mod runtimes;
mod sched;
mod schedtrace;
mod scope;
mod select;
mod snapshot;
mod stack;
mod stats;
mod stop_the_world;
mod switch;
pub mod sync;
mod sys;
mod syscall;
mod sysmon;
mod thread_lock;
mod threads;
pub mod time;
mod timer;
mod timer_heap;
pub mod trace;
#[cfg(gmp_tsan)]
mod tsan;
mod wait_list;
mod wait_reason;
mod waiter;
mod wake;

pub use channel::{
    IntoIter, Iter, Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryIter, TryRecvError,
    TrySendError, channel, never,
};
pub use deadlock::Deadlock;
pub use exit::exit;
pub use join::join;
pub use join_handle::{JoinError, JoinHandle, current_id, spawn};
pub use park::{checkpoint, yield_now};
pub use runtime::{Builder, Runtime, num_cpus, num_goroutines, procs};
pub use scope::{Scope, ScopedJoinHandle, scope};
pub use snapshot::{Goroutine, GoroutineState, Snapshot};
pub use stats::Stats;
pub use stop_the_world::{World, set_procs, stop_the_world};
pub use syscall::block_in_place;
pub use thread_lock::{ThreadLock, lock_os_thread};
pub use wait_reason::WaitReason;

pub use crate::select;
/// What the expansion of [`select!`] names.
#[doc(hidden)]
pub mod __select {
    pub use super::select::{Patience, RecvCase, SendCase, select};
}
