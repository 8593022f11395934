//! How a figure changed from baseline to candidate, how surely, and what that makes of a table of many.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::figure::Figure;
use crate::{
    analysis::{Ratio, RoundKey},
    statistics::{self, CONFIDENCE, Shift},
};

/// From baseline to candidate.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Change {
    /// The baseline's median over the rounds that are compared, in the figure's unit.
    pub baseline: f64,
    /// The candidate's, as the baseline's.
    pub candidate: f64,
    /// Candidate by baseline.
    pub ratio: Ratio,
    /// `ratio.p` after Benjamini and Hochberg's correction over all lines of the family.
    pub adjusted_p: Option<f64>,
    /// The smallest two-sided p that so many rounds can have.
    pub smallest_p: f64,
    /// What this says at 5 %.
    pub verdict: Verdict,
}

/// What a line says at 5 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The candidate takes less.
    Better,
    /// The candidate takes more.
    Worse,
    /// No difference at 5 %. Displays as `~`.
    Same,
    /// There are too few rounds for any difference to show.
    TooFewRounds,
}

impl Change {
    /// Paired by round, or not; `None` if there is no round to compare. The p-value is that of a rank test in any case: without a
    /// difference, either side could have had either value, which is all that such a test needs.
    pub(super) fn new(
        figure: &Figure,
        baseline: &BTreeMap<RoundKey, f64>,
        candidate: &BTreeMap<RoundKey, f64>,
        paired: bool,
    ) -> Option<Change> {
        let (before, after): (Vec<f64>, Vec<f64>) = match paired {
            true => baseline.iter().filter_map(|(key, value)| Some((*value, *candidate.get(key)?))).unzip(),
            false => (baseline.values().copied().collect(), candidate.values().copied().collect()),
        };
        let logarithms = |values: &[f64]| values.iter().map(|value| value.ln()).collect::<Vec<_>>();
        let (ln_before, ln_after) = (logarithms(&before), logarithms(&after));
        let (shift, mut ratio) = if paired {
            let shift = Shift::paired(
                &ln_after.iter().zip(&ln_before).map(|(after, before)| after - before).collect::<Vec<_>>(),
            )?;
            let ratio = Ratio::of_pairs(&shift, before.len());
            (shift, ratio)
        } else {
            let shift = Shift::two_sample(&ln_after, &ln_before)?;
            let ratio = Ratio::of_samples(&shift, before.len().min(after.len()));
            (shift, ratio)
        };
        if figure.is_resampled() {
            ratio.estimate = (statistics::median(&ln_after)? - statistics::median(&ln_before)?).exp();
            ratio.interval = resampled(&ln_before, &ln_after, paired).filter(|_| ratio.interval.is_some());
            ratio.p = ratio.p.filter(|_| ratio.interval.is_some());
        }
        Some(Change {
            baseline: statistics::median(&before)?,
            candidate: statistics::median(&after)?,
            ratio,
            adjusted_p: ratio.p,
            smallest_p: (2.0 * shift.smallest_p()).min(1.0),
            verdict: Verdict::of(&ratio, ratio.p),
        })
    }
}

impl Verdict {
    /// A difference is one whose adjusted p is at most 5 %, and whose interval does not hold 1.
    fn of(ratio: &Ratio, adjusted_p: Option<f64>) -> Verdict {
        let (Some(p), Some((low, high))) = (adjusted_p, ratio.interval) else { return Verdict::TooFewRounds };
        match 1.0 - ratio.level {
            level if p > level => Verdict::Same,
            _ if high < 1.0 => Verdict::Better,
            _ if low > 1.0 => Verdict::Worse,
            _ => Verdict::Same,
        }
    }
}

/// The interval of the ratio of medians, from values that are logarithms.
fn resampled(before: &[f64], after: &[f64], paired: bool) -> Option<(f64, f64)> {
    let median = |values: &[f64], drawn: &[usize]| {
        statistics::median(&drawn.iter().map(|&round| values[round]).collect::<Vec<_>>()).unwrap_or(f64::NAN)
    };
    let sizes = [before.len(), after.len()];
    // Paired values are drawn by the same rounds.
    let (groups, after_group) = if paired { (&sizes[..1], 0) } else { (&sizes[..], 1) };
    let interval = statistics::bootstrap(groups, CONFIDENCE, |drawn| {
        median(after, &drawn[after_group]) - median(before, &drawn[0])
    });
    interval.map(|(low, high)| (low.exp(), high.exp()))
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::Same => "~",
            Verdict::TooFewRounds => "too few rounds",
        })
    }
}

/// Corrects the p-values of one family, and tells whether a difference that only one line has could not show: its smallest p, times the
/// lines, would still be over 5 %.
pub(super) fn correct(changes: &mut [&mut Change]) -> bool {
    let mut tested: Vec<&mut &mut Change> = changes.iter_mut().filter(|change| change.ratio.p.is_some()).collect();
    let p_values: Vec<f64> = tested.iter().filter_map(|change| change.ratio.p).collect();
    for (change, adjusted) in tested.iter_mut().zip(statistics::benjamini_hochberg(&p_values)) {
        change.adjusted_p = Some(adjusted);
        change.verdict = Verdict::of(&change.ratio, change.adjusted_p);
    }
    let lines = p_values.len() as f64;
    tested.iter().any(|change| change.smallest_p * lines > 1.0 - change.ratio.level)
}
