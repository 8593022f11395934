//! The plot of a sweep: a value over a parameter that takes three values or more, a curve for each contender.
//!
//! A point's whisker is the range of its rounds. Where a value is missing the curve is broken, never drawn across.

use super::curves::{self, Curves, Point};
use super::figure::Figure;
use super::palette::Look;
use crate::analysis::Unit;

/// What a plot of a sweep shows.
pub(crate) struct Sweep {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) unit: Unit,
    /// The parameter: `workers`.
    pub(crate) param: String,
    /// The values that it takes, rising.
    pub(crate) values: Vec<u64>,
    pub(crate) panels: Vec<Panel>,
    pub(crate) captions: Vec<String>,
}

/// The curves of one setting of the other parameters.
pub(crate) struct Panel {
    pub(crate) label: String,
    pub(crate) curves: Vec<Curve>,
}

/// One contender's values.
pub(crate) struct Curve {
    pub(crate) contender: String,
    pub(crate) look: Look,
    /// One for each value of the parameter.
    pub(crate) points: Vec<Option<Swept>>,
}

/// A value, with the ends of its whisker if there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Swept {
    pub(crate) value: f64,
    pub(crate) whisker: Option<(f64, f64)>,
}

/// Lays the plot out; `None` if no curve has a point.
pub(crate) fn figure(plot: &Sweep) -> Option<Figure> {
    let (places, kind) = places(&plot.values);
    let curve = |curve: &Curve| {
        let points = curve
            .points
            .iter()
            .zip(&places)
            .map(|(point, &x)| point.map(|Swept { value, whisker }| Point { x, value, whisker, marked: true }));
        let points: Vec<Option<Point>> = points.collect();
        let segments =
            points.split(Option::is_none).map(|segment| segment.iter().copied().flatten().collect::<Vec<_>>());
        curves::Curve {
            contender: curve.contender.clone(),
            look: curve.look,
            segments: segments.filter(|segment| !segment.is_empty()).collect(),
        }
    };
    let panels = plot.panels.iter().map(|panel| curves::Panel {
        label: panel.label.clone(),
        curves: panel.curves.iter().map(curve).filter(|curve| !curve.segments.is_empty()).collect(),
    });
    curves::figure(&Curves {
        title: plot.title.clone(),
        subtitle: plot.subtitle.clone(),
        unit: plot.unit,
        across: format!("{}{kind}", plot.param),
        ticks: places.iter().zip(&plot.values).map(|(place, value)| (*place, value.to_string())).collect(),
        panels: panels.collect(),
        captions: plot.captions.clone(),
        alt: alt(plot),
    })
}

/// Where the values are on the axis, from 0 to 1, and what the axis is called for it.
fn places(values: &[u64]) -> (Vec<f64>, &'static str) {
    /// Room at the left, where the marks would be on the axis.
    const ROOM: f64 = 0.04;
    /// Above this ratio of the largest to the smallest value, a linear axis would have them all at its left.
    const LINEAR_BELOW: u64 = 10;
    let (low, high) = (values.first().copied().unwrap_or(0), values.last().copied().unwrap_or(0));
    let even = |at: usize| at as f64 / (values.len() - 1).max(1) as f64;
    let linear =
        low * LINEAR_BELOW >= high || values.windows(3).all(|three| three[1] - three[0] == three[2] - three[1]);
    let place = |(at, value): (usize, &u64)| match (linear, low) {
        _ if low == high => even(at),
        (true, _) => (value - low) as f64 / (high - low) as f64,
        // Nothing has no logarithm.
        (false, 0) => even(at),
        (false, _) => (*value as f64 / low as f64).ln() / (high as f64 / low as f64).ln(),
    };
    let kind = match (linear, low) {
        (true, _) => "",
        (false, 0) => " (not to scale)",
        (false, _) => " (log scale)",
    };
    (values.iter().enumerate().map(place).map(|place| ROOM + (1.0 - ROOM) * place).collect(), kind)
}

/// The figures in words.
fn alt(plot: &Sweep) -> String {
    let panels = plot.panels.iter().map(|panel| {
        let curves = panel.curves.iter().map(|curve| {
            let points = curve
                .points
                .iter()
                .zip(&plot.values)
                .filter_map(|(point, at)| point.map(|point| format!("{} at {at}", plot.unit.text(point.value))));
            format!("{} {}", curve.contender, points.collect::<Vec<_>>().join(", "))
        });
        format!("{}: {}", panel.label, curves.collect::<Vec<_>>().join("; "))
    });
    format!("{} by {}. {}.", plot.subtitle, plot.param, panels.collect::<Vec<_>>().join(". "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::palette::Palette;

    fn plot(unit: Unit, values: &[u64], contenders: &[(&str, Vec<Option<f64>>)]) -> Sweep {
        let palette = Palette::of_defaults(contenders.iter().map(|(name, _)| *name));
        let point = |value: &Option<f64>| value.map(|value| Swept { value, whisker: Some((value * 0.9, value * 1.3)) });
        let curve = |(name, points): &(&str, Vec<Option<f64>>)| Curve {
            contender: (*name).to_owned(),
            look: palette.look(name),
            points: points.iter().map(point).collect(),
        };
        Sweep {
            title: "Ping-pong".to_owned(),
            subtitle: "time per round trip".to_owned(),
            unit,
            param: "pairs".to_owned(),
            values: values.to_vec(),
            panels: vec![Panel { label: "workers=2".to_owned(), curves: contenders.iter().map(curve).collect() }],
            captions: vec!["median of 8 rounds".to_owned()],
        }
    }

    #[test]
    fn a_curve_is_broken_where_a_value_is_missing() {
        let curves = [("gmp", vec![Some(100.0), Some(110.0), None, Some(130.0)]), ("rayon", vec![None; 4])];
        let figure = figure(&plot(Unit::Nanoseconds, &[1, 2, 3, 4], &curves)).unwrap();
        figure.assert_legible();
        assert!(figure.words().contains("gmp") && !figure.words().contains("rayon"));
        assert!(figure.alt.contains("gmp 100 ns at 1, 110 ns at 2, 130 ns at 4"), "{}", figure.alt);
    }

    #[test]
    fn axes_are_linear_logarithmic_or_say_that_they_are_neither() {
        assert_eq!(places(&[1, 2, 3, 4]).1, "");
        assert_eq!(places(&[1, 10, 100]).1, " (log scale)");
        assert_eq!(places(&[0, 1, 128]).1, " (not to scale)");
        for values in [&[1, 2, 3, 4][..], &[1, 10, 100], &[0, 1, 128], &[7], &[]] {
            let (places, _) = places(values);
            assert_eq!(places.len(), values.len());
            assert!(places.is_sorted() && places.iter().all(|place| (0.0..=1.0).contains(place)), "{places:?}");
        }
    }

    #[test]
    fn memory_is_swept_in_bytes() {
        let curves = [("gmp", vec![Some(2_300.0), Some(2_400.0), Some(9_000.0)])];
        let figure = figure(&plot(Unit::Bytes, &[10, 100, 1000], &curves)).unwrap();
        figure.assert_legible();
        assert!(figure.words().contains("KiB") && !figure.words().contains("ns"), "{}", figure.words());
    }

    #[test]
    fn without_a_point_there_is_no_figure() {
        assert_eq!(figure(&plot(Unit::Nanoseconds, &[1, 2, 3], &[("gmp", vec![None; 3])])), None);
    }
}
