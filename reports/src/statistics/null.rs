//! The distributions of the two rank statistics when there is no difference: what p-values and intervals are read from.
//!
//! Both are symmetric on `0..=max`. They are exact as long as that is cheap, which covers every plan (a plan ends at 64
//! rounds); records merged beyond that get the normal approximation with continuity correction, whose error is then far
//! smaller than any decision here needs.

/// Largest sample for which the signed-rank distribution is computed exactly.
const EXACT_PAIRS: usize = 128;
/// Largest product of sample sizes for which the Mann-Whitney distribution is computed exactly.
const EXACT_PRODUCT: usize = 64 * 64;

/// The null distribution of a rank statistic.
#[derive(Clone, Debug)]
pub(super) struct Null {
    /// The largest value that the statistic takes.
    max: usize,
    tail: Tail,
}

#[derive(Clone, Debug)]
enum Tail {
    /// `upper[w]` is the probability of `w` or more.
    Exact { upper: Vec<f64> },
    /// A normal distribution with this standard deviation around `max / 2`.
    Normal { deviation: f64 },
}

impl Null {
    /// Wilcoxon's signed-rank statistic of `n` pairs: the sum of a random subset of the ranks `1..=n`.
    pub(super) fn signed_rank(n: usize) -> Null {
        let max = n * (n + 1) / 2;
        if n > EXACT_PAIRS {
            let variance = max as f64 * (2 * n + 1) as f64 / 12.0;
            return Null { max, tail: Tail::Normal { deviation: variance.sqrt() } };
        }
        // One rank after the other is in the subset or not, with probability one half each.
        let mut density = vec![0.0; max + 1];
        density[0] = 1.0;
        for rank in 1..=n {
            for sum in (0..=rank * (rank + 1) / 2).rev() {
                let with = if sum >= rank { density[sum - rank] } else { 0.0 };
                density[sum] = f64::midpoint(density[sum], with);
            }
        }
        Null::exact(density)
    }

    /// Mann and Whitney's statistic of samples of `m` and `n`: pairs in which the first sample's value is the larger.
    pub(super) fn mann_whitney(m: usize, n: usize) -> Null {
        let max = m * n;
        if max > EXACT_PRODUCT {
            let variance = max as f64 * (m + n + 1) as f64 / 12.0;
            return Null { max, tail: Tail::Normal { deviation: variance.sqrt() } };
        }
        // Mann and Whitney's recurrence, all additions: the largest of all values is from the first sample (and exceeds the
        // n of the second) with probability m / (m + n), else from the second. `densities[n']` is for samples of m' and n'.
        let mut densities = vec![vec![1.0]; n + 1];
        for m in 1..=m {
            densities[0] = vec![1.0];
            for n in 1..=n {
                let (from_first, from_second) = (&densities[n], &densities[n - 1]);
                let share = m as f64 / (m + n) as f64;
                let mut density = vec![0.0; m * n + 1];
                for (u, p) in from_first.iter().enumerate() {
                    density[u + n] += share * p;
                }
                for (u, p) in from_second.iter().enumerate() {
                    density[u] += (1.0 - share) * p;
                }
                densities[n] = density;
            }
        }
        let density = densities.swap_remove(n);
        Null::exact(density)
    }

    fn exact(density: Vec<f64>) -> Null {
        let max = density.len() - 1;
        let mut upper = density;
        for w in (0..max).rev() {
            upper[w] += upper[w + 1];
        }
        Null { max, tail: Tail::Exact { upper } }
    }

    /// The probability of `statistic` or more; by symmetry, also that of `max - statistic` or less.
    pub(super) fn upper_tail(&self, statistic: usize) -> f64 {
        match &self.tail {
            _ if statistic == 0 => 1.0,
            _ if statistic > self.max => 0.0,
            Tail::Exact { upper } => upper[statistic],
            Tail::Normal { deviation } => {
                upper_tail_of_normal((statistic as f64 - 0.5 - self.max as f64 / 2.0) / deviation)
            }
        }
    }

    /// The chance of a one-sided rejection if one happens exactly where the tail is at most `level`: less, since there are steps.
    pub(super) fn attained(&self, level: f64) -> f64 {
        self.outside(level).map_or(0.0, |k| self.upper_tail(self.max - k))
    }

