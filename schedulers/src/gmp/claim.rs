//! A wait that may end in several ways (this channel, that channel, a deadline), and how it ends in exactly one.
//!
//! 1. The waiter makes a [`Claim`] and a [`Sleeper`] in its frame, puts a node for each way on the list concerned, under that list's lock,
//!    and unlocks. From here on others may end the wait. Then it arms a timer, if there is a deadline, and goes to sleep.
//! 2. Who finds a node, under its list's lock, *claims* the wait: it exchanges `OPEN` for the node's way. The timer does so too, under the
//!    timers' lock. Who fails leaves the wait alone, and goes on as if the node had not been there.
//! 3. The winner does what it came for with the node (hands over a value, takes one), and then wakes the sleeper, once.
//! 4. The waiter has slept until then. It cancels the timer, takes the lock of each list to take its node off if it is still there, and leaves.
//!
//! **One end**: the exchange decides. **No lost wake-up**: there is one winner, and it wakes after it has claimed; if the waiter is
//! not asleep yet, [`Note`] remembers it. **No wake-up too many**: a waiter sleeps exactly once on a note, for its one winner. **No stale
//! node**: a loser touches the frame only under a lock that the waiter takes, in 4, before it leaves; the winner until its wake-up, for
//! which the waiter sleeps. The models below check this.
//!
//! Go keeps a select's channels locked until the G is off its stack, and the next context unlocks them through the G's stack while it may run
//! already; here the note does the same with one more exchange, shorter locks, and the same code for threads.

use std::ptr::NonNull;

use super::{
    atomic::{AtomicU32, Ordering::*},
    futex::NEVER,
    g::{After, G},
    m::M,
    park::park,
    wait_reason::WaitReason,
    waiter::{Caller, Waiter},
};

/// In how far a wait has been decided.
pub(super) struct Claim(AtomicU32);

const OPEN: u32 = u32::MAX;
/// The way in which a wait ends when its deadline has passed. The others are numbered from 0.
pub(super) const TIMED_OUT: u32 = u32::MAX - 1;

impl Claim {
    pub(super) fn new() -> Self {
        Claim(AtomicU32::new(OPEN))
    }

    /// Ends the wait in this way; `false` if another was faster.
    #[inline]
    pub(super) fn take(&self, way: u32) -> bool {
        // AcqRel: pairs with the other claimers' and with `winner`: each learns of the one before it.
        self.0.compare_exchange(OPEN, way, AcqRel, Relaxed).is_ok()
    }

    /// The way in which the wait has ended. For the waiter, once it was woken.
    pub(super) fn winner(&self) -> u32 {
        self.0.load(Acquire)
    }
}

/// A wake-up that may come before the sleep (Go's `note`, for a G).
struct Note(AtomicU32);

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;
const WOKEN: u32 = 2;

impl Note {
    fn new() -> Self {
        Note(AtomicU32::new(AWAKE))
    }

    /// `false`: it has been woken already, and must not sleep.
    fn sleep(&self) -> bool {
        // Release: pairs with the Acquire in `wake`: who wakes it finds a G that is off its stack. Acquire: the other way round.
        self.0.compare_exchange(AWAKE, ASLEEP, AcqRel, Acquire).is_ok()
    }

    /// `true`: it sleeps, and the caller has to make it runnable; else the note may be gone as soon as it is written.
    fn wake(&self) -> bool {
        self.0.swap(WOKEN, AcqRel) == ASLEEP
    }
}

/// Where a caller sleeps until its wait has been decided; for a thread its parker does that. Used once.
#[repr(align(8))] // `Waiter` keeps its marks in the low bits.
pub(super) struct Sleeper {
    note: Note,
    /// Null for a thread.
    g: *mut G,
}

