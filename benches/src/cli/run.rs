//! `run`: plan, rounds, record, report.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use workloads::Extent;

use super::{
    doctor, dry_run,
    exit::Exit,
    report, resume,
    select::{Select, budget_time, duration, percentage},
};
use crate::{
    budget,
    folder::{Folder, Journal},
    looks::Looks,
    partition::Partition,
    pin::{Cpus, Pin},
    plan::Plan,
    progress::Progress,
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
///   schedbench run ping_pong --precision 2.5% --budget 5m
///   schedbench run tight_loop --pin 0                 children on the first CPU only
///   schedbench run --resume target/schedbench/latest  goes on with a run that was interrupted or killed
///   schedbench run ping_pong --sweep workers=1..4 -p pairs=100
///   schedbench run --full --dry-run                   what a night would bring
///   schedbench run --full --partition 2/8             the second of eight machines' share
///
/// The folder is target/schedbench/<run>/, and target/schedbench/latest points at it.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Run {
    #[command(flatten)]
    pub(super) select: Select,
    #[command(flatten)]
    pub(super) amount: Amount,
    /// Go on with a run that was interrupted or killed, from its record or its folder; it takes no other option
    #[arg(long, value_name = "RECORD", exclusive = true)]
    resume: Option<PathBuf>,
}

/// How much is measured, and where it goes.
#[derive(Clone, Debug, Args)]
pub struct Amount {
    /// Valid rounds of each cell; a fresh process each [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    rounds: Option<u64>,
    /// Instead of --rounds: rounds of a variant until each of its ratios to the best is known to so much, such as 2.5% (95 %
    /// interval, half-width), at most 64
    #[arg(long, value_name = "SHARE", value_parser = percentage, conflicts_with_all = ["rounds", "quick"])]
    precision: Option<f64>,
    /// How long the run may take, such as 90s or 5m; each cell gets 6 rounds in any case
    #[arg(long, value_name = "TIME", value_parser = budget_time)]
    budget: Option<Duration>,
    /// Time of each contender in each round, such as 500ms or 2s [default: what fits in the budget, or in 5 minutes, at most 500ms]
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
    pub(super) partition: Option<Partition>,
    /// The CPUs that contenders run on, such as 0,1 or 0-3 (Linux)
    #[arg(long, value_name = "CPUS")]
    pin: Option<Cpus>,
    /// Say what would be run and how long it would take, and run nothing
    #[arg(long)]
    dry_run: bool,
    /// How long a child may overstay before it is ended
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

impl Amount {
    /// How often and how long a plan is run, if it fits.
    ///
    /// # Errors
    /// CPUs that may not be used.
    pub(super) fn wanted(&self, extent: Extent, seed: u64) -> anyhow::Result<Schedule> {
        let mode = match (self.quick, extent) {
            (true, _) => Mode::Quick,
            (_, Extent::Full) => Mode::Full,
            _ => Mode::Default,
        };
        Ok(Schedule {
            rounds: self.rounds.unwrap_or(if self.precision.is_some() { Looks::most() } else { mode.rounds() }),
            time: self.time.unwrap_or(mode.most()),
            patience: self.timeout,
            precision: self.precision,
            budget: self.budget,
            pin: self.pin.as_ref().map(Pin::new).transpose()?,
            ..Schedule::of(mode, seed)
        })
    }

    /// How often and how long this plan is run.
    fn schedule(&self, plan: &Plan, extent: Extent) -> anyhow::Result<Schedule> {
        // Small enough to be typed again.
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(0..1_000_000));
        let schedule = self.wanted(extent, seed)?;
        Ok(if self.time.is_some() { schedule } else { budget::fit(plan, schedule) })
    }
}

/// Says which variants have more workers than there are CPUs for them.
fn warn_of_few_cpus(plan: &Plan, pin: Pin) {
    let cpus = pin.cpus().len() as u64;
    let workers = plan.variants.iter().map(|variant| variant.params.get("workers").copied().unwrap_or(1));
    let more: Vec<u64> = workers.filter(|workers| *workers > cpus).collect();
    if let Some(most) = more.iter().max() {
        let (variants, is) = (more.len(), if cpus == 1 { "CPU is" } else { "CPUs are" });
        eprintln!("warning: {variants} variants have up to {most} workers, and {cpus} {is} given to --pin");
    }
}

impl Run {
    pub fn execute(self) -> anyhow::Result<Exit> {
        if let Some(record) = &self.resume {
            return resume::execute(record);
        }
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
    let schedule = amount.schedule(&plan, extent)?;
    if let Some(partition) = amount.partition {
        // After the schedule was made: a cell gets the same time in every share.
        partition.take(&mut plan, &schedule);
        eprintln!("share {partition} of the plan:");
    }
    if let Some(pin) = schedule.pin {
        warn_of_few_cpus(&plan, pin);
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
    let mut progress = Progress::begin();
    let outcome = run::run(&plan, &schedule, &folder.id, command, &mut journal, &mut progress);
    progress.end();
    conclude(&folder.record(), outcome?, schedule.mode)
}

/// The report beside a record, and the exit code, when the rounds have ended.
///
/// # Errors
/// A file that cannot be written.
pub fn conclude(path: &Path, outcome: run::Outcome, mode: Mode) -> anyhow::Result<Exit> {
    if outcome.interrupted {
        let record = path.display();
        eprintln!("interrupted; what was measured is in {record} (schedbench report {record})");
        eprintln!("it can go on: schedbench run --resume {record}");
        return Ok(Exit::Interrupted);
    }
    let record = reports::read(path)?.record;
    let analysis = report::write(&[record], path.parent().unwrap_or(Path::new("")))?;
    Ok(Exit::of_run(outcome.failures, &analysis.verdict, mode))
}
