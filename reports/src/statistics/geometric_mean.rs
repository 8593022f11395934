//! The geometric mean: the only mean of ratios that does not depend on which side is the base (Fleming and Wallace, "How not
//! to lie with statistics", CACM 29(3), 1986).

/// The geometric mean of positive values; `None` of nothing, or if one is not a positive number.
///
/// ```
/// assert_eq!(reports::statistics::geometric_mean([4.0, 0.25]), Some(1.0));
/// assert_eq!(reports::statistics::geometric_mean([]), None);
/// assert_eq!(reports::statistics::geometric_mean([2.0, 0.0]), None);
/// ```
pub fn geometric_mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in values {
        sum += value.ln();
        count += 1;
    }
    (count > 0).then(|| (sum / f64::from(count)).exp()).filter(|mean| mean.is_finite() && *mean > 0.0)
}
