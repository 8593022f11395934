//! `gate`: whether a run keeps the limits of a file.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;
use reports::{
    Analysis, Machines,
    gate::{Config, Status, check},
};

use super::{exit::Exit, records};

/// Judges a run by limits: fails only if a row is surely over its limit
///
/// Example:
///   schedbench gate --config gate.toml target/schedbench/latest/results.jsonl
///
/// Exit codes: 0 pass or (without --strict) inconclusive, 1 fail, 2 a mistake in the file or the record,
/// 3 a contender gave a wrong answer, hung or crashed, 4 unsound measurement, 5 inconclusive with --strict.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Gate {
    /// The limits
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The record
    #[arg(value_name = "RECORD")]
    record: PathBuf,
    /// What is not decided does not pass
    #[arg(long)]
    strict: bool,
}

impl Gate {
    pub fn execute(self) -> anyhow::Result<Exit> {
        let config = Config::read(&self.config)?;
        let loaded = records::load(&[self.record])?;
        let analysis = Analysis::new(&loaded.records, Machines::MustMatch)?;
        let outcome = check(&config, &analysis)?;
        write!(io::stdout().lock(), "{outcome}")?;
        if !loaded.whole {
            return Ok(Exit::Usage);
        }
        Ok(match outcome.status() {
            Status::Pass => Exit::Pass,
            Status::Fail => Exit::Regression,
            Status::Broken => Exit::Wrong,
            Status::Unsound => Exit::Unsound,
            Status::Inconclusive if self.strict => Exit::Inconclusive,
            Status::Inconclusive => Exit::Pass,
        })
    }
}
