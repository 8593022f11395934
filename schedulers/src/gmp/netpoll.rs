//! The netpoller: tells which sockets have become ready, so that a G that waits for the network keeps neither a P nor an M.
//!
//! **The contract**, whatever is underneath (mio, which is epoll here):
//! - A socket is registered once, for reading and writing, edge-triggered: the kernel tells of each *change* to ready, once. It is
//!   registered when somebody first has to wait on it, with the poller of that one's runtime; if it was ready by then, the kernel says so at once.
//! - [`Netpoll::poll`] takes what has become ready since the last time, by anyone, and hands out those who may go on. What a socket
//!   does with an edge is its [`Descriptor`]'s business.
//! - Nobody gets an edge that was meant for another: a token is a place in a table and how often that place has been used. An event
//!   of a socket that was closed meanwhile finds the place empty or used once more, and is dropped.
//! - [`Netpoll::sleep`] blocks until there are edges, a moment comes, or [`Netpoll::interrupt`]. One thread at a time may be in `poll` or
//!   `sleep`; a `poll` meanwhile returns at once, since a sleeper wakes by itself.
//!
//! **Who polls**: an M that has run out of Gs, while it spins and before it goes idle; an M that has not, every 61st dispatch, so that a
//! full queue never starves the network; the *sleeper*, one idle M that sleeps in here instead of on its own futex while there is an idle P for it
//! to take (with none the Ms that have them poll, and waking one more thread for every edge would only take their cores); and sysmon, when
//! a millisecond has passed in which nobody did (Go: 10 ms), for every P may be held up by a G that does not come back.
//!
//! **No edge is left lying.** Say that a socket becomes ready for a G that waits. Either all Ps are busy. Then their Ms dispatch, and
//! poll at the 61st, or run out, and poll; or they are stuck in a G's code, and sysmon polls in the next millisecond but one. Or a P is idle.
//! The M that gave it up last becomes the sleeper, and the kernel keeps edges that nobody has taken, so they end its sleep at once; or it finds
//! that there is a sleeper, who wakes. Three cases are left. (a) It went to sleep on its futex because there was no poller yet. Who opens the
//! poller does (1) open it, (2) a full fence, (3) look for the keeper of the timers, which every idle M is when there is no other, and wakes it;
//! who becomes keeper does (1) say so, (2) a full fence, (3) look for the poller: the later of the two sees the other. (b) The P was not given
//! up by an M that went idle, but by a blocking call or to sysmon; (c) the sleeper has left with one P while another is idle. Then sysmon polls in
//! the next millisecond but one, and rouses an M that sleeps, which becomes the sleeper. sysmon itself does not fall into its deep
//! sleep while there are sockets and no sleeper.
//!
//! **Why a timerfd**: the sleeper is mostly the keeper of the timers as well, and must wake for the next. epoll's own timeout is in milliseconds; that of `epoll_pwait2` and `ppoll` is
//! in nanoseconds, but the kernel allows itself 0.1 % of slack whatever the thread's (a second took 1.04 ms too long here, with
//! the timerfd 0.04 ms). It is armed only when the moment has changed. Without sockets none of this is there, and all idle Ms sleep on their futexes.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    ptr::NonNull,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::*, fence},
    },
    time::Duration,
};

use mio::{Events, Interest, Poll, Registry, Token, Waker, unix::SourceFd};

use super::{
    descriptor::Descriptor,
    futex::{NEVER, Parker, now_ns},
    g::G,
    m::M,
    p::P,
    sched::{Sched, fatal},
    waiter::Waiter,
};

/// Edges taken at a time: as many as a local queue holds, so that a poll does not spill half of it. Go: 128.
const EVENTS: usize = 256;

/// Not a place in the table: interrupted, and a timer is due.
const INTERRUPT: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);

/// The poller of one runtime, or of all plain threads.
pub(super) struct Netpoll {
    /// Opened by the first socket.
    driver: OnceLock<Driver>,
    slots: Mutex<Slots>,
    /// Sockets in the table.
    registered: AtomicUsize,
    /// The runtime's Gs that are parked in here.
    waiting: AtomicUsize,
    /// How often somebody has polled: sysmon sees by it whether anybody does.
    polls: AtomicU32,
    /// An M is the sleeper.
    slept_in: AtomicBool,
    /// Plain threads', not a runtime's.
    of_threads: bool,
    /// The runtime has ended: nobody polls any more.
    ended: AtomicBool,
}

