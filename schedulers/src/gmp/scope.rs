//! Goroutines that borrow: they end before what they borrow from does. The shape and the argument are those of [`std::thread::scope`].
//!
//! - A closure may borrow what outlives `'scope`, and `'scope` ends after [`scope`] has returned: the compiler's part.
//! - [`scope`] does not return, nor unwind, before each goroutine has dropped all that it borrowed: ours. The body is run under `catch_unwind`, so nothing
//!   gets past the wait; and the one thing that would end a goroutine without unwinding it ([`exit`](super::exit()) during a panic) is refused to those
//!   that borrow.
//! - An outcome that nobody has asked for is dropped by whoever is the last to know of it, the goroutine or the handle, and both are inside of the scope: a goroutine
//!   counts itself as ended only afterwards.

use std::{
    any::Any,
    cell::UnsafeCell,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

use super::{
    exit::Exit,
    g::Outcome,
    join_handle::{JoinError, JoinHandle, spawn_borrowing},
    sync::{Mutex, WaitGroup},
    wait_reason::WaitReason,
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
    family: Arc<Family>,
    /// Invariant in both: neither may be shortened.
    _scope: PhantomData<&'scope mut &'scope ()>,
    _env: PhantomData<&'env mut &'env ()>,
}

/// What a scope and its goroutines share. Borrows nothing, since the last of them may let go of it after the scope's end.
#[derive(Default)]
struct Family {
    running: WaitGroup,
    /// The first panic that nobody has joined.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
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
    let scope = Scope { family: Arc::default(), _scope: PhantomData, _env: PhantomData };
    let outcome = catch_unwind(AssertUnwindSafe(|| body(&scope)));
    scope.family.running.wait_because(WaitReason::Scope);
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
        self.family.running.add(1);
        let running = Running(self.family.clone());
        let result =
            Arc::new(Shared { outcome: UnsafeCell::new(None), family: self.family.clone(), _scope: PhantomData });
        let ours = result.clone();
        let main = move || {
            let _running = running; // Dropped last: then nothing is left of what we borrow.
            let ours = ours; // In a variable: what stays captured would be dropped later still.
            let outcome = catch_unwind(AssertUnwindSafe(f));
            // SAFETY: the handle looks at it only when we have ended.
            unsafe { *ours.outcome.get() = Some(outcome) };
        };
        // SAFETY: what `f` borrows outlives the scope, which waits for `running` to be dropped; `Send` is in our bounds.
        let goroutine = unsafe { spawn_borrowing(main) };
        ScopedJoinHandle { goroutine, result }
    }
}

/// A goroutine that is counted as running.
struct Running(Arc<Family>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.done();
    }
}

/// The outcome of one goroutine: shared by it and its handle; the last one drops it.
struct Shared<'scope, T> {
    outcome: UnsafeCell<Option<Outcome<T>>>,
    family: Arc<Family>,
    _scope: PhantomData<&'scope ()>,
}

// SAFETY: the goroutine writes the outcome, and the handle takes it when that one has ended.
unsafe impl<T: Send> Sync for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Shared<'_, T> {}

impl<T> Drop for Shared<'_, T> {
    fn drop(&mut self) {
        let outcome = self.outcome.get_mut().take();
        // A result whose destructor panics counts as a goroutine that did.
        let payload = match outcome {
            Some(Err(payload)) => Some(payload),
            value => catch_unwind(AssertUnwindSafe(|| drop(value))).err(),
        };
        if let Some(payload) = payload
            && !payload.is::<Exit>()
        {
            let mut first = self.family.panic.lock();
            if first.is_none() {
                *first = Some(payload);
            } else {
                drop(first);
                std::mem::forget(payload); // Its destructor may panic as well.
            }
        }
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
    goroutine: JoinHandle<()>,
    result: Arc<Shared<'scope, T>>,
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
        self.goroutine.join()?;
        // SAFETY: it has ended, and only its handle is left to look at the outcome.
        let outcome = unsafe { (*self.result.outcome.get()).take() };
        outcome.expect("a goroutine that has ended has an outcome").map_err(JoinError::new)
    }
}
