//! What a record says, cell by cell: the one place where rows of a record become figures. Tables, plots, comparison and
//! gate all start from here.
//!
//! Invariants:
//! - A figure comes from whole valid rounds only; the unit of every statistic is the round, never a slice or a sample.
//! - A round is discarded whole: where the harness discarded it for one contender, it counts for none.
//! - Variants are in the order of the record's workloads, then of their parameters.
//! - Every variant has one cell for each contender, in the order of [`Analysis::contender_names`]; what was not measured is
//!   [`State::Missing`] with a reason, never absent and never zero.
//! - A ratio pairs values of the same round of the same record.
//! - Floors stand apart ([`Variant::floors`]), so that nothing that ranks, averages or claims can meet one.
//! - A value is in the [`Unit`] of its workload's metric, and is shown with it.

mod build;
mod cell;
mod floor;
mod order;
mod precision;
mod ratio;
mod soundness;

use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram;

pub(crate) use order::default_of;
pub use precision::half_width;
pub(crate) use ratio::log_ratios;

use crate::record::{self, CellError, ErrorKind, Machine, Metric, Params, Role, Run};

/// What one or several records of one machine say.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// The run; the first one, where several records were merged. Its mode is `quick` if that of any is.
    pub run: Run,
    /// The runs of the other records.
    pub other_runs: Vec<Run>,
    /// The machine, if the record got that far.
    pub machine: Option<Machine>,
    /// The contenders as they ran: one entry for each configuration that was echoed.
    pub contenders: Vec<record::Contender>,
    /// The variants.
    pub variants: Vec<Variant>,
    /// One line a contender, floors excepted, in the order of [`Analysis::contender_names`].
    pub summary: Vec<Summary>,
    /// Whether the machine was fit for what was measured.
    pub verdict: Soundness,
    /// What a reader should know before believing a figure: a sentence each.
    pub warnings: Vec<String>,
}

/// One workload with one set of parameters.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The workload.
    pub workload: record::Workload,
    /// Its parameters.
    pub params: Params,
    /// One cell a contender, in the order of [`Analysis::contender_names`].
    pub cells: Vec<Cell>,
    /// What the work takes without any scheduler, where that was measured or went wrong. Floors are shown, never ranked.
    pub floors: Vec<Cell>,
}

/// What a value of a workload's metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanoseconds,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// The unit of a metric's values.
    pub fn of(metric: &Metric) -> Unit {
        match metric {
            Metric::TimePerOp | Metric::MeanOf(_) => Unit::Nanoseconds,
            Metric::BytesPerOp => Unit::Bytes,
        }
    }
}

/// One contender on one variant.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The contender's name.
    pub contender: String,
    /// What was measured, or why nothing was.
    pub state: State,
}

/// What became of a cell.
#[derive(Clone, Debug)]
pub enum State {
    /// At least one valid round.
    Measured(Box<Measured>),
    /// No valid round.
    Missing {
        /// The kind of the error row that says so; `None` if the cell was not run, or if all its rounds were discarded.
        kind: Option<ErrorKind>,
        /// Why, in a sentence.
        reason: String,
    },
}

/// The figures of a cell.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The valid rounds, in order.
    pub rounds: Vec<RoundValue>,
    /// Rounds that were run and do not count.
    pub discarded: usize,
    /// Rounds that gave no number, and why.
    pub errors: Vec<CellError>,
    /// The median over rounds of the workload's metric, in its [`Unit`].
    pub median: f64,
    /// The smallest value of any round. Shown, never ranked by.
    pub best_seen: f64,
    /// This cell by the variant's best; `None` for the best itself, or if they share no round.
    pub to_best: Option<Ratio>,
    /// The median over rounds of CPU time by operation, in nanoseconds.
    pub cpu_ns_per_op: f64,
    /// Operations over all valid rounds.
    pub ops: u64,
    /// The highest of any valid round.
    pub peak_rss_bytes: Option<u64>,
    /// The highest of any valid round.
    pub peak_threads: Option<u64>,
    /// Context switches, voluntary and not, by operation, over all valid rounds.
    pub ctx_per_op: Option<f64>,
    /// Histograms in nanoseconds by kind (`wake`, `response`, `service`), pooled over rounds: *only to draw*.
    pub latency: BTreeMap<String, Histogram<u64>>,
    /// Percentiles by kind, for text and tables: [`PERCENTILES`], in that order.
    pub percentiles: BTreeMap<String, Vec<Percentile>>,
    /// The contender's own counters, added up over valid rounds.
    pub counters: BTreeMap<String, u64>,
}

