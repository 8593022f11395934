//! Naming the G that ran into its guard page, before the process ends.
//!
//! A process has one handler for a memory fault, whatever thread it happens on. Ours asks whether the thread is an M, and the address in the guard page of
//! the G that the M executes, with a P or without. If so, it says which G that is, and aborts. Any other fault is passed on to the handler that was there
//! before: std's, which tells of threads that overflow, or the user's. Rust code touches every page of a frame on the way down (`probestack`), so no frame is
//! too big to meet the page; a frame of C code may be.
//!
//! The handler cannot run on the stack that is full: each M's thread has a signal stack ([`SignalStack`]). It runs in the middle of anything (an
//! allocation, a lock that is held), so it takes no lock, allocates nothing, and writes with one system call.

use std::{
    ffi::{c_int, c_void},
    io,
    mem::MaybeUninit,
    ptr::null_mut,
    sync::{OnceLock, atomic::Ordering::Relaxed},
};

use super::slab::{Slab, guard_lightly, guard_with_mprotect};
use crate::gmp::m;

/// The lowest page is the guard. Room for the handlers that are called after ours (std's formats a message) and for the registers of any processor
/// (11 KiB on x86-64 with AMX); committed page by page, when a signal comes.
const SIGNAL_STACK_BYTES: usize = 64 << 10;

/// Linux says SIGSEGV for both kinds of guard; std watches both signals, and so do we.
const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// What was done at [`SIGNALS`] before.
static OLD: OnceLock<[libc::sigaction; 2]> = OnceLock::new();

/// The calling thread's signal stack, until it is dropped, on the same thread: then it has the one that it had before.
pub(in crate::gmp) struct SignalStack {
    _memory: Slab,
    old: libc::stack_t,
}

impl SignalStack {
    /// Sets it up; the first one of the process installs the handler. `None` if there is no memory for it: an overflow then goes unexplained, unless the
    /// thread has a signal stack already.
    pub(in crate::gmp) fn install() -> Option<Self> {
        OLD.get_or_init(take_over);
        let memory = Slab::map(SIGNAL_STACK_BYTES).ok()?;
        if !guard_lightly(memory.base) {
            guard_with_mprotect(memory.base).ok()?;
        }
        let new = libc::stack_t { ss_sp: memory.base, ss_flags: 0, ss_size: SIGNAL_STACK_BYTES };
        let mut old = MaybeUninit::uninit();
        // SAFETY: the memory is ours, and stays mapped until the thread has another signal stack: see `drop`.
        let result = unsafe { libc::sigaltstack(&new, old.as_mut_ptr()) };
        // SAFETY: written by a call that succeeded.
        (result == 0).then(|| SignalStack { _memory: memory, old: unsafe { old.assume_init() } })
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        // SAFETY: what the thread had before, which std frees at the thread's end, later than this.
        unsafe { libc::sigaltstack(&self.old, null_mut()) };
    }
}

/// Installs the handler; what was there before.
fn take_over() -> [libc::sigaction; 2] {
    SIGNALS.map(|signal| {
        let mut old = MaybeUninit::uninit();
        // SAFETY: all-zero is a valid `sigaction`: an empty mask. The handler has the signature that `SA_SIGINFO` asks for, and does only what may be done in a
        // handler. Known signals and valid pointers: it cannot fail.
        unsafe {
            let mut new: libc::sigaction = std::mem::zeroed();
            new.sa_sigaction = on_fault as *const () as usize;
            new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigaction(signal, &new, old.as_mut_ptr());
            old.assume_init()
        }
    })
}

unsafe extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel's. Of a signal that somebody sent (its code is 0 or less) the address means nothing.
    let address = unsafe { ((*info).si_code > 0).then(|| (*info).si_addr().addr()) };
    if let Some((id, stack_bytes)) = address.and_then(overflown_g) {
        report(id, stack_bytes);
        std::process::abort();
    }
    // SAFETY: as the kernel called us.
    unsafe { pass_on(signal, info, context) }
}

