//! Which records may be put together. Timings of two machines are never put on one axis unless the user insists, and no
//! row may count twice.

use std::{collections::HashMap, fmt, path::PathBuf};

use crate::{analysis::label, read::Record, record::Machine};

/// Whether records of different machines may be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machines {
    /// No: their timings do not compare.
    MustMatch,
    /// The user insists.
    MayDiffer,
}

/// Why records do not go together. Displays as one line.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// There is none.
    #[error("no record given, expected at least one")]
    NoRecord,
    /// Two machines, or one that is not known.
    #[error("{first} and {second} are of different machines: their timings do not compare")]
    DifferentMachines {
        /// One record, with its machine.
        first: String,
        /// The other, with its machine.
        second: String,
    },
    /// A row of one run is in two records.
    #[error("{} and {} both have {row}, expected each row in one of them", first.display(), second.display())]
    SameRow {
        /// One record.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// Run, round, contender and variant.
        row: String,
    },
}

/// Refuses records that do not go together.
pub(crate) fn check(records: &[Record], machines: Machines) -> Result<(), MergeError> {
    let (first, rest) = records.split_first().ok_or(MergeError::NoRecord)?;
    if machines == Machines::MustMatch {
        for second in rest {
            let (first_name, second_name) = (first.path.display().to_string(), second.path.display().to_string());
            same_machine(
                Source { name: &first_name, machine: first.machine.as_ref() },
                Source { name: &second_name, machine: second.machine.as_ref() },
            )?;
        }
    }
    let mut owners = HashMap::new();
    for record in records {
        let rounds = record.rounds.iter().map(|row| (&row.workload, &row.params, &row.contender, row.round));
        let failed =
            record.errors.iter().filter_map(|row| Some((&row.workload, &row.params, &row.contender, row.round?)));
        for (workload, params, contender, round) in rounds.chain(failed) {
            let row = (&record.run.id, workload, params, contender, round);
            let owner: &Record = owners.entry(row).or_insert(record);
            if !std::ptr::eq(owner, record) {
                let variant = label(workload, params);
                let row = format!("round {round} of {contender} on {variant} of run {}", record.run.id);
                return Err(MergeError::SameRow { first: owner.path.clone(), second: record.path.clone(), row });
            }
        }
    }
    Ok(())
}

/// Refuses two sources of timings unless their machines are known to be the same.
pub(crate) fn same_machine(first: Source, second: Source) -> Result<(), MergeError> {
    match (first.machine, second.machine) {
        (Some(a), Some(b)) if a.key == b.key => Ok(()),
        _ => Err(MergeError::DifferentMachines { first: first.to_string(), second: second.to_string() }),
    }
}

/// Where timings come from: a name and a machine.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    pub(crate) machine: Option<&'a Machine>,
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.machine {
            None => write!(f, "{} (machine not recorded)", self.name),
            Some(Machine { key, cpu, cores, kernel, .. }) => {
                write!(f, "{} ({cpu}, {cores} cores, kernel {kernel}, key {key})", self.name)
            }
        }
    }
}
