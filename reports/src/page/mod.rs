//! The report: one page that needs nothing but itself, its plots as files beside it, and the table for a terminal.
//!
//! Everything that comes from the record is text and is escaped: by maud in the page, by plotters in the plots.

mod appendix;
mod claims;
mod document;
mod figures;
#[cfg(test)]
mod fixture;
mod matrix;
mod section;
mod workload;

use std::path::{Path, PathBuf};

use crate::analysis::Analysis;
use crate::plot::palette::Palette;
use figures::Plot;
use section::Section;

/// The files of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// `report.html`.
    pub page: PathBuf,
    /// Each plot as PNG and as SVG, in the order of the page.
    pub plots: Vec<PathBuf>,
}

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {reason}")]
pub struct WriteError {
    /// The file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub reason: String,
}

/// Writes `report.html` and each plot as PNG and SVG (`<workload>-bars.png`, `<workload>-latency.svg`, ..) into `out_dir`, which
/// is made if it is not there.
///
/// # Errors
///
/// The first file that cannot be written.
pub fn write(analysis: &Analysis, out_dir: &Path) -> Result<Written, WriteError> {
    std::fs::create_dir_all(out_dir).map_err(|error| failed(out_dir, &error))?;
    let palette = Palette::new(analysis.contender_names());
    let sections = Section::all(analysis);
    let plots: Vec<Vec<Plot>> = sections.iter().map(|section| figures::plots(section, analysis, &palette)).collect();
    let mut written = Vec::new();
    for plot in plots.iter().flatten() {
        let png = out_dir.join(format!("{}.png", plot.name));
        plot.write_png(&png).map_err(|reason| WriteError { path: png.clone(), reason })?;
        let svg = out_dir.join(format!("{}.svg", plot.name));
        std::fs::write(&svg, plot.svg()).map_err(|error| failed(&svg, &error))?;
        written.extend([png, svg]);
    }
    let page = out_dir.join("report.html");
    let html = document::markup(analysis, &sections, &plots, &palette).into_string();
    std::fs::write(&page, html).map_err(|error| failed(&page, &error))?;
    Ok(Written { page, plots: written })
}

fn failed(path: &Path, error: &std::io::Error) -> WriteError {
    WriteError { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn look() {
        let now = std::time::Instant::now();
        write(&fixture::analysis(), Path::new("/tmp/page-look")).unwrap();
        eprintln!("{:?}", now.elapsed());
    }
}
