//! What schedbench makes of a record: statistics, comparison, gate, plots and a page. It never runs a scheduler.

#![forbid(unsafe_code)]

pub mod analysis;
pub mod page;
mod plot;
mod read;
pub mod record;
pub mod statistics;

pub use analysis::Analysis;
pub use read::{Machines, MergeError, Record};
