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
//! **Deadlines.** Each waiter's moment stands in its node. A G's is watched by a timer of its runtime, at most one a side: it is added when
//! there is none that comes as early, and when it is due it takes off whoever is late and is added anew for the next. So an operation
//! that sets the same timeout as the one before adds nothing. A plain thread watches its own. Whoever takes a node off the list,
//! under the lock, says why; that decides between edge, deadline and close, and each waiter is woken once.

use std::{
    cell::UnsafeCell,
    io,
    os::fd::RawFd,
    ptr::{NonNull, from_ref, null},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, AtomicU64, Ordering::*},
    },
};

use mio::Token;

use super::{
    enter::Local,
    futex::{NEVER, Parker, now_ns},
    m::{self, M},
    netpoll::Netpoll,
    park::park_unlocking,
    raw_lock::RawLock,
    sched::Sched,
    wait_list::{Node, WaitList},
    waiter::{Caller, Waiter},
};

/// The side of a socket that an operation is about. Accepting reads, connecting writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    Read,
    Write,
}

/// Both, in the order of their numbers.
pub(super) const DIRECTIONS: [Direction; 2] = [Direction::Read, Direction::Write];

/// Why a wait has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// An edge, or the baton: try, and pass it on.
    Ready,
    /// Something has changed: look at the deadline, and try again.
    Look,
    TimedOut,
    Closed,
}

