//! The plots of each workload: from cells to bars and curves, and from those to files.

use std::path::Path;

use super::section::{Section, latency_name, slug};
use crate::analysis::{Analysis, Cell, Measured, State, Variant};
use crate::plot::bars::{self, Bar, Bars, Group, Value};
use crate::plot::figure::Figure;
use crate::plot::latency::{self, BEYOND, Curve, Latency, Panel};
use crate::plot::palette::Palette;
use crate::plot::render;
use crate::record::ErrorKind;

/// A figure and what it is called: `ping_pong-bars`.
pub(super) struct Plot {
    pub(super) name: String,
    pub(super) figure: Figure,
}

impl Plot {
    /// As an SVG file.
    pub(super) fn svg(&self) -> String {
        render::svg(&self.figure)
    }

    /// As a part of the page, under the section's heading.
    pub(super) fn inline_svg(&self) -> String {
        render::inline_svg(&self.figure)
    }

    /// As a PNG file.
    pub(super) fn write_png(&self, path: &Path) -> Result<(), String> {
        render::png(&self.figure, path)
    }
}

/// A section's plots: its bars, then a plot for each kind of latency that it has.
pub(super) fn plots(section: &Section<'_>, analysis: &Analysis, palette: &Palette) -> Vec<Plot> {
    let bars = Plot { name: format!("{}-bars", section.slug), figure: bars_figure(section, analysis, palette) };
    let kinds = section.latency_kinds().into_iter().enumerate().filter_map(|(order, kind)| {
        let figure = latency_figure(section, kind, analysis, palette)?;
        let suffix = if order == 0 { String::new() } else { format!("-{}", slug(kind)) };
        Some(Plot { name: format!("{}-latency{suffix}", section.slug), figure })
    });
    std::iter::once(bars).chain(kinds).collect()
}

fn bars_figure(section: &Section<'_>, analysis: &Analysis, palette: &Palette) -> Figure {
    let groups = section.variants.iter().map(|variant| {
        let best = variant.best().map(|cell| cell.contender.as_str());
        let bars = variant.cells.iter().map(|cell| Bar {
            contender: cell.contender.clone(),
            look: palette.look(&cell.contender),
            value: match &cell.state {
                State::Measured(measured) => Value::Measured {
                    value_ns: measured.median_ns,
                    whisker_ns: span(measured),
                    best: best == Some(cell.contender.as_str()),
                },
                State::Missing { kind, reason } => Value::Gap(format!("{}: {reason}", missing_word(*kind))),
            },
        });
        Group { label: section.label(variant), bars: bars.collect() }
    });
    let subtitle = match section.fixed() {
        fixed if fixed.is_empty() => section.quantity(),
        fixed => format!("{}; {fixed}", section.quantity()),
    };
    bars::figure(&Bars {
        title: section.workload.title.clone(),
        subtitle,
        quantity: section.quantity(),
        groups: groups.collect(),
        captions: vec![
            format!("Bar: median of {}, each a fresh process. Whisker: fastest to slowest round.", rounds(section)),
            source(analysis),
        ],
    })
}

fn latency_figure(section: &Section<'_>, kind: &str, analysis: &Analysis, palette: &Palette) -> Option<Figure> {
    let panels = section.variants.iter().filter_map(|variant| {
        let panel = panel(section, variant, kind, palette);
        (!panel.curves.is_empty()).then_some(panel)
    });
    latency::figure(&Latency {
        title: section.workload.title.clone(),
        quantity: latency_name(kind),
        setting: section.fixed(),
        panels: panels.collect(),
        captions: vec![
            format!(
                "Histograms pooled over {}. A curve ends where fewer than 100 samples lie beyond.",
                rounds(section)
            ),
            source(analysis),
        ],
    })
}

fn panel(section: &Section<'_>, variant: &Variant, kind: &str, palette: &Palette) -> Panel {
    let curve = |cell: &Cell| {
        let histogram = cell.measured()?.latency.get(kind)?;
        let points = curve_points(histogram);
        let look = palette.look(&cell.contender);
        (!points.is_empty()).then(|| Curve { contender: cell.contender.clone(), look, points })
    };
    Panel { label: section.label(variant), curves: variant.cells.iter().filter_map(curve).collect() }
}

