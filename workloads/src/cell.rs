//! A cell: one workload with its parameters on one running contender, slice by slice.

use std::{collections::BTreeMap, io, time::Duration};

use crate::{
    params::{ParamError, Params},
    workload::{NotApplicable, Outcome},
};

/// Why a cell cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No workload of this name.
    #[error("unknown workload '{0}'")]
    UnknownWorkload(String),
    /// No contender of this name.
    #[error("unknown contender '{0}'")]
    UnknownContender(String),
    /// A parameter that cannot be.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// The workload cannot be written for the contender.
    #[error(transparent)]
    NotApplicable(#[from] NotApplicable),
    /// The contender did not start.
    #[error("the contender did not start: {0}")]
    Start(#[from] io::Error),
}

/// A running contender with a workload on it. Dropping it stops the contender.
pub trait Cell {
    /// The contender's version.
    fn version(&self) -> String;
    /// The configuration that the contender really runs with.
    fn echo(&self) -> BTreeMap<String, u64>;
    /// Runs for about `time`, or one item of fixed size.
    fn slice(&mut self, time: Duration) -> Outcome;
    /// What the answer of a slice of `ops` operations must be.
    fn expected(&self, ops: u64) -> String;
    /// The contender's own counters.
    fn counters(&self) -> BTreeMap<String, u64>;
}

/// Starts `contender` and joins `workload` with it. `params` may leave parameters out: they take their defaults.
///
/// # Errors
/// See [`OpenError`].
pub fn open(workload: &str, contender: &str, params: &Params) -> Result<Box<dyn Cell>, OpenError> {
    let _ = (workload, contender, params);
    todo!()
}

/// Whether the cell exists: as [`open`], but starts nothing.
///
/// # Errors
/// See [`OpenError`]; `NotApplicable` is the report's `n/a`.
pub fn check_fit(workload: &str, contender: &str, params: &Params) -> Result<(), OpenError> {
    let _ = (workload, contender, params);
    todo!()
}
