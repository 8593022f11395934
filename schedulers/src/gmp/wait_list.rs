//! A FIFO list of waiters, each of whose nodes lives on the stack of the one that waits.
//!
//! Invariant: a node that is on a list stays where it is, and alive; it is taken off, under the list's lock, before its waiter is
//! woken. So a waiter that has been woken finds its node unlinked, and may return.

use std::ptr::{NonNull, null_mut};

use super::{
    enter::Local,
    waiter::{Batch, Waiter},
};

/// A place on a list, with something for the one that wakes and the one that waits to exchange.
pub(super) struct Node<X> {
    pub(super) waiter: Waiter,
    pub(super) payload: X,
    next: *mut Node<X>,
}

/// The list. It is inside a lock; its users say which.
pub(super) struct WaitList<X> {
    head: *mut Node<X>,
    tail: *mut Node<X>,
}

// SAFETY: nodes are reached through the list's lock only, and what they hold may move between threads.
unsafe impl<X: Send> Send for WaitList<X> {}

impl<X> Default for WaitList<X> {
    fn default() -> Self {
        WaitList::new()
    }
}

impl<X> Node<X> {
    pub(super) fn new(waiter: Waiter, payload: X) -> Self {
        Node { waiter, payload, next: null_mut() }
    }
}

impl<X> WaitList<X> {
    pub(super) const fn new() -> Self {
        WaitList { head: null_mut(), tail: null_mut() }
    }

    /// Appends a node.
    ///
    /// # Safety
    /// It is on no list, and stays alive and in place until it is taken off this one.
    pub(super) unsafe fn push_back(&mut self, node: *mut Node<X>) {
        // SAFETY: the caller's; the tail is on the list, so it is alive.
        unsafe {
            (*node).next = null_mut();
            match self.tail.as_mut() {
                Some(tail) => tail.next = node,
                None => self.head = node,
            }
        }
        self.tail = node;
    }

    /// Puts a node at the head: for a waiter that was woken in vain.
    ///
    /// # Safety
    /// As for [`push_back`](WaitList::push_back).
    pub(super) unsafe fn push_front(&mut self, node: *mut Node<X>) {
        // SAFETY: the caller's.
        unsafe { (*node).next = self.head };
        if self.head.is_null() {
            self.tail = node;
        }
        self.head = node;
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// The one that has waited longest; it stays on the list.
    pub(super) fn first(&self) -> Option<&X> {
        // SAFETY: it is on the list, so it is alive.
        unsafe { self.head.as_ref() }.map(|node| &node.payload)
    }

    /// Takes off the one that has waited longest. It stays alive until its waiter is woken.
    pub(super) fn pop(&mut self) -> Option<NonNull<Node<X>>> {
        let node = NonNull::new(self.head)?;
        // SAFETY: it is on the list, so it is alive.
        self.head = unsafe { (*node.as_ptr()).next };
        if self.head.is_null() {
            self.tail = null_mut();
        }
        Some(node)
    }

    /// Takes all off, the one that has waited longest first.
    pub(super) fn take(&mut self) -> WaitList<X> {
        std::mem::take(self)
    }

    /// Puts all of `other` behind those that are here.
    pub(super) fn append(&mut self, other: WaitList<X>) {
        // SAFETY: a tail that is not null is on our list, so it is alive.
        match unsafe { self.tail.as_mut() } {
            Some(tail) => tail.next = other.head,
            None => self.head = other.head,
        }
        if !other.tail.is_null() {
            self.tail = other.tail;
        }
    }

    /// Wakes all, in the order in which they came.
    ///
    /// # Safety
    /// The list has been taken out from under its lock: nobody else wakes them. `local` is the caller's, as for [`Waiter::wake`].
    pub(super) unsafe fn wake(mut self, local: Option<&Local>) {
        let mut batch = Batch::new(local);
        while let Some(node) = self.pop() {
            // SAFETY: off its list, and not woken yet: alive; the caller alone wakes it.
            unsafe { batch.add((*node.as_ptr()).waiter) };
        }
    }
}
