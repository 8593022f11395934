//! Stacks from slabs: one mapping holds many stacks, reserved but not committed, so that a million stacks cost a page each and
//! few mappings (`vm.max_map_count` is 65,530 by default, and one `mprotect` per stack needs two).
//!
//! Invariants: a slab is never unmapped while [`Stacks`] lives; a [`Stack`] is owned by one G, or free; a stack that was used
//! before comes back with its guard in place and its memory as it was (no `madvise` on the way: it stays warm).

use std::{
    io,
    ops::Range,
    ptr::{NonNull, null_mut},
    sync::atomic::{AtomicBool, AtomicPtr, Ordering::*},
};

use crate::gmp::{
    g::G,
    lock::{Mutex, MutexGuard},
};

/// `MADV_GUARD_INSTALL`, Linux 6.13: a guard that does not split the mapping. (libc 0.2 does not name it everywhere.)
const MADV_GUARD_INSTALL: libc::c_int = 102;
/// Stacks are this far apart modulo the cache's way size, so that the tops of many do not all fall into the same sets.
const COLOURS: usize = 16;
/// One cache line a colour step, and a multiple of the 16 bytes that the ABI wants.
const COLOUR_STEP: usize = 64;
/// How much a slab reserves: large enough that a million 64 KiB stacks need 256 mappings, small enough for a tight address space limit.
const SLAB_BYTES: usize = 256 << 20;
/// The smallest stack that code in std (formatting, unwinding) gets along with, guard page included.
pub(in crate::gmp) const MIN_STACK_BYTES: usize = 16 << 10;

/// A stack: `size` bytes from `base`, of which the lowest page is the guard. At the other end, above where it begins, it says whose it is.
#[derive(Debug)]
pub(in crate::gmp) struct Stack {
    base: usize,
    size: u32,
}

/// Keeps what is below aligned as the ABI wants it.
const OWNER_BYTES: usize = 16;

impl Stack {
    /// The end at which it begins, 16-byte aligned; neighbours begin at different cache sets.
    pub(in crate::gmp) fn top(&self) -> usize {
        let size = self.size as usize;
        // A shift, not a division: the size is a power of two.
        let colour = (self.base >> self.size.trailing_zeros()) % COLOURS;
        self.base + size - colour * COLOUR_STEP - OWNER_BYTES
    }

    /// The G that runs on it; null if it is free.
    pub(in crate::gmp) fn owner(&self) -> &AtomicPtr<G> {
        // SAFETY: the bytes above the top are the stack's own, set aside for this, and zero (null) before the first use; slabs are never unmapped
        // while there are stacks.
        unsafe { AtomicPtr::from_ptr(std::ptr::with_exposed_provenance_mut(self.top())) }
    }

    /// Its size in bytes, guard page included.
    pub(super) fn size(&self) -> usize {
        self.size as usize
    }

    /// The guard page.
    pub(super) fn guard(&self) -> Range<usize> {
        self.base..self.base + page_bytes()
    }

    /// The lowest usable address.
    #[cfg_attr(
        all(target_arch = "x86_64", not(gmp_portable_switch), not(gmp_asan)),
        expect(dead_code, reason = "for the portable switch, and AddressSanitizer")
    )]
    pub(in crate::gmp) fn bottom(&self) -> usize {
        self.base + page_bytes()
    }
}

/// A runtime's stacks, all of one size.
pub(in crate::gmp) struct Stacks {
    size: usize,
    /// Whether the kernel refused light guards, and `mprotect` has to do.
    heavy_guards: AtomicBool,
    inner: Mutex<Inner>,
}

struct Inner {
    free: Vec<Stack>,
    slabs: Vec<Slab>,
    /// Stacks of the last slab that were never handed out.
    untouched: usize,
}

/// A mapping: reserved, not committed, and never on huge pages.
pub(super) struct Slab {
    pub(super) base: *mut libc::c_void,
    bytes: usize,
}

// SAFETY: a slab is an address range; who may touch what in it is decided by who owns the `Stack`.
unsafe impl Send for Slab {}

