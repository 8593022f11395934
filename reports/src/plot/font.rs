//! The font of every PNG, and the measure of every text.
//!
//! plotters draws no text on a machine without fonts unless one is registered, so the crate `dejavu` brings it. An SVG names
//! the reader's own fonts first; all of them are narrower than DejaVu Sans, so a text that fits here fits there.

use std::sync::{LazyLock, Once};

use ab_glyph::{Font, FontRef};
use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

/// The `font-family` of SVG text, and at once the name under which the font is registered: plotters uses one name for both.
pub(super) const FAMILY: &str =
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif";

/// DejaVu Sans: the height that plotters' rasteriser is asked for, by the em (hhea ascent + descent, 1901 + 483 of 2048 units).
pub(super) const HEIGHT_PER_EM: f64 = 2384.0 / 2048.0;

static REGULAR: LazyLock<FontRef<'static>> = LazyLock::new(|| parsed(dejavu::sans::regular()));
static BOLD: LazyLock<FontRef<'static>> = LazyLock::new(|| parsed(dejavu::sans::bold()));

fn parsed(bytes: &'static [u8]) -> FontRef<'static> {
    FontRef::try_from_slice(bytes).expect("the embedded font is a valid font")
}

/// Regular or bold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

/// The plotters font with letters `em` pixels high in the rasteriser's sense times `factor`; see [`HEIGHT_PER_EM`].
pub(super) fn descriptor(weight: Weight, size: f64) -> FontDesc<'static> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        for (style, bytes) in [(FontStyle::Normal, dejavu::sans::regular()), (FontStyle::Bold, dejavu::sans::bold())] {
            let registered = register_font(FAMILY, style, bytes);
            assert!(registered.is_ok(), "the embedded font is a valid font");
        }
    });
    let style = match weight {
        Weight::Regular => FontStyle::Normal,
        Weight::Bold => FontStyle::Bold,
    };
    FontDesc::new(FontFamily::Name(FAMILY), size, style)
}

/// A letter on its line, in pixels from the line's beginning.
pub(super) struct Letter {
    pub(super) letter: char,
    /// Where its ink begins, which is where plotters' rasteriser wants to be told to draw it.
    pub(super) ink: f64,
    /// Where the next letter's place begins.
    end: f64,
}

/// The letters of a line, set as the font asks for: advance, kerning, and the side bearing that plotters leaves out.
pub(super) fn letters(text: &str, em: f64, weight: Weight) -> impl Iterator<Item = Letter> {
    let font: &FontRef<'static> = match weight {
        Weight::Regular => &REGULAR,
        Weight::Bold => &BOLD,
    };
    let scale = em / f64::from(font.units_per_em().expect("the embedded font says its units"));
    let mut end = 0.0;
    let mut before = None;
    text.chars().map(move |letter| {
        let glyph = font.glyph_id(letter);
        let kern = before.replace(glyph).map_or(0.0, |before| font.kern_unscaled(before, glyph));
        let bearing = font.outline(glyph).map_or(0.0, |outline| outline.bounds.min.x);
        let start = end + f64::from(kern) * scale;
        end = start + f64::from(font.h_advance_unscaled(glyph)) * scale;
        Letter { letter, ink: start + f64::from(bearing) * scale, end }
    })
}

/// The width of `text` in pixels, at `em` pixels an em.
pub(crate) fn width(text: &str, em: f64, weight: Weight) -> f64 {
    letters(text, em, weight).last().map_or(0.0, |letter| letter.end)
}

/// `text`, or as much of its beginning as fits into `room` pixels, with an ellipsis.
pub(crate) fn fit(text: &str, em: f64, weight: Weight, room: f64) -> String {
    if width(text, em, weight) <= room {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let shorter = format!("{}…", kept.iter().collect::<String>().trim_end());
        if width(&shorter, em, weight) <= room {
            return shorter;
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_grow_with_text_size_and_weight() {
        let plain = width("ping-pong", 20.0, Weight::Regular);
        assert!(plain > 60.0 && plain < 130.0, "{plain}");
        assert!(width("ping-pong", 40.0, Weight::Regular) > 1.9 * plain);
        assert!(width("ping-pong", 20.0, Weight::Bold) > plain);
    }

    #[test]
    fn letters_are_set_with_their_bearing() {
        let set: Vec<Letter> = letters("nn.", 100.0, Weight::Regular).collect();
        // DejaVu Sans: n is 1298 units wide and begins 186 units from its place, of 2048 an em.
        assert!((set[0].ink - 100.0 * 186.0 / 2048.0).abs() < 0.1, "{}", set[0].ink);
        assert!((set[1].ink - set[0].ink - 100.0 * 1298.0 / 2048.0).abs() < 0.1, "{}", set[1].ink);
    }

    #[test]
    fn a_text_that_does_not_fit_is_cut_with_an_ellipsis() {
        assert_eq!(fit("short", 20.0, Weight::Regular, 500.0), "short");
        let cut = fit("a reason that goes on and on", 20.0, Weight::Regular, 120.0);
        assert!(cut.ends_with('…') && cut.starts_with("a reason"), "{cut}");
        assert!(width(&cut, 20.0, Weight::Regular) <= 120.0);
        assert_eq!(fit("no room", 20.0, Weight::Regular, 1.0), "");
    }
}
