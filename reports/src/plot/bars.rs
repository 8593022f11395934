//! The bar plot of a workload: a group for each variant, in it a bar for each contender, all on one axis of time.
//!
//! Bars lie, so that each is named where it begins and no legend is needed. A contender without a number has a gap with the
//! reason in its place, never a bar of length zero.

use super::figure::{Anchor, Figure, LABEL, MARGIN, Mark, ROOM, SMALL, Text, WIDTH, Weight};
use super::font;
use super::palette::{AXIS, GRID, GROUND, INK, Look};
use super::scale::Scale;
use super::units;

/// What a bar plot shows.
pub(crate) struct Bars {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    /// What the axis measures, such as "time per round trip".
    pub(crate) quantity: String,
    pub(crate) groups: Vec<Group>,
    pub(crate) captions: Vec<String>,
}

/// The bars of one variant.
pub(crate) struct Group {
    pub(crate) label: String,
    pub(crate) bars: Vec<Bar>,
}

/// One contender's bar, or its gap.
pub(crate) struct Bar {
    pub(crate) contender: String,
    pub(crate) look: Look,
    pub(crate) value: Value,
}

/// What a bar stands for.
pub(crate) enum Value {
    /// Nanoseconds, with the ends of the whisker if there is one, and whether no contender of the group is better.
    Measured { value_ns: f64, whisker_ns: Option<(f64, f64)>, best: bool },
    /// No number, and why: `n/a: a fork-join pool has no channel`.
    Gap(String),
}

const ROW: f64 = 40.0;
const BAR: f64 = 24.0;
const HEADER: f64 = 38.0;
/// Between groups.
const GAP: f64 = 14.0;

/// Lays the plot out.
pub(crate) fn figure(plot: &Bars) -> Figure {
    let mut figure = Figure::titled(&plot.title, &plot.subtitle, alt(plot));
    let axis = Axis::new(plot);
    let mut y = figure.height + 14.0;
    for group in &plot.groups {
        figure.text(Text::new(MARGIN, y + HEADER * 0.66, LABEL, &group.label).bold().within(ROOM));
        y += HEADER;
        let bottom = y + ROW * group.bars.len() as f64;
        for tick in &axis.ticks {
            figure.line((axis.x(*tick), y), (axis.x(*tick), bottom), 1.0, GRID);
        }
        for (bar, row) in group.bars.iter().zip(0..) {
            axis.draw_bar(&mut figure, bar, y + ROW * (f64::from(row) + 0.5));
        }
        figure.line((axis.left, y), (axis.left, bottom), 1.5, AXIS);
        y = bottom + GAP;
    }
    figure.height = y - GAP;
    axis.draw_labels(&mut figure, &plot.quantity);
    figure.captioned(&plot.captions)
}

