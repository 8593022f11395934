//! TCP and UDP in `std::net`'s shapes. A goroutine that waits for the network is parked and costs neither a thread nor a P; a plain thread is
//! blocked. Sockets are used through shared references, by any number of goroutines at once: put one into an [`Arc`](std::sync::Arc) to share it.
//!
//! What is not as in std:
//! - An operation that takes longer than its timeout fails with [`TimedOut`](std::io::ErrorKind::TimedOut) on every system.
//! - `set_deadline` gives a moment, as in Go: operations that wait then, and all that begin later, fail with `TimedOut` too, even if there
//!   is data, until another deadline is set.
//! - `close` ends a socket that others still hold: those who wait on it, and all operations from then on, fail with
//!   [`NotConnected`](std::io::ErrorKind::NotConnected), which [`is_closed`] tells from a connection that never was.
//!
//! Names are looked up by the system's resolver, which blocks the thread; the P is given away meanwhile (but for `UdpSocket::send_to`).
//!
//! ```
//! use std::io::{Read, Write};
//! use schedulers::gmp::{self, Runtime, net::{TcpListener, TcpStream}};
//!
//! # // SAFETY: no thread-locals.
//! # let runtime = unsafe { Runtime::new()? };
//! runtime.run(|| {
//!     let listener = TcpListener::bind("127.0.0.1:0")?;
//!     let address = listener.local_addr()?;
//!     let echo = gmp::spawn(move || {
//!         let (mut stream, _) = listener.accept()?;
//!         let mut word = [0; 5];
//!         stream.read_exact(&mut word)?;
//!         stream.write_all(&word)
//!     });
//!     let mut stream = TcpStream::connect(address)?;
//!     stream.write_all(b"hello")?;
//!     let mut answer = String::new();
//!     stream.read_to_string(&mut answer)?;
//!     assert_eq!(answer, "hello");
//!     echo.join().unwrap()
//! })?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod socket;
mod tcp;
mod udp;

pub use socket::is_closed;
pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;
