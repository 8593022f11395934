//! The block bootstrap: how much a figure would change had other rounds been run. For what the exact intervals of
//! [`Shift`](super::Shift) are not made for: ratios of percentiles, and slopes.
//!
//! **Blocks.** A block is a round, and is drawn whole, with all that it measured: samples of one process depend on each other, and
//! drawing among them would promise a precision that is not there (Künsch, Annals of Statistics 17(3), 1989; here the blocks are
//! given, and independent). What took turns in the same rounds is drawn together; what did not is drawn apart.
//!
//! **Percentile interval** (Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7(1), 1979; Davison and
//! Hinkley, Bootstrap Methods and their Application, 1997, section 5.3.1), of logarithms, so that x / y and y / x say the same. Not
//! BCa: its acceleration is estimated by leaving out one round at a time, which fails for a median, the statistic that is
//! resampled here: it takes two or three values whatever the rounds are (Efron and Tibshirani, An Introduction to the Bootstrap,
//! 1993, section 10.6).

use fastrand::Rng;

/// Resamples. With one more, each bound of a 95 % interval is a whole rank, here the 100th from its end; the level of a bound then varies
/// by a quarter of a percent with the seed.
const RESAMPLES: usize = 3999;
/// The same record always has the same interval. Any number would do.
const SEED: u64 = 5;
/// The fewest rounds that are drawn from. Under six, the interval would be all that there is and still not hold 95 %, and the exact
/// methods have none either.
const FEWEST_BLOCKS: usize = 6;

/// The interval of `statistic` with this confidence, such as 0.95. `sizes` are the numbers of rounds of the groups that are drawn
/// apart; `statistic` gets, for each group, as many indexes of its rounds, drawn with replacement. `None` if a group has fewer than
/// six rounds, or if the statistic of a resample is not a number.
///
/// ```
/// use reports::statistics::{bootstrap, median};
/// let rounds = [4.1, 4.0, 4.3, 4.2, 3.9, 4.1, 4.0, 4.2];
/// let of_drawn = |drawn: &[Vec<usize>]| median(&drawn[0].iter().map(|&round| rounds[round]).collect::<Vec<_>>()).unwrap();
/// let (low, high) = bootstrap(&[rounds.len()], 0.95, of_drawn).unwrap();
/// assert!(4.0 <= low && low < 4.1 && 4.1 < high && high <= 4.2);
/// ```
pub fn bootstrap(sizes: &[usize], confidence: f64, statistic: impl Fn(&[Vec<usize>]) -> f64) -> Option<(f64, f64)> {
    if sizes.is_empty() || sizes.iter().any(|size| *size < FEWEST_BLOCKS) {
        return None;
    }
    let mut rng = Rng::with_seed(SEED);
    let mut drawn: Vec<Vec<usize>> = sizes.iter().map(|size| vec![0; *size]).collect();
    let mut statistics: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            for (indexes, size) in drawn.iter_mut().zip(sizes) {
                indexes.fill_with(|| rng.usize(..*size));
            }
            statistic(&drawn)
        })
        .collect();
    if statistics.iter().any(|value| !value.is_finite()) {
        return None;
    }
    statistics.sort_unstable_by(f64::total_cmp);
    // 1e-9: 0.025 is not a binary fraction.
    let rank = ((RESAMPLES + 1) as f64 * (1.0 - confidence) / 2.0 + 1e-9) as usize;
    let bound = rank.clamp(1, RESAMPLES / 2) - 1;
    Some((statistics[bound], statistics[RESAMPLES - 1 - bound]))
}
