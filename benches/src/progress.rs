//! How far a run is and how long it will take: a bar on a terminal, else a plain line every few seconds. All on stderr.
//!
//! It is drawn between slices only, when no child is on turn, and it has no thread of its own: a bar that ticks by itself would
//! be part of what is measured.

use std::{
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

/// How long nothing is said where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The progress of a run.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    /// What is left from the beginning of this round on.
    left: Duration,
    /// What this round takes, and what of that is done.
    round: Duration,
    done: Duration,
    /// Of what this run is a part, and what comes after it.
    stage: String,
    after: Duration,
    what: String,
    /// How sure it is how much is left: `about`, or `at most`.
    word: &'static str,
    bar: Option<ProgressBar>,
    said: Instant,
}

impl Progress {
    /// Begins a run, or goes on with one.
    pub fn begin() -> Progress {
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:20} {percent:>3} %, {msg}");
            ProgressBar::new(1).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        let now = Instant::now();
        let none = Duration::ZERO;
        let (stage, what, word) = (String::new(), String::new(), "about");
        Progress { began: now, left: none, round: none, done: none, stage, after: none, what, word, bar, said: now }
    }

    /// The rounds may end before the last one.
    pub fn may_end_early(&mut self) {
        self.word = "at most";
    }

    /// The rounds from here on are this part of several, and those that follow take `after`.
    pub fn stage(&mut self, stage: &str, after: Duration) {
        self.stage = format!("{stage}, ");
        self.after = after;
    }

    /// A round begins that takes `round`; with it and all that follow, `left` is left.
    pub fn round(&mut self, what: String, round: Duration, left: Duration) {
        // Rounds beyond the plan make it longer.
        (self.left, self.round, self.done) = (left.max(round) + self.after, round, Duration::ZERO);
        self.what = format!("{}{what}", self.stage);
        self.show();
    }

    /// About this much of the round is done.
    pub fn advance(&mut self, by: Duration) {
        self.done = (self.done + by).min(self.round);
        self.show();
    }

    /// Says something that should stay on the screen.
    pub fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    /// Takes the bar away.
    pub fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self) {
        let (took, left) = (self.began.elapsed(), self.left.saturating_sub(self.done));
        // The time first: a narrow terminal cuts the end.
        let what = || format!("{} {} left: {}", self.word, HumanDuration(left), self.what);
        if let Some(bar) = &self.bar {
            bar.set_length(millis(took + left));
            bar.set_message(what());
            bar.set_position(millis(took));
        } else if self.said.elapsed() >= PLAIN_EVERY {
            let share = took.as_secs_f64() / (took + left).as_secs_f64().max(f64::MIN_POSITIVE);
            eprintln!("{:3.0} %, {}", share * 100.0, what());
            self.said = Instant::now();
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_beyond_the_plan_are_left_too() {
        let second = Duration::from_secs(1);
        let mut progress = Progress::begin();
        progress.round("the last one".to_owned(), second, second);
        progress.advance(second * 5);
        assert_eq!((progress.left, progress.done), (second, second));
        progress.round("an extra one".to_owned(), second, Duration::ZERO);
        assert_eq!((progress.left, progress.done), (second, Duration::ZERO));
        progress.stage("the first of two", second * 3);
        progress.round("its last one".to_owned(), second, second);
        assert_eq!((progress.left, progress.what.as_str()), (second * 4, "the first of two, its last one"));
    }
}
