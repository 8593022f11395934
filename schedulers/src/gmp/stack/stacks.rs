//! A runtime's stacks that no P has: free ones, and how new ones come about.
//!
//! A free stack is *warm*: it has the memory that its last G touched, and the guard, and is taken again before any other, the one freed last first. Or *cold*: its
//! memory was given back, the guard is there. Or *fresh*: part of a slab from which it was never handed out, without a guard. Warm ones become cold when they
//! have not been needed for a while (`trim`), and a slab whose stacks are all cold becomes fresh again: that frees the tables that map it, too.
//!
//! Invariants: slabs are never unmapped while [`Stacks`] lives. A free stack is on exactly one list, and is taken off it, under the lock, before anybody touches
//! its memory: so who gives memory back, without the lock, has those stacks for himself as a G has its own.

use std::{
    collections::VecDeque,
    io,
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering::*},
};

use super::slab::{MIN_STACK_BYTES, Slab, Stack, clear, guard_lightly, guard_with_mprotect, page_bytes};
use crate::gmp::{
    g::G,
    lock::{Mutex, MutexGuard},
};

/// How much a slab reserves: large enough that a million 64 KiB stacks need 256 mappings, small enough for a tight address space limit.
const SLAB_BYTES: usize = 256 << 20;

/// The stacks of one runtime, all of one size.
pub(in crate::gmp) struct Stacks {
    size: usize,
    /// Whether the kernel refused light guards, and `mprotect` has to do.
    heavy_guards: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The one freed last is at the back.
    warm: VecDeque<Stack>,
    /// The fewest that were warm since [`Stacks::begin_period`]: so many, at the front, have not been touched since.
    least_warm: usize,
    /// Slabs with a cold or a fresh stack.
    open: Vec<Room>,
    /// Slabs without.
    full: Vec<Room>,
}

/// A slab, and which of its stacks are where.
struct Room {
    slab: Slab,
    /// So many from its beginning are not fresh.
    used: usize,
    cold: Vec<Stack>,
}

impl Room {
    fn base(&self) -> usize {
        self.slab.base.expose_provenance()
    }

    fn holds(&self, stack: &Stack) -> bool {
        (self.base()..self.base() + self.slab.bytes).contains(&stack.base())
    }

    /// All of it that was ever used is cold.
    fn is_cold(&self) -> bool {
        self.used > 0 && self.cold.len() == self.used
    }

