//! The global run queue: Gs that belong to no P. A FIFO list through [`G::link`], under the scheduler's lock.

use std::ptr::{NonNull, null_mut};

use super::g::G;

/// The list; a G in it stands in no other.
pub(super) struct Grq {
    head: *mut G,
    tail: *mut G,
    len: usize,
}

// SAFETY: it owns the dispatch of the Gs in it, and Gs may be dispatched on any thread.
unsafe impl Send for Grq {}

impl Grq {
    pub(super) const fn new() -> Self {
        Grq { head: null_mut(), tail: null_mut(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push_back(&mut self, g: NonNull<G>) {
        // SAFETY: a G that is being queued is nobody else's; a tail that is not null is in our list.
        unsafe {
            g.as_ref().link.set(null_mut());
            match self.tail.as_ref() {
                Some(tail) => tail.link.set(g.as_ptr()),
                None => self.head = g.as_ptr(),
            }
        }
        self.tail = g.as_ptr();
        self.len += 1;
    }

    /// For Gs that a timer woke while every P was busy: they are late already.
    pub(super) fn push_front(&mut self, g: NonNull<G>) {
        // SAFETY: as in `push_back`.
        unsafe { g.as_ref().link.set(self.head) };
        if self.head.is_null() {
            self.tail = g.as_ptr();
        }
        self.head = g.as_ptr();
        self.len += 1;
    }

    pub(super) fn pop(&mut self) -> Option<NonNull<G>> {
        let g = NonNull::new(self.head)?;
        // SAFETY: it is in our list.
        self.head = unsafe { g.as_ref().link.replace(null_mut()) };
        if self.head.is_null() {
            self.tail = null_mut();
        }
        self.len -= 1;
        Some(g)
    }
}