/// If `address` is in the guard page of the G that the calling thread executes: that G's id, and its stack's size in bytes.
fn overflown_g(address: usize) -> Option<(u64, usize)> {
    // SAFETY: Ms live as long as their threads. `curg` changes after each switch: while a G's stack is in use, it is that G; on g0 it is null, or still the
    // G that was left, which lives on until it no longer is. Nobody but this thread, which is here now, changes its stack.
    let (g, stack) = unsafe {
        let m = m::current().as_ref()?;
        let g = m.curg.load(Relaxed).as_ref()?;
        (g, (*g.stack.as_ptr()).as_ref()?)
    };
    stack.guard().contains(&address).then_some((g.id, stack.size()))
}

/// Calls the handler that was there before, or lets its default happen.
unsafe fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // Not there yet: on another thread, while the first M of the process installs it. The fault then happens again.
    let Some(old) = OLD.get() else { return };
    let old = &old[usize::from(signal != SIGNALS[0])];
    // SAFETY: as in `on_fault`.
    let was_sent = unsafe { (*info).si_code } <= 0;
    match old.sa_sigaction {
        libc::SIG_IGN if was_sent => {}
        libc::SIG_DFL | libc::SIG_IGN => {
            // A fault happens again when we return, and then ends the process as if we had never been; even if it is ignored, as the kernel has it.
            // SAFETY: a known signal; our own value.
            unsafe { libc::sigaction(signal, old, null_mut()) };
            if was_sent {
                // SAFETY: a known signal, which comes when we return: until then it is blocked.
                unsafe { libc::raise(signal) };
            }
        }
        handler if old.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: its flags say that it has this signature; it gets what we have got.
            unsafe {
                let handler: unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                    std::mem::transmute(handler);
                handler(signal, info, context);
            }
        }
        handler => {
            // SAFETY: as above.
            unsafe {
                let handler: unsafe extern "C" fn(c_int) = std::mem::transmute(handler);
                handler(signal);
            }
        }
    }
}

/// Never inlined: where there is nothing to report, the old handler needs the room.
#[cold]
#[inline(never)]
fn report(id: u64, stack_bytes: usize) {
    let mut message = Message { bytes: [0; 256], len: 0 };
    message.text(b"\nfatal error: gmp: goroutine ");
    message.number(id);
    message.text(b" has overflowed its stack of ");
    message.number(stack_bytes as u64);
    message.text(b" bytes; for larger stacks see `Runtime::builder().stack_size(..)`\n");
    message.write();
}

/// Text that is put together without allocating.
struct Message {
    bytes: [u8; 256],
    len: usize,
}

impl Message {
    /// Appends what fits.
    fn text(&mut self, text: &[u8]) {
        let free = &mut self.bytes[self.len..];
        let len = text.len().min(free.len());
        free[..len].copy_from_slice(&text[..len]);
        self.len += len;
    }

    fn number(&mut self, mut number: u64) {
        let mut digits = [0; 20]; // As many as `u64::MAX` has.
        let mut first = digits.len();
        loop {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return self.text(&digits[first..]);
            }
        }
    }

    /// To stderr, past its lock. Nothing can be done if that fails.
    fn write(&self) {
        let mut rest = &self.bytes[..self.len];
        while !rest.is_empty() {
            // SAFETY: our own bytes.
            let written = unsafe { libc::write(libc::STDERR_FILENO, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(written) {
                Ok(written @ 1..) => rest = &rest[written..],
                Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_numbers_in_full_and_ends_where_there_is_no_room() {
        let mut message = Message { bytes: [0; 256], len: 0 };
        for number in [0, 7, 65_536, u64::MAX] {
            message.number(number);
            message.text(b",");
        }
        assert_eq!(&message.bytes[..message.len], b"0,7,65536,18446744073709551615,");
        message.text(&[b'x'; 300]);
        assert_eq!((message.len, message.bytes[255]), (256, b'x'));
    }

    #[test]
    fn a_thread_has_its_old_signal_stack_back() {
        let current = || {
            let mut stack = MaybeUninit::<libc::stack_t>::uninit();
            // SAFETY: writes to our own variable.
            unsafe {
                libc::sigaltstack(std::ptr::null(), stack.as_mut_ptr());
                stack.assume_init()
            }
        };
        let before = current();
        let stack = SignalStack::install().unwrap();
        assert_eq!(current().ss_size, SIGNAL_STACK_BYTES);
        assert_ne!(current().ss_sp, before.ss_sp);
        drop(stack);
        assert_eq!((current().ss_sp, current().ss_flags), (before.ss_sp, before.ss_flags));
    }
}
