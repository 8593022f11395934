//! A plot of curves: panels, all on one pair of axes, the vertical one logarithmic. [`latency`](super::latency) and
//! [`sweep`](super::sweep) say what the horizontal one is.
//!
//! A curve's name stands beside its panel at the height of its end, so no legend is needed and none can lie on the data.

use super::figure::{Anchor, Figure, LABEL, MARGIN, Mark, SMALL, Text, WIDTH, Weight};
use super::font;
use super::palette::{AXIS, GRID, GROUND, Look, Texture};
use super::scale::Scale;
use crate::analysis::Unit;

/// What a plot of curves shows.
pub(crate) struct Curves {
    pub(crate) title: String,
    /// What the vertical axis measures; it is named here, where it need not be turned to be read.
    pub(crate) subtitle: String,
    pub(crate) unit: Unit,
    /// What the horizontal axis is: `percentile`.
    pub(crate) across: String,
    /// Places on the horizontal axis, from 0 to 1, and their labels. Those for which there is no room have only a line.
    pub(crate) ticks: Vec<(f64, String)>,
    pub(crate) panels: Vec<Panel>,
    pub(crate) captions: Vec<String>,
    /// What a reader who cannot see it is told.
    pub(crate) alt: String,
}

/// The curves of one panel.
pub(crate) struct Panel {
    pub(crate) label: String,
    pub(crate) curves: Vec<Curve>,
}

/// One contender's curve.
pub(crate) struct Curve {
    pub(crate) contender: String,
    pub(crate) look: Look,
    /// Rising in `x`. Where something is missing between two points, there are two segments.
    pub(crate) segments: Vec<Vec<Point>>,
}

/// One point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// From 0 to 1.
    pub(crate) x: f64,
    pub(crate) value: f64,
    /// The ends of the whisker, if there is one.
    pub(crate) whisker: Option<(f64, f64)>,
    /// Whether it has a mark.
    pub(crate) marked: bool,
}

const PANEL_HEIGHT: f64 = 360.0;
/// A line of names beside a panel.
const NAME: f64 = 26.0;
/// More curves than this need the whole width to be told apart.
const CURVES_IN_HALF: usize = 6;

/// Lays the plot out; `None` if no curve has a point.
pub(crate) fn figure(plot: &Curves) -> Option<Figure> {
    let curves = || plot.panels.iter().flat_map(|panel| &panel.curves);
    let points = curves().flat_map(|curve| curve.segments.iter().flatten());
    let values: Vec<f64> = points
        .flat_map(|point| {
            let (low, high) = point.whisker.unwrap_or((point.value, point.value));
            [point.value, low, high]
        })
        .collect();
    let scale = Scale::for_curves(&values, plot.unit)?;

    let mut figure = Figure::titled(&plot.title, &plot.subtitle, plot.alt.clone());
    let most = plot.panels.iter().map(|panel| panel.curves.len()).max().unwrap_or(0);
    let columns = if most > CURVES_IN_HALF { 1 } else { plot.panels.len().min(2) };
    let names = curves().map(|curve| font::width(&curve.contender, LABEL, Weight::Regular)).fold(0.0, f64::max);
    let names = names.min(260.0) + 46.0;
    let ticks = scale.ticks(7);
    let tick_width =
        ticks.iter().map(|tick| font::width(&plot.unit.tick(*tick), SMALL, Weight::Regular)).fold(0.0, f64::max);
    let left = MARGIN + tick_width + 12.0;
    let pitch = (WIDTH - left - MARGIN + 12.0) / columns as f64;
    let height = (most as f64 * NAME).max(PANEL_HEIGHT);

    figure.height += 10.0;
    let mut frame = Frame { scale, ticks, across: &plot.ticks, left: 0.0, right: 0.0, top: 0.0, bottom: 0.0 };
    for row in plot.panels.chunks(columns) {
        frame.top = figure.height + LABEL * 1.7;
        frame.bottom = frame.top + height;
        for (column, panel) in row.iter().enumerate() {
            frame.left = left + column as f64 * pitch;
            frame.right = frame.left + pitch - names - 12.0;
            frame.draw(&mut figure, panel, column == 0, names);
        }
        figure.height = frame.bottom + SMALL * 1.6;
    }
    figure.height += SMALL * 1.4;
    figure.text(Text::new(left, figure.height, SMALL, &plot.across));
    Some(figure.captioned(&plot.captions))
}

