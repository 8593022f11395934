//! The slope of a line through points.

/// The slope by least squares (Legendre 1805; Draper and Smith, Applied Regression Analysis, 3rd edition, section 1.2) of points
/// `(x, y)`; `None` if they have fewer than two different x, or one is not a number.
///
/// ```
/// assert_eq!(reports::statistics::slope(&[(1.0, 3.0), (2.0, 5.0), (3.0, 7.0)]), Some(2.0));
/// assert_eq!(reports::statistics::slope(&[(1.0, 3.0), (1.0, 5.0)]), None);
/// ```
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let both: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    Some(both / spread).filter(|slope| slope.is_finite())
}
