//! Scales of values: from nanoseconds or bytes to pixels, linear from zero or logarithmic, with ticks at round numbers. What is round
//! depends on the unit: 1, 2 and 5 times powers of ten for time, powers of two for memory.

use crate::analysis::Unit;

/// Above this ratio of the largest to the smallest value, a linear bar of the smallest could not be seen.
const LOG_ABOVE: f64 = 20.0;

/// A scale that maps `[low, high]` to `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    pub(super) log: bool,
    pub(super) unit: Unit,
}

impl Scale {
    /// A scale for bars: linear from zero, or logarithmic from a power of ten if the values differ by more than
    /// [`LOG_ABOVE`]. `None` without a value to show.
    pub(super) fn for_bars(values: &[f64], unit: Unit) -> Option<Self> {
        let (low, high) = range(values)?;
        if high / low > LOG_ABOVE {
            // The shortest bar must have a length: leave it at least a sixth of a decade.
            let start = 10f64.powf((low * 0.7).log10().floor());
            Some(Scale { low: start, high, log: true, unit })
        } else {
            Some(Scale { low: 0.0, high, log: false, unit })
        }
    }

    /// A logarithmic scale with a little room at both ends. `None` without a value to show.
    pub(super) fn for_curves(values: &[f64], unit: Unit) -> Option<Self> {
        let (low, high) = range(values)?;
        // Flat curves still need a range to be drawn in.
        let room = (high / low).powf(0.06).max(1.15);
        Some(Scale { low: low / room, high: high * room, log: true, unit })
    }

    /// Where `value` is, from 0 to 1; what is outside is drawn at the edge.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = if self.log {
            (value.max(f64::MIN_POSITIVE) / self.low).ln() / (self.high / self.low).ln()
        } else {
            value / self.high
        };
        place.clamp(0.0, 1.0)
    }

    /// Round numbers inside the scale, at most `most` of them, in rising order.
    pub(super) fn ticks(&self, most: usize) -> Vec<f64> {
        let most = most.max(2);
        if self.unit == Unit::Bytes {
            return self.binary_ticks(most);
        }
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

    /// Multiples of a power of two, or every so manieth power of two.
    fn binary_ticks(&self, most: usize) -> Vec<f64> {
        let powers = (self.low.max(1.0).log2().ceil() as i32)..=(self.high.log2() * 1.000_01).floor() as i32;
        let octaves = powers.clone().count();
        if self.log && octaves >= 2 {
            let every = octaves.div_ceil(most) as i32;
            return powers.filter(|power| power % every == 0).map(|power| 2f64.powi(power)).collect();
        }
        let step = 2f64.powf(((self.high - self.low) / most as f64).log2().ceil());
        self.multiples(step)
    }

    fn linear_ticks(&self, most: usize) -> Vec<f64> {
        let rough = (self.high - self.low) / most as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|time| time * power).find(|step| *step >= rough);
        self.multiples(step.unwrap_or(10.0 * power))
    }

    fn multiples(&self, step: f64) -> Vec<f64> {
        let first = (self.low / step).ceil() as u64;
        (first..).map(|n| n as f64 * step).take_while(|tick| *tick <= self.high * 1.0001).collect()
    }
}

/// The least and the greatest of the values that are positive numbers.
fn range(values: &[f64]) -> Option<(f64, f64)> {
    let mut shown = values.iter().copied().filter(|value| value.is_finite() && *value > 0.0);
    let first = shown.next()?;
    Some(shown.fold((first, first), |(low, high), value| (low.min(value), high.max(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_memory_are_powers_of_two_or_multiples_of_one() {
        let linear = Scale::for_bars(&[2_900.0, 2_000.0], Unit::Bytes).unwrap();
        assert_eq!(linear.ticks(6), [0.0, 512.0, 1024.0, 1536.0, 2048.0, 2560.0]);
        let log = Scale::for_bars(&[300.0, 9_000_000.0], Unit::Bytes).unwrap();
        let ticks = log.ticks(8);
        assert!(
            ticks.len() >= 4 && ticks.len() <= 8 && ticks.iter().all(|tick| tick.log2().fract() == 0.0),
            "{ticks:?}"
        );
    }

    #[test]
    fn bars_are_linear_until_the_smallest_could_not_be_seen() {
        let near = Scale::for_bars(&[100.0, 1500.0], Unit::Nanoseconds).unwrap();
        assert!(!near.log);
        assert_eq!((near.place(0.0), near.place(1500.0)), (0.0, 1.0));
        let far = Scale::for_bars(&[0.3, 40e9], Unit::Nanoseconds).unwrap();
        assert!(far.log);
        assert!(far.place(0.3) > 0.01);
        assert_eq!(far.place(40e9), 1.0);
        assert_eq!(far.place(0.0), 0.0);
    }

    #[test]
    fn nothing_to_show_is_no_scale() {
        assert_eq!(Scale::for_bars(&[], Unit::Nanoseconds), None);
        assert_eq!(Scale::for_bars(&[0.0, f64::NAN, f64::INFINITY], Unit::Nanoseconds), None);
        assert_eq!(Scale::for_curves(&[0.0], Unit::Nanoseconds), None);
    }

    #[test]
    fn ticks_are_round_few_and_inside() {
        assert_eq!(
            Scale::for_bars(&[900.0, 450.0], Unit::Nanoseconds).unwrap().ticks(5),
            [0.0, 200.0, 400.0, 600.0, 800.0]
        );
        assert_eq!(Scale::for_bars(&[15.0, 45_000.0], Unit::Nanoseconds).unwrap().ticks(8), [10.0, 100.0, 1e3, 1e4]);
        for values in [[0.3, 40e9], [1.0, 1.01], [5.0, 5.0], [120.0, 480.0], [99.0, 101.0], [1e3, 9e6]] {
            for scale in [
                Scale::for_bars(&values, Unit::Nanoseconds).unwrap(),
                Scale::for_curves(&values, Unit::Nanoseconds).unwrap(),
            ] {
                let ticks = scale.ticks(6);
                assert!((2..=7).contains(&ticks.len()), "{values:?}: {ticks:?}");
                assert!(ticks.is_sorted() && ticks.iter().all(|tick| *tick <= scale.high * 1.001), "{ticks:?}");
            }
        }
    }
}
