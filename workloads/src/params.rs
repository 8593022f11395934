//! Parameters: whole numbers with a range, a default and the values that the default plan sweeps over.

use std::collections::BTreeMap;

/// The parameters of one variant of a workload. Whole numbers only; a switch is 0 or 1, and units are in the names.
pub type Params = BTreeMap<String, u64>;

/// One parameter of a workload.
#[derive(Clone, Copy, Debug)]
pub struct ParamSpec {
    /// Its name, with its unit if it has one: `tick_us`.
    pub name: &'static str,
    /// What it means, in a line.
    pub about: &'static str,
    /// The smallest value allowed.
    pub min: u64,
    /// The largest value allowed.
    pub max: u64,
    /// The values that the default plan runs; the first is the default.
    pub sweep: &'static [u64],
}

/// A parameter that cannot be: the message names it, what was given and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// The workload has no parameter of this name.
    #[error("{workload} has no parameter '{name}'; it has {known}{hint}")]
    Unknown {
        /// The workload.
        workload: String,
        /// What was given.
        name: String,
        /// Those it has, separated by commas.
        known: String,
        /// "; did you mean 'x'?", or nothing.
        hint: String,
    },
    /// The value is out of range.
    #[error("{workload}: {name}={value} is out of range, expected {min} to {max}")]
    OutOfRange {
        /// The workload.
        workload: String,
        /// The parameter.
        name: String,
        /// What was given.
        value: u64,
        /// The smallest allowed.
        min: u64,
        /// The largest allowed.
        max: u64,
    },
}
