//! Writing a record so that nothing measured is ever lost.
//!
//! Invariants:
//! - Each row is handed to the kernel in one `write` call, with its line end: a kill leaves at most one truncated last line.
//! - The file only grows; an existing record is never overwritten. A run that goes on cuts off what was not whole, and nothing else.
//! - One writer a record: the file is locked as long as it is written.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::Path,
};

use serde_json::Value;

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
        Writer::lock(OpenOptions::new().append(true).create_new(true).open(path)?)
    }

    /// Opens a record that goes on. Nothing is changed yet.
    ///
    /// # Errors
    /// The operating system's; [`io::ErrorKind::WouldBlock`] if somebody is still writing it.
    pub fn reopen(path: &Path) -> io::Result<Writer> {
        Writer::lock(OpenOptions::new().read(true).append(true).open(path)?)
    }

    fn lock(file: File) -> io::Result<Writer> {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            // There are file systems that cannot lock. Nothing but a mistake of the user is caught by it.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Writer { file }),
        }
    }

    /// What is whole of a record that was [reopened](Writer::reopen): all up to its last checkpoint or end.
    ///
    /// # Errors
    /// The operating system's.
    pub fn whole(&mut self) -> io::Result<Whole> {
        let mut bytes = Vec::new();
        self.file.rewind()?;
        self.file.read_to_end(&mut bytes)?;
        let closes = |line: &[u8]| {
            let row: Value = serde_json::from_slice(line).unwrap_or_default();
            line.ends_with(b"\n") && (row["t"] == "checkpoint" || row["t"] == "end")
        };
        let mut whole = Whole { bytes: 0, lines: 0 };
        let mut so_far = whole;
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            so_far = Whole { bytes: so_far.bytes + line.len() as u64, lines: so_far.lines + 1 };
            if closes(line) {
                whole = so_far;
            }
        }
        Ok(whole)
    }

    /// Cuts off the rest.
    ///
    /// # Errors
    /// The operating system's.
    pub fn cut(&mut self, whole: Whole) -> io::Result<()> {
        self.file.set_len(whole.bytes)
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

/// How much of a record is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    bytes: u64,
    /// Lines of it.
    pub lines: usize,
}
