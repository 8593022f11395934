//! Fork-join: [`join`] runs two closures, in parallel if an M has nothing else to do, and as two plain calls if not.
//!
//! 1. The forker writes `b` into a [`StackJob`] in its own frame (nothing is allocated), pushes that on the [`Jobs`](super::jobs) of its P, and
//!    calls `a`.
//! 2. It takes the job back. Mostly it can, and calls `b` itself.
//! 3. Else a thief has it: an M with nothing to run, of this P or another, gives it to a G of its own, since `b` may park and may take long. The
//!    forker parks until that G has written the outcome into the frame and said that it has ended ([`End`]). Its M goes on with other work, as with any parked G; so
//!    nothing more is needed for a waiter that helps.
//!
//! **The frame outlives all who look at it.** Before the push nobody knows the job. After it, the frame is left by one way only, past step 2: `a` is called
//! under `catch_unwind`, so a panic and an `exit` of it come by here too. If the job was taken back, no one has followed its address, nor will (see
//! `jobs`). If not, exactly one G has the job; the last that this G does to it is the exchange that says so, and we leave only after we have seen
//! that exchange (Acquire). The one way to end a G without its frames being left (`exit` during a panic) keeps the frames for ever.
//!
//! **It does not matter where the forker is by then.** It may have parked in `a` and gone on at another P, or lost its P as a hog: the slot and the
//! job are all that steps 2 and 3 need. Only the push needs the P, and is done inside the scheduler.
//!
//! A job whose forker has parked in `a` is not lost to a P that runs dry: its M looks at its own jobs too, after its own Gs, before it
//! looks elsewhere, and at every 61st dispatch. It is no reason to take the P of a hog, since mostly it is the hog's own. A fork without a P to fork on (a plain thread, a G that unwinds) is two calls.

use std::{
    cell::UnsafeCell,
    mem::{self, MaybeUninit},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    ptr::NonNull,
};

use super::{
    atomic::{AtomicUsize, Ordering::*},
    enter::{Local, enter},
    g::{After, Borrows, DETACHED, DONE, G, NOT_DONE, Outcome},
    jobs::{Entry, Pushed},
    m::M,
    p::P,
    park::park,
    sched::Sched,
    wait_reason::WaitReason,
    waiter::Waiter,
};

/// Runs both closures, maybe in parallel, and returns both results. Both may borrow.
///
/// The calling goroutine runs `a`, and then `b`, unless another P had nothing to do meanwhile and took `b`, which then runs on a goroutine of its
/// own. A join whose `b` is not taken costs a few nanoseconds and allocates nothing, so that it pays to fork down to small pieces.
/// `b` may begin when `a` has ended, so `a` must not wait for it.
///
/// ```
/// # use schedulers::gmp::{self, Runtime};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// fn sum(numbers: &[u64]) -> u64 {
///     if numbers.len() <= 1000 {
///         return numbers.iter().sum();
///     }
///     let (left, right) = numbers.split_at(numbers.len() / 2);
///     let (left, right) = gmp::join(|| sum(left), || sum(right));
///     left + right
/// }
/// let numbers: Vec<u64> = (0..100_000).collect();
/// assert_eq!(runtime.run(|| sum(&numbers)), 4_999_950_000);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// The halves may be on different threads:
///
/// ```compile_fail,E0277
/// # use schedulers::gmp;
/// let counted = std::rc::Rc::new(1);
/// gmp::join(|| *counted, || *counted);
/// ```
///
/// On a thread that is no goroutine's, and in a destructor during a panic, it calls `a` and then `b`.
///
/// # Panics
/// With what `a` panics with, when `b` has ended or will not begin; else with what `b` panics with. [`exit`](super::exit()) in either of them
/// ends the calling goroutine in the same way.
///
/// # Aborts
/// The process, if a destructor in a `b` that another P has taken calls [`exit`](super::exit()) during a panic.
#[inline]
pub fn join<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    let Some(local) = enter() else { return (a(), b()) };
    let job = StackJob::new(&raw const b);
    // SAFETY: the frame is left below only, by the three ways that give the job an end.
    let entry = unsafe { local.m().sched().fork(local.p(), job.erased()) };
    local.exit();
    let Some(entry) = entry else { return (a(), b()) }; // Nobody else knows the job.
    // Unwind-safe: nobody looks at what `a` has broken before its panic goes on.
    let a = catch_unwind(AssertUnwindSafe(a));
    // SAFETY: Ps live as long as the scheduler, and that as long as its Gs.
    if unsafe { entry.take_back() } {
        return match a {
            Ok(a) => (a, b()),
            Err(payload) => {
                drop(b);
                resume_unwind(payload)
            }
        };
    }
    // SAFETY: it was stolen.
    let ended = unsafe { job.wait() };
    mem::forget(b); // The thief has taken it out.
    match (a, ended) {
        (Ok(a), Ok(b)) => (a, b),
        (Ok(_), Err(payload)) => resume_unwind(payload),
        (Err(payload), b) => {
            drop(b);
            resume_unwind(payload)
        }
    }
}