    /// How many of the sorted differences lie outside of a one-sided bound of this level: the bound is the difference at
    /// this index from its end. `None` if even the outermost difference is no such bound.
    pub(super) fn outside(&self, level: f64) -> Option<usize> {
        // The bound at index k is wrong if at most k differences lie beyond the truth: P(W <= k) = P(W >= max - k).
        let fits = |k: usize| self.upper_tail(self.max - k) <= level;
        // The tail is monotone: find the last k that fits.
        let mut candidates = 0..self.max;
        while !candidates.is_empty() {
            let middle = candidates.start + candidates.len() / 2;
            if fits(middle) { candidates.start = middle + 1 } else { candidates.end = middle }
        }
        candidates.start.checked_sub(1)
    }
}

/// The probability that a standard normal variable exceeds `z`, to 1.2e-7 of itself: `erfc(z / sqrt 2) / 2` with the Chebyshev fit of
/// Press et al., Numerical Recipes, 2nd edition, section 6.2.
fn upper_tail_of_normal(z: f64) -> f64 {
    const FIT: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * x);
    let exponent = FIT.iter().rev().fold(0.0, |sum, coefficient| sum * t + coefficient);
    let half = 0.5 * t * (exponent - x * x).exp();
    if z >= 0.0 { half } else { 1.0 - half }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_rank_agrees_with_every_subset_counted() {
        for n in 1..=10_usize {
            let null = Null::signed_rank(n);
            let mut counts = vec![0_u32; null.max + 1];
            for subset in 0..1_u32 << n {
                counts[(0..n).filter(|i| subset >> i & 1 == 1).map(|i| i + 1).sum::<usize>()] += 1;
            }
            for w in 0..=null.max {
                let expected = f64::from(counts[w..].iter().sum::<u32>()) / f64::from(1_u32 << n);
                assert!((null.upper_tail(w) - expected).abs() < 1e-14, "n={n} w={w}");
            }
        }
    }

    #[test]
    fn mann_whitney_agrees_with_every_arrangement_counted() {
        for (m, n) in [(1, 1), (1, 5), (5, 1), (3, 4), (4, 4), (5, 6)] {
            let null = Null::mann_whitney(m, n);
            let mut counts = vec![0_u32; null.max + 1];
            let mut arrangements = 0;
            // A set bit is a value of the first sample; it exceeds each clear bit below it.
            for bits in (0..1_u32 << (m + n)).filter(|bits| bits.count_ones() as usize == m) {
                let above = |i: usize| (0..i).filter(|j| bits >> j & 1 == 0).count();
                counts[(0..m + n).filter(|i| bits >> i & 1 == 1).map(above).sum::<usize>()] += 1;
                arrangements += 1;
            }
            for u in 0..=null.max {
                let expected = f64::from(counts[u..].iter().sum::<u32>()) / f64::from(arrangements);
                assert!((null.upper_tail(u) - expected).abs() < 1e-13, "m={m} n={n} u={u}");
            }
        }
    }

    #[test]
    fn the_approximation_continues_where_the_exact_ends() {
        let exact = Null::signed_rank(EXACT_PAIRS);
        let variance = exact.max as f64 * (2 * EXACT_PAIRS + 1) as f64 / 12.0;
        let normal = Null { max: exact.max, tail: Tail::Normal { deviation: variance.sqrt() } };
        for percent in 40..=62 {
            let w = exact.max * percent / 100;
            let (exact, normal) = (exact.upper_tail(w), normal.upper_tail(w));
            assert!((exact - normal).abs() < 1e-3, "{percent} %: {exact} {normal}");
        }
        let (exact, normal) = (Null::mann_whitney(64, 64), Null::mann_whitney(64, 65));
        for percent in 40..=60 {
            let of = |null: &Null| null.upper_tail(null.max * percent / 100);
            assert!((of(&exact) - of(&normal)).abs() < 5e-3, "{percent} %");
        }
    }

    #[test]
    fn precision_holds_at_the_largest_exact_sizes() {
        for null in [Null::signed_rank(64), Null::signed_rank(EXACT_PAIRS), Null::mann_whitney(64, 64)] {
            let middle = null.max / 2;
            // Symmetry: P(W >= w) + P(W >= max - w + 1) = 1.
            for w in [1, middle / 2, middle, middle + middle / 3] {
                let sum = null.upper_tail(w) + null.upper_tail(null.max - w + 1);
                assert!((sum - 1.0).abs() < 1e-9, "{sum}");
            }
        }
        assert_eq!(Null::signed_rank(64).upper_tail(2080), 0.5_f64.powi(64));
    }
}
