//! A 4-ary heap of deadlines (Go's arity: half the levels of a binary one, and four children share a cache line) out of which an
//! entry can be taken anywhere.
//!
//! `order` is the heap; its items are small and name an entry. `entries` is a slab that holds each entry's value and its place in `order`. A [`Key`]
//! names an entry together with how often its slot was used before, so a key that is out of date removes nothing. No
//! allocation but the growth of the two, and no garbage: what is removed is gone.

/// See the module.
pub(super) struct TimerHeap<T> {
    order: Vec<Item>,
    entries: Vec<Entry<T>>,
    /// The first free entry; its `place` leads to the next. `entries.len()` if there is none.
    free: u32,
    /// Entries so far: among equal deadlines the first one added comes first.
    added: u32,
}

/// Ordered by deadline, then by age.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    deadline_ns: u64,
    age: u32,
    entry: u32,
}

struct Entry<T> {
    value: T,
    place: u32,
    uses: u32,
}

/// Names an entry.
#[derive(Clone, Copy)]
pub(super) struct Key {
    entry: u32,
    uses: u32,
}

const ARITY: usize = 4;

impl<T: Copy> TimerHeap<T> {
    pub(super) const fn new() -> Self {
        TimerHeap { order: Vec::new(), entries: Vec::new(), free: 0, added: 0 }
    }

    /// The earliest deadline.
    pub(super) fn first_ns(&self) -> Option<u64> {
        self.order.first().map(|item| item.deadline_ns)
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, deadline_ns: u64, value: T) -> Key {
        let (entry, place) = (self.free, self.order.len());
        let uses = match self.entries.get_mut(entry as usize) {
            Some(slot) => {
                self.free = slot.place;
                slot.value = value;
                slot.uses
            }
            None => {
                self.entries.push(Entry { value, place: 0, uses: 0 });
                self.free += 1;
                0
            }
        };
        let item = Item { deadline_ns, age: self.added, entry };
        self.added = self.added.wrapping_add(1);
        self.order.push(item);
        self.up(place, item);
        Key { entry, uses }
    }

    /// Takes out the earliest if its deadline is not after `now_ns`.
    pub(super) fn pop_due(&mut self, now_ns: u64) -> Option<T> {
        let first = self.order.first()?;
        (first.deadline_ns <= now_ns).then(|| self.take(0))
    }

    /// Takes out the entry that `key` names; `None` if it is out already.
    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        let entry = &self.entries[key.entry as usize];
        (entry.uses == key.uses).then_some(entry.place as usize).map(|place| self.take(place))
    }

    fn take(&mut self, place: usize) -> T {
        let item = self.order.swap_remove(place);
        if let Some(&moved) = self.order.get(place) {
            // It came from the end: it may belong further down, or, in another branch, further up.
            let place = self.down(place, moved);
            self.up(place, moved);
        }
        let entry = &mut self.entries[item.entry as usize];
        entry.uses = entry.uses.wrapping_add(1);
        entry.place = std::mem::replace(&mut self.free, item.entry);
        entry.value
    }

    /// Puts `item` where it belongs between `place` and the root.
    fn up(&mut self, mut place: usize, item: Item) {
        while place > 0 {
            let parent = (place - 1) / ARITY;
            if self.order[parent] <= item {
                break;
            }
            self.put(place, self.order[parent]);
            place = parent;
        }
        self.put(place, item);
    }

    /// Makes room for `item` at or below `place`: moves smaller ones up; where the room is.
    fn down(&mut self, mut place: usize, item: Item) -> usize {
        loop {
            let first = place * ARITY + 1;
            let children = first..(first + ARITY).min(self.order.len());
            let Some(least) = children.min_by_key(|&child| self.order[child]) else { return place };
            if item <= self.order[least] {
                return place;
            }
            self.put(place, self.order[least]);
            place = least;
        }
    }

    fn put(&mut self, place: usize, item: Item) {
        self.order[place] = item;
        self.entries[item.entry as usize].place = place as u32;
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn equal_deadlines_come_out_in_the_order_in_which_they_went_in() {
        let mut heap = TimerHeap::new();
        (0..100).for_each(|n| _ = heap.push(7, n));
        assert_eq!(heap.pop_due(6), None);
        assert!(std::iter::from_fn(|| heap.pop_due(7)).eq(0..100));
    }

    #[test]
    fn a_key_out_of_date_removes_nothing() {
        let mut heap = TimerHeap::new();
        let first = heap.push(1, 'a');
        assert_eq!(heap.remove(first), Some('a'));
        let second = heap.push(1, 'b');
        assert_eq!(heap.remove(first), None);
        assert_eq!(heap.pop_due(1), Some('b'));
        assert_eq!(heap.remove(second), None);
        assert_eq!(heap.entries.len(), 1, "slots are used again");
    }

    /// Against an ordered map, at random.
    #[test]
    fn agrees_with_a_model() {
        let (mut heap, mut model) = (TimerHeap::new(), BTreeMap::new());
        let mut keys = Vec::new();
        let mut state = 1u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for step in 0..200_000u64 {
            match random(5) {
                0..2 => {
                    let deadline = random(1000);
                    keys.push((heap.push(deadline, step), deadline, step));
                    model.insert((deadline, step), ());
                }
                2 if !keys.is_empty() => {
                    let (key, deadline, value) = keys.swap_remove(random(keys.len() as u64) as usize);
                    assert_eq!(heap.remove(key).is_some(), model.remove(&(deadline, value)).is_some());
                }
                _ => {
                    let now = random(1000);
                    let due = model.first_key_value().map(|(&key, ())| key).filter(|&(deadline, _)| deadline <= now);
                    assert_eq!(heap.pop_due(now), due.map(|(_, value)| value));
                    due.map(|key| model.remove(&key));
                }
            }
            assert_eq!(heap.first_ns(), model.first_key_value().map(|(&(deadline, _), ())| deadline));
            assert_eq!(heap.order.len(), model.len());
        }
    }
}
