//! Calibration: can the suite's figures be believed on this machine? Three tables, and two promises that are kept or not.
//!
//! - [`Arm`]: many comparisons of a contender with itself under another name, or with itself made slower by a known share. Each
//!   comparison is a run of its own, judged by [`compare`](crate::compare) as a user's would be: how often is there a difference?
//! - [`SliceTable`]: how much the ratio of a contender to itself varies between rounds, by the length of a turn.
//!
//! The promises, fixed beforehand:
//! 1. **A/A**: at most as many comparisons show a difference at 5 % as chance explains: the largest number that a binomial variable with
//!    p = 5 % reaches with a probability of more than 5 %. (The exact test of few rounds is stricter than 5 %, see
//!    [`signed_rank_level`]; the promise does not make use of that.)
//! 2. **Slowdown**: one of [`PROMISED_PERCENT`] is found in at least [`FOUND_AT_LEAST`] of the comparisons, on the cells that are promised.
//!
//! A comparison whose run was unsound gives no verdict, as for any user, and counts for neither. More than [`WITHOUT_VERDICT_AT_MOST`] of
//! those, and the machine was not fit to be calibrated.

mod arm;
mod json;
mod markdown;
mod slices;

pub use arm::{Arm, Row, Tally};
pub use slices::{SliceRow, SliceTable, Spread};

use crate::{
    record::{Machine, Run},
    statistics::{binomial_tail, signed_rank_level},
};

/// The level of every comparison.
pub const LEVEL: f64 = 0.05;
/// The slowdown that must be found, in percent.
pub const PROMISED_PERCENT: u32 = 10;
/// The share of comparisons in which it must be.
pub const FOUND_AT_LEAST: f64 = 0.95;
/// The share of comparisons that may go without a verdict, as that of rounds that a run may lose.
pub const WITHOUT_VERDICT_AT_MOST: f64 = 0.25;

/// What a calibration found. Displays as Markdown.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// The first of its runs, for what all have in common; `None` if none was made.
    pub run: Option<Run>,
    /// The machine.
    pub machine: Option<Machine>,
    /// Valid rounds of each comparison.
    pub rounds: u64,
    /// Time of each contender in a round of a comparison, in nanoseconds.
    pub time_ns: u64,
    /// A/A first, if it was asked for, then the slowdowns in ascending order.
    pub arms: Vec<Arm>,
    /// The table of slice lengths, if it was asked for.
    pub slices: Option<SliceTable>,
    /// Whether all that was asked for was measured.
    pub complete: bool,
}

impl Calibration {
    /// Which promises do not hold, a sentence each. What was not measured is not objected to.
    pub fn objections(&self) -> Vec<String> {
        self.arms.iter().filter_map(|arm| self.objection(arm)).collect()
    }

    fn objection(&self, arm: &Arm) -> Option<String> {
        let total = arm.total();
        let all = total.comparisons + total.without_verdict;
        if total.without_verdict as f64 > all as f64 * WITHOUT_VERDICT_AT_MOST {
            let lost = total.without_verdict;
            return Some(format!(
                "{}: {lost} of {all} comparisons have no verdict: the machine was not fit",
                arm.title()
            ));
        }
        if total.comparisons == 0 {
            return None;
        }
        let (bound, found, n) = (false_alarms_at_most(total.comparisons), total.slower, total.comparisons);
        match arm.slower_percent {
            0 if total.differences() > bound => Some(format!(
                "{}: {} of {n} comparisons show a difference that there is not, at most {bound} may",
                arm.title(),
                total.differences()
            )),
            PROMISED_PERCENT if (found as f64) < n as f64 * FOUND_AT_LEAST => {
                let least = FOUND_AT_LEAST * 100.0;
                Some(format!("{}: found in {found} of {n} comparisons, expected {least:.0} %", arm.title()))
            }
            _ => None,
        }
    }

    /// The share of false alarms that the exact test has with so many rounds; at most [`LEVEL`].
    pub fn achieved_level(&self) -> f64 {
        signed_rank_level(usize::try_from(self.rounds).unwrap_or(usize::MAX), LEVEL)
    }
}

/// How many of so many comparisons may show a difference where there is none: more have a probability of at most 5 %, if each shows one
/// with a probability of [`LEVEL`].
pub fn false_alarms_at_most(comparisons: u64) -> u64 {
    (0..comparisons).find(|bound| binomial_tail(bound + 1, comparisons, LEVEL) <= 0.05).unwrap_or(comparisons)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_the_upper_quantile_of_the_binomial_distribution() {
        // scipy.stats.binom.ppf(0.95, n, 0.05)
        for (n, bound) in [(1, 1), (2, 1), (20, 3), (50, 5), (100, 9), (200, 15), (1000, 62)] {
            assert_eq!(false_alarms_at_most(n), bound, "n={n}");
        }
        assert_eq!(false_alarms_at_most(0), 0);
    }

    fn arm(slower_percent: u32, tally: Tally) -> Arm {
        Arm { slower_percent, rows: vec![Row { cell: "cell".to_owned(), promised: true, tally }] }
    }

    fn objections(arms: Vec<Arm>) -> Vec<String> {
        let calibration =
            Calibration { run: None, machine: None, rounds: 8, time_ns: 1, arms, slices: None, complete: true };
        calibration.objections()
    }

    #[test]
    fn false_alarms_up_to_the_bound_are_chance() {
        let a_a = |slower, faster| arm(0, Tally { comparisons: 100, slower, faster, ..Tally::default() });
        assert!(objections(vec![a_a(5, 4)]).is_empty());
        assert!(objections(vec![a_a(5, 5)])[0].contains("10 of 100"), "both directions count");
    }

    #[test]
    fn only_the_promised_slowdown_must_be_found_and_in_the_right_direction() {
        let slowed =
            |percent, slower, faster| arm(percent, Tally { comparisons: 100, slower, faster, ..Tally::default() });
        assert!(objections(vec![slowed(3, 20, 0), slowed(10, 95, 0), slowed(20, 50, 0)]).is_empty());
        assert!(objections(vec![slowed(10, 94, 6)])[0].contains("94 of 100"));
    }

    #[test]
    fn a_machine_that_gives_no_verdicts_is_not_fit() {
        let tally = |comparisons, without_verdict| Tally { comparisons, without_verdict, ..Tally::default() };
        assert!(objections(vec![arm(0, tally(75, 25))]).is_empty());
        assert!(objections(vec![arm(0, tally(74, 26))])[0].contains("not fit"));
        assert!(objections(vec![arm(0, tally(0, 0)), arm(10, tally(0, 0))]).is_empty(), "nothing was measured");
    }
}
