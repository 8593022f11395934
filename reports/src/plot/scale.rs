//! Scales of time: from nanoseconds to pixels, linear from zero or logarithmic, with ticks at round numbers.

/// Above this ratio of the largest to the smallest value, a linear bar of the smallest could not be seen.
const LOG_ABOVE: f64 = 20.0;

/// A scale that maps `[low, high]` nanoseconds to `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    pub(super) log: bool,
}

impl Scale {
    /// A scale for bars: linear from zero, or logarithmic from a power of ten if the values differ by more than
    /// [`LOG_ABOVE`]. `None` without a value to show.
    pub(super) fn for_bars(values_ns: &[f64]) -> Option<Self> {
        let (low, high) = range(values_ns)?;
        if high / low > LOG_ABOVE {
            // The shortest bar must have a length: leave it at least a sixth of a decade.
            let start = 10f64.powf((low * 0.7).log10().floor());
            Some(Scale { low: start, high, log: true })
        } else {
            Some(Scale { low: 0.0, high, log: false })
        }
    }

    /// A logarithmic scale with a little room at both ends. `None` without a value to show.
    pub(super) fn for_curves(values_ns: &[f64]) -> Option<Self> {
        let (low, high) = range(values_ns)?;
        // Flat curves still need a range to be drawn in.
        let room = (high / low).powf(0.06).max(1.15);
        Some(Scale { low: low / room, high: high * room, log: true })
    }

    /// Where `ns` is, from 0 to 1; what is outside is drawn at the edge.
    pub(super) fn place(&self, ns: f64) -> f64 {
        let place = if self.log {
            (ns.max(f64::MIN_POSITIVE) / self.low).ln() / (self.high / self.low).ln()
        } else {
            ns / self.high
        };
        place.clamp(0.0, 1.0)
    }

    /// Round numbers inside the scale, at most `most` of them, in rising order.
    pub(super) fn ticks(&self, most: usize) -> Vec<f64> {
        let most = most.max(2);
        if !self.log {
            return self.linear_ticks(most);
        }
        let decades = self.decades(&[1.0]);
        if decades.len() > most {
            let every = decades.len().div_ceil(most);
            return decades.into_iter().step_by(every).collect();
        }
        for finer in [&[1.0, 2.0, 3.0, 5.0][..], &[1.0, 2.0, 5.0], &[1.0, 3.0]] {
            let ticks = self.decades(finer);
            if decades.len() < 3 && ticks.len() >= 3 && ticks.len() <= most {
                return ticks;
            }
        }
        if decades.len() >= 2 { decades } else { self.linear_ticks(most) }
    }

    fn decades(&self, times: &[f64]) -> Vec<f64> {
        let powers = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let all = powers.flat_map(|power| times.iter().map(move |time| time * 10f64.powi(power)));
        all.filter(|tick| *tick >= self.low * 0.9999 && *tick <= self.high * 1.0001).collect()
    }

    fn linear_ticks(&self, most: usize) -> Vec<f64> {
        let rough = (self.high - self.low) / most as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|time| time * power).find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * power);
        let first = (self.low / step).ceil() as u64;
        (first..).map(|n| n as f64 * step).take_while(|tick| *tick <= self.high * 1.0001).collect()
    }
}

/// The least and the greatest of the values that are positive numbers.
fn range(values_ns: &[f64]) -> Option<(f64, f64)> {
    let mut shown = values_ns.iter().copied().filter(|value| value.is_finite() && *value > 0.0);
    let first = shown.next()?;
    Some(shown.fold((first, first), |(low, high), value| (low.min(value), high.max(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_linear_until_the_smallest_could_not_be_seen() {
        let near = Scale::for_bars(&[100.0, 1500.0]).unwrap();
        assert!(!near.log);
        assert_eq!((near.place(0.0), near.place(1500.0)), (0.0, 1.0));
        let far = Scale::for_bars(&[0.3, 40e9]).unwrap();
        assert!(far.log);
        assert!(far.place(0.3) > 0.01);
        assert_eq!(far.place(40e9), 1.0);
        assert_eq!(far.place(0.0), 0.0);
    }

    #[test]
    fn nothing_to_show_is_no_scale() {
        assert_eq!(Scale::for_bars(&[]), None);
        assert_eq!(Scale::for_bars(&[0.0, f64::NAN, f64::INFINITY]), None);
        assert_eq!(Scale::for_curves(&[0.0]), None);
    }

    #[test]
    fn ticks_are_round_few_and_inside() {
        assert_eq!(Scale::for_bars(&[900.0, 450.0]).unwrap().ticks(5), [0.0, 200.0, 400.0, 600.0, 800.0]);
        assert_eq!(Scale::for_bars(&[15.0, 45_000.0]).unwrap().ticks(8), [10.0, 100.0, 1e3, 1e4]);
        for values in [[0.3, 40e9], [1.0, 1.01], [5.0, 5.0], [120.0, 480.0], [99.0, 101.0], [1e3, 9e6]] {
            for scale in [Scale::for_bars(&values).unwrap(), Scale::for_curves(&values).unwrap()] {
                let ticks = scale.ticks(6);
                assert!((2..=7).contains(&ticks.len()), "{values:?}: {ticks:?}");
                assert!(ticks.is_sorted() && ticks.iter().all(|tick| *tick <= scale.high * 1.001), "{ticks:?}");
            }
        }
    }
}
