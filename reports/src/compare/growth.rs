//! How a metric grows along a sweep: one value a round, the factor by which it grows while the swept parameter doubles.
//!
//! That is the slope of the metric's logarithm over the parameter's, by least squares, as a factor: a power law has the same one
//! everywhere, and of any other curve it is the average. A round of a sweep is the rounds of that number of all its points, which are
//! drawn together when rounds are resampled.

use std::collections::BTreeMap;

use super::figure::{Values, metric};
use crate::{
    analysis::{LOAD, Measured, RoundKey, Sweep, Variant},
    statistics,
};

/// Through fewer points, a slope says no more than a ratio.
const POINTS_AT_LEAST: usize = 3;

/// A sweep of one setting of the other parameters, measured on both sides.
pub(super) struct Curve<'a> {
    /// The variants' label, with all values of the parameter.
    pub(super) name: String,
    /// The parameter that is swept.
    pub(super) param: String,
    points: Vec<Point<'a>>,
}

struct Point<'a> {
    /// The parameter's value, over zero.
    value: u64,
    baseline: &'a Measured,
    candidate: &'a Measured,
}

impl<'a> Curve<'a> {
    /// The curves through the variants that both contenders measured, given as they are in the baseline and in the candidate.
    pub(super) fn all(variants: &[(&'a Variant, &'a Variant)], contenders: (&str, &str)) -> Vec<Curve<'a>> {
        let is_measured = |(before, after): &&(&'a Variant, &'a Variant)| {
            before.measured(contenders.0).is_some() && after.measured(contenders.1).is_some()
        };
        let mut by_workload: BTreeMap<&str, Vec<(&Variant, &Variant)>> = BTreeMap::new();
        for pair in variants.iter().filter(is_measured) {
            by_workload.entry(&pair.0.workload.workload).or_default().push(*pair);
        }
        by_workload.values().flat_map(|pairs| Curve::of_workload(pairs, contenders)).collect()
    }

    fn of_workload(pairs: &[(&'a Variant, &'a Variant)], contenders: (&str, &str)) -> Vec<Curve<'a>> {
        let variants: Vec<&Variant> = pairs.iter().map(|(before, _)| *before).collect();
        // Latency by load is no power law: it has a knee.
        let Some(sweep) = Sweep::of(&variants).filter(|sweep| sweep.param != LOAD) else { return Vec::new() };
        let curve = |group: &Vec<&Variant>| {
            let of_group = pairs.iter().filter(|(before, _)| group.iter().any(|point| std::ptr::eq(*point, *before)));
            let point = |(before, after): &(&'a Variant, &'a Variant)| {
                let value = before.params.get(sweep.param).copied().filter(|value| *value > 0)?;
                let (baseline, candidate) = (before.measured(contenders.0)?, after.measured(contenders.1)?);
                Some(Point { value, baseline, candidate })
            };
            let mut points: Vec<Point<'a>> = of_group.filter_map(point).collect();
            points.sort_by_key(|point| point.value);
            let values: Vec<String> = points.iter().map(|point| point.value.to_string()).collect();
            let name = group.first()?.label_with(sweep.param, &values.join("|"));
            (points.len() >= POINTS_AT_LEAST).then(|| Curve { name, param: sweep.param.to_owned(), points })
        };
        sweep.groups.iter().filter_map(curve).collect()
    }

    /// The growth on either side.
    pub(super) fn growth(&self) -> (Values, Values) {
        (growth(&self.points, |point| point.baseline), growth(&self.points, |point| point.candidate))
    }
}

fn growth<'a>(points: &[Point<'a>], side: impl Fn(&Point<'a>) -> &'a Measured) -> Values {
    let mut metrics = Vec::new();
    for point in points {
        metrics.push(((point.value as f64).log2(), metric(side(point))?));
    }
    let in_round = |key: &RoundKey| {
        let at = |(x, values): &(f64, BTreeMap<RoundKey, f64>)| Some((*x, values.get(key)?.ln()));
        let line: Vec<(f64, f64)> = metrics.iter().map(at).collect::<Option<_>>()?;
        Some((*key, statistics::slope(&line)?.exp()))
    };
    let rounds = metrics.first().into_iter().flat_map(|(_, values)| values.keys());
    Ok(rounds.filter_map(in_round).collect())
}
