//! The level that an exact test really has: p-values of few pairs come in steps, and the last step under 5 % is lower than that.

use super::null::Null;

/// How often Wilcoxon's signed-rank test of so many pairs, two-sided, rejects at the level `alpha` where there is no difference (and
/// no ties).
///
/// ```
/// use reports::statistics::signed_rank_level;
/// assert_eq!(signed_rank_level(8, 0.05), 10.0 / 256.0);
/// assert_eq!(signed_rank_level(5, 0.05), 0.0); // the smallest p of five pairs is 1/16
/// ```
pub fn signed_rank_level(pairs: usize, alpha: f64) -> f64 {
    2.0 * Null::signed_rank(pairs).attained(alpha / 2.0)
}
