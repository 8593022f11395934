//! Spawning and joining.

use std::{any::Any, fmt, marker::PhantomData, mem::ManuallyDrop, ptr::NonNull, sync::atomic::Ordering::*};

use super::{
    enter::{Local, enter},
    exit::Exit,
    futex::{NEVER, Parker},
    g::{Borrows, DETACHED, DONE, G, NOT_DONE, Outcome},
    life::{park_for_end, register},
    m,
    sched::Sched,
    scope::Family,
    trace,
    waiter::Waiter,
};

/// Owns the result of a spawned goroutine. Dropping it lets the goroutine run on by itself, and drop its result when it ends.
///
/// Whoever [`join`](JoinHandle::join)s learns of a panic; it goes nowhere else.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| {
///     let squares: Vec<_> = (1..=3u32).map(|n| gmp::spawn(move || n * n)).collect();
///     let sum: u32 = squares.into_iter().map(|square| square.join().unwrap()).sum();
///     assert_eq!(sum, 14);
/// });
/// // Threads can wait as well.
/// let error = runtime.spawn(|| { std::panic::resume_unwind(Box::new("no")) }).join().map(|()| 0).unwrap_err();
/// assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "no");
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "a JoinHandle that is dropped detaches its goroutine; use `drop(..)` or `let _ = ..` to say so"]
pub struct JoinHandle<T> {
    g: NonNull<G>,
    _result: PhantomData<T>,
}

// SAFETY: the handle only moves the `T` out; everything else in the G that it touches is atomic.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: a shared handle tells no more than an id and a flag.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

/// Why a goroutine ended without a value: it panicked, or called [`exit`](super::exit()).
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| {
///     let error = gmp::spawn(|| { if true { panic!("no {}", "luck") } }).join().unwrap_err();
///     assert!(error.is_panic());
///     assert_eq!(error.to_string(), "goroutine panicked: no luck");
///
///     let error = gmp::spawn(|| { if true { gmp::exit() } }).join().unwrap_err();
///     assert!(error.is_exit());
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct JoinError(Box<dyn Any + Send>);

impl JoinError {
    /// Whether it panicked.
    pub fn is_panic(&self) -> bool {
        !self.is_exit()
    }

    /// Whether it called [`exit`](super::exit()).
    pub fn is_exit(&self) -> bool {
        self.0.is::<Exit>()
    }

    /// What it panicked with, for [`std::panic::resume_unwind`]. If it called [`exit`](super::exit()), that makes the caller exit as well.
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// use std::panic::resume_unwind;
    ///
    /// runtime.run(|| {
    ///     // Whatever happened to the inner one happens to the outer one.
    ///     let outer = gmp::spawn(|| {
    ///         let inner = gmp::spawn(|| { if true { resume_unwind(Box::new(7)) } });
    ///         inner.join().unwrap_or_else(|error| resume_unwind(error.into_panic()));
    ///     });
    ///     assert_eq!(outer.join().unwrap_err().into_panic().downcast_ref(), Some(&7));
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        self.0
    }

    fn message(&self) -> &str {
        let text = self.0.downcast_ref::<&str>().copied();
        text.or_else(|| self.0.downcast_ref::<String>().map(String::as_str)).unwrap_or("a value that is no text")
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_exit() {
            f.write_str("JoinError::Exit")
        } else {
            write!(f, "JoinError::Panic({:?})", self.message())
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_exit() {
            f.write_str("goroutine exited")
        } else {
            write!(f, "goroutine panicked: {}", self.message())
        }
    }
}

impl std::error::Error for JoinError {}

impl<T> JoinHandle<T> {
    /// The goroutine's id, unique in its runtime.
    pub fn id(&self) -> u64 {
        self.g().id
    }

    /// Whether the goroutine has ended. What it did is seen after [`join`](JoinHandle::join) only.
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// runtime.run(|| {
    ///     let quick = gmp::spawn(|| 1);
    ///     while !quick.is_finished() {
    ///         gmp::yield_now(); // Something else in between.
    ///     }
    ///     assert_eq!(quick.join().unwrap(), 1, "without waiting");
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_finished(&self) -> bool {
        self.g().join.load(Relaxed) == DONE
    }

    /// Waits for the end of the goroutine: parks the calling one, or blocks the calling thread.
    ///
    /// # Errors
    /// When the goroutine panicked, or called [`exit`](super::exit()).
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// runtime.run(|| {
    ///     let divide = |by: u32| gmp::spawn(move || 84 / by);
    ///     assert_eq!(divide(2).join().unwrap(), 42);
    ///     match divide(0).join() {
    ///         Ok(quotient) => println!("{quotient}"),
    ///         Err(error) => assert_eq!(error.to_string(), "goroutine panicked: attempt to divide by zero"),
    ///     }
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn join(self) -> Result<T, JoinError> {
        let this = ManuallyDrop::new(self);
        let local = enter();
        // Acquire: pairs with the Release in `tell`: its result is seen.
        let local = if this.g().join.load(Acquire) == DONE { local } else { wait(this.g, local) };
        // SAFETY: it has ended, so it is ours alone; this handle knows its type and is consumed. The P is ours until the exit.
        let outcome = unsafe {
            let outcome = G::take_outcome::<T>(this.g);
            G::free(this.g, local.as_ref().map(|local| &mut local.p().own().blocks));
            outcome
        };
        local.into_iter().for_each(Local::exit);
        outcome.map_err(JoinError)
    }

    /// Blocks the calling thread until the goroutine has ended, or somebody else has unparked it.
    pub(super) fn park_thread(&self, parker: &Parker) {
        park_thread(self.g(), parker);
    }

    fn g(&self) -> &G {
        // SAFETY: it is freed by the handle, or after that has gone.
        unsafe { self.g.as_ref() }
    }
}

/// Waits for the end of `g`, of which the caller has the handle.
#[inline(never)]
fn wait(g: NonNull<G>, local: Option<Local>) -> Option<Local> {
    // SAFETY: of the handle that the caller has.
    let local = local.map(|local| unsafe { park_for_end(local, g) });
    // SAFETY: as above.
    let g = unsafe { g.as_ref() };
    if local.is_none() {
        park_thread(g, &Parker::new());
    }
    // The wake-up came after `DONE` was stored; this load makes the result ours.
    assert_eq!(g.join.load(Acquire), DONE);
    local
}

#[cold]
fn park_thread(g: &G, parker: &Parker) {
    if register(g, Waiter::of_thread(parker)) {
        parker.park(NEVER);
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).field("is_finished", &self.is_finished()).finish()
    }
}

