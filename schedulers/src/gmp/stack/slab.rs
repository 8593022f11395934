//! A slab: one mapping that holds many stacks, reserved but not committed, so that a million stacks cost a page each and few mappings
//! (`vm.max_map_count` is 65,530 by default, and one `mprotect` per stack needs two).
//!
//! Invariants: the lowest page of a stack in use is a guard; a [`Stack`] belongs to whoever has the value, which is never copied.

use std::{io, num::NonZeroUsize, ops::Range, ptr::null_mut, sync::atomic::AtomicPtr};

use crate::gmp::g::G;

/// `MADV_GUARD_INSTALL`, Linux 6.13: a guard that does not split the mapping. (libc 0.2 does not name it everywhere.)
const MADV_GUARD_INSTALL: libc::c_int = 102;
/// `MADV_GUARD_REMOVE`: the opposite.
const MADV_GUARD_REMOVE: libc::c_int = 103;
/// Stacks are this far apart modulo the cache's way size, so that the tops of many do not all fall into the same sets.
const COLOURS: usize = 16;
/// One cache line a colour step, and a multiple of the 16 bytes that the ABI wants.
const COLOUR_STEP: usize = 64;
/// The smallest stack that code in std (formatting, unwinding) gets along with, guard page included.
pub(in crate::gmp) const MIN_STACK_BYTES: usize = 16 << 10;

/// A stack, of which the lowest page is the guard. At the other end, above where it begins, it says whose it is.
///
/// One word, since each G has room for it: the base, which is a page's, and below it the binary logarithm of the size, a power of two.
#[derive(Debug)]
pub(in crate::gmp) struct Stack(NonZeroUsize);

/// What of a [`Stack`] is the logarithm.
const LOG_MASK: usize = 0x3f;

/// Keeps what is below aligned as the ABI wants it.
const OWNER_BYTES: usize = 16;

impl Stack {
    /// `size` bytes from `base`, the beginning of a page that is not at address 0; `size` is a power of two.
    pub(super) fn new(base: usize, size: usize) -> Self {
        debug_assert!(base & LOG_MASK == 0 && size.is_power_of_two());
        Stack(NonZeroUsize::new(base | size.trailing_zeros() as usize).expect("nothing is mapped at address 0"))
    }

    /// Its lowest address.
    pub(super) fn base(&self) -> usize {
        self.0.get() & !LOG_MASK
    }

    /// Its size in bytes, guard page included.
    pub(super) fn size(&self) -> usize {
        1 << (self.0.get() & LOG_MASK)
    }

    /// The end at which it begins, 16-byte aligned; neighbours begin at different cache sets.
    pub(in crate::gmp) fn top(&self) -> usize {
        let (base, log) = (self.base(), self.0.get() & LOG_MASK);
        let colour = (base >> log) % COLOURS;
        base + (1 << log) - colour * COLOUR_STEP - OWNER_BYTES
    }

    /// The G that runs on it; null if it is free.
    pub(in crate::gmp) fn owner(&self) -> &AtomicPtr<G> {
        // SAFETY: the bytes above the top are the stack's own, set aside for this, and zero (null) before the first use; slabs are never unmapped
        // while there are stacks.
        unsafe { AtomicPtr::from_ptr(std::ptr::with_exposed_provenance_mut(self.top())) }
    }

    /// The guard page.
    pub(super) fn guard(&self) -> Range<usize> {
        self.base()..self.base() + page_bytes()
    }

    /// The lowest usable address.
    #[cfg_attr(
        all(target_arch = "x86_64", not(gmp_portable_switch), not(gmp_asan)),
        expect(dead_code, reason = "for the portable switch, and AddressSanitizer")
    )]
    pub(in crate::gmp) fn bottom(&self) -> usize {
        self.base() + page_bytes()
    }
}

/// A mapping: reserved, not committed, and never on huge pages.
pub(in crate::gmp) struct Slab {
    pub(in crate::gmp) base: *mut libc::c_void,
    pub(super) bytes: usize,
}

// SAFETY: a slab is an address range; who may touch what in it is decided by who owns the `Stack`.
unsafe impl Send for Slab {}

/// Makes the first page of a mapping of ours, which nobody uses yet, a guard that does not split it. `false` before Linux 6.13 (EINVAL).
pub(super) fn guard_lightly(base: *mut libc::c_void) -> bool {
    // SAFETY: one page of our own mapping, says the caller.
    unsafe { libc::madvise(base, page_bytes(), MADV_GUARD_INSTALL) == 0 }
}

/// As [`guard_lightly`], on any kernel; it splits the mapping.
pub(super) fn guard_with_mprotect(base: *mut libc::c_void) -> io::Result<()> {
    // SAFETY: as above.
    match unsafe { libc::mprotect(base, page_bytes(), libc::PROT_NONE) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Slab {
    pub(in crate::gmp) fn map(bytes: usize) -> io::Result<Slab> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        // SAFETY: a new mapping, wherever the kernel likes.
        let base = unsafe { libc::mmap(null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // A huge page would commit 2 MiB for the first byte of a stack. Refusal (a kernel without THP) is as good as success.
        // SAFETY: our own mapping.
        unsafe { libc::madvise(base, bytes, libc::MADV_NOHUGEPAGE) };
        Ok(Slab { base, bytes })
    }

    /// Gives all memory back, and removes light guards: then Linux, from 6.14 on (`CONFIG_PT_RECLAIM`), frees the tables that mapped it, too. Those are 128 bytes for
    /// a stack of 64 KiB. A refusal leaves things as they are.
    ///
    /// The caller owns all stacks in it, and none of them has a guard for sure afterwards.
    pub(super) fn renew(&self) {
        // SAFETY: our own mapping; what is there reads as zero afterwards, and nobody uses it, says the caller.
        unsafe {
            libc::madvise(self.base, self.bytes, MADV_GUARD_REMOVE);
            libc::madvise(self.base, self.bytes, libc::MADV_DONTNEED);
        }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        // SAFETY: our own mapping; `Stacks` is dropped only when no G has a stack any more.
        unsafe { libc::munmap(self.base, self.bytes) };
    }
}

pub(super) fn page_bytes() -> usize {
    // SAFETY: asks for a constant, which libc has at hand.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// Gives back the memory of `stacks`, which are the caller's and neighbours, in this order; both kinds of guard outlast it. A refusal leaves the memory as it is.
pub(super) fn clear(stacks: &[Stack]) {
    let Some(first) = stacks.first() else { return };
    let bytes = stacks.len() * first.size();
    // SAFETY: in mappings of ours, and used by nobody: who has the `Stack` has the memory.
    unsafe { libc::madvise(std::ptr::with_exposed_provenance_mut(first.base()), bytes, libc::MADV_DONTNEED) };
}
