//! `calibrate`: the truth test, and its tables.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;

use super::{dry_run, exit::Exit, select::duration};
use crate::{
    calibrate::{self, Amount, Part},
    folder::Folder,
};

/// Proves that this machine's figures can be believed: contenders against themselves
///
/// A contender against itself under another name must show no difference (A/A), and against itself made 10 % slower must show
/// one, in small runs like any other; a table shows why a turn is 10 ms. Take a machine that does nothing else.
///
/// Examples:
///   schedbench calibrate                              all of it, about 20 minutes
///   schedbench calibrate --slowdowns 3,5,15,20        how small a slowdown is found
///   schedbench calibrate --only aa --comparisons 500
///
/// Tables are printed as Markdown; records and tables are in target/schedbench/<run>/. Ends with 0 if both promises hold, else with 4.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Calibrate {
    /// Comparisons, spread over a few cells
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    comparisons: u64,
    /// Valid rounds of each comparison; below 6 no difference can show, and 8 find 10 % in only 9 of 10
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u64).range(6..=1000))]
    rounds: u64,
    /// Time of each contender in each round; four times that in the table of slice lengths
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = duration)]
    time: Duration,
    /// Slowdowns in percent, besides 10; each makes it longer
    #[arg(long, value_name = "PERCENT,..", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1000))]
    slowdowns: Vec<u32>,
    /// Valid rounds of each cell and each length in the table of slice lengths
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u64).range(2..=10_000))]
    slice_rounds: u64,
    /// Only these parts
    #[arg(long, value_name = "PART,..", value_delimiter = ',', value_enum)]
    only: Vec<Part>,
    /// What the orders of contenders are drawn from [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// A new folder for the records and the tables [default: target/schedbench/<run>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the tables as JSON
    #[arg(long)]
    json: bool,
    /// How long a child may overstay before it is ended
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

impl Calibrate {
    pub fn execute(self) -> anyhow::Result<Exit> {
        let command: Vec<String> = ["schedbench".to_owned()].into_iter().chain(std::env::args().skip(1)).collect();
        let all = vec![Part::Aa, Part::Slowdowns, Part::Slices];
        let amount = Amount {
            parts: if self.only.is_empty() { all } else { self.only },
            comparisons: self.comparisons,
            rounds: self.rounds,
            time: self.time,
            slowdowns: self.slowdowns,
            slice_rounds: self.slice_rounds,
            // Small enough to be typed again.
            seed: self.seed.unwrap_or_else(|| fastrand::u64(0..1_000_000)),
            patience: self.timeout,
        };
        if !amount.slowdowns.is_empty() && !amount.has(Part::Slowdowns) {
            bail!("--slowdowns belongs to the part 'slowdowns', which --only leaves out");
        }
        let trials = calibrate::trials(&amount)?;
        if let Some(out) = &self.out {
            refuse_used(out)?;
        }
        let folder = Folder::create(self.out.as_deref(), amount.seed)?;
        if cfg!(debug_assertions) {
            eprintln!("note: this is a debug build; its figures mean nothing (cargo run --release)");
        }
        let (runs, time, path) = (trials.len(), dry_run::spoken(calibrate::planned(&trials)), folder.path.display());
        eprintln!("{runs} small runs, seed {}: about {time}; their records are in {path}", amount.seed);

        let outcome = calibrate::run(&amount, &trials, &folder, &command)?;
        let (text, json) = (outcome.calibration.to_string(), format!("{:#}\n", outcome.calibration.json()));
        keep(&folder.path.join("calibration.md"), &text)?;
        keep(&folder.path.join("calibration.json"), &json)?;
        if outcome.interrupted {
            eprintln!("interrupted; what was measured is in {}", folder.path.display());
        }
        io::stdout().lock().write_all(if self.json { &json } else { &text }.as_bytes())?;
        Ok(match () {
            () if outcome.interrupted => Exit::Interrupted,
            () if outcome.failures > 0 => Exit::Wrong,
            () if !outcome.calibration.objections().is_empty() => Exit::Unsound,
            () => Exit::Pass,
        })
    }
}

/// A folder that has records already would mix two calibrations up, or stop this one in the middle.
fn refuse_used(out: &Path) -> anyhow::Result<()> {
    // What else may be wrong with it, making it tells.
    if fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("--out {}: not empty, expected a new folder", out.display());
    }
    Ok(())
}

fn keep(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
