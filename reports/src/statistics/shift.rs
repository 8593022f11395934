//! How far one sample lies from another: estimate, interval and p-values that agree with each other.
//!
//! Both methods here are the same thing over two sets of differences:
//!
//! | samples | differences | estimate | distribution without a shift |
//! | --- | --- | --- | --- |
//! | paired, as d_i = x_i - y_i | Walsh averages (d_i + d_j) / 2, i <= j | Hodges-Lehmann, their median | Wilcoxon's signed-rank |
//! | two independent ones | x_i - y_j, every pair | Hodges-Lehmann, their median | Mann-Whitney's |
//!
//! The test statistic of "the shift is theta" is the number of differences above theta (Tukey 1949 for the Walsh averages), and
//! the bounds of an interval are the differences at the ranks where that test begins to reject (Hodges and Lehmann 1963; Hollander,
//! Wolfe and Chicken, Nonparametric Statistical Methods, 3rd edition, sections 3.1 to 3.3 and 4.1 to 4.3). So an interval
//! excludes theta exactly if the test rejects it.
//!
//! **Ties and zeros.** A difference that equals theta counts for neither side. That never makes a p-value smaller than it
//! should be: had the ties been broken by coin flips, the statistic would have the distribution used here, and it would be at
//! least as large as the count of the differences that are really above.

use super::{differences::Differences, null::Null};

/// The confidence of [`Shift::interval`] as reports show it.
pub const CONFIDENCE: f64 = 0.95;

/// The distance between two samples.
#[derive(Clone, Debug)]
pub struct Shift {
    differences: Differences,
    null: Null,
}

impl Shift {
    /// Of paired samples, given as their differences; `None` of none, or if one is not a number.
    pub fn paired(d: &[f64]) -> Option<Shift> {
        Some(Shift { differences: Differences::walsh(d)?, null: Null::signed_rank(d.len()) })
    }

    /// By how much `x` lies above `y`, where the values are not paired; `None` if one is empty, or a value is not a number.
    pub fn two_sample(x: &[f64], y: &[f64]) -> Option<Shift> {
        Some(Shift { differences: Differences::pairs(x, y)?, null: Null::mann_whitney(x.len(), y.len()) })
    }

    /// The Hodges-Lehmann estimate.
    pub fn estimate(&self) -> f64 {
        self.differences.median()
    }

    /// The interval with this confidence, such as 0.95; `None` if the samples are too small to have one (pairs: under 6 for 95 %).
    pub fn interval(&self, confidence: f64) -> Option<(f64, f64)> {
        let level = (1.0 - confidence) / 2.0;
        Some((self.lower(level)?, self.upper(level)?))
    }

    /// The shift is above this, but for a chance of `level`; `None` if the samples are too small to say so.
    pub fn lower(&self, level: f64) -> Option<f64> {
        self.null.outside(level).map(|k| self.differences.ranked(k))
    }

    /// The shift is under this, but for a chance of `level`; `None` if the samples are too small to say so.
    pub fn upper(&self, level: f64) -> Option<f64> {
        self.null.outside(level).map(|k| self.differences.ranked(self.differences.len() - 1 - k))
    }

    /// The two-sided p-value of "there is no shift".
    pub fn p(&self) -> f64 {
        (2.0 * self.p_above(0.0).min(self.p_under(0.0))).min(1.0)
    }

    /// The one-sided p-value of "the shift is at most `theta`": small if it is above.
    pub fn p_above(&self, theta: f64) -> f64 {
        let above = self.differences.len() - self.differences.at_most(theta);
        self.null.upper_tail(above)
    }

    /// The smallest one-sided p-value that samples of these sizes can have: all differences on one side.
    pub fn smallest_p(&self) -> f64 {
        self.null.upper_tail(self.differences.len())
    }

    /// The one-sided p-value of "the shift is at least `theta`": small if it is under.
    pub fn p_under(&self, theta: f64) -> f64 {
        self.null.upper_tail(self.differences.under(theta))
    }
}
