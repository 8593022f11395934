//! A runtime is a value: several live beside each other in a process.

use std::{fmt, io, num::NonZeroUsize, sync::Arc, time::Duration};

use super::{
    deadlock::{Deadlock, Handler},
    g::Borrows,
    join_handle::{JoinHandle, spawn_from_outside},
    m,
    ps::MAX_PROCS,
    runtimes,
    sched::Sched,
    schedtrace::SchedTrace,
    snapshot::Snapshot,
    stats::Stats,
    stop_the_world::World,
    sysmon,
};

/// Go's limit of OS threads.
const MAX_THREADS: usize = 10_000;
/// Fixed: Rust code cannot move to a larger stack. Committed page by page, as it is used.
const STACK_BYTES: usize = 64 << 10;
/// How long a dropped runtime waits for goroutines that execute to come by.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a runtime is to be.
///
/// ```
/// use schedulers::gmp::{self, Runtime};
///
/// let builder = Runtime::builder().procs(2).stack_size(256 << 10).max_threads(100);
/// // SAFETY: nothing below keeps a reference into a thread-local across a call to gmp.
/// let runtime = unsafe { builder.build()? };
/// assert_eq!(runtime.run(gmp::procs), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Builder {
    procs: usize,
    stack_size: usize,
    max_threads: usize,
    on_deadlock: Option<Handler>,
}

/// A G/M/P scheduler with its threads. Dropping it ends them.
///
/// A goroutine that has not ended by then is never run again; its closure, its stack and the runtime's memory stay where they are, since
/// others may hold references to them. One that executes without ever calling gmp keeps its thread; the drop waits a second for it. One that drops its own
/// runtime is not waited for: it runs on until its next call to gmp.
///
/// ```
/// use schedulers::gmp::{self, Runtime};
///
/// // SAFETY: nothing below keeps a reference into a thread-local across a call to gmp.
/// let runtime = unsafe { Runtime::new()? };
/// let numbers: Vec<u64> = (1..=100).collect();
/// let sum = runtime.run(|| {
///     let (left, right) = numbers.split_at(50); // The main goroutine may borrow.
///     gmp::scope(|scope| {
///         let left = scope.spawn(|| left.iter().sum::<u64>());
///         right.iter().sum::<u64>() + left.join().unwrap()
///     })
/// });
/// assert_eq!(sum, 5050);
/// assert_eq!(runtime.shutdown(), 0, "all goroutines have ended");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Runtime {
    sched: Arc<Sched>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Builder { procs, stack_size, max_threads, .. } = self;
        let fields = [("procs", procs), ("stack_size", stack_size), ("max_threads", max_threads)];
        let mut debug = f.debug_struct("Builder");
        fields.into_iter().for_each(|(name, value)| _ = debug.field(name, value));
        debug.finish_non_exhaustive()
    }
}

impl Builder {
    /// How many goroutines may execute at the same time (Go's GOMAXPROCS); [`num_cpus`] by default.
    pub fn procs(mut self, procs: usize) -> Self {
        self.procs = procs;
        self
    }

