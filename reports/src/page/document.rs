//! The page as a whole: one file that loads nothing, in the reader's colour scheme.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::section::Section;
use super::{Report, appendix, claims, matrix, workload};
use crate::analysis::{Analysis, Soundness};

/// The page.
pub(super) fn markup(report: &Report<'_>) -> Markup {
    let Report { analysis, sections, plots, palette } = report;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "schedbench: " (analysis.run.id) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                header {
                    p.kicker { "schedbench report" }
                    h1 { (heading(analysis, sections)) }
                    (facts(analysis))
                    (verdict(analysis))
                    ul.lead { @for line in claims::summary(analysis) { li { (line.markup()) } } }
                    (contents(sections))
                }
                main {
                    (matrix::markup(analysis, sections, palette))
                    @for (section, plots) in sections.iter().zip(plots) { (workload::markup(section, plots, analysis, palette)) }
                    (appendix::markup(analysis, palette))
                }
                footer { p {
                    "Written by schedbench " (analysis.run.version) " from the record of run " (analysis.run.id)
                    ". The page loads nothing and can be kept or sent as it is."
                } }
            }
        }
    }
}

/// Fewer sections need no table of contents.
const CONTENTS_FROM: usize = 3;

/// The table of contents.
fn contents(sections: &[Section<'_>]) -> Markup {
    let parts = ["Machine", "Contenders", "Method"].map(|name| (name.to_lowercase(), name));
    let rest = [("bias".to_owned(), "Bias"), ("reproduce".to_owned(), "Reproduce"), ("errors".to_owned(), "Errors")];
    html! {
        @if sections.len() >= CONTENTS_FROM {
            nav.contents aria-label="Contents" {
                ul {
                    li { a href="#results" { b { "Results" } } }
                    @for section in sections {
                        li {
                            a href={ "#" (section.anchor()) } { (section.workload.title) }
                            @if section.variants.len() > 1 { span.aside { (section.variants.len()) " variants" } }
                        }
                    }
                    @for (anchor, name) in parts.iter().chain(&rest) { li { a href={ "#" (anchor) } { (name) } } }
                }
            }
        }
    }
}

/// More contenders than this are counted in the heading and named in the results.
const NAMED: usize = 6;

/// "gmp, os-threads, tokio-mt and rayon on 4 workloads", with no name broken at its hyphen.
fn heading(analysis: &Analysis, sections: &[Section<'_>]) -> Markup {
    let names: Vec<&str> = analysis.contender_names().collect();
    let workloads =
        if let [section] = sections { section.workload.title.clone() } else { format!("{} workloads", sections.len()) };
    html! {
        @if names.is_empty() { "No contender" }
        @if names.len() > NAMED { (names.len()) " contenders" }
        @for (place, name) in names.iter().enumerate().filter(|_| names.len() <= NAMED) {
            @if place > 0 { (if place + 1 == names.len() { " and " } else { ", " }) }
            span.name { (name) }
        }
        " on " (workloads)
    }
}

fn facts(analysis: &Analysis) -> Markup {
    let run = &analysis.run;
    html! {
        p.facts {
            span { time datetime=(run.started) { (date(&run.started)) } }
            span { "run " (run.id) @for other in &analysis.other_runs { @if other.id != run.id { ", " (other.id) } } }
            @if let Some(machine) = &analysis.machine { span { (machine.cpu) ", " (machine.cores) " cores" } }
            @if let Some(git) = &run.git {
                span { "source " (git.rev.chars().take(10).collect::<String>()) @if git.dirty { " (changed)" } }
            }
        }
    }
}

/// `2026-11-23T17:04:05Z` as `2026-11-23 17:04 UTC`; what is not like that stays as it is.
fn date(started: &str) -> String {
    match (started.get(..10), started.get(10..11), started.get(11..16), started.ends_with('Z')) {
        (Some(day), Some("T"), Some(minute), true) => format!("{day} {minute} UTC"),
        _ => started.to_owned(),
    }
}

fn verdict(analysis: &Analysis) -> Markup {
    let (class, word, rest, reasons): (_, _, _, &[String]) = match &analysis.verdict {
        Soundness::Clean => ("clean", "Clean.", "Nothing disturbed the measurement.", &[]),
        Soundness::Noisy(reasons) => ("noisy", "Noisy.", "Usable with care:", reasons),
        Soundness::Unsound(reasons) => ("unsound", "Unsound.", "No verdict may rest on this run:", reasons),
    };
    let smoke = analysis.run.mode == "quick";
    let class = if smoke && class == "clean" { "noisy" } else { class };
    html! {
        div class={ "verdict " (class) } {
            p {
                @if smoke { strong { "Smoke run, never a verdict." } " It shows that everything works; its rounds are too few and too short. " }
                strong { (word) } " " (rest)
            }
            @if !reasons.is_empty() || !analysis.warnings.is_empty() {
                ul { @for reason in reasons.iter().chain(&analysis.warnings) { li { (reason) } } }
            }
        }
    }
}