impl Sleeper {
    /// Wakes it; gives the G that the caller must make runnable, if it has gone to sleep.
    ///
    /// # Safety
    /// `this` is alive when the call begins, and nobody else wakes it.
    pub(super) unsafe fn wake(this: *const Self) -> Option<NonNull<G>> {
        // SAFETY: the caller's. Read first: after the wake-up the frame may be gone.
        unsafe {
            let g = (*this).g;
            (*this).note.wake().then(|| NonNull::new_unchecked(g))
        }
    }
}

/// `After`: the G, off its stack, sleeps at the [`Sleeper`] that `data` points at, unless it has been woken already.
unsafe fn fall_asleep(m: &M, g: NonNull<G>, data: *const ()) {
    // SAFETY: the sleeper is in the frame of `g`, which does not run before it is woken; after a `true` we do not touch it.
    if !unsafe { (*data.cast::<Sleeper>()).note.sleep() } {
        // SAFETY: the M still has the P that `g` left it with.
        m.sched().ready(unsafe { m.p() }, g);
    }
}

impl Caller<'_> {
    /// A place to sleep.
    pub(super) fn sleeper(&self) -> Sleeper {
        let g = match self {
            Caller::G(local) => local.g().as_ptr(),
            Caller::Thread(_) => std::ptr::null_mut(),
        };
        Sleeper { note: Note::new(), g }
    }

    /// How to wake the caller that sleeps there.
    pub(super) fn waiter_on(&self, sleeper: &Sleeper) -> Waiter {
        match self {
            Caller::G(_) => Waiter::of_sleeper(sleeper),
            Caller::Thread(parker) => Waiter::of_thread(parker),
        }
    }

    /// Sleeps until woken through [`waiter_on`](Caller::waiter_on).
    pub(super) fn sleep(self, sleeper: &Sleeper, reason: WaitReason) -> Self {
        match self {
            Caller::G(local) => {
                let after = After { commit: fall_asleep, data: std::ptr::from_ref(sleeper).cast() };
                Caller::G(park(local, after, reason))
            }
            Caller::Thread(parker) => {
                parker.park(NEVER);
                Caller::Thread(parker)
            }
        }
    }

    /// Sleeps until the wait has been decided: by others, or by the deadline `until`, which is [`TIMED_OUT`].
    pub(super) fn sleep_until(self, sleeper: &Sleeper, claim: &Claim, until: u64, reason: WaitReason) -> Self {
        if until == NEVER {
            return self.sleep(sleeper, reason);
        }
        match self {
            Caller::G(ref local) => {
                // SAFETY: both stay here until the timer has woken us, or is cancelled below.
                let timer = unsafe { local.m().sched().arm(until, self.waiter_on(sleeper), claim) };
                let caller = self.sleep(sleeper, reason);
                if claim.winner() != TIMED_OUT
                    && let Caller::G(local) = &caller
                {
                    local.m().sched().timers.cancel(timer);
                }
                caller
            }
            Caller::Thread(parker) => {
                if !parker.park(until) && !claim.take(TIMED_OUT) {
                    parker.park(NEVER); // Somebody was faster, and is about to wake us.
                }
                self
            }
        }
    }
}

/// The protocol with the real claim and note; lists, locks and dispatch are the model's. loom tells if two threads are in the frame at a time
/// without order between them, and if somebody waits for ever.
#[cfg(all(test, gmp_loom))]
mod models {
    use loom::{
        cell::UnsafeCell,
        sync::{Arc, Condvar, Mutex},
        thread,
    };

    use super::*;

    struct Wait {
        claim: Claim,
        note: Note,
        slots: [UnsafeCell<u32>; 2],
        /// Read by whoever comes into the frame, written by its owner when it leaves: what comes later is too late.
        frame: UnsafeCell<()>,
        /// Whether the wait's node is on the list.
        lists: [Mutex<bool>; 2],
        /// Whether it has a timer.
        timer: Mutex<bool>,
        /// How often it was made runnable.
        runnable: Mutex<u32>,
        runs: Condvar,
    }