/// See the module. Shared by its socket, the poller's table and timers.
pub(super) struct Descriptor {
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

struct Side {
    waiters: WaitList<Wait>,
    /// The runtime with the timer, and when that is due. Null: no timer.
    timer: (*const Sched, u64),
}

/// A waiter's node.
struct Wait {
    until: u64,
    verdict: Verdict,
}

struct Home {
    netpoll: Arc<Netpoll>,
    token: Token,
}

// SAFETY: `state` is touched under `lock` only; its pointers are to nodes of waiters, which live until they are woken.
unsafe impl Sync for Descriptor {}
// SAFETY: as above.
unsafe impl Send for Descriptor {}

impl Descriptor {
    pub(super) fn new() -> Arc<Self> {
        let limits = || Limits {
            epoch: AtomicU32::new(0),
            deadline_ns: AtomicU64::new(NEVER),
            timeout_ns: AtomicU64::new(NEVER),
        };
        let side = || Side { waiters: WaitList::new(), timer: (null(), NEVER) };
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
    pub(super) fn epoch(&self, direction: Direction) -> u32 {
        // Acquire: pairs with the Release in `count_epoch`: the deadline of the same change is seen too.
        self.of(direction).epoch.load(Acquire)
    }

    pub(super) fn deadline_ns(&self, direction: Direction) -> u64 {
        self.of(direction).deadline_ns.load(Relaxed)
    }

    /// For both sides, those who wait included.
    pub(super) fn set_deadline_ns(&self, deadline_ns: u64) {
        self.limits.iter().for_each(|limits| limits.deadline_ns.store(deadline_ns, Relaxed));
        self.look_again();
    }

    pub(super) fn timeout_ns(&self, direction: Direction) -> u64 {
        self.of(direction).timeout_ns.load(Relaxed)
    }

    /// For operations that begin from now on.
    pub(super) fn set_timeout_ns(&self, direction: Direction, timeout_ns: u64) {
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
    pub(super) fn wait(self: &Arc<Self>, direction: Direction, seen: u32, until: u64, insists: bool) -> Verdict {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let side = loop {
            self.lock.lock();
            // SAFETY: the lock is ours until it is unlocked below.
            let state = unsafe { &mut *self.state.get() };
            let verdict = match () {
                () if state.closed => Some(Verdict::Closed),
                () if self.epoch(direction) != seen => Some(Verdict::Look),
                () if has_come(until) => Some(Verdict::TimedOut),
                () => None,
            };
            if let Some(verdict) = verdict {
                // SAFETY: locked above.
                unsafe { RawLock::unlock(&self.lock) };
                caller.exit();
                return verdict;
            }
            let side = &mut state.sides[direction as usize];
            let Some(sched) =
                caller.local().map(|local| local.m().sched()).filter(|sched| !side.has_timer(sched, until))
            else {
                break side;
            };
            side.timer = (sched, until);
            // SAFETY: locked above.
            unsafe { RawLock::unlock(&self.lock) };
            // Not under the lock, which a timer takes under its own. If it is due before we are back, so are we.
            sched.add_deadline(self.clone(), direction, until);
        };
        let mut node = Node::new(caller.waiter(), Wait { until, verdict: Verdict::Look });
        // SAFETY: under the lock; the node stays here until it has been taken off and we are woken, or we have taken it off.
        unsafe { if insists { side.waiters.push_front(&raw mut node) } else { side.waiters.push_back(&raw mut node) } }
        match caller {
            Caller::G(local) => self.park(local),
            Caller::Thread(parker) => {
                // SAFETY: locked above.
                unsafe { RawLock::unlock(&self.lock) };
                if !parker.park(until) && !self.give_up(direction, &raw mut node) {
                    parker.park(NEVER); // Taken off by another: the wake-up is on its way.
                }
            }
        }
        // SAFETY: off the list, and whoever took it off is done with it; read through a pointer, since the compiler saw no write.
        unsafe { (&raw const node.payload.verdict).read_volatile() }
    }

    fn park(&self, local: Local) {
        local.m().sched().netpoll.begin_to_wait();
        let local = park_unlocking(local, &self.lock);
        local.m().sched().netpoll.stop_waiting();
        local.exit();
    }

    /// A thread whose moment has come takes its node off; `false` if another was faster.
    fn give_up(&self, direction: Direction, own: *mut Node<Wait>) -> bool {
        let is_own = |node: NonNull<Node<Wait>>| node.as_ptr() == own;
        let mut taken = self.locked(|state| state.sides[direction as usize].take_off(is_own, Verdict::TimedOut));
        taken.pop().is_some()
    }

    /// Step 2. Hands those to `wake` who have the baton now.
    pub(super) fn ready(&self, readable: bool, writable: bool, mut wake: impl FnMut(Waiter)) {
        let batons = self.locked(|state| {
            let mut baton = |direction, ready: bool| {
                ready.then(|| self.count_epoch(direction))?;
                state.sides[direction as usize].next(Verdict::Ready)
            };
            [baton(Direction::Read, readable), baton(Direction::Write, writable)]
        });
        batons.into_iter().flatten().for_each(&mut wake);
    }

    /// Step 3.
    pub(super) fn pass_on(&self, direction: Direction) {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        if let Some(next) = self.locked(|state| state.sides[direction as usize].next(Verdict::Ready)) {
            // SAFETY: off the list: nobody else wakes it.
            unsafe { next.wake(caller.local()) };
        }
        caller.exit();
    }

    /// Everybody who waits tries again, and so do those who are about to wait.
    pub(super) fn look_again(&self) {
        self.rouse_all(Verdict::Look);
    }

    /// Ends all waiting, for ever; `false` if it was closed before.
    pub(super) fn close(&self) -> bool {
        self.rouse_all(Verdict::Closed)
    }

    fn rouse_all(&self, verdict: Verdict) -> bool {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let (roused, open) = self.locked(|state| {
            DIRECTIONS.into_iter().for_each(|direction| self.count_epoch(direction));
            let roused = state.sides.each_mut().map(|side| side.take_off(|_| true, verdict));
            let open = !state.closed;
            state.closed |= verdict == Verdict::Closed;
            (roused, open)
        });
        // SAFETY: off the list: nobody else wakes them.
        roused.into_iter().for_each(|list| each(list, |waiter| unsafe { waiter.wake(caller.local()) }));
        caller.exit();
        open
    }

    /// The timer that `sched` had for `due_ns` is due: hands those to `wake` whose moment has come. When the next timer is due.
    pub(super) fn deadline_has_come(
        &self,
        direction: Direction,
        sched: &Sched,
        due_ns: u64,
        wake: impl FnMut(Waiter),
    ) -> Option<u64> {
        let now = now_ns();
        let (late, next) = self.locked(|state| {
            let side = &mut state.sides[direction as usize];
            // SAFETY: on the list, under the lock: alive.
            let is_late = |node: NonNull<Node<Wait>>| unsafe { node.as_ref().payload.until } <= now;
            let late = side.take_off(is_late, Verdict::TimedOut);
            if side.timer == (from_ref(sched), due_ns) {
                side.timer = match side.next_deadline_ns() {
                    NEVER => (null(), NEVER),
                    next => (from_ref(sched), next),
                };
                (late, side.timer.1)
            } else if side.timer.0 == from_ref(sched) || side.timer.0.is_null() {
                (late, NEVER) // An earlier timer has replaced this one, and watches those who are left, or had to watch nobody.
            } else {
                (late, side.next_deadline_ns()) // One of another runtime has; but that may end.
            }
        });
        each(late, wake);
        (next != NEVER).then_some(next)
    }

    /// Makes sure that somebody polls for it who may be waited for by the caller; `fd` is its socket's, and open.
    ///
    /// A socket belongs to the runtime of the G that first waited on it. It moves when that runtime has ended, or when only a thread had waited.
    pub(super) fn settle(self: &Arc<Self>, fd: RawFd) -> io::Result<()> {
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
    pub(super) fn leave_home(&self) {
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
    /// Takes the first waiter off.
    fn next(&mut self, verdict: Verdict) -> Option<Waiter> {
        let mut node = self.waiters.pop()?;
        // SAFETY: off the list under the lock, by us, and not woken yet: alive, and ours.
        let node = unsafe { node.as_mut() };
        node.payload.verdict = verdict;
        Some(node.waiter)
    }

    /// Takes those off that `which` says.
    fn take_off(&mut self, which: impl Fn(NonNull<Node<Wait>>) -> bool, verdict: Verdict) -> WaitList<Wait> {
        let mut taken = WaitList::new();
        let mut all = self.waiters.take();
        while let Some(mut node) = all.pop() {
            // SAFETY: off the list under the lock, by us, and not woken yet: alive, and ours; put back, or not, before the lock is released.
            unsafe {
                if which(node) {
                    node.as_mut().payload.verdict = verdict;
                    taken.push_back(node.as_ptr());
                } else {
                    self.waiters.push_back(node.as_ptr());
                }
            }
        }
        taken
    }

    fn next_deadline_ns(&mut self) -> u64 {
        let mut next = NEVER;
        let mut all = self.waiters.take();
        while let Some(node) = all.pop() {
            // SAFETY: as in `take_off`.
            unsafe {
                next = next.min(node.as_ref().payload.until);
                self.waiters.push_back(node.as_ptr());
            }
        }
        next
    }

    /// Whether a timer of `sched` comes no later than `until`.
    fn has_timer(&self, sched: &Sched, until: u64) -> bool {
        until == NEVER || (self.timer.0 == from_ref(sched) && self.timer.1 <= until)
    }
}

/// Hands out those who were taken off a side's list.
fn each(mut list: WaitList<Wait>, mut wake: impl FnMut(Waiter)) {
    while let Some(node) = list.pop() {
        // SAFETY: alive until it is woken, which is after this.
        wake(unsafe { node.as_ref().waiter });
    }
}

/// Whether `until` is now or in the past.
pub(super) fn has_come(until: u64) -> bool {
    until != NEVER && until <= now_ns()
}
