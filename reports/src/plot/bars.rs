//! The bar plot of a workload: a group for each variant, in it a bar for each contender, all on one axis of time.
//!
//! Bars lie, so that each is named where it begins and no legend is needed. A contender without a number has a gap with the
//! reason in its place, never a bar of length zero.

use super::figure::{Anchor, Figure, LABEL, MARGIN, Mark, SMALL, Text, WIDTH, Weight};
use super::font;
use super::palette::{AXIS, GRID, INK, Look, MUTED};
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
    let bars = || plot.groups.iter().flat_map(|group| &group.bars);
    let names = bars().map(|bar| font::width(&bar.contender, LABEL, Weight::Regular));
    let left = MARGIN + names.fold(80.0, f64::max).min(WIDTH / 3.0) + 16.0;
    let values = bars().filter_map(|bar| match bar.value {
        Value::Measured { value_ns, .. } => Some(font::width(&units::time(value_ns), LABEL, Weight::Bold)),
        Value::Gap(_) => None,
    });
    let right = WIDTH - MARGIN - values.fold(60.0, f64::max) - 14.0;
    let scale = Scale::for_bars(&ends(plot));

    let top = figure.height + 14.0;
    let rows: f64 = plot.groups.iter().map(|group| HEADER + ROW * group.bars.len() as f64).sum();
    let bottom = top + rows + GAP * plot.groups.len().saturating_sub(1) as f64 + 6.0;
    if let Some(scale) = scale {
        axis(&mut figure, &scale, &plot.quantity, (left, right), (top + HEADER - 8.0, bottom));
    }

    let mut y = top;
    for group in &plot.groups {
        figure.text(
            Text::new(
                MARGIN,
                y + HEADER * 0.66,
                LABEL,
                font::fit(&group.label, LABEL, Weight::Bold, WIDTH - 2.0 * MARGIN),
            )
            .bold(),
        );
        y += HEADER;
        for bar in &group.bars {
            row(&mut figure, bar, scale, (left, right), y + ROW / 2.0);
            y += ROW;
        }
        y += GAP;
    }
    figure.line((left, top + HEADER - 8.0), (left, bottom), 1.5, AXIS);
    figure.height = bottom + if scale.is_some() { 2.8 * SMALL + 12.0 } else { 0.0 };
    figure.captioned(&plot.captions)
}

/// Every number that must be on the axis.
fn ends(plot: &Bars) -> Vec<f64> {
    let mut ends = Vec::new();
    for bar in plot.groups.iter().flat_map(|group| &group.bars) {
        if let Value::Measured { value_ns, whisker_ns, .. } = bar.value {
            ends.push(value_ns);
            ends.extend(whisker_ns.into_iter().flat_map(|(low, high)| [low, high]));
        }
    }
    ends
}

fn axis(figure: &mut Figure, scale: &Scale, quantity: &str, (left, right): (f64, f64), (top, bottom): (f64, f64)) {
    let label_room = font::width("000 ms", SMALL, Weight::Regular) + 18.0;
    let ticks = scale.ticks(((right - left) / label_room) as usize);
    for tick in ticks {
        let x = left + scale.place(tick) * (right - left);
        figure.line((x, top), (x, bottom), 1.0, GRID);
        figure.text(Text::new(x, bottom + SMALL * 1.35, SMALL, units::tick(tick)).anchored(Anchor::Middle).muted());
    }
    let kind = if scale.log { "log scale, shorter is better" } else { "shorter is better" };
    let title = font::fit(&format!("{quantity} ({kind})"), SMALL, Weight::Regular, right - left);
    figure.text(Text::new(left, bottom + SMALL * 2.9, SMALL, title));
}

fn row(figure: &mut Figure, bar: &Bar, scale: Option<Scale>, (left, right): (f64, f64), middle: f64) {
    let baseline = middle + LABEL * 0.35;
    let name = font::fit(&bar.contender, LABEL, Weight::Regular, left - MARGIN - 12.0);
    figure.text(Text::new(left - 14.0, baseline, LABEL, name).anchored(Anchor::End));
    let place = |ns: f64| left + scale.map_or(0.0, |scale| scale.place(ns)) * (right - left);
    match &bar.value {
        Value::Gap(reason) => {
            let text = font::fit(reason, SMALL, Weight::Regular, WIDTH - MARGIN - left - 14.0);
            // On the grid lines, text needs a ground of its own; it is the grid that gives way.
            figure.text(Text { colour: MUTED, ..Text::new(left + 12.0, baseline - 1.0, SMALL, text) });
        }
        Value::Measured { value_ns, whisker_ns, best } => {
            let end = place(*value_ns);
            let colour = bar.look.colour;
            figure.marks.push(Mark::Rect {
                x: left,
                y: middle - BAR / 2.0,
                width: (end - left).max(2.0),
                height: BAR,
                colour,
            });
            let mut beyond = end;
            if let Some((low, high)) = whisker_ns.map(|(low, high)| (place(low), place(high))) {
                figure.line((low, middle), (high, middle), 2.0, INK);
                for x in [low, high] {
                    figure.line((x, middle - 6.0), (x, middle + 6.0), 2.0, INK);
                }
                beyond = end.max(high);
            }
            let value = Text::new(beyond + 12.0, baseline, LABEL, units::time(*value_ns));
            figure.text(if *best { value.bold() } else { value });
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
        // The ground is a rectangle too.
        figure.marks.iter().filter(|mark| matches!(mark, Mark::Rect { .. })).count() - 1
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
