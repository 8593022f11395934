//! `report`: from records to a page, its plots and a table.

use std::{
    io::{self, Write},
    path::{self, Path, PathBuf},
};

use clap::Args;
use reports::{Analysis, Machines, Record, page};

use super::{exit::Exit, records};

/// Writes the report of a record, or of several of one machine together
///
/// Examples:
///   schedbench report target/schedbench/latest/results.jsonl
///   schedbench report part-1.jsonl part-2.jsonl --out report
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Report {
    /// Records, or the folders that they are in
    #[arg(required = true, value_name = "RECORD")]
    records: Vec<PathBuf>,
    /// The folder of the report [default: that of the first record]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Report {
    pub fn execute(self) -> anyhow::Result<Exit> {
        let loaded = records::load(&self.records)?;
        let beside = loaded.records[0].path.parent().unwrap_or(Path::new("")).to_owned();
        write(&loaded.records, self.out.as_deref().unwrap_or(&beside))?;
        Ok(if loaded.whole { Exit::Pass } else { Exit::Usage })
    }
}

/// Writes the report of `records` into `dir`, prints the table and says where the page is.
///
/// # Errors
/// Records that do not go together, or a file that cannot be written.
pub fn write(records: &[Record], dir: &Path) -> anyhow::Result<Analysis> {
    let analysis = Analysis::new(records, Machines::MustMatch)?;
    // The parent of a bare file name is empty, which is no path.
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let written = page::write(&analysis, &path::absolute(dir)?)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", page::table(&analysis))?;
    writeln!(out, "report: {}", written.page.display())?;
    Ok(analysis)
}