struct Driver {
    registry: Registry,
    interrupt: Waker,
    poller: Mutex<Poller>,
}

struct Poller {
    poll: Poll,
    events: Events,
    timer: OwnedFd,
    /// What the timer is set to; [`NEVER`] if it is not.
    armed_ns: u64,
}

impl Netpoll {
    pub(super) fn new() -> Self {
        Netpoll {
            of_threads: false,
            driver: OnceLock::new(),
            slots: Mutex::default(),
            registered: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            polls: AtomicU32::new(0),
            slept_in: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    /// The one that plain threads wait with. It has a thread of its own, from its first use to the end of the process.
    pub(super) fn of_threads() -> io::Result<Arc<Netpoll>> {
        static OF_THREADS: Mutex<Option<Arc<Netpoll>>> = Mutex::new(None);
        let mut of_threads = OF_THREADS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(netpoll) = &*of_threads {
            return Ok(netpoll.clone());
        }
        let netpoll = Arc::new(Netpoll { of_threads: true, ..Netpoll::new() });
        netpoll.open()?;
        let polled = netpoll.clone();
        let thread = std::thread::Builder::new().name("gmp-netpoll".into());
        thread.spawn(move || {
            let parker = Parker::new();
            loop {
                // SAFETY: `sleep` hands out waiters that nobody else wakes.
                polled.sleep(&parker, NEVER, |waiter| unsafe { waiter.wake(None) });
            }
        })?;
        Ok(of_threads.insert(netpoll).clone())
    }

    pub(super) fn is_of_threads(&self) -> bool {
        self.of_threads
    }

    /// Makes sure that there is a poller; whether there was none before.
    pub(super) fn open(&self) -> io::Result<bool> {
        let _one_at_a_time = self.slots();
        if self.driver.get().is_some() {
            return Ok(false);
        }
        Ok(self.driver.set(Driver::new()?).is_ok())
    }

    /// The calling M becomes the sleeper, if there is a poller and no sleeper. It gives that up when it is awake.
    fn try_sleep_in(&self) -> bool {
        self.driver.get().is_some() && !self.slept_in.swap(true, AcqRel)
    }

    fn stop_sleeping_in(&self) {
        // AcqRel, both here and above: an M that went idle and found us here has published its idle P before, and we are about to ask for one.
        self.slept_in.swap(false, AcqRel);
    }

    /// Whether there are sockets that no M sleeps for.
    pub(super) fn nobody_sleeps(&self) -> bool {
        self.has_sockets() && !self.slept_in.load(Acquire)
    }

    /// Whether there is a socket to poll for.
    #[inline]
    pub(super) fn has_sockets(&self) -> bool {
        self.registered.load(Relaxed) > 0
    }

    /// How many Gs are parked in here: each of them may go on without anybody in the program doing anything.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// A G of the runtime parks here.
    pub(super) fn begin_to_wait(&self) {
        self.waiting.fetch_add(1, Relaxed);
    }

    /// It runs again.
    pub(super) fn stop_waiting(&self) {
        self.waiting.fetch_sub(1, Relaxed);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Acquire)
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().expect("no code panics while it holds the table of sockets")
    }

    /// Registers a socket with the opened poller. `None`: the runtime has ended.
    pub(super) fn register(&self, fd: RawFd, descriptor: &Arc<Descriptor>) -> io::Result<Option<Token>> {
        let mut slots = self.slots();
        let (false, Some(driver)) = (self.has_ended(), self.driver.get()) else { return Ok(None) };
        let token = slots.insert(descriptor.clone());
        // Both sides once and for all; an error or a hang-up is told anyway.
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = driver.registry.register(&mut SourceFd(&fd), token, interest) {
            slots.remove(token);
            return Err(error);
        }
        self.registered.fetch_add(1, Relaxed);
        Ok(Some(token))
    }

    /// Forgets a socket. `open_fd`: it stays open, so the kernel must be told; a closed one it forgets by itself.
    pub(super) fn deregister(&self, token: Token, open_fd: Option<RawFd>) {
        let removed = self.slots().remove(token);
        self.registered.fetch_sub(1, Relaxed);
        if let (Some(fd), Some(driver)) = (open_fd, self.driver.get()) {
            // It was registered, so there is nothing that could fail but memory; and then it tells us of edges that nobody waits for.
            let _ = driver.registry.deregister(&mut SourceFd(&fd));
        }
        drop(removed);
    }

    /// Hands all those to `wake` who may go on now. Does nothing while another thread polls or sleeps here.
    pub(super) fn poll(&self, wake: impl FnMut(Waiter)) {
        let Some(driver) = self.driver.get() else { return };
        let Ok(mut poller) = driver.poller.try_lock() else { return };
        poller.fetch(Some(Duration::ZERO));
        self.hand_out(&poller.events, wake);
    }

    /// Blocks until a socket is ready, `until` has come, or `parker`, whose owner calls, is unparked and [`interrupt`](Netpoll::interrupt) called;
    /// takes the parker's flag. Hands all those to `wake` who may go on.
    pub(super) fn sleep(&self, parker: &Parker, until: u64, wake: impl FnMut(Waiter)) {
        let Some(driver) = self.driver.get() else { return };
        // Others hold it for the length of a poll: at most one thread sleeps here.
        let mut poller = driver.poller.lock().expect("no code panics while it polls");
        poller.arm(until);
        if until != NEVER && until <= now_ns() || !parker.leave() {
            return;
        }
        poller.fetch(None);
        parker.come_back();
        self.hand_out(&poller.events, wake);
    }

    /// Ends the sleep of whoever sleeps here, or the next one.
    pub(super) fn interrupt(&self) {
        if let Some(driver) = self.driver.get()
            && let Err(error) = driver.interrupt.wake()
        {
            fatal(&format!("a thread cannot be woken from polling the network: {error}"));
        }
    }

    fn hand_out(&self, events: &Events, mut wake: impl FnMut(Waiter)) {
        self.polls.store(self.polls.load(Relaxed).wrapping_add(1), Relaxed); // Under the poller's lock.
        if events.is_empty() {
            return;
        }
        let slots = self.slots();
        for event in events {
            if let Some(descriptor) = slots.get(event.token()) {
                let readable = event.is_readable() || event.is_read_closed() || event.is_error();
                let writable = event.is_writable() || event.is_write_closed() || event.is_error();
                descriptor.ready(readable, writable, &mut wake);
            }
        }
    }

    /// The runtime has ended: those who wait here and are not its own Gs look for another poller.
    pub(super) fn end(&self) {
        let mut slots = self.slots();
        self.ended.store(true, Release);
        let left = slots.all();
        drop(slots);
        left.iter().for_each(|descriptor| descriptor.look_again());
    }
}

impl Driver {
    fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let interrupt = Waker::new(&registry, INTERRUPT)?;
        let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
        // SAFETY: plain numbers.
        let timer = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
        if timer < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor, and nobody else's.
        let timer = unsafe { OwnedFd::from_raw_fd(timer) };
        registry.register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        let poller = Poller { poll, events: Events::with_capacity(EVENTS), timer, armed_ns: NEVER };
        Ok(Driver { registry, interrupt, poller: Mutex::new(poller) })
    }
}

