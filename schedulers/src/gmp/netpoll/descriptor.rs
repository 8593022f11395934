//! A socket as the netpoller sees it: who waits for it to become readable or writable, until when, and whether it was closed.
//!
//! Each side has an *epoch*, the number of edges so far, and a FIFO list of waiters. The protocol, for one side:
//! 1. An operation reads the epoch, then tries its system call. If that would block, it takes the lock; if the epoch is still what it
//!    was, it joins the list and parks; else something has happened since it tried, and it tries again.
//! 2. An edge, under the lock, counts the epoch up and takes the first waiter off the list: that one has *the baton*.
//! 3. Who has the baton tries again, and, if it succeeded or gave up, passes it on: the next waiter is taken off the list and tries.
//!
//! **No edge is lost.** Between finding that a call would block and joining the list an edge changes the epoch (1). An edge may stand for
//! several connections or datagrams; the baton goes from waiter to waiter (3) until one finds nothing, and from then on the kernel owes us
//! another edge. An operation that is between (1)'s call and its lock when the baton ends because the list is empty either read the
//! epoch before that edge, and tries again, or after it, and then its own call has found what the kernel finds. So any number of Gs may read, write
//! or accept on one socket at the same time, without a lock around the call (Go's fdMutex), and an edge wakes just as many as it serves.
//!
//! Sides need no "ready" flag: an operation tries before it waits, and the epoch tells whether trying again can help. So an edge that comes
//! while nobody waits costs nobody a call later on.
//!
//! **Ends of a wait**: an edge or the baton, a change that all must look at, closing, a deadline. The wait is a [`Claim`]: whoever ends
//! it claims it first, so there is one end. A waiter whose deadline has claimed it takes its node off by itself.

use std::{
    cell::UnsafeCell,
    io,
    os::fd::RawFd,
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::*},
    },
};

use mio::Token;

use super::Netpoll;
use crate::gmp::{
    claim::{Claim, TIMED_OUT},
    futex::{NEVER, Parker, has_come},
    lock::{Mutex, MutexGuard},
    m::{self, M},
    raw_lock::RawLock,
    wait_list::{Node, WaitList},
    wait_reason::WaitReason,
    waiter::{Caller, Waiter},
};

/// The side of a socket that an operation is about. Accepting reads, connecting writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::gmp) enum Direction {
    Read,
    Write,
}

/// Both, in the order of their numbers.
pub(in crate::gmp) const DIRECTIONS: [Direction; 2] = [Direction::Read, Direction::Write];

/// Why a wait has ended; the number that it was claimed with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(in crate::gmp) enum Verdict {
    /// An edge, or the baton: try, and pass it on.
    Ready,
    /// Something has changed: look at the deadline, and try again.
    Look,
    Closed,
    TimedOut = TIMED_OUT,
}

impl Verdict {
    fn of(claim: &Claim) -> Self {
        let all = [Verdict::Ready, Verdict::Look, Verdict::Closed, Verdict::TimedOut];
        let winner = claim.winner();
        all.into_iter().find(|&verdict| verdict as u32 == winner).expect("a wait ends with a verdict")
    }
}

/// See the module. Shared by its socket and the poller's table.
pub(in crate::gmp) struct Descriptor {
    limits: [Limits; 2],
    lock: RawLock,
    /// Guarded by `lock`.
    state: UnsafeCell<State>,
    /// Where it is registered. Never locked together with `lock`.
    home: Mutex<Option<Home>>,
}

/// What operations read without the lock.
struct Limits {
    /// Written under the lock.
    epoch: AtomicU32,
    deadline_ns: AtomicU64,
    /// From the beginning of an operation; [`NEVER`] if there is no timeout.
    timeout_ns: AtomicU64,
}

struct State {
    closed: bool,
    sides: [Side; 2],
}

/// Those who wait, each with its wait's claim.
struct Side(WaitList<*const Claim>);

struct Home {
    netpoll: Arc<Netpoll>,
    token: Token,
}

// SAFETY: `state` is touched under `lock` only; its pointers are to nodes of waiters, which stay while they are on a list.
unsafe impl Sync for Descriptor {}
// SAFETY: as above.
unsafe impl Send for Descriptor {}

