//! mio, with a timer: what the netpoller asks of the system.
//!
//! **Why a timerfd**: a thread that sleeps here may have to wake for the next timer too. epoll's own timeout is in milliseconds; that of
//! `epoll_pwait2` and `ppoll` is in nanoseconds, but the kernel allows itself 0.1 % of slack whatever the thread's (a second took 1.04 ms
//! too long here, with the timerfd 0.04 ms). It is set only when the moment has changed, and never read: each expiry is an edge.
//!
//! **How many edges at a time** ([`batch`]). The kernel keeps them in the order in which they came, and gives each to whoever asks next: all Ps have one queue
//! there. What a P has taken stands in its own, of which a thief takes half, and serves that half while the P serves the other; so the order is lost within
//! what is taken at once, and sockets that were served in turn are served now early, now late. With 64 connections that echo as fast as
//! they can (128 sockets, two workers), in the same rounds: p99 of the response 690 us with 256 at a time, 671 with 64, 674 with 32, 599 with 16, 577 with 8, and the mean gains 3 %; with
//! 4 and 2 it loses as much again, by the calls. And what is taken beside a queue that is not empty yet, at every 61st dispatch, must be fewer than 61:
//! else the queue never runs empty, spills into the GRQ, and what stands there starves. With a thousand connections the median was 2 ms then and the p99
//! 33; with 48 at a time 4 and 9.
//! Fewer would keep the order better there too, but what is served in turn has left the cache when its turn comes: 8.9 us a request with 48 at a time, 10.9 with 32, 12.6 with 8.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    time::Duration,
};

use mio::{Events, Interest, Poll, Registry, Token, Waker, unix::SourceFd};

use crate::gmp::{
    futex::NEVER,
    lock::{Mutex, MutexGuard},
    sched::fatal,
};

/// Edges taken at a time where `sockets` are registered: a sixteenth of what there may be at most, in steps, so that the buffer stays the same mostly; see the module. Go: 128.
fn batch(sockets: usize) -> usize {
    (sockets / 16).next_power_of_two().clamp(8, 48)
}

/// Not a place in the table: interrupted, and a timer is due.
const INTERRUPT: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);

/// What may be used while another thread sleeps in the poller, and the poller.
pub(super) struct Driver {
    registry: Registry,
    interrupt: Waker,
    poller: Mutex<Poller>,
}

pub(super) struct Poller {
    poll: Poll,
    edges: Events,
    timer: OwnedFd,
    /// What the timer is set to; [`NEVER`] if it is not.
    armed_ns: u64,
}

impl Driver {
    pub(super) fn new() -> io::Result<Self> {
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
        let poller = Poller { poll, edges: Events::with_capacity(batch(0)), timer, armed_ns: NEVER };
        Ok(Driver { registry, interrupt, poller: Mutex::new(poller) })
    }

    /// Both sides once and for all; an error or a hang-up is told anyway.
    pub(super) fn register(&self, fd: RawFd, token: Token) -> io::Result<()> {
        self.registry.register(&mut SourceFd(&fd), token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Of one that was registered.
    pub(super) fn deregister(&self, fd: RawFd) {
        // Should it fail, for want of memory, we are told of edges that belong to nobody.
        let _ = self.registry.deregister(&mut SourceFd(&fd));
    }

    pub(super) fn interrupt(&self) {
        if let Err(error) = self.interrupt.wake() {
            fatal(&format!("a thread cannot be woken from polling the network: {error}"));
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Poller> {
        self.poller.lock().expect("no code panics while it polls")
    }

    /// `None`: another thread polls, or sleeps there.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, Poller>> {
        self.poller.try_lock().ok()
    }
}

impl Poller {
    /// The first of the edges that are there, of so many sockets.
    pub(super) fn take(&mut self, sockets: usize) -> &Events {
        self.fetch(sockets, Some(Duration::ZERO))
    }

    /// Waits for edges, the timer's and the interrupt's among them. May also return for no reason.
    pub(super) fn wait(&mut self, sockets: usize) -> &Events {
        self.fetch(sockets, None)
    }

    fn fetch(&mut self, sockets: usize, timeout: Option<Duration>) -> &Events {
        if self.edges.capacity() != batch(sockets) {
            self.edges = Events::with_capacity(batch(sockets));
        }
        match self.poll.poll(&mut self.edges, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                fatal(&format!("polling the network: {error}"));
            }
            _ => &self.edges, // None after an error.
        }
    }

    /// Sets the timer.
    pub(super) fn arm(&mut self, until: u64) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gmp::park::GLOBAL_TICK;

    #[test]
    fn a_batch_grows_with_the_sockets_and_stays_smaller_than_what_is_dispatched_between_two() {
        assert_eq!([0, 1, 128, 256, 300, 512, 2_000, usize::MAX >> 1].map(batch), [8, 8, 8, 16, 32, 32, 48, 48]);
        assert!(batch(1 << 20) < GLOBAL_TICK as usize);
        // Else it would be made anew at each poll.
        assert!([8, 16, 32, 48].into_iter().all(|size| Events::with_capacity(size).capacity() == size));
    }
}
