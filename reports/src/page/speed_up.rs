//! How much faster than plain sequential code the contenders are: a table of the workloads that have a floor.

use maud::{Markup, html};

use super::matrix::{dot, interval};
use super::section::Section;
use crate::analysis::Analysis;
use crate::plot::palette::Palette;
use crate::plot::units;

/// The table, where any variant has a floor: a row for each contender, a column for each variant.
pub(super) fn markup(section: &Section<'_>, analysis: &Analysis, palette: &Palette) -> Markup {
    let columns: Vec<_> =
        section.variants.iter().filter_map(|variant| Some((*variant, analysis.floor(variant)?))).collect();
    let Some((_, first)) = columns.first() else { return html! {} };
    let borrowed = columns.iter().any(|(_, floor)| !floor.same_rounds);
    let measured = |name: &&str| columns.iter().any(|(variant, _)| variant.measured(name).is_some());
    html! {
        h3 { "Speed-up over " (first.name) }
        p.about {
            "The time of plain sequential code, which is no contender and has no rank, by that of the contender, with the 95 % interval. "
            "Below 1 the scheduler costs more than it gains."
            @if borrowed { " Without an interval, the floor did not take turns with the contenders: it ran with another number of workers." }
        }
        div.scroll role="region" aria-label={ "Speed-up of " (section.workload.title) } tabindex="0" { table.names {
            thead { tr {
                th.first scope="col" { "contender" }
                @for (variant, _) in &columns { th.number scope="col" { (section.label(variant)) } }
            } }
            tbody {
                tr {
                    th.first scope="row" { (dot(palette, first.name)) (first.name) }
                    @for (variant, floor) in &columns { td.number.missing { (variant.unit().text(floor.measured.median)) } }
                }
                @for name in analysis.contender_names().filter(measured) { tr {
                    th.first scope="row" { (dot(palette, name)) (name) }
                    @for (variant, floor) in &columns { td.number {
                        @match variant.measured(name).and_then(|measured| floor.speed_up(measured)) {
                            Some(ratio) => { b { (units::ratio(ratio.estimate)) } " " (interval(ratio.interval)) },
                            None => span.missing { "–" },
                        }
                    } }
                } }
            }
        } }
    }
}
