//! What Criterion keeps of a baseline, in `criterion/<workload>/<contender>/<parameters>/<run>/`: the run is the baseline, each counted
//! round a sample. `critcmp` reads it, also beside baselines of the bench target `criterion`; the names of benchmarks are as there.
//!
//! **Samples.** `times` / `iters` is the round's value: the wall time and the operations; for a metric that is the mean of latencies, their
//! sum and their number. Bytes are no time: such cells are left out. A cell with one round has no deviation, and is left out too.
//!
//! **Estimates** are computed as Criterion does: percentile intervals and standard errors from a bootstrap over samples. Here a sample is a
//! round, a process of its own, so they are as wide as they should be, which Criterion's own, from one process, are not.
//!
//! The fields are those of Criterion 0.8, `report::BenchmarkId`, `estimate::Estimates`, `SavedSample`, and the fences of
//! `stats::univariate::outliers::tukey`. Tried with critcmp 0.1.8: runs side by side, and contenders of one, with
//! `critcmp RUN -g '^([^/]+)/[^/]+(/.*)$'`.

use std::path::{Path, PathBuf};

use fastrand::Rng;
use serde::Serialize;
use serde_json::json;

use super::{
    ExportError, Folder,
    cells::{Cell, Counted},
    file_name,
};
use crate::{
    analysis::Unit,
    read::Record,
    record::{Metric, Run},
    statistics::{CONFIDENCE, median},
};

/// Resamples, of which each bound of an interval is cut off at the 250th from its end. Criterion takes 100,000, for smooth plots.
const RESAMPLES: usize = 10_000;
/// The same record always has the same files. Any number would do.
const SEED: u64 = 7;
/// The fewest rounds that have a deviation.
const FEWEST_ROUNDS: usize = 2;

#[derive(Serialize)]
struct Estimate {
    confidence_interval: Interval,
    point_estimate: f64,
    standard_error: f64,
}

#[derive(Serialize)]
struct Interval {
    confidence_level: f64,
    lower_bound: f64,
    upper_bound: f64,
}

pub(super) fn write(records: &[Record], cells: &[Cell], folder: &mut Folder) -> Result<Vec<String>, ExportError> {
    let (mut of_bytes, mut too_few) = (0, 0);
    for cell in cells {
        if cell.variant.unit() == Unit::Bytes {
            of_bytes += 1;
            continue;
        }
        for (index, record) in records.iter().enumerate() {
            let rounds: Vec<&Counted> = cell.rounds.iter().filter(|round| round.record == index).collect();
            match rounds.len() {
                0 => {}
                few if few < FEWEST_ROUNDS => too_few += 1,
                _ => baseline(&record.run, cell, &rounds, folder)?,
            }
        }
    }
    let mut notes = Vec::new();
    if of_bytes > 0 {
        notes.push(format!("{of_bytes} cells are left out, whose metric is bytes: Criterion's files hold times"));
    }
    if too_few > 0 {
        notes.push(format!(
            "{too_few} cells are left out, which have one valid round: expected at least {FEWEST_ROUNDS}"
        ));
    }
    Ok(notes)
}

fn baseline(run: &Run, cell: &Cell, rounds: &[&Counted], folder: &mut Folder) -> Result<(), ExportError> {
    let workload = &cell.variant.workload.workload;
    let params = file_name::params(&cell.variant.params);
    let full_id = format!("{workload}/{}/{params}", cell.contender);
    let directory = [workload, cell.contender, &params].map(file_name::safe).join("/");
    let (iters, times): (Vec<f64>, Vec<f64>) =
        rounds.iter().map(|round| sample(&cell.variant.workload.metric, round)).unzip();
    let values: Vec<f64> = rounds.iter().map(|round| round.value).collect();

    let dir: PathBuf = Path::new("criterion").join(&directory).join(file_name::safe(&run.id));
    let mut file =
        |name: &str, content: serde_json::Value| folder.write(&dir.join(name), content.to_string().as_bytes());
    file(
        "benchmark.json",
        json!({
            "group_id": workload,
            "function_id": cell.contender,
            "value_str": params,
            "throughput": null,
            "full_id": full_id,
            "directory_name": directory,
            "title": full_id,
        }),
    )?;
    file("sample.json", json!({ "sampling_mode": "Flat", "iters": iters, "times": times }))?;
    file("tukey.json", json!(fences(&values)))?;
    // Last: it is what readers look for.
    file("estimates.json", estimates(&values))
}

/// Iterations and the nanoseconds that they took.
fn sample(metric: &Metric, round: &Counted) -> (f64, f64) {
    match metric {
        Metric::MeanOf(kind) => {
            let samples = round.latency(kind).map_or(0, |histogram| histogram.len()) as f64;
            (samples, round.value * samples)
        }
        Metric::TimePerOp | Metric::BytesPerOp => (round.row.ops as f64, round.row.wall_ns as f64),
    }
}

fn estimates(values: &[f64]) -> serde_json::Value {
    let mut rng = Rng::with_seed(SEED);
    let mut drawn = vec![0.0; values.len()];
    let mut resampled: [Vec<f64>; 4] = Default::default();
    for _ in 0..RESAMPLES {
        drawn.fill_with(|| values[rng.usize(..values.len())]);
        for (column, value) in resampled.iter_mut().zip(points(&drawn)) {
            column.push(value);
        }
    }
    let mut estimates = points(values).into_iter().zip(&mut resampled).map(|(point, resampled)| {
        resampled.sort_unstable_by(f64::total_cmp);
        let outside = (RESAMPLES as f64 * (1.0 - CONFIDENCE) / 2.0).round() as usize;
        json!(Estimate {
            confidence_interval: Interval {
                confidence_level: CONFIDENCE,
                lower_bound: resampled[outside],
                upper_bound: resampled[RESAMPLES - 1 - outside],
            },
            point_estimate: point,
            standard_error: deviation(resampled),
        })
    });
    let mut next = || estimates.next();
    json!({ "mean": next(), "median": next(), "median_abs_dev": next(), "slope": null, "std_dev": next() })
}

/// Mean, median, median absolute deviation and standard deviation.
fn points(values: &[f64]) -> [f64; 4] {
    let middle = |values: &[f64]| median(values).expect("there are values");
    let center = middle(values);
    let distances: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    // What makes it comparable with the standard deviation of a normal distribution; Criterion's figure.
    [mean(values), center, middle(&distances) * 1.4826, deviation(values)]
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard deviation of a sample.
fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

/// Tukey's fences: three and one and a half interquartile ranges outside of the quartiles.
fn fences(values: &[f64]) -> [f64; 4] {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (low, high) = (quantile(&sorted, 0.25), quantile(&sorted, 0.75));
    let range = high - low;
    [low - 3.0 * range, low - 1.5 * range, high + 1.5 * range, high + 3.0 * range]
}

/// Interpolated between the values next to it.
fn quantile(sorted: &[f64], at: f64) -> f64 {
    let rank = at * (sorted.len() - 1) as f64;
    let below = sorted[rank.floor() as usize];
    below + (sorted[rank.ceil() as usize] - below) * rank.fract()
}
