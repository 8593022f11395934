//! The bar plot of a workload: a group for each variant, in it a bar for each contender, all on one axis.
//!
//! Bars lie, so that each is named where it begins and no legend is needed. A contender without a number has a gap with the
//! reason in its place, never a bar of length zero; where there are many, those that do not fit share a line below the bars. A floor is no
//! bar: it is a line through all of them.

use super::figure::{Anchor, Figure, LABEL, MARGIN, Mark, ROOM, SMALL, Text, WIDTH, Weight};
use super::font;
use super::palette::{AXIS, GRID, GROUND, INK, Look, Texture};
use super::scale::Scale;
use crate::analysis::Unit;

/// What a bar plot shows.
pub(crate) struct Bars {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    /// What the axis measures, such as "time per round trip".
    pub(crate) quantity: String,
    pub(crate) unit: Unit,
    pub(crate) groups: Vec<Group>,
    pub(crate) captions: Vec<String>,
}

/// The bars of one variant.
pub(crate) struct Group {
    pub(crate) label: String,
    /// The floor's name and value.
    pub(crate) floor: Option<(String, f64)>,
    pub(crate) bars: Vec<Bar>,
    /// Lines below the bars: who has none, and why.
    pub(crate) absent: Vec<String>,
}

/// One contender's bar, or its gap.
pub(crate) struct Bar {
    pub(crate) contender: String,
    pub(crate) look: Look,
    pub(crate) value: Value,
}

/// What a bar stands for.
pub(crate) enum Value {
    /// A value, with the ends of the whisker if there is one, and whether no contender of the group is better.
    Measured { value: f64, whisker: Option<(f64, f64)>, best: bool },
    /// No number, and why: `n/a: a fork-join pool has no channel`.
    Gap(String),
}

/// The height of a row and of the bar in it.
const ROOMY: (f64, f64) = (40.0, 24.0);
/// The same where a group has more bars than [`ROOMY_BARS`].
const DENSE: (f64, f64) = (30.0, 18.0);
const ROOMY_BARS: usize = 6;
const HEADER: f64 = 38.0;
/// A line below the bars.
const ABSENT: f64 = 26.0;
/// Between groups.
const GAP: f64 = 14.0;

/// Lays the plot out.
pub(crate) fn figure(plot: &Bars) -> Figure {
    let mut figure = Figure::titled(&plot.title, &plot.subtitle, alt(plot));
    let axis = Axis::new(plot);
    let (row, _) = axis.rows;
    let mut y = figure.height + 14.0;
    for group in &plot.groups {
        let mut room = ROOM;
        if let Some((name, value)) = &group.floor {
            room -= axis.name_floor(&mut figure, y + HEADER * 0.66, &format!("{name} {}", plot.unit.text(*value)));
        }
        figure.text(Text::new(MARGIN, y + HEADER * 0.66, LABEL, &group.label).bold().within(room));
        y += HEADER;
        let bottom = y + row * group.bars.len() as f64;
        for tick in &axis.ticks {
            figure.line((axis.x(*tick), y), (axis.x(*tick), bottom), 1.0, GRID);
        }
        for (bar, place) in group.bars.iter().zip(0..) {
            axis.draw_bar(&mut figure, bar, y + row * (f64::from(place) + 0.5));
        }
        if let Some((_, value)) = &group.floor {
            axis.draw_floor(&mut figure, *value, (y, bottom));
        }
        figure.line((axis.left, y), (axis.left, bottom), 1.5, AXIS);
        y = bottom;
        for line in &group.absent {
            y += ABSENT;
            figure.text(Text::new(axis.left, y - ABSENT * 0.2, SMALL, line).muted().within(WIDTH - MARGIN - axis.left));
        }
        y += GAP;
    }
    figure.height = y - GAP;
    axis.draw_labels(&mut figure, &plot.quantity);
    figure.captioned(&plot.captions)
}

/// The axis that all bars share.
struct Axis {
    unit: Unit,
    /// The height of a row and of the bar in it.
    rows: (f64, f64),
    /// `None` if there is nothing to measure.
    scale: Option<Scale>,
    ticks: Vec<f64>,
    left: f64,
    right: f64,
}

impl Axis {
    /// Leaves room for the names on its left and for the longest value on its right.
    fn new(plot: &Bars) -> Self {
        let bars = || plot.groups.iter().flat_map(|group| &group.bars);
        let names = bars().map(|bar| font::width(&bar.contender, LABEL, Weight::Regular));
        let values = bars().filter_map(|bar| match bar.value {
            Value::Measured { value, .. } => Some(font::width(&plot.unit.text(value), LABEL, Weight::Bold)),
            Value::Gap(_) => None,
        });
        let floors = plot.groups.iter().filter_map(|group| group.floor.as_ref().map(|(_, value)| *value));
        let ends: Vec<f64> = bars().flat_map(|bar| bar.value.ends()).chain(floors).collect();
        let left = MARGIN + names.fold(80.0, f64::max).min(WIDTH / 3.0) + 16.0;
        let right = WIDTH - MARGIN - values.fold(60.0, f64::max) - 14.0;
        let scale = Scale::for_bars(&ends, plot.unit);
        let tick_room = font::width("0000 ms", SMALL, Weight::Regular) + 18.0;
        let ticks = scale.map_or(Vec::new(), |scale| scale.ticks(((right - left) / tick_room) as usize));
        let dense = plot.groups.iter().any(|group| group.bars.len() > ROOMY_BARS);
        Axis { unit: plot.unit, rows: if dense { DENSE } else { ROOMY }, scale, ticks, left, right }
    }

