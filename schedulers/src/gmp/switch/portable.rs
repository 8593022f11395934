//! The switch for every target but x86-64, on top of corosensei, whose coroutines are asymmetric: they suspend to whoever resumed them.
//!
//! Symmetry is made of that by a trampoline on the thread's own stack: a coroutine that wants to switch to another suspends
//! with the other's address, and the loop in [`switch`], which resumed the first, resumes the other.

use std::{mem::ManuallyDrop, ptr::null};

use corosensei::{Coroutine, CoroutineResult, Yielder, stack::StackPointer};

use super::Entry;
use crate::gmp::stack::Stack;

/// What a coroutine suspends with: where to go, and the word to pass.
type Hop = (*mut Context, usize);
/// What a coroutine is resumed with: its own context, and the word passed.
type Resumed = (*mut Context, usize);

/// A suspended stack: a coroutine, or a thread's own stack, which has none.
pub(in crate::gmp) struct Context {
    /// Never dropped while it is suspended in the middle: corosensei would unwind it, and a G that has ended needs no more.
    coroutine: Option<ManuallyDrop<Coroutine<Resumed, Hop, (), Borrowed>>>,
    /// The coroutine's handle to suspend itself; it writes it here when it first runs.
    yielder: *const Yielder<Resumed, Hop>,
}

/// A stack that corosensei does not own.
struct Borrowed {
    top: usize,
    limit: usize,
}

// SAFETY: `fresh` builds it from a stack whose memory is mapped and unused, with `limit < top`, both aligned.
unsafe impl corosensei::stack::Stack for Borrowed {
    fn base(&self) -> StackPointer {
        StackPointer::new(self.top).expect("a stack is not at address 0")
    }

    fn limit(&self) -> StackPointer {
        StackPointer::new(self.limit).expect("a stack is not at address 0")
    }
}

impl Context {
    /// Whether the one that runs may be moved: the thread's own stack refers to it meanwhile.
    pub(in crate::gmp) const MOVES: bool = false;

    /// For a thread's own stack.
    pub(in crate::gmp) const fn of_thread() -> Self {
        Context { coroutine: None, yielder: null() }
    }

    /// A context that calls `entry(argument, passed)` on `stack` when it is first switched to.
    ///
    /// # Safety
    /// Nothing else uses the stack until the context is dropped for good; `entry` must not return.
    pub(in crate::gmp) unsafe fn fresh(stack: &Stack, entry: Entry, argument: *mut ()) -> Self {
        let borrowed = Borrowed { top: stack.top(), limit: stack.bottom() };
        let coroutine = Coroutine::with_stack(borrowed, move |yielder, (me, passed): Resumed| {
            // SAFETY: `me` is the context that holds this coroutine: the trampoline says so, and it waits for us meanwhile.
            unsafe { (*me).yielder = yielder };
            // SAFETY: the entry that `fresh` was given, with its argument.
            unsafe { entry(argument, passed) }
        });
        Context { coroutine: Some(ManuallyDrop::new(coroutine)), yielder: null() }
    }
}

/// As the x86-64 one: suspends the caller's stack into `from` and goes on with `to`.
///
/// # Safety
/// `to` is suspended and nobody else switches to it; `from` stays valid until then, and is the context that runs. The caller
/// holds nothing that belongs to its thread across the call.
#[inline(never)]
pub(in crate::gmp) unsafe fn switch(from: *mut Context, to: *mut Context, passed: usize) -> usize {
    // SAFETY: `from` is ours: it runs.
    if unsafe { (*from).coroutine.is_some() } {
        // SAFETY: a coroutine that runs has written its yielder, which lives on its own stack.
        let (_, passed) = unsafe { (*(*from).yielder).suspend((to, passed)) };
        return passed;
    }
    let (mut to, mut passed) = (to, passed);
    loop {
        // SAFETY: `to` is suspended and ours to resume, says the caller or the coroutine that hopped to it.
        let Some(coroutine) = (unsafe { (*to).coroutine.as_mut() }) else {
            return passed; // Back on the thread's own stack.
        };
        match coroutine.resume((to, passed)) {
            CoroutineResult::Yield(hop) => (to, passed) = hop,
            CoroutineResult::Return(()) => unreachable!("an entry never returns"),
        }
    }
}
