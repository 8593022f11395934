//! What the user chose, as it was typed: names and numbers have a form, and nothing yet says that they exist.

use std::{path::PathBuf, str::FromStr};

use workloads::Extent;

use crate::{contenders, go, plan::ALL_CONTENDERS};

/// What the user chose.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Variants; all if empty.
    pub filters: Vec<String>,
    /// Whether filters are whole names.
    pub exact: bool,
    /// How much of each workload.
    pub extent: Extent,
    /// Contenders by name, or [`ALL_CONTENDERS`]; if empty, all but the tuned ones.
    pub contenders: Vec<String>,
    /// Parameters that have the given values instead of the planned ones.
    pub pins: Vec<Pin>,
    /// Other programs that speak the child protocol.
    pub programs: Vec<NamedProgram>,
    /// The Go toolchain; the one on the PATH if not given.
    pub go: Option<PathBuf>,
    /// Contenders without which nothing is run.
    pub require: Vec<String>,
}

/// `name=value`: a parameter that has another value than planned. Several values of one name are a sweep of the user's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The parameter.
    pub name: String,
    /// Its value.
    pub value: u64,
}

impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("expected name=value, such as workers=1")?;
        let value = value.parse().map_err(|_| format!("'{value}' is not a whole number; expected name=value"))?;
        Ok(Pin { name: name.to_owned(), value })
    }
}

/// `name=values`: several pins in one. Values are `1,2,4`, a range such as `1..4` with both its ends, or `1..64*2`, each the
/// double of the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// One for each value, in the order given.
    pub pins: Vec<Pin>,
}

impl FromStr for Sweep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected name=values, such as workers=1..4, workers=1,2,4 or pairs=1..64*2";
        // More variants than anybody runs: a typing error should not fill the memory.
        const MOST: usize = 1000;
        let (name, values) = text.split_once('=').ok_or(EXPECTED)?;
        let mut pins = Vec::new();
        for part in values.split(',') {
            let number =
                |text: &str| text.parse::<u64>().map_err(|_| format!("'{part}' is not understood; {EXPECTED}"));
            let (first, last, factor) = match part.split_once("..") {
                None => (number(part)?, number(part)?, None),
                Some((first, rest)) => match rest.split_once('*') {
                    None => (number(first)?, number(rest)?, None),
                    Some((last, factor)) => (number(first)?, number(last)?, Some(number(factor)?)),
                },
            };
            if first > last || factor.is_some_and(|factor| factor < 2 || first == 0) {
                return Err(format!("'{part}' has no values; {EXPECTED}"));
            }
            let next = |value: &u64| factor.map_or(value.checked_add(1), |factor| value.checked_mul(factor));
            let values = std::iter::successors(Some(first), next).take_while(|&value| value <= last);
            pins.extend(values.take(MOST + 1).map(|value| Pin { name: name.to_owned(), value }));
            if pins.len() > MOST {
                return Err(format!("'{values}' has more than {MOST} values", values = &text[name.len() + 1..]));
            }
        }
        Ok(Sweep { pins })
    }
}

/// `NAME=PATH`: a contender that is a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedProgram {
    /// The contender's name.
    pub name: String,
    /// The program.
    pub path: PathBuf,
}

impl FromStr for NamedProgram {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = text.split_once('=').ok_or("expected NAME=PATH")?;
        let built_in = contenders::all().map(|entry| entry.name);
        if built_in.chain(go::ROWS.iter().map(|row| row.name)).any(|taken| taken == name) {
            return Err(format!("'{name}' is a built-in contender; expected another name"));
        }
        if name == ALL_CONTENDERS {
            return Err(format!("'{name}' stands for all contenders; expected another name"));
        }
        Ok(NamedProgram { name: name.to_owned(), path: path.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<u64> {
        let sweep: Sweep = text.parse().unwrap();
        assert!(sweep.pins.iter().all(|pin| pin.name == "workers"));
        sweep.pins.iter().map(|pin| pin.value).collect()
    }

    #[test]
    fn a_sweep_is_a_list_a_range_or_a_geometric_range() {
        assert_eq!(values("workers=3"), [3]);
        assert_eq!(values("workers=4,1"), [4, 1]);
        assert_eq!(values("workers=1..4"), [1, 2, 3, 4]);
        assert_eq!(values("workers=1..64*4"), [1, 4, 16, 64]);
        assert_eq!(values("workers=1..10*3,100..101"), [1, 3, 9, 100, 101]);
        assert_eq!(values("workers=18446744073709551615..18446744073709551615*2"), [u64::MAX]);
    }

    #[test]
    fn what_is_no_sweep_is_refused_in_a_line() {
        for wrong in [
            "workers",
            "workers=",
            "workers=1..",
            "workers=4..1",
            "workers=0..8*2",
            "workers=1..8*1",
            "w=1..1000000000",
            "w=1;2",
        ] {
            let error = wrong.parse::<Sweep>().unwrap_err();
            assert!(!error.contains('\n'), "{error}");
        }
        assert!("w=1..1001".parse::<Sweep>().unwrap_err().contains("1000"));
        assert_eq!("w=1..1000".parse::<Sweep>().unwrap().pins.len(), 1000);
    }
}
