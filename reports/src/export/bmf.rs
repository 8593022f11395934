//! Bencher Metric Format: JSON, a benchmark for each cell, named as `ping_pong{workers=1} gmp`, in it a value for each measure.
//!
//! `value` is the median over the rounds that count. `lower_value` and `upper_value` are its exact 95 % interval from order statistics,
//! and are absent below 6 rounds, which have none. A percentile is there if at least half of the rounds have the samples for it.
//!
//! The form is that of the JSON Schema at bencher.dev/docs/reference/bencher-metric-format; the service itself was not tried.
//!
//! Slugs of measures have their unit in them, but for `latency`, the nanoseconds of an operation, which every project of Bencher has.

use std::{collections::BTreeMap, io};

use serde::Serialize;

use super::{
    cells::Cell,
    measure::{Measure, measures},
};
use crate::statistics::{CONFIDENCE, median, median_interval};

#[derive(Serialize)]
struct Metric {
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper_value: Option<f64>,
}

pub(super) fn write(cells: &[Cell], out: &mut impl io::Write) -> io::Result<()> {
    let benchmarks: BTreeMap<String, BTreeMap<String, Metric>> =
        cells.iter().map(|cell| (format!("{} {}", cell.variant.label(), cell.contender), metrics(cell))).collect();
    serde_json::to_writer_pretty(&mut *out, &benchmarks)?;
    writeln!(out)
}

fn metrics(cell: &Cell) -> BTreeMap<String, Metric> {
    let mut columns: Vec<(Measure, Vec<f64>)> = Vec::new();
    for (measure, value) in cell.rounds.iter().flat_map(|round| measures(cell, round)) {
        match columns.iter_mut().find(|(known, _)| *known == measure) {
            Some((_, column)) => column.push(value),
            None => columns.push((measure, vec![value])),
        }
    }
    let metric = |(measure, column): &(Measure, Vec<f64>)| {
        let value = median(column).filter(|_| column.len() * 2 >= cell.rounds.len())?;
        let (lower_value, upper_value) = median_interval(column, CONFIDENCE).unzip();
        Some((measure.bmf_slug(), Metric { value, lower_value, upper_value }))
    };
    columns.iter().filter_map(metric).collect()
}
