//! A figure: marks at places, in pixels at a width of [`WIDTH`], not yet drawn.
//!
//! Invariant: marks are painted in order, so the ground comes first. Text stands on its baseline.

use super::font;
pub(crate) use super::font::Weight;
use super::palette::{Colour, GROUND, INK, MUTED, Shape};

/// The width of every figure. Shown at half of it, as in a README, the smallest text is still 9 pixels high.
pub(crate) const WIDTH: f64 = 1200.0;
/// The margin around everything.
pub(crate) const MARGIN: f64 = 32.0;
/// The width between the margins.
pub(crate) const ROOM: f64 = WIDTH - 2.0 * MARGIN;
/// The size of labels, in pixels an em.
pub(crate) const LABEL: f64 = 21.0;
/// The size of ticks and captions.
pub(crate) const SMALL: f64 = 18.0;
/// The size of the title.
const TITLE: f64 = 30.0;

/// Which end of a text its `x` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A text and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Text {
    pub(crate) x: f64,
    /// The baseline.
    pub(crate) y: f64,
    pub(crate) text: String,
    pub(crate) em: f64,
    pub(crate) weight: Weight,
    pub(crate) anchor: Anchor,
    pub(crate) colour: Colour,
}

impl Text {
    /// A regular text in ink that starts at `x`.
    pub(crate) fn new(x: f64, y: f64, em: f64, text: impl Into<String>) -> Self {
        Text { x, y, text: printable(&text.into()), em, weight: Weight::Regular, anchor: Anchor::Start, colour: INK }
    }

    pub(crate) fn bold(self) -> Self {
        Text { weight: Weight::Bold, ..self }
    }

    pub(crate) fn muted(self) -> Self {
        Text { colour: MUTED, ..self }
    }

    pub(crate) fn anchored(self, anchor: Anchor) -> Self {
        Text { anchor, ..self }
    }

    /// As much of it as fits into `room` pixels.
    pub(crate) fn within(self, room: f64) -> Self {
        Text { text: font::fit(&self.text, self.em, self.weight, room), ..self }
    }

    pub(crate) fn width(&self) -> f64 {
        font::width(&self.text, self.em, self.weight)
    }

    /// The left end.
    pub(crate) fn left(&self) -> f64 {
        match self.anchor {
            Anchor::Start => self.x,
            Anchor::Middle => self.x - self.width() / 2.0,
            Anchor::End => self.x - self.width(),
        }
    }
}

/// One thing to paint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mark {
    /// A filled rectangle.
    Rect { x: f64, y: f64, width: f64, height: f64, colour: Colour },
    /// A line through points.
    Line { points: Vec<(f64, f64)>, width: f64, colour: Colour, opacity: f64 },
    /// A curve's mark.
    Point { x: f64, y: f64, radius: f64, shape: Shape, colour: Colour },
    /// A text.
    Text(Text),
}

/// Marks on a ground.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    /// What a reader who cannot see it is told.
    pub(crate) alt: String,
    pub(crate) height: f64,
    /// Where the title ends, which a page that has its own heading leaves out.
    pub(crate) untitled_top: f64,
    pub(crate) marks: Vec<Mark>,
}

impl Figure {
    /// A figure with its title and the line below; what follows may start at [`Figure::height`], which grows with it.
    pub(crate) fn titled(title: &str, subtitle: &str, alt: String) -> Self {
        let mut figure = Figure { alt: printable(&alt), height: MARGIN, untitled_top: 0.0, marks: Vec::new() };
        figure.height += TITLE * 0.85;
        figure.text(Text::new(MARGIN, figure.height, TITLE, title).bold().within(ROOM));
        figure.untitled_top = figure.height + LABEL * 0.5;
        figure.height += LABEL * 1.6;
        figure.text(Text::new(MARGIN, figure.height, LABEL, subtitle).muted().within(ROOM));
        figure.height += LABEL * 0.6;
        figure
    }

    /// Ends the figure with its captions, a line each, and puts the ground under it all.
    pub(crate) fn captioned(mut self, captions: &[String]) -> Self {
        self.height += 12.0;
        for caption in captions.iter().filter(|caption| !caption.is_empty()) {
            self.height += SMALL * 1.4;
            self.text(Text::new(MARGIN, self.height, SMALL, caption).muted().within(ROOM));
        }
        self.height = (self.height + MARGIN * 0.8).ceil();
        let ground = Mark::Rect { x: 0.0, y: 0.0, width: WIDTH, height: self.height, colour: GROUND };
        self.marks.insert(0, ground);
        self
    }

    pub(crate) fn text(&mut self, text: Text) {
        if !text.text.is_empty() {
            self.marks.push(Mark::Text(text));
        }
    }

    /// A straight line, opaque.
    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, colour: Colour) {
        self.marks.push(Mark::Line { points: vec![from, to], width, colour, opacity: 1.0 });
    }
}

/// Without control characters, which XML does not allow and which a record may have in it.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
impl Mark {
    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&Text> {
        if let Mark::Text(text) = self { Some(text) } else { None }
    }
}

#[cfg(test)]
impl Figure {
    /// Checks what no figure may break: no text beyond the edge, and no text on another.
    pub(crate) fn assert_legible(&self) {
        let texts: Vec<&Text> = self.marks.iter().filter_map(Mark::text).collect();
        for (at, text) in texts.iter().enumerate() {
            let (left, right) = (text.left(), text.left() + text.width());
            assert!(left >= 0.0 && right <= WIDTH, "{:?} spans {left}..{right}", text.text);
            assert!(text.y - text.em >= 0.0 && text.y + 0.3 * text.em <= self.height, "{:?} at {}", text.text, text.y);
            for other in &texts[..at] {
                let apart = left >= other.left() + other.width() || other.left() >= right;
                let clear = text.y - 0.75 * text.em >= other.y + 0.2 * other.em
                    || other.y - 0.75 * other.em >= text.y + 0.2 * text.em;
                assert!(apart || clear, "{:?} is on {:?}", text.text, other.text);
            }
        }
    }

    /// All text, a line each.
    pub(crate) fn words(&self) -> String {
        let words = self.marks.iter().filter_map(Mark::text).map(|text| text.text.as_str());
        words.collect::<Vec<_>>().join("\n")
    }
}
