//! `compare`: two runs, or two contenders of one.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;
use reports::{
    Analysis, Machines,
    compare::{self, By},
};

use super::{exit::Exit, records};

/// Compares two runs, or two contenders of one run; says what changed and how surely
///
/// The first one given is the baseline: ratios are the second by the first, so below 1 the second takes less.
/// Contenders of one run are paired by round, which is much sharper than two runs.
/// `~` is no difference at 5 %, after Benjamini-Hochberg's correction over all lines of a kind.
///
/// Examples:
///   schedbench compare before/results.jsonl after/results.jsonl
///   schedbench compare results.jsonl --contenders tokio-mt,gmp
///   schedbench compare results.jsonl -c tokio-mt,gmp --by metric,p99 --json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Compare {
    /// Two records, baseline first; or one, with --contenders
    #[arg(required = true, num_args = 1..=2, value_name = "RECORD")]
    records: Vec<PathBuf>,
    /// Two contenders of one record, baseline first
    #[arg(short, long, value_name = "BASELINE,CANDIDATE", value_delimiter = ',')]
    contenders: Vec<String>,
    /// Show these figures only: metric (mostly wall time), cpu, p99, rss, growth (along a sweep)
    #[arg(short, long, value_name = "FIGURE,..", value_delimiter = ',')]
    by: Vec<By>,
    /// Compare records of different machines all the same; the ratios are then of two machines, not of two versions
    #[arg(long)]
    force: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Compare {
    pub fn execute(self) -> anyhow::Result<Exit> {
        let loaded = records::load(&self.records)?;
        let machines = if self.force { Machines::MayDiffer } else { Machines::MustMatch };
        let analyses: Vec<Analysis> = loaded
            .records
            .iter()
            .map(|record| Analysis::new(std::slice::from_ref(record), machines))
            .collect::<Result<_, _>>()?;
        let comparison = match (&analyses[..], &self.contenders[..]) {
            ([run], [baseline, candidate]) => compare::contenders(run, baseline, candidate)?,
            ([baseline, candidate], []) => compare::runs(baseline, candidate, machines)?,
            ([_], []) => anyhow::bail!("one record: expected a second one, or --contenders BASELINE,CANDIDATE"),
            ([_], _) => anyhow::bail!("--contenders {}: expected two names", self.contenders.join(",")),
            _ => anyhow::bail!("--contenders compares within one record, but there are two"),
        };
        let comparison = if self.by.is_empty() { comparison } else { comparison.only(&self.by) };
        let mut stdout = io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut stdout, &comparison)?;
            writeln!(stdout)?;
        } else {
            writeln!(stdout, "{comparison}")?;
        }
        Ok(if loaded.whole { Exit::Pass } else { Exit::Usage })
    }
}
