//! The report at the size of the whole suite: every workload, every contender.

use std::sync::LazyLock;

use super::Report;
use crate::analysis::{Analysis, State};
use crate::merge::Machines;
use crate::page::{Section, table};
use crate::plot::render;

#[path = "../../tests/synthetic/mod.rs"]
mod synthetic;

use synthetic::Synthetic;

/// Everything, as most tests want it.
static ALL: LazyLock<Analysis> = LazyLock::new(|| analysis(true, true));
/// The default contenders on a machine without Go.
static DEFAULT: LazyLock<Analysis> = LazyLock::new(|| analysis(false, false));

fn analysis(tuned: bool, with_go: bool) -> Analysis {
    Analysis::new(&[Synthetic::catalogue(tuned, with_go).record()], Machines::MustMatch).unwrap()
}

#[test]
fn the_page_of_everything_is_legible_and_of_a_reasonable_size() {
    let analysis = &*ALL;
    assert_eq!(analysis.summary.len(), 13, "and a floor");
    let report = Report::new(analysis);
    for plot in report.plots.iter().flatten() {
        plot.figure.assert_legible();
        let words = plot.figure.words();
        let of_memory = words.contains("memory per");
        assert!(!of_memory || !words.lines().any(|line| line.ends_with(" ns") || line.ends_with(" ms")), "{words}");
    }
    let names: Vec<&str> = report.plots.iter().flatten().map(|plot| plot.name.as_str()).collect();
    for name in
        ["yield_storm-sweep", "spawn_join-bars", "channel-sweep", "channel-bars", "bimodal_service-load", "matmul-bars"]
    {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(!names.contains(&"yield_storm-bars"), "a sweep says it all");

    let html = report.html();
    assert!(html.len() < 4_000_000, "{} bytes", html.len());
    for part in ["13 contenders", "href=\"#workload-channel\"", "Speed-up over serial", "KiB", "p99"] {
        assert!(html.contains(part), "{part}");
    }
    let header = &html[..html.find("id=\"results\"").unwrap()];
    let claims = &header[header.find("class=\"lead\"").unwrap()..header.find("class=\"contents\"").unwrap()];
    assert!(claims.len() < 4_000 && !claims.contains("serial"), "{claims}");
}

#[test]
fn labels_have_ink_where_there_are_many() {
    let report = Report::new(&ALL);
    let plot = report.plots.iter().flatten().find(|plot| plot.name == "matmul-bars").unwrap();
    let pixels = render::bitmap(&plot.figure);
    for text in plot.figure.marks.iter().filter_map(crate::plot::figure::Mark::text) {
        let (left, right) = (text.left() * 2.0, (text.left() + text.width()) * 2.0);
        let (top, bottom) = ((text.y - text.em * 0.75) * 2.0, text.y * 2.0);
        let inked = (top as usize..bottom as usize)
            .any(|y| (left as usize..right as usize).any(|x| pixels.rgb[(y * pixels.width as usize + x) * 3] < 0x80));
        assert!(inked, "{:?} has no ink", text.text);
    }
}

#[test]
fn the_table_of_everything_fits_a_terminal() {
    for analysis in [&*ALL, &*DEFAULT] {
        let text = table(analysis);
        let widest = text.lines().max_by_key(|line| line.chars().count()).unwrap();
        assert!(widest.chars().count() <= 110, "{widest}");
        for name in ["gmp", "rayon", "KiB", "n/a", "(capacity, consumers, producers, workers)"] {
            assert!(text.contains(name), "{name} in {text}");
        }
    }
}

#[test]
fn a_contender_that_is_skipped_everywhere_is_one_line() {
    let text = table(&DEFAULT);
    assert_eq!(text.matches("no go toolchain").count(), 1, "{text}");
    assert!(text.contains("go on every workload: skipped: no go toolchain"), "{text}");
    let html = Report::new(&DEFAULT).html();
    let errors = &html[html.find("id=\"errors\"").unwrap()..];
    assert_eq!(errors.matches("no go toolchain").count(), 1);
    assert!(errors.contains(" more"));
}

#[test]
fn one_round_of_everything_has_a_report() {
    let mut record = Synthetic::catalogue(true, true);
    record.lines.retain(|line| match line {
        reports::record::Line::Round(row) => row.round == 0,
        reports::record::Line::Hist(row) => row.round == 0,
        _ => true,
    });
    let analysis = Analysis::new(&[record.record()], Machines::MustMatch).unwrap();
    let report = Report::new(&analysis);
    report.plots.iter().flatten().for_each(|plot| plot.figure.assert_legible());
    assert!(report.html().contains("Nothing is proven:"));
    assert!(table(&analysis).contains("none is proven: 1 rounds at most"));
}

#[test]
fn nothing_but_reasons_has_a_report() {
    let mut analysis = ALL.clone();
    for cell in analysis.variants.iter_mut().flat_map(|variant| &mut variant.cells) {
        cell.state =
            State::Missing { kind: Some(reports::record::ErrorKind::NotApplicable), reason: "not here".to_owned() };
    }
    assert_eq!(Section::all(&analysis).len(), 23);
    let report = Report::new(&analysis);
    report.plots.iter().flatten().for_each(|plot| plot.figure.assert_legible());
    assert!(report.html().contains("not here"));
}
