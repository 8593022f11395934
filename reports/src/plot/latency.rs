//! The latency plot of a workload: latency by percentile, on the scale of nines, as HdrHistogram's plots have it.
//!
//! A panel for each variant. A curve ends where fewer than [`BEYOND`] samples lie beyond.

use super::curves::{self, Curves, Point};
use super::figure::Figure;
use super::palette::Look;
use super::units;
use crate::analysis::Unit;

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

/// Lays the plot out; `None` if no curve has a point.
pub(crate) fn figure(plot: &Latency) -> Option<Figure> {
    let points = plot.panels.iter().flat_map(|panel| &panel.curves).flat_map(|curve| &curve.points);
    // Two nines at least, so that a plot of few samples shows what is missing.
    let most_nines = points.map(|point| point.0).fold(2.0, f64::max);
    let mut subtitle = format!("{} by percentile (log scale)", plot.quantity);
    if !plot.setting.is_empty() {
        subtitle = format!("{subtitle}; {}", plot.setting);
    }
    let curve = |curve: &Curve| {
        let points = curve.points.iter().map(|&(nines, ns)| Point {
            x: nines / most_nines,
            value: ns,
            whisker: None,
            marked: nines.fract() < 1e-9 && nines > 0.0,
        });
        curves::Curve { contender: curve.contender.clone(), look: curve.look, segments: vec![points.collect()] }
    };
    let panels = plot
        .panels
        .iter()
        .map(|panel| curves::Panel { label: panel.label.clone(), curves: panel.curves.iter().map(curve).collect() });
    curves::figure(&Curves {
        title: plot.title.clone(),
        subtitle,
        unit: Unit::Nanoseconds,
        across: "percentile".to_owned(),
        ticks: ticks(most_nines),
        panels: panels.collect(),
        captions: plot.captions.clone(),
        alt: alt(plot),
    })
}

/// 0, 50 and as many nines as there are.
fn ticks(most_nines: f64) -> Vec<(f64, String)> {
    let whole = (1..=most_nines as usize).map(|nines| (nines as f64, nines_label(nines)));
    let ticks = [(0.0, "0".to_owned()), (std::f64::consts::LOG10_2, "50".to_owned())].into_iter().chain(whole);
    ticks.map(|(nines, label)| (nines / most_nines, label)).collect()
}

/// 1 is `90`, 2 is `99`, 3 is `99.9`.
fn nines_label(nines: usize) -> String {
    match nines {
        1 => "90".to_owned(),
        2 => "99".to_owned(),
        more => format!("99.{}", "9".repeat(more - 2)),
    }
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
        let palette = Palette::of_defaults(["gmp", "rayon"]);
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
}
