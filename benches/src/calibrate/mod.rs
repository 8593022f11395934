//! The truth test: contenders against themselves, through everything that a user's comparison goes through.
//!
//! A calibration is a list of [`Trial`]s, small runs of one cell each. Every one is made by [`run::run`](crate::run::run), as a user's
//! run is, into a record of its own, and that record is read and judged as `compare` does it. Nothing here measures or tests anything.
//!
//! - **Comparisons**, one after the other over a few cells: the contender, itself under another name (A/A), and itself with each injected
//!   [slowdown](crate::child::Slowdown), all in the same rounds, so that one trial answers for all.
//! - **Slice lengths**: A/A of each cell with turns of each length and the same total time; the lengths and cells in a random order,
//!   anew in each pass over them, so that a machine that drifts does not favour one.
//!
//! What it proves is that the chain from the slices to the verdict raises few false alarms and finds what it is said to find. It
//! does not say what a real regression looks like: the spin is on one thread, after the work, and the same in each slice.

mod cells;
mod trials;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use reports::{
    Analysis, Machines, Record,
    calibration::{Arm, Calibration, Row, SliceRow, SliceTable, Spread, Tally},
};

pub use self::trials::{Amount, Part, planned, trials};
use self::{
    cells::CELLS,
    trials::{Trial, What},
};
use crate::{
    folder::{Folder, Journal},
    progress::Progress,
    run,
};

/// What became of a calibration.
#[derive(Debug)]
pub struct Outcome {
    /// What it found, as far as it came.
    pub calibration: Calibration,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// Error rows of contenders that hung, died, answered wrongly or ran with another configuration.
    pub failures: u64,
}

/// Runs all trials, each into a record in `folder`, and judges those that were completed.
///
/// # Errors
/// A record cannot be written or read.
pub fn run(amount: &Amount, trials: &[Trial], folder: &Folder, command: &[String]) -> anyhow::Result<Outcome> {
    let mut progress = Progress::begin();
    let made = make(trials, folder, command, &mut progress);
    progress.end();
    let made = made?;
    Ok(Outcome { calibration: judge(amount, &made)?, interrupted: made.interrupted, failures: made.failures })
}

/// The records of trials that were completed.
struct Made<'a> {
    trials: Vec<(&'a Trial, PathBuf)>,
    interrupted: bool,
    failures: u64,
}

fn make<'a>(
    trials: &'a [Trial],
    folder: &Folder,
    command: &[String],
    progress: &mut Progress,
) -> anyhow::Result<Made<'a>> {
    let mut made = Made { trials: Vec::new(), interrupted: false, failures: 0 };
    for (place, trial) in trials.iter().enumerate() {
        progress.stage(&trial.stage, planned(&trials[place + 1..]));
        let path = folder.path.join(&trial.name).with_extension("jsonl");
        let id = format!("{}-{}", folder.id, trial.name);
        let mut journal = Journal::create(&path)?;
        let outcome = run::run(&trial.plan, &trial.schedule, &id, command.to_vec(), &mut journal, progress)?;
        made.failures += outcome.failures;
        if outcome.interrupted {
            made.interrupted = true;
            break;
        }
        made.trials.push((trial, path));
    }
    Ok(made)
}

fn judge(amount: &Amount, made: &Made) -> anyhow::Result<Calibration> {
    let mut arms = arms(amount);
    let mut by_length: BTreeMap<(usize, usize), Vec<Record>> = BTreeMap::new();
    let mut first = None;
    for (trial, path) in &made.trials {
        let record = reports::read(path)?.record;
        first.get_or_insert_with(|| (record.run.clone(), record.machine.clone()));
        match trial.what {
            What::Comparison => {
                let analysis = Analysis::new(&[record], Machines::MustMatch)?;
                let cell = &CELLS[trial.cell];
                for arm in &mut arms {
                    arm.rows[trial.cell].tally.add(&analysis, cell.contender, &cell.again(arm.slower_percent));
                }
            }
            What::Slices { length } => by_length.entry((trial.cell, length)).or_default().push(record),
        }
    }
    let (run, machine) = first.unzip();
    Ok(Calibration {
        run,
        machine: machine.flatten(),
        rounds: amount.rounds,
        time_ns: u64::try_from(amount.time.as_nanos()).unwrap_or(u64::MAX),
        arms,
        slices: amount.has(Part::Slices).then(|| slice_table(amount, &by_length)).transpose()?,
        complete: !made.interrupted && made.failures == 0,
    })
}

/// Those that were asked for, with nothing counted yet.
fn arms(amount: &Amount) -> Vec<Arm> {
    let row = |cell: &cells::Cell| Row { cell: cell.to_string(), promised: cell.promised, tally: Tally::default() };
    let arm = |slower_percent| Arm { slower_percent, rows: CELLS.iter().map(row).collect() };
    amount.slower_percents().into_iter().map(arm).collect()
}

fn slice_table(amount: &Amount, by_length: &BTreeMap<(usize, usize), Vec<Record>>) -> anyhow::Result<SliceTable> {
    let lengths = amount.slice_lengths();
    let row = |(place, cell): (usize, &cells::Cell)| {
        let spread = |length| match by_length.get(&(place, length)) {
            Some(records) => {
                let analysis = Analysis::new(records, Machines::MustMatch)?;
                Ok(Spread::of(&analysis, cell.contender, &cell.again(0)))
            }
            None => Ok(Spread { rounds: 0, sd: None }),
        };
        let spreads = (0..lengths.len()).map(spread).collect::<anyhow::Result<_>>()?;
        Ok(SliceRow { cell: cell.to_string(), spreads })
    };
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Ok(SliceTable {
        time_ns: nanoseconds(amount.slice_time()),
        lengths_ns: lengths.iter().copied().map(nanoseconds).collect(),
        rows: CELLS.iter().enumerate().map(row).collect::<anyhow::Result<_>>()?,
    })
}
