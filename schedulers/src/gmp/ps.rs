//! The Ps of a runtime: a table that grows and never moves, so that a reference to a P holds for as long as the scheduler lives.
//!
//! It is made of blocks, each twice as long as the one before. The first [`len`](Ps::len) Ps are in use; those behind them were, once, or never. Only
//! who has stopped the world changes their number. Everybody else may read it at any time, and sees the old one or the new one.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering::*},
};

use super::p::P;

/// The most Ps that a runtime can have.
pub(super) const MAX_PROCS: usize = 1 << 16;
/// Blocks for so many: 1, 2, 4 and so on.
const BLOCKS: usize = MAX_PROCS.ilog2() as usize + 1;

/// See the module.
pub(super) struct Ps {
    blocks: [OnceLock<Box<[P]>>; BLOCKS],
    len: AtomicUsize,
    /// The largest that `len` has been.
    made: AtomicUsize,
}

impl Ps {
    pub(super) fn new(len: usize) -> Self {
        let ps =
            Ps { blocks: [const { OnceLock::new() }; BLOCKS], len: AtomicUsize::new(0), made: AtomicUsize::new(0) };
        ps.resize(len);
        ps
    }

    /// How many are in use (GOMAXPROCS).
    #[inline]
    pub(super) fn len(&self) -> usize {
        // Acquire: pairs with the Release in `resize`: the blocks are there.
        self.len.load(Acquire)
    }

    /// The P with this number; one that is or was in use.
    pub(super) fn get(&self, id: usize) -> &P {
        let block = (id + 1).ilog2() as usize;
        let ps = self.blocks[block].get().expect("a P that was in use has a block");
        &ps[id + 1 - (1 << block)]
    }

    /// Those in use.
    pub(super) fn iter(&self) -> impl Iterator<Item = &P> {
        (0..self.len()).map(|id| self.get(id))
    }

    /// Those that are or were in use: what they have counted still counts.
    pub(super) fn ever(&self) -> impl Iterator<Item = &P> {
        (0..self.made.load(Acquire)).map(|id| self.get(id))
    }

    /// Changes how many are in use. The caller is alone: it makes the runtime, or has stopped the world.
    pub(super) fn resize(&self, len: usize) {
        for block in 0..=len.ilog2() as usize {
            self.blocks[block].get_or_init(|| ((1 << block) - 1..(2 << block) - 1).map(P::new).collect());
        }
        self.get(0).lrq.set_sole(len == 1);
        // Release: pairs with the Acquires above.
        self.made.fetch_max(len, Release);
        self.len.store(len, Release);
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_p_stays_where_it_is_and_keeps_its_number() {
        let ps = Ps::new(1);
        let first = std::ptr::from_ref(ps.get(0));
        for len in [1, 2, 3, 4, 7, 8, 64, 5, 100] {
            ps.resize(len);
            assert_eq!(ps.len(), len);
            assert!(ps.iter().map(|p| p.id).eq(0..len));
            assert!(std::ptr::eq(first, ps.get(0)));
        }
        ps.resize(1);
        assert_eq!((ps.iter().count(), ps.ever().count()), (1, 100));
    }
}
