//! Reading records.
use crate::record::*;

/// A record as read from its file: everything in it that is whole.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it was read from.
    pub path: std::path::PathBuf,
    /// Which run.
    pub run: Run,
    /// The machine.
    pub machine: Option<Machine>,
    /// The contenders.
    pub contenders: Vec<Contender>,
    /// The workloads.
    pub workloads: Vec<Workload>,
    /// The rounds, valid or not.
    pub rounds: Vec<Round>,
    /// The histograms, encoded.
    pub hists: Vec<Hist>,
    /// Cells and rounds that gave no number.
    pub errors: Vec<CellError>,
    /// How the run ended; `None` if it was killed.
    pub end: Option<End>,
}

/// Whether records of different machines may be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machines {
    /// No: their timings do not compare.
    MustMatch,
    /// The user insists.
    MayDiffer,
}

/// Why records do not go together.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// There is none.
    #[error("no record given")]
    NoRecord,
}
