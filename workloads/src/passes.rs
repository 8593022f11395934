//! Slices that repeat a piece of work of fixed size until their time is up.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crate::workload::Outcome;

/// One piece of work, done.
pub(crate) struct Pass {
    /// The time it took; set-up and checks are outside of it.
    pub(crate) wall: Duration,
    /// The operations it consists of.
    pub(crate) ops: u64,
    /// What was computed; it is the same for every pass.
    pub(crate) answer: String,
}

/// Passes until `time` is up, at least one; only what `pass` times itself counts.
pub(crate) fn pass_after_pass(time: Duration, mut pass: impl FnMut() -> Pass) -> Outcome {
    let (mut wall, mut ops, mut answers) = (Duration::ZERO, 0, BTreeSet::new());
    loop {
        let done = pass();
        wall += done.wall;
        ops += done.ops;
        answers.insert(done.answer);
        if wall >= time {
            break;
        }
    }
    // A right answer is always the same, so two answers are a wrong one.
    let answer = Vec::from_iter(answers).join("; ");
    Outcome { ops, wall, answer, samples: Vec::new(), bytes: None }
}

/// What `work` gives, and how long it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begin = Instant::now();
    let value = work();
    (begin.elapsed(), value)
}

/// [`timed`] for futures.
pub(crate) async fn timed_async<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let begin = Instant::now();
    let value = work.await;
    (begin.elapsed(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_pass_among_right_ones_spoils_the_answer() {
        let mut passes = 0;
        let outcome = pass_after_pass(Duration::from_millis(3), || {
            passes += 1;
            let answer = if passes == 2 { "wrong" } else { "right" }.to_owned();
            Pass { wall: Duration::from_millis(1), ops: 5, answer }
        });
        assert_eq!((passes, outcome.ops, outcome.wall), (3, 15, Duration::from_millis(3)));
        assert_ne!(outcome.answer, "right");
    }

    #[test]
    fn there_is_a_pass_even_if_there_is_no_time() {
        let outcome =
            pass_after_pass(Duration::ZERO, || Pass { wall: Duration::from_secs(1), ops: 1, answer: "42".to_owned() });
        assert_eq!((outcome.ops, outcome.answer.as_str()), (1, "42"));
    }
}
