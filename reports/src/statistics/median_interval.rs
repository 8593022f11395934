//! The exact interval of a median, from order statistics: how many of n independent values lie under the median of what they
//! are drawn from is binomial with probability one half, whatever that is (Thompson, Annals of Mathematical Statistics 7(3), 1936;
//! David and Nagaraja, Order Statistics, 3rd edition, 2003, section 7.1).

/// The tightest pair of values, each as far from its end, between which the median lies with at least this confidence, such as 0.95;
/// `None` if even the smallest and the largest do not hold it (for 95 %: under 6 values), or if a value is not a number.
///
/// ```
/// use reports::statistics::median_interval;
/// assert_eq!(median_interval(&[8.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 0.95), Some((1.0, 8.0)));
/// assert_eq!(median_interval(&[9.0, 8.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 0.95), Some((2.0, 8.0)));
/// assert_eq!(median_interval(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.95), None);
/// ```
pub fn median_interval(values: &[f64], confidence: f64) -> Option<(f64, f64)> {
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let outside = outside(sorted.len(), (1.0 - confidence) / 2.0)?;
    Some((sorted[outside], sorted[sorted.len() - 1 - outside]))
}

/// How many of n values can be left out at each end: the largest k with P(X <= k) <= level, X binomial of n and 1/2.
fn outside(n: usize, level: f64) -> Option<usize> {
    // As a logarithm, since 2^-n is no f64 any more from n = 1075 on.
    let mut ln_density = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..n.div_ceil(2) {
        tail += ln_density.exp();
        if tail > level {
            return k.checked_sub(1);
        }
        ln_density += ((n - k) as f64 / (k + 1) as f64).ln();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: exact integers, `sum(math.comb(n, i) for i in range(k + 1)) / 2**n <= 0.025` in Python.
    #[test]
    fn ranks_are_those_of_the_binomial_distribution() {
        for n in [0, 1, 2, 5] {
            assert_eq!(outside(n, 0.025), None, "{n}");
        }
        let expected =
            [(6, 0), (8, 0), (9, 1), (11, 1), (12, 2), (16, 3), (24, 6), (32, 9), (48, 16), (64, 23), (100, 39)];
        for (n, k) in expected.into_iter().chain([(2000, 955)]) {
            assert_eq!(outside(n, 0.025), Some(k), "{n}");
        }
    }

    #[test]
    fn what_is_no_number_has_no_interval() {
        assert_eq!(median_interval(&[f64::NAN; 8], 0.95), None);
        assert_eq!(median_interval(&[], 0.95), None);
    }
}
