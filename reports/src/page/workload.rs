//! A workload's section: what it shows, what was expected beside what was measured, its plots, and all its numbers. What is long is
//! folded: the page of a whole catalogue must be one that people scroll through.

use maud::{Markup, PreEscaped, html};

use super::claims::{Standing, standing};
use super::figures::{Plot, absences, missing_note, without_absent};
use super::matrix::{dot, interval};
use super::section::Section;
use super::speed_up;
use crate::analysis::{Analysis, Cell, Measured, PERCENTILES, State, Variant};
use crate::histogram::latency_name;
use crate::plot::palette::Palette;
use crate::plot::units;

/// A table of more rows is folded.
const ROWS_UNFOLDED: usize = 12;
/// Of more contenders than this, a sentence names only the first few and the last.
const RANKED: usize = 6;

/// The section, with its plots inside.
pub(super) fn markup(section: &Section<'_>, plots: &[Plot], analysis: &Analysis, palette: &Palette) -> Markup {
    let workload = section.workload;
    html! {
        section aria-labelledby=(section.anchor()) {
            h2 id=(section.anchor()) { (workload.title) code { (workload.workload) } }
            p { (workload.shows) }
            div.claims {
                div { h3 { "Expected" } p { (workload.expect) } }
                div {
                    h3 { "Measured" }
                    ul { @for variant in &section.variants { li { (ranking(section, variant)) } } }
                }
            }
            @for plot in plots {
                @let folded = plot.folded.as_ref().filter(|_| analysis.summary.len() > RANKED);
                @match folded {
                    Some(name) => details { summary { (name) } (figure(plot)) },
                    None => (figure(plot)),
                }
            }
            (speed_up::markup(section, analysis, palette))
            @let rows: usize = section.variants.iter().map(|variant| variant.cells.len()).sum();
            details open[rows <= ROWS_UNFOLDED] {
                summary { "All numbers" }
                (numbers(section, palette))
            }
            (counters(section))
            p.aside { "Descends from: " (workload.origin) }
        }
    }
}

fn figure(plot: &Plot) -> Markup {
    html! { figure { (PreEscaped(plot.inline_svg())) } }
}

/// A variant in a sentence, from the best to the slowest.
fn ranking(section: &Section<'_>, variant: &Variant) -> Markup {
    let mut ranked: Vec<(&Cell, &Measured)> =
        variant.cells.iter().filter_map(|cell| Some((cell, cell.measured()?))).collect();
    ranked.sort_by(|a, b| a.1.median.total_cmp(&b.1.median));
    let told = |(cell, measured): &(&Cell, &Measured)| {
        let what = match standing(variant, cell) {
            Some(Standing::Best) => format!("is best with {}", variant.unit().text(measured.median)),
            Some(Standing::Close(_)) => "cannot be told from it".to_owned(),
            Some(Standing::Behind(ratio) | Standing::Unproven(ratio)) => units::ratio(ratio.estimate),
            Some(Standing::Unpaired) | None => variant.unit().text(measured.median),
        };
        html! { span.name { (cell.contender) } " " (what) }
    };
    let (first, others): (&[_], &[_]) =
        if ranked.len() > RANKED { ranked.split_at(RANKED - 2) } else { (&ranked, &[]) };
    html! {
        b { (section.label(variant)) } ": "
        @if ranked.is_empty() { "nothing was measured" }
        @for (ranked, place) in first.iter().zip(0..) { @if place > 0 { ", " } (told(ranked)) }
        @if let [passed_over @ .., last] = others { ", " (passed_over.len()) " more, " (told(last)) }
        "."
    }
}

fn numbers(section: &Section<'_>, palette: &Palette) -> Markup {
    let kinds = section.latency_kinds();
    let columns = 8 + kinds.len() * PERCENTILES.len();
    html! {
        p.about {
            "One operation is one " (section.workload.op) ". Medians over rounds; threads and memory are the highest of any round."
            @let fixed = section.fixed();
            @if !fixed.is_empty() { " All with " (fixed) "." }
        }
        div.scroll role="region" aria-label={ "Numbers of " (section.workload.title) } tabindex="0" {
            table.wide.names {
                thead {
                    @if !kinds.is_empty() { tr {
                        td colspan="9" {}
                        @for kind in &kinds { th.number scope="colgroup" colspan=(PERCENTILES.len()) { (latency_name(kind)) } }
                    } }
                    tr {
                        th.first scope="col" { "contender" }
                        @for name in ["median", "by the best", "best seen", "CPU / op", "switches / op", "migrations / op", "threads", "memory"] {
                            th.number scope="col" { (name) }
                        }
                        @for _ in &kinds { @for percent in PERCENTILES { th.number scope="col" { "p" (percent) } } }
                    }
                }
                @for variant in &section.variants {
                    tbody {
                        tr { th.group scope="rowgroup" colspan=(columns) { (section.label(variant)) } }
                        @let (absent, shown) = without_absent(variant);
                        @for cell in shown.iter().copied().chain(&variant.floors) {
                            (number_row(variant, cell, &kinds, columns, palette))
                        }
                        @for line in absences(&absent) { tr { td.first.missing colspan=(columns) { (line) } } }
                    }
                }
            }
        }
    }
}

