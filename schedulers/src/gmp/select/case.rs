//! One case of a `select!`: an operation on a channel of some type, and the same without the type, as the select sees it.

use std::{
    cell::{Cell, UnsafeCell},
    ptr::NonNull,
};

use crate::gmp::{
    atomic::AtomicBool,
    channel::{Grant, Permit, Received, Receiver, RecvError, Sender, SharedChannel, Slot, State, Wait, Waiting},
    claim::Claim,
    futex::NEVER,
    raw_lock::RawLock,
    wait_list::{Node, WaitList},
    waiter::Waiter,
};

/// What a select does with a case.
pub(super) trait Case {
    /// The channel's.
    fn lock(&self) -> &RawLock;

    /// Does it, if it can be done.
    ///
    /// # Safety
    /// The caller holds the lock. After a [`Attempt::Promised`] the case stays where it is until `waiter` is woken.
    unsafe fn attempt(&self, waiter: Waiter) -> Option<Attempt>;

    /// The same, with this one channel locked.
    fn attempt_alone(&self, waiter: Waiter) -> Option<Attempt> {
        self.lock().lock();
        // SAFETY: the lock is ours.
        unsafe {
            let attempt = self.attempt(waiter);
            RawLock::unlock(self.lock());
            attempt
        }
    }

    /// Puts the case on the channel's list, as this way of the claim; when to look again.
    ///
    /// # Safety
    /// The caller holds the lock. Case, claim and what `waiter` names stay where they are until [`delist`](Case::delist).
    unsafe fn enlist(&self, waiter: Waiter, claim: &Claim, way: u32) -> u64;

    /// Takes the case off the list, under the lock, if it is there; nobody looks at it any more.
    fn delist(&self);

    /// Whether whoever ended the wait has left something.
    fn is_served(&self) -> bool;

    /// Says that this is the case that was selected.
    fn choose(&self);
}

/// What was done; with the one whose wait has ended by it, who is to be woken once the locks have been released.
pub(super) enum Attempt {
    Done(Option<Waiter>),
    /// A select on the other side evaluates its message, and then wakes us.
    Promised(Option<Waiter>),
}

/// A case of whatever type.
pub struct AnyCase<'a> {
    pub(super) case: &'a dyn Case,
    /// Whether it may be worth an attempt: a hint. `None`: always.
    pub(super) may_be_done: Option<&'a AtomicBool>,
}

/// What sending and receiving have in common.
struct Place<'a, T> {
    channel: &'a SharedChannel<T>,
    /// Its slot holds what was received, or the grant. While it is on a list, or promised, others write it.
    node: UnsafeCell<Waiting<T>>,
    chosen: Cell<bool>,
}

impl<'a, T> Place<'a, T> {
    fn new(channel: &'a SharedChannel<T>) -> Self {
        let node = UnsafeCell::new(Node::new(Waiter::NOBODY, Wait::plain(Slot::Empty)));
        Place { channel, node, chosen: Cell::new(false) }
    }

    /// # Safety
    /// Nobody else knows of the node, and `list` is the channel's, which is locked.
    unsafe fn enlist(&self, list: &mut WaitList<Wait<T>>, waiter: Waiter, wait: Wait<T>) {
        // SAFETY: the caller's. The old slot is empty or an offer: no code of the user's is dropped.
        unsafe {
            *self.node.get() = Node::new(waiter, wait);
            list.push_back(self.node.get());
        }
    }

    fn delist(&self, list: fn(&mut State<T>) -> &mut WaitList<Wait<T>>) {
        // SAFETY: under the lock; the node was put on no other list.
        self.channel.locked(|state| unsafe { list(state).remove(self.node.get()) });
    }

    /// The slot, of which the caller takes what is there.
    ///
    /// # Safety
    /// Nobody else knows of the node, and no other reference from here lives.
    #[expect(clippy::mut_from_ref, reason = "whether others write it depends on the protocol, not on the reference")]
    unsafe fn slot(&self) -> &mut Slot<T> {
        // SAFETY: the caller's.
        unsafe { &mut (*self.node.get()).payload.slot }
    }
}

/// `recv(..)`
pub struct RecvCase<'a, T>(Place<'a, T>);

impl<'a, T> RecvCase<'a, T> {
    /// Receives from the channel.
    pub fn new(receiver: &'a Receiver<T>) -> Self {
        RecvCase(Place::new(receiver.shared()))
    }

