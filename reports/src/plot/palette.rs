//! Looks: a colour for each contender, the same in every plot and table, and the inks.
//!
//! A tuned contender has the colour of its default and another [`Texture`], which is told apart without seeing colours. The
//! defaults' colours were searched for: every pair differs by at least 16 in CIE L*a*b* for normal sight and under simulated
//! protanopia, deuteranopia and tritanopia (Machado 2009), the first four by at least 27; each has a contrast of 3:1 or more
//! on white and on the report's dark ground. Markers tell curves apart where colours do not.

use std::fmt;

use crate::analysis::{Analysis, default_of};
use crate::record::Role;

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

/// How the colour is laid on: solid for defaults, and so that tuned ones are told from their default and from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Texture {
    /// A full bar, a thick line, a full mark.
    Solid,
    /// A bar of two halves with ground between, a double line, a mark with a hole.
    Split,
    /// The outline of a bar, a thin line, the outline of a mark.
    Outline,
}

/// How a contender looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) colour: Colour,
    pub(crate) shape: Shape,
    pub(crate) texture: Texture,
}

impl Look {
    const fn solid(colour: Colour, shape: Shape) -> Look {
        Look { colour, shape, texture: Texture::Solid }
    }

    /// That of a floor, which is no contender.
    pub(crate) const FLOOR: Look = Look::solid(INK, Shape::Disc);
}

const LOOKS: [Look; 8] = [
    Look::solid(Colour(0x23, 0x60, 0xd5), Shape::Disc),
    Look::solid(Colour(0x64, 0x65, 0x6a), Shape::Square),
    Look::solid(Colour(0xca, 0x84, 0x00), Shape::Triangle),
    Look::solid(Colour(0x0b, 0xa8, 0x61), Shape::Diamond),
    Look::solid(Colour(0xeb, 0x01, 0x33), Shape::Square),
    Look::solid(Colour(0x36, 0x93, 0xee), Shape::Triangle),
    Look::solid(Colour(0xc2, 0x76, 0xa8), Shape::Disc),
    Look::solid(Colour(0x77, 0x67, 0x27), Shape::Diamond),
];

/// The names that schedbench promises, in the order of [`LOOKS`]: they look the same in every report, whatever was run.
const KNOWN: [&str; 8] = ["gmp", "os-threads", "tokio-mt", "rayon", "go", "smol", "may", "tokio-ct"];

/// The looks of one report's contenders.
#[derive(Clone, Debug)]
pub(crate) struct Palette(Vec<(String, Look)>);

impl Palette {
    /// The looks of an analysis' contenders and floors.
    pub(crate) fn of(analysis: &Analysis) -> Self {
        let names = || analysis.contender_names().chain(analysis.floor_names());
        Palette::new(names().map(|name| (name, analysis.role(name))))
    }

    /// Looks for `contenders`: known names have their own; others take what is left, in order, and then share. Tuned ones look
    /// like their default, if that is known or here.
    pub(crate) fn new<'a>(contenders: impl IntoIterator<Item = (&'a str, Role)>) -> Self {
        let contenders: Vec<(&str, Role)> = contenders.into_iter().collect();
        let of_role = |wanted| contenders.iter().filter(move |(_, role)| *role == wanted).map(|(name, _)| *name);
        let family = |tuned| default_of(tuned, of_role(Role::Default).chain(KNOWN));
        let is_taken = |known: &str| {
            of_role(Role::Default).chain(of_role(Role::Tuned).filter_map(family)).any(|taken| taken == known)
        };
        let mut free = (0..LOOKS.len()).filter(|&at| !is_taken(KNOWN[at])).cycle();
        let mut look = |order: usize, name: &str| {
            let known = KNOWN.iter().position(|known| *known == name);
            LOOKS[known.or_else(|| free.next()).unwrap_or(order % LOOKS.len())]
        };

        let mut palette = Palette(of_role(Role::Floor).map(|name| (name.to_owned(), Look::FLOOR)).collect());
        for (order, name) in of_role(Role::Default).enumerate() {
            palette.0.push((name.to_owned(), look(order, name)));
        }
        for (order, name) in of_role(Role::Tuned).enumerate() {
            let default = family(name).unwrap_or(name);
            let solid = palette.found(default).unwrap_or_else(|| look(order, default));
            let is_first = !palette
                .0
                .iter()
                .any(|(_, other)| Look { texture: Texture::Solid, ..*other } == solid && *other != solid);
            let texture = if is_first { Texture::Split } else { Texture::Outline };
            palette.0.push((name.to_owned(), Look { texture, ..solid }));
        }
        palette
    }

    fn found(&self, contender: &str) -> Option<Look> {
        self.0.iter().find(|(name, _)| name == contender).map(|(_, look)| *look)
    }

    /// The look of `contender`; that of nobody is grey.
    pub(crate) fn look(&self, contender: &str) -> Look {
        self.found(contender).unwrap_or(Look::solid(MUTED, Shape::Disc))
    }
}