impl Stacks {
    /// For stacks of `size` bytes, guard page included, rounded up to a power of two of at least [`MIN_STACK_BYTES`].
    ///
    /// # Errors
    /// `InvalidInput` if that is more than 1 GiB (Go's limit).
    pub(in crate::gmp) fn new(size: usize) -> io::Result<Self> {
        if size > 1 << 30 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("a stack of {size} bytes: at most 1 GiB")));
        }
        let size = size.next_power_of_two().max(MIN_STACK_BYTES).max(4 * page_bytes());
        let inner = Inner { free: Vec::new(), slabs: Vec::new(), untouched: 0 };
        Ok(Stacks { size, heavy_guards: AtomicBool::new(false), inner: Mutex::new(inner) })
    }

    /// A stack that nobody uses: the one that was freed last, or a new one.
    ///
    /// # Errors
    /// The operating system's, when it has no more memory or mappings to give.
    pub(in crate::gmp) fn allocate(&self) -> io::Result<Stack> {
        let mut inner = self.lock();
        if let Some(stack) = inner.free.pop() {
            return Ok(stack);
        }
        if inner.untouched == 0 {
            let bytes = SLAB_BYTES.max(self.size);
            inner.slabs.push(Slab::map(bytes)?);
            inner.untouched = bytes / self.size;
        }
        let slab = inner.slabs.last().expect("there is one with untouched stacks");
        let base = slab.base.expose_provenance() + slab.bytes - inner.untouched * self.size;
        self.guard(base)?;
        inner.untouched -= 1;
        Ok(Stack { base, size: self.size as u32 })
    }

    /// The Gs that have stacks, a moment ago.
    pub(in crate::gmp) fn owners(&self) -> impl Iterator<Item = NonNull<G>> + use<> {
        let inner = self.lock();
        let (size, untouched) = (self.size, inner.untouched);
        let last = inner.slabs.len().saturating_sub(1);
        let slabs: Vec<_> = inner.slabs.iter().map(|slab| (slab.base.expose_provenance(), slab.bytes / size)).collect();
        drop(inner);
        let used = move |(n, (base, count))| {
            let count = if n == last { count - untouched } else { count };
            (0..count).map(move |k| Stack { base: base + k * size, size: size as u32 })
        };
        // Acquire: pairs with the Release of whoever made a G the owner.
        slabs.into_iter().enumerate().flat_map(used).filter_map(|stack| NonNull::new(stack.owner().load(Acquire)))
    }

    /// Moves up to `count` free stacks into `cache`.
    pub(in crate::gmp) fn refill(&self, cache: &mut Vec<Stack>, count: usize) {
        let mut inner = self.lock();
        let keep = inner.free.len().saturating_sub(count);
        cache.extend(inner.free.drain(keep..));
    }

    /// Takes back the `count` stacks of `cache` that were freed first.
    pub(in crate::gmp) fn spill(&self, cache: &mut Vec<Stack>, count: usize) {
        self.lock().free.extend(cache.drain(..count.min(cache.len())));
    }

    /// Takes back all stacks of `cache`.
    pub(in crate::gmp) fn spill_all(&self, cache: &mut Vec<Stack>) {
        self.lock().free.append(cache);
    }

    /// Gives the memory of the free stacks back to the system; they stay, with their guards.
    pub(in crate::gmp) fn give_back(&self) {
        let mut inner = self.lock();
        inner.free.sort_unstable_by_key(|stack| stack.base);
        for run in inner.free.chunk_by(|a, b| a.base + self.size == b.base) {
            let (first, bytes) = (std::ptr::with_exposed_provenance_mut(run[0].base), run.len() * self.size);
            // SAFETY: our own mapping, and nobody's stacks; both kinds of guard outlast it. A refusal leaves the memory as it is.
            unsafe { libc::madvise(first, bytes, libc::MADV_DONTNEED) };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no code panics while it holds this lock")
    }

    fn guard(&self, base: usize) -> io::Result<()> {
        let base = std::ptr::with_exposed_provenance_mut(base);
        if !self.heavy_guards.load(Relaxed) {
            if guard_lightly(base) {
                return Ok(());
            }
            self.heavy_guards.store(true, Relaxed);
        }
        let Err(error) = guard_with_mprotect(base) else { return Ok(()) };
        if error.raw_os_error() == Some(libc::ENOMEM) {
            return Err(io::Error::other(
                "no mapping left for a stack's guard page: this kernel (before 6.13) needs two per stack; raise vm.max_map_count",
            ));
        }
        Err(error)
    }
}

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
    pub(super) fn map(bytes: usize) -> io::Result<Slab> {
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
}

