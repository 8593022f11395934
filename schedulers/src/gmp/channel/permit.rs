//! The right to send one value, which a `select!` gets before it evaluates the message.

use std::mem::ManuallyDrop;

use super::{
    error::SendError,
    shared::{Shared, wake},
    state::{Grant, Sent, Slot},
};
use crate::gmp::{futex::Parker, waiter::Caller};

/// Sends without waiting. Dropping it gives the right back: a place in the buffer goes to the next sender, a receiver looks again.
pub struct Permit<'a, T> {
    shared: &'a Shared<T>,
    grant: Grant<T>,
}

impl<'a, T> Permit<'a, T> {
    pub(in crate::gmp) fn new(shared: &'a Shared<T>, grant: Grant<T>) -> Self {
        Permit { shared, grant }
    }

    /// Sends.
    ///
    /// # Errors
    /// When nobody will receive.
    pub fn send(self, value: T) -> Result<(), SendError<T>> {
        let this = ManuallyDrop::new(self);
        let mut slot = Slot::Value(value);
        let sent = this.settle(&mut slot);
        match slot {
            Slot::Value(value) if !sent => Err(SendError(value)),
            _ => Ok(()),
        }
    }

    /// Uses the right up: gives away the value in `slot`, if there is one. `false` if nobody will receive.
    fn settle(&self, slot: &mut Slot<T>) -> bool {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let (sent, woken) = match self.grant {
            Grant::Closed => (false, None),
            Grant::Receiver(mut node) => {
                // SAFETY: it sleeps until we wake it; its slot was empty.
                unsafe { node.as_mut().payload.slot = slot.take() };
                (true, Some(node))
            }
            Grant::Place => self.shared.locked(|state| {
                self.shared.set_receivable(true);
                if let Slot::Empty = slot {
                    return (true, state.break_promise());
                }
                match state.send_promised(slot) {
                    Sent::Done => (true, None),
                    Sent::Wake(node) => (true, Some(node)),
                    Sent::Closed => (false, None),
                    Sent::WouldBlock => unreachable!("a place was promised"),
                }
            }),
        };
        if let Some(node) = woken {
            // SAFETY: claimed, by us or by whoever gave us the right.
            unsafe { wake(node, caller.local()) };
        }
        caller.exit();
        sent
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.settle(&mut Slot::Empty);
    }
}