#[cfg(test)]
impl Palette {
    /// The looks of contenders that are all defaults.
    pub(crate) fn of_defaults<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Palette::new(names.into_iter().map(|name| (name, Role::Default)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_look_the_same_whoever_runs_beside_them() {
        let all = Palette::of_defaults(["gmp", "os-threads", "tokio-mt", "rayon"]);
        let two = Palette::of_defaults(["rayon", "gmp"]);
        assert_eq!(all.look("rayon"), two.look("rayon"));
        assert_eq!(all.look("gmp"), two.look("gmp"));
    }

    #[test]
    fn unknown_names_take_looks_that_nobody_has() {
        let palette = Palette::of_defaults(["mine", "gmp", "yours"]);
        let looks = [palette.look("mine"), palette.look("gmp"), palette.look("yours")];
        assert!(looks[0] != looks[1] && looks[1] != looks[2] && looks[0] != looks[2]);
    }

    #[test]
    fn there_may_be_more_contenders_than_looks() {
        let names: Vec<String> =
            KNOWN.iter().map(|name| (*name).to_owned()).chain((0..20).map(|n| format!("c{n}"))).collect();
        let palette = Palette::of_defaults(names.iter().map(String::as_str));
        assert_ne!(palette.look("c19").colour, MUTED);
    }

    /// Every row that the suite has.
    const ALL: [(&str, Role); 14] = [
        ("gmp", Role::Default),
        ("os-threads", Role::Default),
        ("os-threads-pinned", Role::Tuned),
        ("os-threads-crossbeam", Role::Tuned),
        ("tokio-mt", Role::Default),
        ("tokio-mt-tuned", Role::Tuned),
        ("tokio-ct", Role::Default),
        ("rayon", Role::Default),
        ("smol", Role::Default),
        ("may", Role::Default),
        ("may-large-pool", Role::Tuned),
        ("go", Role::Default),
        ("go-nogc", Role::Tuned),
        ("serial", Role::Floor),
    ];

    #[test]
    fn all_contenders_look_different_and_tuned_ones_are_of_their_defaults_colour() {
        let palette = Palette::new(ALL);
        let looks: Vec<Look> = ALL.iter().map(|(name, _)| palette.look(name)).collect();
        for (at, look) in looks.iter().enumerate() {
            assert!(
                looks[..at].iter().all(|other| (other.colour, other.texture) != (look.colour, look.texture)),
                "{look:?}"
            );
        }
        let [threads, pinned, crossbeam] = [1, 2, 3].map(|at: usize| looks[at]);
        assert_eq!((threads.colour, threads.shape), (pinned.colour, pinned.shape));
        assert_eq!(
            [threads, pinned, crossbeam].map(|look| look.texture),
            [Texture::Solid, Texture::Split, Texture::Outline]
        );
        assert_eq!(
            Palette::new([("go-nogc", Role::Tuned)]).look("go-nogc"),
            palette.look("go-nogc"),
            "alone as in company"
        );
    }

    /// The colour as a dichromat sees it, in CIE L*a*b*; `None` is normal sight. Matrices of Machado 2009, severity 1.
    fn lab(colour: Colour, sight: Option<[[f64; 3]; 3]>) -> [f64; 3] {
        let linear = [colour.0, colour.1, colour.2].map(|channel| {
            let part = f64::from(channel) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        let times =
            |matrix: [[f64; 3]; 3], rgb: [f64; 3]| matrix.map(|row| (0..3).map(|at| row[at] * rgb[at]).sum::<f64>());
        let seen = sight.map_or(linear, |matrix| times(matrix, linear).map(|part| part.clamp(0.0, 1.0)));
        const XYZ: [[f64; 3]; 3] = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]];
        let [x, y, z] = times(XYZ, seen);
        let [x, y, z] = [x / 0.95047, y, z / 1.08883]
            .map(|part| if part > 0.008856 { part.cbrt() } else { 7.787 * part + 16.0 / 116.0 });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    #[test]
    fn defaults_are_told_apart_by_every_kind_of_sight() {
        let sights = [
            None,
            Some([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
            Some([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
            Some([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
        ];
        for sight in sights {
            for (at, one) in LOOKS.iter().enumerate() {
                for other in &LOOKS[..at] {
                    let (a, b) = (lab(one.colour, sight), lab(other.colour, sight));
                    let apart = (0..3).map(|at| (a[at] - b[at]).powi(2)).sum::<f64>().sqrt();
                    assert!(apart >= 15.5, "{} and {} are {apart:.1} apart", one.colour, other.colour);
                }
            }
        }
    }
}
