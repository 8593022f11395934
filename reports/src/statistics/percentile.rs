//! Percentiles that the samples can carry.

use hdrhistogram::Histogram;

/// A percentile needs as many samples beyond it, or it says more of luck than of the scheduler: with 100, the relative
/// standard error of their number is 10 %.
pub const SAMPLES_BEYOND: f64 = 100.0;

/// The value that `percent` of the samples do not exceed; `None`, to be printed as "insufficient", if fewer than
/// [`SAMPLES_BEYOND`] samples lie beyond it.
pub fn percentile(histogram: &Histogram<u64>, percent: f64) -> Option<u64> {
    let beyond = histogram.len() as f64 * (100.0 - percent) / 100.0;
    // 1e-9: 100_000 * (100 - 99.9) / 100 is 99.99999999999432.
    (beyond >= SAMPLES_BEYOND * (1.0 - 1e-9)).then(|| histogram.value_at_quantile(percent / 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(samples: u64) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).unwrap();
        for value in 1..=samples {
            histogram.record(value).unwrap();
        }
        histogram
    }

    #[test]
    fn a_percentile_needs_100_samples_beyond_it() {
        assert_eq!(percentile(&ramp(200), 50.0), Some(100));
        assert_eq!(percentile(&ramp(198), 50.0), None);
        assert_eq!(percentile(&ramp(9_999), 99.0), None);
        let p99 = percentile(&ramp(10_000), 99.0).unwrap();
        assert!((9_890..=9_910).contains(&p99), "{p99}");
        assert!(percentile(&ramp(100_000), 99.9).is_some());
        assert_eq!(percentile(&ramp(100_000), 100.0), None, "nothing lies beyond the maximum");
        assert_eq!(percentile(&ramp(0), 50.0), None);
    }
}
