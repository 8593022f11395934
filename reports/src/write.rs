//! Writing a record so that nothing measured is ever lost.
//!
//! Invariants:
//! - Each row is handed to the kernel in one `write` call, with its line end: a kill leaves at most one truncated last line.
//! - The file only grows; an existing record is never overwritten.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use crate::record::Line;

/// A record that is being written.
#[derive(Debug)]
pub struct Writer {
    file: File,
}

impl Writer {
    /// Creates the file, which must not exist yet.
    ///
    /// # Errors
    /// The operating system's: the file exists, its folder does not, it may not be written.
    pub fn create(path: &Path) -> io::Result<Writer> {
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Writer { file })
    }

    /// Appends one row.
    ///
    /// # Errors
    /// The operating system's: the disk is full.
    pub fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)
    }

    /// Waits until all that was appended is on the disk. Call it after each round.
    ///
    /// # Errors
    /// The operating system's.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
