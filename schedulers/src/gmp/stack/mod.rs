//! Stacks for Gs: fixed size, with a guard page at the low end, taken from slabs and used again; and what happens to a G that runs into that page.

mod overflow;
mod slab;
mod stacks;
mod trim;

pub(super) use overflow::SignalStack;
pub(super) use slab::{Slab, Stack};
pub(super) use stacks::Stacks;
pub(super) use trim::Trim;
