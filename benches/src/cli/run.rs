//! `run`: plan, rounds, record, report.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use workloads::Extent;

use super::{
    doctor, dry_run,
    exit::Exit,
    report,
    select::{Select, duration},
};
use crate::{
    budget,
    folder::{Folder, Journal},
    partition::Partition,
    plan::Plan,
    run,
    schedule::{Mode, Schedule},
    selection::Selection,
};

/// Measures, and writes the record and the report
///
/// Examples:
///   schedbench run                                    everything, about 5 minutes on 2 cores
///   schedbench run ping_pong -c gmp,tokio-mt
///   schedbench run 'ping_pong{workers=1}' -p capacity=0 --rounds 16 --time 1s
///   schedbench run ping_pong --sweep workers=1..4 -p pairs=100
///   schedbench run --full --dry-run                   what a night would bring
///   schedbench run --full --partition 2/8             the second of eight machines' share
///
/// The folder is target/schedbench/<run>/, and target/schedbench/latest points at it.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Run {
    #[command(flatten)]
    select: Select,
    #[command(flatten)]
    amount: Amount,
}

/// How much is measured, and where it goes.
#[derive(Clone, Debug, Args)]
pub struct Amount {
    /// Valid rounds of each cell; a fresh process each [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    rounds: Option<u64>,
    /// Time of each contender in each round, such as 500ms or 2s [default: what fits in 5 minutes, at most 500ms]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// What the orders of contenders are drawn from [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The folder of the record and the report [default: target/schedbench/<run>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A smoke test with few short rounds, about a minute: never a verdict
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// The I-th of N shares of the plan, for N machines of a kind; `report` puts their records together
    #[arg(long, value_name = "I/N")]
    partition: Option<Partition>,
    /// Say what would be run and how long it would take, and run nothing
    #[arg(long)]
    dry_run: bool,
    /// How long a child may overstay before it is ended
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

impl Amount {
    /// How often and how long the plan is run.
    fn schedule(&self, plan: &Plan, extent: Extent) -> Schedule {
        let mode = match (self.quick, extent) {
            (true, _) => Mode::Quick,
            (_, Extent::Full) => Mode::Full,
            _ => Mode::Default,
        };
        let schedule = Schedule {
            mode,
            rounds: self.rounds.unwrap_or(mode.rounds()),
            time: self.time.unwrap_or(mode.most()),
            // Small enough to be typed again.
            seed: self.seed.unwrap_or_else(|| fastrand::u64(0..1_000_000)),
            patience: self.timeout,
        };
        if self.time.is_some() { schedule } else { budget::fit(plan, schedule) }
    }
}

impl Run {
    pub fn execute(self) -> anyhow::Result<Exit> {
        let command = ["schedbench".to_owned()].into_iter().chain(std::env::args().skip(1)).collect();
        let selection = Selection::from(self.select);
        measure(Plan::new(&selection)?, selection.extent, &self.amount, command)
    }
}

/// Runs a plan, or the share of it that the user asked for, to its report. `command` is what the user typed, for the record.
///
/// # Errors
/// A folder or a file that cannot be written.
pub fn measure(mut plan: Plan, extent: Extent, amount: &Amount, command: Vec<String>) -> anyhow::Result<Exit> {
    let schedule = amount.schedule(&plan, extent);
    if let Some(partition) = amount.partition {
        // After the schedule was made: a cell gets the same time in every share.
        partition.take(&mut plan, &schedule);
        eprintln!("share {partition} of the plan:");
    }
    if amount.dry_run {
        dry_run::print(&plan, &schedule)?;
        return Ok(Exit::Pass);
    }
    let folder = Folder::create(amount.out.as_deref(), schedule.seed)?;
    let mut journal = Journal::create(&folder.record())?;
    folder.make_latest()?;
    doctor::warn();
    eprintln!("{}; the record is {}", dry_run::total(&plan, &schedule), folder.record().display());
    let outcome = run::run(&plan, &schedule, &folder.id, command, &mut journal)?;
    if outcome.interrupted {
        let record = folder.record();
        eprintln!("interrupted; what was measured is in {0} (schedbench report {0})", record.display());
        return Ok(Exit::Interrupted);
    }
    let record = reports::read(&folder.record())?.record;
    let analysis = report::write(&[record], &folder.path)?;
    Ok(Exit::of_run(outcome.failures, &analysis.verdict, schedule.mode))
}
