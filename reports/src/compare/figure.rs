//! What is compared of a variant: its figures, each with one value a round.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::Serialize;

use crate::{
    analysis::{Measured, RoundKey, Unit, Variant},
    histogram::latency_name,
    record::Metric,
};

/// A kind of figure. Its lines are one family: their p-values are corrected together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The workload's metric: mostly wall time by operation.
    Metric,
    /// CPU time by operation.
    Cpu,
    /// The 99th percentiles of latencies, one for each kind of latency.
    P99,
    /// Peak resident set of the process.
    Rss,
    /// How the metric grows along a sweep.
    Growth,
}

impl By {
    /// All of them, in the order in which they are shown.
    pub const ALL: [By; 5] = [By::Metric, By::Cpu, By::P99, By::Rss, By::Growth];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            By::Metric => "metric",
            By::Cpu => "cpu",
            By::P99 => "p99",
            By::Rss => "rss",
            By::Growth => "growth",
        }
    }
}

impl FromStr for By {
    type Err = String;

    fn from_str(text: &str) -> Result<By, String> {
        // The metric is wall time in most workloads, and people ask for that.
        let name = if text == "wall" { "metric" } else { text };
        let known = || By::ALL.map(By::name).join(", ");
        By::ALL.into_iter().find(|by| by.name() == name).ok_or_else(|| format!("expected {}", known()))
    }
}

/// A figure of a variant. Displays as it is called in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Figure {
    /// The workload's metric.
    Metric(Metric),
    /// CPU time by operation.
    Cpu,
    /// The 99th percentile of latencies of this kind.
    P99(String),
    /// Peak resident set.
    PeakRss,
    /// The factor by which the metric grows while this parameter doubles.
    Growth(String),
}

impl Figure {
    /// Its family.
    pub(super) fn by(&self) -> By {
        match self {
            Figure::Metric(_) => By::Metric,
            Figure::Cpu => By::Cpu,
            Figure::P99(_) => By::P99,
            Figure::PeakRss => By::Rss,
            Figure::Growth(_) => By::Growth,
        }
    }

    /// The unit of its values; `None` for a factor.
    pub(super) fn unit(&self) -> Option<Unit> {
        match self {
            Figure::Metric(metric) => Some(Unit::of(metric)),
            Figure::Cpu | Figure::P99(_) => Some(Unit::Nanoseconds),
            Figure::PeakRss => Some(Unit::Bytes),
            Figure::Growth(_) => None,
        }
    }

    /// Whether its values are themselves percentiles or slopes. Those have modes and long tails, so that nothing says that
    /// differences of their logarithms lie evenly around a centre, which the interval of a rank test needs: rounds are resampled instead.
    pub(super) fn is_resampled(&self) -> bool {
        match self {
            // The memory of a task is the slope of memory over tasks, taken in each round.
            Figure::Metric(metric) => *metric == Metric::BytesPerOp,
            Figure::P99(_) | Figure::Growth(_) => true,
            Figure::Cpu | Figure::PeakRss => false,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Figure::Metric(Metric::TimePerOp) => f.write_str("time per op"),
            Figure::Metric(Metric::MeanOf(kind)) => write!(f, "mean {}", latency_name(kind)),
            Figure::Metric(Metric::BytesPerOp) => f.write_str("memory per op"),
            Figure::Cpu => f.write_str("CPU per op"),
            Figure::P99(kind) => write!(f, "p99 {}", latency_name(kind)),
            Figure::PeakRss => f.write_str("peak RSS"),
            Figure::Growth(param) => write!(f, "growth as {param} doubles"),
        }
    }
}

impl Serialize for Figure {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A value a round; all positive. Or why there are none, in a phrase.
pub(super) type Values = Result<BTreeMap<RoundKey, f64>, &'static str>;

/// The figures of a cell. A figure counts whole: a value that one round lacks would be missing where the machine or the scheduler was
/// slow, and the rest would flatter.
pub(super) fn figures(variant: &Variant, measured: &Measured) -> Vec<(Figure, Values)> {
    let rounds = || measured.rounds.iter();
    let cpu: BTreeMap<RoundKey, f64> = rounds().map(|round| (round.key(), round.cpu_ns_per_op)).collect();
    let cpu = if cpu.values().all(|ns| *ns > 0.0) { Ok(cpu) } else { Err("no CPU time over zero in a round") };
    let rss: Option<BTreeMap<RoundKey, f64>> =
        rounds().map(|round| Some((round.key(), round.peak_rss_bytes.filter(|bytes| *bytes > 0)? as f64))).collect();
    let p99 = measured.p99_by_round.iter().map(|(kind, rounds)| {
        // A latency of no nanosecond has no ratio.
        let values = rounds.iter().map(|(key, ns)| Some((*key, (*ns)?.max(1) as f64))).collect::<Option<_>>();
        (Figure::P99(kind.clone()), values.ok_or("insufficient"))
    });
    let first = [(Figure::Metric(variant.workload.metric.clone()), metric(measured)), (Figure::Cpu, cpu)];
    let last = [(Figure::PeakRss, rss.ok_or("not recorded in every round"))];
    first.into_iter().chain(p99).chain(last).collect()
}

/// The workload's metric, which is zero only in a strange record.
pub(super) fn metric(measured: &Measured) -> Values {
    let values: BTreeMap<RoundKey, f64> = measured.rounds.iter().map(|round| (round.key(), round.value)).collect();
    if values.values().all(|value| *value > 0.0) { Ok(values) } else { Err("not over zero in a round") }
}