    fn x(&self, value: f64) -> f64 {
        self.left + self.scale.map_or(0.0, |scale| scale.place(value)) * (self.right - self.left)
    }

    /// The numbers and the name of the axis, below the last group.
    fn draw_labels(&self, figure: &mut Figure, quantity: &str) {
        let Some(scale) = self.scale else { return };
        for tick in &self.ticks {
            let label = Text::new(self.x(*tick), figure.height + SMALL * 1.35, SMALL, self.unit.tick(*tick));
            figure.text(label.anchored(Anchor::Middle).muted());
        }
        let kind = if scale.log { "log scale, shorter is better" } else { "shorter is better" };
        figure.height += SMALL * 2.9;
        let name = Text::new(self.left, figure.height, SMALL, format!("{quantity} ({kind})"));
        figure.text(name.within(self.right - self.left));
        figure.height += 12.0;
    }

    /// Writes the floor's name at the right end of a group's heading, with a sample of its line, and gives the room that it takes.
    fn name_floor(&self, figure: &mut Figure, baseline: f64, name: &str) -> f64 {
        let text = Text::new(WIDTH - MARGIN, baseline, SMALL, name).anchored(Anchor::End).within(ROOM / 2.0);
        let left = text.left() - 14.0;
        figure.text(text);
        self.draw_floor_at(figure, left, (baseline - SMALL, baseline + 4.0));
        WIDTH - MARGIN - left + 20.0
    }

    fn draw_floor(&self, figure: &mut Figure, value: f64, ends: (f64, f64)) {
        self.draw_floor_at(figure, self.x(value), ends);
    }

    /// A dashed line: no whisker and no tick looks like it.
    fn draw_floor_at(&self, figure: &mut Figure, x: f64, (top, bottom): (f64, f64)) {
        const DASH: f64 = 7.0;
        let mut y = top;
        while y < bottom {
            let end = (y + DASH).min(bottom);
            figure.line((x, y), (x, end), 4.0, GROUND);
            figure.line((x, y), (x, end), 2.0, INK);
            y += DASH * 1.6;
        }
    }

    fn draw_bar(&self, figure: &mut Figure, bar: &Bar, middle: f64) {
        let (_, height) = self.rows;
        let baseline = middle + LABEL * 0.35;
        let name = Text::new(self.left - 14.0, baseline, LABEL, &bar.contender).within(self.left - MARGIN - 14.0);
        figure.text(name.anchored(Anchor::End));
        match &bar.value {
            Value::Gap(reason) => {
                let text = Text::new(self.left + 12.0, baseline - 1.0, SMALL, reason).muted();
                let text = text.within(WIDTH - MARGIN - self.left - 18.0);
                // The grid gives way to the text.
                let (x, width) = (self.left + 6.0, text.width() + 12.0);
                figure.marks.push(Mark::Rect { x, y: middle - height / 2.0, width, height, colour: GROUND });
                figure.text(text);
            }
            Value::Measured { value, whisker, best } => {
                let (x, end, colour) = (self.left, self.x(*value), bar.look.colour);
                let width = (end - x).max(2.0);
                figure.marks.push(Mark::Rect { x, y: middle - height / 2.0, width, height, colour });
                let inside = match bar.look.texture {
                    Texture::Solid => None,
                    Texture::Split => Some(height * 0.18),
                    Texture::Outline => Some(height / 2.0 - 2.5),
                };
                if let Some(half) = inside.filter(|_| width > 6.0) {
                    let (width, height) = (width - 2.5, half * 2.0);
                    figure.marks.push(Mark::Rect { x, y: middle - half, width, height, colour: GROUND });
                }
                let mut beyond = x + width;
                if let Some((low, high)) = whisker.map(|(low, high)| (self.x(low), self.x(high))) {
                    // A seam of ground keeps it visible on every bar.
                    for (width, colour) in [(5.0, GROUND), (2.0, INK)] {
                        figure.line((low, middle), (high, middle), width, colour);
                        for x in [low, high] {
                            figure.line((x, middle - 6.0), (x, middle + 6.0), width, colour);
                        }
                    }
                    beyond = beyond.max(high);
                }
                let value = Text::new(beyond + 12.0, baseline, LABEL, self.unit.text(*value));
                figure.text(if *best { value.bold() } else { value });
            }
        }
    }
}

impl Value {
    /// Every number that must be on the axis.
    fn ends(&self) -> Vec<f64> {
        match self {
            Value::Measured { value, whisker: None, .. } => vec![*value],
            Value::Measured { value, whisker: Some((low, high)), .. } => vec![*value, *low, *high],
            Value::Gap(_) => Vec::new(),
        }
    }
}

