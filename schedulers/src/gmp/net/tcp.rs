//! TCP.

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    net::{Shutdown, SocketAddr, ToSocketAddrs},
    time::{Duration, Instant},
};

use super::socket::{Socket, first_of};
use crate::gmp::{
    futex::{NEVER, ns_after},
    netpoll::Direction,
};

/// A TCP connection. Closed when it is dropped.
///
/// Reads and writes take a shared reference, so that one goroutine can read while another writes. A goroutine that waits is parked; any other thread is
/// blocked.
///
/// ```
/// # use schedulers::gmp::{self, Runtime, net::{TcpListener, TcpStream}};
/// # use std::{io::{self, Read, Write}, time::{Duration, Instant}};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| -> io::Result<()> {
///     # let listener = TcpListener::bind("127.0.0.1:0")?;
///     # let address = listener.local_addr()?;
///     # let echo = gmp::spawn(move || io::copy(&mut &listener.accept()?.0, &mut io::sink()));
///     let stream = TcpStream::connect(address)?;
///     stream.set_nodelay(true)?;
///     stream.set_read_timeout(Some(Duration::from_millis(1)))?;
///     gmp::scope(|scope| {
///         let writes = scope.spawn(|| (&stream).write_all(b"ping"));
///         let error = (&stream).read(&mut [0; 4]).unwrap_err();
///         assert_eq!(error.kind(), io::ErrorKind::TimedOut, "nobody answers");
///         writes.join().unwrap()
///     })?;
///     # drop(stream);
///     # assert_eq!(echo.join().unwrap()?, 4);
///     Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct TcpStream(Socket<mio::net::TcpStream>);

/// Accepts TCP connections. Closed when it is dropped.
///
/// A goroutine for each connection is how it is meant:
///
/// ```
/// # use schedulers::gmp::{self, Runtime, net::{TcpListener, TcpStream}};
/// # use std::{io::{self, Read, Write}, time::{Duration, Instant}};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| -> io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let address = listener.local_addr()?;
///     drop(gmp::spawn(move || {
///         while let Ok((mut stream, peer)) = listener.accept() {
///             drop(gmp::spawn(move || stream.write_all(peer.to_string().as_bytes())));
///         }
///     }));
///     for _ in 0..3 {
///         let mut stream = TcpStream::connect(address)?;
///         let mut told = String::new();
///         stream.read_to_string(&mut told)?;
///         assert_eq!(told, stream.local_addr()?.to_string());
///     }
///     Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct TcpListener(Socket<mio::net::TcpListener>);

impl TcpListener {
    /// Listens on the first of the addresses that can be had; port 0 lets the system choose one. As in std, the address may be
    /// used again at once when the listener is gone.
    ///
    /// # Errors
    /// Those of the last address.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
        first_of(address, |address| {
            mio::net::TcpListener::bind(address).map(|listener| TcpListener(Socket::new(listener)))
        })
    }

    /// Waits for a connection, and gives it with its peer's address. Any number of goroutines may wait. A plain thread is blocked.
    ///
    /// # Errors
    /// The system's; `TimedOut` at the deadline; see [`is_closed`](super::is_closed). A connection that its peer gave up before it was
    /// accepted is no error.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.0.io(Direction::Read, |listener| {
            loop {
                match listener.accept() {
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    result => return result,
                }
            }
        })?;
        Ok((TcpStream(Socket::new(stream)), peer))
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// When it is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.with(mio::net::TcpListener::local_addr)
    }

    /// From `deadline` on, accepting fails with `TimedOut`, for those who wait already too. `None`: no deadline.
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime, net::{TcpListener, TcpStream}};
    /// # use std::{io::{self, Read, Write}, time::{Duration, Instant}};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// runtime.run(|| -> io::Result<()> {
    ///     let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     listener.set_deadline(Some(Instant::now() + Duration::from_millis(1)))?;
    ///     assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::TimedOut);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// None now; a `Result` as std's timeouts have.
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.set_deadline(deadline);
        Ok(())
    }

    /// Stops listening at once, though others hold it. Those who wait in [`accept`](TcpListener::accept) fail; [`is_closed`](super::is_closed) has an example.
    ///
    /// # Errors
    /// When it was closed before.
    pub fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}

impl TcpStream {
    /// Connects to the first of the addresses that answers. The goroutine is parked meanwhile; how long, the system decides.
    ///
    /// # Errors
    /// Those of the last address; `InvalidInput` if there is none.
    pub fn connect(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
        first_of(address, |address| Self::connect_until(address, NEVER))
    }

