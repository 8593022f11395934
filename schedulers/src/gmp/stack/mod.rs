//! Stacks for Gs: fixed size, with a guard page at the low end, taken from slabs and used again.

mod slab;

pub(super) use slab::{Stack, Stacks};
