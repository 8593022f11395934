//! From the rows of records to an [`Analysis`].

use super::Analysis;
use crate::read::{Machines, MergeError, Record};

impl Analysis {
    /// Analyses one record, or several of one run or machine together.
    ///
    /// # Errors
    /// No record, records of different machines (unless `machines` allows them), or the same row in two records.
    pub fn new(records: &[Record], machines: Machines) -> Result<Analysis, MergeError> {
        let _ = (records, machines);
        todo!()
    }
}