/// The figures in words.
fn alt(plot: &Bars) -> String {
    let groups = plot.groups.iter().map(|group| {
        let bars = group.bars.iter().map(|bar| match &bar.value {
            Value::Measured { value, .. } => format!("{} {}", bar.contender, plot.unit.text(*value)),
            Value::Gap(reason) => format!("{} {reason}", bar.contender),
        });
        let floor = group.floor.iter().map(|(name, value)| format!("{name} {}", plot.unit.text(*value)));
        let parts = bars.chain(floor).chain(group.absent.iter().cloned());
        format!("{}: {}", group.label, parts.collect::<Vec<_>>().join(", "))
    });
    format!("Bar plot of {}. {}.", plot.quantity, groups.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::palette::Palette;

    fn plot(groups: Vec<(&str, Vec<(&str, Value)>)>) -> Bars {
        let palette = Palette::of_defaults(["gmp", "rayon"]);
        let groups = groups.into_iter().map(|(label, bars)| Group {
            label: label.to_owned(),
            floor: None,
            absent: Vec::new(),
            bars: bars
                .into_iter()
                .map(|(contender, value)| Bar { contender: contender.to_owned(), look: palette.look(contender), value })
                .collect(),
        });
        Bars {
            title: "Ping-pong".to_owned(),
            subtitle: "two tasks".to_owned(),
            quantity: "time per round trip".to_owned(),
            unit: Unit::Nanoseconds,
            groups: groups.collect(),
            captions: vec!["median of 8 rounds".to_owned()],
        }
    }

    fn ns(value: f64) -> Value {
        Value::Measured { value, whisker: Some((value * 0.9, value * 1.2)), best: false }
    }

    fn bars_drawn(figure: &Figure) -> usize {
        figure.marks.iter().filter(|mark| matches!(mark, Mark::Rect { colour, .. } if *colour != GROUND)).count()
    }

    #[test]
    fn a_gap_has_its_reason_and_no_bar() {
        let gap = Value::Gap("n/a: a fork-join pool has no channel".to_owned());
        let figure = figure(&plot(vec![("workers=1", vec![("gmp", ns(180.0)), ("rayon", gap)])]));
        figure.assert_legible();
        assert_eq!(bars_drawn(&figure), 1);
        assert!(figure.words().contains("n/a: a fork-join pool"));
        assert!(figure.alt.contains("rayon n/a"));
    }

    #[test]
    fn far_values_are_on_a_log_scale_that_says_so() {
        let far = figure(&plot(vec![("workers=1", vec![("gmp", ns(0.3)), ("rayon", ns(40e9))])]));
        far.assert_legible();
        assert!(far.words().contains("log scale"));
        assert!(far.words().contains("0.30 ns") && far.words().contains("40.0 s"));
        let near = figure(&plot(vec![("workers=1", vec![("gmp", ns(100.0)), ("rayon", ns(300.0))])]));
        assert!(!near.words().contains("log scale"));
    }

    #[test]
    fn odd_plots_are_laid_out_legibly() {
        let long =
            "a name that nobody would give to a contender but somebody will some day, and then it must not be clipped";
        for groups in [
            vec![],
            vec![("", vec![])],
            vec![("workers=1", vec![("gmp", ns(5.0))])],
            vec![(
                "workers=1",
                vec![("gmp", Value::Gap(format!("n/a: {long}"))), ("rayon", Value::Gap(String::new()))],
            )],
            vec![(long, vec![(long, ns(0.0)), ("gmp", ns(f64::NAN))])],
            (0..9).map(|_| ("workers=1, pairs=100", vec![("gmp", ns(5e3)), ("rayon", ns(7e6))])).collect(),
        ] {
            let figure = figure(&plot(groups));
            figure.assert_legible();
            assert!(figure.height > 80.0);
        }
    }

    #[test]
    fn a_floor_is_a_named_line_and_no_bar() {
        let mut plot = plot(vec![("workers=1", vec![("gmp", ns(180.0)), ("rayon", ns(200.0))])]);
        plot.groups[0].floor = Some(("serial floor".to_owned(), 900.0));
        plot.groups[0].absent = vec!["n/a: tokio-ct, smol: no fork and join".to_owned()];
        let figure = figure(&plot);
        figure.assert_legible();
        assert_eq!(bars_drawn(&figure), 2);
        assert!(figure.words().contains("serial floor 900 ns") && figure.words().contains("n/a: tokio-ct, smol"));
        assert!(figure.alt.contains("serial floor 900 ns"));
    }

    #[test]
    fn bytes_are_never_shown_as_time() {
        let mut plot = plot(vec![("workers=1", vec![("gmp", ns(2_355.0)), ("rayon", ns(70_000.0))])]);
        plot.unit = Unit::Bytes;
        let figure = figure(&plot);
        assert!(figure.words().contains("2.30 KiB") && figure.words().contains("68.4 KiB"), "{}", figure.words());
        assert!(!figure.words().contains("ns") && !figure.words().contains("µs"), "{}", figure.words());
    }
}
