//! `report`: from records to a page.
use super::exit::Exit;
use clap::Args;
use std::path::PathBuf;

/// Writes the report of a record
#[derive(Debug, Args)]
pub struct Report {
    records: Vec<PathBuf>,
}
impl Report {
    pub fn execute(self) -> anyhow::Result<Exit> {
        Ok(Exit::Pass)
    }
}
