//! Drawing: a [`Figure`] on any backend of plotters, hence as SVG or as PNG.
//!
//! plotters' coordinates are whole pixels and its thick lines have hard edges, so both are drawn at [`FINE`] times the size: the SVG
//! by its view box, the PNG by averaging [`AVERAGED`] x [`AVERAGED`] pixels, which leaves it at twice the figure's size.

use std::path::Path;

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, RGBColor, ShapeStyle, TextStyle};

use super::figure::{Anchor, Figure, MARGIN, Mark, Text, WIDTH};
use super::font;
use super::palette::{Colour, Shape};

const FINE: f64 = 4.0;
const AVERAGED: u32 = 2;

/// How a backend draws text that hangs from a point.
#[derive(Clone, Copy)]
struct TextModel {
    /// The size to ask for, by the em.
    size_per_em: f64,
    /// From the point to the baseline, by the em.
    drop_per_em: f64,
    /// Whether it leaves out side bearings, so that letters must be set one by one.
    sets_letters: bool,
}

/// plotters-svg: `font-size` is the size by 1.24, and a text hung from its top has `dy="0.76em"`.
const SVG_TEXT: TextModel = TextModel { size_per_em: 1.24, drop_per_em: 0.76, sets_letters: false };
/// plotters' `ab_glyph`: the size is the font's height, and the baseline is half of it below the point.
const BITMAP_TEXT: TextModel =
    TextModel { size_per_em: font::HEIGHT_PER_EM, drop_per_em: font::HEIGHT_PER_EM / 2.0, sets_letters: true };

/// The figure as an SVG document whose text is text.
pub(crate) fn svg(figure: &Figure) -> String {
    document(figure, (0.0, 0.0, WIDTH, figure.height))
}

/// The figure as an SVG element for a page: without its title, which the page has, and without its margins.
pub(crate) fn inline_svg(figure: &Figure) -> String {
    // What stands at the margin may lean over it by a hair.
    const HAIR: f64 = 4.0;
    let (left, top) = (MARGIN - HAIR, figure.untitled_top);
    document(figure, (left, top, WIDTH - 2.0 * left, figure.height - top - MARGIN * 0.5))
}

/// The part of the figure that is in the box (left, top, width, height).
fn document(figure: &Figure, (left, top, width, height): (f64, f64, f64, f64)) -> String {
    let (fine_width, fine_height) = size(figure);
    let mut document = String::new();
    {
        let mut backend = SVGBackend::with_string(&mut document, (fine_width, fine_height));
        draw(figure, &mut backend, SVG_TEXT).expect("drawing into a string does not fail");
    }
    // plotters opens with the fine size and all of it; what is wanted is the box, a role and a description.
    let end = document.find('>').expect("a document has a root");
    let view = [left, top, width, height].map(|side| (side * FINE).to_string()).join(" ");
    let root = format!(
        r#"<svg width="{width}" height="{height}" viewBox="{view}" role="img" aria-label="{}" xmlns="http://www.w3.org/2000/svg""#,
        escaped(&figure.alt)
    );
    document.replace_range(..end, &root);
    document
}

/// Writes the figure as a PNG of twice its size.
///
/// # Errors
///
/// What the file system says.
pub(crate) fn png(figure: &Figure, path: &Path) -> Result<(), String> {
    let pixels = bitmap(figure);
    let mut file = BitMapBackend::new(path, (pixels.width, pixels.height));
    file.blit_bitmap((0, 0), (pixels.width, pixels.height), &pixels.rgb).map_err(|error| error.to_string())?;
    file.present().map_err(|error| error.to_string())
}

/// Pixels, three bytes each, row by row.
pub(crate) struct Pixels {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rgb: Vec<u8>,
}

/// The figure in pixels, twice its size.
pub(crate) fn bitmap(figure: &Figure) -> Pixels {
    let (fine_width, fine_height) = size(figure);
    let mut fine = vec![0xff; fine_width as usize * fine_height as usize * 3];
    {
        let mut backend = BitMapBackend::with_buffer(&mut fine, (fine_width, fine_height));
        draw(figure, &mut backend, BITMAP_TEXT).expect("drawing into memory does not fail");
    }
    let (width, height) = (fine_width / AVERAGED, fine_height / AVERAGED);
    let row = fine_width as usize * 3;
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height as usize {
        for x in 0..width as usize {
            for channel in 0..3 {
                let at = (y * row + x * 3) * AVERAGED as usize + channel;
                let sum: u32 = [at, at + 3, at + row, at + row + 3].iter().map(|&at| u32::from(fine[at])).sum();
                rgb.push((sum / (AVERAGED * AVERAGED)) as u8);
            }
        }
    }
    Pixels { width, height, rgb }
}

/// The size that is drawn at, in whole pixels.
fn size(figure: &Figure) -> (u32, u32) {
    ((WIDTH * FINE) as u32, (figure.height * FINE) as u32)
}

