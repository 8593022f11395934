//! Spawning and joining.

use std::{any::Any, fmt, marker::PhantomData, ptr::NonNull, sync::atomic::Ordering::*};

use super::{
    enter::enter,
    futex::{NEVER, Parker},
    g::{After, DONE, G, NOT_DONE},
    m::{self, M},
    park::park,
    sched::Sched,
    wait_reason::WaitReason,
    waiter::{Caller, Waiter},
};

/// Owns the result of a spawned G. Dropping it lets the G run on by itself.
#[must_use = "a JoinHandle that is dropped detaches its goroutine; use `drop(..)` or `let _ = ..` to say so"]
pub struct JoinHandle<T> {
    g: NonNull<G>,
    _result: PhantomData<T>,
}

// SAFETY: the handle only moves the `T` out; everything else in the G that it touches is atomic.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: a shared handle tells no more than an id and a flag.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

/// Why a G ended without a value.
pub struct JoinError(Box<dyn Any + Send>);

impl JoinError {
    /// Whether it panicked.
    pub fn is_panic(&self) -> bool {
        true
    }

    /// What it panicked with, for [`std::panic::resume_unwind`].
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
        write!(f, "JoinError::Panic({:?})", self.message())
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "goroutine panicked: {}", self.message())
    }
}

impl std::error::Error for JoinError {}

impl<T> JoinHandle<T> {
    /// The G's id, unique in its runtime.
    pub fn id(&self) -> u64 {
        self.g().id
    }

    /// Whether the G has ended.
    pub fn is_finished(&self) -> bool {
        self.g().join.load(Relaxed) == DONE
    }

    /// Waits for the end of the G: parks the calling G, or blocks the calling thread.
    ///
    /// # Errors
    /// When the G panicked.
    pub fn join(self) -> Result<T, JoinError> {
        // Acquire: pairs with the AcqRel in the end of the G: its result is seen.
        if self.g().join.load(Acquire) != DONE {
            self.wait();
        }
        // SAFETY: it has ended, and this handle knows its type and is consumed.
        let outcome = unsafe { G::take_outcome::<T>(self.g) };
        outcome.expect("only this handle takes the result").map_err(JoinError)
    }

    #[inline(never)]
    fn wait(&self) {
        let parker = Parker::new();
        match Caller::enter(&parker) {
            Caller::G(local) => {
                let after = After { commit: wait_for_end, data: self.g.as_ptr().cast() };
                park(local, after, WaitReason::Join).exit();
            }
            thread @ Caller::Thread(_) => {
                if register(self.g(), thread.waiter()) {
                    parker.park(NEVER);
                }
            }
        }
        // The wake-up came after `DONE` was stored; this load makes the result ours.
        assert_eq!(self.g().join.load(Acquire), DONE);
    }

    fn g(&self) -> &G {
        // SAFETY: the handle holds a reference.
        unsafe { self.g.as_ref() }
    }
}

/// `false`: the G has ended already.
fn register(g: &G, waiter: Waiter) -> bool {
    g.join.compare_exchange(NOT_DONE, waiter.raw(), AcqRel, Acquire).is_ok()
}

/// `After`: `g` waits for the end of the G at `data`.
unsafe fn wait_for_end(m: &M, g: NonNull<G>, data: *const ()) {
    // SAFETY: `data` is the G of a handle that `g` holds on its stack until it has been woken.
    let target = unsafe { &*data.cast::<G>() };
    if !register(target, Waiter::of_g(g)) {
        // SAFETY: the M still has the P that `g` left it with.
        m.sched().ready(unsafe { m.p() }, g);
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // An outcome that nobody took is dropped with the G.
        // SAFETY: the handle's own reference.
        unsafe { G::release(self.g) };
    }
}

/// Starts a goroutine on the runtime of the calling one: it runs next on this P, as soon as the caller parks or yields.
///
/// # Panics
/// Outside of a runtime; use [`Runtime::spawn`](super::Runtime::spawn) there.
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let Some(local) = enter() else { return spawn_without_p(f) };
    let sched = local.m().sched();
    let g = G::allocate(f, sched.id_for(local.p()), sched);
    sched.ready(local.p(), g);
    local.exit();
    JoinHandle { g, _result: PhantomData }
}

#[cold]
fn spawn_without_p<F: FnOnce() -> T, T>(f: F) -> JoinHandle<T> {
    // SAFETY: Ms live as long as their threads.
    let m =
        unsafe { m::current().as_ref() }.expect("gmp::spawn is for goroutines; use Runtime::spawn from other threads");
    // SAFETY: `spawn`'s bounds.
    unsafe { spawn_from_outside(m.sched(), f) }
}

/// Starts a goroutine from a thread that holds no P.
///
/// # Safety
/// What `f` borrows outlives the G, and may be used from another thread.
pub(super) unsafe fn spawn_from_outside<F: FnOnce() -> T, T>(sched: &Sched, f: F) -> JoinHandle<T> {
    let g = G::allocate(f, sched.id_outside(), sched);
    sched.ready_from_outside(g);
    JoinHandle { g, _result: PhantomData }
}
