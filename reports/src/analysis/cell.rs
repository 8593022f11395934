//! One cell: from the rounds of one contender on one variant to its figures.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
};

use hdrhistogram::Histogram;

use super::{Measured, PERCENTILES, Percentile, RoundValue, State};
use crate::{
    histogram,
    record::{CellError, ErrorKind, Hist, Metric, Round},
    statistics,
};

/// The rows of one contender on one variant, over all records.
#[derive(Default)]
pub(super) struct Rows<'a> {
    /// With the index of the record that they are from.
    pub(super) rounds: Vec<(usize, &'a Round)>,
    /// With the index of the record that they are from.
    pub(super) hists: Vec<(usize, &'a Hist)>,
    pub(super) errors: Vec<&'a CellError>,
}

/// A round of a variant: the record's index and the round's number.
pub(super) type RoundKey = (usize, u64);

/// The state of the cell, `to_best` still open. Rounds in `discarded` do not count.
pub(super) fn state(metric: &Metric, rows: &Rows, discarded: &BTreeSet<RoundKey>) -> State {
    let mut valid: Vec<_> =
        rows.rounds.iter().filter(|(record, row)| !discarded.contains(&(*record, row.round))).collect();
    valid.sort_by_key(|(record, row)| (*record, row.round));

    let by_round = latencies(rows);
    let value = |record: usize, row: &Round| {
        value(metric, row, |kind| by_round.get(kind).and_then(|rounds| rounds.get(&(record, row.round))))
    };
    let counted: Vec<_> =
        valid.into_iter().filter_map(|(record, row)| Some((*record, *row, value(*record, row)?))).collect();

    let rounds: Vec<RoundValue> = counted.iter().map(|&(record, row, value)| round_value(record, row, value)).collect();
    let column = |value: fn(&RoundValue) -> f64| rounds.iter().map(value).collect::<Vec<_>>();
    let (Some(median), Some(cpu_ns_per_op)) =
        (statistics::median(&column(|round| round.value)), statistics::median(&column(|round| round.cpu_ns_per_op)))
    else {
        return missing(metric, rows, discarded);
    };

    let counted_rows = || counted.iter().map(|(_, row, _)| *row);
    let mut counters = BTreeMap::new();
    for (name, count) in counted_rows().flat_map(|row| &row.counters) {
        let sum: &mut u64 = counters.entry(name.clone()).or_default();
        *sum = sum.saturating_add(*count);
    }
    let keys: BTreeSet<RoundKey> = rounds.iter().map(|round| (round.record, round.round)).collect();
    State::Measured(Box::new(Measured {
        discarded: rows.rounds.len() - rounds.len(),
        errors: rows.errors.iter().copied().filter(|error| !is_absence(error)).cloned().collect(),
        median,
        best_seen: column(|round| round.value).into_iter().fold(f64::INFINITY, f64::min),
        to_best: None,
        cpu_ns_per_op,
        ops: counted_rows().map(|row| row.ops).fold(0, u64::saturating_add),
        peak_rss_bytes: counted_rows().filter_map(|row| row.peak_rss_bytes).max(),
        peak_threads: counted_rows().filter_map(|row| row.peak_threads).max(),
        ctx_per_op: ctx_per_op(counted_rows()),
        latency: by_round.iter().map(|(kind, rounds)| (kind.to_string(), pool(rounds, &keys))).collect(),
        percentiles: by_round.iter().map(|(kind, rounds)| (kind.to_string(), percentiles(rounds, &keys))).collect(),
        counters,
        rounds,
    }))
}

/// The workload's metric of a round; `histogram` gives the round's own of a kind.
fn value<H: Borrow<Histogram<u64>>>(
    metric: &Metric,
    row: &Round,
    histogram: impl FnOnce(&str) -> Option<H>,
) -> Option<f64> {
    match metric {
        Metric::TimePerOp => Some(row.wall_ns as f64 / row.ops as f64),
        // No task takes nothing: what is lost in the noise of the sensor is no figure.
        Metric::BytesPerOp => row.bytes.filter(|bytes| *bytes > 0).map(|bytes| bytes as f64 / row.ops as f64),
        Metric::MeanOf(kind) => {
            let histogram = histogram(kind)?;
            let histogram = histogram.borrow();
            (!histogram.is_empty()).then(|| histogram.mean())
        }
    }
}

fn round_value(record: usize, row: &Round, value: f64) -> RoundValue {
    RoundValue { record, round: row.round, value, cpu_ns_per_op: row.cpu_ns as f64 / row.ops as f64 }
}

impl RoundValue {
    /// Of a round of a run that goes on; `hists` are those of the round. `None` if it does not count, or does not carry the metric.
    pub fn of(metric: &Metric, row: &Round, hists: &[Hist]) -> Option<RoundValue> {
        let of_kind = |kind: &str| hists.iter().find(|hist| hist.kind == kind);
        let value = value(metric, row, |kind| of_kind(kind).and_then(|hist| histogram::decode(hist).ok()))?;
        row.valid.then(|| round_value(0, row, value))
    }
}

/// Whether the row says that a record did not have the contender at all, which is no failure if another record had.
fn is_absence(error: &CellError) -> bool {
    error.round.is_none() && matches!(error.kind, ErrorKind::NotApplicable | ErrorKind::Skipped)
}

/// Why there is no figure.
fn missing(metric: &Metric, rows: &Rows, discarded: &BTreeSet<RoundKey>) -> State {
    // An error of the cell as a whole says most, then the last one of a round.
    let error = rows.errors.iter().find(|error| error.round.is_none()).or(rows.errors.last());
    let some_count = rows.rounds.iter().any(|(record, row)| !discarded.contains(&(*record, row.round)));
    let reason = match (error, metric) {
        (Some(error), _) => error.reason.clone(),
        (None, _) if rows.rounds.is_empty() => "not run".to_owned(),
        (None, Metric::MeanOf(kind)) if some_count => {
            format!("no '{kind}' histogram with samples in its valid rounds")
        }
        (None, Metric::BytesPerOp) if some_count => "no memory figure over zero in its valid rounds".to_owned(),
        (None, _) => format!("all of its rounds, {}, were discarded", rows.rounds.len()),
    };
    State::Missing { kind: error.map(|error| error.kind), reason }
}

/// Context switches by operation, over the rounds in which both sensors worked.
fn ctx_per_op<'a>(rounds: impl Iterator<Item = &'a Round>) -> Option<f64> {
    let both = rounds.filter_map(|row| Some((row.ctx_voluntary?.saturating_add(row.ctx_involuntary?), row.ops)));
    let (switches, ops) =
        both.fold((0.0, 0.0), |(switches, all), (more, ops)| (switches + more as f64, all + ops as f64));
    (ops > 0.0).then(|| switches / ops)
}