/// A histogram as (nines, nanoseconds), up to the percentile that has [`BEYOND`] samples beyond it.
fn curve_points(histogram: &hdrhistogram::Histogram<u64>) -> Vec<(f64, f64)> {
    const STEPS_PER_NINE: u32 = 40;
    let end = (histogram.len() as f64 / BEYOND).log10();
    // Less than the median is not a distribution.
    if end < std::f64::consts::LOG10_2 {
        return Vec::new();
    }
    let steps = (0..).map(|step| f64::from(step) / f64::from(STEPS_PER_NINE)).take_while(|nines| *nines < end);
    let nines = steps.chain(std::iter::once(end));
    nines.map(|nines| (nines, histogram.value_at_quantile(latency::quantile(nines)) as f64)).collect()
}

/// The fastest and the slowest round.
fn span(measured: &Measured) -> Option<(f64, f64)> {
    let mut values = measured.rounds.iter().map(|round| round.value_ns);
    let first = values.next()?;
    let span = values.fold((first, first), |(low, high), value| (low.min(value), high.max(value)));
    (measured.rounds.len() > 1).then_some(span)
}

/// What stands in the place of a number.
pub(super) fn missing_word(kind: Option<ErrorKind>) -> &'static str {
    match kind {
        Some(ErrorKind::NotApplicable) => "n/a",
        Some(ErrorKind::Skipped) => "skipped",
        Some(ErrorKind::Hang) => "error (hang)",
        Some(ErrorKind::Crash) => "error (crash)",
        Some(ErrorKind::WrongAnswer) => "error (wrong answer)",
        Some(ErrorKind::ConfigMismatch) => "error (config mismatch)",
        None => "no value",
    }
}

/// "8 rounds", or "7 to 8 rounds" where cells differ.
fn rounds(section: &Section<'_>) -> String {
    let cells = section.variants.iter().flat_map(|variant| &variant.cells);
    let counts = cells.filter_map(Cell::measured).map(|measured| measured.rounds.len());
    match (counts.clone().min(), counts.max()) {
        (Some(1), Some(1)) => "1 round".to_owned(),
        (Some(least), Some(most)) if least == most => format!("{most} rounds"),
        (Some(least), Some(most)) => format!("{least} to {most} rounds"),
        _ => "no round".to_owned(),
    }
}

/// Where a plot that travels alone is from.
fn source(analysis: &Analysis) -> String {
    let run = &analysis.run;
    let mut parts = vec![format!("schedbench {}", run.version)];
    if let Some(machine) = &analysis.machine {
        parts.push(format!("{}, {} cores", machine.cpu, machine.cores));
    }
    parts.push(run.started.get(..10).unwrap_or(&run.started).to_owned());
    if run.mode == "quick" {
        parts.push("smoke run, never a verdict".to_owned());
    }
    parts.join("  ·  ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::fixture;
    use hdrhistogram::Histogram;

    #[test]
    fn every_workload_has_its_plots_and_they_are_legible() {
        let analysis = fixture::analysis();
        let palette = Palette::new(analysis.contender_names());
        let plots: Vec<Plot> =
            Section::all(&analysis).iter().flat_map(|section| plots(section, &analysis, &palette)).collect();
        for plot in &plots {
            plot.figure.assert_legible();
        }
        let names: Vec<&str> = plots.iter().map(|plot| plot.name.as_str()).collect();
        let expected = [
            "ping_pong-bars",
            "ping_pong-latency",
            "tight_loop-bars",
            "tight_loop-latency",
            "blocking_io-bars",
            "blocking_io-latency",
            "map_reduce-bars",
        ];
        assert_eq!(names, expected);
        assert!(plots[0].figure.words().contains("n/a: "));
        assert!(plots[0].svg().contains("time per round trip"));
    }

    #[test]
    fn a_curve_ends_where_100_samples_lie_beyond() {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).unwrap();
        histogram.record_n(500, 150).unwrap();
        assert!(curve_points(&histogram).is_empty());
        histogram.record_n(900, 9_850).unwrap();
        let points = curve_points(&histogram);
        let (nines, ns) = points[points.len() - 1];
        assert!((nines - 2.0).abs() < 1e-9, "{nines}");
        assert_eq!((points[0].1, ns), (500.0, 900.0));
        assert!(points.is_sorted());
    }
}
