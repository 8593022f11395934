//! The local run queue of a P: a 256-slot ring that anyone may steal from, and `runnext`, the G that runs next.
//!
//! Go's `runqput`, `runqget` and `runqgrab` (Go 1.27, `proc.go`). Roles:
//!
//! | field | owner (the M that holds the P) | thief (any thread) |
//! | --- | --- | --- |
//! | `tail` | stores | loads |
//! | `head` | compare-exchanges | compare-exchanges |
//! | a slot in `head..tail` | loads | loads, and discards what it read if its exchange of `head` fails |
//! | any other slot | stores | never uses what it reads there |
//! | `runnext` | swaps | exchanges for null |
//!
//! Invariant: `tail - head` (wrapping) is at most [`CAPACITY`], and each G stands in at most one queue once. "Owner" is a role
//! that moves between threads with the P; whoever hands the P on does so with a Release that the next owner acquires.
//!
//! Where there is one P there is nobody who could steal, and its queue is said to be [`sole`](Lrq::set_sole): then the owner's exchanges are a load and a store
//! each, since a locked instruction costs about 5 ns here, a third of a yield. The world is stopped while that changes, so no thief is in the middle of anything.

use std::{
    ptr::{NonNull, null_mut},
    sync::atomic::AtomicBool,
};

use super::atomic::{AtomicPtr, AtomicU32, Ordering::*, fence};

/// Slots of the ring: Go's 256; 4 under loom, so that overflow is within reach of a model.
pub(super) const CAPACITY: u32 = if cfg!(gmp_loom) { 4 } else { 256 };

/// The queue; see the module's table for who may do what. `T` is `G`, and something smaller in models.
pub(super) struct Lrq<T> {
    runnext: AtomicPtr<T>,
    /// On a line of its own: thieves write it.
    head: Line<AtomicU32>,
    tail: Line<AtomicU32>,
    /// Nobody steals. No part of any race, and so no atomic of loom's.
    sole: AtomicBool,
    /// Of a length that the compiler knows: a position needs no check.
    slots: [AtomicPtr<T>; CAPACITY as usize],
}

/// Two cache lines: adjacent-line prefetch makes neighbours share on x86.
#[repr(align(128))]
struct Line<A>(A);

/// The ring was full: half of it, oldest first, and the G that did not fit, for the GRQ.
pub(super) struct Overflow<T>(pub(super) Vec<NonNull<T>>);

impl<T> Lrq<T> {
    pub(super) fn new() -> Self {
        Lrq {
            runnext: AtomicPtr::new(null_mut()),
            head: Line(AtomicU32::new(0)),
            tail: Line(AtomicU32::new(0)),
            sole: AtomicBool::new(false),
            slots: std::array::from_fn(|_| AtomicPtr::new(null_mut())),
        }
    }

    fn slot(&self, position: u32) -> &AtomicPtr<T> {
        &self.slots[(position % CAPACITY) as usize]
    }

    /// Says whether nobody steals from here on. The caller owns all Ps: it makes the runtime, or has stopped the world.
    pub(super) fn set_sole(&self, sole: bool) {
        self.sole.store(sole, Relaxed); // Comes to the next owner with the P.
    }

    /// Owner: whether nobody steals.
    #[inline]
    pub(super) fn is_sole(&self) -> bool {
        self.sole.load(Relaxed)
    }

    /// Owner: makes `item` the next to run and gives back the one that was.
    #[inline]
    pub(super) fn set_next(&self, item: NonNull<T>) -> Option<NonNull<T>> {
        // The owner alone sets it, so a null seen here stays null.
        let before = self.runnext.load(Relaxed);
        if before.is_null() || self.is_sole() {
            self.runnext.store(item.as_ptr(), Release); // As below.
            return NonNull::new(before);
        }
        // AcqRel: the thief that takes it acquires what the owner wrote into the G.
        NonNull::new(self.runnext.swap(item.as_ptr(), AcqRel))
    }

    /// Owner: takes the next to run.
    #[inline]
    pub(super) fn take_next(&self) -> Option<NonNull<T>> {
        // The owner alone sets it, so a null seen here stays null, and the swap is spared.
        let next = NonNull::new(self.runnext.load(Relaxed))?;
        if self.is_sole() {
            self.runnext.store(null_mut(), Relaxed);
            return Some(next);
        }
        NonNull::new(self.runnext.swap(null_mut(), Acquire))
    }

    /// Anyone: what stands in `runnext`, to be compared, never followed.
    pub(super) fn peek_next(&self) -> *mut T {
        self.runnext.load(Relaxed)
    }

    /// Thief: takes `runnext` if it is still `seen`.
    pub(super) fn steal_next(&self, seen: *mut T) -> Option<NonNull<T>> {
        self.runnext.compare_exchange(seen, null_mut(), Acquire, Relaxed).ok().and_then(NonNull::new)
    }