/// A panel's place, and the axes that all panels share.
struct Frame<'a> {
    scale: Scale,
    ticks: Vec<f64>,
    across: &'a [(f64, String)],
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Frame<'_> {
    fn x(&self, place: f64) -> f64 {
        self.left + place * (self.right - self.left)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - self.scale.place(value) * (self.bottom - self.top)
    }

    fn draw(&self, figure: &mut Figure, panel: &Panel, labelled: bool, names: f64) {
        let label = Text::new(self.left, self.top - LABEL * 0.6, LABEL, &panel.label).bold();
        figure.text(label.within(self.right + names - self.left));
        for tick in &self.ticks {
            let y = self.y(*tick);
            figure.line((self.left, y), (self.right, y), 1.0, GRID);
            if labelled {
                let text = Text::new(self.left - 10.0, y + SMALL * 0.35, SMALL, self.scale.unit.tick(*tick));
                figure.text(text.anchored(Anchor::End).muted());
            }
        }
        let mut free_from = f64::NEG_INFINITY;
        for (place, label) in self.across {
            let x = self.x(*place);
            figure.line((x, self.top), (x, self.bottom), 1.0, GRID);
            let text = Text::new(x, self.bottom + SMALL * 1.35, SMALL, label).anchored(Anchor::Middle).muted();
            if text.left() > free_from {
                free_from = text.left() + text.width() + 10.0;
                figure.text(text);
            }
        }
        figure.line((self.left, self.bottom), (self.right, self.bottom), 1.5, AXIS);
        for curve in &panel.curves {
            self.curve(figure, curve);
        }
        self.names(figure, panel, names);
    }

    fn curve(&self, figure: &mut Figure, curve: &Curve) {
        let Look { colour, .. } = curve.look;
        for segment in &curve.segments {
            let points: Vec<(f64, f64)> = segment.iter().map(|point| (self.x(point.x), self.y(point.value))).collect();
            for (width, colour) in match curve.look.texture {
                Texture::Solid => [Some((3.0, colour)), None],
                Texture::Split => [Some((4.5, colour)), Some((1.5, GROUND))],
                Texture::Outline => [Some((1.25, colour)), None],
            }
            .into_iter()
            .flatten()
            {
                figure.marks.push(Mark::Line { points: points.clone(), width, colour, opacity: 1.0 });
            }
            for (point, (x, y)) in segment.iter().zip(points) {
                if let Some((low, high)) = point.whisker {
                    let ends = (self.y(low), self.y(high));
                    figure.line((x, ends.0), (x, ends.1), 2.0, colour);
                    for end in [ends.0, ends.1] {
                        figure.line((x - 5.0, end), (x + 5.0, end), 2.0, colour);
                    }
                }
                if point.marked {
                    mark(figure, (x, y), curve.look);
                }
            }
        }
    }

    /// Writes each curve's name beside the panel, as near to the height of its end as the others allow.
    fn names(&self, figure: &mut Figure, panel: &Panel, room: f64) {
        let end = |curve: &Curve| curve.segments.iter().rev().find_map(|segment| segment.last().copied());
        let mut ends: Vec<(&Curve, (f64, f64))> = panel
            .curves
            .iter()
            .filter_map(|curve| end(curve).map(|point| (curve, (self.x(point.x), self.y(point.value)))))
            .collect();
        ends.sort_by(|a, b| a.1.1.total_cmp(&b.1.1));
        let wanted: Vec<f64> = ends.iter().map(|(_, (_, y))| *y).collect();
        let places = spread(&wanted, NAME, (self.top - 4.0, self.bottom + 4.0));
        for ((curve, end), y) in ends.iter().zip(places) {
            let Look { colour, .. } = curve.look;
            let place = (self.right + 22.0, y);
            // A cut curve ends at a bar, so that the thin line to its name is not taken for more of it.
            if end.0 < self.right - 1.0 {
                figure.line((end.0, end.1 - 7.0), (end.0, end.1 + 7.0), 3.0, colour);
            }
            let points = vec![*end, (self.right + 6.0, y), place];
            figure.marks.push(Mark::Line { points, width: 1.0, colour, opacity: 0.5 });
            mark(figure, place, curve.look);
            let name = Text::new(place.0 + 14.0, y + LABEL * 0.35, LABEL, &curve.contender);
            figure.text(name.within(room - 42.0));
        }
    }
}

fn mark(figure: &mut Figure, (x, y): (f64, f64), look: Look) {
    let Look { colour, shape, texture } = look;
    figure.marks.push(Mark::Point { x, y, radius: 6.0, shape, colour });
    let hole = match texture {
        Texture::Solid => return,
        Texture::Split => Mark::Point { x, y, radius: 2.2, shape, colour: GROUND },
        Texture::Outline => Mark::Point { x, y, radius: 4.2, shape, colour: GROUND },
    };
    figure.marks.push(hole);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spread_within_bounds() {
        let places = spread(&[10.0, 11.0, 12.0, 99.0], 20.0, (0.0, 100.0));
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 19.999), "{places:?}");
        assert!(places.iter().all(|place| (0.0..=100.0).contains(place)));
        assert_eq!(spread(&[10.0, 50.0], 20.0, (0.0, 100.0)), [10.0, 50.0]);
    }
}
