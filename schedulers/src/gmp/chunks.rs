//! The memory that blocks are cut from: chunks, out of mappings of our own. The process has one store of them; any thread takes and puts.
//!
//! Not out of `malloc`'s: a chunk that stands at a multiple of its size leaves a hole of that size before the next one in glibc's heap, and the heap's own notes touch both pages of
//! the hole. So chunks took twice their size (measured), 128 bytes more for each G; and what is freed in the middle of the heap stays. Here a free chunk has no memory at all.

use std::{
    alloc::{Layout, handle_alloc_error},
    ops::Range,
    ptr::NonNull,
};

use super::{lock::Mutex, stack::Slab};

/// A chunk's size and alignment. Two pages: enough that a refill is rare, small enough that many are free as a whole after a burst. Untuned.
pub(super) const CHUNK_BYTES: usize = 8 << 10;
/// How much is mapped at a time: a million small Gs take 32 of these, which the kernel joins. Nothing is committed, nor ever unmapped.
const SLAB_BYTES: usize = 4 << 20;

static CHUNKS: Mutex<Chunks> = Mutex::new(Chunks { free: Vec::new(), fresh: 0..0 });

struct Chunks {
    /// Addresses of those that were used before: the last one is taken first.
    free: Vec<usize>,
    /// Never used.
    fresh: Range<usize>,
}

/// A chunk for whoever asks, all zero.
pub(super) fn take() -> NonNull<u8> {
    let mut chunks = CHUNKS.lock().expect("no code panics while it holds this lock");
    let address = chunks.free.pop().or_else(|| chunks.cut());
    drop(chunks);
    let chunk = address.and_then(|address| NonNull::new(std::ptr::with_exposed_provenance_mut(address)));
    chunk.unwrap_or_else(|| {
        handle_alloc_error(Layout::from_size_align(CHUNK_BYTES, CHUNK_BYTES).expect("a power of two"))
    })
}

/// Gives a chunk back, and its memory to the system.
///
/// # Safety
/// [`take`] gave it, and nothing in it is in use.
pub(super) unsafe fn put(chunk: NonNull<u8>) {
    // Before others may have it. A refusal (of locked memory) leaves it as it is: nobody relies on the zeros.
    // SAFETY: in a mapping of ours, and the caller's alone.
    unsafe { libc::madvise(chunk.as_ptr().cast(), CHUNK_BYTES, libc::MADV_DONTNEED) };
    let mut chunks = CHUNKS.lock().expect("no code panics while it holds this lock");
    chunks.free.push(chunk.as_ptr().expose_provenance());
}

impl Chunks {
    /// One that was never used; `None` if the system has no more.
    fn cut(&mut self) -> Option<usize> {
        if self.fresh.is_empty() {
            let slab = Slab::map(SLAB_BYTES).ok()?;
            let base = slab.base.expose_provenance();
            std::mem::forget(slab); // It stays mapped.
            // What does not stand at a multiple of the size is left over at both ends: a chunk at most.
            self.fresh = base.next_multiple_of(CHUNK_BYTES)..(base + SLAB_BYTES) / CHUNK_BYTES * CHUNK_BYTES;
        }
        let first = self.fresh.start;
        self.fresh.start += CHUNK_BYTES;
        Some(first)
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_aligned_and_disjoint_and_one_that_was_given_back_has_no_memory() {
        let mut taken: Vec<_> = (0..SLAB_BYTES / CHUNK_BYTES + 10).map(|_| take()).collect();
        // SAFETY: taken just now.
        taken.iter().for_each(|chunk| unsafe { chunk.write_bytes(7, CHUNK_BYTES) });
        taken.sort_unstable();
        assert!(taken.iter().all(|chunk| chunk.addr().get().is_multiple_of(CHUNK_BYTES)));
        assert!(taken.windows(2).all(|pair| pair[1].addr().get() - pair[0].addr().get() >= CHUNK_BYTES));
        // Of other tests' chunks, which may come between, none has been written to.
        let kept = taken.split_off(5);
        // SAFETY: taken above, and nobody uses them.
        taken.drain(..).for_each(|chunk| unsafe { put(chunk) });
        for _ in 0..5 {
            let chunk = take();
            // SAFETY: taken just now, and mapped.
            assert_eq!(unsafe { chunk.read() }, 0);
            taken.push(chunk);
        }
        // SAFETY: as above.
        assert!(kept.iter().all(|chunk| unsafe { chunk.add(CHUNK_BYTES - 1).read() } == 7));
        // SAFETY: as above.
        taken.into_iter().chain(kept).for_each(|chunk| unsafe { put(chunk) });
    }
}
