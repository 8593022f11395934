//! The statistics of rounds: robust, exact for as few values as there are, and free of distributional assumptions.
//!
//! Everything takes logarithms of times where ratios are meant; nothing here knows what a record is.

mod binomial;
mod geometric_mean;
mod holm;
mod level;
mod median;
mod null;
mod percentile;
mod shift;

pub use binomial::{binomial_tail, clopper_pearson};
pub use geometric_mean::geometric_mean;
pub use holm::holm;
pub use level::signed_rank_level;
pub use median::median;
pub use percentile::{SAMPLES_BEYOND, percentile};
pub use shift::{CONFIDENCE, Shift};