/// The axis of time that all bars share.
struct Axis {
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
            Value::Measured { value_ns, .. } => Some(font::width(&units::time(value_ns), LABEL, Weight::Bold)),
            Value::Gap(_) => None,
        });
        let ends: Vec<f64> = bars().flat_map(|bar| bar.value.ends()).collect();
        let left = MARGIN + names.fold(80.0, f64::max).min(WIDTH / 3.0) + 16.0;
        let right = WIDTH - MARGIN - values.fold(60.0, f64::max) - 14.0;
        let scale = Scale::for_bars(&ends);
        let tick_room = font::width("000 ms", SMALL, Weight::Regular) + 18.0;
        let ticks = scale.map_or(Vec::new(), |scale| scale.ticks(((right - left) / tick_room) as usize));
        Axis { scale, ticks, left, right }
    }

    fn x(&self, ns: f64) -> f64 {
        self.left + self.scale.map_or(0.0, |scale| scale.place(ns)) * (self.right - self.left)
    }

    /// The numbers and the name of the axis, below the last group.
    fn draw_labels(&self, figure: &mut Figure, quantity: &str) {
        let Some(scale) = self.scale else { return };
        for tick in &self.ticks {
            let label = Text::new(self.x(*tick), figure.height + SMALL * 1.35, SMALL, units::tick(*tick));
            figure.text(label.anchored(Anchor::Middle).muted());
        }
        let kind = if scale.log { "log scale, shorter is better" } else { "shorter is better" };
        figure.height += SMALL * 2.9;
        let name = Text::new(self.left, figure.height, SMALL, format!("{quantity} ({kind})"));
        figure.text(name.within(self.right - self.left));
        figure.height += 12.0;
    }

    fn draw_bar(&self, figure: &mut Figure, bar: &Bar, middle: f64) {
        let baseline = middle + LABEL * 0.35;
        let name = Text::new(self.left - 14.0, baseline, LABEL, &bar.contender).within(self.left - MARGIN - 14.0);
        figure.text(name.anchored(Anchor::End));
        match &bar.value {
            Value::Gap(reason) => {
                let text = Text::new(self.left + 12.0, baseline - 1.0, SMALL, reason).muted();
                let text = text.within(WIDTH - MARGIN - self.left - 18.0);
                // The grid gives way to the text.
                let (x, width) = (self.left + 6.0, text.width() + 12.0);
                figure.marks.push(Mark::Rect { x, y: middle - BAR / 2.0, width, height: BAR, colour: GROUND });
                figure.text(text);
            }
            Value::Measured { value_ns, whisker_ns, best } => {
                let (x, end, colour) = (self.left, self.x(*value_ns), bar.look.colour);
                let width = (end - x).max(2.0);
                figure.marks.push(Mark::Rect { x, y: middle - BAR / 2.0, width, height: BAR, colour });
                let mut beyond = x + width;
                if let Some((low, high)) = whisker_ns.map(|(low, high)| (self.x(low), self.x(high))) {
                    // A seam of ground keeps it visible on every bar.
                    for (width, colour) in [(5.0, GROUND), (2.0, INK)] {
                        figure.line((low, middle), (high, middle), width, colour);
                        for x in [low, high] {
                            figure.line((x, middle - 6.0), (x, middle + 6.0), width, colour);
                        }
                    }
                    beyond = beyond.max(high);
                }
                let value = Text::new(beyond + 12.0, baseline, LABEL, units::time(*value_ns));
                figure.text(if *best { value.bold() } else { value });
            }
        }
    }
}

impl Value {
    /// Every number that must be on the axis.
    fn ends(&self) -> Vec<f64> {
        match self {
            Value::Measured { value_ns, whisker_ns: None, .. } => vec![*value_ns],
            Value::Measured { value_ns, whisker_ns: Some((low, high)), .. } => vec![*value_ns, *low, *high],
            Value::Gap(_) => Vec::new(),
        }
    }
}

/// The figures in words.
fn alt(plot: &Bars) -> String {
    let groups = plot.groups.iter().map(|group| {
        let bars = group.bars.iter().map(|bar| match &bar.value {
            Value::Measured { value_ns, .. } => format!("{} {}", bar.contender, units::time(*value_ns)),
            Value::Gap(reason) => format!("{} {reason}", bar.contender),
        });
        format!("{}: {}", group.label, bars.collect::<Vec<_>>().join(", "))
    });
    format!("Bar plot of {}. {}.", plot.quantity, groups.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::palette::Palette;

    fn plot(groups: Vec<(&str, Vec<(&str, Value)>)>) -> Bars {
        let palette = Palette::new(["gmp", "rayon"]);
        let groups = groups.into_iter().map(|(label, bars)| Group {
            label: label.to_owned(),
            bars: bars
                .into_iter()
                .map(|(contender, value)| Bar { contender: contender.to_owned(), look: palette.look(contender), value })
                .collect(),
        });
        Bars {
            title: "Ping-pong".to_owned(),
            subtitle: "two tasks".to_owned(),
            quantity: "time per round trip".to_owned(),
            groups: groups.collect(),
            captions: vec!["median of 8 rounds".to_owned()],
        }
    }

    fn ns(value_ns: f64) -> Value {
        Value::Measured { value_ns, whisker_ns: Some((value_ns * 0.9, value_ns * 1.2)), best: false }
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
}