/// What one round of a cell says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoundValue {
    /// Which of the merged records it is from, from 0.
    pub record: usize,
    /// The round.
    pub round: u64,
    /// The workload's metric, in its [`Unit`].
    pub value: f64,
    /// CPU time by operation, in nanoseconds.
    pub cpu_ns_per_op: f64,
}

/// The percentiles that [`Measured::percentiles`] holds.
pub const PERCENTILES: [f64; 4] = [50.0, 90.0, 99.0, 99.9];

/// A percentile of a latency: each round (a process) has its own, and this is their median. They are never averaged, and
/// never read from a pooled histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentile {
    /// Which one, in percent.
    pub percent: f64,
    /// In nanoseconds; `None` if fewer than half of the rounds have 100 samples beyond it: print "insufficient".
    pub value_ns: Option<f64>,
}

/// How many times as long (or as much) as something else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Hodges-Lehmann estimate of the logarithm of the ratio, as a ratio.
    pub estimate: f64,
    /// The exact interval at `level`; `None` with fewer rounds than it needs (6, where rounds are paired).
    pub interval: Option<(f64, f64)>,
    /// The confidence of `interval`: 0.95.
    pub level: f64,
    /// Two-sided, of "the ratio is 1"; `None` where there is no interval.
    pub p: Option<f64>,
    /// Rounds that it rests on: pairs, or the smaller side where rounds are not paired.
    pub rounds: usize,
}

/// A contender over all variants.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The contender.
    pub contender: String,
    /// The geometric mean of its ratios to the best (1 where it is the best) on the common subset; `None` for a contender that
    /// measured less than half of the variants.
    pub geometric_mean: Option<f64>,
    /// The size of the common subset: variants that were measured for every contender that measured at least half of all.
    pub common: usize,
    /// Variants that it measured.
    pub covered: usize,
    /// Variants that there are.
    pub of: usize,
}

/// Whether the machine was fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Soundness {
    /// Nothing to object.
    Clean,
    /// Usable with care, and why.
    Noisy(Vec<String>),
    /// No verdict may rest on it, and why.
    Unsound(Vec<String>),
}

impl Analysis {
    /// The contenders' names, floors excepted, in the order of the record, but each tuned one after its default; cells and
    /// summaries have the same order.
    pub fn contender_names(&self) -> impl Iterator<Item = &str> {
        self.summary.iter().map(|summary| summary.contender.as_str())
    }

    /// The floors' names, in alphabetical order.
    pub fn floor_names(&self) -> impl Iterator<Item = &str> {
        let floors = self.contenders.iter().filter(|row| row.role == Role::Floor);
        let names: BTreeSet<&str> = floors.map(|row| row.contender.as_str()).collect();
        names.into_iter()
    }

    /// What part a contender plays; one that never started is taken for a default.
    pub fn role(&self, contender: &str) -> Role {
        self.contenders.iter().find(|row| row.contender == contender).map_or(Role::Default, |row| row.role)
    }
}

impl Variant {
    /// The name that filters take: `ping_pong{capacity=1,pairs=1,workers=2}`.
    pub fn label(&self) -> String {
        label(&self.workload.workload, &self.params)
    }

    /// The contender with the smallest median, if anything was measured.
    pub fn best(&self) -> Option<&Cell> {
        self.cells
            .iter()
            .filter_map(|cell| Some((cell, cell.measured()?.median)))
            .min_by(|(_, a), (_, b)| a.total_cmp(b))
            .map(|(cell, _)| cell)
    }

    /// The unit of its values.
    pub fn unit(&self) -> Unit {
        Unit::of(&self.workload.metric)
    }

    /// The cell of this contender or floor.
    pub fn cell(&self, contender: &str) -> Option<&Cell> {
        self.cells.iter().chain(&self.floors).find(|cell| cell.contender == contender)
    }

    /// The figures of this contender, if there are any.
    pub fn measured(&self, contender: &str) -> Option<&Measured> {
        self.cell(contender)?.measured()
    }

    /// This contender's value as a multiple of the best one's: 1 for the best itself; `None` if it was not measured, or not in the same rounds.
    pub fn ratio_to_best(&self, contender: &str) -> Option<f64> {
        if self.best()?.contender == contender {
            return Some(1.0);
        }
        Some(self.measured(contender)?.to_best?.estimate)
    }
}

impl Cell {
    /// The figures, if there are any.
    pub fn measured(&self) -> Option<&Measured> {
        match &self.state {
            State::Measured(measured) => Some(measured),
            State::Missing { .. } => None,
        }
    }
}

/// `workload{param=value,..}`, as filters take it.
pub(crate) fn label(workload: &str, params: &Params) -> String {
    let params: Vec<String> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{workload}{{{}}}", params.join(","))
}