impl Poller {
    fn fetch(&mut self, timeout: Option<Duration>) {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                fatal(&format!("polling the network: {error}"));
            }
            _ => {} // After an error there are no events.
        }
    }

    /// Sets the timer. It is never read: each expiry is an edge.
    fn arm(&mut self, until: u64) {
        if until == self.armed_ns {
            return;
        }
        self.armed_ns = until;
        let at = if until == NEVER { 0 } else { until.max(1) }; // 0 disarms.
        let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let value = libc::timespec { tv_sec: (at / 1_000_000_000) as _, tv_nsec: (at % 1_000_000_000) as _ };
        let setting = libc::itimerspec { it_interval: zero, it_value: value };
        // SAFETY: our own descriptor; the setting lives across the call.
        let done = unsafe {
            libc::timerfd_settime(self.timer.as_raw_fd(), libc::TFD_TIMER_ABSTIME, &setting, std::ptr::null_mut())
        };
        assert_eq!(done, 0, "a moment on the monotonic clock can be waited for");
    }
}

/// The sockets' places.
#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

#[derive(Default)]
struct Slot {
    /// How often the place has been given up.
    generation: usize,
    descriptor: Option<Arc<Descriptor>>,
}

/// Bits of a token that are the place; the others are the generation's lowest.
const PLACE_BITS: u32 = if usize::BITS == 64 { 32 } else { 24 };
const PLACE: usize = (1 << PLACE_BITS) - 1;