fn draw<B: DrawingBackend>(figure: &Figure, backend: &mut B, model: TextModel) -> Result<(), String> {
    for mark in &figure.marks {
        let drawn = match mark {
            Mark::Rect { x, y, width, height, colour } => {
                backend.draw_rect(fine(*x, *y), fine(x + width, y + height), &rgb(*colour), true)
            }
            Mark::Line { points, width, colour, opacity } => {
                let stroke_width = (width * FINE).round() as u32;
                let style = ShapeStyle { color: rgb(*colour).mix(*opacity), filled: false, stroke_width };
                backend.draw_path(points.iter().map(|(x, y)| fine(*x, *y)), &style)
            }
            Mark::Point { x, y, radius, shape: Shape::Disc, colour } => {
                backend.draw_circle(fine(*x, *y), (radius * FINE) as u32, &rgb(*colour), true)
            }
            Mark::Point { x, y, radius, shape, colour } => {
                let corners = corners(*shape).iter().map(|(dx, dy)| fine(x + dx * radius, y + dy * radius));
                backend.fill_polygon(corners, &rgb(*colour))
            }
            Mark::Text(text) => {
                draw_text(text, backend, model)?;
                continue;
            }
        };
        drawn.map_err(|error| error.to_string())?;
    }
    backend.present().map_err(|error| error.to_string())
}

fn draw_text<B: DrawingBackend>(text: &Text, backend: &mut B, model: TextModel) -> Result<(), String> {
    let colour = rgb(text.colour);
    let font = font::descriptor(text.weight, text.em * FINE * model.size_per_em);
    let style = TextStyle::from(font).color(&colour);
    let y = text.y - text.em * model.drop_per_em;
    if model.sets_letters {
        let style = style.pos(Pos::new(HPos::Left, VPos::Top));
        let left = text.left();
        return font::letters(&text.text, text.em, text.weight)
            .try_for_each(|set| backend.draw_text(set.letter.encode_utf8(&mut [0; 4]), &style, fine(left + set.ink, y)))
            .map_err(|error| error.to_string());
    }
    let across = match text.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    backend
        .draw_text(&text.text, &style.pos(Pos::new(across, VPos::Top)), fine(text.x, y))
        .map_err(|error| error.to_string())
}

/// A shape's corners, at a radius of one; of about the same area as the disc.
fn corners(shape: Shape) -> &'static [(f64, f64)] {
    match shape {
        Shape::Disc => &[],
        Shape::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        Shape::Triangle => &[(0.0, -1.2), (1.15, 0.85), (-1.15, 0.85)],
        Shape::Diamond => &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
    }
}

fn fine(x: f64, y: f64) -> (i32, i32) {
    ((x * FINE).round() as i32, (y * FINE).round() as i32)
}

fn rgb(colour: Colour) -> RGBColor {
    RGBColor(colour.0, colour.1, colour.2)
}

/// Text as an attribute's value.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::palette::GROUND;

    fn figure() -> Figure {
        let mut figure = Figure::titled("Title & <more>", "time in µs", "a \"plot\" of 1 < 2".to_owned());
        figure.text(Text::new(40.0, 140.0, 24.0, "jumps over"));
        figure.height = 160.0;
        figure.captioned(&[])
    }

    /// The part of the pixels in a box of the figure that are not ground.
    fn ink(pixels: &Pixels, (left, right): (f64, f64), (top, bottom): (f64, f64)) -> f64 {
        let ground = [GROUND.0, GROUND.1, GROUND.2];
        let (mut inked, mut all) = (0.0, 0.0);
        for y in (top * 2.0) as usize..(bottom * 2.0) as usize {
            for x in (left * 2.0) as usize..(right * 2.0) as usize {
                let at = (y * pixels.width as usize + x) * 3;
                inked += f64::from(u8::from(pixels.rgb[at..at + 3] != ground));
                all += 1.0;
            }
        }
        inked / all
    }

    #[test]
    fn labels_have_ink_and_stand_on_their_baseline() {
        let pixels = bitmap(&figure());
        assert_eq!(pixels.rgb.len(), pixels.width as usize * pixels.height as usize * 3);
        let end = 40.0 + font::width("jumps over", 24.0, font::Weight::Regular);
        // From the x-height to the baseline, then what hangs below it, then nothing around.
        assert!(ink(&pixels, (40.0, end), (127.0, 140.0)) > 0.3);
        let below = ink(&pixels, (40.0, end), (141.0, 146.0));
        assert!(below > 0.02 && below < 0.3, "{below}");
        assert_eq!(ink(&pixels, (40.0, end), (147.0, 155.0)), 0.0);
        assert_eq!(ink(&pixels, (end + 3.0, end + 100.0), (115.0, 150.0)), 0.0);
        assert_eq!(ink(&pixels, (5.0, 38.0), (115.0, 150.0)), 0.0);
    }

    #[test]
    fn an_svg_is_of_the_figures_size_and_escapes_its_text() {
        let document = svg(&figure());
        assert!(document.starts_with(r#"<svg width="1200" height="#), "{}", &document[..80]);
        assert!(document.contains(r#"viewBox="0 0 4800 "#));
        assert!(document.contains(r#"aria-label="a &quot;plot&quot; of 1 &lt; 2""#));
        assert!(document.contains("Title &amp; &lt;more&gt;") && document.contains("time in µs"));
        assert!(document.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn a_png_is_written_at_twice_the_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("figure.png");
        png(&figure(), &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&bytes[16..20], 2400u32.to_be_bytes());
    }

    #[test]
    fn a_png_that_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(png(&figure(), &folder.path().join("missing/figure.png")).is_err());
    }
}
