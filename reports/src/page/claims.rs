//! What the figures say in words: who is best where, where our own contender loses, and what is too close to call.
//!
//! "Loses" and "ahead" are claims, and made only where the interval of the ratio lies above 1.

use maud::{Markup, html};

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
    rest: Vec<Piece>,
}

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A workload by its title.
    Link {
        anchor: String,
        title: String,
    },
}

impl Claim {
    fn new(head: impl Into<String>) -> Self {
        Claim { head: head.into(), rest: Vec::new() }
    }

    fn text(mut self, text: impl Into<String>) -> Self {
        self.rest.push(Piece::Text(text.into()));
        self
    }

    fn link(mut self, section: &Section<'_>) -> Self {
        self.rest.push(Piece::Link { anchor: section.anchor(), title: section.workload.title.clone() });
        self
    }

    /// "a", "a and b", "a, b and c".
    fn joined<T>(mut self, items: &[T], write: impl Fn(Claim, &T) -> Claim) -> Self {
        for (place, item) in items.iter().enumerate() {
            self = match place {
                0 => self,
                _ if place + 1 == items.len() => self.text(" and "),
                _ => self.text(", "),
            };
            self = write(self, item);
        }
        self
    }

    pub(super) fn markup(&self) -> Markup {
        html! {
            b { (self.head) } " "
            @for piece in &self.rest {
                @match piece {
                    Piece::Text(text) => (text),
                    Piece::Link { anchor, title } => a href={ "#" (anchor) } { (title) },
                }
            }
        }
    }
}

/// The three lines under the title: the winners, our own losses, and what is too close to call.
pub(super) fn summary(analysis: &Analysis) -> [Claim; 3] {
    let sections = Section::all(analysis);
    [best_where(analysis, &sections), ours(analysis, &sections), limits(&sections)]
}

/// Above so many rows, the claims count them and name the workloads only.
const ROWS_NAMED: usize = 12;

