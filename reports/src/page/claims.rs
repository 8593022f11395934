//! What the figures say in words: who is best where, where our own contender loses, and what is too close to call.
//!
//! "Loses" and "ahead" are claims, and made only where the interval of the ratio lies above 1.

use super::section::Section;
use crate::analysis::{Analysis, Cell, Ratio, Variant};
use crate::plot::units;

/// The contender that comes with schedbench; a report says plainly where it loses.
pub(super) const OURS: &str = "gmp";

/// How a cell stands to the best of its variant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Standing {
    /// It is the best.
    Best,
    /// The whole interval of its ratio to the best is above 1.
    Behind(Ratio),
    /// The interval has 1 in it: no difference is shown.
    Close(Ratio),
    /// Too few rounds for an interval.
    Unproven(Ratio),
    /// It shares no round with the best.
    Unpaired,
}

/// How the cell stands; `None` if it has no figures.
pub(super) fn standing(variant: &Variant, cell: &Cell) -> Option<Standing> {
    let measured = cell.measured()?;
    let is_best = variant.best().is_some_and(|best| best.contender == cell.contender);
    Some(match measured.to_best {
        _ if is_best => Standing::Best,
        None => Standing::Unpaired,
        Some(ratio) => match ratio.interval {
            None => Standing::Unproven(ratio),
            Some((low, _)) if low > 1.0 => Standing::Behind(ratio),
            Some(_) => Standing::Close(ratio),
        },
    })
}

/// A claim: what it is about, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) head: String,
    pub(super) rest: String,
}

impl Claim {
    fn new(head: impl Into<String>, rest: impl Into<String>) -> Self {
        Claim { head: head.into(), rest: rest.into() }
    }
}

/// The three lines under the title: the winners, our own losses, and what is too close to call.
pub(super) fn summary(analysis: &Analysis) -> [Claim; 3] {
    let sections = Section::all(analysis);
    [best_where(analysis, &sections), ours(analysis, &sections), limits(&sections)]
}

