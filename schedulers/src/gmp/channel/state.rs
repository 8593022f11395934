//! What a channel consists of, and how senders and receivers find each other; all of it under the channel's lock, without waiting.
//!
//! Invariants, between operations (a waiter whose wait has been claimed elsewhere does not count: it is dropped from the list by whoever meets it):
//! - receivers wait only if the buffer is empty and no sender waits;
//! - senders wait only if values and promises fill the capacity, and no receiver waits.
//!
//! **Promises.** A plain send brings its value along. A select does not: the message of its case is evaluated only when that case is selected, as
//! in crossbeam-channel, since one that was evaluated for nothing would be lost. So it first gets a [`Grant`]: a place in the
//! buffer that nobody else takes, or a receiver that nobody else serves; and then sends through it, or gives it back.

use std::{collections::VecDeque, ptr::NonNull, time::Duration};

use super::alarm::Alarm;
use crate::gmp::{
    claim::Claim,
    futex::NEVER,
    wait_list::{Node, WaitList},
};

/// Guarded by the channel's lock.
pub(in crate::gmp) struct State<T> {
    pub(super) buffer: VecDeque<T>,
    pub(super) capacity: usize,
    /// Places of the buffer that were granted, and not used yet.
    promised: usize,
    pub(super) closed: bool,
    /// Woken with an empty slot: look again.
    pub(in crate::gmp) receivers: WaitList<Wait<T>>,
    /// Woken with the value still in the slot: nobody will take it.
    pub(in crate::gmp) senders: WaitList<Wait<T>>,
    /// Where values come from, if not from senders.
    alarm: Option<Box<Alarm<T>>>,
}

/// One who waits: [`Node`]s of this are on the lists.
pub(in crate::gmp) type Waiting<T> = Node<Wait<T>>;

/// See [`Waiting`].
pub(in crate::gmp) struct Wait<T> {
    pub(in crate::gmp) slot: Slot<T>,
    /// What is to be claimed, and for which way, before the slot is touched; nothing if the wait can end in this way only.
    claim: Option<(NonNull<Claim>, u32)>,
}

/// What passes between one who waits and the one who ends the wait.
pub(in crate::gmp) enum Slot<T> {
    /// Of a receiver that has got nothing yet, or a sender whose value was taken.
    Empty,
    Value(T),
    /// Of a select that would send.
    Offer,
    /// What came of an offer.
    Granted(Grant<T>),
}

/// The right to send one value, at once.
pub(in crate::gmp) enum Grant<T> {
    /// A place in the buffer.
    Place,
    /// This receiver sleeps until it is served.
    Receiver(NonNull<Waiting<T>>),
    /// Nobody will receive.
    Closed,
}

/// What became of an attempt to send.
pub(super) enum Sent<T> {
    Done,
    /// This receiver has the value, and is to be woken.
    Wake(NonNull<Waiting<T>>),
    Closed,
    WouldBlock,
}

/// What became of an attempt to receive.
pub(in crate::gmp) enum Received<T> {
    Value(T),
    /// And this sender is to be woken.
    Wake(T, NonNull<Waiting<T>>),
    /// A select would send; it waits for the [`Grant::Receiver`] that the caller is.
    Offered(NonNull<Waiting<T>>),
    Closed,
    WouldBlock,
}

impl<T> Wait<T> {
    /// Ends in one way only.
    pub(in crate::gmp) fn plain(slot: Slot<T>) -> Self {
        Wait { slot, claim: None }
    }

    /// Ends in this way when `claim` says so.
    pub(in crate::gmp) fn claimed(slot: Slot<T>, claim: &Claim, way: u32) -> Self {
        Wait { slot, claim: Some((NonNull::from(claim), way)) }
    }
}

impl<T> Slot<T> {
    pub(in crate::gmp) fn take(&mut self) -> Self {
        std::mem::replace(self, Slot::Empty)
    }

    pub(super) fn value(self) -> Option<T> {
        if let Slot::Value(value) = self { Some(value) } else { None }
    }
}

impl<T> WaitList<Wait<T>> {
    /// Takes off the one that has waited longest and whose wait is not over: it sleeps until the caller wakes it.
    #[inline]
    fn claim_first(&mut self) -> Option<NonNull<Waiting<T>>> {
        loop {
            let node = self.pop()?;
            // SAFETY: it was on the list, whose lock the caller holds; the claim is in the same frame.
            let is_ours = unsafe { node.as_ref().payload.claim.is_none_or(|(claim, way)| claim.as_ref().take(way)) };
            if is_ours {
                return Some(node);
            }
        }
    }

