//! What a round says, measure by measure, for the formats that hold one number for each.

use std::borrow::Cow;

use super::cells::{Cell, Counted};
use crate::{analysis::PERCENTILES, record::Metric, statistics};

/// Something that a round has one number for; less of it is better.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Measure {
    /// Nanoseconds of wall time by operation.
    TimePerOp,
    /// Bytes held by an operation.
    BytesPerOp,
    /// The mean of the latencies of this kind, in nanoseconds.
    MeanOf(String),
    /// Nanoseconds of CPU time by operation.
    CpuPerOp,
    /// A percentile of the latencies of this kind, in nanoseconds.
    PercentileOf(String, f64),
    /// Bytes.
    PeakRss,
    /// Threads.
    PeakThreads,
    /// Context switches, voluntary and not, by operation.
    SwitchesPerOp,
}

impl Measure {
    /// The workload's metric.
    pub(super) fn of(metric: &Metric) -> Measure {
        match metric {
            Metric::TimePerOp => Measure::TimePerOp,
            Metric::BytesPerOp => Measure::BytesPerOp,
            Metric::MeanOf(kind) => Measure::MeanOf(kind.clone()),
        }
    }

    /// The unit in Go's benchmark text. `benchstat` knows `ns` and `B` between hyphens and slashes, and scales them.
    pub(super) fn go_unit(&self) -> String {
        match self {
            Measure::TimePerOp => "ns/op".to_owned(),
            Measure::BytesPerOp => "B/op".to_owned(),
            Measure::MeanOf(kind) => format!("mean-{}-ns", word(kind)),
            Measure::CpuPerOp => "cpu-ns/op".to_owned(),
            Measure::PercentileOf(kind, percent) => format!("p{percent}-{}-ns", word(kind)),
            // As Go's own benchmark suite, Sweet, calls it.
            Measure::PeakRss => "peak-RSS-bytes".to_owned(),
            Measure::PeakThreads => "peak-threads".to_owned(),
            Measure::SwitchesPerOp => "ctx-switches/op".to_owned(),
        }
    }

    /// The slug of the measure in Bencher; `latency` is one that every project has, in nanoseconds.
    pub(super) fn bmf_slug(&self) -> String {
        match self {
            Measure::TimePerOp => "latency".to_owned(),
            Measure::BytesPerOp => "bytes-per-op".to_owned(),
            Measure::MeanOf(kind) => format!("mean-{}-ns", word(kind)),
            Measure::CpuPerOp => "cpu-ns-per-op".to_owned(),
            Measure::PercentileOf(kind, percent) => {
                format!("p{}-{}-ns", percent.to_string().replace('.', "-"), word(kind))
            }
            Measure::PeakRss => "peak-rss-bytes".to_owned(),
            Measure::PeakThreads => "peak-threads".to_owned(),
            Measure::SwitchesPerOp => "ctx-switches-per-op".to_owned(),
        }
    }
}

/// A name of the record as a part of a word: no blank, and nothing that formats give a meaning to.
pub(super) fn word(name: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !name.is_empty() && name.chars().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let replaced: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    Cow::Owned(if replaced.is_empty() { "_".to_owned() } else { replaced })
}

/// All that a counted round says, the workload's metric first. A percentile that its samples do not carry is not there.
pub(super) fn measures(cell: &Cell, round: &Counted) -> Vec<(Measure, f64)> {
    let metric = &cell.variant.workload.metric;
    let row = round.row;
    let per_op = |amount: f64| amount / row.ops as f64;

    let mut all = vec![(Measure::of(metric), round.value)];
    if *metric == Metric::BytesPerOp {
        all.push((Measure::TimePerOp, per_op(row.wall_ns as f64)));
    }
    // No work takes no CPU time: then the sensor was too coarse.
    if row.cpu_ns > 0 {
        all.push((Measure::CpuPerOp, per_op(row.cpu_ns as f64)));
    }
    for (kind, histogram) in round.latencies() {
        for percent in PERCENTILES {
            if let Some(ns) = statistics::percentile(&histogram, percent) {
                all.push((Measure::PercentileOf(kind.to_owned(), percent), ns as f64));
            }
        }
    }
    all.extend(row.peak_rss_bytes.map(|bytes| (Measure::PeakRss, bytes as f64)));
    all.extend(row.peak_threads.map(|threads| (Measure::PeakThreads, threads as f64)));
    if let (Some(voluntary), Some(involuntary)) = (row.ctx_voluntary, row.ctx_involuntary) {
        all.push((Measure::SwitchesPerOp, per_op(voluntary as f64 + involuntary as f64)));
    }
    all
}
