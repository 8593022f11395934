//! `export`: a record in the formats of other tools.

use std::{
    fs::{self, File},
    io::{self, BufWriter},
    path::PathBuf,
};

use anyhow::Context;
use clap::Args;
use reports::{
    Analysis, Machines,
    export::{self, Format},
};

use super::{exit::Exit, records};

/// Writes a record, or several of one machine, in a format that other tools read
///
/// csv        a line for each round of a cell, valid or not
/// gobench    Go's benchmark text, for benchstat
/// bmf        Bencher Metric Format: the median of each cell and measure, with its interval
/// hlog       HdrHistogram's interval logs: one for each cell and kind of latency
/// criterion  a saved baseline of Criterion, for critcmp; the folder is what critcmp calls --target-dir
///
/// Examples:
///   schedbench export --format csv target/schedbench/latest/results.jsonl > rounds.csv
///   schedbench export --format gobench results.jsonl --out rounds.txt && benchstat -col /contender rounds.txt
///   schedbench export --format hlog results.jsonl --out latencies
///   schedbench export --format criterion results.jsonl --out target && critcmp --list
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Export {
    /// csv, gobench, bmf, hlog or criterion
    #[arg(long)]
    format: Format,
    /// Records, or the folders that they are in
    #[arg(required = true, value_name = "RECORD")]
    records: Vec<PathBuf>,
    /// A new file [default: stdout]; for hlog and criterion a folder
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
}

impl Export {
    pub fn execute(self) -> anyhow::Result<Exit> {
        let loaded = records::load(&self.records)?;
        let analysis = Analysis::new(&loaded.records, Machines::MustMatch)?;
        for warning in &analysis.warnings {
            eprintln!("warning: {warning}");
        }
        match (self.format, self.out) {
            (Format::Text(format), None) => {
                export::to_stream(format, &loaded.records, &analysis, &mut BufWriter::new(io::stdout().lock()))?;
            }
            (Format::Text(format), Some(path)) => {
                // Only a new one: it might be the record.
                let file = File::create_new(&path).with_context(|| path.display().to_string())?;
                let written = export::to_stream(format, &loaded.records, &analysis, &mut BufWriter::new(file));
                if let Err(error) = written {
                    // A part of an export is of no use; that it cannot be removed either would be no news.
                    let _ = fs::remove_file(&path);
                    return Err(error).with_context(|| path.display().to_string());
                }
            }
            (Format::Folder(format), Some(dir)) => {
                let written = export::to_folder(format, &loaded.records, &analysis, &dir)?;
                for note in &written.notes {
                    eprintln!("note: {note}");
                }
                eprintln!("{} files in {}", written.files, dir.display());
            }
            (Format::Folder(_), None) => anyhow::bail!("this format is a folder of files: expected --out DIR"),
        }
        Ok(if loaded.whole { Exit::Pass } else { Exit::Usage })
    }
}
