//! The netpoller: tells which sockets have become ready, so that a G that waits for the network keeps neither a P nor an M.
//!
//! **The contract**, whatever is underneath (mio, which is epoll here):
//! - A socket is registered once, for reading and writing, edge-triggered: the kernel tells of each *change* to ready, once. It is
//!   registered when somebody first has to wait on it, with the poller of that one's runtime; if it was ready by then, the kernel says so at once.
//! - [`Netpoll::poll`] takes what has become ready since the last time, by anyone, or the first of it, and hands out those who may go on. What a socket
//!   does with an edge is its [`Descriptor`]'s business.
//! - Nobody gets an edge that was meant for another: a token is a place in a table and how often that place has been used. An event
//!   of a socket that was closed meanwhile finds the place empty or used once more, and is dropped.
//! - [`Netpoll::sleep`] blocks until there are edges, a moment comes, or [`Netpoll::interrupt`]. One thread at a time may be in `poll` or
//!   `sleep`; a `poll` meanwhile returns at once, since a sleeper wakes by itself.
//!
//! Who calls all this, and when, is in [`polling`]; what a socket does with an edge in [`descriptor`]; mio in [`driver`].

mod descriptor;
mod driver;
mod polling;
mod slots;

use std::{
    io,
    os::fd::RawFd,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*},
    },
};

use mio::{Events, Token};

pub(super) use descriptor::{Descriptor, Direction, Verdict};

use super::{
    futex::{NEVER, Parker, has_come},
    lock::{Mutex, MutexGuard, OnceLock},
    waiter::Waiter,
};
use driver::Driver;
use slots::Slots;

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
    polls: AtomicU64,
    /// An M is the sleeper.
    slept_in: AtomicBool,
    /// Plain threads', not a runtime's.
    of_threads: bool,
    /// The runtime has ended: nobody polls any more.
    ended: AtomicBool,
}

impl Netpoll {
    pub(super) fn new() -> Self {
        Netpoll {
            driver: OnceLock::new(),
            slots: Mutex::default(),
            registered: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            polls: AtomicU64::new(0),
            slept_in: AtomicBool::new(false),
            of_threads: false,
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

    /// How often somebody has polled so far, or slept here.
    pub(super) fn polls(&self) -> u64 {
        self.polls.load(Relaxed)
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
        if let Err(error) = driver.register(fd, token) {
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
            driver.deregister(fd);
        }
        drop(removed);
    }

    /// Hands all those to `wake` who may go on now. Does nothing while another thread polls or sleeps here.
    pub(super) fn poll(&self, wake: impl FnMut(Waiter)) {
        let Some(driver) = self.driver.get() else { return };
        if let Some(mut poller) = driver.try_lock() {
            self.hand_out(poller.take(self.registered.load(Relaxed)), wake);
        }
    }

    /// Blocks until a socket is ready, `until` has come, or `parker`, whose owner calls, is unparked and [`interrupt`](Netpoll::interrupt) called;
    /// takes the parker's flag. Hands all those to `wake` who may go on.
    pub(super) fn sleep(&self, parker: &Parker, until: u64, wake: impl FnMut(Waiter)) {
        let Some(driver) = self.driver.get() else { return };
        // Others hold it for the length of a poll: at most one thread sleeps here.
        let mut poller = driver.lock();
        if has_come(until) {
            return;
        }
        poller.arm(until);
        if parker.leave() {
            let edges = poller.wait(self.registered.load(Relaxed));
            parker.come_back();
            self.hand_out(edges, wake);
        }
    }

    /// Ends the sleep of whoever sleeps here, or the next one.
    pub(super) fn interrupt(&self) {
        if let Some(driver) = self.driver.get() {
            driver.interrupt();
        }
    }

    fn hand_out(&self, edges: &Events, mut wake: impl FnMut(Waiter)) {
        self.polls.store(self.polls.load(Relaxed) + 1, Relaxed); // Under the poller's lock.
        if edges.is_empty() {
            return;
        }
        let slots = self.slots();
        for edge in edges {
            if let Some(descriptor) = slots.get(edge.token()) {
                let readable = edge.is_readable() || edge.is_read_closed() || edge.is_error();
                let writable = edge.is_writable() || edge.is_write_closed() || edge.is_error();
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
