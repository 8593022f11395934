//! The median.

/// The middle value, or the mean of the two middle ones; `None` of nothing, or if a value is not a number.
///
/// ```
/// assert_eq!(reports::statistics::median(&[3.0, 1.0, 10.0]), Some(3.0));
/// assert_eq!(reports::statistics::median(&[1.0, 2.0]), Some(1.5));
/// assert_eq!(reports::statistics::median(&[]), None);
/// ```
pub fn median(values: &[f64]) -> Option<f64> {
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    median_of_sorted(&sorted)
}

/// As [`median`], of values that are in ascending order.
fn median_of_sorted(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(sorted[sorted.len() / 2 - 1], upper))
}
