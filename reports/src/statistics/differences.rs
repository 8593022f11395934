//! All differences of samples, counted and selected without being stored: of some thousand values there are millions of them.
//!
//! Samples are sorted once. Then a count of the differences up to some value is a walk along both of them, and the difference with a rank is found by
//! bisection of the numbers that there are between the smallest and the largest (Johnson and Mizoguchi 1978 for the idea of selecting among
//! sums without forming them; bisecting the representation of the numbers instead of candidates gives the same number in at most 64 walks).

/// The differences, never none and all of them finite.
#[derive(Clone, Debug)]
pub(super) enum Differences {
    /// Walsh averages (d_i + d_j) / 2, i <= j, of these in ascending order.
    Walsh(Vec<f64>),
    /// x_i - y_j, of these in ascending order.
    Pairs {
        /// What lies above.
        x: Vec<f64>,
        /// What lies below.
        y: Vec<f64>,
    },
}

impl Differences {
    /// `None` if there is none, or a difference is not a finite number.
    pub(super) fn walsh(d: &[f64]) -> Option<Differences> {
        Differences::Walsh(ascending(d)?).if_finite()
    }

    /// `None` if there is none, or a difference is not a finite number.
    pub(super) fn pairs(x: &[f64], y: &[f64]) -> Option<Differences> {
        Differences::Pairs { x: ascending(x)?, y: ascending(y)? }.if_finite()
    }

    fn if_finite(self) -> Option<Differences> {
        let (low, high) = self.ends();
        (low.is_finite() && high.is_finite()).then_some(self)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Differences::Walsh(d) => d.len() * (d.len() + 1) / 2,
            Differences::Pairs { x, y } => x.len() * y.len(),
        }
    }

    /// How many are at most `value`.
    pub(super) fn at_most(&self, value: f64) -> usize {
        self.count(|difference| difference <= value)
    }

    /// How many are less than `value`.
    pub(super) fn under(&self, value: f64) -> usize {
        self.count(|difference| difference < value)
    }

    /// The one with this rank, from 0.
    ///
    /// # Panics
    /// If there are no more than `rank`.
    pub(super) fn ranked(&self, rank: usize) -> f64 {
        assert!(rank < self.len(), "rank {rank} of {} differences", self.len());
        let (low, high) = self.ends();
        // The answer is the smallest number that more than `rank` differences do not exceed.
        let (mut low, mut high) = (order(low), order(high));
        while low < high {
            let middle = low + ((i128::from(high) - i128::from(low)) / 2) as i64;
            if self.at_most(number(middle)) > rank { high = middle } else { low = middle + 1 }
        }
        number(low)
    }

    /// Their median.
    pub(super) fn median(&self) -> f64 {
        let n = self.len();
        f64::midpoint(self.ranked((n - 1) / 2), self.ranked(n / 2))
    }

    /// The smallest and the largest.
    fn ends(&self) -> (f64, f64) {
        match self {
            Differences::Walsh(d) => (d[0], d[d.len() - 1]),
            Differences::Pairs { x, y } => (x[0] - y[y.len() - 1], x[x.len() - 1] - y[0]),
        }
    }

    /// How many `hold`, which is true up to some value and false above it.
    fn count(&self, hold: impl Fn(f64) -> bool) -> usize {
        match self {
            Differences::Walsh(d) => {
                let mut end = d.len();
                let mut count = 0;
                for i in 0..d.len() {
                    while end > i && !hold(f64::midpoint(d[i], d[end - 1])) {
                        end -= 1;
                    }
                    if end <= i {
                        break;
                    }
                    count += end - i;
                }
                count
            }
            Differences::Pairs { x, y } => {
                let mut begin = 0;
                let with = |x: &f64| {
                    while begin < y.len() && !hold(x - y[begin]) {
                        begin += 1;
                    }
                    y.len() - begin
                };
                x.iter().map(with).sum()
            }
        }
    }
}

fn ascending(values: &[f64]) -> Option<Vec<f64>> {
    if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    Some(values)
}

/// A whole number for each number, in the same order.
fn order(value: f64) -> i64 {
    let bits = value.to_bits().cast_signed();
    if bits < 0 { i64::MIN - bits } else { bits }
}

/// The number that [`order`] gives this for.
fn number(order: i64) -> f64 {
    f64::from_bits(if order < 0 { i64::MIN - order } else { order }.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(n: usize, rng: &mut fastrand::Rng) -> Vec<f64> {
        // Whole numbers among others, so that there are ties.
        (0..n).map(|_| if rng.bool() { f64::from(rng.i8(-3..3)) } else { rng.f64() * 8.0 - 4.0 }).collect()
    }

    fn check(differences: &Differences, mut all: Vec<f64>) {
        all.sort_unstable_by(f64::total_cmp);
        assert_eq!(differences.len(), all.len());
        for (rank, expected) in all.iter().enumerate() {
            // As numbers: -0 is 0.
            assert_eq!(differences.ranked(rank), *expected, "rank {rank} of {all:?}");
            assert_eq!(differences.at_most(*expected), all.partition_point(|d| d <= expected));
            assert_eq!(differences.under(*expected), all.partition_point(|d| d < expected));
        }
        let n = all.len();
        assert_eq!(differences.median(), f64::midpoint(all[(n - 1) / 2], all[n / 2]));
    }

    #[test]
    fn counts_and_ranks_are_those_of_the_sorted_differences() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let (x, y) = (some(rng.usize(1..12), &mut rng), some(rng.usize(1..12), &mut rng));
            let walsh = (0..x.len()).flat_map(|i| x[i..].iter().map(move |other| (i, *other)));
            check(&Differences::walsh(&x).unwrap(), walsh.map(|(i, other)| f64::midpoint(x[i], other)).collect());
            let pairs = x.iter().flat_map(|x| y.iter().map(move |y| x - y));
            check(&Differences::pairs(&x, &y).unwrap(), pairs.collect());
        }
    }

    #[test]
    fn the_order_of_numbers_is_kept_and_undone() {
        let numbers = [f64::MIN, -1.5, -f64::MIN_POSITIVE, 0.0, 5e-324, 1.0, f64::MAX];
        assert!(numbers.is_sorted_by_key(|value| order(*value)));
        assert_eq!(numbers.map(|value| number(order(value))), numbers);
    }

    #[test]
    fn of_a_hundred_thousand_values_there_is_a_median_too() {
        let values: Vec<f64> = (0..100_001).map(f64::from).collect();
        assert_eq!(Differences::walsh(&values).unwrap().median(), 50_000.0);
        assert_eq!(Differences::pairs(&values, &values).unwrap().median(), 0.0);
    }

    #[test]
    fn what_is_no_number_has_no_differences() {
        for values in [&[][..], &[1.0, f64::NAN], &[f64::INFINITY]] {
            assert!(Differences::walsh(values).is_none());
            assert!(Differences::pairs(values, &[1.0]).is_none() && Differences::pairs(&[1.0], values).is_none());
        }
        assert!(Differences::pairs(&[f64::MAX], &[f64::MIN]).is_none());
    }
}