/// "Best by median: gmp in Ping-pong (workers=1); rayon in Map-reduce."
fn best_where(analysis: &Analysis, sections: &[Section<'_>]) -> Claim {
    let wins = analysis.contender_names().filter_map(|contender| {
        let wins = places(sections, |variant| variant.best().is_some_and(|best| best.contender == contender));
        (!wins.is_empty()).then(|| format!("{contender} in {}", joined(&wins)))
    });
    let wins: Vec<String> = wins.collect();
    if wins.is_empty() {
        return Claim::new("Nothing was measured:", "no cell has a valid round.");
    }
    Claim::new("Best by median:", format!("{}.", wins.join("; ")))
}

/// Where our own contender is behind, and behind whom.
fn ours(analysis: &Analysis, sections: &[Section<'_>]) -> Claim {
    let standings = |section: &Section<'_>| -> Vec<(String, String, Standing)> {
        let of_ours = section.variants.iter().filter_map(|variant| {
            let standing = standing(variant, variant.cell(OURS)?)?;
            Some((section.label(variant), variant.best()?.contender.clone(), standing))
        });
        of_ours.collect()
    };
    let (mut ran, mut lost, mut losses) = (0, 0, Vec::new());
    for section in sections {
        let standings = standings(section);
        ran += standings.len();
        let behind: Vec<(&String, &String, Ratio)> = standings
            .iter()
            .filter_map(|(label, best, standing)| match standing {
                Standing::Behind(ratio) => Some((label, best, *ratio)),
                _ => None,
            })
            .collect();
        lost += behind.len();
        let whole = behind.len() == section.variants.len();
        // Variants of one workload that are lost to the same contender are told together.
        for group in behind.chunk_by(|a, b| a.1 == b.1) {
            let labels: Vec<&str> = group.iter().map(|(label, ..)| label.as_str()).collect();
            let place =
                if whole && group.len() == behind.len() { String::new() } else { format!(" ({})", labels.join("; ")) };
            let times: Vec<String> = group.iter().map(|(.., ratio)| units::ratio(ratio.estimate)).collect();
            losses.push(format!(
                "{}{place} takes {} the time of {}",
                section.workload.title,
                joined(&times),
                group[0].1
            ));
        }
    }
    let head = format!("{OURS}, our own contender,");
    if !analysis.contender_names().any(|contender| contender == OURS) {
        Claim::new(head, "did not run.")
    } else if ran == 0 {
        Claim::new(head, "has no figure in this run.")
    } else if lost == 0 {
        Claim::new(head, format!("is nowhere shown to be behind the best, in {} that it ran in.", rows(ran)))
    } else {
        Claim::new(format!("{head} loses in {lost} of {}:", rows(ran)), format!("{}.", losses.join("; ")))
    }
}

/// Where the first cannot be told from another.
fn limits(sections: &[Section<'_>]) -> Claim {
    let among = |wanted: fn(&Standing) -> bool| {
        places(sections, |variant| {
            variant.cells.iter().filter_map(|cell| standing(variant, cell)).any(|it| wanted(&it))
        })
    };
    let close = among(|standing| matches!(standing, Standing::Close(_)));
    let unproven = among(|standing| matches!(standing, Standing::Unproven(_)));
    let proven = among(|standing| matches!(standing, Standing::Behind(_)));
    if !unproven.is_empty() {
        let rest = format!("there are too few rounds for a 95 % interval in {}.", joined(&unproven));
        Claim::new("Nothing is proven:", rest)
    } else if !close.is_empty() {
        Claim::new(
            "Too close to call:",
            format!("{}, where the interval of a ratio to the best has 1 in it.", joined(&close)),
        )
    } else if proven.is_empty() {
        Claim::new("Nothing is compared:", "no row has figures of two contenders.")
    } else {
        Claim::new("Nothing is too close to call:", "every 95 % interval of a ratio to the best lies above 1.")
    }
}

/// The variants that are so, shortened to the workload where all of its variants are.
fn places(sections: &[Section<'_>], so: impl Fn(&Variant) -> bool) -> Vec<String> {
    let mut places = Vec::new();
    for section in sections {
        let matching: Vec<&Variant> = section.variants.iter().copied().filter(|variant| so(variant)).collect();
        if matching.len() == section.variants.len() {
            places.push(section.workload.title.clone());
        } else if !matching.is_empty() {
            let labels: Vec<String> = matching.iter().map(|variant| section.label(variant)).collect();
            places.push(format!("{} ({})", section.workload.title, labels.join("; ")));
        }
    }
    places
}

fn rows(number: usize) -> String {
    if number == 1 { "the one row".to_owned() } else { format!("the {number} rows") }
}

/// "a", "a and b", "a, b and c".
fn joined(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::fixture;

    fn rounds_without_interval(analysis: &mut Analysis) {
        for cell in analysis.variants.iter_mut().flat_map(|variant| &mut variant.cells) {
            if let crate::analysis::State::Measured(measured) = &mut cell.state
                && let Some(ratio) = &mut measured.to_best
            {
                ratio.interval = None;
            }
        }
    }

    #[test]
    fn wins_losses_and_draws_are_told() {
        let [best, ours, close] = summary(&fixture::analysis());
        assert_eq!(
            best.rest,
            "gmp in Ping-pong (workers=1) and Blocking I/O (workers=2); os-threads in Tight loop and Blocking I/O \
             (workers=1); tokio-mt in Ping-pong (workers=2); rayon in Map-reduce."
        );
        assert_eq!(ours.head, "gmp, our own contender, loses in 5 of the 8 rows:");
        assert!(ours.rest.contains("Ping-pong (workers=2) takes 1.19× the time of tokio-mt"), "{}", ours.rest);
        assert!(ours.rest.contains("Tight loop takes 161× and 174× the time of os-threads"), "{}", ours.rest);
        assert_eq!(close.rest, "Blocking I/O, where the interval of a ratio to the best has 1 in it.");
    }

    #[test]
    fn without_intervals_nothing_is_lost_or_won_for_certain() {
        let mut analysis = fixture::analysis();
        rounds_without_interval(&mut analysis);
        let [_, ours, limits] = summary(&analysis);
        assert!(ours.rest.starts_with("is nowhere shown to be behind"), "{}", ours.rest);
        assert_eq!(limits.head, "Nothing is proven:");
    }

    #[test]
    fn a_run_without_ours_or_without_anything_says_so() {
        let mut analysis = fixture::analysis();
        analysis.summary.remove(0);
        for variant in &mut analysis.variants {
            variant.cells.remove(0);
        }
        assert_eq!(summary(&analysis)[1].rest, "did not run.");
        analysis.variants.clear();
        let [best, _, limits] = summary(&analysis);
        assert_eq!((best.head.as_str(), limits.head.as_str()), ("Nothing was measured:", "Nothing is compared:"));
    }
}
