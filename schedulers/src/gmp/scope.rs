//! Goroutines that borrow: they end before what they borrow from does. The shape and the argument are those of [`std::thread::scope`].
//!
//! - A closure may borrow what outlives `'scope`, and `'scope` ends after [`scope`] has returned: the compiler's part.
//! - [`scope`] does not return, nor unwind, before each goroutine has dropped all that it borrowed: ours. The body is run under `catch_unwind`, so nothing
//!   gets past the wait; and the one thing that would end a goroutine without unwinding it ([`exit`](super::exit()) during a panic) is refused to those
//!   that borrow.
//! - An outcome that nobody has asked for is dropped by whoever is the last to know of it, the goroutine or the handle, and both are inside of the scope: a goroutine
//!   is counted as ended only when that has been decided, and done if it is its own.
//!
//! What they share, the [`Family`], is in the frame of [`scope`]: to take itself off the count is the last that each goroutine does to it.

use std::{
    any::Any,
    cell::Cell,
    marker::PhantomData,
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use super::{
    atomic::{AtomicUsize, Ordering::*},
    enter::Local,
    exit::Exit,
    futex::Parker,
    g::Outcome,
    join_handle::{JoinError, JoinHandle, spawn_borrowing},
    sync::Mutex,
    wait_reason::WaitReason,
    waiter::{Caller, Waiter},
};

/// Where goroutines that borrow are spawned; see [`scope`].
///
/// Goroutines of the scope may spawn more of them:
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// use schedulers::gmp::Scope;
///
/// fn sum<'a>(scope: &'a Scope<'a, '_>, numbers: &'a [u64]) -> u64 {
///     if numbers.len() < 10 {
///         return numbers.iter().sum();
///     }
///     let (left, right) = numbers.split_at(numbers.len() / 2);
///     let left = scope.spawn(move || sum(scope, left));
///     sum(scope, right) + left.join().unwrap()
/// }
///
/// let numbers: Vec<u64> = (1..=100).collect();
/// assert_eq!(runtime.run(|| gmp::scope(|scope| sum(scope, &numbers))), 5050);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Scope<'scope, 'env: 'scope> {
    family: Family,
    /// Invariant in both: neither may be shortened.
    _scope: PhantomData<&'scope mut &'scope ()>,
    _env: PhantomData<&'env mut &'env ()>,
}

/// What a scope and its goroutines share. All that a goroutine borrows, and this, is there until it has [ended](Family::one_has_ended) for it.
pub(super) struct Family {
    /// Goroutines that have not ended, and one for the body of the scope.
    running: AtomicUsize,
    /// Who waits for them. Written before the body is taken off the count, read by who takes the last off.
    waiter: Cell<Waiter>,
    /// The first panic that nobody has joined.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `waiter` as said there; the exchanges of `running` order the two. The rest is made to be shared.
unsafe impl Sync for Family {}

impl Family {
    fn new() -> Self {
        Family { running: AtomicUsize::new(1), waiter: Cell::new(Waiter::NOBODY), panic: Mutex::new(None) }
    }

    /// One of its goroutines is through: what it borrowed, and this, may go.
    ///
    /// # Safety
    /// It was counted, and is not yet taken off. `local` as for [`Waiter::wake`].
    pub(super) unsafe fn one_has_ended(this: *const Self, local: Option<&Local>) {
        // SAFETY: the caller's; whoever waits does so until it is woken, and the frame with it.
        unsafe {
            // Release: what the goroutine did comes before the scope's end. Acquire: the last sees who waits, and all that the others did.
            if (*this).running.fetch_sub(1, AcqRel) == 1 {
                (*this).waiter.get().wake(local);
            }
        }
    }

    /// Waits for all of them.
    fn wait(&self) {
        // Acquire: pairs with the Release above. Who is alone stays alone: only the body and its goroutines make more.
        if self.running.load(Acquire) == 1 {
            return;
        }
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let sleeper = caller.sleeper();
        self.waiter.set(caller.waiter_on(&sleeper));
        // Release: who takes the last off sees the waiter. Acquire: as above.
        let last = self.running.fetch_sub(1, AcqRel) == 1;
        let caller = if last { caller } else { caller.sleep(&sleeper, WaitReason::Scope) };
        caller.exit();
    }

