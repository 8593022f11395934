//! What two tasks hand each other numbers over, in one direction: the scheduler's own channel, or a pipe of the kernel.
//!
//! A pipe is read by a call that blocks its thread, made in the way that the scheduler's users are told to block. Writing never waits where one number is on its
//! way at most, so it is a plain call.

use std::{
    io::{self, PipeReader, PipeWriter, Read, Write},
    sync::Arc,
};

use schedulers::model::{Async, Blocking};

/// The scheduler's channels.
pub(crate) struct Channels;

/// The kernel's pipes.
pub(crate) struct Pipes;

/// A lane between blocking tasks.
pub(crate) trait BlockingLane<R: Blocking>: 'static {
    /// The end that sends.
    type To: Send + 'static;
    /// The end that receives.
    type From: Send + 'static;
    /// A lane with room for `capacity` numbers, if that can be chosen.
    fn open(capacity: usize) -> (Self::To, Self::From);
    /// Whether the other end is still there.
    fn send(to: &Self::To, number: u64) -> bool;
    /// `None` if the other end is gone.
    fn recv(from: &Self::From) -> Option<u64>;
}

impl<R: Blocking> BlockingLane<R> for Channels {
    type To = R::Sender<u64>;
    type From = R::Receiver<u64>;

    fn open(capacity: usize) -> (Self::To, Self::From) {
        R::channel(capacity)
    }

    #[inline]
    fn send(to: &Self::To, number: u64) -> bool {
        R::send(to, number).is_ok()
    }

    #[inline(always)]
    fn recv(from: &Self::From) -> Option<u64> {
        R::recv(from).ok()
    }
}

impl<R: Blocking> BlockingLane<R> for Pipes {
    type To = PipeWriter;
    type From = PipeReader;

    fn open(_: usize) -> (Self::To, Self::From) {
        pipe()
    }

    fn send(to: &Self::To, number: u64) -> bool {
        write(to, number)
    }

    fn recv(from: &Self::From) -> Option<u64> {
        R::block_in_place(|| read(from))
    }
}

/// A lane between futures.
pub(crate) trait AsyncLane<R: Async>: 'static {
    /// The end that sends.
    type To: Send + Sync + 'static;
    /// The end that receives.
    type From: Send + 'static;
    /// A lane with room for `capacity` numbers, if that can be chosen.
    fn open(capacity: usize) -> (Self::To, Self::From);
    /// Whether the other end is still there.
    fn send(to: &Self::To, number: u64) -> impl Future<Output = bool> + Send;
    /// `None` if the other end is gone.
    fn recv(from: &mut Self::From) -> impl Future<Output = Option<u64>> + Send;
}

impl<R: Async> AsyncLane<R> for Channels {
    type To = R::Sender<u64>;
    type From = R::Receiver<u64>;

    fn open(capacity: usize) -> (Self::To, Self::From) {
        R::channel(capacity)
    }

    async fn send(to: &Self::To, number: u64) -> bool {
        R::send(to, number).await.is_ok()
    }

    async fn recv(from: &mut Self::From) -> Option<u64> {
        R::recv(from).await.ok()
    }
}

impl<R: Async> AsyncLane<R> for Pipes {
    type To = PipeWriter;
    type From = Arc<PipeReader>;

    fn open(_: usize) -> (Self::To, Self::From) {
        let (to, from) = pipe();
        (to, Arc::new(from))
    }

    async fn send(to: &Self::To, number: u64) -> bool {
        write(to, number)
    }

    async fn recv(from: &mut Self::From) -> Option<u64> {
        let from = Arc::clone(from);
        R::block(move || read(&from)).await
    }
}

fn pipe() -> (PipeWriter, PipeReader) {
    let (from, to) = io::pipe().unwrap_or_else(|error| panic!("cannot open a pipe: {error}"));
    (to, from)
}

fn write(mut to: &PipeWriter, number: u64) -> bool {
    to.write_all(&number.to_ne_bytes()).is_ok()
}

fn read(mut from: &PipeReader) -> Option<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes).ok()?;
    Some(u64::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_hands_on_what_was_written_and_ends_with_its_writer() {
        let (to, from) = pipe();
        assert!(write(&to, 7) && write(&to, u64::MAX));
        drop(to);
        assert_eq!([(); 3].map(|()| read(&from)), [Some(7), Some(u64::MAX), None]);
    }

    #[test]
    fn a_pipe_without_a_reader_says_so() {
        let (to, from) = pipe();
        drop(from);
        assert!(!write(&to, 7));
    }
}
