//! The plots of each workload: from cells to bars and curves, and from those to files.

use std::path::Path;

use super::section::{Section, slug};
use crate::analysis::{Analysis, Cell, LOAD, Measured, State, Sweep, Unit, Variant};
use crate::histogram::latency_name;
use crate::plot::bars::{self, Bar, Bars, Group, Value};
use crate::plot::figure::Figure;
use crate::plot::latency::{self, BEYOND, Curve, Latency, Panel};
use crate::plot::palette::Palette;
use crate::plot::render;
use crate::plot::sweep::{self, Swept};
use crate::record::ErrorKind;

/// A figure and what it is called: `ping_pong-bars`.
pub(super) struct Plot {
    pub(super) name: String,
    pub(super) figure: Figure,
    /// What it is called where it is folded, since there are many contenders; `None` for what is always seen.
    pub(super) folded: Option<String>,
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

/// A section's plots: its sweep as curves and its other variants as bars, then a plot for each kind of latency that it has.
pub(super) fn plots(section: &Section<'_>, analysis: &Analysis, palette: &Palette) -> Vec<Plot> {
    let sweep = Sweep::of(&section.variants);
    let mut plots = Vec::new();
    let mut add = |suffix: &str, figure: Option<Figure>, folded: Option<String>| {
        plots.extend(figure.map(|figure| Plot { name: format!("{}-{suffix}", section.slug), figure, folded }));
    };
    let drawing = Drawing { section, analysis, palette };
    if let Some(sweep) = &sweep {
        if sweep.param == LOAD {
            add("load", drawing.load(sweep), None);
        } else {
            add("sweep", drawing.sweep(sweep), None);
        }
    }
    let rest = |variant: &&Variant| !sweep.as_ref().is_some_and(|sweep| sweep.has(variant));
    let rest: Vec<&Variant> = section.variants.iter().copied().filter(rest).collect();
    if !rest.is_empty() {
        add("bars", Some(drawing.bars(&rest)), None);
    }
    // A panel for every point of a sweep would be far too many.
    let ends = |variant: &&Variant| sweep.as_ref().is_none_or(|sweep| !sweep.has(variant) || sweep.ends_with(variant));
    let ends: Vec<&Variant> = section.variants.iter().copied().filter(ends).collect();
    for (order, kind) in section.latency_kinds().into_iter().enumerate() {
        let suffix = if order == 0 { "latency".to_owned() } else { format!("latency-{}", slug(kind)) };
        let folded = format!("{} by percentile", capitalised(&latency_name(kind)));
        add(&suffix, drawing.latency(kind, &ends), Some(folded));
    }
    plots
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// What every plot of a section is drawn from.
struct Drawing<'a> {
    section: &'a Section<'a>,
    analysis: &'a Analysis,
    palette: &'a Palette,
}

impl Drawing<'_> {
    fn bars(&self, variants: &[&Variant]) -> Figure {
        let Drawing { section, analysis, palette } = self;
        let groups = variants.iter().map(|variant| {
            let best = variant.best().map(|cell| cell.contender.as_str());
            let value = |cell: &Cell| match &cell.state {
                State::Measured(measured) => Value::Measured {
                    value: measured.median,
                    whisker: span(measured),
                    best: best == Some(cell.contender.as_str()),
                },
                State::Missing { kind, reason } => Value::Gap(format!("{}: {reason}", missing_word(*kind))),
            };
            let (absent, shown) = without_absent(variant);
            let bar = |cell: &Cell| Bar {
                contender: cell.contender.clone(),
                look: palette.look(&cell.contender),
                value: value(cell),
            };
            Group {
                label: section.label(variant),
                floor: analysis.floor(variant).map(|floor| (format!("{} floor", floor.name), floor.measured.median)),
                bars: shown.into_iter().map(bar).collect(),
                absent: absences(&absent),
            }
        });
        bars::figure(&Bars {
            title: section.workload.title.clone(),
            subtitle: self.subtitle(&section.quantity()),
            quantity: section.quantity(),
            unit: section.unit(),
            groups: groups.collect(),
            captions: vec![
                format!(
                    "Bar: median of {}, each a fresh process. Whisker: {}.",
                    rounds(section),
                    match section.unit() {
                        Unit::Nanoseconds => "fastest to slowest round",
                        Unit::Bytes => "round with the least to round with the most",
                    }
                ),
                source(analysis),
            ],
        })
    }

