//! Drawing: a [`Figure`] on any backend of plotters, hence as SVG or as PNG.
//!
//! plotters' coordinates are whole pixels and its thick lines have hard edges, so both are drawn at [`FINE`] times the size: the SVG
//! by its view box, the PNG by averaging [`AVERAGED`] x [`AVERAGED`] pixels, which leaves it at twice the figure's size.

use std::path::Path;

use plotters::backend::{BackendColor, BitMapBackend, DrawingBackend, DrawingErrorKind, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{RGBColor, ShapeStyle, TextStyle};

use super::figure::{Anchor, Figure, Mark, Text, WIDTH};
use super::font;
use super::palette::{Colour, Shape};

const FINE: f64 = 4.0;
const AVERAGED: u32 = 2;

/// Where a backend puts the baseline of a text that hangs from a point, and how large it draws it.
#[derive(Clone, Copy)]
struct TextModel {
    /// The size to ask for, by the em.
    size_per_em: f64,
    /// From the point to the baseline, by the em.
    drop_per_em: f64,
}

/// plotters-svg: `font-size` is the size by 1.24, and a text hung from its top has `dy="0.76em"`.
const SVG_TEXT: TextModel = TextModel { size_per_em: 1.24, drop_per_em: 0.76 };
/// plotters' `ab_glyph`: the size is the font's height, and the baseline is half of it below the point.
const BITMAP_TEXT: TextModel = TextModel { size_per_em: font::HEIGHT_PER_EM, drop_per_em: font::HEIGHT_PER_EM / 2.0 };

/// The figure as an SVG document whose text is text.
pub(crate) fn svg(figure: &Figure) -> String {
    let (width, height) = size(figure);
    let mut document = String::new();
    {
        let mut backend = SVGBackend::with_string(&mut document, (width, height));
        let drawn = draw(figure, &mut backend, SVG_TEXT);
        drawn.expect("drawing into a string does not fail");
    }
    // plotters writes the fine size; what is wanted is the figure's size, a role and a description.
    let fine = format!(r#"<svg width="{width}" height="{height}" "#);
    let plain = format!(
        r#"<svg width="{WIDTH}" height="{}" role="img" aria-label="{}" "#,
        figure.height,
        escaped(&figure.alt)
    );
    document.replacen(&fine, &plain, 1)
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

fn draw<B: DrawingBackend>(figure: &Figure, backend: &mut B, model: TextModel) -> Result<(), DrawingErrorKind<B::ErrorType>> {
    backend.ensure_prepared()?;
    for mark in &figure.marks {
        match mark {
            Mark::Rect { x, y, width, height, colour } => {
                let style = style(*colour, 1.0, 0.0, true);
                backend.draw_rect(fine(*x, *y), fine(x + width, y + height), &style, true)?;
            }
            Mark::Line { points, width, colour, opacity } => {
                let style = style(*colour, *opacity, *width, false);
                backend.draw_path(points.iter().map(|(x, y)| fine(*x, *y)), &style)?;
            }
            Mark::Point { x, y, radius, shape, colour } => {
                let style = style(*colour, 1.0, 0.0, true);
                if *shape == Shape::Disc {
                    backend.draw_circle(fine(*x, *y), (radius * FINE) as u32, &style, true)?;
                } else {
                    let corners = corners(*shape).iter().map(|(dx, dy)| fine(x + dx * radius, y + dy * radius));
                    backend.fill_polygon(corners, &style)?;
                }
            }
            Mark::Text(text) => draw_text(text, backend, model)?,
        }
    }
    backend.present()
}

fn draw_text<B: DrawingBackend>(text: &Text, backend: &mut B, model: TextModel) -> Result<(), DrawingErrorKind<B::ErrorType>> {
    let font = font::descriptor(text.weight, text.em * FINE * model.size_per_em);
    let across = match text.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let style = TextStyle::from(font).color(&rgb(text.colour)).pos(Pos::new(across, VPos::Top));
    backend.draw_text(&text.text, &style, fine(text.x, text.y - text.em * model.drop_per_em))
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

fn style(colour: Colour, opacity: f64, width: f64, filled: bool) -> ShapeStyle {
    let color = BackendColor { alpha: opacity, rgb: (colour.0, colour.1, colour.2) };
    let color = plotters::style::RGBAColor(color.rgb.0, color.rgb.1, color.rgb.2, color.alpha);
    ShapeStyle { color, filled, stroke_width: (width * FINE).round() as u32 }
}

/// Text as an attribute's value.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
