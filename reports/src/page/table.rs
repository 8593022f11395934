//! The table of results for a terminal: a line for each variant, a column for each contender.

use super::claims::{Standing, standing};
use super::figures::missing_word;
use super::section::Section;
use crate::analysis::{Analysis, Cell, Soundness, State, Variant};
use crate::plot::units;

/// The results as plain text in aligned columns: the ratio to the row's best with its 95 % interval, the best's median, `n/a`
/// and errors with their reasons below, the geometric means, and how sound the run is. Ends with a line break.
#[must_use]
pub fn table(analysis: &Analysis) -> String {
    let common = analysis.summary.first().map_or(0, |summary| summary.common);
    let mut rows = vec![header(analysis)];
    let mut notes = vec![
        "Times the row's best, with the 95 % interval; smaller is better; ~ is not shown to differ from the best."
            .to_owned(),
        format!("The geometric mean is over the rows that every contender has a figure for: {common}."),
    ];
    if let Some(rounds) = too_few_rounds(analysis) {
        notes.push(format!(
            "No figure has an interval, so none is proven: {rounds} rounds at most, where 6 are needed."
        ));
    }
    for section in Section::all(analysis) {
        rows.push(vec![section.workload.workload.clone()]);
        for variant in &section.variants {
            let label = format!("  {}", section.label(variant));
            let cells = variant.cells.iter().map(|cell| cell_text(variant, cell));
            rows.push(std::iter::once(label).chain(cells).collect());
            for note in variant.cells.iter().filter_map(|cell| note(&section, cell)) {
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
    }
    rows.push(means(analysis));
    notes.extend(verdict(analysis));

    let mut text = aligned(&rows);
    text.push('\n');
    for note in notes {
        text.push_str(&one_line(&note));
        text.push('\n');
    }
    text
}

/// The most rounds that a ratio rests on, if none has an interval.
fn too_few_rounds(analysis: &Analysis) -> Option<usize> {
    let cells = analysis.variants.iter().flat_map(|variant| &variant.cells).filter_map(Cell::measured);
    let ratios: Vec<_> = cells.filter_map(|measured| measured.to_best).collect();
    let none = ratios.iter().all(|ratio| ratio.interval.is_none());
    if none { ratios.iter().map(|ratio| ratio.rounds).max() } else { None }
}

fn header(analysis: &Analysis) -> Vec<String> {
    std::iter::once("").chain(analysis.contender_names()).map(str::to_owned).collect()
}

fn cell_text(variant: &Variant, cell: &Cell) -> String {
    let measured = match &cell.state {
        State::Measured(measured) => measured,
        State::Missing { kind, .. } => return missing_word(*kind).to_owned(),
    };
    let median = units::time(measured.median_ns);
    let bounds = |interval: Option<(f64, f64)>| {
        interval.map_or(String::new(), |(low, high)| format!(" [{}, {}]", units::digits(low), units::digits(high)))
    };
    match standing(variant, cell) {
        Some(Standing::Best) => format!("best, {median}"),
        Some(Standing::Close(ratio)) => format!("~{}{}", units::ratio(ratio.estimate), bounds(ratio.interval)),
        Some(Standing::Behind(ratio) | Standing::Unproven(ratio)) => {
            format!("{}{}", units::ratio(ratio.estimate), bounds(ratio.interval))
        }
        Some(Standing::Unpaired) | None => median,
    }
}

/// Why a cell has no figure, or lost some of its rounds.
fn note(section: &Section<'_>, cell: &Cell) -> Option<String> {
    let place = format!("{} on {}", cell.contender, section.workload.workload);
    match &cell.state {
        State::Missing { kind, reason } => Some(format!("{place}: {}: {reason}", missing_word(*kind))),
        State::Measured(measured) => {
            let first = measured.errors.first()?;
            Some(format!("{place}: {} of its rounds failed: {}", measured.errors.len(), first.reason))
        }
    }
}

fn means(analysis: &Analysis) -> Vec<String> {
    let means = analysis.summary.iter().map(|summary| {
        let mean = summary.geometric_mean.map_or("–".to_owned(), units::ratio);
        format!("{mean} (ran {} of {})", summary.covered, summary.of)
    });
    std::iter::once("geometric mean".to_owned()).chain(means).collect()
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

/// Columns as wide as their longest cell. A row of one cell is a heading and widens nothing but the first.
fn aligned(rows: &[Vec<String>]) -> String {
    const BETWEEN: usize = 3;
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0) + BETWEEN).collect();
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
        The geometric mean is over the rows that every contender has a figure for: 5.
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
    fn an_empty_run_has_a_table_too() {
        let mut analysis = fixture::analysis();
        analysis.variants.clear();
        analysis.run.mode = "quick".to_owned();
        let text = table(&analysis);
        assert!(text.contains("Smoke run, never a verdict."), "{text}");
    }
}
