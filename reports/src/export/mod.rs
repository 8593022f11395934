//! A record in the formats that other tools read.
//!
//! | format | is | for |
//! | --- | --- | --- |
//! | [`TextFormat::Csv`] | a table, a line for each round of a cell | spreadsheets, pandas, R |
//! | [`TextFormat::GoBench`] | Go's benchmark text, a line for each counted round of a cell | `benchstat` |
//! | [`TextFormat::Bmf`] | Bencher Metric Format, a median with its interval for each cell and measure | Bencher |
//! | [`FolderFormat::Hlog`] | interval logs of HdrHistogram, one for each cell and kind of latency | its log processors and plotters |
//! | [`FolderFormat::Criterion`] | a saved baseline of Criterion, a sample for each counted round | `critcmp` |
//!
//! Invariants:
//! - The same records give the same bytes.
//! - A round that does not count in the [`Analysis`] is in no format but CSV, which says so.
//! - What a sensor did not tell is absent, never 0.
//! - Names that come from the record cannot leave the folder of an export.
//!
//! What a format cannot hold is left out, and said in a [note](Written::notes).

mod bmf;
mod cells;
mod criterion;
mod csv;
mod epoch;
mod file_name;
mod gobench;
mod hlog;
mod measure;

use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::{analysis::Analysis, read::Record};

/// What a record is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One file, or a stream.
    Text(TextFormat),
    /// Several files.
    Folder(FolderFormat),
}

/// A format of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// Comma-separated values, RFC 4180.
    Csv,
    /// Go's benchmark text.
    GoBench,
    /// Bencher Metric Format.
    Bmf,
}

/// A format of several files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderFormat {
    /// HdrHistogram's interval log.
    Hlog,
    /// What Criterion keeps of a baseline.
    Criterion,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Format, String> {
        Ok(match name {
            "csv" => Format::Text(TextFormat::Csv),
            "gobench" => Format::Text(TextFormat::GoBench),
            "bmf" => Format::Text(TextFormat::Bmf),
            "hlog" => Format::Folder(FolderFormat::Hlog),
            "criterion" => Format::Folder(FolderFormat::Criterion),
            _ => return Err("expected one of csv, gobench, bmf, hlog, criterion".to_owned()),
        })
    }
}

/// Why nothing, or not all, was written. Displays as one line.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is nothing in the records that the format could hold.
    #[error("nothing to export: {lacking} in {records}")]
    Nothing {
        /// The records' files.
        records: String,
        /// What they lack: "no valid round".
        lacking: &'static str,
    },
    /// The stream does not take it.
    #[error("cannot be written")]
    Stream(#[source] io::Error),
    /// A file cannot be written.
    #[error("{} cannot be written", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What was written into a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The number of files.
    pub files: usize,
    /// What the format cannot hold and was left out: a sentence each.
    pub notes: Vec<String>,
}

/// Writes `records`, of which `analysis` was made, to `out`.
///
/// # Errors
/// Records without a valid round (for CSV: without any round), or a stream that does not take it.
pub fn to_stream(
    format: TextFormat,
    records: &[Record],
    analysis: &Analysis,
    out: &mut impl io::Write,
) -> Result<(), ExportError> {
    let cells = cells::cells(records, analysis);
    let written = match format {
        TextFormat::Csv => {
            if records.iter().all(|record| record.rounds.is_empty()) {
                return Err(nothing(records, "no round"));
            }
            csv::write(records, &cells, out)
        }
        TextFormat::GoBench | TextFormat::Bmf if cells.is_empty() => return Err(nothing(records, "no valid round")),
        TextFormat::GoBench => gobench::write(records, &cells, out),
        TextFormat::Bmf => bmf::write(&cells, out),
    };
    written.and_then(|()| out.flush()).map_err(ExportError::Stream)
}

/// Writes `records`, of which `analysis` was made, into the folder `dir`, which is made if it is not there. Files of an earlier export of
/// the same run are replaced.
///
/// # Errors
/// Records without a valid round that the format could hold, or a file or folder that cannot be written.
pub fn to_folder(
    format: FolderFormat,
    records: &[Record],
    analysis: &Analysis,
    dir: &Path,
) -> Result<Written, ExportError> {
    let cells = cells::cells(records, analysis);
    if cells.is_empty() {
        return Err(nothing(records, "no valid round"));
    }
    let mut folder = Folder { root: dir, files: 0 };
    let (notes, lacking) = match format {
        FolderFormat::Hlog => (hlog::write(records, &cells, &mut folder)?, "no histogram of a valid round"),
        FolderFormat::Criterion => {
            (criterion::write(records, &cells, &mut folder)?, "no cell with two valid rounds whose metric is a time")
        }
    };
    match folder.files {
        0 => Err(nothing(records, lacking)),
        files => Ok(Written { files, notes }),
    }
}

fn nothing(records: &[Record], lacking: &'static str) -> ExportError {
    let names: Vec<String> = records.iter().map(|record| record.path.display().to_string()).collect();
    ExportError::Nothing { records: names.join(", "), lacking }
}

/// Where the files of an export go.
struct Folder<'a> {
    root: &'a Path,
    files: usize,
}

impl Folder<'_> {
    /// Writes a file at this place below the root, and the folders on the way to it.
    fn write(&mut self, place: &Path, content: &[u8]) -> Result<(), ExportError> {
        let path = self.root.join(place);
        let parent = path.parent().unwrap_or(self.root);
        fs::create_dir_all(parent).map_err(|source| ExportError::File { path: parent.to_owned(), source })?;
        fs::write(&path, content).map_err(|source| ExportError::File { path, source })?;
        self.files += 1;
        Ok(())
    }
}