    /// Owner: appends `item`.
    ///
    /// # Errors
    /// When the ring is full: half of it and `item`, taken out, for the GRQ.
    #[inline]
    pub(super) fn push(&self, item: NonNull<T>) -> Result<(), Overflow<T>> {
        if self.push_if_room(item) { Ok(()) } else { self.push_or_spill(item) }
    }

    /// Owner: appends `item`; `false` if the ring is full.
    #[inline(always)]
    pub(super) fn push_if_room(&self, item: NonNull<T>) -> bool {
        let tail = self.tail.0.load(Relaxed);
        // Acquire: pairs with the thieves' Release on `head`; their reads of the slots are over before we overwrite one.
        let head = self.head.0.load(Acquire);
        if tail.wrapping_sub(head) >= CAPACITY {
            return false;
        }
        self.slot(tail).store(item.as_ptr(), Relaxed);
        // Release: pairs with the Acquire of `tail` in `grab`: slot and G are written before they are published.
        self.tail.0.store(tail.wrapping_add(1), Release);
        true
    }

    /// Apart from `push`: what is rare would make it save registers each time (45 instructions of a yield).
    #[cold]
    #[inline(never)]
    fn push_or_spill(&self, item: NonNull<T>) -> Result<(), Overflow<T>> {
        loop {
            // Acquire: as in `push_if_room`.
            let (tail, head) = (self.tail.0.load(Relaxed), self.head.0.load(Acquire));
            if tail.wrapping_sub(head) == CAPACITY
                && let Some(overflow) = self.spill(head, tail, item)
            {
                return Err(overflow);
            }
            // Thieves were faster: there is room now.
            if self.push_if_room(item) {
                return Ok(());
            }
        }
    }

    fn spill(&self, head: u32, tail: u32, item: NonNull<T>) -> Option<Overflow<T>> {
        let half = (tail.wrapping_sub(head)) / 2;
        let mut items = Vec::with_capacity(half as usize + 1);
        for i in 0..half {
            items.extend(NonNull::new(self.slot(head.wrapping_add(i)).load(Relaxed)));
        }
        // Release: pairs with the Acquire of `head` in `push` of a later owner.
        self.head.0.compare_exchange(head, head.wrapping_add(half), AcqRel, Relaxed).ok()?;
        items.push(item);
        Some(Overflow(items))
    }

    /// Owner: takes the oldest.
    #[inline]
    pub(super) fn pop(&self) -> Option<NonNull<T>> {
        let mut head = self.head.0.load(Acquire);
        loop {
            let tail = self.tail.0.load(Relaxed);
            if tail == head {
                return None;
            }
            let item = self.slot(head).load(Relaxed);
            if self.is_sole() {
                self.head.0.store(head.wrapping_add(1), Release);
                return NonNull::new(item);
            }
            match self.head.0.compare_exchange_weak(head, head.wrapping_add(1), AcqRel, Acquire) {
                Ok(_) => return NonNull::new(item),
                Err(now) => head = now,
            }
        }
    }

    /// Thief, and owner of `into`, whose ring must be empty: moves half of this ring (rounded up) there, but returns the last
    /// of them instead, to be run at once.
    pub(super) fn steal_half(&self, into: &Lrq<T>) -> Option<NonNull<T>> {
        let into_tail = into.tail.0.load(Relaxed);
        let moved = self.grab(into, into_tail)?;
        let last = into.slot(into_tail.wrapping_add(moved - 1)).load(Relaxed);
        if moved > 1 {
            // Release: as in `push`.
            into.tail.0.store(into_tail.wrapping_add(moved - 1), Release);
        }
        NonNull::new(last)
    }

    fn grab(&self, into: &Lrq<T>, into_tail: u32) -> Option<u32> {
        loop {
            // Acquire twice: `head` first, so that `tail` is not older than it; `tail` pairs with the Release in `push`.
            let head = self.head.0.load(Acquire);
            let tail = self.tail.0.load(Acquire);
            let length = tail.wrapping_sub(head);
            let count = length - length / 2;
            if count == 0 {
                return None;
            }
            if count > CAPACITY / 2 {
                continue; // `head` and `tail` were read at different times: a thief or the owner moved on.
            }
            for i in 0..count {
                let item = self.slot(head.wrapping_add(i)).load(Relaxed);
                into.slot(into_tail.wrapping_add(i)).store(item, Relaxed);
            }
            // Release: our reads of the slots are over; pairs with the Acquire of `head` in `push`.
            if self.head.0.compare_exchange(head, head.wrapping_add(count), AcqRel, Relaxed).is_ok() {
                return Some(count);
            }
        }
    }

    /// Anyone: how many Gs the ring holds, a moment ago; `runnext` is not counted.
    pub(super) fn ring_len(&self) -> u32 {
        let head = self.head.0.load(Acquire);
        let tail = self.tail.0.load(Acquire);
        tail.wrapping_sub(head).min(CAPACITY)
    }

