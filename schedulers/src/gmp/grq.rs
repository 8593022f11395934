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

/// A FIFO list of Gs that stand in no other queue.
pub(super) struct Fifo {
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

    /// All of `gs`, in their order.
    pub(super) fn push_all(&mut self, gs: Fifo) {
        self.others.append(gs);
    }

    /// All of `gs`, in their order, before the others.
    pub(super) fn push_all_front(&mut self, gs: Fifo) {
        let behind = std::mem::replace(&mut self.others, gs);
        self.others.append(behind);
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

impl Grq {
    /// Those in it, in no order.
    pub(super) fn for_each(&self, mut f: impl FnMut(NonNull<G>)) {
        for list in [&self.late, &self.others] {
            let mut next = list.head;
            while let Some(g) = NonNull::new(next) {
                f(g);
                // SAFETY: it is in our list.
                next = unsafe { g.as_ref() }.link.get();
            }
        }
    }
}

impl Fifo {
    pub(super) const fn new() -> Self {
        Fifo { head: null_mut(), tail: null_mut(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn push(&mut self, g: NonNull<G>) {
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

    /// Puts all of `gs` behind those that are here.
    fn append(&mut self, gs: Fifo) {
        // SAFETY: a tail that is not null is in our list.
        match unsafe { self.tail.as_ref() } {
            Some(tail) => tail.link.set(gs.head),
            None => self.head = gs.head,
        }
        if !gs.tail.is_null() {
            self.tail = gs.tail;
        }
        self.len += gs.len;
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