    impl Wait {
        fn new() -> Arc<Self> {
            Arc::new(Wait {
                claim: Claim::new(),
                note: Note::new(),
                slots: [UnsafeCell::new(0), UnsafeCell::new(0)],
                frame: UnsafeCell::new(()),
                lists: [Mutex::new(true), Mutex::new(true)],
                timer: Mutex::new(true),
                runnable: Mutex::new(0),
                runs: Condvar::new(),
            })
        }

        fn look_into_frame(&self) {
            self.frame.with(|_| ());
        }

        fn wake(&self) {
            self.look_into_frame();
            if self.note.wake() {
                *self.runnable.lock().unwrap() += 1;
                self.runs.notify_one();
            }
        }

        /// One who comes to a list; whether it has met the waiter.
        fn come(&self, way: usize) -> bool {
            let mut list = self.lists[way].lock().unwrap();
            if !std::mem::take(&mut *list) {
                return false;
            }
            self.look_into_frame();
            if !self.claim.take(way as u32) {
                return false;
            }
            // SAFETY: loom checks that nobody else does.
            self.slots[way].with_mut(|slot| unsafe { *slot += 1 });
            drop(list);
            self.wake();
            true
        }

        fn fire(&self) -> bool {
            let mut timer = self.timer.lock().unwrap();
            if !std::mem::take(&mut *timer) {
                return false;
            }
            self.look_into_frame();
            let won = self.claim.take(TIMED_OUT);
            if won {
                self.wake();
            }
            won
        }

        /// The waiter, on both lists, goes to sleep. The way in which it ended.
        fn wait(&self) -> u32 {
            let slept = self.note.sleep();
            let mut runnable = self.runnable.lock().unwrap();
            while slept && *runnable == 0 {
                runnable = self.runs.wait(runnable).unwrap();
            }
            assert_eq!(*runnable, u32::from(slept));
            drop(runnable);
            let way = self.claim.winner();
            if way != TIMED_OUT {
                *self.timer.lock().unwrap() = false;
            }
            self.lists.iter().for_each(|list| *list.lock().unwrap() = false);
            self.frame.with_mut(|_| ());
            // SAFETY: loom checks that nobody else looks at it.
            let served = [0, 1].map(|way| self.slots[way].with(|slot| unsafe { *slot }));
            assert_eq!(served, [0, 1].map(|n| u32::from(n == way)));
            way
        }
    }

    /// One who would end the wait: in this way, by doing this, which says whether it did.
    type Other = (u32, fn(&Wait) -> bool);

    /// All of the others come, in any order, once the waiter is on the lists: before it sleeps, or later. With a bound on how often a thread is
    /// interrupted: all interleavings take minutes, and found no more.
    fn model(preemptions: usize, others: &'static [Other]) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(preemptions);
        model.check(move || {
            let wait = Wait::new();
            let threads: Vec<_> = others
                .iter()
                .map(|&(_, come)| {
                    let wait = wait.clone();
                    thread::spawn(move || come(&wait))
                })
                .collect();
            let way = wait.wait();
            let met: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            let winner = others.iter().position(|&(by, _)| by == way);
            assert!(met.iter().enumerate().all(|(n, &met)| met == (Some(n) == winner)), "one end, and no other");
        });
    }

    #[test]
    fn two_channels_end_a_wait_once() {
        model(3, &[(0, |wait| wait.come(0)), (1, |wait| wait.come(1))]);
    }

    #[test]
    fn a_channel_and_the_timer_end_a_wait_once() {
        model(3, &[(0, |wait| wait.come(0)), (TIMED_OUT, |wait| wait.fire())]);
    }

    #[test]
    fn two_channels_and_the_timer_end_a_wait_once() {
        model(2, &[(0, |wait| wait.come(0)), (1, |wait| wait.come(1)), (TIMED_OUT, |wait| wait.fire())]);
    }
}
