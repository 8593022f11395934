//! How precise a variant is: what a run that was asked for a precision looks at while it goes on, and what its report says in the end.
//!
//! The figure is the half-width, on the scale of logarithms, of the 95 % interval of a cell's ratio to the best of its variant: the
//! interval that tables print and rank by. A ratio of paired rounds is free of what the machine does to all contenders of a round
//! alike, which the interval of a contender's own time is not. A variant is as precise as the widest of its cells.

use super::{Ratio, RoundValue, Variant};
use crate::statistics;

/// The widest half-width of a variant's cells, each given by its valid rounds; `None` while some cell has too few for an interval, or
/// if there is no cell at all. Cells without any round are left out.
///
/// A cell that is alone has no ratio; the interval of its own value stands for it.
pub fn half_width(cells: &[&[RoundValue]]) -> Option<f64> {
    let cells: Vec<&[RoundValue]> = cells.iter().copied().filter(|rounds| !rounds.is_empty()).collect();
    let median = |rounds: &[RoundValue]| {
        statistics::median(&rounds.iter().map(|round| round.value).collect::<Vec<_>>()).unwrap_or(f64::INFINITY)
    };
    let best = (0..cells.len()).min_by(|&a, &b| median(cells[a]).total_cmp(&median(cells[b])))?;
    let of_ratio = |ratio: Ratio| ratio.interval.map(|(low, high)| (high / low).ln() / 2.0);
    if cells.len() == 1 {
        return Ratio::to_one(cells[best], |round| round.value).and_then(of_ratio);
    }
    let others = (0..cells.len()).filter(|&cell| cell != best);
    let widths = others.map(|cell| Ratio::paired(cells[cell], cells[best], |round| round.value).and_then(of_ratio));
    widths.collect::<Option<Vec<f64>>>()?.into_iter().reduce(f64::max)
}

impl Variant {
    /// The [`half_width`] of its cells, floors left out.
    pub fn half_width(&self) -> Option<f64> {
        let measured = self.cells.iter().filter_map(|cell| cell.measured());
        half_width(&measured.map(|measured| measured.rounds.as_slice()).collect::<Vec<_>>())
    }

    /// Valid rounds of the cell that has most.
    pub fn rounds(&self) -> usize {
        let measured = self.cells.iter().chain(&self.floors).filter_map(|cell| cell.measured());
        measured.map(|measured| measured.rounds.len()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds with these values.
    fn rounds(values: impl IntoIterator<Item = f64>) -> Vec<RoundValue> {
        let round = |(round, value)| RoundValue { record: 0, round, value, cpu_ns_per_op: 1.0 };
        (0..).zip(values).map(round).collect()
    }

    /// Eight rounds of about `value`, a share of `noise` up and down.
    fn noisy(value: f64, noise: f64) -> Vec<RoundValue> {
        rounds((0..8).map(|round| value * (1.0 + noise * f64::from(round - 4))))
    }

    #[test]
    fn the_widest_ratio_to_the_best_counts() {
        let (best, near, wide) = (rounds([100.0; 8]), noisy(150.0, 0.001), noisy(200.0, 0.01));
        let narrow = half_width(&[&best, &near]).unwrap();
        let widest = half_width(&[&near, &wide, &best]).unwrap();
        assert!((0.001..0.005).contains(&narrow) && (0.01..0.05).contains(&widest), "{narrow} {widest}");
        let to_best = Ratio::paired(&wide, &best, |round| round.value).unwrap().interval.unwrap();
        assert!((widest - (to_best.1.ln() - to_best.0.ln()) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn what_all_share_does_not_count() {
        let machine = [1.0, 1.3, 0.9, 1.0, 1.6, 1.1, 1.0, 1.2];
        let (fast, slow) = (rounds(machine.map(|m| 100.0 * m)), rounds(machine.map(|m| 170.0 * m)));
        assert!(half_width(&[&fast, &slow]).unwrap() < 1e-9);
        assert!(half_width(&[&fast]).unwrap() > 0.05, "alone, there is nothing that it could be divided by");
    }

    #[test]
    fn a_cell_with_too_few_rounds_keeps_the_variant_open_and_one_without_any_does_not() {
        let (whole, short) = (noisy(100.0, 0.01), rounds([200.0; 5]));
        assert_eq!(half_width(&[&whole, &short]), None);
        assert_eq!(half_width(&[&short]), None);
        assert_eq!(half_width(&[&[], &[]]), None);
        assert_eq!(half_width(&[&whole, &[]]), half_width(&[&whole]));
    }
}
