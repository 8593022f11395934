//! The two ends of a child process: [`serve`] is what runs in it, [`Child`] is how the parent holds it.

mod check;
mod handle;
mod kernel;
mod migrations;
mod output;
mod serve;
mod slowdown;

pub use check::check;
pub use handle::{Child, Failure, Program};
pub use migrations::Threads;
pub use serve::serve;
pub use slowdown::Slowdown;
