//! Why an operation on a channel did not succeed; crossbeam-channel's types and texts in spirit. Those of a send give the value back.

use std::{error::Error, fmt};

/// Nobody will receive: the channel is closed, or all receivers are gone. Holds the value.
///
/// ```
/// # use schedulers::gmp;
/// let (sender, receiver) = gmp::channel(1);
/// drop(receiver);
/// assert_eq!(sender.send("letter").unwrap_err().into_inner(), "letter");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Why nothing was sent without waiting. Holds the value.
///
/// ```
/// # use schedulers::gmp::{self, TrySendError};
/// let (sender, receiver) = gmp::channel(1);
/// assert_eq!(sender.try_send(1), Ok(()));
/// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
/// drop(receiver);
/// assert_eq!(sender.try_send(3), Err(TrySendError::Disconnected(3)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The buffer is full, or, for a rendezvous, no receiver waits.
    Full(T),
    /// Nobody will receive.
    Disconnected(T),
}

/// Why nothing was sent in time. Holds the value; see [`Sender::send_timeout`](super::Sender::send_timeout).
///
/// ```
/// # use schedulers::gmp::{self, SendTimeoutError};
/// # use std::time::Duration;
/// let (sender, receiver) = gmp::channel(0);
/// let late = sender.send_timeout(1, Duration::from_millis(1)).unwrap_err();
/// assert_eq!(late.to_string(), "timed out sending on a full channel");
/// assert_eq!(late.into_inner(), 1);
/// drop(receiver);
/// assert_eq!(sender.send_timeout(2, Duration::MAX), Err(SendTimeoutError::Disconnected(2)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// There was no room, or no receiver, until the time was over.
    Timeout(T),
    /// Nobody will receive.
    Disconnected(T),
}

/// Nothing is buffered, and nobody will send: the channel is closed, or all senders are gone.
///
/// ```
/// # use schedulers::gmp;
/// let (sender, receiver) = gmp::channel::<u32>(1);
/// drop(sender);
/// assert_eq!(receiver.recv(), Err(gmp::RecvError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

/// Why nothing was received without waiting.
///
/// ```
/// # use schedulers::gmp::{self, TryRecvError};
/// let (sender, receiver) = gmp::channel::<u32>(1);
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
/// drop(sender);
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Nothing is there yet.
    Empty,
    /// Nothing is there, and nobody will send.
    Disconnected,
}

/// Why nothing was received in time; see [`Receiver::recv_timeout`](super::Receiver::recv_timeout).
///
/// ```
/// # use schedulers::gmp::{self, RecvTimeoutError};
/// # use std::time::Duration;
/// let (_sender, receiver) = gmp::channel::<u32>(1);
/// match receiver.recv_timeout(Duration::from_millis(1)) {
///     Ok(value) => println!("{value}"),
///     Err(RecvTimeoutError::Timeout) => println!("not yet"),
///     Err(RecvTimeoutError::Disconnected) => println!("never"),
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// Nothing came until the time was over.
    Timeout,
    /// Nothing is there, and nobody will send.
    Disconnected,
}

const NO_RECEIVER: &str = "sending on a channel that nobody receives from";
const NO_SENDER: &str = "receiving on an empty channel that nobody sends to";

impl<T> SendError<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> TrySendError<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(value) | TrySendError::Disconnected(value) => value,
        }
    }
}

impl<T> SendTimeoutError<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        match self {
            SendTimeoutError::Timeout(value) | SendTimeoutError::Disconnected(value) => value,
        }
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "Full(..)",
            TrySendError::Disconnected(_) => "Disconnected(..)",
        })
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendTimeoutError::Timeout(_) => "Timeout(..)",
            SendTimeoutError::Disconnected(_) => "Disconnected(..)",
        })
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NO_RECEIVER)
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "sending on a full channel",
            TrySendError::Disconnected(_) => NO_RECEIVER,
        })
    }
}

impl<T> fmt::Display for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendTimeoutError::Timeout(_) => "timed out sending on a full channel",
            SendTimeoutError::Disconnected(_) => NO_RECEIVER,
        })
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NO_SENDER)
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "receiving on an empty channel",
            TryRecvError::Disconnected => NO_SENDER,
        })
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RecvTimeoutError::Timeout => "timed out receiving on an empty channel",
            RecvTimeoutError::Disconnected => NO_SENDER,
        })
    }
}

impl<T> Error for SendError<T> {}
impl<T> Error for TrySendError<T> {}
impl<T> Error for SendTimeoutError<T> {}
impl Error for RecvError {}
impl Error for TryRecvError {}
impl Error for RecvTimeoutError {}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(SendError(value): SendError<T>) -> Self {
        TrySendError::Disconnected(value)
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(SendError(value): SendError<T>) -> Self {
        SendTimeoutError::Disconnected(value)
    }
}

impl From<RecvError> for TryRecvError {
    fn from(_: RecvError) -> Self {
        TryRecvError::Disconnected
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(_: RecvError) -> Self {
        RecvTimeoutError::Disconnected
    }
}