    /// Drops an outcome that nobody wants, and keeps the panic that is in it or comes of it.
    pub(super) fn discard<T>(&self, outcome: Outcome<T>) {
        // A result whose destructor panics counts as a goroutine that did.
        let payload = match outcome {
            Err(payload) => Some(payload),
            value => catch_unwind(AssertUnwindSafe(|| drop(value))).err(),
        };
        if let Some(payload) = payload
            && !payload.is::<Exit>()
        {
            let mut first = self.panic.lock();
            if first.is_none() {
                *first = Some(payload);
            } else {
                drop(first);
                std::mem::forget(payload); // Its destructor may panic as well.
            }
        }
    }
}

/// Runs `body`, which may spawn goroutines that borrow from around it, and waits for all of them.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| {
///     let mut numbers = vec![1, 2, 3, 4];
///     let (left, right) = numbers.split_at_mut(2);
///     gmp::scope(|scope| {
///         scope.spawn(|| left[0] = 10);
///         scope.spawn(|| right[0] = 30);
///     });
///     assert_eq!(numbers, [10, 2, 30, 4]);
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// What is borrowed must outlive the scope:
///
/// ```compile_fail,E0373
/// # use schedulers::gmp;
/// gmp::scope(|scope| {
///     let short = 1;
///     scope.spawn(|| short + 1);
/// });
/// ```
///
/// and the goroutines, or their results, do not leave it:
///
/// ```compile_fail,E0521
/// # use schedulers::gmp;
/// let mut escaped = None;
/// gmp::scope(|scope| escaped = Some(scope.spawn(|| 1)));
/// ```
///
/// # Panics
/// If `body` does, or else a goroutine that nobody has joined: in either case with what it panicked with, after all have ended.
pub fn scope<'env, F, T>(body: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let scope = Scope { family: Family::new(), _scope: PhantomData, _env: PhantomData };
    let outcome = catch_unwind(AssertUnwindSafe(|| body(&scope)));
    scope.family.wait();
    match (outcome, scope.family.panic.lock().take()) {
        (Err(payload), _) | (Ok(_), Some(payload)) => resume_unwind(payload),
        (Ok(value), None) => value,
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a goroutine as [`spawn`](super::spawn) does, which ends before the scope. Dropping the handle is no loss: the scope waits.
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// let text = String::from("so it goes");
    /// let words = runtime.run(|| {
    ///     gmp::scope(|scope| {
    ///         let words = scope.spawn(|| text.split(' ').count());
    ///         scope.spawn(|| println!("{text}"));
    ///         words.join().unwrap()
    ///     })
    /// });
    /// assert_eq!(words, 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// On a plain thread, which belongs to no runtime.
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        /// Takes one off that has not begun, as there is nowhere to.
        struct Counted<'a>(&'a Family);
        impl Drop for Counted<'_> {
            fn drop(&mut self) {
                self.0.running.fetch_sub(1, Relaxed); // Not the last: the caller is counted too.
            }
        }
        let family = &self.family;
        family.running.fetch_add(1, Relaxed); // What is counted has not begun: nothing to order.
        let counted = Counted(family);
        // SAFETY: what `f` borrows outlives the scope, which waits for the end of its goroutine; `Send` is in our bounds.
        let goroutine = unsafe { spawn_borrowing(f, family) };
        std::mem::forget(counted);
        ScopedJoinHandle { goroutine: ManuallyDrop::new(goroutine), family }
    }
}

/// The result of a goroutine of a [`scope`]. Dropping it lets the goroutine run on by itself, and the scope waits for it.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| {
///     gmp::scope(|scope| {
///         let fails = scope.spawn(|| std::panic::resume_unwind(Box::new("joined")));
///         assert!(fails.join().map(|()| 0).is_err(), "and so it is no panic of the scope");
///     });
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct ScopedJoinHandle<'scope, T> {
    /// Dropped by us: what its outcome comes to is the scope's affair.
    goroutine: ManuallyDrop<JoinHandle<T>>,
    family: &'scope Family,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// As [`JoinHandle::id`].
    pub fn id(&self) -> u64 {
        self.goroutine.id()
    }

    /// As [`JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.goroutine.is_finished()
    }

    /// Waits for the end of the goroutine. A panic that is returned here is not propagated by the scope any more.
    ///
    /// # Errors
    /// When the goroutine panicked, or called [`exit`](super::exit()).
    pub fn join(self) -> Result<T, JoinError> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: once, since we are consumed and not dropped.
        unsafe { ManuallyDrop::take(&mut this.goroutine) }.join()
    }
}

impl<T> Drop for ScopedJoinHandle<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the handle is not used, nor dropped, after this.
        if let Some(outcome) = unsafe { self.goroutine.let_go() } {
            self.family.discard(outcome);
        }
    }
}

#[cfg(all(test, gmp_loom))]
mod models {
    use loom::{sync::Arc, thread};

    use super::*;

    struct Shared(Family);

    // SAFETY: as `Scope`, which is shared by reference.
    unsafe impl Send for Shared {}

    /// The one that waits goes on when all have ended, sees what they did, and is not left behind.
    #[test]
    fn a_scope_waits_for_all_and_sees_what_they_did() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let shared = Arc::new((Shared(Family::new()), [const { () }; 2].map(|()| AtomicUsize::new(0))));
            let threads = [0, 1].map(|n| {
                shared.0.0.running.fetch_add(1, Relaxed);
                let shared = shared.clone();
                thread::spawn(move || {
                    shared.1[n].store(1, Relaxed);
                    // SAFETY: it was counted above.
                    unsafe { Family::one_has_ended(&raw const shared.0.0, None) };
                })
            });
            shared.0.0.wait();
            assert!(shared.1.iter().all(|done| done.load(Relaxed) == 1));
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
    }
}
