//! Plots: a figure is laid out once as a list of marks and then drawn by plotters, as PNG or as SVG, by the same code.
//!
//! [`bars`], [`latency`] and [`sweep`] do the layout and know nothing of files; [`render`] draws and knows nothing of layout. Text is
//! measured with the font that the PNG is drawn with, so what does not overlap in a [`Figure`] does not overlap on the page.

pub(crate) mod bars;
mod curves;
pub(crate) mod figure;
mod font;
pub(crate) mod latency;
pub(crate) mod palette;
pub(crate) mod render;
mod scale;
pub(crate) mod sweep;
pub(crate) mod units;
