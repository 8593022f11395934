//! Benjamini and Hochberg's step-up correction ("Controlling the false discovery rate: a practical and powerful approach to multiple
//! testing", Journal of the Royal Statistical Society B 57(1), 1995): of the differences that a table shows, the expected share
//! that is none stays under the level.
//!
//! It holds for independent p-values, and for those that rise and fall together (Benjamini and Yekutieli, Annals of Statistics
//! 29(4), 2001), as those of contenders in the same rounds do.

/// The adjusted p-values, in the order of `p_values`: rejecting those that are at most `q` keeps the false discovery rate at `q`.
///
/// The p of rank `i` among `m`, times `m / i`, and never more than that of any larger p.
///
/// ```
/// let adjusted = reports::statistics::benjamini_hochberg(&[0.5, 0.01, 0.25, 0.25]);
/// assert_eq!(adjusted, [0.5, 0.04, 1.0 / 3.0, 1.0 / 3.0]);
/// ```
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));

    let mut adjusted = vec![1.0; p_values.len()];
    let mut smallest = 1.0_f64;
    for (rank, &index) in order.iter().enumerate().rev() {
        smallest = smallest.min(p_values[index] * p_values.len() as f64 / (rank + 1) as f64);
        adjusted[index] = smallest;
    }
    adjusted
}