    /// For [`select`](super::select), once.
    pub fn any(&mut self) -> AnyCase<'_> {
        AnyCase { may_be_done: Some(self.0.channel.receivable()), case: self }
    }

    /// Whether this case was selected.
    pub fn is_chosen(&self) -> bool {
        self.0.chosen.get()
    }

    /// What was received, once this case has been selected.
    pub fn outcome(&self) -> Result<T, RecvError> {
        // SAFETY: the select is over.
        match unsafe { self.0.slot().take() } {
            Slot::Value(value) => Ok(value),
            _ => Err(RecvError),
        }
    }
}

impl<T> Case for RecvCase<'_, T> {
    fn lock(&self) -> &RawLock {
        &self.0.channel.lock
    }

    unsafe fn attempt(&self, waiter: Waiter) -> Option<Attempt> {
        // SAFETY: the caller's; nobody knows of the node yet. A sender that was claimed sleeps until it is woken.
        unsafe {
            let (value, woken) = match self.0.channel.state().recv() {
                Received::Value(value) => (Slot::Value(value), None),
                Received::Wake(value, sender) => (Slot::Value(value), Some(sender.as_ref().waiter)),
                Received::Closed => (Slot::Empty, None),
                Received::WouldBlock => {
                    // An alarm goes off by itself.
                    self.0.channel.set_receivable(self.0.channel.state().due_ns() != NEVER);
                    return None;
                }
                Received::Offered(mut sender) => {
                    (*self.0.node.get()).waiter = waiter;
                    let node = NonNull::new_unchecked(self.0.node.get());
                    sender.as_mut().payload.slot = Slot::Granted(Grant::Receiver(node));
                    return Some(Attempt::Promised(Some(sender.as_ref().waiter)));
                }
            };
            *self.0.slot() = value;
            Some(Attempt::Done(woken))
        }
    }

    unsafe fn enlist(&self, waiter: Waiter, claim: &Claim, way: u32) -> u64 {
        // SAFETY: the caller's.
        unsafe {
            let state = self.0.channel.state();
            self.0.enlist(&mut state.receivers, waiter, Wait::claimed(Slot::Empty, claim, way));
            state.due_ns()
        }
    }

    fn delist(&self) {
        self.0.delist(|state| &mut state.receivers);
    }

    fn is_served(&self) -> bool {
        // SAFETY: the wait is over.
        matches!(unsafe { self.0.slot() }, Slot::Value(_))
    }

    fn choose(&self) {
        self.0.chosen.set(true);
    }
}

/// `send(.., ..)`
pub struct SendCase<'a, T>(Place<'a, T>);

impl<'a, T> SendCase<'a, T> {
    /// Sends to the channel, if it is selected; the message comes later.
    pub fn new(sender: &'a Sender<T>) -> Self {
        SendCase(Place::new(sender.shared()))
    }

    /// For [`select`](super::select), once.
    pub fn any(&mut self) -> AnyCase<'_> {
        AnyCase { may_be_done: None, case: self }
    }

    /// Whether this case was selected.
    pub fn is_chosen(&self) -> bool {
        self.0.chosen.get()
    }

    /// The right to send, once this case has been selected.
    pub fn outcome(&self) -> Permit<'a, T> {
        // SAFETY: the select is over.
        match unsafe { self.0.slot().take() } {
            Slot::Granted(grant) => Permit::new(self.0.channel, grant),
            _ => unreachable!("a case to send that was selected has its grant, once"),
        }
    }
}

impl<T> Case for SendCase<'_, T> {
    fn lock(&self) -> &RawLock {
        &self.0.channel.lock
    }

    unsafe fn attempt(&self, _: Waiter) -> Option<Attempt> {
        // SAFETY: the caller's; nobody knows of the node yet.
        unsafe {
            *self.0.slot() = Slot::Granted(self.0.channel.state().grant()?);
        }
        Some(Attempt::Done(None))
    }

    unsafe fn enlist(&self, waiter: Waiter, claim: &Claim, way: u32) -> u64 {
        // SAFETY: the caller's.
        unsafe {
            let state = self.0.channel.state();
            self.0.channel.set_receivable(true);
            self.0.enlist(&mut state.senders, waiter, Wait::claimed(Slot::Offer, claim, way));
        }
        NEVER
    }

    fn delist(&self) {
        self.0.delist(|state| &mut state.senders);
    }

    fn is_served(&self) -> bool {
        // SAFETY: the wait is over.
        matches!(unsafe { self.0.slot() }, Slot::Granted(_))
    }

    fn choose(&self) {
        self.0.chosen.set(true);
    }
}
