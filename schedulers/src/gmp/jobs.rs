//! The jobs of a P: second halves of [`join`](super::join())s that nobody runs yet, each in the frame of the G that forked it.
//!
//! A *direct task stack* (Faxén's Wool, 2010): owner and thieves do not settle on indices who gets a job, as in a Chase-Lev deque, but on
//! the job's slot itself. The slot holds the job's address; whoever exchanges that for null has the job, alone. The owner pushes above
//! all that are there; thieves take the lowest, which is the oldest, and mostly the largest.
//!
//! | | owner (the M that holds the P) | who pushed a job (maybe elsewhere by now) | thief (anyone) |
//! | --- | --- | --- | --- |
//! | `top` | stores | does not touch | loads, as a bound of its look |
//! | a slot that holds null | stores a job, if it is the lowest above all jobs | does not touch | skips |
//! | a slot that holds a job | leaves alone | exchanges its own job for null | exchanges the job for null |
//!
//! Invariant: slots above `top` hold null. The owner alone pushes, and it lowers `top` to the highest job first: the order of slots is the order of age.
//!
//! **Why not tags in the LRQ, or a Chase-Lev ring.** A G may park inside `a`, and other Gs then push above its job; it may come back on another P,
//! where it owns no end of the queue that its job stands in. From a ring only the ends can be taken, so its entry would stay, and dangle when the
//! frame is gone. Here any slot can be emptied, by anybody, at any time, at the price of the exchange that the deque's `pop` pays too.
//!
//! **A slot never dangles.** It is written by `push` only, with a job whose frame stays until [`Entry::take_back`] was called: after it the slot does not hold
//! the job any more, whatever it gives. `true`: it was emptied by us, and nobody has the job's address but those who have read it and not
//! exchanged yet; they fail, or meet a *later* job at the same address in the same slot, whose frame is as alive; before their exchange they
//! never follow the address. `false`: one thief has emptied it, and the frame must stay until it is done (see `join`).
//!
//! **Nobody waits long.** `push` says whether the job is the only one. Then the caller wakes an M by the whole protocol of `wake`, with
//! its fence; with others pending it only looks, without one: the look may be too early to see an M that goes idle right now, and that M too early to see the
//! job. Such a job is found when this P's G forks next, when an M that has stolen stops spinning, or by sysmon within a millisecond.

use std::ptr::{NonNull, null_mut};

use super::atomic::{AtomicPtr, AtomicUsize, Ordering::*};

/// A power of two, so that a position is an index without a check: as many as the LRQ's ring; few under loom.
const SLOTS: usize = if cfg!(gmp_loom) { 4 } else { 256 };
/// The slot that never changes and is not null: looking for the highest job ends here.
const FLOOR: usize = 0;

/// See the module. `T` is the job.
#[repr(C, align(128))] // `top` and the oldest jobs, which all thieves look at, on the same lines.
pub(super) struct Jobs<T> {
    top: AtomicUsize,
    slots: [AtomicPtr<T>; SLOTS],
}

/// Where a job was pushed.
pub(super) struct Entry<T> {
    slot: NonNull<AtomicPtr<T>>,
    job: NonNull<T>,
}

/// What [`Jobs::push`] has done.
pub(super) struct Pushed<T> {
    pub(super) entry: Entry<T>,
    /// No other job was pending.
    pub(super) alone: bool,
}

impl<T> Jobs<T> {
    pub(super) fn new() -> Self {
        let floor = NonNull::dangling().as_ptr();
        let slots = std::array::from_fn(|n| AtomicPtr::new(if n == FLOOR { floor } else { null_mut() }));
        Jobs { top: AtomicUsize::new(FLOOR), slots }
    }

    fn slot(&self, n: usize) -> &AtomicPtr<T> {
        &self.slots[n % SLOTS]
    }

    /// Owner: pushes `job`, which others may run from here on; `None`, and nothing has happened, if there is no room.
    #[inline]
    pub(super) fn push(&self, job: NonNull<T>) -> Option<Pushed<T>> {
        let mut top = self.top.load(Relaxed);
        // Past jobs that were taken since the last push: none, two or three in the recursion of `fib`. Looking at three without a branch took longer.
        while self.slot(top).load(Relaxed).is_null() {
            top -= 1;
        }
        if top + 1 == SLOTS {
            return None;
        }
        let slot = self.slot(top + 1);
        // Release: pairs with the Acquire in `steal`: the job is written before it can be taken.
        slot.store(job.as_ptr(), Release);
        self.top.store(top + 1, Relaxed);
        Some(Pushed { entry: Entry { slot: NonNull::from(slot), job }, alone: top == FLOOR })
    }

    /// Anyone: takes the oldest. It is the caller's now, who must run it.
    pub(super) fn steal(&self) -> Option<NonNull<T>> {
        (FLOOR + 1..=self.top.load(Relaxed)).find_map(|n| {
            let slot = self.slot(n);
            let job = NonNull::new(slot.load(Relaxed))?;
            // Acquire: pairs with the Release in `push`. Who has pushed the job, or another thief, may be faster.
            slot.compare_exchange(job.as_ptr(), null_mut(), Acquire, Relaxed).ok().map(|_| job)
        })
    }

    /// Owner: as [`steal`](Jobs::steal); if there is none, thieves need not look any more.
    pub(super) fn take(&self) -> Option<NonNull<T>> {
        let job = self.steal();
        if job.is_none() {
            // Each slot held null when we came by, or was emptied before our exchange; and nobody but us fills one.
            self.top.store(FLOOR, Relaxed);
        }
        job
    }

