//! The schedulers that schedbench compares, and its own: [`gmp`], Go's G/M/P scheduler in Rust.
//!
//! [`model`] holds the three programming models that a workload can be written in, one trait each; [`contender`] implements
//! them for each scheduler with its *native* tasks, channels, timers and blocking calls.

pub mod contender;
pub mod gmp;
pub mod model;