    /// The size of a goroutine's stack in bytes, guard page included, rounded up to a power of two of at least 16 KiB; 64 KiB by default.
    ///
    /// A goroutine that overflows it is named on stderr, and the process aborts.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
        self
    }

    /// How many threads the runtime may have; 10,000 by default. Needing more ends the process with a message, as in Go.
    pub fn max_threads(mut self, threads: usize) -> Self {
        self.max_threads = threads;
        self
    }

    /// What happens when all goroutines are asleep and nothing will ever wake one, while a thread waits in [`Runtime::run`]. By default `run` panics with the report, and
    /// the runtime has ended. With this, `handler` is called instead, once, on a thread of the runtime's, and everything stays as it is.
    ///
    /// A runtime is taken to be in a deadlock when no goroutine of any runtime of the process executes, is runnable, or waits for a timer, the network or a blocking call,
    /// and each other thread of the process is blocked as well, without a time limit, in a wait for another thread (a lock, a condition variable, a channel, a `join`). A
    /// limit does not count for the main thread: the test harness waits with one.
    ///
    /// ```
    /// # use schedulers::gmp::Runtime;
    /// let builder = Runtime::builder().on_deadlock(|deadlock| {
    ///     eprintln!("{deadlock}");
    ///     std::process::abort();
    /// });
    /// ```
    pub fn on_deadlock(mut self, handler: impl Fn(&Deadlock) + Send + Sync + 'static) -> Self {
        self.on_deadlock = Some(Arc::new(handler));
        self
    }

    /// Starts the runtime.
    ///
    /// The first one of a process installs handlers for SIGSEGV and SIGBUS, for goroutines that overflow their stacks. All other faults they pass on to the
    /// handlers that were there before (std's, or yours).
    ///
    /// # Errors
    /// `InvalidInput` for 0 or more than 65,536 Ps, fewer threads than 2 and one per P, or a stack over 1 GiB; the operating system's, when it gives
    /// no thread.
    ///
    /// # Safety
    /// A goroutine may be on another thread after every call to gmp, which the compiler does not know. So no code that runs on this
    /// runtime may keep, across a call to gmp (or to code that makes one): a reference into a thread-local variable, or a value that must stay on its
    /// thread and is not gmp's own (a guard of `std::sync`, an entered tracing span). The compiler may keep such a reference by itself
    /// where a function uses a thread-local both before and after such a call, so that is not allowed either. [`hazards`](super::hazards) shows it all.
    ///
    /// ```
    /// use schedulers::gmp::Runtime;
    ///
    /// // SAFETY: never executes anything.
    /// let error = unsafe { Runtime::builder().procs(0).build() }.err().unwrap();
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    /// ```
    pub unsafe fn build(self) -> io::Result<Runtime> {
        let invalid = |text: String| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        if !(1..=MAX_PROCS).contains(&self.procs) {
            return invalid(format!("procs = {}: expected 1 to 65536", self.procs));
        }
        if self.max_threads < self.procs + 1 {
            return invalid(format!(
                "max_threads = {}: {} Ps need one each, and sysmon one",
                self.max_threads, self.procs
            ));
        }
        let sched = Arc::new(Sched::new(self.procs, self.stack_size, self.max_threads, self.on_deadlock)?);
        let (for_sysmon, schedtrace) = (sched.clone(), SchedTrace::from_env());
        sched.lock().threads.count += 1;
        let thread = std::thread::Builder::new().name("gmp-sysmon".into());
        thread.spawn(move || sysmon::main(for_sysmon, schedtrace))?;
        runtimes::register(&sched);
        Ok(Runtime { sched })
    }
}

impl Runtime {
    /// The defaults: a P for each CPU ([`num_cpus`]), stacks of 64 KiB, at most 10,000 threads, a panic on deadlock.
    pub fn builder() -> Builder {
        Builder { procs: num_cpus(), stack_size: STACK_BYTES, max_threads: MAX_THREADS, on_deadlock: None }
    }

    /// A runtime with the defaults, see [`builder`](Runtime::builder).
    ///
    /// ```
    /// use schedulers::gmp::Runtime;
    ///
    /// // SAFETY: no thread-local is used.
    /// let runtime = unsafe { Runtime::new()? };
    /// assert_eq!(runtime.run(|| 6 * 7), 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// See [`Builder::build`].
    ///
    /// # Safety
    /// See [`Builder::build`].
    pub unsafe fn new() -> io::Result<Runtime> {
        // SAFETY: the caller's promise.
        unsafe { Self::builder().build() }
    }

    /// Runs `main` as a goroutine and blocks the calling thread until it returns. Other goroutines may run on after that (in Go the process ends with
    /// `main`). Several threads may run something at once.
    ///
    /// ```
    /// # use schedulers::gmp::Runtime;
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// let mut greeting = String::from("hello");
    /// let length = runtime.run(|| {
    ///     greeting.push_str(", world");
    ///     greeting.len()
    /// });
    /// assert_eq!((greeting.as_str(), length), ("hello, world", 12));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// With whatever `main` panics with; when all goroutines are asleep and nothing will ever wake one (see [`Builder::on_deadlock`]); when it calls [`exit`](super::exit()); and when called by a goroutine, which would block an M for ever without
    /// a need: spawn instead.
    pub fn run<T: Send>(&self, main: impl FnOnce() -> T + Send) -> T {
        assert!(m::current().is_null(), "Runtime::run was called by a goroutine; use gmp::spawn there");
        // SAFETY: we wait for its end before anything that it borrows goes away; `Send` is in our bounds.
        let handle = unsafe { spawn_from_outside(&self.sched, main, Borrows::FRAME) };
        self.sched.await_main(handle).join().unwrap_or_else(|error| {
            assert!(!error.is_exit(), "the main goroutine called gmp::exit: Runtime::run has nothing to return");
            std::panic::resume_unwind(error.into_panic())
        })
    }

