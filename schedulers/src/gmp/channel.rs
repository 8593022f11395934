//! Channels: bounded, FIFO, any number of senders and receivers; capacity 0 is a rendezvous.
//!
//! As in Go, a value goes straight from the stack of the one that sends to the stack of the one that waits for it, and the woken G runs
//! next on the waker's P. One lock a channel guards everything; it is held for a few instructions and never while user code runs.
//!
//! Invariant, between operations: receivers wait only if the buffer is empty and no sender waits; senders wait only if the buffer is full.

use std::{
    cell::UnsafeCell,
    collections::VecDeque,
    fmt,
    ptr::NonNull,
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering::*},
};

use super::{
    enter::Local,
    futex::Parker,
    raw_lock::RawLock,
    wait_list::{Node, WaitList},
    wait_reason::WaitReason,
    waiter::Caller,
};

/// A channel for up to `capacity` values; with 0 every send waits until a receiver takes the value.
///
/// # Panics
/// If a buffer of that capacity cannot be allocated.
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let state = State {
        buffer: VecDeque::with_capacity(capacity),
        capacity,
        closed: false,
        receivers: WaitList::new(),
        senders: WaitList::new(),
    };
    let shared = Arc::new(Shared {
        lock: RawLock::new(),
        state: UnsafeCell::new(state),
        senders: AtomicUsize::new(1),
        receivers: AtomicUsize::new(1),
    });
    (Sender(shared.clone()), Receiver(shared))
}

/// The sending half. When the last one is dropped, receivers get what is buffered and then [`RecvError`].
pub struct Sender<T>(Arc<Shared<T>>);

/// The receiving half. When the last one is dropped, sending fails.
pub struct Receiver<T>(Arc<Shared<T>>);

struct Shared<T> {
    lock: RawLock,
    /// Guarded by `lock`.
    state: UnsafeCell<State<T>>,
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

// SAFETY: `state` is touched under the lock only, and values move through it.
unsafe impl<T: Send> Sync for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Shared<T> {}

struct State<T> {
    buffer: VecDeque<T>,
    capacity: usize,
    closed: bool,
    /// Each waits for a value in its payload; none when it is woken means that there will be no more.
    receivers: WaitList<Option<T>>,
    /// Each has its value in its payload; still there when it is woken means that nobody will take it.
    senders: WaitList<Option<T>>,
}

/// Nobody will receive: the channel is closed, or all receivers are gone. Holds the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Why nothing was sent without waiting. Holds the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The buffer is full, or, for a rendezvous, no receiver waits.
    Full(T),
    /// Nobody will receive.
    Disconnected(T),
}

/// Nothing is buffered, and nobody will send: the channel is closed, or all senders are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

/// Why nothing was received without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Nothing is there yet.
    Empty,
    /// Nothing is there, and nobody will send.
    Disconnected,
}

/// What happened under the lock.
enum Attempt<T, R> {
    Done(R),
    /// Done, and this waiter is to be woken.
    Wake(R, NonNull<Node<Option<T>>>),
    Closed,
    WouldBlock,
}

impl<T> State<T> {
    /// Takes `value` if it can be sent.
    fn send(&mut self, value: &mut Option<T>) -> Attempt<T, ()> {
        if self.closed {
            return Attempt::Closed;
        }
        if let Some(mut node) = self.receivers.pop() {
            // SAFETY: off the list and not woken yet: the node is alive, and ours.
            unsafe { node.as_mut().payload = value.take() };
            return Attempt::Wake((), node);
        }
        if self.buffer.len() < self.capacity {
            self.buffer.extend(value.take());
            return Attempt::Done(());
        }
        Attempt::WouldBlock
    }

