//! What all kinds of sockets have in common: an operation that waits, deadlines, and closing.
//!
//! The socket itself is behind a lock that an operation holds shared during its (non-blocking) system call, never while it waits. So
//! `close` can take it out, and close it in the kernel, as soon as the calls that are under way are over, without a call ever being made on
//! a descriptor that is somebody else's by then.

use std::{
    fmt, io,
    net::{SocketAddr, ToSocketAddrs},
    os::fd::AsRawFd,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::gmp::{
    futex::{NEVER, deadline_ns, has_come, now_ns},
    lock::RwLock,
    netpoll::{Descriptor, Direction, Verdict},
    park::checkpoint,
    syscall::block_in_place,
};

/// A socket of mio's, and what the netpoller knows of it.
pub(super) struct Socket<S> {
    source: RwLock<Option<S>>,
    descriptor: Arc<Descriptor>,
}

/// What operations on a closed socket fail with.
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the socket was closed")
    }
}

impl std::error::Error for Closed {}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, Closed)
}

/// Whether an operation failed because somebody called `close` on its socket.
///
/// ```
/// # use schedulers::gmp::{self, Runtime, net::{self, TcpListener}};
/// # use std::{io, sync::Arc};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| -> io::Result<()> {
///     let listener = Arc::new(TcpListener::bind("127.0.0.1:0")?);
///     let serves = listener.clone();
///     let server = gmp::spawn(move || {
///         loop {
///             match serves.accept() {
///                 Ok((stream, _)) => drop(stream),
///                 Err(error) if net::is_closed(&error) => return "closed",
///                 Err(error) => panic!("{error}"),
///             }
///         }
///     });
///     listener.close()?;
///     assert_eq!(server.join().unwrap(), "closed");
///     Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn is_closed(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Closed>())
}

impl<S: AsRawFd> Socket<S> {
    /// `source` does not block.
    pub(super) fn new(source: S) -> Self {
        Socket { source: RwLock::new(Some(source)), descriptor: Descriptor::new() }
    }

    /// Does what waits for nothing.
    pub(super) fn with<T>(&self, call: impl FnOnce(&S) -> io::Result<T>) -> io::Result<T> {
        let source = self.source.read().expect("no code panics while it makes a system call");
        source.as_ref().map_or_else(|| Err(closed()), call)
    }

    /// Does `call`, again and again while it would block, waiting for `direction` in between.
    pub(super) fn io<T>(&self, direction: Direction, call: impl FnMut(&S) -> io::Result<T>) -> io::Result<T> {
        self.io_until(direction, NEVER, call)
    }

    /// As [`io`](Socket::io), but no longer than `limit_ns`.
    pub(super) fn io_until<T>(
        &self,
        direction: Direction,
        limit_ns: u64,
        call: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        checkpoint(); // Who reads or writes without ever having to wait still lets others run.
        let mut has_baton = false;
        let result = self.try_until_done(direction, limit_ns, &mut has_baton, call);
        if has_baton {
            self.descriptor.pass_on(direction);
        }
        result
    }

    fn try_until_done<T>(
        &self,
        direction: Direction,
        limit_ns: u64,
        has_baton: &mut bool,
        mut call: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut timeout = None;
        loop {
            let seen = self.descriptor.epoch(direction);
            let deadline = self.descriptor.deadline_ns(direction);
            if has_come(deadline) {
                return self.with(|_| Err(io::ErrorKind::TimedOut.into())); // That it is closed comes first, as in Go.
            }
            let done = self.with(|source| match call(source) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.descriptor.settle(source.as_raw_fd()).map(|()| None)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Some(None)),
                result => result.map(Some).map(Some),
            });
            match done? {
                Some(Some(value)) => return Ok(value),
                Some(None) => continue,
                None => {}
            }
            let timeout = *timeout.get_or_insert_with(|| self.timeout_from_now(direction).min(limit_ns));
            let insists = std::mem::take(has_baton); // It was good for nothing.
            match self.descriptor.wait(direction, seen, deadline.min(timeout), insists) {
                Verdict::Ready => *has_baton = true,
                Verdict::Look => {}
                Verdict::TimedOut => return Err(io::ErrorKind::TimedOut.into()),
                Verdict::Closed => return Err(closed()),
            }
        }
    }

    fn timeout_from_now(&self, direction: Direction) -> u64 {
        match self.descriptor.timeout_ns(direction) {
            NEVER => NEVER,
            timeout => now_ns().saturating_add(timeout),
        }
    }

    pub(super) fn set_deadline(&self, deadline: Option<Instant>) {
        self.descriptor.set_deadline_ns(deadline.map_or(NEVER, deadline_ns));
    }

    /// As std: no timeout of 0.
    pub(super) fn set_timeout(&self, direction: Direction, timeout: Option<Duration>) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a timeout of 0: expected more, or none"));
        }
        self.descriptor.set_timeout_ns(direction, timeout.map_or(NEVER, nanoseconds));
        Ok(())
    }

    pub(super) fn timeout(&self, direction: Direction) -> Option<Duration> {
        match self.descriptor.timeout_ns(direction) {
            NEVER => None,
            timeout => Some(Duration::from_nanos(timeout)),
        }
    }

    pub(super) fn close(&self) -> io::Result<()> {
        if !self.descriptor.close() {
            return Err(closed());
        }
        // No call is under way from here on, and none begins.
        let source = self.source.write().expect("no code panics while it makes a system call").take();
        self.descriptor.leave_home();
        drop(source);
        Ok(())
    }
}

impl<S> Drop for Socket<S> {
    fn drop(&mut self) {
        self.descriptor.leave_home(); // Nobody waits: that would take a reference.
    }
}

impl<S: fmt::Debug> fmt::Debug for Socket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source.read().ok().as_deref() {
            Some(Some(source)) => source.fmt(f),
            _ => f.write_str("(closed)"),
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}

/// The first of the addresses for which `attempt` succeeds. Looking a name up may block the thread, so the P is given away meanwhile.
pub(super) fn first_of<T>(
    addresses: impl ToSocketAddrs,
    mut attempt: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut result = Err(io::Error::new(io::ErrorKind::InvalidInput, "no address to use"));
    for address in block_in_place(|| addresses.to_socket_addrs())? {
        result = attempt(address);
        if result.is_ok() {
            break;
        }
    }
    result
}