    fn sweep(&self, sweep: &Sweep<'_>) -> Option<Figure> {
        let value = |measured: &Measured| Some(Swept { value: measured.median, whisker: span(measured) });
        let panels = sweep.groups.iter().map(|group| {
            let mut panel = self.panel(sweep, group, self.section.label_without(group[0], sweep.param), value);
            let floors = self.along(sweep, group, |variant| {
                Some(Swept { value: self.analysis.floor(variant)?.measured.median, whisker: None })
            });
            if let Some(floor) = group.iter().find_map(|variant| self.analysis.floor(variant)) {
                let contender = format!("{} floor", floor.name);
                panel.curves.push(sweep::Curve { contender, look: self.palette.look(floor.name), points: floors });
            }
            panel
        });
        sweep::figure(&sweep::Sweep {
            title: self.section.workload.title.clone(),
            subtitle: self.subtitle(&format!("{} (log scale)", self.section.quantity())),
            unit: self.section.unit(),
            param: sweep.param.to_owned(),
            values: sweep.values.clone(),
            panels: panels.collect(),
            captions: vec![
                format!("Median and range of {}, each a fresh process.", rounds(self.section)),
                source(self.analysis),
            ],
        })
    }

    /// The response time of an open loop by its load: a panel for the median, one for the tail.
    fn load(&self, sweep: &Sweep<'_>) -> Option<Figure> {
        const SHOWN: [f64; 2] = [50.0, 99.0];
        let kind = "response";
        let of = |measured: &Measured, percent: f64| {
            measured.percentiles.get(kind)?.iter().find(|known| known.percent == percent).map(|known| known.value_ns)
        };
        let mut insufficient: Vec<String> = Vec::new();
        for (variant, cell) in cells(sweep.groups.iter().flatten().copied()) {
            let lacks = |percent: &f64| cell.measured().and_then(|measured| of(measured, *percent)) == Some(None);
            let lacking: Vec<String> = SHOWN.iter().filter(|percent| lacks(percent)).map(|p| format!("p{p}")).collect();
            if !lacking.is_empty() {
                insufficient.push(format!(
                    "{} of {} ({})",
                    lacking.join(", "),
                    cell.contender,
                    self.section.label(variant)
                ));
            }
        }
        let panels = sweep.groups.iter().flat_map(|group| {
            SHOWN.map(|percent| {
                let label = [format!("p{percent}"), self.section.label_without(group[0], sweep.param)];
                let label: Vec<&str> = label.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
                self.panel(sweep, group, label.join(", "), |measured| {
                    Some(Swept { value: of(measured, percent)??, whisker: None })
                })
            })
        });
        sweep::figure(&sweep::Sweep {
            title: self.section.workload.title.clone(),
            subtitle: self.subtitle(&format!("{} by load (log scale)", latency_name(kind))),
            unit: Unit::Nanoseconds,
            param: "load, % of capacity".to_owned(),
            values: sweep.values.clone(),
            panels: panels.collect(),
            captions: [
                Some(format!(
                    "From the intended start to the end. Median over {} of each round's own percentile, where 100 samples lie beyond it.",
                    rounds(self.section)
                )),
                insufficient_caption(&insufficient),
                Some(source(self.analysis)),
            ]
            .into_iter()
            .flatten()
            .collect(),
        })
    }

    /// A curve for each contender over the variants of one setting.
    fn panel(
        &self,
        sweep: &Sweep<'_>,
        group: &[&Variant],
        label: String,
        value: impl Fn(&Measured) -> Option<Swept>,
    ) -> sweep::Panel {
        let curves = group[0].cells.iter().map(|cell| sweep::Curve {
            contender: cell.contender.clone(),
            look: self.palette.look(&cell.contender),
            points: self.along(sweep, group, |variant| value(variant.measured(&cell.contender)?)),
        });
        sweep::Panel { label, curves: curves.collect() }
    }

    /// One point for each value of the swept parameter.
    fn along(
        &self,
        sweep: &Sweep<'_>,
        group: &[&Variant],
        value: impl Fn(&Variant) -> Option<Swept>,
    ) -> Vec<Option<Swept>> {
        let at = |wanted: &u64| group.iter().find(|variant| variant.params.get(sweep.param) == Some(wanted));
        sweep.values.iter().map(|wanted| value(at(wanted)?)).collect()
    }

