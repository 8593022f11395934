//! Colours: one for each contender, the same in every plot and table, and the inks.
//!
//! The contenders' colours were searched for: every pair differs by at least 16 in CIE L*a*b* for normal sight and under simulated
//! protanopia, deuteranopia and tritanopia (Machado 2009), the first four by at least 27; each has a contrast of 3:1 or more
//! on white and on the report's dark ground. Markers tell curves apart where colours do not.

use std::fmt;

/// A colour without transparency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour(pub(crate) u8, pub(crate) u8, pub(crate) u8);

impl fmt::Display for Colour {
    /// As in CSS and as plotters writes it, which lets the page's style sheet find the inks: `#1F2328`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02X}{:02X}{:02X}", self.0, self.1, self.2)
    }
}

/// The ground.
pub(crate) const GROUND: Colour = Colour(0xff, 0xff, 0xff);
/// Text and whiskers.
pub(crate) const INK: Colour = Colour(0x1f, 0x23, 0x28);
/// Secondary text.
pub(crate) const MUTED: Colour = Colour(0x59, 0x63, 0x6e);
/// Grid lines.
pub(crate) const GRID: Colour = Colour(0xe1, 0xe4, 0xe8);
/// Axes.
pub(crate) const AXIS: Colour = Colour(0x8c, 0x95, 0x9f);

/// The shape that marks a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Disc,
    Square,
    Triangle,
    Diamond,
}

/// How a contender looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) colour: Colour,
    pub(crate) shape: Shape,
}

const LOOKS: [Look; 8] = [
    Look { colour: Colour(0x23, 0x60, 0xd5), shape: Shape::Disc },
    Look { colour: Colour(0x64, 0x65, 0x6a), shape: Shape::Square },
    Look { colour: Colour(0xca, 0x84, 0x00), shape: Shape::Triangle },
    Look { colour: Colour(0x0b, 0xa8, 0x61), shape: Shape::Diamond },
    Look { colour: Colour(0xeb, 0x01, 0x33), shape: Shape::Square },
    Look { colour: Colour(0x36, 0x93, 0xee), shape: Shape::Triangle },
    Look { colour: Colour(0xc2, 0x76, 0xa8), shape: Shape::Disc },
    Look { colour: Colour(0x77, 0x67, 0x27), shape: Shape::Diamond },
];

/// The names that schedbench promises, in the order of [`LOOKS`]: they look the same in every report, whatever was run.
const KNOWN: [&str; 8] = ["gmp", "os-threads", "tokio-mt", "rayon", "go", "smol", "may", "tokio-ct"];

/// The looks of one report's contenders.
#[derive(Clone, Debug)]
pub(crate) struct Palette(Vec<(String, Look)>);

impl Palette {
    /// Looks for `contenders`: known names have their own; others take what is left, in order, and then share.
    pub(crate) fn new<'a>(contenders: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = contenders.into_iter().collect();
        let mut free = (0..LOOKS.len()).filter(|&at| !names.contains(&KNOWN[at])).cycle();
        let looks = names.iter().enumerate().map(|(order, name)| {
            let known = KNOWN.iter().position(|known| known == name);
            let at = known.or_else(|| free.next()).unwrap_or(order % LOOKS.len());
            ((*name).to_owned(), LOOKS[at])
        });
        Palette(looks.collect())
    }

    /// The look of `contender`; that of nobody is grey.
    pub(crate) fn look(&self, contender: &str) -> Look {
        let found = self.0.iter().find(|(name, _)| name == contender);
        found.map_or(Look { colour: MUTED, shape: Shape::Disc }, |(_, look)| *look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_look_the_same_whoever_runs_beside_them() {
        let all = Palette::new(["gmp", "os-threads", "tokio-mt", "rayon"]);
        let two = Palette::new(["rayon", "gmp"]);
        assert_eq!(all.look("rayon"), two.look("rayon"));
        assert_eq!(all.look("gmp"), two.look("gmp"));
    }

    #[test]
    fn unknown_names_take_looks_that_nobody_has() {
        let palette = Palette::new(["mine", "gmp", "yours"]);
        let looks = [palette.look("mine"), palette.look("gmp"), palette.look("yours")];
        assert!(looks[0] != looks[1] && looks[1] != looks[2] && looks[0] != looks[2]);
    }

    #[test]
    fn there_may_be_more_contenders_than_looks() {
        let names: Vec<String> =
            KNOWN.iter().map(|name| (*name).to_owned()).chain((0..20).map(|n| format!("c{n}"))).collect();
        let palette = Palette::new(names.iter().map(String::as_str));
        assert_ne!(palette.look("c19").colour, MUTED);
    }
}