    /// Connects within `timeout`.
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime, net::{TcpListener, TcpStream}};
    /// # use std::{io::{self, Read, Write}, time::{Duration, Instant}};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// runtime.run(|| -> io::Result<()> {
    ///     let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     let stream = TcpStream::connect_timeout(&listener.local_addr()?, Duration::from_secs(5))?;
    ///     assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// `TimedOut` when it takes longer; `InvalidInput` for a timeout of 0; the system's.
    pub fn connect_timeout(address: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        if timeout.is_zero() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a timeout of 0: expected more"));
        }
        Self::connect_until(*address, ns_after(timeout))
    }

    fn connect_until(address: SocketAddr, limit_ns: u64) -> io::Result<TcpStream> {
        let socket = Socket::new(mio::net::TcpStream::connect(address)?);
        socket.io_until(Direction::Write, limit_ns, |stream| match stream.take_error()? {
            Some(error) => Err(error),
            None => match stream.peer_addr() {
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
                result => result.map(drop),
            },
        })?;
        Ok(TcpStream(socket))
    }

    /// The other end's address.
    ///
    /// # Errors
    /// When it is closed, or the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.with(mio::net::TcpStream::peer_addr)
    }

    /// This end's address.
    ///
    /// # Errors
    /// When it is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.with(mio::net::TcpStream::local_addr)
    }

    /// Ends reading, writing or both, for all who hold it. The other side reads what was written, and then the end.
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime, net::{TcpListener, TcpStream}};
    /// # use std::{io::{self, Read, Write}, time::{Duration, Instant}};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// runtime.run(|| -> io::Result<()> {
    ///     # let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     # let address = listener.local_addr()?;
    ///     # let upper = gmp::spawn(move || {
    ///     #     let mut stream = listener.accept()?.0;
    ///     #     let mut text = String::new();
    ///     #     stream.read_to_string(&mut text)?;
    ///     #     stream.write_all(text.to_uppercase().as_bytes())
    ///     # });
    ///     let mut stream = TcpStream::connect(address)?;
    ///     stream.write_all(b"all of it")?;
    ///     stream.shutdown(std::net::Shutdown::Write)?;
    ///     let mut answer = String::new();
    ///     stream.read_to_string(&mut answer)?;
    ///     assert_eq!(answer, "ALL OF IT");
    ///     # upper.join().unwrap()?;
    ///     Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// When it is closed, or the connection is gone.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.with(|stream| stream.shutdown(how))
    }

    /// Whether small writes are sent at once (Nagle's algorithm is off); they are collected by default, as in std.
    ///
    /// # Errors
    /// When it is closed.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.with(|stream| stream.set_nodelay(nodelay))
    }

    /// See [`set_nodelay`](TcpStream::set_nodelay).
    ///
    /// # Errors
    /// When it is closed.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.0.with(mio::net::TcpStream::nodelay)
    }

    /// How long a read that begins from now on may wait; `None`: for ever.
    ///
    /// # Errors
    /// `InvalidInput` for 0.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_timeout(Direction::Read, timeout)
    }

    /// How long a write that begins from now on may wait; `None`: for ever.
    ///
    /// # Errors
    /// `InvalidInput` for 0.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_timeout(Direction::Write, timeout)
    }

    /// See [`set_read_timeout`](TcpStream::set_read_timeout).
    ///
    /// # Errors
    /// None; as std's.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.0.timeout(Direction::Read))
    }

    /// See [`set_write_timeout`](TcpStream::set_write_timeout).
    ///
    /// # Errors
    /// None; as std's.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.0.timeout(Direction::Write))
    }

    /// From `deadline` on, reads and writes fail with `TimedOut`, those that wait already too, and even if there is data. `None`: no deadline.
    ///
    /// Unlike a timeout, it limits all operations together:
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime, net::{TcpListener, TcpStream}};
    /// # use std::{io::{self, Read, Write}, time::{Duration, Instant}};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// runtime.run(|| -> io::Result<()> {
    ///     # let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     # let address = listener.local_addr()?;
    ///     # let client = TcpStream::connect(address)?;
    ///     let (mut stream, _) = listener.accept()?;
    ///     stream.set_deadline(Some(Instant::now() + Duration::from_millis(2)))?;
    ///     let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
    ///     assert_eq!(error.kind(), io::ErrorKind::TimedOut, "the request was not complete in time");
    ///     # drop(client);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// None now; a `Result` as the timeouts have.
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.set_deadline(deadline);
        Ok(())
    }

    /// Closes the connection at once, though others hold it. Those who wait in a read or write fail; see [`is_closed`](super::is_closed).
    ///
    /// # Errors
    /// When it was closed before.
    pub fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}

impl Read for &TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return self.0.with(|_| Ok(0)); // The system would wait until there is something to read none of.
        }
        self.0.io(Direction::Read, |mut stream| stream.read(buffer))
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return self.0.with(|_| Ok(0));
        }
        self.0.io(Direction::Read, |mut stream| stream.read_vectored(buffers))
    }
}

impl Write for &TcpStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.io(Direction::Write, |mut stream| stream.write(data))
    }

    fn write_vectored(&mut self, data: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.io(Direction::Write, |mut stream| stream.write_vectored(data))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(buffers)
    }
}

impl Write for TcpStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    fn write_vectored(&mut self, data: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use crate::gmp::{self, Runtime};

    /// Go's TestEndlessWrite: the peer ends its side, and reads nothing. That is an edge, and another for each that follows, but
    /// the writer, once it has filled the buffers, must not be woken again and again.
    #[test]
    fn a_writer_that_nobody_reads_does_not_spin() {
        for procs in [1, 2] {
            // SAFETY: nothing that belongs to a thread is kept across a call to gmp.
            let runtime = unsafe { Runtime::builder().procs(procs).build() }.unwrap();
            let waits = runtime.run(|| {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                let (stream, _) = listener.accept().unwrap();
                let writes = gmp::spawn(move || {
                    let mut waits = 0;
                    let mut write = |mut socket: &mio::net::TcpStream| {
                        socket
                            .write(&[0; 4096])
                            .inspect_err(|e| waits += u32::from(e.kind() == io::ErrorKind::WouldBlock))
                    };
                    while stream.0.io(Direction::Write, &mut write).is_ok() {}
                    waits
                });
                peer.shutdown(Shutdown::Write).unwrap();
                gmp::time::sleep(Duration::from_millis(100));
                drop(peer);
                writes.join().unwrap()
            });
            assert!((1..=20).contains(&waits), "{waits} calls that would have blocked");
        }
    }
}
