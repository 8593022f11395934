//! The global run queue: Gs that belong to no P, under the scheduler's lock.
//!
//! Two FIFO lists through [`G::link`]: Gs that a timer woke while every P was busy go first, since they are late already, but not for
//! ever: every so often the others get their turn.

use std::ptr::{NonNull, null_mut};

use super::g::G;

/// The queue; a G in it stands in no other.
pub(super) struct Grq {
    late: Fifo,
    others: Fifo,
    /// Late ones taken in a row.
    streak: u32,
}

/// How many late Gs are taken before another gets its turn. Untuned.
const LATE_STREAK: u32 = 8;

struct Fifo {
    head: *mut G,
    tail: *mut G,
    len: usize,
}

// SAFETY: it owns the dispatch of the Gs in it, and Gs may be dispatched on any thread.
unsafe impl Send for Fifo {}

impl Grq {
    pub(super) const fn new() -> Self {
        Grq { late: Fifo::new(), others: Fifo::new(), streak: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.late.len + self.others.len
    }

    /// How many Gs of it a timer woke while every P was busy.
    pub(super) fn late_len(&self) -> usize {
        self.late.len
    }

    pub(super) fn push(&mut self, g: NonNull<G>) {
        self.others.push(g);
    }

    /// For a G that a timer woke while every P was busy.
    pub(super) fn push_late(&mut self, g: NonNull<G>) {
        self.late.push(g);
    }

    pub(super) fn pop(&mut self) -> Option<NonNull<G>> {
        if self.streak >= LATE_STREAK || self.late.len == 0 {
            self.streak = 0;
            return self.others.pop().or_else(|| self.late.pop());
        }
        self.streak += 1;
        self.late.pop()
    }
}

impl Fifo {
    const fn new() -> Self {
        Fifo { head: null_mut(), tail: null_mut(), len: 0 }
    }

    fn push(&mut self, g: NonNull<G>) {
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

    fn pop(&mut self) -> Option<NonNull<G>> {
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
