//! Stacks for Gs: fixed size, with a guard page at the low end, taken from slabs and used again; and what happens to a G that runs into that page.

mod overflow;
mod slab;

pub(super) use overflow::SignalStack;
pub(super) use slab::{Stack, Stacks};
