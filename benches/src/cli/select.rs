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
    let wrong = || "expected a time such as 500ms or 2s".to_owned();
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "ms" => number / 1e3,
        "s" => number,
        "m" | "min" => number * 60.0,
        _ => return Err(wrong()),
    };
    // A millisecond is the protocol's unit; an hour for one round is a typing error.
    if !(0.001..=3600.0).contains(&seconds) {
        return Err("expected 1ms to 60min".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
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
}