/// The part of a [`StackJob`] that those know who do not know its types.
pub(super) struct Job {
    run: unsafe fn(NonNull<Job>),
    end: End,
}

/// The second half of a fork, in the forker's frame. `repr(C)`: a pointer to the job at its beginning is a pointer to the whole.
///
/// The closure stays where the forker's caller has put it. Copied into the job, it was loaded by 16 bytes just after it had been stored by 8, which the processor
/// can't forward from its store buffer: half of the time of a fork whose closure captures three words, and nothing of one with a word, which comes in a register.
#[repr(C)]
struct StackJob<B, RB> {
    job: Job,
    /// In the forker's frame too. Whoever has the job moves it out.
    b: *const B,
    /// Written by a thief.
    outcome: UnsafeCell<MaybeUninit<Outcome<RB>>>,
}

impl<B: FnOnce() -> RB, RB> StackJob<B, RB> {
    #[inline]
    fn new(b: *const B) -> Self {
        StackJob { job: Job { run: Self::run, end: End::new() }, b, outcome: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    fn erased(&self) -> NonNull<Job> {
        NonNull::from(self).cast()
    }

    /// Thief: runs it.
    ///
    /// # Safety
    /// The caller has the job.
    unsafe fn run(job: NonNull<Job>) {
        // SAFETY: this code belongs to jobs of this type; the forker keeps it alive until its end.
        unsafe {
            let this = job.cast::<Self>().as_ref();
            let outcome = catch_unwind(AssertUnwindSafe(this.b.read()));
            (*this.outcome.get()).write(outcome);
        }
        // SAFETY: as above.
        if let Some(forker) = unsafe { End::come(&raw const (*job.as_ptr()).end) } {
            let local = enter();
            // SAFETY: it waits, and we alone wake it.
            unsafe { forker.wake(local.as_ref()) };
            local.into_iter().for_each(Local::exit);
        }
    }

    /// Forker: what the thief has written, when it is done.
    ///
    /// # Safety
    /// The job was stolen; once.
    #[cold]
    unsafe fn wait(&self) -> Outcome<RB> {
        while !self.job.end.has_come() {
            let Some(local) = enter() else {
                // A fork begins on a G that does not unwind, and what has unwound inside of it has been caught. Were it otherwise: better to wait
                // here than to panic, and leave the frame.
                std::thread::yield_now();
                continue;
            };
            let after = After { commit: wait_for_end, data: (&raw const self.job.end).cast() };
            park(local, after, WaitReason::Join).exit();
        }
        // SAFETY: the thief has written it, and is gone.
        unsafe { (*self.outcome.get()).assume_init_read() }
    }
}

/// `After`: `g`, the forker, waits for the [`End`] at `data`.
unsafe fn wait_for_end(m: &M, g: NonNull<G>, data: *const ()) {
    // SAFETY: it is in the frame of `g`, which does not run before it is woken; after the exchange we do not touch it.
    if !unsafe { (*data.cast::<End>()).await_as(Waiter::of_g(g)) } {
        // SAFETY: the M still has the P that `g` left it with.
        m.sched().ready(unsafe { m.p() }, g);
    }
}

/// The end of a stolen job: [`NOT_DONE`], [`DONE`], or the forker that waits for it.
struct End(AtomicUsize);

impl End {
    #[inline]
    fn new() -> Self {
        End(AtomicUsize::new(NOT_DONE))
    }

    /// Thief: the outcome is written. This is the last that it does to the job; gives the forker, if it waits, to be woken.
    ///
    /// # Safety
    /// `this` is alive when the call begins. It may be gone when it returns.
    unsafe fn come(this: *const Self) -> Option<Waiter> {
        // AcqRel: the outcome comes before, for the Acquires below; and whoever waits was off its stack before it said so.
        // SAFETY: the caller's; who waits does so until it is woken.
        unsafe { Waiter::from_raw((*this).0.swap(DONE, AcqRel)) }
    }

    /// Forker: once this is `true`, the outcome is there.
    fn has_come(&self) -> bool {
        self.0.load(Acquire) == DONE
    }

    /// For the forker, off its stack: `waiter` is to be woken; `false`: the end has come already.
    fn await_as(&self, waiter: Waiter) -> bool {
        self.0.compare_exchange(NOT_DONE, waiter.raw(), AcqRel, Acquire).is_ok()
    }
}

impl Sched {
    /// Owner of `p`: pushes `job` for whoever has nothing to do; `None`, and nothing has happened, if there is no room.
    ///
    /// # Safety
    /// The job stays where it is until it has been taken back, or has ended.
    #[inline]
    unsafe fn fork(&self, p: &P, job: NonNull<Job>) -> Option<Entry<Job>> {
        let Pushed { entry, alone } = p.jobs.push(job)?;
        if alone {
            self.wakep_from(p);
        } else {
            self.wakep_unfenced();
        }
        Some(entry)
    }

    /// Owner of `p`: a G that runs one of its jobs.
    pub(super) fn take_job(&self, p: &P) -> Option<NonNull<G>> {
        p.jobs.take().map(|job| self.g_for(p, job))
    }

    /// Owner of `thief`: a G that runs a job of `victim`.
    pub(super) fn steal_job(&self, victim: &P, thief: &P) -> Option<NonNull<G>> {
        victim.jobs.steal().map(|job| self.g_for(thief, job))
    }

    /// Owner of `p`, and of `job`.
    fn g_for(&self, p: &P, job: NonNull<Job>) -> NonNull<G> {
        // SAFETY: a job that was taken from its slot is run once, here; its forker waits for that.
        let main = move || unsafe { (job.as_ref().run)(job) };
        let id = self.id_for(p);
        // SAFETY: the caller owns the P.
        let g = G::allocate(main, id, self, Borrows::FRAME, Some(unsafe { &mut p.own().blocks }));
        // Nobody joins it: the forker waits for the job.
        // SAFETY: nobody knows it yet.
        unsafe { g.as_ref() }.join.store(DETACHED, Relaxed);
        g
    }
}

/// Fork, theft and end with the real stack of jobs and the real end, on two threads. loom tells if both are in the frame without order between them.
#[cfg(all(test, gmp_loom))]
mod models {
    use loom::{cell::UnsafeCell, sync::Arc, thread};

    use super::*;
    use crate::gmp::{
        futex::{NEVER, Parker},
        jobs::Jobs,
    };

    /// A job in its frame, which is used again and again, as in a loop. Leaked: a thief may still compare its address.
    struct Frame {
        b: UnsafeCell<u32>,
        outcome: UnsafeCell<u32>,
        end: End,
    }

    type Frames = Jobs<Frame>;

    /// Runs `b`, which is its number: gives ten times that.
    fn thief(jobs: &Frames) {
        let Some(frame) = jobs.steal() else { return };
        // SAFETY: stolen; loom checks that we are alone in it.
        unsafe {
            let b = frame.as_ref().b.with_mut(|b| std::mem::take(&mut *b));
            frame.as_ref().outcome.with_mut(|outcome| *outcome = 10 * b);
            if let Some(forker) = End::come(&raw const (*frame.as_ptr()).end) {
                forker.wake(None);
            }
        }
    }

    /// `join(a, n)` with a frame that lies where the last one did.
    fn join(jobs: &Frames, frame: &mut Frame, n: u32, a: impl FnOnce()) -> u32 {
        // SAFETY: loom checks that we are alone in it.
        frame.b.with_mut(|b| unsafe { *b = n });
        frame.end = End::new();
        let entry = jobs.push(NonNull::from(&*frame)).expect("there is room").entry;
        a();
        // SAFETY: alive.
        if unsafe { entry.take_back() } {
            // SAFETY: as above.
            return frame.b.with_mut(|b| unsafe { 10 * std::mem::take(&mut *b) });
        }
        if !frame.end.has_come() {
            let parker = Parker::new();
            if frame.end.await_as(Waiter::of_thread(&parker)) {
                parker.park(NEVER);
            }
            assert!(frame.end.has_come());
        }
        // SAFETY: as above.
        frame.outcome.with_mut(|outcome| unsafe { std::mem::take(&mut *outcome) })
    }

    fn frame() -> Frame {
        Frame { b: UnsafeCell::new(0), outcome: UnsafeCell::new(0), end: End::new() }
    }

    /// A bound on how often a thread is interrupted: all interleavings take minutes, and found no more.
    fn model(preemptions: usize, check: impl Fn() + Sync + Send + 'static) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(preemptions);
        model.check(check);
    }

    /// The same frame is forked from twice: a thief that has read its address the first time may steal it the second time.
    #[test]
    fn a_frame_that_is_used_again_is_stolen_at_most_once_each_time() {
        model(4, || {
            let jobs = Arc::new(Frames::new());
            let theirs = jobs.clone();
            let steals = thread::spawn(move || thief(&theirs));
            let mut frame = frame();
            assert_eq!(join(&jobs, &mut frame, 1, || ()), 10);
            assert_eq!(join(&jobs, &mut frame, 2, || ()), 20);
            steals.join().unwrap();
        });
    }

    #[test]
    fn nested_joins_are_stolen_from_below() {
        model(3, || {
            let jobs = Arc::new(Frames::new());
            let theirs = jobs.clone();
            let steals = thread::spawn(move || {
                thief(&theirs);
                thief(&theirs);
            });
            let (mut outer, mut inner) = (frame(), frame());
            let outer = join(&jobs, &mut outer, 1, || assert_eq!(join(&jobs, &mut inner, 2, || ()), 20));
            assert_eq!(outer, 10);
            steals.join().unwrap();
        });
    }

    #[test]
    fn two_thieves_do_not_share_a_job() {
        model(3, || {
            let jobs = Arc::new(Frames::new());
            let thieves = [(), ()].map(|()| {
                let theirs = jobs.clone();
                thread::spawn(move || thief(&theirs))
            });
            assert_eq!(join(&jobs, &mut frame(), 1, || ()), 10);
            thieves.into_iter().for_each(|thief| thief.join().unwrap());
        });
    }

    /// The forker is elsewhere when it takes its job back, and the P's new owner pushes meanwhile.
    #[test]
    fn a_forker_that_has_moved_takes_its_job_back_beside_the_owner() {
        model(3, || {
            let jobs = Arc::new(Frames::new());
            let (mut old, mut new) = (frame(), frame());
            let (theirs, mut owner) = (jobs.clone(), None);
            let first = || {
                owner = Some(thread::spawn(move || {
                    assert_eq!(join(&theirs, &mut new, 2, || ()), 20);
                    assert_eq!(join(&theirs, &mut new, 3, || ()), 30);
                    thief(&theirs);
                }));
            };
            assert_eq!(join(&jobs, &mut old, 1, first), 10);
            owner.expect("`a` was called").join().unwrap();
        });
    }
}