impl Drop for Slab {
    fn drop(&mut self) {
        // SAFETY: our own mapping; `Stacks` is dropped only when no G has a stack any more.
        unsafe { libc::munmap(self.base, self.bytes) };
    }
}

fn page_bytes() -> usize {
    // SAFETY: asks for a constant, which libc has at hand.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_disjoint_aligned_and_used_again() {
        let stacks = Stacks::new(20_000).unwrap();
        let (a, b) = (stacks.allocate().unwrap(), stacks.allocate().unwrap());
        assert_eq!(a.size, 32 << 10);
        assert!(a.base.abs_diff(b.base) >= 32 << 10);
        for stack in [&a, &b] {
            assert_eq!(stack.top() % 16, 0);
            assert!(stack.top() > stack.base + (16 << 10) && stack.top() <= stack.base + (32 << 10));
        }
        let base = a.base;
        stacks.spill(&mut vec![a], 1);
        assert_eq!(stacks.allocate().unwrap().base, base);
    }

    #[test]
    fn the_whole_stack_is_writable_and_the_guard_is_not() {
        let stacks = Stacks::new(64 << 10).unwrap();
        let stack = stacks.allocate().unwrap();
        assert!(stack.owner().load(Relaxed).is_null());
        let bytes = stack.top() - stack.base - page_bytes();
        // SAFETY: the usable part of a stack that nobody runs on.
        unsafe { std::ptr::with_exposed_provenance_mut::<u8>(stack.base + page_bytes()).write_bytes(0xa5, bytes) };
        // A system call that would write to the guard says EFAULT instead of dying.
        let guard = std::ptr::with_exposed_provenance_mut(stack.base);
        // SAFETY: the kernel checks the address; it is our own guard page.
        let result = unsafe { libc::getrandom(guard, 8, 0) };
        assert_eq!((result, io::Error::last_os_error().raw_os_error()), (-1, Some(libc::EFAULT)));
    }

    #[test]
    fn memory_that_is_given_back_is_clean_and_guards_stay() {
        let stacks = Stacks::new(64 << 10).unwrap();
        let mut used: Vec<_> = (0..5).map(|_| stacks.allocate().unwrap()).collect();
        let byte = |stack: &Stack| std::ptr::with_exposed_provenance_mut::<u8>(stack.top() - 1);
        // SAFETY: the usable part of stacks that nobody runs on.
        used.iter().for_each(|stack| unsafe { byte(stack).write(7) });
        let kept = used.remove(2);
        stacks.spill(&mut used, 4);
        stacks.give_back();
        for _ in 0..4 {
            let stack = stacks.allocate().unwrap();
            // SAFETY: as above.
            assert_eq!(unsafe { byte(&stack).read() }, 0);
            let guard = std::ptr::with_exposed_provenance_mut(stack.base);
            // SAFETY: the kernel checks the address; it is our own guard page.
            assert_eq!(unsafe { libc::getrandom(guard, 8, 0) }, -1);
        }
        // SAFETY: as above.
        assert_eq!(unsafe { byte(&kept).read() }, 7);
    }

    #[test]
    fn owners_are_found_by_their_stacks() {
        let stacks = Stacks::new(64 << 10).unwrap();
        assert_eq!(stacks.owners().count(), 0);
        let used: Vec<_> = (0..40).map(|_| stacks.allocate().unwrap()).collect();
        let owner = |n: usize| std::ptr::without_provenance_mut::<G>((n + 1) * 64);
        used.iter().enumerate().for_each(|(n, stack)| stack.owner().store(owner(n), Relaxed));
        used[7].owner().store(null_mut(), Relaxed);
        let mut found: Vec<_> = stacks.owners().map(NonNull::as_ptr).collect();
        found.sort_unstable();
        assert!(found.into_iter().eq((0..40).filter(|&n| n != 7).map(owner)));
    }

    #[test]
    fn a_huge_stack_is_refused() {
        assert_eq!(Stacks::new((1 << 30) + 1).err().unwrap().kind(), io::ErrorKind::InvalidInput);
    }
}
