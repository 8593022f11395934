//! Numbers as people read them: three significant digits and the unit that keeps them short.

use crate::analysis::Unit;

impl Unit {
    /// A value of this unit: `4.18 µs`, `2.30 KiB`.
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Unit::Nanoseconds => time(value),
            Unit::Bytes => bytes(value),
        }
    }

    /// A tick's label: as [`text`](Unit::text), without the digits that a round number does not need.
    pub(crate) fn tick(self, value: f64) -> String {
        let units: &[_] = match self {
            Unit::Nanoseconds => &TIMES,
            Unit::Bytes => &SIZES,
        };
        if value == 0.0 {
            return "0".to_owned();
        }
        let (length, unit) = unit_of(value, units);
        // Ticks are whole or halved a few times, give or take what floating point adds.
        let rounded = format!("{:.6}", value / length);
        format!("{} {unit}", rounded.trim_end_matches('0').trim_end_matches('.'))
    }

    /// What it is an amount of: "1.19× the time of".
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Unit::Nanoseconds => "time",
            Unit::Bytes => "memory",
        }
    }
}

/// Units of time, by their length in nanoseconds.
const TIMES: [(f64, &str); 4] = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];
/// Units of memory, in bytes.
const SIZES: [(f64, &str); 4] = [(1.0, "B"), (1024.0, "KiB"), (1_048_576.0, "MiB"), (1_073_741_824.0, "GiB")];

/// A duration of `ns` nanoseconds: `0.30 ns`, `4.18 µs`, `302 ms`, `40.0 s`.
pub(crate) fn time(ns: f64) -> String {
    if !ns.is_finite() {
        return "–".to_owned();
    }
    let (length, unit) = unit_of(ns, &TIMES);
    format!("{} {unit}", significant(ns / length))
}

/// A ratio to the best: `1.00×`, `12.3×`, `5020×`.
pub(crate) fn ratio(value: f64) -> String {
    if value.is_finite() { format!("{}×", significant(value)) } else { "–".to_owned() }
}

/// A ratio without its sign, for intervals: `2.31`.
pub(crate) fn digits(value: f64) -> String {
    if value.is_finite() { significant(value) } else { "–".to_owned() }
}

/// A count that may be a fraction, such as context switches per operation: `0`, `0.02`, `2.00`, `1 204`.
pub(crate) fn count(value: f64) -> String {
    match value {
        v if !v.is_finite() => "–".to_owned(),
        0.0 => "0".to_owned(),
        v if v.abs() < 0.001 => "< 0.001".to_owned(),
        v => significant(v),
    }
}

/// A size in bytes, in binary units: `4.25 MiB`.
pub(crate) fn bytes(bytes: f64) -> String {
    if !bytes.is_finite() {
        return "–".to_owned();
    }
    let (length, unit) = unit_of(bytes, &SIZES);
    format!("{} {unit}", significant(bytes / length))
}

/// A count of things with thousands set apart by thin spaces: `1 204 000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// The largest unit in which `value` does not round to less than one.
fn unit_of(value: f64, units: &[(f64, &'static str)]) -> (f64, &'static str) {
    *units.iter().rev().find(|(length, _)| value.abs() / length >= 0.9995).unwrap_or(&units[0])
}

/// Three significant digits, but no exponent and at most three decimals.
fn significant(value: f64) -> String {
    match value.abs() {
        v if v < 0.0995 => format!("{value:.3}"),
        v if v < 9.995 => format!("{value:.2}"),
        v if v < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_three_digits_and_change_unit_where_they_round_up() {
        let cases = [
            (0.3, "0.30 ns"),
            (0.012, "0.012 ns"),
            (184.0, "184 ns"),
            (999.4, "999 ns"),
            (999.6, "1.00 µs"),
            (4_184.0, "4.18 µs"),
            (59_960.0, "60.0 µs"),
            (302e6, "302 ms"),
            (40e9, "40.0 s"),
            (7_200e9, "7200 s"),
            (0.0, "0.000 ns"),
            (f64::NAN, "–"),
        ];
        for (ns, text) in cases {
            assert_eq!(time(ns), text);
        }
    }

    #[test]
    fn ticks_drop_zeros() {
        for (ns, text) in [(0.0, "0"), (0.2, "0.2 ns"), (100.0, "100 ns"), (1500.0, "1.5 µs"), (1e10, "10 s")] {
            assert_eq!(Unit::Nanoseconds.tick(ns), text);
        }
        assert_eq!(Unit::Nanoseconds.tick(3.0 * 0.1 * 1e6), "300 µs");
        assert_eq!(
            [0.0, 512.0, 1536.0, 4_194_304.0].map(|bytes| Unit::Bytes.tick(bytes)),
            ["0", "512 B", "1.5 KiB", "4 MiB"]
        );
    }

    #[test]
    fn ratios_counts_and_sizes() {
        assert_eq!(ratio(1.0), "1.00×");
        assert_eq!(ratio(5021.7), "5022×");
        assert_eq!(count(0.0), "0");
        assert_eq!(count(0.00001), "< 0.001");
        assert_eq!(bytes(4.0 * 1_048_576.0), "4.00 MiB");
        assert_eq!(
            (Unit::Bytes.text(2_354.0), Unit::Nanoseconds.text(2_354.0)),
            ("2.30 KiB".to_owned(), "2.35 µs".to_owned())
        );
        assert_eq!(grouped(1_204_000), "1\u{202f}204\u{202f}000");
        assert_eq!(grouped(7), "7");
    }
}
