//! Holm's step-down correction (Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
//! Statistics 6, 1979): the chance of any false rejection in the family stays under alpha, whatever the dependence.

/// The level at which each hypothesis of a family is tested, in the order of `p_values`: `alpha / m` for the smallest p,
/// `alpha / (m - 1)` for the next, and so on; after the first that is not rejected, all the rest keep its level.
///
/// A hypothesis is rejected if its p is at most its level.
///
/// ```
/// let levels = reports::statistics::holm(&[0.3, 0.001, 0.02], 0.03);
/// assert_eq!(levels, [0.015, 0.01, 0.015]); // 0.001 is rejected, 0.02 is not, so 0.3 is not asked further
/// ```
pub fn holm(p_values: &[f64], alpha: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));

    let mut levels = vec![0.0; p_values.len()];
    let mut remaining = p_values.len();
    for index in order {
        let level = alpha / remaining as f64;
        levels[index] = level;
        if p_values[index] <= level {
            remaining -= 1;
        }
    }
    levels
}
