//! gmp: Go's G/M/P scheduler in Rust. Stackful goroutines (G) are executed by OS threads (M) that hold one of a fixed number of
//! logical processors (P), each with a local run queue that others steal from.
//!
//! A goroutine is written as a thread is, in plain blocking code, without `async`, and costs much less: to wait is a switch of some nanoseconds, and a page or two of memory
//! for its stack, so that there may be a million. One that blocks its thread, or computes for long, does not hold up the others.
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
//! [`Runtime::run`] turns a closure into the main goroutine and waits for it. Starting a runtime is `unsafe`, once, because Rust cannot check what it asks for: that nothing
//! which belongs to a thread is kept across a call to gmp. See [`hazards`]; all else here is safe.
//!
//! # From Go
//!
//! | Go | gmp |
//! | --- | --- |
//! | `go f()` | [`spawn`]`(f)`, whose [`JoinHandle`] gives the result, or the panic; [`scope`](scope()) for closures that borrow |
//! | `make(chan T, n)`, `ch <- v`, `<-ch` | [`channel`](channel())`(n)`, [`Sender::send`], [`Receiver::recv`] |
//! | `close(ch)`, `for v := range ch` | [`Sender::close`] (or drop the senders), `for v in &receiver` |
//! | a nil channel | [`never`](never()) |
//! | `select { .. default: .. }` | [`select!`] |
//! | `sync.Mutex`, `RWMutex`, `Cond` | [`sync::Mutex`], [`sync::RwLock`], [`sync::Condvar`] |
//! | `sync.WaitGroup`, `Once`, `OnceValue` | [`sync::WaitGroup`], [`sync::Once`], [`sync::OnceLock`] |
//! | `semaphore.Weighted` | [`sync::Semaphore`] |
//! | `time.Sleep`, `After`, `Tick`, `NewTimer` | [`time::sleep`], [`time::after`], [`time::tick`], [`time::Timer`] |
//! | `net.Listen`, `net.Dial`, `ListenPacket` | [`net::TcpListener`], [`net::TcpStream`], [`net::UdpSocket`] |
//! | `SetDeadline`, `net.ErrClosed` | `set_deadline` of each socket, [`net::is_closed`] |
//! | `recover()` | [`JoinHandle::join`], or [`std::panic::catch_unwind`] |
//! | `runtime.Gosched`, `Goexit` | [`yield_now`], [`exit`](exit()) |
//! | `runtime.LockOSThread` | [`lock_os_thread`] |
//! | `runtime.GOMAXPROCS(0)`, `GOMAXPROCS(n)` | [`procs`], [`set_procs`], at the start [`Builder::procs`] |
//! | `runtime.NumCPU`, `NumGoroutine` | [`num_cpus`], [`num_goroutines`] |
//! | `debug.SetMaxThreads`, `SetMaxStack` | [`Builder::max_threads`], [`Builder::stack_size`] (all stacks have that size: they do not grow) |
//! | `runtime/metrics`, a dump of all goroutines | [`Runtime::stats`], [`Runtime::snapshot`] |
//! | "all goroutines are asleep - deadlock!" | the same, as a panic of [`Runtime::run`]; [`Builder::on_deadlock`] |
//! | the pause of a collector | [`stop_the_world`](stop_the_world()) |
//! | a blocking system call or cgo | just so, or better in [`block_in_place`] |
//! | a loop that does not yield | just so, or better with a [`checkpoint`] |
//!
//! What Go has not: [`join`] for divide and conquer, and [`slices`] for loops and reductions on it.
//!
//! What differs: `main`'s end does not end the other goroutines, but dropping the [`Runtime`] does. A panic in a goroutine is its joiner's affair, and ends nothing else. Several runtimes may live
//! in one process, beside plain threads: channels, `sync`, `time`, `net` and [`JoinHandle::join`] work on those too, and block them.
//!
//! # Seeing it
//!
//! [`Runtime::stats`] counts, [`Runtime::snapshot`] tells what each goroutine is doing, and [`trace`](mod@trace) records a timeline. With
//! `GMP_DEBUG=schedtrace=1000` in the environment when it is built, a runtime prints Go's `SCHED` line to standard error every 1000 ms, and with
//! `GMP_DEBUG=schedtrace=1000,scheddetail=1` also a line for each P, M and G. What is wrong with the variable is told there too.
//!
//! # Where to read on
//!
//! - [`hazards`]: what goes wrong with code that was written for threads.
//! - `README.md` beside the code: the essay on how it works, and what was rejected.
//! - `schedulers/examples/`: a blocked thread, a tight loop, map-reduce, an HTTP request, the Mandelbrot set.

#[cfg(not(target_os = "linux"))]
compile_error!("gmp is built on Linux's futex, membarrier and madvise: it needs Linux");

mod atomic;
mod blocks;
mod channel;
mod chunks;
mod claim;
mod deadlock;
mod enter;
mod exit;
mod find_runnable;
mod futex;
mod g;
mod grq;
#[doc = include_str!("HAZARDS.md")]
pub mod hazards {}
mod jobs;
mod join;
mod join_handle;
mod life;
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
pub mod slices;
mod snapshot;
mod stack;
mod stats;
mod stop_the_world;
mod switch;
pub mod sync;
mod sys;
mod syscall;
mod sysmon;
mod thief_call;
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