type ByRound = BTreeMap<RoundKey, Histogram<u64>>;

/// The histograms by kind and round. [`read`](crate::read()) has checked that they decode.
fn latencies<'a>(rows: &Rows<'a>) -> BTreeMap<&'a str, ByRound> {
    let mut by_kind: BTreeMap<&str, ByRound> = BTreeMap::new();
    for (record, row) in &rows.hists {
        if let Ok(histogram) = histogram::decode(row) {
            by_kind.entry(&row.kind).or_default().insert((*record, row.round), histogram);
        }
    }
    by_kind
}

fn pool(rounds: &ByRound, keys: &BTreeSet<RoundKey>) -> Histogram<u64> {
    let mut pooled = histogram::empty();
    pooled.auto(true);
    for (_, histogram) in rounds.iter().filter(|(key, _)| keys.contains(key)) {
        pooled.add(histogram).expect("a histogram that resizes takes every value");
    }
    pooled
}

/// The median over rounds of each round's own percentile. A round whose samples do not carry it has none.
fn percentiles(rounds: &ByRound, keys: &BTreeSet<RoundKey>) -> Vec<Percentile> {
    let rounds: Vec<_> = rounds.iter().filter(|(key, _)| keys.contains(key)).map(|(_, histogram)| histogram).collect();
    let of = |percent| {
        let values: Vec<f64> = rounds
            .iter()
            .filter_map(|histogram| statistics::percentile(histogram, percent))
            .map(|ns| ns as f64)
            .collect();
        let value_ns = statistics::median(&values).filter(|_| values.len() * 2 >= rounds.len());
        Percentile { percent, value_ns }
    };
    PERCENTILES.map(of).to_vec()
}

/// The rounds of a variant that do not count: the harness discarded them for some contender, so they count for none.
pub(super) fn discarded<'a>(rows: impl Iterator<Item = &'a Rows<'a>>) -> BTreeSet<RoundKey> {
    let invalid = rows.flat_map(|rows| &rows.rounds).filter(|(_, row)| !row.valid);
    invalid.map(|(record, row)| (*record, row.round)).collect()
}