    /// Anyone: adds what stands in the queue to `items`. Each stood there at a moment between call and return; to be followed only by somebody who
    /// knows that it still exists.
    pub(super) fn peek_all(&self, items: &mut Vec<NonNull<T>>) {
        let head = self.head.0.load(Acquire);
        let tail = self.tail.0.load(Acquire);
        let seen: Vec<_> =
            (0..tail.wrapping_sub(head).min(CAPACITY)).map(|n| self.slot(head.wrapping_add(n)).load(Relaxed)).collect();
        fence(Acquire); // The slots were read before `head` is, again: those that are still behind it were not overwritten meanwhile.
        let taken = self.head.0.load(Relaxed).wrapping_sub(head) as usize;
        items.extend(seen.into_iter().skip(taken).chain([self.runnext.load(Acquire)]).filter_map(NonNull::new));
    }

    /// Anyone: whether there was nothing to run, at one moment between call and return.
    ///
    /// Reads `runnext` between two reads of `tail`: a G that is pushed out of `runnext` into the ring meanwhile moves `tail`
    /// (Go's `runqempty`).
    pub(super) fn is_empty(&self) -> bool {
        loop {
            let head = self.head.0.load(Acquire);
            let tail = self.tail.0.load(Acquire);
            let next = self.runnext.load(Acquire);
            if self.tail.0.load(Acquire) == tail {
                return head == tail && next.is_null();
            }
        }
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    fn item(n: usize) -> NonNull<u8> {
        NonNull::new(std::ptr::without_provenance_mut(n + 1)).unwrap()
    }

    #[test]
    fn gets_return_exactly_the_puts_in_order() {
        let lrq = Lrq::new();
        for count in 0..CAPACITY as usize {
            assert!(lrq.pop().is_none());
            for n in 0..count {
                assert!(lrq.push(item(n)).is_ok());
            }
            assert_eq!(lrq.ring_len() as usize, count);
            for n in 0..count {
                assert_eq!(lrq.pop(), Some(item(n)));
            }
            assert!(lrq.is_empty());
        }
    }

    #[test]
    fn a_steal_takes_half_rounded_up_and_loses_none() {
        for count in 0..=CAPACITY as usize {
            let (victim, thief) = (Lrq::new(), Lrq::new());
            for n in 0..count {
                assert!(victim.push(item(n)).is_ok());
            }
            let mut seen: Vec<_> = victim.steal_half(&thief).into_iter().collect();
            let stolen = seen.len() + thief.ring_len() as usize;
            assert_eq!(stolen, count - count / 2);
            seen.extend(std::iter::from_fn(|| thief.pop()));
            seen.extend(std::iter::from_fn(|| victim.pop()));
            seen.sort();
            assert_eq!(seen, (0..count).map(item).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_full_ring_spills_its_older_half_and_the_new_one() {
        let lrq = Lrq::new();
        for n in 0..CAPACITY as usize {
            assert!(lrq.push(item(n)).is_ok());
        }
        let Err(Overflow(spilt)) = lrq.push(item(CAPACITY as usize)) else { panic!("a full ring took one more") };
        let mut expected: Vec<_> = (0..CAPACITY as usize / 2).map(item).collect();
        expected.push(item(CAPACITY as usize));
        assert_eq!(spilt, expected);
        assert_eq!(lrq.pop(), Some(item(CAPACITY as usize / 2)));
    }

    /// Go's TestSchedLocalQueueEmpty: one is taken only when another is there, and each of the two is put into the ring or into `runnext`.
    #[test]
    fn a_queue_that_is_never_empty_never_seems_so() {
        use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
        const ROUNDS: usize = 100_000;
        let put = |lrq: &Lrq<u8>, next: bool, item| {
            let to_ring = if next { lrq.set_next(item) } else { Some(item) };
            assert!(to_ring.is_none_or(|item| lrq.push(item).is_ok()));
        };
        for (first, second) in [(false, false), (false, true), (true, false), (true, true)] {
            let (lrq, done) = (Lrq::new(), AtomicBool::new(false));
            put(&lrq, first, item(1));
            std::thread::scope(|scope| {
                let looks = scope.spawn(|| {
                    while !done.load(SeqCst) {
                        assert!(!lrq.is_empty());
                    }
                });
                for n in 0..ROUNDS {
                    put(&lrq, if n % 2 == 0 { second } else { first }, item(2));
                    assert!(lrq.take_next().or_else(|| lrq.pop()).is_some());
                }
                done.store(true, SeqCst);
                looks.join().unwrap();
            });
            assert!(lrq.take_next().or_else(|| lrq.pop()).is_some());
            assert!(lrq.is_empty());
        }
    }

    #[test]
    fn concurrent_thieves_see_each_item_once() {
        use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
        const ITEMS: usize = 100_000;
        let (lrq, done) = (Lrq::<u8>::new(), AtomicBool::new(false));
        let addresses = |got: Vec<NonNull<u8>>| got.into_iter().map(|item| item.as_ptr().addr()).collect::<Vec<_>>();
        let mut seen = std::thread::scope(|scope| {
            let thieves = [(); 2].map(|()| {
                scope.spawn(|| {
                    let (mine, mut got) = (Lrq::new(), Vec::new());
                    while !done.load(SeqCst) {
                        got.extend(lrq.steal_half(&mine));
                        got.extend(std::iter::from_fn(|| mine.pop()));
                        let next = lrq.peek_next();
                        if !next.is_null() {
                            got.extend(lrq.steal_next(next));
                        }
                    }
                    addresses(got)
                })
            });
            let mut got = Vec::new();
            for n in 0..ITEMS {
                if let Some(old) = lrq.set_next(item(n))
                    && let Err(Overflow(spilt)) = lrq.push(old)
                {
                    got.extend(spilt);
                }
                if n % 3 == 0 {
                    got.extend(lrq.take_next().or_else(|| lrq.pop()));
                }
            }
            got.extend(lrq.take_next());
            got.extend(std::iter::from_fn(|| lrq.pop()));
            done.store(true, SeqCst);
            let mut seen = addresses(got);
            thieves.into_iter().for_each(|thief| seen.extend(thief.join().unwrap()));
            seen
        });
        seen.sort_unstable();
        assert_eq!(seen, (1..=ITEMS).collect::<Vec<_>>());
    }
}

#[cfg(all(test, gmp_loom))]
mod models {
    use loom::{sync::Arc, thread};

    use super::*;

    fn item(n: usize) -> NonNull<u8> {
        NonNull::new(std::ptr::without_provenance_mut(n)).unwrap()
    }

    fn sorted(all: impl IntoIterator<Item = NonNull<u8>>) -> Vec<usize> {
        let mut all: Vec<_> = all.into_iter().map(|p| p.as_ptr().addr()).collect();
        all.sort_unstable();
        all
    }

    /// Owner pushes and pops while a thief steals half: nothing is lost or seen twice.
    #[test]
    fn owner_against_thief() {
        loom::model(|| {
            let lrq = Arc::new(Lrq::new());
            let victim = lrq.clone();
            assert!(lrq.push(item(1)).is_ok());
            let thief = thread::spawn(move || {
                let mine = Lrq::new();
                let first = victim.steal_half(&mine);
                first
                    .into_iter()
                    .chain(std::iter::from_fn(|| mine.pop()))
                    .map(|p| p.as_ptr().addr())
                    .collect::<Vec<_>>()
            });
            assert!(lrq.push(item(2)).is_ok());
            assert!(lrq.push(item(3)).is_ok());
            let mut got: Vec<_> = lrq.pop().into_iter().collect();
            let stolen = thief.join().unwrap();
            got.extend(std::iter::from_fn(|| lrq.pop()));
            got.extend(stolen.into_iter().map(item));
            assert_eq!(sorted(got), [1, 2, 3]);
        });
    }

    /// The ring is full: the owner spills while a thief steals.
    #[test]
    fn spill_against_thief() {
        loom::model(|| {
            let lrq = Arc::new(Lrq::new());
            let victim = lrq.clone();
            for n in 1..=4 {
                assert!(lrq.push(item(n)).is_ok());
            }
            let thief = thread::spawn(move || {
                let mine = Lrq::new();
                let first = victim.steal_half(&mine);
                first
                    .into_iter()
                    .chain(std::iter::from_fn(|| mine.pop()))
                    .map(|p| p.as_ptr().addr())
                    .collect::<Vec<_>>()
            });
            let mut got = Vec::new();
            if let Err(Overflow(spilt)) = lrq.push(item(5)) {
                got.extend(spilt);
            }
            got.extend(thief.join().unwrap().into_iter().map(item));
            got.extend(std::iter::from_fn(|| lrq.pop()));
            assert_eq!(sorted(got), [1, 2, 3, 4, 5]);
        });
    }

    /// `runnext` goes to the owner or to the thief.
    #[test]
    fn runnext_goes_to_one() {
        loom::model(|| {
            let lrq = Arc::new(Lrq::new());
            let victim = lrq.clone();
            lrq.set_next(item(1));
            let thief = thread::spawn(move || {
                let seen = victim.peek_next();
                if seen.is_null() { None } else { victim.steal_next(seen).map(|p| p.as_ptr().addr()) }
            });
            let mine = lrq.take_next();
            let stolen = thief.join().unwrap();
            assert_eq!(sorted(mine.into_iter().chain(stolen.map(item))), [1]);
        });
    }
}
