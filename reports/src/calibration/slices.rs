//! How much a ratio varies between rounds, by the length of a turn.

use crate::{Analysis, analysis::log_ratios};

/// A/A by the length of a turn, for the same total time.
#[derive(Clone, Debug)]
pub struct SliceTable {
    /// Time of each contender in a round, in nanoseconds.
    pub time_ns: u64,
    /// The lengths, in nanoseconds, longest first.
    pub lengths_ns: Vec<u64>,
    /// A row a cell.
    pub rows: Vec<SliceRow>,
}

/// One cell of the table's cells: a contender against itself.
#[derive(Clone, Debug)]
pub struct SliceRow {
    /// The contender and its workload.
    pub cell: String,
    /// One for each length.
    pub spreads: Vec<Spread>,
}

/// How far rounds lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Rounds that both sides have.
    pub rounds: usize,
    /// The standard deviation of the logarithm of their ratios; `None` of fewer than two.
    pub sd: Option<f64>,
}

impl Spread {
    /// Of the ratio of two contenders on the only variant of an analysis.
    pub fn of(analysis: &Analysis, baseline: &str, candidate: &str) -> Spread {
        let pairs = analysis.variants.first().and_then(|variant| {
            let (x, y) = (variant.measured(candidate)?, variant.measured(baseline)?);
            Some(log_ratios(&x.rounds, &y.rounds, |round| round.value))
        });
        Spread::of_ratios(&pairs.unwrap_or_default())
    }

    fn of_ratios(log_ratios: &[f64]) -> Spread {
        let rounds = log_ratios.len();
        if rounds < 2 {
            return Spread { rounds, sd: None };
        }
        let mean = log_ratios.iter().sum::<f64>() / rounds as f64;
        let squares: f64 = log_ratios.iter().map(|d| (d - mean).powi(2)).sum();
        Spread { rounds, sd: Some((squares / (rounds - 1) as f64).sqrt()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_deviation_is_that_of_a_sample() {
        // statistics.stdev([1, 2, 4]) of Python.
        let spread = Spread::of_ratios(&[1.0, 2.0, 4.0]);
        assert!((spread.sd.unwrap() - 1.527_525_231_651_946_7).abs() < 1e-12);
        assert_eq!(Spread::of_ratios(&[1.0]), Spread { rounds: 1, sd: None });
    }
}