    fn is_full(&self, size: usize) -> bool {
        self.cold.is_empty() && self.used == self.slab.bytes / size
    }
}

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
        Ok(Stacks { size, heavy_guards: AtomicBool::new(false), inner: Mutex::default() })
    }

    /// A stack that nobody uses: the warm one that was freed last, or a cold one, or a new one.
    ///
    /// # Errors
    /// The operating system's, when it has no more memory or mappings to give.
    pub(in crate::gmp) fn allocate(&self) -> io::Result<Stack> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        if let Some(stack) = inner.warm.pop_back() {
            inner.least_warm = inner.least_warm.min(inner.warm.len());
            return Ok(stack);
        }
        if inner.open.is_empty() {
            inner.open.push(Room { slab: Slab::map(SLAB_BYTES.max(self.size))?, used: 0, cold: Vec::new() });
        }
        let room = inner.open.last_mut().expect("one was pushed if there was none");
        let stack = match room.cold.pop() {
            Some(stack) => stack,
            None => {
                let base = room.base() + room.used * self.size;
                self.guard(base)?;
                room.used += 1;
                Stack::new(base, self.size)
            }
        };
        if room.is_full(self.size) {
            inner.full.extend(inner.open.pop());
        }
        Ok(stack)
    }

    /// The Gs that have stacks, a moment ago.
    pub(in crate::gmp) fn owners(&self) -> impl Iterator<Item = NonNull<G>> + use<> {
        let inner = self.lock();
        let size = self.size;
        let rooms: Vec<_> = inner.open.iter().chain(&inner.full).map(|room| (room.base(), room.used)).collect();
        drop(inner);
        let used = move |(base, used)| (0..used).map(move |n| Stack::new(base + n * size, size));
        // Of a stack without memory it reads zero. Acquire: pairs with the Release of whoever made a G the owner.
        rooms.into_iter().flat_map(used).filter_map(|stack| NonNull::new(stack.owner().load(Acquire)))
    }

    /// Moves up to `count` warm stacks into `cache`.
    pub(in crate::gmp) fn refill(&self, cache: &mut Vec<Stack>, count: usize) {
        let mut inner = self.lock();
        let keep = inner.warm.len().saturating_sub(count);
        cache.extend(inner.warm.drain(keep..));
        inner.least_warm = inner.least_warm.min(keep);
    }

    /// Takes back the `count` stacks of `cache` that were freed first.
    pub(in crate::gmp) fn spill(&self, cache: &mut Vec<Stack>, count: usize) {
        self.lock().warm.extend(cache.drain(..count.min(cache.len())));
    }

    /// Takes back all stacks of `cache`.
    pub(in crate::gmp) fn spill_all(&self, cache: &mut Vec<Stack>) {
        self.lock().warm.extend(cache.drain(..));
    }

    /// How many are warm, and on no P.
    #[cfg(all(test, not(gmp_loom)))]
    pub(super) fn warm(&self) -> usize {
        self.lock().warm.len()
    }

    /// From here on it is seen which of the warm stacks are not needed; how many are warm.
    pub(super) fn begin_period(&self) -> usize {
        let mut inner = self.lock();
        inner.least_warm = inner.warm.len();
        inner.least_warm
    }

    /// Gives back the memory of warm stacks that were not needed since the period began: all but `keep` of them, and `most` at a time. How many.
    pub(super) fn give_back_unused(&self, keep: usize, most: usize) -> usize {
        let mut inner = self.lock();
        let count = inner.least_warm.saturating_sub(keep).min(most);
        inner.least_warm -= count;
        self.give_back_first(inner, count)
    }

    /// Gives back the memory of all free stacks that no P has.
    pub(in crate::gmp) fn give_back(&self) {
        let inner = self.lock();
        let count = inner.warm.len();
        self.give_back_first(inner, count);
    }

    fn give_back_first(&self, mut inner: MutexGuard<'_, Inner>, count: usize) -> usize {
        if count == 0 {
            return 0;
        }
        let mut stacks: Vec<_> = inner.warm.drain(..count).collect();
        if inner.warm.len() < inner.warm.capacity() / 4 {
            inner.warm.shrink_to_fit();
        }
        drop(inner);
        // Nobody else has them now. One call for neighbours.
        stacks.sort_unstable_by_key(Stack::base);
        stacks.chunk_by(|a, b| a.base() + self.size == b.base()).for_each(clear);
        let mut inner = self.lock();
        inner.put_cold(stacks);
        if self.heavy_guards.load(Relaxed) {
            return count; // They would stay, and the tables with them.
        }
        let mut rooms: Vec<_> = inner.open.extract_if(.., |room| room.is_cold()).collect();
        drop(inner);
        for room in &mut rooms {
            room.slab.renew();
            (room.used, room.cold) = (0, Vec::new());
        }
        let mut inner = self.lock();
        // In front: slabs that are in use anyway come first.
        rooms.append(&mut inner.open);
        inner.open = rooms;
        count
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

impl Inner {
    /// Puts cold stacks, sorted by address, where they belong.
    fn put_cold(&mut self, mut stacks: Vec<Stack>) {
        while let Some(stack) = stacks.last() {
            let place = self.full.iter().position(|room| room.holds(stack));
            if let Some(place) = place {
                self.open.push(self.full.swap_remove(place));
            }
            let room = self.open.iter_mut().rfind(|room| room.holds(stack)).expect("a slab for each stack");
            let first = stacks.partition_point(|stack| stack.base() < room.base());
            room.cold.extend(stacks.drain(first..).rev());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        ptr::null_mut,
        sync::atomic::{AtomicBool, AtomicU64},
        thread,
    };

    use super::*;

    /// The usable part of a stack that nobody runs on.
    fn memory(stack: &Stack) -> *mut u64 {
        std::ptr::with_exposed_provenance_mut(stack.base() + page_bytes())
    }

    fn is_guarded(stack: &Stack) -> bool {
        // A system call that would write to the guard says EFAULT instead of dying.
        let guard = std::ptr::with_exposed_provenance_mut(stack.base());
        // SAFETY: the kernel checks the address; it is our own page.
        let result = unsafe { libc::getrandom(guard, 8, 0) };
        result == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
    }

    fn rooms(stacks: &Stacks) -> Vec<(usize, usize)> {
        let inner = stacks.lock();
        inner.open.iter().chain(&inner.full).map(|room| (room.used, room.cold.len())).collect()
    }

    #[test]
    fn stacks_are_disjoint_aligned_and_used_again() {
        let stacks = Stacks::new(20_000).unwrap();
        let (a, b) = (stacks.allocate().unwrap(), stacks.allocate().unwrap());
        assert_eq!(a.size(), 32 << 10);
        assert!(a.base().abs_diff(b.base()) >= 32 << 10);
        for stack in [&a, &b] {
            assert_eq!(stack.top() % 16, 0);
            assert!(stack.top() > stack.base() + (16 << 10) && stack.top() <= stack.base() + (32 << 10));
        }
        let base = a.base();
        stacks.spill(&mut vec![a], 1);
        assert_eq!(stacks.allocate().unwrap().base(), base);
    }

    #[test]
    fn the_whole_stack_is_writable_and_the_guard_is_not() {
        let stacks = Stacks::new(64 << 10).unwrap();
        let stack = stacks.allocate().unwrap();
        assert!(stack.owner().load(Relaxed).is_null());
        let bytes = stack.top() - stack.base() - page_bytes();
        // SAFETY: the usable part of a stack that nobody runs on.
        unsafe { memory(&stack).cast::<u8>().write_bytes(0xa5, bytes) };
        assert!(is_guarded(&stack));
    }

    #[test]
    fn memory_that_is_given_back_is_clean_and_guards_stay() {
        let stacks = Stacks::new(64 << 10).unwrap();
        let mut used: Vec<_> = (0..5).map(|_| stacks.allocate().unwrap()).collect();
        // SAFETY: the usable part of stacks that nobody runs on.
        used.iter().for_each(|stack| unsafe { memory(stack).write(7) });
        let kept = used.remove(2);
        stacks.spill(&mut used, 4);
        stacks.give_back();
        assert_eq!(rooms(&stacks), [(5, 4)], "cold, and not fresh: one is in use");
        used.extend((0..4).map(|_| stacks.allocate().unwrap()));
        assert_eq!(rooms(&stacks), [(5, 0)]);
        for stack in &used {
            // SAFETY: as above.
            assert_eq!(unsafe { memory(stack).read() }, 0);
            assert!(is_guarded(stack));
        }
        // SAFETY: as above.
        assert_eq!(unsafe { memory(&kept).read() }, 7);
    }

    /// As on Linux before 6.13.
    #[test]
    fn guards_that_are_pages_without_rights_outlast_it_too() {
        let stacks = Stacks::new(64 << 10).unwrap();
        stacks.heavy_guards.store(true, Relaxed);
        let mut used: Vec<_> = (0..5).map(|_| stacks.allocate().unwrap()).collect();
        // SAFETY: the usable part of stacks that nobody runs on.
        used.iter().for_each(|stack| unsafe { memory(stack).write(7) });
        stacks.spill_all(&mut used);
        stacks.give_back();
        assert_eq!(rooms(&stacks), [(5, 5)], "a slab stays as it is");
        for _ in 0..6 {
            let stack = stacks.allocate().unwrap();
            // SAFETY: as above.
            assert!(is_guarded(&stack) && unsafe { memory(&stack).read() } == 0);
        }
    }

    /// With a slab for each four stacks.
    #[test]
    fn a_slab_that_nobody_uses_is_as_new_and_one_in_use_is_filled_up_first() {
        let stacks = Stacks::new(SLAB_BYTES / 4).unwrap();
        let mut used: Vec<_> = (0..9).map(|_| stacks.allocate().unwrap()).collect();
        // SAFETY: the usable part of stacks that nobody runs on.
        used.iter().for_each(|stack| unsafe { memory(stack).write(7) });
        let kept = used.remove(8);
        let first: Vec<_> = used.iter().map(Stack::base).collect();
        stacks.spill_all(&mut used);
        stacks.give_back();
        assert_eq!(rooms(&stacks), [(0, 0), (0, 0), (1, 0)]);
        let mut used: Vec<_> = (0..3).map(|_| stacks.allocate().unwrap()).collect();
        assert_eq!(rooms(&stacks), [(0, 0), (0, 0), (4, 0)]);
        used.extend((0..8).map(|_| stacks.allocate().unwrap()));
        assert!(used[3..].iter().all(|stack| first.contains(&stack.base())), "no slab that was not there before");
        for stack in &used {
            assert!(is_guarded(stack) && stack.owner().load(Relaxed).is_null());
            // SAFETY: as above.
            assert_eq!(unsafe { memory(stack).read() }, 0);
        }
        // SAFETY: as above.
        assert!(is_guarded(&kept) && unsafe { memory(&kept).read() } == 7);
    }

    /// Who takes stacks and frees them beside one that gives memory back: nobody's stack is cleared while he has it, and none is had by two.
    #[test]
    fn a_stack_that_is_taken_is_not_given_back_at_the_same_time() {
        const ROUNDS: u64 = 300;
        let (stacks, over, name) = (Stacks::new(16 << 10).unwrap(), AtomicBool::new(false), AtomicU64::new(1));
        let uses = || {
            for round in 0..ROUNDS {
                let mine = name.fetch_add(1, Relaxed);
                let mut used: Vec<_> = (0..1 + round % 50).map(|_| stacks.allocate().unwrap()).collect();
                // SAFETY: the usable part of stacks that nobody runs on.
                used.iter().for_each(|stack| unsafe { memory(stack).write(mine) });
                thread::yield_now();
                // SAFETY: as above.
                assert!(used.iter().all(|stack| unsafe { memory(stack).read() } == mine && is_guarded(stack)));
                stacks.spill_all(&mut used);
            }
        };
        thread::scope(|threads| {
            let users = [threads.spawn(uses), threads.spawn(uses)];
            threads.spawn(|| {
                while !over.load(Relaxed) {
                    stacks.give_back();
                    stacks.begin_period();
                    stacks.give_back_unused(3, 5);
                    assert_eq!(stacks.owners().next(), None, "no G is here");
                }
            });
            let results = users.map(thread::ScopedJoinHandle::join);
            over.store(true, Relaxed);
            results.into_iter().for_each(|result| result.unwrap());
        });
        stacks.give_back();
        assert_eq!(rooms(&stacks), [(0, 0)], "all are back");
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
