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
    ties: Vec<Ties>,
    benjamini_hochberg: Vec<BenjaminiHochberg>,
    binomial: Vec<Binomial>,
    bootstrap: Vec<Bootstrap>,
    slope: Vec<Slope>,
    percentile: Vec<Percentiles>,
}

#[derive(Deserialize)]
struct Ties {
    d: Vec<f64>,
    conditional_p: f64,
}

#[derive(Deserialize)]
struct BenjaminiHochberg {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct Binomial {
    k: u64,
    n: u64,
    p: f64,
    tail: f64,
    confidence: f64,
    interval: (f64, f64),
}

/// Logarithms.
#[derive(Deserialize)]
struct Bootstrap {
    x: Vec<f64>,
    y: Vec<f64>,
    paired: bool,
    interval: (f64, f64),
}

#[derive(Deserialize)]
struct Slope {
    x: Vec<f64>,
    y: Vec<f64>,
    slope: f64,
}

#[derive(Deserialize)]
struct Percentiles {
    samples: Vec<u64>,
    percents: Vec<f64>,
    values: Vec<Option<u64>>,
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
fn benjamini_hochberg_agrees_with_scipy() {
    for case in reference().benjamini_hochberg {
        let adjusted = statistics::benjamini_hochberg(&case.p);
        assert_eq!(adjusted.len(), case.adjusted.len());
        assert!(adjusted.iter().zip(&case.adjusted).all(|(ours, theirs)| close(*ours, *theirs)), "{:?}", case.p);
    }
    assert!(statistics::benjamini_hochberg(&[]).is_empty());
}

#[test]
fn binomial_tails_and_clopper_pearson_agree_with_scipy() {
    for Binomial { k, n, p, tail, confidence, interval } in reference().binomial {
        let ours = statistics::binomial_tail(k, n, p);
        assert!(close(ours, tail), "{k} of {n} at {p}: {ours} {tail}");
        let (low, high) = statistics::clopper_pearson(k, n, confidence).unwrap();
        assert!(close(low, interval.0) && close(high, interval.1), "{k} of {n}: {low} {high} {interval:?}");
    }
}

#[test]
fn nothing_tried_has_no_interval() {
    assert_eq!(statistics::clopper_pearson(0, 0, 0.95), None);
    assert_eq!(statistics::clopper_pearson(3, 2, 0.95), None);
    for (k, p, tail) in [(3, 0.0, 0.0), (3, 1.0, 1.0), (0, 0.0, 1.0), (6, 0.5, 0.0)] {
        assert_eq!(statistics::binomial_tail(k, 5, p), tail, "{k} of 5 at {p}");
    }
}

/// The interval of the ratio of medians, of logarithms.
fn ratio_of_medians(x: &[f64], y: &[f64], paired: bool) -> Option<(f64, f64)> {
    let median = |of: &[f64], drawn: &[usize]| {
        statistics::median(&drawn.iter().map(|&round| of[round]).collect::<Vec<_>>()).unwrap()
    };
    match paired {
        true => statistics::bootstrap(&[x.len()], CONFIDENCE, |drawn| median(x, &drawn[0]) - median(y, &drawn[0])),
        false => {
            statistics::bootstrap(&[x.len(), y.len()], CONFIDENCE, |drawn| median(x, &drawn[0]) - median(y, &drawn[1]))
        }
    }
}

#[test]
fn bootstrap_intervals_agree_with_scipy() {
    for Bootstrap { x, y, paired, interval } in reference().bootstrap {
        let (low, high) = ratio_of_medians(&x, &y, paired).unwrap();
        // Two sets of random numbers: the bounds differ by what 3,999 resamples leave open.
        let tolerance = (interval.1 - interval.0) * 0.06;
        let near = |ours: f64, theirs: f64| (ours - theirs).abs() <= tolerance;
        let sizes = format!("{} and {}, paired: {paired}", x.len(), y.len());
        assert!(near(low, interval.0) && near(high, interval.1), "{sizes}: {low} {high} {interval:?}");
    }
}

#[test]
fn the_bootstrap_is_the_same_each_time_and_mirrors() {
    let Bootstrap { x, y, .. } = &reference().bootstrap[1];
    let (low, high) = ratio_of_medians(x, y, true).unwrap();
    assert_eq!(ratio_of_medians(x, y, true), Some((low, high)));
    assert_eq!(ratio_of_medians(y, x, true), Some((-high, -low)));
}

#[test]
fn the_bootstrap_needs_six_rounds_on_each_side() {
    let ones = [1.0; 8];
    assert_eq!(ratio_of_medians(&ones[..5], &ones[..5], true), None);
    assert_eq!(ratio_of_medians(&ones, &ones[..5], false), None);
    assert_eq!(ratio_of_medians(&ones, &ones[..6], false), Some((0.0, 0.0)), "all equal: nothing varies");
    assert_eq!(statistics::bootstrap(&[], 0.95, |_| 0.0), None);
    assert_eq!(statistics::bootstrap(&[8], 0.95, |_| f64::NAN), None);
}

/// Of 400 experiments of a few rounds with modes and long tails, the interval holds the truth, 0, in about 95 %.
#[test]
fn bootstrap_intervals_hold_the_truth_as_often_as_they_say() {
    const EXPERIMENTS: u64 = 400;
    let mut rng = fastrand::Rng::with_seed(23);
    for (rounds, paired) in [(8, true), (16, true), (8, false), (16, false)] {
        let held = (0..EXPERIMENTS).filter(|_| {
            let mut sample = || {
                let mode = |slow: bool| if slow { 0.3 } else { 0.0 };
                let round = |rng: &mut fastrand::Rng| mode(rng.f64() < 0.3) - 0.1 * rng.f64().max(1e-9).ln();
                (0..rounds).map(|_| round(&mut rng)).collect::<Vec<f64>>()
            };
            let (x, y) = (sample(), sample());
            ratio_of_medians(&x, &y, paired).is_some_and(|(low, high)| low <= 0.0 && 0.0 <= high)
        });
        // With a true 95 %, fewer than 92 % or more than 99.5 % of 400 are a matter of one in a hundred; the seed is fixed.
        let share = held.count() as f64 / EXPERIMENTS as f64;
        assert!((0.92..=0.995).contains(&share), "{rounds} rounds, paired: {paired}: {share}");
    }
}

#[test]
fn slopes_agree_with_scipy() {
    for Slope { x, y, slope } in reference().slope {
        let points: Vec<(f64, f64)> = x.into_iter().zip(y).collect();
        assert!(close(statistics::slope(&points).unwrap(), slope));
    }
    assert_eq!(statistics::slope(&[]), None);
    assert_eq!(statistics::slope(&[(1.0, 2.0)]), None);
    assert_eq!(statistics::slope(&[(1.0, 2.0), (2.0, f64::NAN)]), None);
}

#[test]
fn percentiles_agree_with_numpy_to_the_digits_of_a_histogram() {
    for case in reference().percentile {
        let mut histogram = reports::histogram::empty();
        case.samples.iter().for_each(|sample| histogram.record(*sample).unwrap());
        for (percent, expected) in case.percents.iter().zip(case.values) {
            match (statistics::percentile(&histogram, *percent), expected) {
                (Some(ours), Some(theirs)) => {
                    assert!((ours as f64 / theirs as f64 - 1.0).abs() < 2e-3, "p{percent}: {ours} {theirs}");
                }
                (ours, theirs) => assert_eq!(ours, theirs, "p{percent} of {}", case.samples.len()),
            }
        }
    }
}

#[test]
fn ties_never_make_a_p_value_smaller_than_scipys_with_midranks() {
    for Ties { d, conditional_p } in reference().ties {
        let p = Shift::paired(&d).unwrap().p();
        assert!(p >= conditional_p - 1e-12, "{d:?}: {p} {conditional_p}");
    }
}

#[test]
fn what_is_no_positive_number_has_no_mean_and_no_median() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(statistics::geometric_mean([2.0, bad]), None, "{bad}");
    }
    assert_eq!(statistics::median(&[1.0, f64::NAN, 2.0]), None);
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
