//! Records that the user names: read as far as they are whole.

use std::path::{Path, PathBuf};

use reports::Record;

use crate::folder::RECORD;

/// Records as read.
pub struct Loaded {
    /// What is whole in them.
    pub records: Vec<Record>,
    /// Whether that is everything: if not, the verb does its work and ends with exit code 2.
    pub whole: bool,
}

/// Faults of a record that are shown: who looks at the first ones knows what to do about the rest.
const FAULTS_SHOWN: usize = 20;

/// Reads records; a folder stands for the record in it. Each fault is a line on stderr, of very many the first.
///
/// # Errors
/// A file of which nothing can be used.
pub fn load(paths: &[PathBuf]) -> anyhow::Result<Loaded> {
    let mut loaded = Loaded { records: Vec::new(), whole: true };
    for path in paths {
        let read = reports::read(&record_in(path))?;
        for fault in read.faults.iter().take(FAULTS_SHOWN) {
            eprintln!("schedbench: {fault}");
        }
        if let Some(more @ 1..) = read.faults.len().checked_sub(FAULTS_SHOWN) {
            eprintln!("schedbench: {}: {more} more lines cannot be used", read.record.path.display());
        }
        loaded.whole &= read.faults.is_empty();
        loaded.records.push(read.record);
    }
    Ok(loaded)
}

/// The record at `path`, or in that folder.
pub fn record_in(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(RECORD) } else { path.to_owned() }
}
