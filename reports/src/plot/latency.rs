//! The latency plot of a workload: latency by percentile, on the scale of nines, as HdrHistogram's plots have it.
//!
//! A panel for each variant, all on one pair of axes. A curve ends where fewer than [`BEYOND`] samples lie beyond; its name
//! stands beside the panel at the height of its end, so no legend is needed and none can lie on the data.

use super::figure::{Anchor, Figure, LABEL, MARGIN, Mark, SMALL, Text, WIDTH, Weight};
use super::font;
use super::palette::{AXIS, GRID, Look};
use super::scale::Scale;
use super::units;

/// What a latency plot shows.
pub(crate) struct Latency {
    pub(crate) title: String,
    /// What the vertical axis measures, such as "wake-up latency".
    pub(crate) quantity: String,
    /// What all panels have in common, such as `pairs=1`; may be empty.
    pub(crate) setting: String,
    pub(crate) panels: Vec<Panel>,
    pub(crate) captions: Vec<String>,
}

/// The curves of one variant.
pub(crate) struct Panel {
    pub(crate) label: String,
    pub(crate) curves: Vec<Curve>,
}

/// One contender's latencies.
pub(crate) struct Curve {
    pub(crate) contender: String,
    pub(crate) look: Look,
    /// (percentile in nines, latency in nanoseconds), rising in both.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Samples that a percentile needs beyond it.
pub(crate) const BEYOND: f64 = 100.0;

/// The scale of nines: 0 % is 0, 90 % is 1, 99 % is 2.
#[cfg(test)]
pub(crate) fn nines(quantile: f64) -> f64 {
    -(1.0 - quantile).log10()
}

/// The quantile at so many nines.
pub(crate) fn quantile(nines: f64) -> f64 {
    1.0 - 10f64.powf(-nines)
}

const PANEL_HEIGHT: f64 = 360.0;
/// A line of names beside a panel.
const NAME: f64 = 26.0;

/// Lays the plot out; `None` if no curve has a point.
pub(crate) fn figure(plot: &Latency) -> Option<Figure> {
    let curves = || plot.panels.iter().flat_map(|panel| &panel.curves);
    let latencies: Vec<f64> = curves().flat_map(|curve| curve.points.iter().map(|point| point.1)).collect();
    let scale = Scale::for_curves(&latencies)?;
    // Two nines at least, so that a plot of few samples shows what is missing.
    let most_nines = curves().flat_map(|curve| &curve.points).map(|point| point.0).fold(2.0, f64::max);

    // The vertical axis is named here, where it need not be turned to be read.
    let mut subtitle = format!("{} by percentile (log scale, lower is better)", plot.quantity);
    if !plot.setting.is_empty() {
        subtitle = format!("{subtitle}; {}", plot.setting);
    }
    let mut figure = Figure::titled(&plot.title, &subtitle, alt(plot));
    let columns = plot.panels.len().min(2);
    let names = curves().map(|curve| font::width(&curve.contender, LABEL, Weight::Regular)).fold(0.0, f64::max);
    let names = names.min(200.0) + 46.0;
    let ticks = scale.ticks(7);
    let tick_width =
        ticks.iter().map(|tick| font::width(&units::tick(*tick), SMALL, Weight::Regular)).fold(0.0, f64::max);
    let left = MARGIN + tick_width + 12.0;
    let pitch = (WIDTH - left - MARGIN + 12.0) / columns as f64;

    figure.height += 10.0;
    let mut frame = Frame { scale, most_nines, ticks, left: 0.0, right: 0.0, top: 0.0, bottom: 0.0 };
    for row in plot.panels.chunks(columns) {
        frame.top = figure.height + LABEL * 1.7;
        frame.bottom = frame.top + PANEL_HEIGHT;
        for (column, panel) in row.iter().enumerate() {
            frame.left = left + column as f64 * pitch;
            frame.right = frame.left + pitch - names - 12.0;
            frame.draw(&mut figure, panel, column == 0, names);
        }
        figure.height = frame.bottom + SMALL * 1.6;
    }
    figure.height += SMALL * 1.4;
    figure.text(Text::new(left, figure.height, SMALL, "percentile"));
    Some(figure.captioned(&plot.captions))
}

/// A panel's place, and the axes that all panels share.
struct Frame {
    scale: Scale,
    most_nines: f64,
    ticks: Vec<f64>,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Frame {
    fn x(&self, nines: f64) -> f64 {
        self.left + nines / self.most_nines * (self.right - self.left)
    }

    fn y(&self, ns: f64) -> f64 {
        self.bottom - self.scale.place(ns) * (self.bottom - self.top)
    }

    fn draw(&self, figure: &mut Figure, panel: &Panel, labelled: bool, names: f64) {
        let label = Text::new(self.left, self.top - LABEL * 0.6, LABEL, &panel.label).bold();
        figure.text(label.within(self.right + names - self.left));
        for tick in &self.ticks {
            let y = self.y(*tick);
            figure.line((self.left, y), (self.right, y), 1.0, GRID);
            if labelled {
                let text = Text::new(self.left - 10.0, y + SMALL * 0.35, SMALL, units::tick(*tick));
                figure.text(text.anchored(Anchor::End).muted());
            }
        }
        self.percentiles(figure);
        figure.line((self.left, self.bottom), (self.right, self.bottom), 1.5, AXIS);
        for curve in &panel.curves {
            self.curve(figure, curve);
        }
        self.names(figure, panel, names);
    }

    /// The ticks of the horizontal axis: 0, 50 and as many nines as there are.
    fn percentiles(&self, figure: &mut Figure) {
        let whole = 1..=self.most_nines as usize;
        let nines = whole.map(|nines| (nines as f64, nines_label(nines)));
        let ticks = [(0.0, "0".to_owned()), (std::f64::consts::LOG10_2, "50".to_owned())].into_iter().chain(nines);
        let mut free_from = f64::NEG_INFINITY;
        for (nines, label) in ticks {
            let x = self.x(nines);
            figure.line((x, self.top), (x, self.bottom), 1.0, GRID);
            let text = Text::new(x, self.bottom + SMALL * 1.35, SMALL, label).anchored(Anchor::Middle).muted();
            if text.left() > free_from {
                free_from = text.left() + text.width() + 10.0;
                figure.text(text);
            }
        }
    }

    fn curve(&self, figure: &mut Figure, curve: &Curve) {
        let points: Vec<(f64, f64)> = curve.points.iter().map(|(nines, ns)| (self.x(*nines), self.y(*ns))).collect();
        let Look { colour, shape } = curve.look;
        let marked = curve.points.iter().zip(&points).filter(|((nines, _), _)| nines.fract() < 1e-9 && *nines > 0.0);
        let marked: Vec<(f64, f64)> = marked.map(|(_, place)| *place).collect();
        figure.marks.push(Mark::Line { points, width: 3.0, colour, opacity: 1.0 });
        figure.marks.extend(marked.into_iter().map(|(x, y)| Mark::Point { x, y, radius: 6.0, shape, colour }));
    }

    /// Writes each curve's name beside the panel, as near to the height of its end as the others allow.
    fn names(&self, figure: &mut Figure, panel: &Panel, room: f64) {
        let mut ends: Vec<(&Curve, (f64, f64))> = panel
            .curves
            .iter()
            .filter_map(|curve| curve.points.last().map(|(nines, ns)| (curve, (self.x(*nines), self.y(*ns)))))
            .collect();
        ends.sort_by(|a, b| a.1.1.total_cmp(&b.1.1));
        let wanted: Vec<f64> = ends.iter().map(|(_, (_, y))| *y).collect();
        let places = spread(&wanted, NAME, (self.top - 4.0, self.bottom + 4.0));
        for ((curve, end), y) in ends.iter().zip(places) {
            let Look { colour, shape } = curve.look;
            let mark = (self.right + 22.0, y);
            // A cut curve ends at a bar, so that the thin line to its name is not taken for more of it.
            if end.0 < self.right - 1.0 {
                figure.line((end.0, end.1 - 7.0), (end.0, end.1 + 7.0), 3.0, colour);
            }
            let points = vec![*end, (self.right + 6.0, y), mark];
            figure.marks.push(Mark::Line { points, width: 1.0, colour, opacity: 0.5 });
            figure.marks.push(Mark::Point { x: mark.0, y, radius: 6.0, shape, colour });
            let name = Text::new(mark.0 + 14.0, y + LABEL * 0.35, LABEL, &curve.contender);
            figure.text(name.within(room - 42.0));
        }
    }
}

/// 1 is `90`, 2 is `99`, 3 is `99.9`.
fn nines_label(nines: usize) -> String {
    match nines {
        1 => "90".to_owned(),
        2 => "99".to_owned(),
        more => format!("99.{}", "9".repeat(more - 2)),
    }
}

/// Places at least `apart` from each other, near the `wanted` ones (in rising order) and between the `bounds`.
fn spread(wanted: &[f64], apart: f64, (top, bottom): (f64, f64)) -> Vec<f64> {
    let mut places: Vec<f64> = Vec::with_capacity(wanted.len());
    for want in wanted {
        let free = places.last().map_or(top, |last| last + apart);
        places.push(want.max(free));
    }
    let mut limit = bottom;
    for place in places.iter_mut().rev() {
        *place = place.min(limit);
        limit = *place - apart;
    }
    places
}

/// What the curves say, in words.
fn alt(plot: &Latency) -> String {
    let panels = plot.panels.iter().map(|panel| {
        let curves = panel.curves.iter().filter_map(|curve| {
            let (nines, ns) = curve.points.last()?;
            Some(format!(
                "{} {} at the {:.4}th percentile",
                curve.contender,
                units::time(*ns),
                quantile(*nines) * 100.0
            ))
        });
        format!("{}: {}", panel.label, curves.collect::<Vec<_>>().join(", "))
    });
    format!("Latency by percentile, {}. {}.", plot.quantity, panels.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::palette::Palette;

    /// A contender and its points.
    type Named = (&'static str, Vec<(f64, f64)>);

    fn plot(panels: Vec<Vec<Named>>) -> Latency {
        let palette = Palette::new(["gmp", "rayon"]);
        let panels = panels.into_iter().enumerate().map(|(at, curves)| Panel {
            label: format!("workers={at}"),
            curves: curves
                .into_iter()
                .map(|(contender, points)| Curve {
                    contender: contender.to_owned(),
                    look: palette.look(contender),
                    points,
                })
                .collect(),
        });
        Latency {
            title: "Ping-pong".to_owned(),
            quantity: "wake latency".to_owned(),
            setting: "pairs=1".to_owned(),
            panels: panels.collect(),
            captions: vec!["pooled over 8 rounds".to_owned()],
        }
    }

    #[test]
    fn nines_and_quantiles_are_inverse() {
        for quantile_in in [0.0, 0.5, 0.9, 0.999] {
            assert!((quantile(nines(quantile_in)) - quantile_in).abs() < 1e-12);
        }
        assert!((nines(0.99) - 2.0).abs() < 1e-9);
        assert_eq!([1, 2, 3, 4].map(nines_label), ["90", "99", "99.9", "99.99"]);
    }

    #[test]
    fn without_a_point_there_is_no_figure() {
        assert_eq!(figure(&plot(vec![])), None);
        assert_eq!(figure(&plot(vec![vec![("gmp", vec![])]])), None);
    }

    #[test]
    fn names_units_and_percentiles_are_written() {
        let rising = |from: f64| (0..=40).map(|n| (f64::from(n) / 10.0, from * 1.3f64.powi(n))).collect::<Vec<_>>();
        let figure =
            figure(&plot(vec![vec![("gmp", rising(90.0)), ("rayon", rising(95.0))], vec![("gmp", rising(0.3))]]))
                .unwrap();
        figure.assert_legible();
        let words = figure.words();
        for word in ["gmp", "rayon", "99.9", "99.99", "1 µs", "percentile", "wake latency", "log scale"] {
            assert!(words.lines().any(|line| line.contains(word)), "{word} in {words}");
        }
        assert!(figure.alt.contains("gmp"));
    }

    #[test]
    fn odd_plots_are_laid_out_legibly() {
        for panels in [
            vec![vec![("gmp", vec![(0.0, 5.0)])]],
            vec![vec![("gmp", vec![(0.0, 0.3), (7.0, 40e9)])], vec![], vec![("rayon", vec![(0.0, 1.0), (1.0, 1.0)])]],
            vec![vec![("a contender whose name is longer than any name should be", vec![(0.0, 5.0), (1.2, 6.0)]); 12]],
        ] {
            figure(&plot(panels)).unwrap().assert_legible();
        }
    }

    #[test]
    fn names_are_spread_within_bounds() {
        let places = spread(&[10.0, 11.0, 12.0, 99.0], 20.0, (0.0, 100.0));
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 19.999), "{places:?}");
        assert!(places.iter().all(|place| (0.0..=100.0).contains(place)));
        assert_eq!(spread(&[10.0, 50.0], 20.0, (0.0, 100.0)), [10.0, 50.0]);
    }
}
