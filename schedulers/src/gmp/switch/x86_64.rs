//! Our switch for x86-64 (System V): about 1.4 ns, since only `rip`, `rbp` and `rbx` go through memory by hand.
//!
//! It is inline assembly that declares every other register clobbered: the compiler spills what is live at that place and nothing
//! more. `rbx` and `rbp` cannot be declared (LLVM keeps them for itself), so they are pushed. Control words (MXCSR, x87) stay
//! as they are: they belong to the thread, and code that changes them must not call gmp before it has changed them back.
//!
//! A suspended stack, from its saved stack pointer up:
//!
//! ```text
//! suspended by `switch`          fresh
//! sp+0   where to go on          sp+0   trampoline
//! sp+8   rbp                     sp+8   entry
//! sp+16  rbx                     sp+16  argument
//! sp+24  the frame that called   sp+24  0, 0: the end of the chain of frames (16-byte aligned)
//! ```

use std::arch::{asm, naked_asm};

use super::{
    Entry, Passed,
    sanitizer::{self, Shadow},
};
use crate::gmp::stack::Stack;

/// A suspended stack: its stack pointer. Meaningless while it runs.
pub(in crate::gmp) struct Context {
    sp: usize,
    shadow: Shadow,
}

impl Context {
    /// Whether the one that runs may be moved.
    pub(in crate::gmp) const MOVES: bool = true;

    /// For a thread's own stack: filled in when it first switches away.
    pub(in crate::gmp) const fn of_thread() -> Self {
        Context { sp: 0, shadow: Shadow::of_thread() }
    }

    /// A context that calls `entry(argument, ..)` with the words passed on `stack` when it is first switched to.
    ///
    /// # Safety
    /// Nothing else uses the stack until the context is dropped for good; `entry` must not return.
    pub(in crate::gmp) unsafe fn fresh(stack: &Stack, entry: Entry, argument: *mut ()) -> Self {
        let frame = [trampoline as *const () as usize, entry as *const () as usize, argument.expose_provenance(), 0, 0];
        let sp = stack.top() - size_of_val(&frame);
        let shadow = Shadow::fresh(stack);
        // `top` is 16-byte aligned and the frame 40 bytes long: when the trampoline has popped three words, the stack pointer
        // is `top - 16`, aligned as the ABI wants it before a call.
        // SAFETY: the words just below the top are the stack's own memory, and nobody uses it, says the caller.
        unsafe { std::ptr::with_exposed_provenance_mut::<[usize; 5]>(sp).write(frame) };
        Context { sp, shadow }
    }

    /// The context that runs is about to switch away for the last time.
    #[cfg(gmp_asan)]
    pub(in crate::gmp) fn ends(&mut self) {
        self.shadow.ends();
    }
}

/// Where a fresh context begins: after `switch` has jumped here, the stack holds entry and argument, and the words passed are in the registers in which
/// a function finds its second to fourth argument.
#[unsafe(naked)]
unsafe extern "C" fn trampoline() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip", // The outermost frame: debuggers and unwinders stop here.
        "pop rax",            // entry
        "pop rdi",            // its first argument
        "xor ebp, ebp",       // the end of the chain of frame pointers
        #[cfg(gmp_asan)]
        "push rax",
        #[cfg(gmp_asan)]
        "push rdi",
        #[cfg(gmp_asan)]
        "push rsi",
        #[cfg(gmp_asan)]
        "push rdx",
        #[cfg(gmp_asan)]
        "push rcx",
        #[cfg(gmp_asan)]
        "sub rsp, 8", // aligned again
        #[cfg(gmp_asan)]
        "call {arrive_fresh}",
        #[cfg(gmp_asan)]
        "add rsp, 8",
        #[cfg(gmp_asan)]
        "pop rcx",
        #[cfg(gmp_asan)]
        "pop rdx",
        #[cfg(gmp_asan)]
        "pop rsi",
        #[cfg(gmp_asan)]
        "pop rdi",
        #[cfg(gmp_asan)]
        "pop rax",
        "call rax",
        "ud2", // entry does not return
        ".cfi_endproc",
        #[cfg(gmp_asan)]
        arrive_fresh = sym sanitizer::arrive_fresh,
    )
}

/// Suspends the caller's stack into `from` and goes on with `to`, which finds `passed` as the result of its own `switch`, or
/// behind its entry's first argument. Returns when somebody switches to `from`, with what they passed, maybe on another thread.
///
/// # Safety
/// `to` is suspended and nobody else switches to it; `from` stays valid until then. The caller holds nothing that belongs to its
/// thread (a reference into a thread-local, a guard of std) across the call.
// AddressSanitizer leaves out functions with inline assembly: there it must not become a part of the user's.
#[cfg_attr(not(gmp_asan), inline(always))]
#[cfg_attr(gmp_asan, inline(never))]
pub(in crate::gmp) unsafe fn switch(from: *mut Context, to: *mut Context, passed: Passed) -> Passed {
    let [mut a, mut b, mut c] = passed;
    // SAFETY: `from` runs and `to` is suspended.
    unsafe { sanitizer::leave(&raw mut (*from).shadow, &raw mut (*to).shadow) };
    // SAFETY: pushes three words (without `nostack` the compiler keeps no red zone here), leaves, and comes back at `2` with
    // the stack pointer where it was after the pushes; all registers but rsp, rbx and rbp are declared clobbered.
    unsafe {
        asm!(
            "push rbx",
            "push rbp",
            "lea rax, [rip + 2f]",
            "push rax",
            "mov [rdi], rsp",
            "mov rsp, [r8]",
            "pop rax",
            "jmp rax",
            "2:",
            "pop rbp",
            "pop rbx",
            inout("rdi") &raw mut (*from).sp => _,
            inout("r8") &raw mut (*to).sp => _,
            inout("rsi") a, inout("rdx") b, inout("rcx") c,
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
            clobber_abi("sysv64"),
        );
    }
    // SAFETY: `from` runs again.
    unsafe { sanitizer::arrive(&raw mut (*from).shadow) };
    [a, b, c]
}
