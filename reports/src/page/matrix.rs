//! The main table: a row for each variant, a column for each contender, in each cell the ratio to the row's best.

use maud::{Markup, html};

use super::claims::{Standing, standing};
use super::figures::missing_word;
use super::section::Section;
use crate::analysis::{Analysis, Cell, Measured, State, Variant};
use crate::plot::palette::Palette;
use crate::plot::units;
use crate::record::ErrorKind;

/// Why cells have no figure, numbered as they come.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    /// The number of this note, from 1.
    fn number(&mut self, note: String) -> usize {
        let known = self.0.iter().position(|other| *other == note);
        known.unwrap_or_else(|| {
            self.0.push(note);
            self.0.len() - 1
        }) + 1
    }
}

/// The table and the notes below it.
pub(super) fn markup(analysis: &Analysis, sections: &[Section<'_>], palette: &Palette) -> Markup {
    let mut notes = Notes::default();
    let common = analysis.summary.first().map_or(0, |summary| summary.common);
    html! {
        section aria-labelledby="results" {
            h2 id="results" { "Results" }
            p.about id="results-about" {
                "Time as a multiple of the row's best, with its 95 % interval; below it the median. Smaller is better; "
                "~ marks what is not shown to differ from the best."
            }
            div.scroll role="region" aria-label="Results" tabindex="0" {
                table.matrix.wide aria-labelledby="results" aria-describedby="results-about" {
                    thead { tr {
                        th.first scope="col" { "workload" }
                        @for contender in analysis.contender_names() {
                            th scope="col" { (dot(palette, contender)) (contender) }
                        }
                    } }
                    @for section in sections {
                        tbody {
                            tr { th.group scope="rowgroup" colspan=(analysis.summary.len() + 1) {
                                a href={ "#" (section.anchor()) } { (section.workload.title) }
                                " " span.aside { (section.quantity()) }
                            } }
                            @for variant in &section.variants {
                                tr {
                                    th.first scope="row" { (section.label(variant)) }
                                    @for cell in &variant.cells { (cell_markup(variant, cell, &mut notes)) }
                                }
                            }
                        }
                    }
                    tfoot { tr {
                        th.first scope="row" { "geometric mean" span.under { "of " (common) " common rows" } }
                        @for summary in &analysis.summary {
                            td {
                                @match summary.geometric_mean {
                                    Some(mean) => b { (units::ratio(mean)) },
                                    None => span.missing { "–" },
                                }
                                span.under { "ran " (summary.covered) " of " (summary.of) " rows" }
                            }
                        }
                    } }
                }
            }
            ol.notes {
                @for (note, number) in notes.0.iter().zip(1..) { li id={ "note-" (number) } { (note) } }
            }
            p.notes style="padding-left:0" {
                "The geometric mean is taken over the rows that every contender has a figure for, so that all means are of the same rows; "
                "below each is how many rows the contender ran in all."
            }
        }
    }
}

fn cell_markup(variant: &Variant, cell: &Cell, notes: &mut Notes) -> Markup {
    let measured = match &cell.state {
        State::Measured(measured) => measured,
        State::Missing { kind, reason } => return missing(*kind, reason, notes),
    };
    let median = units::time(measured.median_ns);
    let standing = standing(variant, cell);
    html! {
        td.best[standing == Some(Standing::Best)] {
            @match standing {
                Some(Standing::Best) => b { "best" },
                Some(Standing::Behind(ratio)) => {
                    b { (units::ratio(ratio.estimate)) } " " (interval(ratio.interval))
                },
                Some(Standing::Close(ratio)) => {
                    b { "~ " (units::ratio(ratio.estimate)) } " " (interval(ratio.interval))
                },
                Some(Standing::Unproven(ratio)) => {
                    b { (units::ratio(ratio.estimate)) } " "
                    span.aside { "no interval: " (ratio.rounds) @if ratio.rounds == 1 { " round" } @else { " rounds" } }
                },
                Some(Standing::Unpaired) | None => span.missing { "not paired" },
            }
            span.under { (median) (trouble(measured, notes)) }
        }
    }
}

/// A mark on a cell that lost some of its rounds.
fn trouble(measured: &Measured, notes: &mut Notes) -> Markup {
    html! {
        @if let Some(first) = measured.errors.first() {
            @let note = format!("{} of its rounds failed: {}", measured.errors.len(), first.reason);
            " " span.error { "errors" } (footnote(notes.number(note)))
        }
    }
}

fn missing(kind: Option<ErrorKind>, reason: &str, notes: &mut Notes) -> Markup {
    let word = missing_word(kind);
    let number = notes.number(format!("{word}: {reason}"));
    let harmless = matches!(kind, None | Some(ErrorKind::NotApplicable | ErrorKind::Skipped));
    html! {
        td title=(reason) { span.missing[harmless].error[!harmless] { (word) } (footnote(number)) }
    }
}

fn footnote(number: usize) -> Markup {
    html! { sup { a href={ "#note-" (number) } aria-label={ "note " (number) } { (number) } } }
}

/// The interval of a ratio, in small type.
pub(super) fn interval(interval: Option<(f64, f64)>) -> Markup {
    html! {
        @if let Some((low, high)) = interval {
            span.aside { "[" (units::digits(low)) ", " (units::digits(high)) "]" }
        }
    }
}

/// The contender's colour.
pub(super) fn dot(palette: &Palette, contender: &str) -> Markup {
    html! { span.dot style={ "background:" (palette.look(contender).colour) } aria-hidden="true" {} }
}
