//! How often something happens, from how often it did: the binomial distribution, its tail, and the exact interval that is read from it.
//!
//! Exact for any number of trials that somebody would run: a tail is a sum of its terms, whose logarithms are sums of logarithms,
//! so nothing overflows. For some thousands of trials that takes well under a millisecond.

/// The probability of `k` successes or more in `n` trials, each a success with probability `p` in `0..=1`.
///
/// ```
/// use reports::statistics::binomial_tail;
/// assert!((binomial_tail(3, 3, 0.5) - 0.125).abs() < 1e-15);
/// assert_eq!(binomial_tail(0, 3, 0.5), 1.0);
/// ```
pub fn binomial_tail(k: u64, n: u64, p: f64) -> f64 {
    match k {
        0 => return 1.0,
        k if k > n || p <= 0.0 => return 0.0,
        _ if p >= 1.0 => return 1.0,
        _ => {}
    }
    let (ln_p, ln_q) = (p.ln(), (-p).ln_1p());
    // ln of n! / (i! (n - i)!), starting with i = k.
    let mut ln_ways: f64 = (1..=k).map(|i| ((n - k + i) as f64 / i as f64).ln()).sum();
    let mut tail = 0.0;
    for i in k..=n {
        tail += (ln_ways + i as f64 * ln_p + (n - i) as f64 * ln_q).exp();
        ln_ways += ((n - i) as f64 / (i + 1) as f64).ln();
    }
    tail.min(1.0)
}

/// The interval of Clopper and Pearson ("The use of confidence or fiducial limits illustrated in the case of the binomial",
/// Biometrika 26(4), 1934) for the probability of a success, of which there were `k` in `n` trials: it holds the truth with at least
/// this confidence, such as 0.95, whatever the truth is. `None` without trials, or with more successes than trials.
///
/// ```
/// let (low, high) = reports::statistics::clopper_pearson(0, 100, 0.95).unwrap();
/// assert_eq!(low, 0.0);
/// assert!((high - (1.0 - 0.025_f64.powf(0.01))).abs() < 1e-12);
/// ```
pub fn clopper_pearson(k: u64, n: u64, confidence: f64) -> Option<(f64, f64)> {
    if n == 0 || k > n {
        return None;
    }
    let level = (1.0 - confidence) / 2.0;
    // The lower bound is the p that makes k or more just as rare as the level; the upper one that of failures, from 1.
    let lower = |k: u64| if k == 0 { 0.0 } else { p_of_tail(k, n, level) };
    Some((lower(k), 1.0 - lower(n - k)))
}

/// The `p` with which `k` successes or more, at least one, have this probability.
fn p_of_tail(k: u64, n: u64, probability: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    loop {
        let middle = f64::midpoint(low, high);
        // No number is left between the two.
        if middle <= low || middle >= high {
            return middle;
        }
        if binomial_tail(k, n, middle) < probability { low = middle } else { high = middle }
    }
}
