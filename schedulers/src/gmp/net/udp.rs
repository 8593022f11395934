//! UDP.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    time::{Duration, Instant},
};

use super::socket::{Socket, first_of};
use crate::gmp::netpoll::Direction;

/// A UDP socket. Closed when it is dropped.
///
/// An empty datagram is one: it can be sent, and receiving it gives 0.
///
/// ```
/// # use schedulers::gmp::{self, Runtime, net::UdpSocket};
/// # use std::{io, time::{Duration, Instant}};
/// # // SAFETY: no thread-locals.
/// # let runtime = unsafe { Runtime::new()? };
/// runtime.run(|| -> io::Result<()> {
///     let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
///     let to = other.local_addr()?;
///     let from = one.local_addr()?;
///     let receives = gmp::spawn(move || {
///         other.set_read_timeout(Some(Duration::from_secs(5)))?; // Datagrams may be lost.
///         let mut buffer = [0; 1500];
///         let (length, sender) = other.recv_from(&mut buffer)?;
///         Ok::<_, io::Error>((buffer[..length].to_vec(), sender))
///     });
///     assert_eq!(one.send_to(b"hello", to)?, 5);
///     assert_eq!(receives.join().unwrap()?, (b"hello".to_vec(), from));
///     Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct UdpSocket(Socket<mio::net::UdpSocket>);

impl UdpSocket {
    /// A socket on the first of the addresses that can be had; port 0 lets the system choose one.
    ///
    /// # Errors
    /// Those of the last address.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<UdpSocket> {
        first_of(address, |address| mio::net::UdpSocket::bind(address).map(|socket| UdpSocket(Socket::new(socket))))
    }

    /// Makes the first of the addresses that can be used the one that [`send`](UdpSocket::send) sends to and [`recv`](UdpSocket::recv) receives
    /// from, which are the only ones then.
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime, net::UdpSocket};
    /// # use std::{io, time::{Duration, Instant}};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// runtime.run(|| -> io::Result<()> {
    ///     let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    ///     one.connect(other.local_addr()?)?;
    ///     other.connect(one.local_addr()?)?;
    ///     one.send(b"?")?;
    ///     # other.set_read_timeout(Some(Duration::from_secs(5)))?;
    ///     let mut buffer = [0; 10];
    ///     assert_eq!(other.recv(&mut buffer)?, 1);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the last address.
    pub fn connect(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        first_of(address, |address| self.0.with(|socket| socket.connect(address)))
    }

    /// Sends one datagram to the first of the addresses; its length.
    ///
    /// A name is looked up on the spot: give a [`SocketAddr`] where that matters.
    ///
    /// # Errors
    /// The system's; `TimedOut`; see [`is_closed`](super::is_closed).
    pub fn send_to(&self, data: &[u8], address: impl ToSocketAddrs) -> io::Result<usize> {
        let Some(address) = address.to_socket_addrs()?.next() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no address to send to"));
        };
        self.0.io(Direction::Write, |socket| socket.send_to(data, address))
    }

    /// Receives one datagram: its length, and who sent it. What does not fit is lost.
    ///
    /// # Errors
    /// As [`send_to`](UdpSocket::send_to).
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.io(Direction::Read, |socket| socket.recv_from(buffer))
    }

    /// Sends one datagram to the address that it is connected to; its length.
    ///
    /// # Errors
    /// As [`send_to`](UdpSocket::send_to); when it is not connected.
    pub fn send(&self, data: &[u8]) -> io::Result<usize> {
        self.0.io(Direction::Write, |socket| socket.send(data))
    }

    /// Receives one datagram from the address that it is connected to; its length. What does not fit is lost.
    ///
    /// # Errors
    /// As [`send`](UdpSocket::send).
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.io(Direction::Read, |socket| socket.recv(buffer))
    }

    /// Its own address.
    ///
    /// # Errors
    /// When it is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.with(mio::net::UdpSocket::local_addr)
    }

    /// The address that it is connected to.
    ///
    /// # Errors
    /// When it is not connected, or closed.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.with(mio::net::UdpSocket::peer_addr)
    }

    /// How long a receive that begins from now on may wait; `None`: for ever.
    ///
    /// # Errors
    /// `InvalidInput` for 0.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_timeout(Direction::Read, timeout)
    }

    /// How long a send that begins from now on may wait; `None`: for ever.
    ///
    /// # Errors
    /// `InvalidInput` for 0.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_timeout(Direction::Write, timeout)
    }

    /// See [`set_read_timeout`](UdpSocket::set_read_timeout).
    ///
    /// # Errors
    /// None; as std's.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.0.timeout(Direction::Read))
    }

    /// See [`set_write_timeout`](UdpSocket::set_write_timeout).
    ///
    /// # Errors
    /// None; as std's.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.0.timeout(Direction::Write))
    }

    /// From `deadline` on, sending and receiving fail with `TimedOut`, for those who wait already too, and even if there is a datagram.
    /// `None`: no deadline.
    ///
    /// ```
    /// # use schedulers::gmp::{self, Runtime, net::UdpSocket};
    /// # use std::{io, time::{Duration, Instant}};
    /// # // SAFETY: no thread-locals.
    /// # let runtime = unsafe { Runtime::new()? };
    /// runtime.run(|| -> io::Result<()> {
    ///     let socket = UdpSocket::bind("127.0.0.1:0")?;
    ///     socket.set_deadline(Some(Instant::now() + Duration::from_millis(1)))?;
    ///     let error = socket.recv_from(&mut [0; 10]).unwrap_err();
    ///     assert_eq!(error.kind(), io::ErrorKind::TimedOut);
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

    /// Closes it at once, though others hold it. Those who wait fail; see [`is_closed`](super::is_closed).
    ///
    /// # Errors
    /// When it was closed before.
    pub fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}
