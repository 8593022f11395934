//! The memory of Gs: blocks of a few sizes, which those that end leave to those that come.
//!
//! A block is whole cache lines, and begins at one. Each P keeps, for each size, two *magazines* of free blocks, last in, first out: the block of the G that has just ended
//! is still in the cache. When both are full, one goes to a pool that all runtimes of the process share, and when both are empty, one comes from there: a lock for
//! each [`Magazine`] (Bonwick's "Magazines and Vmem", 2001), and one for each block that is made or freed on a thread without a P. So one P may make Gs and another free them, and a
//! burst costs `malloc` nothing after the first.
//!
//! Blocks are cut from *chunks*, which stand at multiples of their size. A block does not know whether its chunk's others are free, since that is asked for seldom: sysmon gives
//! chunks back (`chunks`) when the pool has not needed them for a while ([`Trim`]), and then sorts the blocks to find those that are whole.
//!
//! What is larger than [`MAX_BYTES`], or needs more alignment, is the allocator's; with AddressSanitizer everything is, so that it sees who uses a G after its end.

use std::{
    alloc::Layout,
    ptr::{NonNull, null_mut},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use super::{
    chunks::{self, CHUNK_BYTES},
    futex::NEVER,
    lock::{Mutex, MutexGuard},
};

/// A cache line.
const LINE: usize = 64;
/// The largest block.
const MAX_BYTES: usize = 512;
const CLASSES: usize = MAX_BYTES / LINE;

/// A size of blocks: so many lines, less one.
#[derive(Clone, Copy)]
pub(super) struct Class(usize);

impl Class {
    /// The smallest that `layout` fits into.
    pub(super) const fn of(layout: Layout) -> Option<Class> {
        if layout.size() == 0 || layout.size() > MAX_BYTES || layout.align() > LINE || cfg!(gmp_asan) {
            return None;
        }
        Some(Class((layout.size() - 1) / LINE))
    }

    const fn bytes(self) -> usize {
        (self.0 + 1) * LINE
    }

    /// As many blocks as a chunk, and a full magazine.
    const fn per_chunk(self) -> usize {
        CHUNK_BYTES / self.bytes()
    }
}

/// A block that is free.
struct Free {
    next: *mut Free,
}

/// A stack of free blocks of one class.
struct Magazine {
    top: *mut Free,
    len: usize,
}

// SAFETY: free blocks belong to whoever has the magazine.
unsafe impl Send for Magazine {}

impl Magazine {
    const fn new() -> Self {
        Magazine { top: null_mut(), len: 0 }
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<NonNull<u8>> {
        let top = NonNull::new(self.top)?;
        // SAFETY: it is free, and ours.
        self.top = unsafe { top.as_ref() }.next;
        self.len -= 1;
        Some(top.cast())
    }

    /// # Safety
    /// The block is free, of the magazine's class, and the caller's.
    #[inline(always)]
    unsafe fn push(&mut self, block: NonNull<u8>) {
        let block = block.cast::<Free>();
        // SAFETY: the caller's; a block begins at a line, and is one at least.
        unsafe { block.write(Free { next: self.top }) };
        self.top = block.as_ptr();
        self.len += 1;
    }

    /// A full one, of a chunk of its own.
    fn cut(class: Class) -> Self {
        let chunk = chunks::take();
        let mut magazine = Magazine::new();
        // The first on top: Gs that are born together lie in the order in which they run.
        for n in (0..class.per_chunk()).rev() {
            // SAFETY: inside of the chunk, which nobody else knows.
            unsafe { magazine.push(chunk.add(n * class.bytes())) };
        }
        magazine
    }
}

/// What a P keeps.
pub(super) struct Blocks([Cache; CLASSES]);

/// Blocks of one class: when `loaded` is full or empty, `spare` takes its place, if it is not the same.
struct Cache {
    loaded: Magazine,
    spare: Magazine,
}

impl Blocks {
    pub(super) fn new() -> Self {
        Blocks(std::array::from_fn(|_| Cache { loaded: Magazine::new(), spare: Magazine::new() }))
    }

    /// A block for whoever asks: uninitialised.
    #[inline(always)]
    pub(super) fn take(&mut self, class: Class) -> NonNull<u8> {
        let cache = &mut self.0[class.0];
        cache.loaded.pop().unwrap_or_else(|| cache.reload(class))
    }

    /// # Safety
    /// The block is of this class, and nobody's.
    #[inline(always)]
    pub(super) unsafe fn put(&mut self, class: Class, block: NonNull<u8>) {
        let cache = &mut self.0[class.0];
        if cache.loaded.len == class.per_chunk() {
            cache.unload(class);
        }
        // SAFETY: the caller's.
        unsafe { cache.loaded.push(block) };
    }
}

impl Cache {
    #[cold]
    #[inline(never)]
    fn reload(&mut self, class: Class) -> NonNull<u8> {
        std::mem::swap(&mut self.loaded, &mut self.spare);
        if self.loaded.len == 0 {
            let full = POOLS[class.0].lock().take();
            self.loaded = full.unwrap_or_else(|| Magazine::cut(class));
        }
        self.loaded.pop().expect("it is not empty")
    }

    #[cold]
    #[inline(never)]
    fn unload(&mut self, class: Class) {
        std::mem::swap(&mut self.loaded, &mut self.spare);
        if self.loaded.len == class.per_chunk() {
            let full = std::mem::replace(&mut self.loaded, Magazine::new());
            POOLS[class.0].lock().keep(full);
        }
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        for (class, cache) in self.0.iter_mut().enumerate() {
            for magazine in [&mut cache.loaded, &mut cache.spare] {
                while let Some(block) = magazine.pop() {
                    // SAFETY: it was in a magazine of this class.
                    unsafe { put(Class(class), block) };
                }
            }
        }
    }
}

/// As [`Blocks::take`], on a thread that holds no P.
pub(super) fn take(class: Class) -> NonNull<u8> {
    let mut pool = POOLS[class.0].lock();
    if let Some(block) = pool.loose.pop() {
        return block;
    }
    pool.loose = pool.take().unwrap_or_else(|| Magazine::cut(class));
    pool.loose.pop().expect("it was full")
}

/// As [`Blocks::put`], on a thread that holds no P.
///
/// # Safety
/// As there.
pub(super) unsafe fn put(class: Class, block: NonNull<u8>) {
    let mut pool = POOLS[class.0].lock();
    if pool.loose.len == class.per_chunk() {
        let full = std::mem::replace(&mut pool.loose, Magazine::new());
        pool.keep(full);
    }
    // SAFETY: the caller's.
    unsafe { pool.loose.push(block) };
}

/// Free blocks of one class that no P keeps.
struct Pool(Mutex<Inner>);

struct Inner {
    full: Vec<Magazine>,
    /// Not full: of those who hold no P.
    loose: Magazine,
    /// So many of `full` have not been needed since the period began.
    low: usize,
    /// Something has been freed since the period began.
    fresh: bool,
    /// A chunk has been given back since the period began. Where neither is so, what is left are parts of chunks whose other blocks are in use.
    gave: bool,
}

static POOLS: [Pool; CLASSES] = [const { Pool::new() }; CLASSES];

impl Pool {
    const fn new() -> Self {
        Pool(Mutex::new(Inner { full: Vec::new(), loose: Magazine::new(), low: 0, fresh: false, gave: false }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no code panics while it holds this lock")
    }

    /// Gives back chunks that have not been needed in this period, up to [`PORTION`]; whether there may be more.
    fn give_back(&self, class: Class) -> bool {
        let taken = {
            let mut pool = self.lock();
            let count = pool.low.min(PORTION);
            pool.low -= count;
            let keep = pool.full.len() - count;
            pool.full.split_off(keep)
        };
        let more = taken.len() == PORTION;
        let mut blocks: Vec<NonNull<u8>> =
            taken.into_iter().flat_map(|mut full| std::iter::from_fn(move || full.pop())).collect();
        // Those of one chunk stand together then.
        blocks.sort_unstable();
        let chunk = |block: &NonNull<u8>| block.addr().get() / CHUNK_BYTES;
        let mut rest = Magazine::new();
        let mut gave = false;
        for run in blocks.chunk_by(|a, b| chunk(a) == chunk(b)) {
            if run.len() == class.per_chunk() {
                // SAFETY: all of its blocks are free, and ours; the first one is where it begins.
                unsafe { chunks::put(run[0]) };
                gave = true;
            } else {
                // SAFETY: of this class, and free.
                run.iter().for_each(|&block| unsafe { rest.push(block) });
            }
        }
        let mut pool = self.lock();
        pool.gave |= gave;
        // SAFETY: as above.
        unsafe { pool.put_back(class, rest) };
        more
    }

    /// What is there from now on and not needed for a while is too much; whether there is something that can be given back, as far as is known.
    fn begin_period(&self) -> bool {
        let mut pool = self.lock();
        pool.low = pool.full.len();
        let changed = std::mem::take(&mut pool.fresh) | std::mem::take(&mut pool.gave);
        changed && pool.low > 0
    }
}

impl Inner {
    fn keep(&mut self, full: Magazine) {
        self.full.push(full);
        self.fresh = true;
        KEPT.store(true, Relaxed);
    }

    /// What could not be given back.
    ///
    /// # Safety
    /// The blocks are of this class.
    unsafe fn put_back(&mut self, class: Class, mut blocks: Magazine) {
        while let Some(block) = blocks.pop() {
            if self.loose.len == class.per_chunk() {
                self.full.push(std::mem::replace(&mut self.loose, Magazine::new()));
            }
            // SAFETY: the caller's.
            unsafe { self.loose.push(block) };
        }
    }

    fn take(&mut self) -> Option<Magazine> {
        let full = self.full.pop();
        self.low = self.low.min(self.full.len());
        full
    }
}

/// Whether there may be a full magazine in some pool. Relaxed: sysmon looks again and again.
static KEPT: AtomicBool = AtomicBool::new(false);

/// When sysmon looks at the pools: as at the [stacks](super::stack::Trim).
#[derive(Default)]
pub(super) struct Trim {
    next_ns: u64,
}

/// How long a block lies unneeded before its memory goes: one to two of these. As for stacks.
const PERIOD_NS: u64 = 1_000_000_000;
/// How many magazines of a class at a time: at most 8,192 blocks to sort. Untuned.
const PORTION: usize = 64;
/// How soon the next portion comes: sysmon's tick.
const PAUSE_NS: u64 = 1_000_000;

impl Trim {
    /// Gives back what is due; when to look again.
    pub(super) fn look(&mut self, now: u64) -> u64 {
        if !KEPT.load(Relaxed) {
            return NEVER; // Who frees more keeps a P busy, which rouses sysmon.
        }
        if now < self.next_ns {
            return self.next_ns;
        }
        let pools = || POOLS.iter().enumerate();
        if pools().fold(false, |more, (class, pool)| pool.give_back(Class(class)) || more) {
            self.next_ns = now + PAUSE_NS;
            return self.next_ns;
        }
        KEPT.store(false, Relaxed);
        if pools().fold(false, |some, (_, pool)| pool.begin_period() || some) {
            KEPT.store(true, Relaxed);
        }
        self.next_ns = now + PERIOD_NS;
        self.next_ns
    }
}

#[cfg(all(test, not(gmp_loom), not(gmp_asan)))]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn class(bytes: usize) -> Class {
        Class::of(Layout::from_size_align(bytes, 8).unwrap()).unwrap()
    }

    #[test]
    fn a_layout_goes_to_the_smallest_class_that_it_fits() {
        for (bytes, expected) in [(1, 64), (64, 64), (65, 128), (128, 128), (129, 192), (512, 512)] {
            assert_eq!(class(bytes).bytes(), expected);
        }
        for (bytes, align) in [(513, 8), (100, 128), (0, 1)] {
            assert!(Class::of(Layout::from_size_align(bytes, align).unwrap()).is_none());
        }
    }

    #[test]
    fn blocks_are_disjoint_and_the_last_one_freed_comes_first() {
        // No other test uses this class: the pool is the process's.
        let (class, mut blocks) = (class(450), Blocks::new());
        let taken: Vec<_> = (0..1000).map(|_| blocks.take(class)).collect();
        let mut sorted: Vec<_> = taken.iter().map(|block| block.addr().get()).collect();
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] >= 512));
        assert!(sorted.iter().all(|address| address.is_multiple_of(LINE)));
        // SAFETY: taken from there.
        taken.iter().for_each(|&block| unsafe { blocks.put(class, block) });
        assert_eq!(blocks.take(class), taken[999]);
        // SAFETY: as above.
        unsafe { blocks.put(class, taken[999]) };
        // What one P has freed, another finds.
        drop(blocks);
        let mut others = Blocks::new();
        let again: HashSet<_> = (0..1000).map(|_| others.take(class)).collect();
        let found = taken.iter().filter(|block| again.contains(block)).count();
        assert!(found >= 1000 - class.per_chunk(), "{found}");
        // SAFETY: as above.
        again.into_iter().for_each(|block| unsafe { put(class, block) });
    }

    #[test]
    fn what_is_freed_after_a_period_has_begun_goes_with_the_next() {
        let (class, mut blocks) = (class(330), Blocks::new()); // As above.
        let taken: Vec<_> = (0..4000).map(|_| blocks.take(class)).collect();
        let pool = &POOLS[class.0];
        for half in taken.chunks(2000) {
            // SAFETY: taken from there.
            half.iter().for_each(|&block| unsafe { blocks.put(class, block) });
            assert!(pool.begin_period(), "there is more to give back");
        }
        while pool.give_back(class) {}
        assert!(pool.lock().full.len() < 10, "{}", pool.lock().full.len());
        // The first half was due before the second came.
        let mut blocks = Blocks::new();
        let taken: Vec<_> = (0..4000).map(|_| blocks.take(class)).collect();
        let (first, second) = taken.split_at(2000);
        // SAFETY: taken from there.
        first.iter().for_each(|&block| unsafe { blocks.put(class, block) });
        pool.begin_period();
        // SAFETY: as above.
        second.iter().for_each(|&block| unsafe { blocks.put(class, block) });
        while pool.give_back(class) {}
        assert!(pool.begin_period(), "the second half is still there");
        while pool.give_back(class) {}
        assert!(pool.lock().full.len() < 10, "{}", pool.lock().full.len());
    }

    #[test]
    fn what_is_not_needed_for_a_while_is_given_back_and_what_is_used_stays() {
        let class = class(390); // As above.
        let free = || {
            let pool = POOLS[class.0].lock();
            pool.full.len() * class.per_chunk() + pool.loose.len
        };
        let mut blocks = Blocks::new();
        let taken: Vec<_> = (0..2000).map(|_| blocks.take(class)).collect();
        let (kept, freed) = taken.split_at(1);
        // SAFETY: taken from there.
        freed.iter().for_each(|&block| unsafe { blocks.put(class, block) });
        drop(blocks);
        let before = free();
        assert!(before >= 1999);
        let pool = &POOLS[class.0];
        pool.begin_period();
        // One that is needed meanwhile, and freed again.
        let needed = take(class);
        // SAFETY: taken from there.
        unsafe { put(class, needed) };
        let periods = (0..5).take_while(|_| {
            while pool.give_back(class) {}
            pool.begin_period()
        });
        assert!(periods.count() < 5, "in the end nothing is left that could be given back");
        assert!(free() < before / 4, "{} of {before}", free());
        // SAFETY: it was kept: its chunk is there.
        unsafe {
            kept[0].write_bytes(7, class.bytes());
            put(class, kept[0]);
        }
    }
}
