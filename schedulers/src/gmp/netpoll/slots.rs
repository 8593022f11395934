//! The table of a poller's sockets. A [`Token`] names a place in it and how often that place was used before, so a token that is out of
//! date finds nothing.

use std::sync::Arc;

use mio::Token;

use super::Descriptor;

/// The sockets' places.
#[derive(Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

#[derive(Default)]
struct Slot {
    /// How often the place has been given up.
    generation: usize,
    descriptor: Option<Arc<Descriptor>>,
}

/// Bits of a token that are the place; the others are the generation's lowest.
const PLACE_BITS: u32 = if usize::BITS == 64 { 32 } else { 24 };
const PLACE: usize = (1 << PLACE_BITS) - 1;

impl Slots {
    pub(super) fn insert(&mut self, descriptor: Arc<Descriptor>) -> Token {
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        assert!(place < PLACE - 1, "more sockets than a process can have descriptors");
        self.slots[place].descriptor = Some(descriptor);
        self.token(place)
    }

    fn token(&self, place: usize) -> Token {
        Token(self.slots[place].generation << PLACE_BITS | place)
    }

    pub(super) fn get(&self, token: Token) -> Option<&Arc<Descriptor>> {
        let place = token.0 & PLACE;
        self.slots.get(place).filter(|_| self.token(place) == token)?.descriptor.as_ref()
    }

    pub(super) fn remove(&mut self, token: Token) -> Option<Arc<Descriptor>> {
        let slot = &mut self.slots[token.0 & PLACE];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(token.0 & PLACE);
        slot.descriptor.take()
    }

    pub(super) fn all(&mut self) -> Vec<Arc<Descriptor>> {
        self.slots.iter().filter_map(|slot| slot.descriptor.clone()).collect()
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_token_out_of_date_finds_nothing() {
        let mut slots = Slots::default();
        let (first, second) = (Descriptor::new(), Descriptor::new());
        let stale = slots.insert(first.clone());
        assert!(Arc::ptr_eq(slots.get(stale).unwrap(), &first));
        assert!(slots.remove(stale).is_some());
        assert!(slots.get(stale).is_none());
        let token = slots.insert(second.clone());
        assert_eq!(slots.slots.len(), 1, "places are used again");
        assert!(slots.get(stale).is_none(), "by another token");
        assert!(Arc::ptr_eq(slots.get(token).unwrap(), &second));
        assert!(slots.get(Token(usize::MAX)).is_none() && slots.get(Token(usize::MAX - 1)).is_none());
        assert_eq!(slots.all().len(), 1);
    }
}
