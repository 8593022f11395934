//! The stack switch: a [`Context`] is a stack that does not run at the moment, and [`switch`] runs it instead of the caller's.
//!
//! Symmetric: any context may switch to any other, with three words passed along. Two implementations behind the same names:
//! ours for x86-64, and corosensei's for every other target (`--cfg gmp_portable_switch` builds that one here too).

#[cfg(not(all(target_arch = "x86_64", not(gmp_portable_switch))))]
mod portable;
#[cfg(all(target_arch = "x86_64", not(gmp_portable_switch)))]
mod sanitizer;
#[cfg(all(target_arch = "x86_64", not(gmp_portable_switch)))]
mod x86_64;

#[cfg(not(all(target_arch = "x86_64", not(gmp_portable_switch))))]
pub(super) use portable::{Context, switch};
#[cfg(all(target_arch = "x86_64", not(gmp_portable_switch)))]
pub(super) use x86_64::{Context, switch};

#[cfg(all(any(gmp_tsan, gmp_asan), any(not(target_arch = "x86_64"), gmp_portable_switch)))]
compile_error!("the sanitizers are told of our own switch only, on x86-64");

/// What runs first on a fresh context: it gets the argument that the context was made with, and the words that the first
/// [`switch`] to it passed. It never returns.
pub(super) type Entry = unsafe extern "C" fn(argument: *mut (), *const (), *const (), *const ()) -> !;

/// What a [`switch`] passes along.
pub(super) type Passed = [*const (); 3];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gmp::stack::Stacks;

    struct Pair {
        main: Context,
        other: Context,
    }

    fn words(numbers: [usize; 3]) -> Passed {
        numbers.map(std::ptr::without_provenance)
    }

    unsafe extern "C" fn adds_for_ever(argument: *mut (), a: *const (), b: *const (), c: *const ()) -> ! {
        let (pair, mut passed) = (argument.cast::<Pair>(), [a, b, c]);
        loop {
            let [a, b, c] = passed.map(|word| word.addr());
            // SAFETY: `pair` outlives the test; we are `other`, and `main` waits in its own switch.
            passed = unsafe { switch(&raw mut (*pair).other, &raw mut (*pair).main, words([a + 1, b + 2, c + 3])) };
        }
    }

    #[test]
    fn words_pass_both_ways_and_locals_survive() {
        let stacks = Stacks::new(64 << 10).unwrap();
        let stack = stacks.allocate().unwrap();
        let mut pair = Pair { main: Context::of_thread(), other: Context::of_thread() };
        let pair = &raw mut pair;
        // SAFETY: the stack is ours alone; the entry never returns; `pair` stays where it is.
        unsafe { (*pair).other = Context::fresh(&stack, adds_for_ever, pair.cast()) };
        let floats = [1.5f64, 2.5, 3.5];
        for n in 0..1000 {
            // SAFETY: `other` is suspended: fresh, or in its own switch back to us.
            let back = unsafe { switch(&raw mut (*pair).main, &raw mut (*pair).other, words([n, 2 * n, 3 * n])) };
            assert_eq!(back, words([n + 1, 2 * n + 2, 3 * n + 3]));
        }
        assert_eq!(floats.iter().sum::<f64>(), 7.5);
    }
}