    fn latency(&self, kind: &str, variants: &[&Variant]) -> Option<Figure> {
        let section = self.section;
        let panels = variants.iter().filter_map(|variant| {
            let panel = panel(section, variant, kind, self.palette);
            (!panel.curves.is_empty()).then_some(panel)
        });
        let has_no_curve = |(_, cell): &(&Variant, &Cell)| {
            let histogram = cell.measured().and_then(|measured| measured.latency.get(kind));
            histogram.is_some_and(|histogram| curve_points(histogram).is_empty())
        };
        let insufficient: Vec<String> = cells(variants.iter().copied())
            .filter(has_no_curve)
            .map(|(variant, cell)| format!("{} ({})", cell.contender, section.label(variant)))
            .collect();
        latency::figure(&Latency {
            title: section.workload.title.clone(),
            quantity: latency_name(kind),
            setting: section.fixed(),
            panels: panels.collect(),
            captions: [
                Some(format!(
                    "Histograms pooled over {}. A curve ends where fewer than 100 samples lie beyond.{}",
                    rounds(section),
                    if variants.len() < section.variants.len() { " Of a sweep, its end." } else { "" }
                )),
                insufficient_caption(&insufficient),
                Some(source(self.analysis)),
            ]
            .into_iter()
            .flatten()
            .collect(),
        })
    }

    /// What is shown, and the parameters that all variants share.
    fn subtitle(&self, quantity: &str) -> String {
        match self.section.fixed() {
            fixed if fixed.is_empty() => quantity.to_owned(),
            fixed => format!("{quantity}; {fixed}"),
        }
    }
}

/// All contenders' cells, with their variants.
fn cells<'a>(variants: impl Iterator<Item = &'a Variant>) -> impl Iterator<Item = (&'a Variant, &'a Cell)> {
    variants.flat_map(|variant| variant.cells.iter().map(move |cell| (variant, cell)))
}

/// What is not drawn since its samples do not carry it: the first few, and how many more.
fn insufficient_caption(which: &[String]) -> Option<String> {
    const NAMED: usize = 4;
    let more = match which.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let named = which.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    (!which.is_empty()).then(|| format!("Insufficient samples: {named}{more}."))
}

/// Among more contenders than this, those that do not fit have no row of their own.
const GAPS_AMONG: usize = 6;

/// A variant's contenders without a row of their own, and the others.
pub(super) fn without_absent(variant: &Variant) -> (Vec<&Cell>, Vec<&Cell>) {
    variant.cells.iter().partition(|cell| {
        let State::Missing { kind, .. } = &cell.state else { return false };
        variant.cells.len() > GAPS_AMONG && is_harmless(*kind)
    })
}

/// "tokio-ct, rayon: n/a: .." for each reason.
pub(super) fn absences(cells: &[&Cell]) -> Vec<String> {
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for cell in cells {
        let State::Missing { kind, reason } = &cell.state else { continue };
        match reasons.iter_mut().find(|(known, _)| *known == missing_note(*kind, reason)) {
            Some((_, names)) => names.push(&cell.contender),
            None => reasons.push((missing_note(*kind, reason), vec![&cell.contender])),
        }
    }
    reasons.into_iter().map(|(reason, names)| format!("{}: {reason}", names.join(", "))).collect()
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
    const STEPS_PER_NINE: u32 = 20;
    let end = (histogram.len() as f64 / BEYOND).log10();
    // Less than the median is not a distribution.
    if end < std::f64::consts::LOG10_2 {
        return Vec::new();
    }
    let steps = (0..).map(|step| f64::from(step) / f64::from(STEPS_PER_NINE)).take_while(|nines| *nines < end);
    let nines = steps.chain(std::iter::once(end));
    nines.map(|nines| (nines, histogram.value_at_quantile(latency::quantile(nines)) as f64)).collect()
}

/// The least and the greatest round.
fn span(measured: &Measured) -> Option<(f64, f64)> {
    let mut values = measured.rounds.iter().map(|round| round.value);
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

/// What stands in the place of a number, and why: `n/a: no channel`.
pub(super) fn missing_note(kind: Option<ErrorKind>, reason: &str) -> String {
    format!("{}: {reason}", missing_word(kind))
}

/// Whether a number is missing without anything having gone wrong.
pub(super) fn is_harmless(kind: Option<ErrorKind>) -> bool {
    matches!(kind, None | Some(ErrorKind::NotApplicable | ErrorKind::Skipped))
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
        let palette = Palette::of(&analysis);
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