fn is_short(sections: &[Section<'_>]) -> bool {
    sections.iter().map(|section| section.variants.len()).sum::<usize>() <= ROWS_NAMED
}

/// "Best by median: gmp in Ping-pong (workers=1); rayon in Map-reduce.", or of many rows "gmp in 14 of 40 rows, rayon in 9".
fn best_where(analysis: &Analysis, sections: &[Section<'_>]) -> Claim {
    let is_best = |variant: &Variant, contender: &str| variant.best().is_some_and(|best| best.contender == contender);
    let wins = analysis.contender_names().map(|contender| (contender, places(sections, |it| is_best(it, contender))));
    let mut wins: Vec<(&str, Vec<Place<'_>>)> = wins.filter(|(_, places)| !places.is_empty()).collect();
    if wins.is_empty() {
        return Claim::new("Nothing was measured:").text("no cell has a valid round.");
    }
    let claim = Claim::new("Best by median:");
    if is_short(sections) {
        let claims = wins.iter().enumerate().fold(claim, |claim, (place, (contender, places))| {
            let claim = claim.text(format!("{}{contender} in ", if place > 0 { "; " } else { "" }));
            claim.joined(places, |claim, place| place.write(claim))
        });
        return claims.text(".");
    }
    let rows = |places: &[Place<'_>]| places.iter().map(|place| place.variants.len()).sum::<usize>();
    wins.sort_by_key(|(_, places)| std::cmp::Reverse(rows(places)));
    let all: usize = wins.iter().map(|(_, places)| rows(places)).sum();
    let most = rows(&wins[0].1);
    let claim = claim.joined(&wins, |claim, (contender, places)| {
        let of = if rows(places) == most { format!(" of {all} rows") } else { String::new() };
        claim.text(format!("{contender} in {}{of}", rows(places)))
    });
    claim.text(".")
}

/// Some variants of a workload.
struct Place<'a> {
    section: &'a Section<'a>,
    variants: Vec<&'a Variant>,
}

impl Place<'_> {
    /// The workload, and its variants unless these are all.
    fn write(&self, claim: Claim) -> Claim {
        let claim = claim.link(self.section);
        if self.variants.len() == self.section.variants.len() {
            return claim;
        }
        let labels: Vec<String> = self.variants.iter().map(|variant| self.section.label(variant)).collect();
        claim.text(format!(" ({})", labels.join("; ")))
    }
}

/// The workloads that have variants of which `so` holds.
fn places<'a>(sections: &'a [Section<'a>], so: impl Fn(&Variant) -> bool) -> Vec<Place<'a>> {
    let place = |section: &'a Section<'a>| {
        let variants = section.variants.iter().copied().filter(|variant| so(variant)).collect();
        Place { section, variants }
    };
    sections.iter().map(place).filter(|place| !place.variants.is_empty()).collect()
}

/// Variants of one workload that ours loses to the same contender.
struct Loss<'a> {
    place: Place<'a>,
    ratios: Vec<f64>,
    to: &'a str,
}

impl Loss<'_> {
    fn worst(&self) -> f64 {
        self.ratios.iter().copied().fold(0.0, f64::max)
    }

    fn write(&self, claim: Claim) -> Claim {
        let times = match &self.ratios[..] {
            [ratio] => units::ratio(*ratio),
            [one, other] => format!("{} and {}", units::ratio(*one), units::ratio(*other)),
            ratios => {
                let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
                format!("{} to {}", units::ratio(least), units::ratio(self.worst()))
            }
        };
        let noun = self.place.section.unit().noun();
        self.place.write(claim).text(format!(" takes {times} the {noun} of {}", self.to))
    }
}

/// Where our own contender is behind, and behind whom.
fn ours(analysis: &Analysis, sections: &[Section<'_>]) -> Claim {
    /// So many losses are told, the worst ones; the others are named.
    const TOLD: usize = 6;
    let head = format!("{OURS}, our own contender,");
    if !analysis.contender_names().any(|contender| contender == OURS) {
        return Claim::new(head).text("did not run.");
    }
    let ran = analysis.variants.iter().filter(|variant| variant.measured(OURS).is_some()).count();
    let mut losses: Vec<Loss<'_>> = sections.iter().flat_map(losses_in).collect();
    let lost: usize = losses.iter().map(|loss| loss.ratios.len()).sum();
    if ran == 0 {
        return Claim::new(head).text("has no figure in this run.");
    }
    if lost == 0 {
        return Claim::new(head)
            .text(format!("is nowhere shown to be behind the best, in {} that it ran in.", rows(ran)));
    }
    let claim = Claim::new(format!("{head} loses in {lost} of {}:", rows(ran)));
    let few = losses.len() <= TOLD;
    if !few {
        losses.sort_by(|a, b| b.worst().total_cmp(&a.worst()));
    }
    let (told, named) = losses.split_at(if few { losses.len() } else { TOLD - 2 });
    let claim = told
        .iter()
        .enumerate()
        .fold(claim, |claim, (place, loss)| loss.write(if place > 0 { claim.text("; ") } else { claim }));
    let mut others: Vec<&Section<'_>> = Vec::new();
    for section in named.iter().map(|loss| loss.place.section) {
        let known = others.iter().copied().chain(told.iter().map(|loss| loss.place.section));
        if !known.map(|known| &known.slug).any(|slug| *slug == section.slug) {
            others.push(section);
        }
    }
    match &others[..] {
        [] => claim.text("."),
        others => claim
            .text(format!("; by at most {} in ", units::ratio(named[0].worst())))
            .joined(others, |claim, section| claim.link(section))
            .text("."),
    }
}

/// A workload's losses, by whom they are to.
fn losses_in<'a>(section: &'a Section<'a>) -> Vec<Loss<'a>> {
    let mut losses: Vec<Loss<'a>> = Vec::new();
    for variant in section.variants.iter().copied() {
        let (Some(cell), Some(best)) = (variant.cell(OURS), variant.best()) else { continue };
        let Some(Standing::Behind(ratio)) = standing(variant, cell) else { continue };
        match losses.iter_mut().find(|loss| loss.to == best.contender) {
            Some(loss) => {
                loss.place.variants.push(variant);
                loss.ratios.push(ratio.estimate);
            }
            None => losses.push(Loss {
                place: Place { section, variants: vec![variant] },
                ratios: vec![ratio.estimate],
                to: &best.contender,
            }),
        }
    }
    losses
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
    let short = is_short(sections);
    let list = |claim: Claim, places: &[Place<'_>]| {
        claim.joined(places, |claim, place| if short { place.write(claim) } else { claim.link(place.section) })
    };
    let count = |places: &[Place<'_>]| places.iter().map(|place| place.variants.len()).sum::<usize>();
    if !unproven.is_empty() {
        let head = if proven.is_empty() && close.is_empty() { "Nothing is proven:" } else { "Not all is proven:" };
        list(Claim::new(head).text("there are too few rounds for a 95 % interval in "), &unproven).text(".")
    } else if !close.is_empty() {
        let claim = Claim::new("Too close to call:");
        let claim = if short { claim } else { claim.text(format!("{} rows, of ", count(&close))) };
        list(claim, &close).text(", where the interval of a ratio to the best has 1 in it.")
    } else if proven.is_empty() {
        Claim::new("Nothing is compared:").text("no row has figures of two contenders.")
    } else {
        Claim::new("Nothing is too close to call:").text("every 95 % interval of a ratio to the best lies above 1.")
    }
}

fn rows(number: usize) -> String {
    if number == 1 { "the one row".to_owned() } else { format!("the {number} rows") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::fixture;

    impl Claim {
        /// The rest as plain text.
        fn told(&self) -> String {
            let pieces = self.rest.iter().map(|piece| match piece {
                Piece::Text(text) | Piece::Link { title: text, .. } => text.as_str(),
            });
            pieces.collect()
        }
    }

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
            best.told(),
            "gmp in Ping-pong (workers=1) and Blocking I/O (workers=2); os-threads in Tight loop and Blocking I/O \
             (workers=1); tokio-mt in Ping-pong (workers=2); rayon in Map-reduce."
        );
        assert_eq!(ours.head, "gmp, our own contender, loses in 5 of the 8 rows:");
        assert!(ours.told().contains("Ping-pong (workers=2) takes 1.19× the time of tokio-mt"), "{}", ours.told());
        assert!(ours.told().contains("Tight loop takes 161× and 174× the time of os-threads"), "{}", ours.told());
        assert_eq!(close.told(), "Blocking I/O, where the interval of a ratio to the best has 1 in it.");
    }

    #[test]
    fn without_intervals_nothing_is_lost_or_won_for_certain() {
        let mut analysis = fixture::analysis();
        rounds_without_interval(&mut analysis);
        let [_, ours, limits] = summary(&analysis);
        assert!(ours.told().starts_with("is nowhere shown to be behind"), "{}", ours.told());
        assert_eq!(limits.head, "Nothing is proven:");
    }

    #[test]
    fn a_run_without_ours_or_without_anything_says_so() {
        let mut analysis = fixture::analysis();
        analysis.summary.remove(0);
        for variant in &mut analysis.variants {
            variant.cells.remove(0);
        }
        assert_eq!(summary(&analysis)[1].told(), "did not run.");
        analysis.variants.clear();
        let [best, _, limits] = summary(&analysis);
        assert_eq!((best.head.as_str(), limits.head.as_str()), ("Nothing was measured:", "Nothing is compared:"));
    }
}
