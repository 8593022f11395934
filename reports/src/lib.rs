//! What schedbench makes of a record: statistics, comparison, gate, plots and a page. It never runs a scheduler.

#![forbid(unsafe_code)]

pub mod record;
