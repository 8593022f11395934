//! The table of results for a terminal: a line for each variant, a column for each contender.
//!
//! Invariant: no line of figures is longer than [`WIDTH`], names of variants allowing. What does not fit with its intervals is printed without them,
//! and what still does not fit is printed in blocks of contenders, one below the other.

use std::ops::Range;

use super::claims::{Standing, standing};
use super::figures::{missing_note, missing_word};
use super::section::Section;
use crate::analysis::{Analysis, Cell, Ratio, Soundness, State, Summary, Variant};
use crate::plot::units;

/// The columns that a terminal has.
const WIDTH: usize = 110;

/// The results as plain text in aligned columns: the ratio to the row's best with its 95 % interval where there is room, the best's median,
/// `n/a` and errors with their reasons below, the geometric means, and how sound the run is. Ends with a line break.
#[must_use]
pub fn table(analysis: &Analysis) -> String {
    let sections = Section::all(analysis);
    let wide = aligned(&rows(analysis, &sections, Form::Wide, 0..analysis.summary.len()), 3);
    let is_wide = wide.lines().all(|line| line.chars().count() <= WIDTH);
    let mut text = if is_wide { wide } else { blocks(analysis, &sections).join("\n") };
    text.push('\n');

    let mut notes = vec![
        format!(
            "Times the row's best{}; smaller is better; ~ is not shown to differ from the best{}.",
            if is_wide { ", with the 95 % interval" } else { "" },
            if is_wide { "" } else { "; ? has too few rounds for an interval" }
        ),
        format!(
            "The geometric mean is over the rows that every contender has a figure for: {} of {}.",
            common(analysis),
            analysis.variants.len()
        ),
    ];
    if analysis.summary.iter().any(|summary| summary.covered > 0 && summary.covered * 2 < summary.of) {
        notes.push("A contender that ran less than half of the rows has no mean.".to_owned());
    }
    if let Some(rounds) = too_few_rounds(analysis) {
        notes.push(format!(
            "No figure has an interval, so none is proven: {rounds} rounds at most, where 6 are needed."
        ));
    }
    notes.extend(absences(&sections));
    notes.extend(verdict(analysis));
    for note in notes {
        text.push_str(&wrapped(&one_line(&note)));
    }
    text
}

fn common(analysis: &Analysis) -> usize {
    analysis.summary.first().map_or(0, |summary| summary.common)
}

/// How much a cell says.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// The ratio and its interval.
    Wide,
    /// The ratio; the best's median has a column of its own.
    Narrow,
}

