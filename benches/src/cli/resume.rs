//! `run --resume`: goes on with a run from its record.
//!
//! What to run is in the record as the user typed it, and is worked out again; how often, how long and in which order is in it as
//! numbers. The record is locked before it is read, and changed only when nothing speaks against it any more.

use std::{ffi::OsString, path::Path, time::Duration};

use anyhow::{Context, bail, ensure};
use reports::{Record, record::Run};
use workloads::Extent;

use super::{Cli, Verb, exit::Exit, parse, records::record_in, run::Amount, select::Select};
use crate::{
    folder::Journal,
    plan::Plan,
    resume, run,
    schedule::{Mode, Schedule},
    selection::Selection,
};

/// Goes on with the run of the record at `path`, or in that folder.
///
/// # Errors
/// A record that no run can go on with, in one line that names it.
pub fn execute(path: &Path) -> anyhow::Result<Exit> {
    let path = record_in(path);
    let named = || format!("cannot resume {}", path.display());
    let mut journal = Journal::reopen(&path)?;
    let record = reports::read(&path)?.record;
    resume::check(&record).with_context(named)?;
    let (select, amount) = asked(&record.run).with_context(named)?;
    let schedule = amount.schedule_of(&record.run).with_context(named)?;
    let selection = Selection::from(select);
    let mut plan = Plan::new(&selection).with_context(named)?;
    if let Some(partition) = amount.partition {
        partition.take(&mut plan, &schedule);
    }
    resume::same_plan(&record.run, &plan).with_context(named)?;
    let record = cut(&path, &mut journal)?;
    let rounds = record.rounds.len() + record.errors.iter().filter(|error| error.round.is_some()).count();
    eprintln!("going on with run {}: {rounds} rounds of cells are there already", record.run.id);
    let outcome = run::resume(&plan, &schedule, &record, &mut journal)?;
    super::run::conclude(&path, outcome, schedule.mode)
}

/// Cuts off what is not whole, and reads the rest.
fn cut(path: &Path, journal: &mut Journal) -> anyhow::Result<Record> {
    let whole = journal.whole()?;
    let loaded = reports::read(path)?;
    // Damage in the middle is not what a kill leaves, and rows that are missing would be measured twice.
    if let Some(fault) = loaded.faults.iter().find(|fault| fault.line <= whole.lines) {
        bail!("cannot resume: {fault}; only the end of a record may be torn");
    }
    journal.cut(whole)?;
    Ok(reports::read(path)?.record)
}

/// The command line of the run, which may have been cargo's.
fn asked(run: &Run) -> anyhow::Result<(Select, Amount)> {
    let mut words: Vec<&str> = run.command.iter().map(String::as_str).collect();
    if words.first() == Some(&"cargo") {
        let options = words.iter().position(|word| *word == "--").map_or(words.len(), |at| at + 1);
        words.splice(..options, ["schedbench", "suite", "--bench"]);
    }
    let again = || format!("its command line, '{}', is not one of this version", run.command.join(" "));
    let parsed = parse::<Cli>(words.iter().map(OsString::from)).with_context(again)?;
    match parsed.map(|cli| cli.verb) {
        Ok(Verb::Run(run)) => Ok((run.select, run.amount)),
        Ok(Verb::Suite(suite)) => Ok((suite.select, suite.amount)),
        _ => bail!(again()),
    }
}

impl Amount {
    /// What the run was begun with.
    fn schedule_of(&self, run: &Run) -> anyhow::Result<Schedule> {
        let extent = if run.mode == Mode::Full.name() { Extent::Full } else { Extent::Default };
        let begun = self.wanted(extent, run.seed)?;
        ensure!(begun.mode.name() == run.mode, "its mode, '{}', is not that of its command line", run.mode);
        let (rounds, time_ns) = run
            .rounds
            .zip(run.time_ns)
            .context("the record does not say how many rounds it was to have, of what time")?;
        Ok(Schedule { rounds, time: Duration::from_nanos(time_ns), ..begun })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Run {
        let run = serde_json::json!({
            "schema": "schedbench/1", "id": "x", "started": "", "git": null, "seed": 3, "mode": "default", "version": "",
            "command": words, "rounds": 64, "time_ns": 20_000_000,
        });
        serde_json::from_value(run).unwrap()
    }

    #[test]
    fn command_lines_of_the_program_and_of_cargo_are_read_again() {
        for words in [
            &["schedbench", "run", "ping_pong", "--precision", "2%", "--budget", "90s"][..],
            &["cargo", "bench", "--bench", "suite", "--", "ping_pong", "--precision=2%", "--budget=90s"],
        ] {
            let run = command(words);
            let (select, amount) = asked(&run).unwrap();
            let schedule = amount.schedule_of(&run).unwrap();
            assert_eq!(select.filters, ["ping_pong"]);
            assert_eq!((schedule.rounds, schedule.time.as_millis(), schedule.seed), (64, 20, 3));
            assert_eq!((schedule.precision, schedule.budget.map(|budget| budget.as_secs())), (Some(0.02), Some(90)));
        }
    }

    #[test]
    fn what_is_no_run_is_refused() {
        for words in [&["schedbench", "list"][..], &["schedbench", "run", "--no-such-option"], &["other"], &[]] {
            assert!(asked(&command(words)).is_err(), "{words:?}");
        }
        let run = command(&["schedbench", "run", "--quick"]);
        assert!(asked(&run).unwrap().1.schedule_of(&run).is_err(), "a quick run's record says so");
    }
}