impl<T> JoinHandle<T> {
    /// As a drop, but gives the outcome, if it is there.
    ///
    /// # Safety
    /// The handle is not used any more, nor dropped.
    pub(super) unsafe fn let_go(&mut self) -> Option<Outcome<T>> {
        // Release: pairs with the Acquires at the end of the G: what was done to it through the handle comes before it is freed. Acquire: pairs with the Release in
        // `tell`.
        if self.g().join.compare_exchange(NOT_DONE, DETACHED, AcqRel, Acquire).is_ok() {
            return None; // It will free itself.
        }
        // SAFETY: it has ended, since nobody waits through a handle that is dropped; so it is ours alone, and its type is ours.
        unsafe {
            let outcome = G::take_outcome::<T>(self.g);
            G::free(self.g, None);
            Some(outcome)
        }
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // Drops the outcome: code of the user's, on whoever dropped the handle.
        // SAFETY: this is the drop.
        drop(unsafe { self.let_go() });
    }
}

/// Starts a goroutine on the runtime of the calling one (Go's `go` statement): it runs next on this P, as soon as the caller parks or yields, or on
/// another P that has nothing to do.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| {
///     let answer = gmp::spawn(|| 6 * 7);
///     println!("meanwhile");
///     assert_eq!(answer.join().unwrap(), 42);
///     // Nobody asks for the result of this one: dropping the handle says so.
///     drop(gmp::spawn(|| println!("some time")));
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// On a plain thread, which belongs to no runtime; use [`Runtime::spawn`](super::Runtime::spawn) there.
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // SAFETY: nothing borrowed, and `Send`.
    unsafe { spawn_here(f, Borrows::NOTHING) }
}

/// As [`spawn`], for a closure that may borrow what outlives `family`'s scope, in which the G is counted.
///
/// # Safety
/// As for [`spawn_from_outside`]; `family` is there until the G has ended for it.
#[inline]
pub(super) unsafe fn spawn_borrowing<F: FnOnce() -> T, T>(f: F, family: &Family) -> JoinHandle<T> {
    // SAFETY: the caller's.
    unsafe { spawn_here(f, Borrows::scope(family)) }
}

#[inline]
unsafe fn spawn_here<F: FnOnce() -> T, T>(f: F, borrows: Borrows) -> JoinHandle<T> {
    // SAFETY: the caller's.
    let Some(local) = enter() else { return unsafe { spawn_without_p(f, borrows) } };
    let sched = local.m().sched();
    let id = sched.id_for(local.p());
    // SAFETY: the P is ours until the exit.
    let g = G::allocate(f, id, sched, borrows, Some(unsafe { &mut local.p().own().blocks }));
    trace::spawns(sched, Some(local.p()), g);
    sched.ready(local.p(), g);
    local.exit();
    JoinHandle { g, _result: PhantomData }
}

#[cold]
unsafe fn spawn_without_p<F: FnOnce() -> T, T>(f: F, borrows: Borrows) -> JoinHandle<T> {
    // SAFETY: Ms live as long as their threads.
    let m =
        unsafe { m::current().as_ref() }.expect("gmp::spawn is for goroutines; use Runtime::spawn from other threads");
    // SAFETY: the caller's.
    unsafe { spawn_from_outside(m.sched(), f, borrows) }
}

/// Starts a goroutine from a thread that holds no P.
///
/// # Safety
/// What `f` borrows outlives the G, and may be used from another thread; `borrows` says whose that may be.
pub(super) unsafe fn spawn_from_outside<F: FnOnce() -> T, T>(sched: &Sched, f: F, borrows: Borrows) -> JoinHandle<T> {
    let g = G::allocate(f, sched.id_outside(), sched, borrows, None);
    trace::spawns(sched, None, g);
    sched.ready_from_outside(g);
    JoinHandle { g, _result: PhantomData }
}

/// The id of the calling goroutine, as [`JoinHandle::id`] gives it; `None` on a thread that executes none.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// assert_eq!(gmp::current_id(), None);
/// assert_eq!(runtime.run(gmp::current_id), Some(1), "the main goroutine is the first one");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn current_id() -> Option<u64> {
    // SAFETY: Ms live as long as their threads, and so does a G that executes.
    unsafe { m::current().as_ref()?.curg.load(Relaxed).as_ref() }.map(|g| g.id)
}