    /// Anyone: whether there was one, a moment ago.
    pub(super) fn any(&self) -> bool {
        (FLOOR + 1..=self.top.load(Relaxed)).any(|n| !self.slot(n).load(Relaxed).is_null())
    }
}

impl<T> Entry<T> {
    /// Who pushed the job takes it back, from whatever thread; `false`: somebody else has it, and runs it or will. Either way its slot is another's now.
    ///
    /// # Safety
    /// The `Jobs` is alive.
    #[inline]
    pub(super) unsafe fn take_back(self) -> bool {
        // SAFETY: the caller's.
        let slot = unsafe { self.slot.as_ref() };
        // Relaxed: what the job holds, we have written ourselves; what a thief has done to it is learnt otherwise.
        slot.compare_exchange(self.job.as_ptr(), null_mut(), Relaxed, Relaxed).is_ok()
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    const CAPACITY: usize = SLOTS - 1;

    fn job(n: usize) -> NonNull<u8> {
        NonNull::new(std::ptr::without_provenance_mut(n + 1)).unwrap()
    }

    fn push(jobs: &Jobs<u8>, n: usize) -> Entry<u8> {
        jobs.push(job(n)).expect("there is room").entry
    }

    fn take_back(entry: Entry<u8>) -> bool {
        // SAFETY: every test keeps its jobs to the end.
        unsafe { entry.take_back() }
    }

    #[test]
    fn thieves_take_the_oldest_and_the_forker_takes_back_what_they_left() {
        let jobs = Jobs::new();
        let mut entries: Vec<_> = (0..CAPACITY).map(|n| push(&jobs, n)).collect();
        assert!(jobs.push(job(CAPACITY)).is_none(), "it is full");
        for n in 0..100 {
            assert_eq!(jobs.steal(), Some(job(n)));
        }
        while let Some(entry) = entries.pop() {
            assert_eq!(take_back(entry), entries.len() >= 100);
        }
        assert!(!jobs.any() && jobs.take().is_none());
        assert!(jobs.push(job(0)).is_some_and(|pushed| pushed.alone));
    }

    #[test]
    fn jobs_are_taken_back_in_any_order_and_leave_room() {
        let jobs = Jobs::new();
        let [first, second, third] = [0, 1, 2].map(|n| push(&jobs, n));
        assert!(take_back(second));
        assert!(take_back(first));
        // Above the third, which is still there.
        let fourth = push(&jobs, 3);
        assert!(take_back(third));
        assert_eq!(jobs.steal(), Some(job(3)));
        assert!(!take_back(fourth));
        for n in 0..CAPACITY {
            let pushed = jobs.push(job(n)).expect("there is room again");
            assert_eq!(pushed.alone, n == 0);
        }
    }

    #[test]
    fn a_job_that_is_pushed_again_can_be_stolen_again() {
        let jobs = Jobs::new();
        for _ in 0..1000 {
            let entry = push(&jobs, 7);
            assert!(take_back(entry));
            let entry = push(&jobs, 7);
            assert_eq!(jobs.take(), Some(job(7)));
            assert!(!take_back(entry));
        }
    }

    #[test]
    fn among_concurrent_thieves_each_job_goes_to_one() {
        use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
        const ROUNDS: usize = 20_000;
        let (jobs, done) = (Jobs::<u8>::new(), AtomicBool::new(false));
        let mut seen = std::thread::scope(|scope| {
            let thieves = [(); 2].map(|()| {
                scope.spawn(|| {
                    let mut got = Vec::new();
                    while !done.load(SeqCst) {
                        got.extend(jobs.steal().map(|job| job.addr().get()));
                    }
                    got
                })
            });
            let mut got = Vec::new();
            for round in 0..ROUNDS {
                let depth = 1 + round % 5;
                let mut entries: Vec<_> = (0..depth).map(|n| (round * 5 + n, push(&jobs, round * 5 + n))).collect();
                if round % 3 == 0 {
                    entries.reverse();
                }
                while let Some((n, entry)) = entries.pop() {
                    if take_back(entry) {
                        got.push(n + 1);
                    }
                }
            }
            done.store(true, SeqCst);
            thieves.into_iter().for_each(|thief| got.extend(thief.join().unwrap()));
            got
        });
        seen.sort_unstable();
        let expected: Vec<_> =
            (0..ROUNDS).flat_map(|round| (0..1 + round % 5).map(move |n| round * 5 + n + 1)).collect();
        assert_eq!(seen, expected);
    }
}

/// Who gets a job, and when its frame may go, is modelled in `join`.
#[cfg(all(test, gmp_loom))]
mod models {
    use loom::{sync::Arc, thread};

    use super::*;
    use crate::gmp::atomic::fence;

    /// The queuer's and the idler's steps in `wake`: a job that is alone is seen by the M that goes idle, or that one by its pusher. The slot has been
    /// in use before.
    #[test]
    fn a_lone_job_is_not_left_beside_an_idle_p() {
        loom::model(|| {
            let ours = Arc::new((Jobs::<u8>::new(), AtomicUsize::new(0)));
            let theirs = ours.clone();
            let idler = thread::spawn(move || {
                let (jobs, idle_ps) = &*theirs;
                idle_ps.store(1, Relaxed);
                fence(SeqCst);
                jobs.any()
            });
            let (jobs, idle_ps) = &*ours;
            let push = || {
                let Pushed { entry, alone } = jobs.push(NonNull::dangling()).expect("there is room");
                assert!(alone);
                fence(SeqCst);
                (entry, idle_ps.load(Relaxed) == 1)
            };
            let (entry, _) = push();
            // SAFETY: alive.
            assert!(unsafe { entry.take_back() });
            let (_, seen) = push();
            assert!(idler.join().unwrap() || seen);
        });
    }
}