    /// Takes off all whose wait is not over.
    pub(super) fn claim_all(&mut self) -> WaitList<Wait<T>> {
        let mut claimed = WaitList::new();
        while let Some(node) = self.claim_first() {
            // SAFETY: it is on no list, and stays until the caller wakes it.
            unsafe { claimed.push_back(node.as_ptr()) };
        }
        claimed
    }
}

impl<T> State<T> {
    pub(super) fn new(capacity: usize, alarm: Option<Alarm<T>>) -> Self {
        State {
            buffer: VecDeque::with_capacity(capacity),
            capacity,
            promised: 0,
            closed: false,
            receivers: WaitList::new(),
            senders: WaitList::new(),
            alarm: alarm.map(Box::new),
        }
    }

    fn has_room(&self) -> bool {
        self.buffer.len() + self.promised < self.capacity
    }

    /// Takes the value out of `slot` if it can be sent.
    #[inline(always)]
    pub(super) fn send(&mut self, slot: &mut Slot<T>) -> Sent<T> {
        if self.closed {
            return Sent::Closed;
        }
        if let Some(mut node) = self.receivers.claim_first() {
            // SAFETY: claimed and not woken yet: the node is alive, and ours.
            unsafe { node.as_mut().payload.slot = slot.take() };
            return Sent::Wake(node);
        }
        if self.has_room() {
            self.push(slot);
            return Sent::Done;
        }
        Sent::WouldBlock
    }

    fn push(&mut self, slot: &mut Slot<T>) {
        if let Slot::Value(value) = slot.take() {
            self.buffer.push_back(value);
        }
    }

    #[inline(always)]
    pub(in crate::gmp) fn recv(&mut self) -> Received<T> {
        if let Some(value) = self.buffer.pop_front() {
            return match self.admit() {
                Some(node) => Received::Wake(value, node),
                None => Received::Value(value),
            };
        }
        if let Some(mut node) = self.senders.claim_first() {
            // SAFETY: as in `send`.
            let slot = unsafe { &mut node.as_mut().payload.slot };
            return match slot.take() {
                Slot::Value(value) => Received::Wake(value, node),
                _ => Received::Offered(node),
            };
        }
        if self.closed {
            return Received::Closed;
        }
        match self.alarm.as_mut().and_then(|alarm| alarm.take()) {
            Some(value) => Received::Value(value),
            None => Received::WouldBlock,
        }
    }

    /// A place is free: it goes to the first who waits to send, who is to be woken. So order is kept.
    #[inline]
    fn admit(&mut self) -> Option<NonNull<Waiting<T>>> {
        let mut node = self.senders.claim_first()?;
        // SAFETY: as in `send`.
        match unsafe { &mut node.as_mut().payload.slot } {
            offer @ Slot::Offer => {
                self.promised += 1;
                *offer = Slot::Granted(Grant::Place);
            }
            slot => self.push(slot),
        }
        Some(node)
    }

    /// The right to send one value, if it can be had now.
    pub(in crate::gmp) fn grant(&mut self) -> Option<Grant<T>> {
        if self.closed {
            return Some(Grant::Closed);
        }
        if self.has_room() {
            // Even if receivers wait: they should not have to wait for a message to be evaluated while others send.
            self.promised += 1;
            return Some(Grant::Place);
        }
        self.receivers.claim_first().map(Grant::Receiver)
    }

    /// Sends into the place that was granted.
    pub(super) fn send_promised(&mut self, slot: &mut Slot<T>) -> Sent<T> {
        self.promised -= 1;
        self.send(slot)
    }

    /// Gives the place back; who waits for it is to be woken.
    pub(super) fn break_promise(&mut self) -> Option<NonNull<Waiting<T>>> {
        self.promised -= 1;
        self.admit()
    }

    /// Makes the next value due `delay` from now, or never, and takes off all who wait, since they wait for the wrong time; whether there was to be one.
    pub(super) fn set_alarm(&mut self, delay: Option<Duration>) -> (bool, WaitList<Wait<T>>) {
        let pending = self.alarm.as_mut().is_some_and(|alarm| alarm.set(delay));
        (pending && !self.closed, self.receivers.claim_all())
    }

    /// When a receiver that has found nothing must look again.
    pub(in crate::gmp) fn due_ns(&self) -> u64 {
        self.alarm.as_ref().map_or(NEVER, |alarm| alarm.due_ns())
    }
}