    fn recv(&mut self) -> Attempt<T, T> {
        if let Some(value) = self.buffer.pop_front() {
            // A sender that waits has its value queued: order is kept.
            let Some(mut node) = self.senders.pop() else { return Attempt::Done(value) };
            // SAFETY: as in `send`.
            self.buffer.extend(unsafe { node.as_mut().payload.take() });
            return Attempt::Wake(value, node);
        }
        if let Some(mut node) = self.senders.pop() {
            // SAFETY: as in `send`; a sender waits with its value.
            let value = unsafe { node.as_mut().payload.take() }.expect("a sender waits with its value");
            return Attempt::Wake(value, node);
        }
        if self.closed { Attempt::Closed } else { Attempt::WouldBlock }
    }
}

impl<T> Shared<T> {
    /// Runs `body` under the lock, and unlocks.
    #[inline]
    fn locked<R>(&self, body: impl FnOnce(&mut State<T>) -> R) -> R {
        self.lock.lock();
        // SAFETY: the lock is ours; `body` is our own code and does not panic.
        let result = body(unsafe { &mut *self.state.get() });
        // SAFETY: locked above.
        unsafe { RawLock::unlock(&self.lock) };
        result
    }

    /// Tries `attempt`; if it would block and `block` says so, waits with `payload` on the list that `list` names. `Ok` as the attempt says,
    /// or `None` after a wait; the payload is as the one that woke us left it.
    #[inline]
    fn operate<R>(
        &self,
        payload: &mut Option<T>,
        block: bool,
        attempt: impl FnOnce(&mut State<T>, &mut Option<T>) -> Attempt<T, R>,
        list: impl FnOnce(&mut State<T>) -> &mut WaitList<Option<T>>,
        reason: WaitReason,
    ) -> Operated<R> {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        self.lock.lock();
        // SAFETY: the lock is ours until one of the arms below gives it away.
        let state = unsafe { &mut *self.state.get() };
        let attempted = attempt(state, payload);
        if let (Attempt::WouldBlock, true) = (&attempted, block) {
            let mut node = Node::new(caller.waiter(), payload.take());
            // SAFETY: the node stays here until we are woken, which is after it was taken off.
            unsafe { list(state).push_back(&raw mut node) };
            caller.wait(&self.lock, reason).exit();
            // SAFETY: who woke us is done with the node; read through a pointer, since the compiler saw no write.
            *payload = unsafe { (&raw mut node.payload).replace(None) };
            return Operated::Waited;
        }
        // SAFETY: locked above.
        unsafe { RawLock::unlock(&self.lock) };
        let operated = match attempted {
            Attempt::Done(result) => Operated::Done(result),
            Attempt::Wake(result, node) => {
                wake(node, caller.local());
                Operated::Done(result)
            }
            Attempt::Closed => Operated::Closed,
            Attempt::WouldBlock => Operated::WouldBlock,
        };
        caller.exit();
        operated
    }

    fn send(&self, value: T, block: bool) -> Result<(), TrySendError<T>> {
        let mut payload = Some(value);
        let left = |payload: Option<T>| payload.expect("a value that was not sent is still here");
        match self.operate(&mut payload, block, State::send, |state| &mut state.senders, WaitReason::ChanSend) {
            Operated::Done(()) => Ok(()),
            Operated::Closed => Err(TrySendError::Disconnected(left(payload))),
            Operated::WouldBlock => Err(TrySendError::Full(left(payload))),
            Operated::Waited => payload.map_or(Ok(()), |value| Err(TrySendError::Disconnected(value))),
        }
    }

    fn recv(&self, block: bool) -> Result<T, TryRecvError> {
        let mut payload = None;
        match self.operate(
            &mut payload,
            block,
            |state, _| state.recv(),
            |state| &mut state.receivers,
            WaitReason::ChanReceive,
        ) {
            Operated::Done(value) => Ok(value),
            Operated::Closed => Err(TryRecvError::Disconnected),
            Operated::WouldBlock => Err(TryRecvError::Empty),
            Operated::Waited => payload.ok_or(TryRecvError::Disconnected),
        }
    }

