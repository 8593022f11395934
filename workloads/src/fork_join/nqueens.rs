//! Queens on a board, none of which attacks another: every solution is counted, row by row.

use std::iter::successors;

use super::tree::Tree;

/// The solutions for 1, 2, .. queens: sequence A000170 of the OEIS. Fourteen are a second's work.
const SOLUTIONS: [u64; 14] = [1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2_680, 14_200, 73_712, 365_596];

/// How many solutions there are for `n` queens, if that is known here.
pub(super) fn solutions(n: u64) -> Option<u64> {
    SOLUTIONS.get(usize::try_from(n.checked_sub(1)?).ok()?).copied()
}

/// A board with a queen in each of the rows so far; one bit a column.
#[derive(Clone, Copy)]
pub(super) struct Board {
    all: u32,
    /// Columns that have a queen.
    columns: u32,
    /// Columns of the next row that a diagonal attacks from the left, and from the right.
    rising: u32,
    falling: u32,
}

impl Board {
    pub(super) fn empty(n: u64) -> Self {
        Board { all: (1 << n) - 1, columns: 0, rising: 0, falling: 0 }
    }

    /// The columns of the next row where a queen can stand.
    fn free(self) -> u32 {
        self.all & !(self.columns | self.rising | self.falling)
    }

    /// The board with a queen in the next row.
    fn with(self, queen: u32) -> Self {
        Board {
            all: self.all,
            columns: self.columns | queen,
            rising: (self.rising | queen) << 1,
            falling: (self.falling | queen) >> 1,
        }
    }
}

impl Tree for Board {
    /// A full board is a solution.
    fn value(self) -> u64 {
        u64::from(self.columns == self.all)
    }

    /// The rows that are left.
    fn levels(self) -> u64 {
        u64::from((self.all ^ self.columns).count_ones())
    }

    fn children(self) -> u32 {
        self.free().count_ones()
    }

    fn child(self, nth: u32) -> Self {
        let rest = (0..nth).fold(self.free(), |free, _| free & (free - 1));
        self.with(lowest(rest))
    }

    fn each_child(self) -> impl Iterator<Item = Self> {
        let left = |free: u32| (free != 0).then_some(free);
        successors(left(self.free()), move |free| left(free & (free - 1))).map(move |free| self.with(lowest(free)))
    }
}

fn lowest(columns: u32) -> u32 {
    columns & columns.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::{super::tree::plain, *};

    #[test]
    fn children_are_the_same_in_order_and_by_their_numbers() {
        let board = Board::empty(8).child(3).child(2);
        let columns = |board: Board| (board.columns, board.rising, board.falling);
        let by_number = (0..board.children()).map(|nth| columns(board.child(nth)));
        assert_eq!(by_number.collect::<Vec<_>>(), board.each_child().map(columns).collect::<Vec<_>>());
    }

    #[test]
    fn every_solution_is_found_once() {
        for n in 1..=10 {
            assert_eq!(Some(plain(Board::empty(n))), solutions(n), "{n} queens");
        }
        assert_eq!((solutions(0), solutions(15)), (None, None));
    }
}
