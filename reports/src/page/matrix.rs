//! The main table: a row for each variant, a column for each contender, in each cell the ratio to the row's best.
//!
//! With many contenders the intervals are left to the workloads' own tables, and the table scrolls in a box of its own, with the names of rows
//! and columns in sight.

use maud::{Markup, html};

use super::claims::{Standing, standing};
use super::figures::{is_harmless, missing_note, missing_word};
use super::section::Section;
use crate::analysis::{Analysis, Cell, Measured, Ratio, State, Variant};
use crate::plot::palette::{Palette, Texture};
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

/// More contenders than this are shown without intervals.
const ROOMY: usize = 6;

/// The table and the notes below it.
pub(super) fn markup(analysis: &Analysis, sections: &[Section<'_>], palette: &Palette) -> Markup {
    let mut notes = Notes::default();
    let common = analysis.summary.first().map_or(0, |summary| summary.common);
    let dense = analysis.summary.len() > ROOMY;
    html! {
        section aria-labelledby="results" {
            h2 id="results" { "Results" }
            p.about id="results-about" {
                "What an operation takes, as a multiple of the row's best"
                @if !dense { ", with its 95 % interval" }
                "; below it the median. Smaller is better; ~ marks what is not shown to differ from the best"
                @if dense { "; ? rests on too few rounds for an interval. The intervals are with each workload" }
                "."
            }
            div.scroll.tall[dense] role="region" aria-label="Results" tabindex="0" {
                table.matrix.wide.dense[dense] aria-labelledby="results" aria-describedby="results-about" {
                    thead { tr {
                        th.first scope="col" { "workload" }
                        @for contender in analysis.contender_names() {
                            th scope="col" { (dot(palette, contender)) (breakable(contender)) }
                        }
                    } }
                    @for section in sections {
                        tbody {
                            tr { th.group scope="rowgroup" colspan=(analysis.summary.len() + 1) {
                                a href={ "#" (section.anchor()) } { (section.workload.title) }
                                " " span.aside { (section.quantity()) @let fixed = section.fixed(); @if !fixed.is_empty() { "; " (fixed) } }
                            } }
                            @for variant in &section.variants {
                                tr {
                                    th.first scope="row" { (section.label(variant)) }
                                    @for cell in &variant.cells { (cell_markup(variant, cell, dense, &mut notes)) }
                                }
                            }
                        }
                    }
                    tfoot { tr {
                        th.first scope="row" { "geometric mean" span.under { "over " (common) " of " (analysis.variants.len()) " rows" } }
                        @for summary in &analysis.summary {
                            td {
                                @match summary.geometric_mean {
                                    Some(mean) => b { (units::ratio(mean)) },
                                    None => span.missing { "–" },
                                }
                                span.under {
                                    @if dense { (summary.covered) " / " (summary.of) }
                                    @else { "ran " (summary.covered) " of " (summary.of) " rows" }
                                }
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
                "a contender that ran less than half of the rows has none. Below each is how many rows the contender ran in all."
            }
        }
    }
}

fn cell_markup(variant: &Variant, cell: &Cell, dense: bool, notes: &mut Notes) -> Markup {
    let measured = match &cell.state {
        State::Measured(measured) => measured,
        State::Missing { kind, reason } => return missing(*kind, reason, notes),
    };
    let median = variant.unit().text(measured.median);
    let standing = standing(variant, cell);
    let (ratio, mark) = match standing {
        Some(Standing::Behind(ratio)) => (Some(ratio), ""),
        Some(Standing::Close(ratio)) => (Some(ratio), "~ "),
        Some(Standing::Unproven(ratio)) => (Some(ratio), if dense { "? " } else { "" }),
        Some(Standing::Best | Standing::Unpaired) | None => (None, ""),
    };
    let times = ratio.map_or(1.0, |ratio| ratio.estimate);
    html! {
        td.best[standing == Some(Standing::Best)].twice[(2.0..10.0).contains(&times)].tenfold[times >= 10.0] {
            @match ratio {
                Some(ratio) => {
                    b { (mark) (units::ratio(ratio.estimate)) }
                    @if !dense { " " (bounds(&ratio)) }
                },
                None if standing == Some(Standing::Best) => b { "best" },
                None => span.missing { "not paired" },
            }
            span.under { (median) (trouble(measured, notes)) }
        }
    }
}

/// The interval, or why there is none.
fn bounds(ratio: &Ratio) -> Markup {
    html! {
        @match ratio.interval {
            Some(_) => (interval(ratio.interval)),
            None => span.aside { "no interval: " (ratio.rounds) @if ratio.rounds == 1 { " round" } @else { " rounds" } },
        }
    }
}

/// A name that may be broken behind its hyphens and nowhere else.
fn breakable(name: &str) -> Markup {
    html! { @for part in name.split_inclusive('-') { (part) wbr; } }
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
    let number = notes.number(missing_note(kind, reason));
    let harmless = is_harmless(kind);
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

/// The contender's colour and texture.
pub(super) fn dot(palette: &Palette, contender: &str) -> Markup {
    let look = palette.look(contender);
    let texture = match look.texture {
        Texture::Solid => "dot",
        Texture::Split => "dot split",
        Texture::Outline => "dot outline",
    };
    html! { span class=(texture) style={ "--look:" (look.colour) } aria-hidden="true" {} }
}
