//! A FIFO list of waiters, each of whose nodes lives on the stack of the one that waits.
//!
//! Invariant: a node that is on a list stays where it is, and alive; it is taken off, under the list's lock, before its waiter is
//! woken. So a waiter that has been woken finds its node unlinked, and may return; one that gives up, or waits on several lists, takes
//! its nodes off itself with [`WaitList::remove`], under each list's lock.

use std::ptr::{NonNull, null_mut};

use super::{
    enter::Local,
    waiter::{Batch, Waiter},
};

/// A place on a list, with something for the one that wakes and the one that waits to exchange.
pub(super) struct Node<X> {
    pub(super) waiter: Waiter,
    pub(super) payload: X,
    /// On a list. Like the links, it is the list's.
    linked: bool,
    next: *mut Node<X>,
    prev: *mut Node<X>,
}

/// The list. It is inside a lock; its users say which.
///
/// What is the head is said by `head` alone, and that there is a tail too: `tail` of an empty list, and `prev` of the head, are left as they were, and never
/// followed. So taking off the first, which is what mostly happens, is one load and one store.
pub(super) struct WaitList<X> {
    /// Null: nobody waits.
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
        Node { waiter, payload, linked: false, next: null_mut(), prev: null_mut() }
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
            (*node).linked = true;
            (*node).next = null_mut();
            (*node).prev = self.tail;
            if self.head.is_null() { self.head = node } else { (*self.tail).next = node }
        }
        self.tail = node;
    }

    /// Puts a node at the head: for a waiter that was woken in vain.
    ///
    /// # Safety
    /// As for [`push_back`](WaitList::push_back).
    pub(super) unsafe fn push_front(&mut self, node: *mut Node<X>) {
        // SAFETY: the caller's; the head is on the list, so it is alive.
        unsafe {
            (*node).linked = true;
            (*node).next = self.head;
            match self.head.as_mut() {
                Some(head) => head.prev = node,
                None => self.tail = node,
            }
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
    #[inline]
    pub(super) fn pop(&mut self) -> Option<NonNull<Node<X>>> {
        let mut node = NonNull::new(self.head)?;
        // SAFETY: it is on the list, so it is alive.
        unsafe {
            let node = node.as_mut();
            node.linked = false;
            self.head = node.next;
        }
        Some(node)
    }

    /// Takes `node` off, wherever it stands; `false` if somebody has taken it off already.
    ///
    /// # Safety
    /// It is alive, and was never put on another list.
    pub(super) unsafe fn remove(&mut self, node: *mut Node<X>) -> bool {
        // SAFETY: the caller's; its neighbours are on the list, so they are alive.
        unsafe {
            if !(*node).linked {
                return false;
            }
            (*node).linked = false;
            let (next, prev) = ((*node).next, (*node).prev);
            match next.as_mut() {
                Some(next) => next.prev = prev,
                None => self.tail = prev,
            }
            if self.head == node { self.head = next } else { (*prev).next = next }
        }
        true
    }

    /// Takes all off, the one that has waited longest first. For lists that nobody [`remove`](WaitList::remove)s a node from: these
    /// nodes are on the new list.
    pub(super) fn take(&mut self) -> WaitList<X> {
        std::mem::take(self)
    }

    /// Puts all of `other` behind those that are here.
    pub(super) fn append(&mut self, other: WaitList<X>) {
        let Some(mut first) = NonNull::new(other.head) else { return };
        // SAFETY: both are on a list, so they are alive.
        unsafe {
            first.as_mut().prev = self.tail;
            if self.head.is_null() { self.head = other.head } else { (*self.tail).next = other.head }
        }
        self.tail = other.tail;
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

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use crate::gmp::futex::Parker;

    fn drain(list: &mut WaitList<u32>) -> Vec<u32> {
        // SAFETY: the nodes are alive, in the test's frame.
        std::iter::from_fn(|| list.pop()).map(|node| unsafe { node.as_ref().payload }).collect()
    }

    #[test]
    fn removing_any_node_keeps_the_order_of_the_others() {
        let parker = Parker::new();
        for count in 1..6u32 {
            for removed in 0..count {
                let mut nodes: Vec<_> = (0..count).map(|n| Node::new(Waiter::of_thread(&parker), n)).collect();
                let first = nodes.as_mut_ptr();
                let mut list = WaitList::new();
                // SAFETY: the nodes stay in the vector, which does not change, until the list is empty.
                unsafe {
                    (0..count as usize).for_each(|n| list.push_back(first.add(n)));
                    assert!(list.remove(first.add(removed as usize)));
                    assert!(!list.remove(first.add(removed as usize)), "it was off already");
                }
                assert_eq!(drain(&mut list), (0..count).filter(|&n| n != removed).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_head_can_be_put_back() {
        let parker = Parker::new();
        let mut nodes: Vec<_> = (0..3).map(|n| Node::new(Waiter::of_thread(&parker), n)).collect();
        let first = nodes.as_mut_ptr();
        let mut list = WaitList::new();
        // SAFETY: as above.
        unsafe {
            list.push_front(first);
            list.push_back(first.add(1));
            assert_eq!(list.pop().map(|node| node.as_ptr()), Some(first));
            assert!(!list.remove(first), "popped");
            list.push_front(first);
            list.push_front(first.add(2));
        }
        assert_eq!(drain(&mut list), [2, 0, 1]);
    }
}
