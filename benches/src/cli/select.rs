//! The options that choose variants and contenders; the same for every verb that has them.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use workloads::Extent;

use crate::{
    plan::ALL_CONTENDERS,
    selection::{NamedProgram, Pin, Selection, Sweep},
};

/// Which variants, and which contenders.
#[derive(Clone, Debug, Args)]
pub struct Select {
    /// Run only what has this in its name: a workload, or workload{param=value,..}
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,
    /// Take filters as whole names
    #[arg(long)]
    pub exact: bool,
    /// Contenders, separated by commas, or `all`; if not given, those in their default configuration
    #[arg(short, long = "contenders", value_name = "NAME,..", value_delimiter = ',')]
    pub contenders: Vec<String>,
    /// Set a parameter instead of what is planned; may be repeated
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<Pin>,
    /// Set a parameter to several values: 1,2,4 or 1..4 or 1..64*2; may be repeated
    #[arg(long, value_name = "NAME=VALUES")]
    pub sweep: Vec<Sweep>,
    /// The whole catalogue: more parameters, all of them with 1 and 2 workers, tuned contenders too
    #[arg(long)]
    pub full: bool,
    /// A program that speaks the child protocol (docs/PROTOCOL.md), as one more contender; may be repeated
    #[arg(long, value_name = "NAME=PATH")]
    pub contender_program: Vec<NamedProgram>,
    /// The Go toolchain that builds the contender go [default: the one on the PATH]
    #[arg(long, value_name = "PATH")]
    pub go: Option<PathBuf>,
    /// Refuse to run without these contenders, instead of skipping them: no Go toolchain, a program that is not there
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    pub require: Vec<String>,
}

impl Select {
    /// The same with every contender, where none is named.
    pub fn of_all_contenders(mut self) -> Select {
        if self.contenders.is_empty() {
            self.contenders.push(ALL_CONTENDERS.to_owned());
        }
        self
    }
}

impl From<Select> for Selection {
    fn from(select: Select) -> Selection {
        let extent = if select.full { Extent::Full } else { Extent::Default };
        let select = if select.full { select.of_all_contenders() } else { select };
        let swept = select.sweep.into_iter().flat_map(|sweep| sweep.pins);
        Selection {
            filters: select.filters,
            exact: select.exact,
            extent,
            contenders: select.contenders,
            pins: select.params.into_iter().chain(swept).collect(),
            programs: select.contender_program,
            go: select.go,
            require: select.require,
        }
    }
}

/// Parses `500ms`, `2s` or `1.5s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    // A millisecond is the protocol's unit; an hour for one round is a typing error.
    time(text)
        .ok_or("expected a time such as 500ms or 2s")?
        .filter(|time| time.as_secs() <= 3600)
        .ok_or_else(|| "expected 1ms to 60min".to_owned())
}

/// Parses `90s`, `5m` or `8h`.
pub fn budget_time(text: &str) -> Result<Duration, String> {
    let time = time(text).ok_or("expected a time such as 90s, 5m or 8h")?;
    time.filter(|time| *time >= Duration::from_secs(1)).ok_or_else(|| "expected 1s to 1000h".to_owned())
}

/// Parses `2.5%`.
pub fn percentage(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim_end().parse::<f64>().ok());
    let number = number.ok_or("expected a share such as 2.5%")?;
    // Below, no clock is good enough; above, the ratio is as good as unknown.
    if !(0.01..=100.0).contains(&number) {
        return Err("expected 0.01% to 100%".to_owned());
    }
    Ok(number / 100.0)
}

/// A number with its unit; the inner option is empty if it is under a millisecond or over 1000 hours.
fn time(text: &str) -> Option<Option<Duration>> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let number: f64 = number.parse().ok()?;
    let seconds = match unit {
        "ms" => number / 1e3,
        "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        _ => return None,
    };
    Some((0.001..=3.6e6).contains(&seconds).then(|| Duration::from_secs_f64(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        for wrong in ["", "5", "ms", "fast", "-1s", "0ms", "2h", "1e9s", "NaNs"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn budgets_may_be_long() {
        assert_eq!(budget_time("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(budget_time("8h"), Ok(Duration::from_secs(8 * 3600)));
        for wrong in ["5", "500ms", "2000h", "soon", "-5m"] {
            assert!(budget_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_have_a_percent_sign() {
        assert_eq!([percentage("2.5%"), percentage("1 %")], [Ok(0.025), Ok(0.01)]);
        for wrong in ["2.5", "0.025", "%", "0%", "-1%", "101%", "NaN%", "inf%", "few%"] {
            assert!(percentage(wrong).is_err(), "{wrong}");
        }
    }
}