/// The narrow table, in as few blocks of contenders as fit.
fn blocks(analysis: &Analysis, sections: &[Section<'_>]) -> Vec<String> {
    let all = analysis.summary.len();
    let mut blocks = Vec::new();
    let mut from = 0;
    while from < all {
        let block = |to: usize| aligned(&rows(analysis, sections, Form::Narrow, from..to), 2);
        let fits = |to: &usize| block(*to).lines().all(|line| line.chars().count() <= WIDTH);
        let to = (from + 1..=all).rev().find(fits).unwrap_or(from + 1);
        blocks.push(block(to));
        from = to;
    }
    blocks
}

/// The head, a row for each variant and one for the means, of some of the contenders.
fn rows(analysis: &Analysis, sections: &[Section<'_>], form: Form, shown: Range<usize>) -> Vec<Vec<String>> {
    let narrow = form == Form::Narrow;
    let mut rows = header(analysis, form, shown.clone());
    for section in sections {
        let (heading, labels) = names(section, form);
        rows.push(vec![heading]);
        for (variant, label) in section.variants.iter().zip(labels) {
            let mut row = vec![format!("  {label}")];
            if narrow {
                let best = variant.best().and_then(Cell::measured);
                row.push(best.map_or("–".to_owned(), |best| variant.unit().text(best.median)));
            }
            row.extend(variant.cells[shown.clone()].iter().map(|cell| cell_text(variant, cell, form)));
            rows.push(row);
        }
    }
    rows.extend(means(analysis, form, shown));
    rows
}

/// The name of a workload and those of its variants. In the narrow form the names of parameters are said once: `channel (capacity,
/// workers)` and below it `128, 2`.
fn names(section: &Section<'_>, form: Form) -> (String, Vec<String>) {
    let workload = section.workload.workload.clone();
    let params = section.varying();
    if form == Form::Wide || params.len() < 2 {
        return (workload, section.variants.iter().map(|variant| section.label(variant)).collect());
    }
    let values = |variant: &&Variant| {
        let values = params.iter().map(|name| variant.params.get(*name).map_or("–".to_owned(), u64::to_string));
        values.collect::<Vec<_>>().join(", ")
    };
    (format!("{workload} ({})", params.join(", ")), section.variants.iter().map(values).collect())
}

/// The names; in the narrow form broken behind their hyphens, over as many lines as the longest takes.
fn header(analysis: &Analysis, form: Form, shown: Range<usize>) -> Vec<Vec<String>> {
    let names = analysis.contender_names().skip(shown.start).take(shown.len());
    if form == Form::Wide {
        return vec![std::iter::once("").chain(names).map(str::to_owned).collect()];
    }
    let names: Vec<Vec<&str>> = names.map(|name| name.split_inclusive('-').collect()).collect();
    let lines = names.iter().map(Vec::len).max().unwrap_or(1);
    let line = |at: usize| {
        let first = if at + 1 == lines { ["", "best"] } else { ["", ""] };
        // Names stand on the last line.
        let part = |parts: &Vec<&str>| (at + parts.len()).checked_sub(lines).map_or("", |at| parts[at]).to_owned();
        first.map(str::to_owned).into_iter().chain(names.iter().map(part)).collect()
    };
    (0..lines).map(line).collect()
}

/// Why cells have no figure, or lost some of their rounds: by contender, reason and workloads.
fn absences(sections: &[Section<'_>]) -> Vec<String> {
    let mut notes: Vec<(String, String, Vec<&str>)> = Vec::new();
    for section in sections {
        for cell in section.variants.iter().flat_map(|variant| variant.cells.iter().chain(&variant.floors)) {
            let Some(note) = note(cell) else { continue };
            let workload = section.workload.workload.as_str();
            match notes.iter_mut().find(|(contender, known, _)| *contender == cell.contender && *known == note) {
                Some((.., workloads)) if workloads.last() == Some(&workload) => {}
                Some((.., workloads)) => workloads.push(workload),
                None => notes.push((cell.contender.clone(), note, vec![workload])),
            }
        }
    }
    // Contenders that lack the same for the same reason share a line.
    let mut lines: Vec<(Vec<String>, String, Vec<&str>)> = Vec::new();
    for (contender, note, workloads) in notes {
        match lines.iter_mut().find(|(_, known, on)| *known == note && *on == workloads) {
            Some((contenders, ..)) => contenders.push(contender),
            None => lines.push((vec![contender], note, workloads)),
        }
    }
    let line = |(contenders, note, workloads): (Vec<String>, String, Vec<&str>)| {
        let everywhere = workloads.len() > 1 && workloads.len() == sections.len();
        let on = if everywhere { "every workload".to_owned() } else { workloads.join(", ") };
        format!("{} on {on}: {note}", contenders.join(", "))
    };
    lines.into_iter().map(line).collect()
}

/// The most rounds that a ratio rests on, if none has an interval.
fn too_few_rounds(analysis: &Analysis) -> Option<usize> {
    let cells = analysis.variants.iter().flat_map(|variant| &variant.cells).filter_map(Cell::measured);
    let ratios: Vec<_> = cells.filter_map(|measured| measured.to_best).collect();
    let none = ratios.iter().all(|ratio| ratio.interval.is_none());
    if none { ratios.iter().map(|ratio| ratio.rounds).max() } else { None }
}

fn cell_text(variant: &Variant, cell: &Cell, form: Form) -> String {
    let measured = match (&cell.state, form) {
        (State::Measured(measured), _) => measured,
        (State::Missing { kind, .. }, Form::Wide) => return missing_word(*kind).to_owned(),
        // Which error is said below.
        (State::Missing { kind, .. }, Form::Narrow) => {
            return missing_word(*kind).split(" (").next().unwrap_or_default().to_owned();
        }
    };
    let median = variant.unit().text(measured.median);
    let bounds = |interval: Option<(f64, f64)>| match interval {
        Some((low, high)) if form == Form::Wide => format!(" [{}, {}]", units::digits(low), units::digits(high)),
        _ => String::new(),
    };
    let text = |mark: &str, ratio: Ratio| format!("{mark}{}{}", units::ratio(ratio.estimate), bounds(ratio.interval));
    match (standing(variant, cell), form) {
        (Some(Standing::Best), Form::Wide) => format!("best, {median}"),
        (Some(Standing::Best), Form::Narrow) => "best".to_owned(),
        (Some(Standing::Close(ratio)), _) => text("~", ratio),
        (Some(Standing::Unproven(ratio)), Form::Narrow) => text("?", ratio),
        (Some(Standing::Behind(ratio) | Standing::Unproven(ratio)), _) => text("", ratio),
        (Some(Standing::Unpaired) | None, _) => median,
    }
}

/// Why a cell has no figure, or lost some of its rounds.
fn note(cell: &Cell) -> Option<String> {
    match &cell.state {
        State::Missing { kind, reason } => Some(missing_note(*kind, reason)),
        State::Measured(measured) => {
            let first = measured.errors.first()?;
            Some(format!("{} of its rounds failed: {}", measured.errors.len(), first.reason))
        }
    }
}

fn means(analysis: &Analysis, form: Form, shown: Range<usize>) -> Vec<Vec<String>> {
    let shown = &analysis.summary[shown];
    let mean = |summary: &Summary| summary.geometric_mean.map_or("–".to_owned(), units::ratio);
    let row = |first: &[&str], cell: &dyn Fn(&Summary) -> String| {
        first.iter().map(|text| (*text).to_owned()).chain(shown.iter().map(cell)).collect()
    };
    match form {
        Form::Wide => vec![row(&["geometric mean"], &|summary| {
            format!("{} (ran {} of {})", mean(summary), summary.covered, summary.of)
        })],
        Form::Narrow => vec![
            row(&["geometric mean", ""], &mean),
            row(&["rows", &analysis.variants.len().to_string()], &|summary| summary.covered.to_string()),
        ],
    }
}

fn verdict(analysis: &Analysis) -> Vec<String> {
    let (word, reasons): (_, &[String]) = match &analysis.verdict {
        Soundness::Clean => ("Clean", &[]),
        Soundness::Noisy(reasons) => ("Noisy", reasons),
        Soundness::Unsound(reasons) => ("UNSOUND", reasons),
    };
    let mut lines = Vec::new();
    if analysis.run.mode == "quick" {
        lines.push("Smoke run, never a verdict.".to_owned());
    }
    let why = if reasons.is_empty() { "." } else { ": " };
    lines.push(format!("{word}{why}{}", reasons.join("; ")));
    lines.extend(analysis.warnings.iter().map(|warning| format!("Warning: {warning}")));
    lines
}

/// A note, over several lines where it is long.
fn wrapped(note: &str) -> String {
    let (mut text, mut column) = (String::new(), 0);
    for word in note.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            text.push_str("\n  ");
            column = 2;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
    text
}

/// Columns as wide as their longest cell. A row of one cell is a heading and widens nothing.
fn aligned(rows: &[Vec<String>], between: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let tabular = || rows.iter().filter(|row| row.len() > 1 || columns == 1);
    let width = |column: usize| tabular().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0) + between).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{:<width$}", one_line(cell)));
        text.push_str(cells.collect::<String>().trim_end());
        text.push('\n');
    }
    text
}