impl Slots {
    fn insert(&mut self, descriptor: Arc<Descriptor>) -> Token {
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        assert!(place < PLACE - 1, "more sockets than a process can have descriptors");
        self.slots[place].descriptor = Some(descriptor);
        self.token(place)
    }

    fn token(&self, place: usize) -> Token {
        Token(self.slots[place].generation << PLACE_BITS | place)
    }

    fn get(&self, token: Token) -> Option<&Arc<Descriptor>> {
        let place = token.0 & PLACE;
        self.slots.get(place).filter(|_| self.token(place) == token)?.descriptor.as_ref()
    }

    fn remove(&mut self, token: Token) -> Option<Arc<Descriptor>> {
        let slot = &mut self.slots[token.0 & PLACE];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(token.0 & PLACE);
        slot.descriptor.take()
    }

    fn all(&mut self) -> Vec<Arc<Descriptor>> {
        self.slots.iter().filter_map(|slot| slot.descriptor.clone()).collect()
    }
}

impl Sched {
    /// Owner of `p`: those who may go on join its queue, with one wake-up for all of them. Whether there was one.
    #[inline]
    pub(super) fn poll_network(&self, p: &P) -> bool {
        if !self.netpoll.has_sockets() {
            return false;
        }
        let mut found = 0;
        self.netpoll.poll(|waiter| {
            if let Some(g) = self.rouse(waiter) {
                self.push_local(p, g);
                found += 1;
            }
        });
        if found > 0 && p.lrq.ring_len() > 1 {
            self.wakep();
        }
        found > 0
    }

    /// An idle M sleeps until `until` or an unpark; if it can be the sleeper, until a socket is ready too. The Gs that may go on are the
    /// caller's to queue.
    pub(super) fn sleep(&self, m: &M, until: u64) -> Vec<NonNull<G>> {
        let mut ready = Vec::new();
        if self.idle_ps.load(Acquire) > 0 && self.netpoll.try_sleep_in() {
            self.netpoll.sleep(&m.parker, until, |waiter| ready.extend(self.rouse(waiter)));
            self.netpoll.stop_sleeping_in();
        } else {
            m.parker.park(until);
        }
        ready
    }

    /// Wakes one that the poller hands out, all but those Gs of our own that the caller must make runnable.
    fn rouse(&self, waiter: Waiter) -> Option<NonNull<G>> {
        // SAFETY: nobody else wakes it.
        let g = unsafe { waiter.rouse() }?;
        // SAFETY: it waits until it is made runnable, which is up to us, and so its scheduler is alive.
        let sched = unsafe { &*g.as_ref().sched };
        if std::ptr::eq(sched, self) {
            return Some(g);
        }
        sched.ready_from_outside(g);
        None
    }

    /// Owner of `p`: queues Gs that the sleeper found.
    pub(super) fn ready_all(&self, p: &P, ready: Vec<NonNull<G>>) {
        if !ready.is_empty() {
            ready.into_iter().for_each(|g| self.push_local(p, g));
            self.wakep();
        }
    }

    /// Without a P: queues Gs that the sleeper or sysmon found.
    pub(super) fn ready_all_globally(&self, ready: Vec<NonNull<G>>) {
        if !ready.is_empty() {
            let mut inner = self.lock();
            ready.into_iter().for_each(|g| inner.grq.push(g));
            self.publish(&inner);
            drop(inner);
            self.wakep();
        }
    }

    /// The poller has just been opened: a keeper that sleeps on its futex must go there.
    pub(super) fn netpoll_is_open(&self) {
        fence(SeqCst); // Pairs with the one in `try_keep`.
        self.rouse_keeper();
    }

    /// sysmon: polls if nobody has done so since the last look, whose count is in `polls`.
    pub(super) fn poll_neglected_network(&self, polls: &mut u32) {
        if !self.netpoll.nobody_sleeps() {
            return;
        }
        let now = self.netpoll.polls.load(Relaxed);
        if std::mem::replace(polls, now) != now {
            return;
        }
        let mut ready = Vec::new();
        self.netpoll.poll(|waiter| ready.extend(self.rouse(waiter)));
        *polls = self.netpoll.polls.load(Relaxed);
        self.ready_all_globally(ready);
        let inner = self.lock();
        if let (false, Some(m)) = (inner.idle_ps.is_empty(), inner.idle_ms.first()) {
            // SAFETY: Ms live as long as the scheduler.
            unsafe { m.as_ref() }.unpark();
        }
    }
}
