//! The statistics of rounds: robust, exact for as few values as there are, and free of distributional assumptions.
//!
//! Everything takes logarithms of times where ratios are meant; nothing here knows what a record is.

mod benjamini_hochberg;
mod binomial;
mod bootstrap;
mod differences;
mod geometric_mean;
mod holm;
mod level;
mod median;
mod median_interval;
mod null;
mod percentile;
mod shift;
mod slope;

pub use benjamini_hochberg::benjamini_hochberg;
pub use binomial::{binomial_tail, clopper_pearson};
pub use bootstrap::bootstrap;
pub use geometric_mean::geometric_mean;
pub use holm::holm;
pub use level::signed_rank_level;
pub use median::median;
pub use median_interval::median_interval;
pub use percentile::{SAMPLES_BEYOND, percentile};
pub use shift::{CONFIDENCE, Shift};
pub use slope::slope;