impl Descriptor {
    pub(in crate::gmp) fn new() -> Arc<Self> {
        let limits = || Limits {
            epoch: AtomicU32::new(0),
            deadline_ns: AtomicU64::new(NEVER),
            timeout_ns: AtomicU64::new(NEVER),
        };
        let side = || Side(WaitList::new());
        Arc::new(Descriptor {
            limits: [limits(), limits()],
            lock: RawLock::new(),
            state: UnsafeCell::new(State { closed: false, sides: [side(), side()] }),
            home: Mutex::new(None),
        })
    }

    fn of(&self, direction: Direction) -> &Limits {
        &self.limits[direction as usize]
    }

    /// Step 1 begins with it.
    pub(in crate::gmp) fn epoch(&self, direction: Direction) -> u32 {
        // Acquire: pairs with the Release in `count_epoch`: the deadline of the same change is seen too.
        self.of(direction).epoch.load(Acquire)
    }

    pub(in crate::gmp) fn deadline_ns(&self, direction: Direction) -> u64 {
        self.of(direction).deadline_ns.load(Relaxed)
    }

    /// For both sides, those who wait included.
    pub(in crate::gmp) fn set_deadline_ns(&self, deadline_ns: u64) {
        self.limits.iter().for_each(|limits| limits.deadline_ns.store(deadline_ns, Relaxed));
        self.look_again();
    }

    pub(in crate::gmp) fn timeout_ns(&self, direction: Direction) -> u64 {
        self.of(direction).timeout_ns.load(Relaxed)
    }

    /// For operations that begin from now on.
    pub(in crate::gmp) fn set_timeout_ns(&self, direction: Direction, timeout_ns: u64) {
        self.of(direction).timeout_ns.store(timeout_ns, Relaxed);
    }

    /// Runs `body` under the lock.
    fn locked<R>(&self, body: impl FnOnce(&mut State) -> R) -> R {
        self.lock.lock();
        // SAFETY: the lock is ours; `body` is our own code and does not panic.
        let result = body(unsafe { &mut *self.state.get() });
        // SAFETY: locked above.
        unsafe { RawLock::unlock(&self.lock) };
        result
    }

    /// Under the lock.
    fn count_epoch(&self, direction: Direction) {
        let epoch = &self.of(direction).epoch;
        epoch.store(epoch.load(Relaxed).wrapping_add(1), Release);
    }

    /// Step 1: waits for `direction` after a call that found nothing, having read the epoch `seen` before. `insists`: it had the
    /// baton, in vain, and keeps its place at the head.
    pub(in crate::gmp) fn wait(&self, direction: Direction, seen: u32, until: u64, insists: bool) -> Verdict {
        if has_come(until) {
            return Verdict::TimedOut;
        }
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let (claim, sleeper) = (Claim::new(), caller.sleeper());
        let mut node = Node::new(caller.waiter_on(&sleeper), &raw const claim);
        let refused = self.locked(|state| {
            if state.closed || self.epoch(direction) != seen {
                return Some(if state.closed { Verdict::Closed } else { Verdict::Look });
            }
            let Side(waiters) = &mut state.sides[direction as usize];
            // SAFETY: the node stays here until it was taken off, by whoever claims the wait before they wake us, or by us.
            unsafe { if insists { waiters.push_front(&raw mut node) } else { waiters.push_back(&raw mut node) } }
            None
        });
        if let Some(verdict) = refused {
            caller.exit();
            return verdict;
        }
        caller.local().inspect(|local| local.m().sched().netpoll.begin_to_wait());
        let caller = caller.sleep_until(&sleeper, &claim, until, WaitReason::Io);
        caller.local().inspect(|local| local.m().sched().netpoll.stop_waiting());
        let verdict = Verdict::of(&claim);
        if verdict == Verdict::TimedOut {
            // SAFETY: the node is ours, and was on this list only: else somebody has claimed the wait.
            self.locked(|state| unsafe { state.sides[direction as usize].0.remove(&raw mut node) });
        }
        caller.exit();
        verdict
    }

    /// Step 2. Hands those to `wake` who have the baton now.
    pub(in crate::gmp) fn ready(&self, readable: bool, writable: bool, wake: impl FnMut(Waiter)) {
        let batons = self.locked(|state| {
            let mut baton = |direction, ready: bool| {
                ready.then(|| self.count_epoch(direction))?;
                state.sides[direction as usize].next(Verdict::Ready)
            };
            [baton(Direction::Read, readable), baton(Direction::Write, writable)]
        });
        batons.into_iter().flatten().for_each(wake);
    }

