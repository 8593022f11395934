//! The stack switch: a [`Context`] is a stack that does not run at the moment, and [`switch`] runs it instead of the caller's.
//!
//! Symmetric: any context may switch to any other, with one word passed along. Two implementations behind the same three names:
//! ours for x86-64, and corosensei's for every other target (`--cfg gmp_portable_switch` builds that one here too).

#[cfg(not(all(target_arch = "x86_64", not(gmp_portable_switch))))]
mod portable;
#[cfg(all(target_arch = "x86_64", not(gmp_portable_switch)))]
mod x86_64;

#[cfg(not(all(target_arch = "x86_64", not(gmp_portable_switch))))]
pub(super) use portable::{Context, switch};
#[cfg(all(target_arch = "x86_64", not(gmp_portable_switch)))]
pub(super) use x86_64::{Context, switch};

/// What runs first on a fresh context: it gets the argument that the context was made with, and the word that the first
/// [`switch`] to it passed. It never returns.
pub(super) type Entry = unsafe extern "C" fn(argument: *mut (), passed: usize) -> !;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gmp::stack::Stacks;

    struct Pair {
        main: Context,
        other: Context,
    }

    unsafe extern "C" fn adds_one_for_ever(argument: *mut (), mut passed: usize) -> ! {
        let pair = argument.cast::<Pair>();
        loop {
            // SAFETY: `pair` outlives the test; we are `other`, and `main` waits in its own switch.
            passed = unsafe { switch(&raw mut (*pair).other, &raw mut (*pair).main, passed + 1) };
        }
    }

    #[test]
    fn a_word_passes_both_ways_and_locals_survive() {
        let stacks = Stacks::new(64 << 10).unwrap();
        let stack = stacks.allocate().unwrap();
        let mut pair = Pair { main: Context::of_thread(), other: Context::of_thread() };
        let pair = &raw mut pair;
        // SAFETY: the stack is ours alone; the entry never returns; `pair` stays where it is.
        unsafe { (*pair).other = Context::fresh(&stack, adds_one_for_ever, pair.cast()) };
        let floats = [1.5f64, 2.5, 3.5];
        let mut sum = 0;
        for n in 0..1000 {
            // SAFETY: `other` is suspended: fresh, or in its own switch back to us.
            sum += unsafe { switch(&raw mut (*pair).main, &raw mut (*pair).other, n) };
        }
        assert_eq!(sum, (1..=1000).sum::<usize>());
        assert_eq!(floats.iter().sum::<f64>(), 7.5);
    }
}