/// What comes from a record must neither break lines nor steer a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::fixture;

    #[test]
    fn the_table_is_aligned_and_tells_everything() {
        insta::assert_snapshot!(table(&fixture::analysis()), @r"
                         gmp                   os-threads            tokio-mt             rayon
        ping_pong
          workers=1      best, 184 ns          27.8× [27.3, 28.5]    2.29× [2.24, 2.35]   n/a
          workers=2      1.19× [1.17, 1.22]    226× [222, 232]       best, 198 ns         n/a
        tight_loop
          workers=1      161× [157, 165]       best, 61.0 µs         4951× [4852, 5075]   4885× [4788, 5007]
          workers=2      174× [171, 178]       best, 58.0 µs         5241× [5137, 5372]   5190× [5086, 5319]
        blocking_io
          workers=1      ~1.01× [0.99, 1.04]   best, 4.16 ms         1.18× [1.15, 1.21]   63.0× [61.7, 64.6]
          workers=2      best, 4.05 ms         ~1.00× [0.98, 1.03]   1.14× [1.11, 1.16]   error (crash)
        map_reduce
          workers=1      1.04× [1.02, 1.06]    1.41× [1.38, 1.45]    1.09× [1.07, 1.12]   best, 20.6 ns
          workers=2      1.07× [1.05, 1.10]    1.44× [1.41, 1.48]    1.15× [1.13, 1.18]   best, 11.1 ns
        geometric mean   7.94× (ran 8 of 8)    1.15× (ran 8 of 8)    32.9× (ran 8 of 8)   69.3× (ran 5 of 8)

        Times the row's best, with the 95 % interval; smaller is better; ~ is not shown to differ from the best.
        The geometric mean is over the rows that every contender has a figure for: 5 of 8.
        rayon on ping_pong: n/a: a fork-join pool has no channel that a task could wait on
        rayon on blocking_io: error (crash): the child was ended by signal 11 (SIGSEGV)
        Noisy: 3.1 % of CPU time was stolen by the hypervisor in 2 rounds
        Warning: blocking_io{share=50,tasks=64,workers=2}: rayon crashed in every round
        ");
    }

    #[test]
    fn control_characters_of_a_record_do_not_reach_the_terminal() {
        let mut analysis = fixture::analysis();
        analysis.warnings = vec!["a\nb\u{1b}[2Jc".to_owned()];
        let text = table(&analysis);
        assert!(text.contains("Warning: a b [2Jc\n"), "{text}");
    }

    #[test]
    fn the_verdict_and_its_reasons_are_below_the_table() {
        let of = |verdict| {
            let mut analysis = fixture::analysis();
            analysis.verdict = verdict;
            table(&analysis)
        };
        let reasons = || vec!["3 of 8 rounds were discarded".to_owned(), "memory was short".to_owned()];
        assert!(of(Soundness::Clean).contains("\nClean.\n"));
        let noisy = of(Soundness::Noisy(reasons()));
        assert!(noisy.contains("\nNoisy: 3 of 8 rounds were discarded; memory was short\n"), "{noisy}");
        let unsound = of(Soundness::Unsound(reasons()));
        assert!(unsound.contains("\nUNSOUND: 3 of 8 rounds were discarded; memory was short\n"), "{unsound}");
    }

    #[test]
    fn an_empty_run_has_a_table_too() {
        let mut analysis = fixture::analysis();
        analysis.variants.clear();
        analysis.run.mode = "quick".to_owned();
        let text = table(&analysis);
        assert!(text.contains("Smoke run, never a verdict."), "{text}");
    }
}
