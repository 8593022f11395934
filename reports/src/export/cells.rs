//! The rounds that count, cell by cell: what every format but CSV is made from.

use std::collections::HashMap;

use hdrhistogram::Histogram;

use crate::{
    analysis::{Analysis, Variant},
    histogram,
    read::Record,
    record::{Hist, Params, Round},
};

/// One contender, or floor, on one variant, with at least one round that counts.
pub(super) struct Cell<'a> {
    pub(super) variant: &'a Variant,
    pub(super) contender: &'a str,
    /// By record, then by round.
    pub(super) rounds: Vec<Counted<'a>>,
}

/// A round that counts.
pub(super) struct Counted<'a> {
    /// Which of the records it is from.
    pub(super) record: usize,
    pub(super) row: &'a Round,
    /// The workload's metric, in its unit.
    pub(super) value: f64,
    /// Its histograms, still encoded.
    hists: Vec<&'a Hist>,
}

impl<'a> Counted<'a> {
    /// The kinds of its histograms.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &'a str> {
        self.hists.iter().map(|hist| hist.kind.as_str())
    }

    /// Its histograms, one at a time: each takes a quarter of a megabyte.
    pub(super) fn latencies(&self) -> impl Iterator<Item = (&'a str, Histogram<u64>)> {
        self.hists.iter().filter_map(|hist| Some((hist.kind.as_str(), histogram::decode(hist).ok()?)))
    }

    /// Its histogram of this kind.
    pub(super) fn latency(&self, kind: &str) -> Option<Histogram<u64>> {
        self.hists.iter().find(|hist| hist.kind == kind).and_then(|hist| histogram::decode(hist).ok())
    }
}

/// The cells that have rounds that count, in the order of the analysis, floors behind contenders.
pub(super) fn cells<'a>(records: &'a [Record], analysis: &'a Analysis) -> Vec<Cell<'a>> {
    let rows = rows(records);
    let mut cells = Vec::new();
    for variant in &analysis.variants {
        for cell in variant.cells.iter().chain(&variant.floors) {
            let Some(measured) = cell.measured() else { continue };
            let counted = |value: &crate::analysis::RoundValue| {
                let key = (value.record, &*variant.workload.workload, &variant.params, &*cell.contender, value.round);
                let (row, hists) = rows.get(&key)?;
                Some(Counted { record: value.record, row, value: value.value, hists: hists.clone() })
            };
            let rounds = measured.rounds.iter().filter_map(counted).collect();
            cells.push(Cell { variant, contender: &cell.contender, rounds });
        }
    }
    cells
}

/// Record, workload, parameters, contender and round.
type Key<'a> = (usize, &'a str, &'a Params, &'a str, u64);

fn rows(records: &[Record]) -> HashMap<Key<'_>, (&Round, Vec<&Hist>)> {
    let mut rows = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        for row in &record.rounds {
            rows.insert((index, &*row.workload, &row.params, &*row.contender, row.round), (row, Vec::new()));
        }
        for hist in &record.hists {
            let key = (index, &*hist.workload, &hist.params, &*hist.contender, hist.round);
            if let Some((_, hists)) = rows.get_mut(&key) {
                hists.push(hist);
            }
        }
    }
    rows
}
