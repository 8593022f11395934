//! When the memory of free stacks is given back: sysmon's part of it.
//!
//! Never on the way of a G: a free stack is as it was when the next G begins on it. But a burst would keep its memory for ever. So sysmon watches, period by
//! period, how many stacks lie on the common list without being needed, and gives back the memory of these. A program whose bursts come more often than that
//! keeps all; one that has a pause pays the page faults of its next burst, about a third of what it takes to make and run those Gs.
//!
//! It does so while Gs run, too: a server that has had its burst is seldom quiet altogether. In small portions, to be back for its other duties.

use super::stacks::Stacks;
use crate::gmp::futex::NEVER;

/// How long a stack lies unneeded before its memory goes: one to two of these. A page costs a microsecond to give back and to fault in again: this bounds what is lost
/// by it, and a person who looks at a process sees it shrink.
const PERIOD_NS: u64 = 1_000_000_000;
/// How many stay warm on the common list, beside at most 64 on each P: as many Gs as a P queues by itself. A page or two each, mostly: a megabyte.
const KEPT: usize = 256;
/// How many at a time: 20 to 200 us of one `madvise` call for neighbours or one for each; if each had used all of its 64 KiB, a millisecond.
const PORTION: usize = 256;
/// How soon the next portion comes. sysmon's tick: a million stacks take four seconds.
const PAUSE_NS: u64 = 1_000_000;

/// What sysmon remembers.
#[derive(Default)]
pub(in crate::gmp) struct Trim {
    next_ns: u64,
}

impl Trim {
    /// Gives back what is due; when to look again.
    pub(in crate::gmp) fn look(&mut self, stacks: &Stacks, now: u64) -> u64 {
        if now < self.next_ns {
            return self.next_ns;
        }
        if stacks.give_back_unused(KEPT, PORTION) == PORTION {
            self.next_ns = now + PAUSE_NS;
            return self.next_ns;
        }
        self.next_ns = now + PERIOD_NS;
        // Who frees more keeps a P busy, which rouses sysmon.
        if stacks.begin_period() > KEPT { self.next_ns } else { NEVER }
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    fn free(stacks: &Stacks, count: usize) {
        let mut used: Vec<_> = (0..count).map(|_| stacks.allocate().unwrap()).collect();
        stacks.spill_all(&mut used);
    }

    #[test]
    fn what_is_not_needed_for_a_period_is_given_back_in_portions_and_then_there_is_nothing_to_do() {
        let stacks = Stacks::new(16 << 10).unwrap();
        let mut trim = Trim::default();
        assert_eq!(trim.look(&stacks, 0), NEVER, "nothing is there");
        free(&stacks, KEPT + 2 * PORTION + 7);
        let begins = PERIOD_NS;
        assert_eq!(trim.look(&stacks, begins - 1), begins);
        assert_eq!(trim.look(&stacks, begins), begins + PERIOD_NS, "what was freed before is not yet unneeded");
        assert_eq!(stacks.warm(), KEPT + 2 * PORTION + 7);
        let mut now = begins + PERIOD_NS;
        for left in [KEPT + PORTION + 7, KEPT + 7] {
            let next = trim.look(&stacks, now);
            assert_eq!((next, stacks.warm()), (now + PAUSE_NS, left));
            now = next;
        }
        assert_eq!((trim.look(&stacks, now), stacks.warm()), (NEVER, KEPT));
    }

    #[test]
    fn what_was_needed_in_the_period_stays_warm() {
        let stacks = Stacks::new(16 << 10).unwrap();
        let mut trim = Trim::default();
        free(&stacks, 4 * KEPT);
        trim.look(&stacks, 0);
        for period in 1..5 {
            free(&stacks, 2 * KEPT);
            let mut now = period * PERIOD_NS;
            while trim.look(&stacks, now) == now + PAUSE_NS {
                now += PAUSE_NS;
            }
            assert_eq!(stacks.warm(), 3 * KEPT, "of the other half, as many as are always kept");
        }
    }
}
