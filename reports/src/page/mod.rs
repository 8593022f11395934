//! The report: one page that needs nothing but itself, its plots as files beside it, and the table for a terminal.
//!
//! Everything that comes from the record is text and is escaped: by maud in the page, by plotters in the plots.

mod appendix;
#[cfg(test)]
mod catalogue;
mod claims;
mod document;
mod figures;
#[cfg(test)]
pub(crate) mod fixture;
mod matrix;
mod section;
mod speed_up;
mod table;
mod workload;

use std::path::{Path, PathBuf};

use crate::analysis::Analysis;
use crate::plot::palette::Palette;
use figures::Plot;
use section::Section;

pub use table::table;

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
    let report = Report::new(analysis);
    let mut written = Vec::new();
    for plot in report.plots.iter().flatten() {
        let png = out_dir.join(format!("{}.png", plot.name));
        plot.write_png(&png).map_err(|reason| WriteError { path: png.clone(), reason })?;
        let svg = out_dir.join(format!("{}.svg", plot.name));
        std::fs::write(&svg, plot.svg()).map_err(|error| failed(&svg, &error))?;
        written.extend([png, svg]);
    }
    let page = out_dir.join("report.html");
    std::fs::write(&page, report.html()).map_err(|error| failed(&page, &error))?;
    Ok(Written { page, plots: written })
}

/// What all parts of a report share.
struct Report<'a> {
    analysis: &'a Analysis,
    sections: Vec<Section<'a>>,
    /// Those of each section.
    plots: Vec<Vec<Plot>>,
    palette: Palette,
}

impl<'a> Report<'a> {
    fn new(analysis: &'a Analysis) -> Self {
        let sections = Section::all(analysis);
        let palette = Palette::of(analysis);
        let plots = sections.iter().map(|section| figures::plots(section, analysis, &palette)).collect();
        Report { analysis, sections, plots, palette }
    }

    fn html(&self) -> String {
        document::markup(self).into_string()
    }
}

