//! What schedbench makes of a record: statistics, comparison, gate, plots and a page. It never runs a scheduler.

#![forbid(unsafe_code)]

// The made-up records of the integration tests name this crate as they see it.
#[cfg(test)]
extern crate self as reports;

pub mod analysis;
pub mod calibration;
pub mod compare;
pub mod export;
pub mod gate;
pub mod histogram;
mod lines;
mod merge;
pub mod page;
mod plot;
mod read;
pub mod record;
pub mod statistics;
mod table;
mod write;

pub use analysis::Analysis;
pub use calibration::Calibration;
pub use merge::{Machines, MergeError};
pub use read::{Fault, Loaded, ReadError, Record, read};
pub use write::{Whole, Writer};
