//! The statistics agree with scipy: `data/statistics.py` says how the reference values were made.

use proptest::prelude::*;
use reports::statistics::{self, CONFIDENCE, Shift};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    paired: Vec<Paired>,
    two_sample: Vec<TwoSample>,
    holm: Vec<Holm>,
    median: Vec<Median>,
    geometric_mean: GeometricMean,
}

#[derive(Deserialize)]
struct Paired {
    d: Vec<f64>,
    #[serde(flatten)]
    expected: Expected,
}

#[derive(Deserialize)]
struct TwoSample {
    x: Vec<f64>,
    y: Vec<f64>,
    #[serde(flatten)]
    expected: Expected,
}

#[derive(Deserialize)]
struct Expected {
    estimate: f64,
    p: f64,
    p_greater: f64,
    p_less: f64,
    interval: Option<(f64, f64)>,
}

#[derive(Deserialize)]
struct Holm {
    p: Vec<f64>,
    alpha: f64,
    rejected: Vec<bool>,
}

#[derive(Deserialize)]
struct Median {
    values: Vec<f64>,
    median: f64,
}

#[derive(Deserialize)]
struct GeometricMean {
    values: Vec<f64>,
    mean: f64,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("data/statistics.json")).unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + b.abs())
}

fn check(shift: &Shift, expected: &Expected, sizes: &str) {
    assert!(close(shift.estimate(), expected.estimate), "{sizes}: {} {}", shift.estimate(), expected.estimate);
    assert!(close(shift.p(), expected.p), "{sizes}: {} {}", shift.p(), expected.p);
    assert!(close(shift.p_above(0.0), expected.p_greater), "{sizes}");
    assert!(close(shift.p_under(0.0), expected.p_less), "{sizes}");
    match (shift.interval(CONFIDENCE), expected.interval) {
        (Some(ours), Some(theirs)) => {
            assert!(close(ours.0, theirs.0) && close(ours.1, theirs.1), "{sizes}: {ours:?} {theirs:?}");
        }
        (ours, theirs) => assert_eq!(ours, theirs, "{sizes}"),
    }
}

#[test]
fn paired_shifts_agree_with_scipy() {
    for case in reference().paired {
        check(&Shift::paired(&case.d).unwrap(), &case.expected, &format!("{} pairs", case.d.len()));
    }
}

#[test]
fn two_sample_shifts_agree_with_scipy() {
    for case in reference().two_sample {
        let sizes = format!("{} and {}", case.x.len(), case.y.len());
        check(&Shift::two_sample(&case.x, &case.y).unwrap(), &case.expected, &sizes);
    }
}

#[test]
fn holm_rejects_what_its_definition_rejects() {
    for case in reference().holm {
        let levels = statistics::holm(&case.p, case.alpha);
        let rejected: Vec<bool> = case.p.iter().zip(&levels).map(|(p, level)| p <= level).collect();
        assert_eq!(rejected, case.rejected, "{:?}", case.p);
    }
}

#[test]
fn medians_and_geometric_mean_agree_with_numpy_and_scipy() {
    let reference = reference();
    for case in reference.median {
        assert!(close(statistics::median(&case.values).unwrap(), case.median));
    }
    assert!(close(statistics::geometric_mean(reference.geometric_mean.values).unwrap(), reference.geometric_mean.mean));
}

#[test]
fn six_pairs_are_the_fewest_with_an_interval() {
    let d = [0.11, 0.12, 0.13, 0.14, 0.15, 0.16];
    assert_eq!(Shift::paired(&d[..5]).unwrap().interval(0.95), None);
    assert_eq!(Shift::paired(&d).unwrap().interval(0.95), Some((0.11, 0.16)));
}

#[test]
fn nothing_and_not_a_number_have_no_shift() {
    assert!(Shift::paired(&[]).is_none());
    assert!(Shift::paired(&[0.1, f64::NAN]).is_none());
    assert!(Shift::two_sample(&[1.0], &[]).is_none());
    assert!(Shift::two_sample(&[f64::INFINITY], &[1.0]).is_none());
}

#[test]
fn ties_and_zeros_never_make_a_p_value_smaller() {
    // All equal to zero: no evidence at all.
    assert_eq!(Shift::paired(&[0.0; 12]).unwrap().p(), 1.0);
    assert_eq!(Shift::two_sample(&[1.0; 8], &[1.0; 8]).unwrap().p(), 1.0);
    // The exact conditional p with midranks of these, from all 2^8 signs: 0.078125 (ranks 1.5 1.5 3.5 3.5 5.5 5.5 7.5 7.5).
    let tied = [-1.0, 1.0, 2.0, -2.0, 3.0, 3.0, 4.0, 4.0];
    let p = Shift::paired(&tied).unwrap().p();
    let untied = Shift::paired(&[-1.0, 1.1, 2.0, -1.9, 3.0, 3.1, 4.0, 4.1]).unwrap().p();
    assert!(p >= 0.078_125 && p >= untied, "{p} {untied}");
}

#[test]
fn thousands_of_rounds_are_no_problem() {
    let d: Vec<f64> = (0..1500).map(|i| f64::from((i * 7919) % 1500) / 1500.0 - 0.49).collect();
    let shift = Shift::paired(&d).unwrap();
    let (low, high) = shift.interval(CONFIDENCE).unwrap();
    assert!(low < shift.estimate() && shift.estimate() < high && high - low < 0.05, "{low} {high}");
}

proptest! {
    /// An interval excludes a shift exactly if the test at its level rejects it.
    #[test]
    fn intervals_and_tests_agree(d in prop::collection::vec(-1.0..1.0_f64, 1..20), theta in -1.0..1.0_f64, level in 0.001..0.2_f64) {
        let shift = Shift::paired(&d).unwrap();
        prop_assert_eq!(shift.lower(level).is_some_and(|low| low > theta), shift.p_above(theta) <= level);
        prop_assert_eq!(shift.upper(level).is_some_and(|high| high < theta), shift.p_under(theta) <= level);
    }

    #[test]
    fn swapping_the_sides_mirrors_everything(x in prop::collection::vec(-1.0..1.0_f64, 1..10), y in prop::collection::vec(-1.0..1.0_f64, 1..10)) {
        let (there, back) = (Shift::two_sample(&x, &y).unwrap(), Shift::two_sample(&y, &x).unwrap());
        prop_assert!(close(there.estimate(), -back.estimate()));
        prop_assert!(close(there.p(), back.p()));
        match (there.interval(0.95), back.interval(0.95)) {
            (Some((low, high)), Some((back_low, back_high))) => prop_assert!(close(low, -back_high) && close(high, -back_low)),
            (there, back) => prop_assert_eq!(there.is_none(), back.is_none()),
        }
    }
}