fn number_row(variant: &Variant, cell: &Cell, kinds: &[&str], columns: usize, palette: &Palette) -> Markup {
    let name = html! { th.first scope="row" { (dot(palette, &cell.contender)) (cell.contender) } };
    let measured = match &cell.state {
        State::Measured(measured) => measured,
        State::Missing { kind, reason } => {
            return html! { tr { (name) td.missing colspan=(columns - 1) { (missing_note(*kind, reason)) } } };
        }
    };
    html! {
        tr {
            (name)
            td.number { b { (variant.unit().text(measured.median)) } }
            td.number { (by_the_best(variant, cell)) }
            td.number { (variant.unit().text(measured.best_seen)) }
            td.number { (units::time(measured.cpu_ns_per_op)) }
            (number(measured.ctx_per_op.map(units::count)))
            (number(measured.migrations_per_op.map(units::count)))
            (number(measured.peak_threads.map(units::grouped)))
            (number(measured.peak_rss_bytes.map(|bytes| units::bytes(bytes as f64))))
            @for kind in kinds { (percentiles(measured, kind)) }
        }
    }
}

/// The ratio to the best with its interval.
fn by_the_best(variant: &Variant, cell: &Cell) -> Markup {
    html! {
        @match standing(variant, cell) {
            Some(Standing::Best) => "best",
            Some(Standing::Behind(ratio) | Standing::Unproven(ratio)) => { (units::ratio(ratio.estimate)) " " (interval(ratio.interval)) },
            Some(Standing::Close(ratio)) => { "~ " (units::ratio(ratio.estimate)) " " (interval(ratio.interval)) },
            Some(Standing::Unpaired) => span.missing { "not paired" },
            None => span.missing { "–" },
        }
    }
}

/// A number, or a dash where a sensor is missing.
fn number(text: Option<String>) -> Markup {
    html! {
        td.number { @match text { Some(text) => (text), None => span.missing title="no sensor" { "unknown" } } }
    }
}

fn percentiles(measured: &Measured, kind: &str) -> Markup {
    let known = measured.percentiles.get(kind);
    html! {
        @for percent in PERCENTILES {
            @let found = known.and_then(|known| known.iter().find(|percentile| percentile.percent == percent));
            td.number {
                @match found.map(|percentile| percentile.value_ns) {
                    Some(Some(ns)) => (units::time(ns)),
                    Some(None) => span.aside title="fewer than 100 samples beyond it in half of the rounds" { "insufficient" },
                    None => span.missing { "–" },
                }
            }
        }
    }
}

/// What contenders count themselves, by operation.
fn counters(section: &Section<'_>) -> Markup {
    let rows: Vec<(&Variant, &Cell, &Measured)> = section
        .variants
        .iter()
        .flat_map(|variant| variant.cells.iter().filter_map(|cell| Some((*variant, cell, cell.measured()?))))
        .filter(|(_, _, measured)| !measured.counters.is_empty())
        .collect();
    html! {
        @if !rows.is_empty() {
            details {
                summary { "The contenders' own counters" }
                div.scroll role="region" aria-label="Counters" tabindex="0" { table {
                    thead { tr {
                        th scope="col" { "contender" } th scope="col" { "counter" }
                        th.number scope="col" { "total" } th.number scope="col" { "per operation" }
                    } }
                    @for (variant, cell, measured) in rows {
                        tbody { @for (counter, total) in &measured.counters { tr {
                            th scope="row" { (cell.contender) ", " (section.label(variant)) }
                            td { (counter) }
                            td.number { (units::grouped(*total)) }
                            td.number { (units::count(*total as f64 / measured.ops.max(1) as f64)) }
                        } } }
                    }
                } }
            }
        }
    }
}
