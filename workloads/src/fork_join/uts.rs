//! The Unbalanced Tree Search benchmark's tree T1: a node is 20 bytes of SHA-1, from which its number of children follows, and a child
//! is the hash of its parent and its number. No one knows how much is below a node but by going there.
//!
//! S. Olivier et al., "UTS: An Unbalanced Tree Search Benchmark" (LCPC 2006). T1 is geometric with a fixed expectation of 4 children, 10 levels and
//! the seed 19; its published size is 4,130,071 nodes, of which 3,305,118 are leaves. Cut after fewer levels it gives the smaller trees.

use sha1::{Digest, Sha1};

use super::tree::Tree;

const SEED: u32 = 19;
const CHILDREN_EXPECTED: f64 = 4.0;
/// The benchmark's own limit; a node of T1 reaches it about never, with a probability of 0.8^100.
const CHILDREN_MAX: u32 = 100;
/// The levels of T1 below its root.
pub(super) const LEVELS: u64 = 10;

/// How large a tree is.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) nodes: u64,
    pub(super) leaves: u64,
}

/// The size of T1 cut after so many levels. The last is published; the others, and the last again, are those of a program of a few
/// lines in another language (Python's hashlib and math).
pub(super) fn size(levels: u64) -> Option<Size> {
    const SIZES: [(u64, u64); LEVELS as usize + 1] = [
        (1, 1),
        (6, 5),
        (65, 59),
        (254, 201),
        (944, 744),
        (3_987, 3_232),
        (16_000, 12_839),
        (63_914, 51_124),
        (257_042, 205_878),
        (1_031_269, 825_408),
        (4_130_071, 3_305_118),
    ];
    let &(nodes, leaves) = SIZES.get(usize::try_from(levels).ok()?)?;
    Some(Size { nodes, leaves })
}

/// A node.
#[derive(Clone, Copy)]
pub(super) struct Node {
    state: [u8; 20],
    levels: u8,
}

impl Node {
    /// The root of a tree with so many levels below it.
    pub(super) fn root(levels: u64) -> Self {
        let seed = Sha1::new().chain_update([0; 16]).chain_update(SEED.to_be_bytes());
        Node { state: seed.finalize().into(), levels: u8::try_from(levels).expect("T1 has 10") }
    }
}

impl Tree for Node {
    fn value(self) -> u64 {
        1
    }

    fn levels(self) -> u64 {
        self.levels.into()
    }

    /// Geometrically distributed: 31 bits of the state are a number in [0, 1), of which the distribution's inverse is taken.
    fn children(self) -> u32 {
        if self.levels == 0 {
            return 0;
        }
        let [.., a, b, c, d] = self.state;
        let bits = u32::from_be_bytes([a, b, c, d]) & 0x7fff_ffff;
        let uniform = f64::from(bits) / f64::from(1u32 << 31);
        let stop = 1.0 / (1.0 + CHILDREN_EXPECTED);
        let children = ((1.0 - uniform).ln() / (1.0 - stop).ln()).floor();
        // Neither negative nor beyond the range: the logarithm of 2^-31 is -21.5.
        (children as u32).min(CHILDREN_MAX)
    }

    fn child(self, nth: u32) -> Self {
        let child = Sha1::new().chain_update(self.state).chain_update(nth.to_be_bytes());
        Node { state: child.finalize().into(), levels: self.levels - 1 }
    }

    fn each_child(self) -> impl Iterator<Item = Self> {
        (0..self.children()).map(move |nth| self.child(nth))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tree::{leaves, plain},
        *,
    };

    #[test]
    fn t1_has_its_published_size() {
        assert_eq!(plain(Node::root(LEVELS)), 4_130_071);
        assert_eq!(size(LEVELS).unwrap().nodes, 4_130_071);
    }

    #[test]
    fn cut_trees_have_the_sizes_that_another_program_counted() {
        for levels in 0..LEVELS - 1 {
            let Size { nodes, leaves: ends } = size(levels).unwrap();
            let root = Node::root(levels);
            assert_eq!((plain(root), leaves(root, 0)), (nodes, ends), "{levels} levels");
        }
    }

    #[test]
    fn what_is_cut_off_is_a_smaller_tree() {
        assert_eq!(leaves(Node::root(7), 3), size(4).unwrap().leaves);
    }
}