    /// `false` if it was closed before. Everybody who waits is woken, and finds no value, or its own.
    fn close(&self) -> bool {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let (newly, waiters) = self.locked(|state| {
            let newly = !std::mem::replace(&mut state.closed, true);
            let mut waiters = state.receivers.take();
            waiters.append(state.senders.take());
            (newly, waiters)
        });
        // SAFETY: taken off the lists under the lock, by us alone.
        unsafe { waiters.wake(caller.local()) };
        caller.exit();
        newly
    }
}

enum Operated<R> {
    Done(R),
    Closed,
    WouldBlock,
    Waited,
}

fn wake<T>(node: NonNull<Node<Option<T>>>, local: Option<&Local>) {
    // SAFETY: off its list under the lock, by us: alive until it is woken, which nobody else does.
    unsafe {
        let waiter = (*node.as_ptr()).waiter;
        waiter.wake(local);
    }
}

impl<T> Sender<T> {
    /// Sends, waiting while the buffer is full (for a rendezvous: until a receiver has taken the value).
    ///
    /// # Errors
    /// When nobody will receive.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.0.send(value, true).map_err(|error| match error {
            TrySendError::Full(value) | TrySendError::Disconnected(value) => SendError(value),
        })
    }

    /// Sends if that is possible without waiting.
    ///
    /// # Errors
    /// When it is not.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.0.send(value, false)
    }

    /// Closes the channel: sending fails from now on, what is buffered can still be received. `false` if it was closed before.
    pub fn close(&self) -> bool {
        self.0.close()
    }

    /// How many values are buffered.
    pub fn len(&self) -> usize {
        self.0.locked(|state| state.buffer.len())
    }

    /// Whether nothing is buffered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values can be buffered. Always known; an `Option` as in crossbeam, whose channels may be unbounded.
    pub fn capacity(&self) -> Option<usize> {
        Some(self.0.locked(|state| state.capacity))
    }
}

impl<T> Receiver<T> {
    /// Receives, waiting while there is nothing.
    ///
    /// # Errors
    /// When there is nothing and nobody will send.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.0.recv(true).map_err(|_| RecvError)
    }

    /// Receives if something is there.
    ///
    /// # Errors
    /// When nothing is there.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.recv(false)
    }

    /// Receives until nobody will send.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self)
    }

    /// As [`Sender::close`].
    pub fn close(&self) -> bool {
        self.0.close()
    }

    /// As [`Sender::len`].
    pub fn len(&self) -> usize {
        self.0.locked(|state| state.buffer.len())
    }

    /// As [`Sender::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As [`Sender::capacity`].
    pub fn capacity(&self) -> Option<usize> {
        Some(self.0.locked(|state| state.capacity))
    }
}

/// What [`Receiver::iter`] gives.
pub struct Iter<'a, T>(&'a Receiver<T>);

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.senders.fetch_add(1, Relaxed); // As `Arc`: whoever clones has one.
        Sender(self.0.clone())
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.0.receivers.fetch_add(1, Relaxed);
        Receiver(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // AcqRel: all sends come before the close that the last one does.
        if self.0.senders.fetch_sub(1, AcqRel) == 1 {
            self.0.close();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.0.receivers.fetch_sub(1, AcqRel) == 1 {
            self.0.close();
            // Nobody can receive these any more: dropped now (outside of the lock), not with the last sender.
            drop(self.0.locked(|state| std::mem::take(&mut state.buffer)));
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

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sending on a channel that nobody receives from")
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "sending on a full channel",
            TrySendError::Disconnected(_) => "sending on a channel that nobody receives from",
        })
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("receiving on an empty channel that nobody sends to")
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "receiving on an empty channel",
            TryRecvError::Disconnected => "receiving on an empty channel that nobody sends to",
        })
    }
}

impl<T> std::error::Error for SendError<T> {}
impl<T> std::error::Error for TrySendError<T> {}
impl std::error::Error for RecvError {}
impl std::error::Error for TryRecvError {}