fn failed(path: &Path, error: &std::io::Error) -> WriteError {
    WriteError { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Soundness, State};
    use crate::record::ErrorKind;

    /// The page of this analysis, without the files beside it.
    fn page(analysis: &Analysis) -> String {
        Report::new(analysis).html()
    }

    #[test]
    fn everything_that_was_written_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let out_dir = folder.path().join("made/on/the/way");
        let written = write(&fixture::analysis(), &out_dir).unwrap();
        assert_eq!(written.page, out_dir.join("report.html"));
        assert_eq!(written.plots.len(), 14);
        for path in written.plots.iter().chain([&written.page]) {
            assert!(std::fs::metadata(path).unwrap().len() > 1000, "{}", path.display());
        }
        assert!(out_dir.join("ping_pong-bars.png").exists() && out_dir.join("tight_loop-latency.svg").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = write(&fixture::analysis(), &file.join("run")).unwrap_err();
        assert!(error.to_string().starts_with("cannot write ") && error.to_string().contains("file"), "{error}");
    }

    #[test]
    fn the_page_loads_nothing() {
        let page = page(&fixture::analysis());
        for loading in ["src=", "<link", "<script", "@import", "url(", "<iframe", "<object"] {
            assert!(!page.contains(loading), "{loading}");
        }
        let addresses = page.matches("http").count();
        assert_eq!(addresses, page.matches(r#"xmlns="http://www.w3.org/2000/svg""#).count());
    }

    #[test]
    fn the_page_tells_all_parts_in_order() {
        let page = page(&fixture::analysis());
        let parts = [
            "<span class=\"name\">rayon</span> on 4 workloads",
            "2026-11-23 17:04 UTC",
            "Usable with care",
            "loses in 5 of the 8 rows",
            ">Results<",
            "27.8×",
            "geometric mean",
            "a fork-join pool has no channel",
            ">Ping-pong<code>ping_pong",
            ">Expected<",
            ">Measured<",
            "Bar plot of time per round trip",
            "Latency by percentile",
            "insufficient",
            ">Machine<",
            "unknown: no cpufreq in this guest",
            ">Contenders<",
            ">Method<",
            ">How this report is biased<",
            "schedbench run --rounds 8 --seed 7",
            ">Errors and discarded rounds<",
            "SIGSEGV",
            "Written by schedbench 0.1.0",
        ];
        let mut from = 0;
        for part in parts {
            let at = page[from..].find(part);
            from += at.unwrap_or_else(|| panic!("'{part}' is not where it should be"));
        }
    }

    #[test]
    fn what_comes_from_the_record_is_text() {
        const HOSTILE: &str = "<script>alert(1)</script>\"'&\u{1b}";
        let mut analysis = fixture::analysis();
        HOSTILE.clone_into(&mut analysis.run.id);
        HOSTILE.clone_into(&mut analysis.run.started);
        analysis.run.command.push(HOSTILE.to_owned());
        analysis.warnings.push(HOSTILE.to_owned());
        analysis.verdict = Soundness::Unsound(vec![HOSTILE.to_owned()]);
        HOSTILE.clone_into(&mut analysis.summary[0].contender);
        let machine = analysis.machine.as_mut().unwrap();
        HOSTILE.clone_into(&mut machine.cpu);
        machine.missing.insert(HOSTILE.to_owned(), HOSTILE.to_owned());
        for contender in &mut analysis.contenders {
            HOSTILE.clone_into(&mut contender.summary);
            contender.config.insert(HOSTILE.to_owned(), 1);
        }
        for variant in &mut analysis.variants {
            variant.params.insert(HOSTILE.to_owned(), 1);
            let workload = &mut variant.workload;
            for text in
                [&mut workload.title, &mut workload.op, &mut workload.shows, &mut workload.expect, &mut workload.origin]
            {
                HOSTILE.clone_into(text);
            }
            workload.workload.push_str(HOSTILE);
            HOSTILE.clone_into(&mut variant.cells[0].contender);
            let reason = HOSTILE.to_owned();
            variant.cells[1].state = State::Missing { kind: Some(ErrorKind::Crash), reason };
            if let State::Measured(measured) = &mut variant.cells[2].state {
                measured.counters.insert(HOSTILE.to_owned(), 1);
                let histogram = measured.latency.remove("wake");
                measured.latency.extend(histogram.map(|histogram| (HOSTILE.to_owned(), histogram)));
            }
        }
        let report = Report::new(&analysis);
        let svgs = report.plots.iter().flatten().map(Plot::svg);
        for text in svgs.chain([report.html()]) {
            assert!(!text.contains("<script") && !text.contains("</script"), "{text}");
            assert!(text.contains("&lt;script&gt;"), "{text}");
        }
        for plot in report.plots.iter().flatten() {
            plot.figure.assert_legible();
            assert!(!plot.svg().contains('\u{1b}'), "an SVG with a control character is no XML");
            assert!(plot.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{}", plot.name);
        }
    }

    #[test]
    fn smoke_runs_and_clean_runs_say_so() {
        let mut analysis = fixture::analysis();
        analysis.verdict = Soundness::Clean;
        analysis.warnings.clear();
        assert!(page(&analysis).contains("Nothing disturbed the measurement."));
        analysis.run.mode = "quick".to_owned();
        assert!(page(&analysis).contains("Smoke run, never a verdict."));
    }

    #[test]
    fn runs_of_which_little_is_left_have_a_page() {
        let mut analysis = fixture::analysis();
        analysis.machine = None;
        analysis.run.git = None;
        analysis.contenders.clear();
        for cell in analysis.variants.iter_mut().flat_map(|variant| &mut variant.cells) {
            cell.state = State::Missing { kind: None, reason: "the run was interrupted".to_owned() };
        }
        let all_missing = page(&analysis);
        assert!(all_missing.contains("the run was interrupted") && all_missing.contains("no cell has a valid round"));
        analysis.variants.clear();
        analysis.summary.clear();
        assert!(page(&analysis).contains("No contender on 0 workloads"));
    }
}