    /// Step 3.
    pub(in crate::gmp) fn pass_on(&self, direction: Direction) {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        if let Some(next) = self.locked(|state| state.sides[direction as usize].next(Verdict::Ready)) {
            // SAFETY: off the list: nobody else wakes it.
            unsafe { next.wake(caller.local()) };
        }
        caller.exit();
    }

    /// Everybody who waits tries again, and so do those who are about to wait.
    pub(in crate::gmp) fn look_again(&self) {
        self.rouse_all(Verdict::Look);
    }

    /// Ends all waiting, for ever; `false` if it was closed before.
    pub(in crate::gmp) fn close(&self) -> bool {
        self.rouse_all(Verdict::Closed)
    }

    fn rouse_all(&self, verdict: Verdict) -> bool {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let (mut roused, open) = self.locked(|state| {
            DIRECTIONS.into_iter().for_each(|direction| self.count_epoch(direction));
            let mut roused = WaitList::new();
            for side in &mut state.sides {
                while let Some(node) = side.claim_next(verdict) {
                    // SAFETY: off its list, claimed by us, and not woken yet: alive, and ours.
                    unsafe { roused.push_back(node.as_ptr()) };
                }
            }
            let open = !state.closed;
            state.closed |= verdict == Verdict::Closed;
            (roused, open)
        });
        while let Some(node) = roused.pop() {
            // SAFETY: as above; nobody else wakes it.
            unsafe {
                let waiter = node.as_ref().waiter;
                waiter.wake(caller.local());
            }
        }
        caller.exit();
        open
    }

    /// Makes sure that somebody polls for it who may be waited for by the caller; `fd` is its socket's, and open.
    ///
    /// A socket belongs to the runtime of the G that first waited on it. It moves when that runtime has ended, or when only a thread had waited.
    pub(in crate::gmp) fn settle(self: &Arc<Self>, fd: RawFd) -> io::Result<()> {
        let mut home = self.home();
        // SAFETY: Ms live as long as their threads, and nothing here switches.
        let here = unsafe { m::current().as_ref() }.map(M::sched).filter(|sched| !sched.netpoll.has_ended());
        let fits = |netpoll: &Arc<Netpoll>| match here {
            Some(_) => !netpoll.has_ended() && !netpoll.is_of_threads(),
            None => !netpoll.has_ended(),
        };
        if home.as_ref().is_some_and(|home| fits(&home.netpoll)) {
            return Ok(());
        }
        if let Some(old) = home.take() {
            old.netpoll.deregister(old.token, Some(fd));
        }
        if let Some(sched) = here {
            if sched.netpoll.open()? {
                sched.netpoll_is_open();
            }
            if let Some(token) = sched.netpoll.register(fd, self)? {
                *home = Some(Home { netpoll: sched.netpoll.clone(), token });
                return Ok(());
            }
        }
        let netpoll = Netpoll::of_threads()?;
        let token = netpoll.register(fd, self)?.expect("the poller of threads never ends");
        *home = Some(Home { netpoll, token });
        Ok(())
    }

    /// Its socket is closed, or about to be.
    pub(in crate::gmp) fn leave_home(&self) {
        let home = self.home().take();
        if let Some(Home { netpoll, token }) = home {
            netpoll.deregister(token, None);
        }
    }

    fn home(&self) -> MutexGuard<'_, Option<Home>> {
        self.home.lock().expect("no code panics while it holds the home of a socket")
    }
}

impl Side {
    /// Takes the first waiter off whose wait can still be claimed.
    fn claim_next(&mut self, verdict: Verdict) -> Option<NonNull<Node<*const Claim>>> {
        loop {
            let node = self.0.pop()?;
            // SAFETY: off the list under the lock: its waiter sleeps, or wants the lock to take it off itself, and its claim is beside it.
            if unsafe { (*node.as_ref().payload).take(verdict as u32) } {
                return Some(node);
            }
        }
    }

    fn next(&mut self, verdict: Verdict) -> Option<Waiter> {
        // SAFETY: claimed by us, and not woken yet.
        self.claim_next(verdict).map(|node| unsafe { node.as_ref().waiter })
    }
}
