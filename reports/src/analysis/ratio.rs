//! From values by round to a [`Ratio`]. All arithmetic is on logarithms, so that x / y and y / x say the same.

use std::collections::BTreeMap;

use super::{Ratio, RoundValue};
use crate::statistics::{CONFIDENCE, Shift};

/// The fewest pairs whose exact interval can have 95 %: with 5, the smallest two-sided p is 1/16.
const FEWEST_PAIRS: usize = 6;

impl Ratio {
    /// `x / y`, paired by round; `None` if they share no round, or if a value is not positive.
    pub(crate) fn paired(x: &[RoundValue], y: &[RoundValue], value: impl Fn(&RoundValue) -> f64) -> Option<Ratio> {
        let d = log_ratios(x, y, value);
        let enough = d.len() >= FEWEST_PAIRS;
        Ratio::of(&Shift::paired(&d)?, d.len(), enough)
    }

    /// `x / 1`: where a contender's own value lies; `None` if it has no round, or if a value is not positive.
    pub(crate) fn to_one(x: &[RoundValue], value: impl Fn(&RoundValue) -> f64) -> Option<Ratio> {
        let d: Vec<f64> = x.iter().map(|round| value(round).ln()).collect();
        Ratio::of(&Shift::paired(&d)?, d.len(), d.len() >= FEWEST_PAIRS)
    }

    /// `x / y` of independent samples; `None` if one is empty, or if a value is not positive.
    pub(crate) fn independent(x: &[RoundValue], y: &[RoundValue], value: impl Fn(&RoundValue) -> f64) -> Option<Ratio> {
        let logarithms = |rounds: &[RoundValue]| rounds.iter().map(|round| value(round).ln()).collect::<Vec<_>>();
        let shift = Shift::two_sample(&logarithms(x), &logarithms(y))?;
        let has_interval = shift.interval(CONFIDENCE).is_some();
        Ratio::of(&shift, x.len().min(y.len()), has_interval)
    }

    fn of(shift: &Shift, rounds: usize, enough: bool) -> Option<Ratio> {
        let interval = shift.interval(CONFIDENCE).filter(|_| enough);
        Some(Ratio {
            estimate: shift.estimate().exp(),
            interval: interval.map(|(low, high)| (low.exp(), high.exp())),
            level: CONFIDENCE,
            p: enough.then(|| shift.p()),
            rounds,
        })
    }

    /// Whether there is a difference at 5 %. Without enough rounds there is none to be seen.
    pub fn is_significant(&self) -> bool {
        self.p.is_some_and(|p| p < 1.0 - self.level)
    }
}

/// ln(x / y) for every round that both have, in the order of rounds.
pub(crate) fn log_ratios(x: &[RoundValue], y: &[RoundValue], value: impl Fn(&RoundValue) -> f64) -> Vec<f64> {
    let y: BTreeMap<_, _> = y.iter().map(|round| ((round.record, round.round), value(round))).collect();
    let both = x.iter().filter_map(|round| Some((value(round), *y.get(&(round.record, round.round))?)));
    both.map(|(x, y)| x.ln() - y.ln()).collect()
}
