//! The statistics of rounds: robust, exact for as few values as there are, and free of distributional assumptions.
//!
//! Everything takes logarithms of times where ratios are meant; nothing here knows what a record is.

mod geometric_mean;
mod holm;
mod median;
mod median_interval;
mod null;
mod percentile;
mod shift;

pub use geometric_mean::geometric_mean;
pub use holm::holm;
pub use median::median;
pub use median_interval::median_interval;
pub use percentile::{SAMPLES_BEYOND, percentile};
pub use shift::{CONFIDENCE, Shift};