    /// Starts a goroutine, from anywhere: a plain thread, or a goroutine of another runtime.
    ///
    /// ```
    /// # use schedulers::gmp::Runtime;
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// let square = runtime.spawn(|| 12 * 12);
    /// assert_eq!(square.join().unwrap(), 144, "the thread waits");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // SAFETY: nothing borrowed, and `Send`.
        unsafe { spawn_from_outside(&self.sched, f, Borrows::NOTHING) }
    }

    /// As [`gmp::set_procs`](super::set_procs), from anywhere.
    ///
    /// ```
    /// # use schedulers::gmp::Runtime;
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::builder().procs(2).build()? };
    /// assert_eq!(runtime.set_procs(4), 2, "the number before");
    /// assert_eq!(runtime.procs(), 4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// As that does.
    pub fn set_procs(&self, procs: usize) -> usize {
        self.sched.set_procs(procs)
    }

    /// As [`gmp::stop_the_world`](super::stop_the_world()), from anywhere.
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// let waits = runtime.spawn(|| gmp::time::sleep(std::time::Duration::from_millis(1)));
    /// let threads = runtime.stop_the_world(|world| world.stats().threads);
    /// assert!(threads >= 1, "sysmon is one");
    /// waits.join().unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// As that does, inside of `f`.
    pub fn stop_the_world<T>(&self, f: impl FnOnce(&World<'_>) -> T) -> T {
        self.sched.stop_the_world(f)
    }

    /// How many Ps it has.
    pub fn procs(&self) -> usize {
        self.sched.ps.len()
    }

    /// Counts of what has happened so far; [`Stats`] has an example.
    pub fn stats(&self) -> Stats {
        Stats::of(&self.sched)
    }

    /// What each of its goroutines is doing; [`Snapshot`] has an example.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.sched)
    }

    /// Ends the runtime, as dropping it does; how many goroutines had not ended ([`snapshot`](Runtime::snapshot) before it tells which).
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// let (_sender, receiver) = gmp::channel::<()>(0);
    /// runtime.run(|| drop(gmp::spawn(move || receiver.recv())));
    /// assert_eq!(runtime.shutdown(), 1, "one would have waited for ever");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(self) -> usize {
        self.sched.shut_down(PATIENCE);
        usize::try_from(self.sched.num_goroutines()).unwrap_or(usize::MAX)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.sched.shut_down(PATIENCE);
        if self.sched.is_referred_to() {
            // Wait lists anywhere may lead to these Gs: nothing that they touch may go away. But the other stacks' memory can.
            self.sched.stacks.give_back();
            std::mem::forget(self.sched.clone());
        }
    }
}

/// How many CPUs this process may use (Go's `runtime.NumCPU`): [`std::thread::available_parallelism`], or 1 where that does not know. From anywhere.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// let runtime = unsafe { Runtime::builder().procs(2 * gmp::num_cpus()).build()? };
/// assert_eq!(runtime.procs(), 2 * gmp::num_cpus());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn num_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// How many Ps the runtime of the calling goroutine has (Go's `runtime.GOMAXPROCS(0)`).
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::builder().procs(3).build()? };
/// let parts = runtime.run(|| {
///     let parts: Vec<_> = (0..gmp::procs()).map(|n| gmp::spawn(move || n)).collect();
///     parts.into_iter().map(|part| part.join().unwrap()).collect::<Vec<_>>()
/// });
/// assert_eq!(parts, [0, 1, 2]);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// On a thread that belongs to no runtime.
pub fn procs() -> usize {
    current_sched(|sched| sched.ps.len())
}

/// How many goroutines of the calling one's runtime have not ended, itself included (Go's `runtime.NumGoroutine`).
///
/// One counts until it has left its stack: a moment after its [`join`](JoinHandle::join) has returned, it may still do.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| {
///     let (sender, receiver) = gmp::channel::<()>(0);
///     let waits = gmp::spawn(move || receiver.recv());
///     assert_eq!(gmp::num_goroutines(), 2);
///     drop(sender);
///     assert!(waits.join().unwrap().is_err());
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// On a thread that belongs to no runtime.
pub fn num_goroutines() -> usize {
    current_sched(|sched| usize::try_from(sched.num_goroutines()).unwrap_or(usize::MAX))
}

pub(super) fn current_sched<T>(read: impl FnOnce(&Sched) -> T) -> T {
    // SAFETY: Ms live as long as their threads.
    let m = unsafe { m::current().as_ref() }.expect("the calling thread belongs to no gmp runtime");
    read(m.sched())
}
